/* SPDX-License-Identifier: MIT */
#include "bench_mm.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "cmd.h"

static const char max_map_count[] = "/proc/sys/vm/max_map_count";

/* Where it may not be changed, what needs it will say so. */
static void raise_limit(uint64_t mappings)
{
	uint64_t limit;

	if (bench_read_number(max_map_count, &limit) && limit < mappings)
		bench_setting_set(max_map_count, mappings);
}

static int make_pools(struct bench_mm *b, const struct bench_mm_config *config)
{
	struct hvo_hugetlb_config c = {
	    .sizes = config->sizes,
	    .optimize = true,
	    .limit = HVO_ZONE_MOVABLE,
	};
	size_t size;
	int error;

	memcpy(c.orders, config->orders, sizeof(config->orders));
	size = hvo_hugetlb_size(b->mm, &c);
	b->pools_memory = aligned_alloc(64, (size + 63) / 64 * 64);
	if (!b->pools_memory) {
		hvo_error("no memory for the pools' tables");
		return HVO_EXIT_FAILED;
	}
	error = hvo_hugetlb_init(&b->pools, b->pools_memory, b->mm, &c);
	return error ? bench_mm_failed(b, "making pools", error) : 0;
}

int bench_mm_open(struct bench_mm *b, const struct bench_mm_config *config)
{
	const struct hvo_machine_config machine = {
	    .range = {{.size = config->memory}},
	    .ranges = 1,
	    .cpus = config->cpus,
	    .no_watermarks = true,
	    .prepare = config->prepare,
	    .ctx = config->ctx,
	};
	char why[512];
	int code;

	*b = (struct bench_mm){0};
	raise_limit(config->mappings);
	if (hvo_machine_open(&b->machine, &machine, why, sizeof(why))) {
		hvo_error("no machine could be made: %s", why);
		return HVO_EXIT_FAILED;
	}
	b->mm = hvo_machine_mm(b->machine);
	code = config->sizes ? make_pools(b, config) : 0;
	if (code)
		bench_mm_close(b);
	return code;
}

void bench_mm_close(struct bench_mm *b)
{
	hvo_machine_close(b->machine);
	free(b->pools_memory);
	free(b->taken);
	*b = (struct bench_mm){0};
}

int bench_mm_failed(const struct bench_mm *b, const char *what, int error)
{
	char why[512];

	hvo_machine_explain(b->machine, error, why, sizeof(why));
	hvo_error("%s: %s", what, why);
	return HVO_EXIT_FAILED;
}

uint64_t bench_mm_free(const struct bench_mm *b)
{
	struct hvo_mm_stats stats;

	hvo_mm_stats(b->mm, &stats);
	return stats.owner[HVO_OWNER_FREE] + stats.owner[HVO_OWNER_CACHE];
}

/* ---- no memory left ------------------------------------------------------ */

static bool remember(struct bench_mm *b, struct hvo_page *folio)
{
	if (b->n_taken == b->room) {
		size_t room = b->room ? 2 * b->room : 1024;
		void *taken = reallocarray(b->taken, room, sizeof(*b->taken));

		if (!taken)
			return false;
		b->taken = taken;
		b->room = room;
	}
	b->taken[b->n_taken++] = folio;
	return true;
}

/* Folios of an order, at most so many; false: no memory to remember them. */
static bool take(struct bench_mm *b, unsigned order, uint64_t most)
{
	const struct hvo_alloc alloc = {
	    .order = order,
	    .limit = HVO_ZONE_MOVABLE,
	    .flags = HVO_ALLOC_RESERVE,
	};
	struct hvo_page *folio;

	while (most-- && !hvo_folio_alloc(b->mm, &alloc, &folio))
		if (!remember(b, folio)) {
			hvo_folio_put(b->mm, folio);
			return false;
		}
	return true;
}

int bench_mm_occupy(struct bench_mm *b, uint64_t keep)
{
	size_t before = b->n_taken;
	bool all = take(b, 0, keep);
	size_t kept = b->n_taken - before;

	for (unsigned order = 19; all && order-- > 0;)
		all = take(b, order, UINT64_MAX);
	if (!all) {
		hvo_error("no memory to remember what was allocated");
		return HVO_EXIT_FAILED;
	}
	for (size_t i = before; i < before + kept; i++)
		hvo_folio_put(b->mm, b->taken[i]);
	b->n_taken -= kept;
	memmove(b->taken + before, b->taken + before + kept,
		(b->n_taken - before) * sizeof(*b->taken));
	hvo_mm_drain_caches(b->mm);
	return 0;
}

void bench_mm_vacate(struct bench_mm *b)
{
	while (b->n_taken)
		hvo_folio_put(b->mm, b->taken[--b->n_taken]);
}

int bench_mm_check(const struct bench_mm *b)
{
	struct hvo_hugetlb_finding finding;
	char why[512];

	if (hvo_machine_check(b->machine, why, sizeof(why))) {
		hvo_error("the check: %s", why);
		return HVO_EXIT_FAILED;
	}
	if (b->pools && hvo_hugetlb_check(b->pools, &finding)) {
		hvo_error("the check of the pools: %s, pfn %" PRIu64,
			  hvo_hugetlb_violation_text(finding.violation),
			  finding.pfn);
		return HVO_EXIT_FAILED;
	}
	return 0;
}
