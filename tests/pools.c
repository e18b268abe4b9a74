/* SPDX-License-Identifier: MIT */
/* The harness of the tests of pools. */
#include "pools.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static _Noreturn void stop(const char *what)
{
	fprintf(stderr, "pools: %s\n", what);
	abort();
}

struct hvo_hugetlb_config pools_config(void)
{
	return (struct hvo_hugetlb_config){
	    .orders = {MEDIUM, LARGE, SMALL},
	    .sizes = 3,
	    .optimize = true,
	    .limit = HVO_ZONE_MOVABLE,
	    .alloc_flags = HVO_ALLOC_COMMIT,
	};
}

struct pools pools_open(const struct machine_config *machine,
			const struct hvo_hugetlb_config *config)
{
	const struct hvo_hugetlb_config usual = pools_config();
	struct pools p = {.m = machine_open(machine)};
	size_t size;

	config = config ? config : &usual;
	size = hvo_hugetlb_size(p.m->mm, config);
	p.memory = aligned_alloc(64, size);
	if (!size || !p.memory)
		stop("no memory");
	/* init must not rely on what is there */
	memset(p.memory, 0xa5, size);
	if (hvo_hugetlb_init(&p.h, p.memory, p.m->mm, config))
		stop("no pools");
	return p;
}

void pools_close(struct pools *p)
{
	machine_fail(0, false);
	if (pools_wrong(p))
		stop(pools_wrong(p));
	if (hvo_hugetlb_fini(p->h))
		stop("cannot be given up");
	free(p->memory);
	machine_close(p->m);
}

static void print(void *ctx, const char *line)
{
	(void)ctx;
	fprintf(stderr, "# %s\n", line);
}

const char *pools_wrong(struct pools *p)
{
	static char text[320];
	struct hvo_hugetlb_finding f;

	if (!hvo_hugetlb_check(p->h, &f))
		return machine_wrong(p->m);
	snprintf(text, sizeof(text),
		 "%s: order %u, node %d, pfn %#" PRIx64 ", expected %" PRIu64
		 ", found %" PRIu64 " %s",
		 hvo_hugetlb_violation_text(f.violation), f.order, (int)f.node,
		 f.pfn, f.expected, f.found, f.what ? f.what : "");
	fprintf(stderr, "# %s\n", text);
	hvo_hugetlb_dump(p->h, print, NULL);
	return text;
}

struct hvo_hugetlb_stats pools_stats(struct pools *p, unsigned order)
{
	struct hvo_hugetlb_stats s;

	if (hvo_hugetlb_stats(p->h, order, &s))
		stop("no such size");
	return s;
}

struct hvo_hugetlb_stats pools_node(struct pools *p, unsigned order,
				    unsigned node)
{
	struct hvo_hugetlb_stats s;

	if (hvo_hugetlb_node_stats(p->h, order, node, &s))
		stop("no such size or node");
	return s;
}

uint64_t pools_shared(struct pools *p)
{
	struct hvo_vmemmap_stats s;

	hvo_vmemmap_stats(hvo_mm_vmemmap(p->m->mm), &s);
	return s.frames_shared;
}

void pools_resize(struct pools *p, unsigned order, uint64_t pages)
{
	uint64_t reached;
	int err = hvo_hugetlb_resize(p->h, order, 0, pages, &reached);

	if (err || reached != pages)
		stop(hvo_strerror(err));
}

struct hvo_page *pools_take(struct pools *p, unsigned order, unsigned flags)
{
	const struct hvo_hugetlb_want want = {.order = order, .flags = flags};
	struct hvo_page *folio;
	size_t done;
	int err = hvo_hugetlb_alloc(p->h, &want, 1, &folio, &done);

	if (err || done != 1)
		stop(hvo_strerror(err));
	return folio;
}

void pools_give(struct pools *p, struct hvo_page *folio)
{
	int err = hvo_hugetlb_free(p->h, &folio, 1, NULL);

	if (err)
		stop(hvo_strerror(err));
}

/* FNV-1a over words. */
static uint64_t mix(uint64_t hash, uint64_t word)
{
	for (int i = 0; i < 8; i++)
		hash = (hash ^ (word >> 8 * i & 0xff)) * 0x100000001b3;
	return hash;
}

uint64_t pools_digest(struct pools *p)
{
	static const unsigned orders[] = {SMALL, MEDIUM, LARGE};
	uint64_t hash = machine_digest(p->m);

	for (unsigned i = 0; i < 3; i++)
		for (unsigned n = 0; n < p->m->config.nodes; n++) {
			struct hvo_hugetlb_stats s;

			if (hvo_hugetlb_node_stats(p->h, orders[i], n, &s))
				continue;
			hash = mix(hash, s.total);
			hash = mix(hash, s.free);
			hash = mix(hash, s.busy);
			hash = mix(hash, s.surplus);
			hash = mix(hash, s.optimized);
			hash = mix(hash, s.reserved);
			hash = mix(hash, s.lost);
		}
	return hash;
}

struct hvo_page **pools_starve(struct pools *p, size_t *count)
{
	size_t most = (size_t)machine_free(p->m) + 1;
	struct hvo_page **pages = calloc(most, sizeof(*pages));

	if (!pages)
		stop("no memory");
	*count = machine_exhaust(p->m, 0, HVO_ALLOC_RESERVE, pages, most);
	return pages;
}

void pools_feed(struct pools *p, struct hvo_page **pages, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (hvo_folio_put(p->m->mm, pages[i]))
			stop("a page cannot be freed");
	free(pages);
}
