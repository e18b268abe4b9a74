/* SPDX-License-Identifier: MIT */
/*
 * Making a manager from memblock: zones, reserved pages, frames, boot pages;
 * and everything that it must refuse.
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

static void one_node(void **state)
{
	struct machine *m = machine_open(&(struct machine_config){0});
	struct hvo_mm_stats s;

	(void)state;
	hvo_mm_stats(m->mm, &s);
	assert_int_equal(s.present, MIB(64));
	/* 64 MiB of 4 KiB pages: 1 MiB of descriptors, 256 frames. */
	assert_int_equal(s.owner[HVO_OWNER_BOOT], 256 * HVO_PAGE_BYTES / 64);
	assert_int_equal(s.owner[HVO_OWNER_FREE] + s.owner[HVO_OWNER_BOOT],
			 s.present);
	assert_int_equal(s.poisoned, 0);
	assert_true(s.table_bytes == hvo_mm_size(&m->config));
	machine_close(m);
}

static void zones(void **state)
{
	const struct machine_config config = {
	    .nodes = 2,
	    .dma32_end = MIB(16),
	    .movable_pages = MIB(32),
	};
	struct machine *m = machine_open(&config);
	const uint64_t expected[2][HVO_ZONES] = {
	    {MIB(16), MIB(16), MIB(32), 0},
	    {0, MIB(32), MIB(32), 0},
	};
	struct hvo_zone_stats s;

	(void)state;
	for (unsigned n = 0; n < 2; n++)
		for (unsigned t = 0; t < HVO_ZONES; t++) {
			assert_int_equal(
			    hvo_zone_stats(m->mm, n, (enum hvo_zone_type)t, &s),
			    0);
			assert_int_equal(s.present, expected[n][t]);
			/* Descriptors must not be where memory is to move. */
			if (t == HVO_ZONE_MOVABLE)
				assert_int_equal(s.owner[HVO_OWNER_BOOT], 0);
		}
	assert_int_equal(hvo_zone_stats(m->mm, 2, HVO_ZONE_NORMAL, &s),
			 -HVO_ENODE);
	assert_int_equal(hvo_zone_stats(m->mm, 0, HVO_ZONES, &s), -HVO_ENODE);
	machine_close(m);
}

/* Frames lie on the node whose memory they describe. */
static void frames_are_near(void **state)
{
	struct machine *m = machine_open(&(struct machine_config){.nodes = 4});
	struct hvo_mm_stats s;

	(void)state;
	for (unsigned n = 0; n < 4; n++) {
		assert_int_equal(hvo_mm_node_stats(m->mm, n, &s), 0);
		assert_int_equal(s.owner[HVO_OWNER_BOOT],
				 256 * HVO_PAGE_BYTES / 64);
	}
	assert_int_equal(hvo_mm_node_stats(m->mm, 4, &s), -HVO_ENODE);
	machine_close(m);
}

static void nodes_by_distance(void **state)
{
	static const uint8_t distance[] = {
	    10, 40, 20, 30, /* */
	    40, 10, 30, 20, /* */
	    20, 30, 10, 40, /* */
	    30, 20, 40, 10,
	};
	const struct machine_config config = {
	    .nodes = 4,
	    .distance = distance,
	};
	struct machine *m = machine_open(&config);
	const unsigned from_1[] = {1, 3, 2, 0};

	(void)state;
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(hvo_mm_nearest(m->mm, 1, i), from_1[i]);
	machine_close(m);
}

static void prepare_reserved(struct hvo_memblock *mb)
{
	/* A page and a half; a hole; memory that is not to be touched. */
	hvo_memblock_reserve(mb, 0x100000, 0x1800);
	hvo_memblock_remove(mb, 0x300000, 0x4000);
	hvo_memblock_mark_nomap(mb, 0x400000, 0x2000);
}

static void reserved(void **state)
{
	const struct machine_config config = {.prepare = prepare_reserved};
	struct machine *m = machine_open(&config);

	(void)state;
	assert_int_equal(machine_owned(m, HVO_OWNER_RESERVED), 2 + 4 + 2);
	assert_true(hvo_mm_page(m->mm, 0x100)->flags & HVO_PAGE_RESERVED);
	assert_true(hvo_mm_page(m->mm, 0x101)->flags & HVO_PAGE_RESERVED);
	assert_false(hvo_mm_page(m->mm, 0x102)->flags & HVO_PAGE_RESERVED);
	assert_true(hvo_mm_page(m->mm, 0x303)->flags & HVO_PAGE_RESERVED);
	assert_true(hvo_mm_page(m->mm, 0x401)->flags & HVO_PAGE_RESERVED);
	machine_close(m);
}

static void prepare_hole(struct hvo_memblock *mb)
{
	hvo_memblock_remove(mb, MIB(8) << 12, MIB(16) << 12);
}

static void holes_are_absent(void **state)
{
	struct machine *m =
	    machine_open(&(struct machine_config){.prepare = prepare_hole});

	(void)state;
	assert_true(hvo_sparse_present(hvo_mm_sparse(m->mm), MIB(8) - 1));
	assert_false(hvo_sparse_present(hvo_mm_sparse(m->mm), MIB(8)));
	assert_false(hvo_sparse_present(hvo_mm_sparse(m->mm), MIB(24) - 1));
	assert_true(hvo_sparse_present(hvo_mm_sparse(m->mm), MIB(24)));
	assert_null(hvo_folio_try_get(m->mm, MIB(9)));
	machine_close(m);
}

/* Boot pages cost one frame each and the shared tails once. */
static void boot_pages(void **state)
{
	struct hvo_mm_boot_page pages[] = {
	    {.pfn = MIB(2), .order = 9},
	    {.pfn = MIB(4), .order = 9},
	    {.pfn = MIB(32), .order = 13},
	};
	const struct machine_config config = {.pages = pages, .page_count = 3};
	struct machine *m = machine_open(&config);
	struct hvo_vmemmap_stats s;

	(void)state;
	hvo_vmemmap_stats(hvo_mm_vmemmap(m->mm), &s);
	assert_int_equal(s.folios[9], 2);
	assert_int_equal(s.folios[13], 1);
	assert_int_equal(machine_owned(m, HVO_OWNER_FOLIO), 2 * 512 + 8192);
	for (int i = 0; i < 3; i++) {
		struct hvo_page *folio = hvo_mm_page(m->mm, pages[i].pfn);

		assert_int_equal(pages[i].error, 0);
		assert_int_equal(hvo_folio_order(folio), pages[i].order);
		assert_true(hvo_folio_optimized(m->mm, folio));
		assert_int_equal(hvo_page_count(folio), 0);
		assert_int_equal(hvo_folio_free(m->mm, &folio, 1, 0, NULL), 0);
	}
	machine_assert(m);
	assert_int_equal(machine_owned(m, HVO_OWNER_FOLIO), 0);
	machine_close(m);
}

/* A page on both sides of a zone's limit is no folio; its memory is free. */
static void boot_page_across_zones(void **state)
{
	struct hvo_mm_boot_page pages[] = {
	    {.pfn = MIB(16), .order = 12},
	    {.pfn = MIB(40), .order = 9},
	};
	const struct machine_config config = {
	    .dma32_end = MIB(22),
	    .pages = pages,
	    .page_count = 2,
	};
	struct machine *m = machine_open(&config);

	(void)state;
	assert_int_equal(pages[0].error, -HVO_EDOMAIN);
	assert_int_equal(pages[1].error, 0);
	assert_int_equal(machine_owned(m, HVO_OWNER_FOLIO), 512);
	assert_int_equal(machine_owned(m, HVO_OWNER_RESERVED), 0);
	assert_int_equal(hvo_contig_isolate(m->mm, MIB(16), MIB(6)), 0);
	assert_int_equal(hvo_contig_isolate(m->mm, MIB(22), MIB(10)), 0);
	machine_close(m);
}

/* Base pages of other sizes. */
static void page_sizes(void **state)
{
	(void)state;
	for (unsigned shift = 13; shift <= 16; shift++) {
		const struct machine_config config = {
		    .page_shift = shift,
		    .node_pages = 16384,
		    .pfn_first = 32768,
		};
		struct machine *m = machine_open(&config);
		const struct hvo_geometry *g =
		    hvo_vmemmap_geometry(hvo_mm_vmemmap(m->mm));
		struct hvo_page *folio =
		    machine_alloc(m, g->min_order, HVO_ALLOC_HVO);

		machine_assert(m);
		assert_int_equal(hvo_folio_put(m->mm, folio), 0);
		folio = machine_alloc(m, 0, HVO_ALLOC_ZERO);
		assert_true(hvo_mm_pfn(m->mm, folio) >= 32768);
		assert_int_equal(hvo_folio_put(m->mm, folio), 0);
		machine_close(m);
	}
}

/* ---- what is refused -------------------------------------------------- */

static void prepare_unknown_node(struct hvo_memblock *mb)
{
	hvo_memblock_set_node(mb, 0, MIB(2) << 12, &mb->memory, 7);
}

static void prepare_nothing(struct hvo_memblock *mb)
{
	hvo_memblock_remove(mb, 0, UINT64_MAX);
}

static void prepare_full(struct hvo_memblock *mb)
{
	hvo_memblock_reserve(mb, 0, MIB(64) << 12);
}

static void prepare_outside(struct hvo_memblock *mb)
{
	hvo_memblock_add_node(mb, MIB(128) << 12, MIB(2) << 12, 0,
			      HVO_MEMBLOCK_NONE);
}

/* Try a configuration; memblock must be as it was, and no frame be left. */
static void refuse(const struct machine_config *config, int error)
{
	struct machine *m = machine_try(config);

	assert_null(m->mm);
	assert_int_equal(m->error, error);
	assert_int_equal(hvo_linux_measured(m->port), 0);
	machine_close(m);
}

static void refuses_memory(void **state)
{
	(void)state;
	refuse(&(struct machine_config){.prepare = prepare_unknown_node},
	       -HVO_ENODE);
	refuse(&(struct machine_config){.prepare = prepare_nothing},
	       -HVO_ERANGE);
	refuse(&(struct machine_config){.prepare = prepare_full}, -HVO_ENOMEM);
	refuse(&(struct machine_config){.prepare = prepare_outside},
	       -HVO_ERANGE);
	/* No frames where nothing but MOVABLE memory is. */
	refuse(&(struct machine_config){.movable_pages = MIB(64)}, -HVO_ENOMEM);
}

static void refuse_pages(struct hvo_mm_boot_page a, struct hvo_mm_boot_page b,
			 int error)
{
	struct hvo_mm_boot_page pages[] = {a, b};
	const struct machine_config config = {.pages = pages, .page_count = 2};

	refuse(&config, error);
}

static void unreserve(struct hvo_memblock *mb)
{
	hvo_memblock_phys_free(mb, MIB(3) << 12, 4096);
}

static void refuses_boot_pages(void **state)
{
	const struct hvo_mm_boot_page good = {.pfn = MIB(2), .order = 9};
	struct hvo_mm_boot_page pages[] = {good};
	struct machine_config config = {.pages = pages, .page_count = 1};

	(void)state;
	refuse_pages(good,
		     (struct hvo_mm_boot_page){
			 .pfn = MIB(4), .order = machine_min_order() - 1},
		     -HVO_EORDER);
	refuse_pages(good,
		     (struct hvo_mm_boot_page){.pfn = MIB(4), .order = 23},
		     -HVO_EORDER);
	refuse_pages(good, (struct hvo_mm_boot_page){.pfn = MIB(5), .order = 9},
		     -HVO_EALIGN);
	refuse_pages(good, good, -HVO_EEXIST);
	refuse_pages(good,
		     (struct hvo_mm_boot_page){.pfn = MIB(64), .order = 9},
		     -HVO_ERANGE);
	config.prepare = unreserve;
	refuse(&config, -HVO_ESTATE);
}

static void refuses_configurations(void **state)
{
	struct machine *m = machine_open(&(struct machine_config){0});
	const struct hvo_mm_config good = m->config;
	struct hvo_mm_config c;

	(void)state;
	assert_int_equal(hvo_mm_validate(&good), 0);
	c = good;
	c.nodes = 0;
	assert_int_equal(hvo_mm_validate(&c), -HVO_ENODE);
	c.nodes = HVO_NODES_MAX + 1;
	assert_int_equal(hvo_mm_validate(&c), -HVO_ENODE);
	c = good;
	c.cpus = 0;
	assert_int_equal(hvo_mm_validate(&c), -HVO_ERANGE);
	c = good;
	c.work_runs = SIZE_MAX;
	assert_int_equal(hvo_mm_validate(&c), -HVO_ERANGE);
	c = good;
	c.pfn_first = 1;
	assert_int_equal(hvo_mm_validate(&c), -HVO_EALIGN);
	c = good;
	c.pfn_end = c.pfn_first;
	assert_int_equal(hvo_mm_validate(&c), -HVO_ERANGE);
	c = good;
	c.dma32_end = 3;
	assert_int_equal(hvo_mm_validate(&c), -HVO_EALIGN);
	c = good;
	c.described = HVO_NO_FRAME;
	assert_int_equal(hvo_mm_validate(&c), -HVO_ENOHOST);
	c = good;
	c.page_shift = 11;
	assert_int_equal(hvo_mm_validate(&c), -HVO_EPAGE);
	assert_int_equal(hvo_mm_size(&c), 0);
	machine_close(m);
}

/* Every failure on the way leaves memblock as it was. */
static void nth_failure(void **state)
{
	uint64_t nth = 0;
	bool failed = true;

	(void)state;
	while (failed) {
		struct hvo_mm_boot_page pages[] = {
		    {.pfn = MIB(2), .order = 9},
		    {.pfn = MIB(32), .order = 13},
		};
		const struct machine_config config = {
		    .nodes = 2,
		    .pages = pages,
		    .page_count = 2,
		};
		struct machine *m;

		machine_fail(++nth, false);
		m = machine_try(&config);
		failed = machine_failed();
		machine_fail(0, false);
		assert_int_equal(!m->mm, failed);
		if (failed) {
			assert_int_equal(m->memblock.reserved.cnt, 2);
			assert_int_equal(
			    hvo_memblock_reserved_size(&m->memblock),
			    (512 + 8192) << 12);
			assert_int_equal(hvo_linux_measured(m->port), 0);
		}
		machine_close(m);
	}
	assert_true(nth > 8);
}

/* 1 GiB pages from boot memory cost a frame each. */
static void large_machine(void **state)
{
	enum { PAGES = 64 };
	static struct hvo_mm_boot_page pages[PAGES];
	const struct machine_config config = {
	    .node_pages = (uint64_t)(PAGES + 1) << 18,
	    .pages = pages,
	    .page_count = PAGES,
	};
	struct hvo_vmemmap_stats s;
	struct machine *m;

	(void)state;
	for (uint64_t i = 0; i < PAGES; i++)
		pages[i] =
		    (struct hvo_mm_boot_page){.pfn = i << 18, .order = 18};
	m = machine_open(&config);
	hvo_vmemmap_stats(hvo_mm_vmemmap(m->mm), &s);
	assert_true(s.frames_shared <= 512);
	/* 4096 frames for the GiB that is not optimized. */
	assert_int_equal(machine_owned(m, HVO_OWNER_BOOT),
			 4096 * HVO_PAGE_BYTES / 64 + s.frames_shared + PAGES);
	machine_close(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(one_node),
	    cmocka_unit_test(zones),
	    cmocka_unit_test(frames_are_near),
	    cmocka_unit_test(nodes_by_distance),
	    cmocka_unit_test(reserved),
	    cmocka_unit_test(holes_are_absent),
	    cmocka_unit_test(boot_pages),
	    cmocka_unit_test(boot_page_across_zones),
	    cmocka_unit_test(page_sizes),
	    cmocka_unit_test(refuses_memory),
	    cmocka_unit_test(refuses_boot_pages),
	    cmocka_unit_test(refuses_configurations),
	    cmocka_unit_test(nth_failure),
	    cmocka_unit_test(large_machine),
	};

	return cmocka_run_group_tests_name("mm: boot", tests, NULL, NULL);
}
