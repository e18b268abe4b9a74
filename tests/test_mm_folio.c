/* SPDX-License-Identifier: MIT */
/*
 * The buddy allocator and folios: orders, zones, watermarks, references,
 * optimized folios, freeing without memory, splitting and joining.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "mm.h"

#define MIB(n) ((uint64_t)(n) << 8) /* in base pages of 4 KiB */

static struct hvo_alloc alloc_of(unsigned order, unsigned flags)
{
	return (struct hvo_alloc){
	    .order = order,
	    .limit = HVO_ZONE_MOVABLE,
	    .flags = flags,
	};
}

static int put(struct machine *m, struct hvo_page *folio)
{
	return hvo_folio_put(m->mm, folio);
}

/* ---- allocating --------------------------------------------------------- */

/* Every order comes aligned, and all memory is one again afterwards. */
static void orders(void **state)
{
	struct machine *m = machine_open(&(struct machine_config){0});
	uint64_t free = machine_free(m);
	struct hvo_page *folio[13];

	(void)state;
	for (unsigned k = 0; k < 13; k++) {
		folio[k] = machine_alloc(m, k, 0);
		assert_int_equal(hvo_folio_order(folio[k]), k);
		assert_int_equal(hvo_page_count(folio[k]), 1);
		assert_int_equal(
		    hvo_mm_pfn(m->mm, folio[k]) & ((UINT64_C(1) << k) - 1), 0);
		machine_assert(m);
	}
	assert_int_equal(machine_owned(m, HVO_OWNER_FOLIO), (1 << 13) - 1);
	for (unsigned k = 0; k < 13; k++)
		assert_int_equal(put(m, folio[k]), 0);
	assert_int_equal(machine_free(m), free);
	hvo_mm_drain_caches(m->mm);
	assert_int_equal(machine_owned(m, HVO_OWNER_CACHE), 0);
	machine_close(m);
}

/* All memory can be had page by page, none twice, and comes back whole. */
static void exhaust(void **state)
{
	struct machine *m = machine_open(&(struct machine_config){0});
	uint64_t pages = machine_free(m);
	struct hvo_page **folios = calloc(pages + 1, sizeof(*folios));
	struct hvo_zone_stats before;
	struct hvo_zone_stats after;

	(void)state;
	hvo_mm_drain_caches(m->mm);
	hvo_zone_stats(m->mm, 0, HVO_ZONE_NORMAL, &before);
	assert_int_equal(machine_exhaust(m, 0, 0, folios, pages + 1), pages);
	machine_assert(m);
	assert_int_equal(machine_free(m), 0);
	/* Every other page first: nothing can be joined until the rest. */
	for (uint64_t i = 0; i < pages; i += 2)
		assert_int_equal(put(m, folios[i]), 0);
	machine_assert(m);
	for (uint64_t i = 1; i < pages; i += 2)
		assert_int_equal(put(m, folios[i]), 0);
	hvo_mm_drain_caches(m->mm);
	hvo_zone_stats(m->mm, 0, HVO_ZONE_NORMAL, &after);
	assert_memory_equal(before.blocks, after.blocks, sizeof(after.blocks));
	free(folios);
	machine_close(m);
}

static void refuses(void **state)
{
	struct machine *m = machine_open(&(struct machine_config){.nodes = 2});
	struct hvo_alloc a = alloc_of(23, 0);
	struct hvo_page *folio;

	(void)state;
	assert_int_equal(hvo_folio_alloc(m->mm, &a, &folio), -HVO_EORDER);
	a = alloc_of(machine_min_order() - 1, HVO_ALLOC_HVO);
	assert_int_equal(hvo_folio_alloc(m->mm, &a, &folio), -HVO_EORDER);
	a = alloc_of(0, 0);
	a.node = 2;
	assert_int_equal(hvo_folio_alloc(m->mm, &a, &folio), -HVO_ENODE);
	a = alloc_of(0, HVO_ALLOC_THIS_NODE);
	a.nodes = 2;
	assert_int_equal(hvo_folio_alloc(m->mm, &a, &folio), -HVO_ENODE);
	a = alloc_of(0, 0);
	a.limit = HVO_ZONE_DEVICE;
	assert_int_equal(hvo_folio_alloc(m->mm, &a, &folio), -HVO_ENODE);
	a = alloc_of(20, 0);
	assert_int_equal(hvo_folio_alloc(m->mm, &a, &folio), -HVO_ENOMEM);
	machine_close(m);
}

static unsigned node_of(const struct hvo_page *folio)
{
	return hvo_domain_node(hvo_page_domain(folio));
}

/* The preferred node first, the nearest next, in each the highest zone. */
static void fallback(void **state)
{
	static const uint8_t distance[] = {
	    10, 30, 20, /* */
	    30, 10, 20, /* */
	    20, 20, 10,
	};
	const struct machine_config config = {
	    .nodes = 3,
	    .node_pages = MIB(16),
	    .movable_pages = MIB(8),
	    .distance = distance,
	};
	struct machine *m = machine_open(&config);
	struct hvo_alloc a = alloc_of(11, 0); /* MOVABLE first, whole */
	const unsigned nodes[] = {0, 2, 1};
	struct hvo_page *folio;

	(void)state;
	for (int i = 0; i < 3; i++) {
		assert_int_equal(hvo_folio_alloc(m->mm, &a, &folio), 0);
		assert_int_equal(node_of(folio), nodes[i]);
		assert_int_equal(hvo_domain_type(hvo_page_domain(folio)),
				 HVO_ZONE_MOVABLE);
	}
	a = alloc_of(0, 0);
	a.node = 1;
	a.limit = HVO_ZONE_NORMAL;
	assert_int_equal(hvo_folio_alloc(m->mm, &a, &folio), 0);
	assert_int_equal(hvo_page_domain(folio),
			 hvo_zone_domain(1, HVO_ZONE_NORMAL));
	a.nodes = 1;
	assert_int_equal(hvo_folio_alloc(m->mm, &a, &folio), 0);
	assert_int_equal(node_of(folio), 0);
	machine_close(m);
}

static void watermarks(void **state)
{
	struct machine *m = machine_open(&(struct machine_config){0});
	uint64_t pages = machine_free(m);
	struct hvo_page **folios = calloc(pages, sizeof(*folios));
	struct hvo_alloc reserve = alloc_of(4, HVO_ALLOC_RESERVE);
	size_t n;

	(void)state;
	assert_int_equal(
	    hvo_zone_set_watermarks(m->mm, 0, HVO_ZONE_NORMAL, 512, 256, 1024),
	    -HVO_ERANGE);
	assert_int_equal(
	    hvo_zone_set_watermarks(m->mm, 1, HVO_ZONE_NORMAL, 1, 2, 3),
	    -HVO_ENODE);
	assert_int_equal(
	    hvo_zone_set_watermarks(m->mm, 0, HVO_ZONE_NORMAL, 512, 768, 1024),
	    0);
	n = machine_exhaust(m, 4, 0, folios, pages);
	assert_int_equal(machine_free(m), 512);
	assert_int_equal(hvo_folio_alloc(m->mm, &reserve, &folios[n]), 0);
	assert_int_equal(machine_free(m), 512 - 16);
	for (size_t i = 0; i <= n; i++)
		put(m, folios[i]);
	free(folios);
	machine_close(m);
}

/* Two zones with room: the one under pressure is left alone up to high. */
static void pressure(void **state)
{
	const struct machine_config config = {.nodes = 2};
	struct machine *m = machine_open(&config);
	struct hvo_alloc a = alloc_of(4, 0);
	uint64_t free = 0;
	struct hvo_zone_stats s;
	struct hvo_page *folio[2048];
	size_t n = 0;

	(void)state;
	hvo_zone_stats(m->mm, 0, HVO_ZONE_NORMAL, &s);
	free = s.owner[HVO_OWNER_FREE];
	/* min 16 blocks, low all but 8, high all but 4. */
	hvo_zone_set_watermarks(m->mm, 0, HVO_ZONE_NORMAL, 256, free - 128,
				free - 64);
	for (; n < 9; n++) {
		assert_int_equal(hvo_folio_alloc(m->mm, &a, &folio[n]), 0);
		assert_int_equal(node_of(folio[n]), n == 8);
	}
	/* It never fell below low, so one block back is one block more. */
	put(m, folio[0]);
	assert_int_equal(hvo_folio_alloc(m->mm, &a, &folio[0]), 0);
	assert_int_equal(node_of(folio[0]), 0);
	/* Below low now: four blocks back are not enough, five are. */
	a.nodes = 1;
	assert_int_equal(hvo_folio_alloc(m->mm, &a, &folio[n++]), 0);
	a.nodes = 0;
	for (int i = 0; i < 4; i++)
		put(m, folio[i]);
	assert_int_equal(hvo_folio_alloc(m->mm, &a, &folio[n]), 0);
	assert_int_equal(node_of(folio[n++]), 1);
	for (int i = 4; i < 8; i++)
		put(m, folio[i]);
	assert_int_equal(hvo_folio_alloc(m->mm, &a, &folio[n]), 0);
	assert_int_equal(node_of(folio[n]), 0);
	machine_close(m);
}

static void zeroed_and_backed(void **state)
{
	struct machine *m = machine_open(&(struct machine_config){0});
	uint64_t before = hvo_linux_measured(m->port);
	struct hvo_page *folio = machine_alloc(m, 3, HVO_ALLOC_COMMIT);
	hvo_frame_t frame = hvo_mm_frame(m->mm, hvo_mm_pfn(m->mm, folio));
	unsigned char *bytes = hvo_port_frame(m->config.port, frame);

	(void)state;
	assert_int_equal(hvo_linux_measured(m->port), before + 8 * 4096);
	memset(bytes, 0x5a, 8 * 4096);
	put(m, folio);
	assert_int_equal(hvo_linux_measured(m->port), before);
	folio = machine_alloc(m, 3, HVO_ALLOC_ZERO);
	frame = hvo_mm_frame(m->mm, hvo_mm_pfn(m->mm, folio));
	bytes = hvo_port_frame(m->config.port, frame);
	for (int i = 0; i < 8 * 4096; i++)
		assert_int_equal(bytes[i], 0);
	put(m, folio);
	machine_close(m);
}

/* ---- references ------------------------------------------------------- */

static void references(void **state)
{
	struct machine *m = machine_open(&(struct machine_config){0});
	struct hvo_page *folio = machine_alloc(m, 2, 0);
	hvo_pfn_t pfn = hvo_mm_pfn(m->mm, folio);

	(void)state;
	hvo_folio_get(folio);
	assert_ptr_equal(hvo_folio_try_get(m->mm, pfn + 3), folio);
	assert_int_equal(hvo_page_count(folio), 3);
	assert_false(hvo_folio_freeze(folio, 2));
	assert_int_equal(put(m, folio), 0);
	assert_int_equal(put(m, folio), 0);
	assert_true(hvo_folio_freeze(folio, 1));
	assert_null(hvo_folio_try_get(m->mm, pfn));
	assert_int_equal(put(m, folio), -HVO_ESTATE);
	hvo_folio_unfreeze(folio, 1);
	assert_int_equal(hvo_folio_free(m->mm, &folio, 1, 0, NULL),
			 -HVO_ESTATE);
	assert_int_equal(put(m, folio), 0);
	machine_assert(m);
	/* Again, twice: it is nobody's. */
	assert_int_equal(put(m, folio), -HVO_ESTATE);
	assert_int_equal(hvo_folio_free(m->mm, &folio, 1, 0, NULL),
			 -HVO_ESTATE);
	assert_null(hvo_folio_try_get(m->mm, pfn));
	machine_close(m);
}

/* ---- optimized -------------------------------------------------------- */

/* An optimized folio gives pages to everybody else. */
static void optimized(void **state)
{
	struct machine *m = machine_open(&(struct machine_config){0});
	struct hvo_page *folios[8];
	struct hvo_alloc a = alloc_of(9, HVO_ALLOC_HVO);
	uint64_t free = machine_free(m);
	uint64_t pages = 8 * HVO_PAGE_BYTES / 64;
	size_t done;

	(void)state;
	assert_int_equal(hvo_folio_alloc_bulk(m->mm, &a, 8, folios, &done), 0);
	assert_int_equal(done, 8);
	/* The shared tails stay, pages - 1 of them. */
	assert_int_equal(machine_free(m),
			 free - 8 * 512 + 8 * (pages - 1) - (pages - 1));
	for (int i = 0; i < 8; i++) {
		assert_true(hvo_folio_optimized(m->mm, folios[i]));
		assert_true(machine_write_faults(&folios[i][511].data));
	}
	machine_assert(m);
	for (int i = 0; i < 8; i++)
		assert_int_equal(put(m, folios[i]), 0);
	assert_int_equal(machine_free(m), free - (pages - 1));
	machine_close(m);
}

/* Any order from the smallest that can be optimized. */
static void optimized_orders(void **state)
{
	struct machine *m = machine_open(&(struct machine_config){0});

	(void)state;
	for (unsigned k = machine_min_order(); k <= 13; k++) {
		struct hvo_page *folio = machine_alloc(m, k, HVO_ALLOC_HVO);

		machine_assert(m);
		put(m, folio);
		machine_assert(m);
	}
	for (unsigned k = 0; k <= 5; k++) {
		struct hvo_page *folio = machine_alloc(m, k, HVO_ALLOC_TRY_HVO);

		assert_false(hvo_folio_optimized(m->mm, folio));
		put(m, folio);
	}
	machine_close(m);
}

/* Free in an arbitrary state, restored, optimized again. */
static void restore_and_optimize(void **state)
{
	struct machine *m = machine_open(&(struct machine_config){0});
	struct hvo_alloc a = alloc_of(9, HVO_ALLOC_HVO | HVO_ALLOC_FROZEN);
	struct hvo_page *f[3];
	size_t done;

	(void)state;
	assert_int_equal(hvo_folio_alloc_bulk(m->mm, &a, 3, f, &done), 0);
	assert_int_equal(hvo_folio_restore(m->mm, f + 1, 1, &done), 0);
	assert_int_equal(hvo_folio_restore(m->mm, f, 3, &done), 0);
	assert_int_equal(done, 3);
	for (int i = 0; i < 3; i++)
		assert_false(hvo_folio_optimized(m->mm, f[i]));
	machine_assert(m);
	assert_int_equal(hvo_folio_optimize(m->mm, f, 2, &done), 0);
	assert_int_equal(hvo_folio_optimize(m->mm, f, 3, &done), 0);
	assert_int_equal(done, 3);
	machine_assert(m);
	hvo_folio_unfreeze(f[1], 1);
	assert_int_equal(hvo_folio_restore(m->mm, f, 3, &done), -HVO_ESTATE);
	assert_int_equal(done, 1);
	assert_true(hvo_folio_freeze(f[1], 1));
	/* Mixed states, one call. */
	assert_int_equal(hvo_folio_free(m->mm, f, 3, 0, &done), 0);
	assert_int_equal(done, 3);
	machine_close(m);
}

/* ---- freeing with no memory left -------------------------------------- */

/* Frames of a folio's descriptors, one after the other. */
static uint64_t pieces(struct machine *m, const struct hvo_page *folio)
{
	uint64_t size = UINT64_C(1) << m->config.page_shift;
	uint64_t pages = (sizeof(struct hvo_page) << folio->order) / size;
	unsigned char *va = (unsigned char *)folio;
	uint64_t n = 0;

	for (uint64_t left = pages; left; n++) {
		struct hvo_run run = hvo_port_frames(m->config.port, va, left);

		va += run.count * size;
		left -= run.count;
	}
	return n;
}

/* Restored descriptors are where they were, whatever is taken first. */
static void restore_in_place(void **state)
{
	const unsigned order = 9;
	struct machine *m = machine_open(&(struct machine_config){0});
	struct hvo_page *folio[8];

	(void)state;
	for (unsigned i = 0; i < 8; i++) {
		folio[i] = machine_alloc(m, order, HVO_ALLOC_FROZEN);
		assert_int_equal(pieces(m, folio[i]), 1);
	}
	assert_int_equal(hvo_folio_optimize(m->mm, folio, 8, NULL), 0);
	assert_int_equal(hvo_folio_restore(m->mm, folio + 5, 1, NULL), 0);
	assert_int_equal(hvo_folio_restore(m->mm, folio, 8, NULL), 0);
	for (unsigned i = 0; i < 8; i++)
		assert_int_equal(pieces(m, folio[i]), 1);
	assert_int_equal(hvo_folio_free(m->mm, folio, 8, 0, NULL), 0);
	machine_close(m);
}

/* Take all pages, then free optimized folios. */
static void host(void **state)
{
	struct machine *m = machine_open(&(struct machine_config){0});
	uint64_t before = machine_free(m);
	struct hvo_page **all = calloc(before, sizeof(*all));
	struct hvo_page *f[4];
	uint64_t hosts = 8 * HVO_PAGE_BYTES / 64 - 1;
	struct hvo_mm_stats s;
	size_t n;

	(void)state;
	for (int i = 0; i < 4; i++) {
		f[i] = machine_alloc(m, 9, HVO_ALLOC_HVO | HVO_ALLOC_FROZEN);
		if (i % 2)
			continue;
		/* Backed ones are no different. */
		assert_int_equal(hvo_folio_free(m->mm, &f[i], 1, 0, NULL), 0);
		f[i] = machine_alloc(
		    m, 9, HVO_ALLOC_HVO | HVO_ALLOC_FROZEN | HVO_ALLOC_COMMIT);
	}
	n = machine_exhaust(m, 0, 0, all, before);
	assert_int_equal(machine_free(m), 0);
	assert_int_equal(
	    hvo_folio_free(m->mm, &f[0], 1, HVO_FREE_NO_HOST, NULL),
	    -HVO_ENOMEM);
	machine_assert(m);
	assert_true(hvo_folio_optimized(m->mm, f[0]));
	assert_int_equal(hvo_folio_free(m->mm, &f[0], 1, 0, NULL), 0);
	machine_assert(m);
	hvo_mm_stats(m->mm, &s);
	assert_int_equal(s.hosts, 1);
	assert_int_equal(s.owner[HVO_OWNER_HOST], hosts);
	assert_int_equal(machine_free(m), 512 - hosts);
	/* Those pages are frames for the others. */
	assert_int_equal(hvo_folio_free(m->mm, f + 1, 3, 0, NULL), 0);
	machine_assert(m);
	assert_int_equal(machine_owned(m, HVO_OWNER_HOST), hosts);
	assert_int_equal(hvo_mm_rehome(m->mm), 0); /* its pages are in use */
	for (size_t i = 0; i < n; i++)
		put(m, all[i]);
	machine_assert(m);
	free(all);
	machine_close(m);
}

/* Everything comes back once there is room. */
static void rehome(void **state)
{
	struct machine *m = machine_open(&(struct machine_config){0});
	uint64_t before = machine_free(m);
	struct hvo_page **all = calloc(before, sizeof(*all));
	struct hvo_page *f =
	    machine_alloc(m, 9, HVO_ALLOC_HVO | HVO_ALLOC_FROZEN);
	uint64_t hosts = 8 * HVO_PAGE_BYTES / 64 - 1;
	size_t n = machine_exhaust(m, 0, 0, all, before);

	(void)state;
	assert_int_equal(hvo_folio_free(m->mm, &f, 1, 0, NULL), 0);
	assert_int_equal(hvo_mm_rehome(m->mm), 0); /* no frames: put back */
	machine_assert(m);
	assert_int_equal(machine_owned(m, HVO_OWNER_HOST), hosts);
	for (size_t i = 0; i < n; i++)
		put(m, all[i]);
	assert_int_equal(hvo_mm_rehome(m->mm), hosts);
	machine_assert(m);
	assert_int_equal(machine_owned(m, HVO_OWNER_HOST), 0);
	/* All but the shared tails, which stay. */
	assert_int_equal(machine_free(m), before - hosts);
	free(all);
	machine_close(m);
}

/* What a freed folio's pages describe cannot be optimized in parts. */
static void parts_of_a_host(void **state)
{
	struct machine *m = machine_open(&(struct machine_config){0});
	uint64_t pages = machine_free(m);
	struct hvo_page **all = calloc(pages, sizeof(*all));
	struct hvo_page *f =
	    machine_alloc(m, 12, HVO_ALLOC_HVO | HVO_ALLOC_FROZEN);
	size_t n = machine_exhaust(m, 0, 0, all, pages);
	struct hvo_alloc a = alloc_of(9, HVO_ALLOC_HVO);

	(void)state;
	assert_int_equal(hvo_folio_free(m->mm, &f, 1, 0, NULL), 0);
	assert_int_equal(hvo_folio_alloc(m->mm, &a, &f), -HVO_ENOMEM);
	machine_assert(m);
	f = machine_alloc(m, 9, HVO_ALLOC_TRY_HVO | HVO_ALLOC_FROZEN);
	assert_false(hvo_folio_optimized(m->mm, f));
	assert_int_equal(hvo_folio_optimize(m->mm, &f, 1, NULL), -HVO_EBUSY);
	machine_assert(m);
	hvo_folio_unfreeze(f, 1);
	put(m, f);
	for (size_t i = 0; i < n; i++)
		put(m, all[i]);
	assert_true(hvo_mm_rehome(m->mm) > 0);
	/* Now they can. */
	f = machine_alloc(m, 9, HVO_ALLOC_HVO);
	put(m, f);
	free(all);
	machine_close(m);
}

/* ---- splitting and joining -------------------------------------------- */

static void check_parts(struct machine *m, hvo_pfn_t pfn, unsigned from,
			unsigned to, bool optimized)
{
	for (uint64_t at = 0; at < UINT64_C(1) << from;
	     at += UINT64_C(1) << to) {
		struct hvo_page *part = hvo_mm_page(m->mm, pfn + at);

		assert_int_equal(hvo_folio_order(part), to);
		assert_int_equal(hvo_folio_optimized(m->mm, part), optimized);
		assert_ptr_equal(
		    hvo_compound_head(part + (UINT64_C(1) << to) - 1), part);
	}
	machine_assert(m);
}

static void split_and_join(void **state)
{
	struct machine *m = machine_open(&(struct machine_config){0});
	struct hvo_page *f = machine_alloc(
	    m, 12, HVO_ALLOC_HVO | HVO_ALLOC_FROZEN | HVO_ALLOC_COMMIT);
	hvo_pfn_t pfn = hvo_mm_pfn(m->mm, f);
	uint64_t free = machine_free(m);

	(void)state;
	assert_int_equal(hvo_folio_split(m->mm, f, 12), -HVO_EORDER);
	assert_int_equal(hvo_folio_split(m->mm, f, 9), 0);
	check_parts(m, pfn, 12, 9, true);
	/* One frame for each new part, and the shared tails of the order. */
	assert_int_equal(free - machine_free(m),
			 7 + 8 * HVO_PAGE_BYTES / 64 - 1);
	assert_int_equal(hvo_folio_join(m->mm, f, 12), 0);
	check_parts(m, pfn, 12, 12, true);
	assert_int_equal(hvo_folio_split(m->mm, f, 3), 0);
	check_parts(m, pfn, 12, 3, false);
	assert_int_equal(hvo_folio_join(m->mm, f, 5), 0);
	assert_int_equal(hvo_folio_join(m->mm, f, 12), -HVO_ESTATE);
	assert_int_equal(hvo_folio_split(m->mm, f, 3), 0);
	assert_int_equal(hvo_folio_join(m->mm, f, 12), 0);
	assert_int_equal(hvo_folio_optimize(m->mm, &f, 1, NULL), 0);
	check_parts(m, pfn, 12, 12, true);
	assert_int_equal(hvo_folio_split(m->mm, f, 0), 0);
	machine_assert(m);
	for (uint64_t i = 0; i < 4096; i++) {
		struct hvo_page *page = hvo_mm_page(m->mm, pfn + i);

		hvo_folio_unfreeze(page, 1);
		assert_int_equal(put(m, page), 0);
	}
	machine_close(m);
}

static void join_refuses(void **state)
{
	struct machine *m = machine_open(&(struct machine_config){0});
	struct hvo_page *f =
	    machine_alloc(m, 10, HVO_ALLOC_HVO | HVO_ALLOC_FROZEN);
	hvo_pfn_t pfn = hvo_mm_pfn(m->mm, f);
	struct hvo_page *second = hvo_mm_page(m->mm, pfn + 512);
	uint64_t digest;

	(void)state;
	assert_int_equal(hvo_folio_split(m->mm, f, 9), 0);
	digest = machine_digest(m);
	assert_int_equal(hvo_folio_join(m->mm, f, 9), -HVO_EORDER);
	assert_int_equal(hvo_folio_join(m->mm, second, 10), -HVO_EALIGN);
	second->data = 1;
	assert_int_equal(hvo_folio_join(m->mm, f, 10), -HVO_EDIRTY);
	second->data = 0;
	hvo_folio_unfreeze(second, 1);
	assert_int_equal(hvo_folio_join(m->mm, f, 10), -HVO_ESTATE);
	assert_int_equal(hvo_folio_freeze(second, 1), true);
	assert_true(digest == machine_digest(m));
	assert_int_equal(hvo_folio_restore(m->mm, &f, 1, NULL), 0);
	assert_int_equal(hvo_folio_join(m->mm, f, 10), -HVO_ESTATE);
	assert_int_equal(hvo_folio_optimize(m->mm, &f, 1, NULL), 0);
	assert_int_equal(hvo_folio_join(m->mm, f, 10), 0);
	machine_close(m);
}

/*
 * Folios that nobody frees, backed or not, and one that hosts its descriptors:
 * the end gives up all of it, which the harness holds against its account.
 */
static void left_behind(void **state)
{
	struct machine *m = machine_open(&(struct machine_config){0});
	uint64_t before = machine_free(m);
	struct hvo_page **all = calloc(before, sizeof(*all));
	struct hvo_page *folio =
	    machine_alloc(m, 9, HVO_ALLOC_HVO | HVO_ALLOC_FROZEN);

	(void)state;
	assert_non_null(all);
	machine_alloc(m, 9, HVO_ALLOC_HVO | HVO_ALLOC_COMMIT);
	machine_alloc(m, 3, HVO_ALLOC_ZERO);
	machine_exhaust(m, 0, 0, all, before);
	assert_int_equal(hvo_folio_free(m->mm, &folio, 1, 0, NULL), 0);
	assert_true(machine_owned(m, HVO_OWNER_HOST) > 0);
	free(all);
	machine_close(m);
}

/* What the first of a batch frees are frames for the others: none hosts. */
static void batch_feeds_itself(void **state)
{
	struct machine *m = machine_open(&(struct machine_config){0});
	uint64_t before = machine_free(m);
	struct hvo_page **all = calloc(before, sizeof(*all));
	const uint64_t frames = 8 * HVO_PAGE_BYTES / 64 - 1;
	struct hvo_page *f[4];
	size_t n;

	(void)state;
	assert_non_null(all);
	for (int i = 0; i < 4; i++)
		f[i] = machine_alloc(m, 9, HVO_ALLOC_HVO | HVO_ALLOC_FROZEN);
	n = machine_exhaust(m, 0, 0, all, before);
	for (uint64_t i = 0; i < frames; i++)
		put(m, all[--n]);
	assert_int_equal(hvo_folio_free(m->mm, f, 4, 0, NULL), 0);
	assert_int_equal(machine_owned(m, HVO_OWNER_HOST), 0);
	machine_assert(m);
	while (n)
		put(m, all[--n]);
	free(all);
	machine_close(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(orders),
	    cmocka_unit_test(exhaust),
	    cmocka_unit_test(refuses),
	    cmocka_unit_test(fallback),
	    cmocka_unit_test(watermarks),
	    cmocka_unit_test(pressure),
	    cmocka_unit_test(zeroed_and_backed),
	    cmocka_unit_test(references),
	    cmocka_unit_test(optimized),
	    cmocka_unit_test(optimized_orders),
	    cmocka_unit_test(restore_and_optimize),
	    cmocka_unit_test(restore_in_place),
	    cmocka_unit_test(host),
	    cmocka_unit_test(rehome),
	    cmocka_unit_test(parts_of_a_host),
	    cmocka_unit_test(split_and_join),
	    cmocka_unit_test(join_refuses),
	    cmocka_unit_test(left_behind),
	    cmocka_unit_test(batch_feeds_itself),
	};

	return cmocka_run_group_tests_name("mm: folios", tests, NULL, NULL);
}
