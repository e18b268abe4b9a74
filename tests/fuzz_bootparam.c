/* SPDX-License-Identifier: MIT */
/*
 * libFuzzer target: any bytes as a command line. Whatever is reported must lie
 * in the line, whatever is accepted must add up, and a line's result must not
 * depend on what is behind its end.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "hvo/bootparam.h"

#define ROOM 8

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct hvo_bootparam_config config = {
    .sizes = {UINT64_C(1) << 16, UINT64_C(1) << 21, UINT64_C(1) << 30},
    .count = 3,
    .default_size = 1,
    .nodes = 4,
};

static void demand(bool what)
{
	if (!what)
		abort();
}

static void check_amount(const struct hvo_bootparam_amount *a)
{
	uint64_t sum = 0;

	for (unsigned n = 0; n < HVO_BOOTPARAM_NODES_MAX; n++) {
		demand(!a->node[n] || (a->by_node && n < config.nodes));
		demand(a->node[n] <= UINT64_MAX - sum);
		sum += a->node[n];
	}
	demand(a->given || (!a->total && !a->by_node));
	demand(!a->by_node || sum == a->total);
}

static bool same_amount(const struct hvo_bootparam_amount *a,
			const struct hvo_bootparam_amount *b)
{
	return a->given == b->given && a->by_node == b->by_node &&
	       a->total == b->total &&
	       !memcmp(a->node, b->node, sizeof(a->node));
}

static bool same(const struct hvo_bootparam *a, const struct hvo_bootparam *b)
{
	for (unsigned s = 0; s < HVO_BOOTPARAM_SIZES_MAX; s++)
		if (!same_amount(&a->pages[s], &b->pages[s]))
			return false;
	return same_amount(&a->cma, &b->cma) &&
	       a->default_size == b->default_size &&
	       a->default_given == b->default_given &&
	       a->optimize == b->optimize &&
	       a->optimize_given == b->optimize_given &&
	       a->cma_only == b->cma_only;
}

static void check_error(const struct hvo_bootparam_error *e, size_t size)
{
	demand(e->problem > HVO_BOOTPARAM_OK &&
	       e->problem < HVO_BOOTPARAM_PROBLEMS);
	demand(e->length && e->word <= size && e->length <= size - e->word);
	demand(e->offset >= e->word && e->offset <= e->word + e->length);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct hvo_bootparam_error errors[ROOM];
	struct hvo_bootparam result;
	struct hvo_bootparam again;
	/* Exactly as long as the line, for the sanitizer to see its end. */
	char *line = malloc(size ? size : 1);
	char *longer = malloc(size + 8);
	size_t bad;

	demand(line && longer);
	memcpy(line, data, size);
	memcpy(longer, data, size);
	memcpy(longer + size, "9,1:1 =", 8);
	bad = hvo_bootparam_parse(&result, &config, line, size, errors, ROOM);
	demand(bad ==
	       hvo_bootparam_parse(&again, &config, longer, size, NULL, 0));
	demand(same(&result, &again));
	for (size_t i = 0; i < bad && i < ROOM; i++)
		check_error(&errors[i], size);
	for (unsigned s = 0; s < HVO_BOOTPARAM_SIZES_MAX; s++) {
		demand(s < config.count || !result.pages[s].given);
		check_amount(&result.pages[s]);
	}
	check_amount(&result.cma);
	demand(result.default_size < config.count);
	free(line);
	free(longer);
	return 0;
}
