/* SPDX-License-Identifier: MIT */
/*
 * Pages taken from memblock before there is a manager: where they come from,
 * their sequence, and their way into the pools.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "pools.h"

#define GIB  (UINT64_C(1) << LARGE) /* in base pages */
#define ROOM 64

/* ---- with memblock alone ---------------------------------------------- */

struct boot {
	struct hvo_memblock mb;
	struct hvo_memblock_region memory[16];
	struct hvo_memblock_region reserved[64];
	struct hvo_mm_boot_page pages[ROOM];
	struct hvo_hugetlb_boot boot;
};

/* Nodes of `size` base pages each. */
static void open_boot(struct boot *b, int nodes, uint64_t size)
{
	const struct hvo_memblock_config config = {
	    .memory = b->memory,
	    .reserved = b->reserved,
	    .memory_max = 16,
	    .reserved_max = 64,
	    .page_shift = 12,
	};

	assert_int_equal(hvo_memblock_init(&b->mb, &config), 0);
	for (int n = 0; n < nodes; n++)
		assert_int_equal(
		    hvo_memblock_add_node(&b->mb, (size * (uint64_t)n) << 12,
					  size << 12, n, HVO_MEMBLOCK_NONE),
		    0);
	b->boot =
	    (struct hvo_hugetlb_boot){.pages = b->pages, .capacity = ROOM};
}

/* By rising pfn, apart, aligned, reserved. */
static void assert_in_order(const struct boot *b)
{
	hvo_pfn_t end = 0;

	for (size_t i = 0; i < b->boot.count; i++) {
		const struct hvo_mm_boot_page *page = &b->pages[i];
		uint64_t size = UINT64_C(1) << page->order;

		assert_true(page->pfn >= end);
		assert_int_equal(page->pfn & (size - 1), 0);
		assert_int_equal(page->error, 0);
		for (hvo_pfn_t at = page->pfn; at < page->pfn + size; at += 8)
			assert_true(hvo_memblock_is_reserved(&b->mb, at << 12));
		end = page->pfn + size;
	}
}

static void takes(void **state)
{
	struct boot b = {.boot = {.count = 0}};
	size_t done;

	(void)state;
	open_boot(&b, 2, 4 * GIB);
	assert_int_equal(
	    hvo_hugetlb_boot_take(&b.boot, &b.mb, LARGE, 1, 2, &done), 0);
	assert_int_equal(done, 2);
	assert_int_equal(
	    hvo_hugetlb_boot_take(&b.boot, &b.mb, MEDIUM, 0, 3, &done), 0);
	assert_int_equal(
	    hvo_hugetlb_boot_take(&b.boot, &b.mb, LARGE, 0, 1, &done), 0);
	assert_int_equal(
	    hvo_hugetlb_boot_take(&b.boot, &b.mb, MEDIUM, 1, 1, NULL), 0);
	assert_int_equal(b.boot.count, 7);
	assert_in_order(&b);
	assert_int_equal(b.pages[0].order, LARGE);
	assert_int_equal(b.pages[0].pfn, 2 * GIB);
	assert_int_equal(b.pages[1].pfn, 4 * GIB - 3 * 512);
	assert_int_equal(b.pages[5].pfn, 6 * GIB);
	/* A node has no more than it has; node 0 never gives address 0. */
	assert_int_equal(
	    hvo_hugetlb_boot_take(&b.boot, &b.mb, LARGE, 1, 9, &done),
	    -HVO_ENOMEM);
	assert_int_equal(done, 1);
	assert_int_equal(hvo_hugetlb_boot_take(&b.boot, &b.mb, LARGE,
					       HVO_NUMA_NO_NODE, 9, &done),
			 -HVO_ENOMEM);
	assert_int_equal(done, 1);
	assert_in_order(&b);
	assert_int_equal(hvo_hugetlb_boot_take(&b.boot, &b.mb, 23, 0, 1, &done),
			 -HVO_EORDER);
	assert_int_equal(done, 0);
	assert_int_equal(
	    hvo_hugetlb_boot_take(&b.boot, &b.mb, LARGE, 0, SIZE_MAX, &done),
	    -HVO_ENOMEM);
}

/* Around what is reserved already, and no more than there is room for. */
static void takes_what_fits(void **state)
{
	struct boot b = {.boot = {.count = 0}};
	uint64_t before;
	size_t done;

	(void)state;
	open_boot(&b, 1, 1024 * 512);
	for (uint64_t i = 100; i < 1024; i += 100)
		assert_int_equal(
		    hvo_memblock_reserve(&b.mb, i * 512 << 12, 4096), 0);
	assert_int_equal(
	    hvo_hugetlb_boot_take(&b.boot, &b.mb, MEDIUM, 0, 60, &done), 0);
	assert_in_order(&b);
	before = hvo_memblock_reserved_size(&b.mb);
	assert_int_equal(
	    hvo_hugetlb_boot_take(&b.boot, &b.mb, MEDIUM, 0, 60, &done),
	    -HVO_ERANGE);
	assert_int_equal(done, 4);
	assert_int_equal(b.boot.count, ROOM);
	assert_int_equal(hvo_memblock_reserved_size(&b.mb),
			 before + (4 * 512 << 12));
	assert_in_order(&b);
}

/* ---- with a machine --------------------------------------------------- */

static struct machine_config config;
static struct hvo_mm_boot_page pages[ROOM];

/* Called by the machine when memblock is filled, before the manager is made. */
static void take_pages(struct hvo_memblock *mb)
{
	struct hvo_hugetlb_boot boot = {.pages = pages, .capacity = ROOM};

	assert_int_equal(hvo_hugetlb_boot_take(&boot, mb, LARGE, 0, 2, NULL),
			 0);
	assert_int_equal(hvo_hugetlb_boot_take(&boot, mb, MEDIUM, 1, 5, NULL),
			 0);
	config.page_count = boot.count;
}

static void adopted(void **state)
{
	struct pools p;
	size_t crossing = 9;
	struct hvo_page *folio;
	uint64_t done;

	(void)state;
	config = (struct machine_config){
	    .nodes = 2,
	    .node_pages = 3 * GIB,
	    .pages = pages,
	    .prepare = take_pages,
	};
	p = pools_open(&config, NULL);
	assert_int_equal(
	    hvo_hugetlb_adopt(p.h, pages, config.page_count, &crossing), 0);
	assert_int_equal(crossing, 0);
	/* Optimized from the start: frames were never taken. */
	assert_int_equal(pools_node(&p, LARGE, 0).total, 2);
	assert_int_equal(pools_node(&p, LARGE, 0).optimized, 2);
	assert_int_equal(pools_node(&p, LARGE, 0).restore_frames,
			 2 * SAVED(LARGE));
	assert_int_equal(pools_node(&p, MEDIUM, 1).free, 5);
	pools_assert(&p);
	/* Not again. */
	assert_int_equal(hvo_hugetlb_adopt(p.h, pages, config.page_count, NULL),
			 -HVO_ESTATE);
	folio = pools_take(&p, LARGE, 0);
	assert_int_equal(hvo_hugetlb_demote(p.h, LARGE, MEDIUM, 0, 1, &done),
			 0);
	pools_give(&p, folio);
	assert_int_equal(pools_stats(&p, MEDIUM).total, 517);
	pools_assert(&p);
	pools_close(&p);
}

static void refuses_others(void **state)
{
	struct pools p = pools_open(&(struct machine_config){0}, NULL);
	struct hvo_page *folio = machine_alloc(p.m, MEDIUM, HVO_ALLOC_FROZEN);
	hvo_pfn_t pfn = hvo_mm_pfn(p.m->mm, folio);
	struct hvo_mm_boot_page page[2] = {
	    {.pfn = pfn, .order = MEDIUM},
	    {.pfn = pfn, .order = 8},
	};

	(void)state;
	assert_int_equal(hvo_hugetlb_adopt(p.h, page, 2, NULL), -HVO_EORDER);
	assert_int_equal(pools_stats(&p, MEDIUM).total, 0);
	page[1].order = SMALL;
	assert_int_equal(hvo_hugetlb_adopt(p.h, page, 2, NULL), -HVO_ESTATE);
	page[1] = (struct hvo_mm_boot_page){.pfn = MIB(64), .order = MEDIUM};
	assert_int_equal(hvo_hugetlb_adopt(p.h, page, 2, NULL), -HVO_ESTATE);
	hvo_folio_unfreeze(folio, 1);
	assert_int_equal(hvo_hugetlb_adopt(p.h, page, 1, NULL), -HVO_ESTATE);
	assert_true(hvo_folio_freeze(folio, 1));
	assert_int_equal(hvo_hugetlb_adopt(p.h, page, 1, NULL), 0);
	assert_int_equal(pools_stats(&p, MEDIUM).total, 1);
	pools_close(&p);
}

/* A page of two zones is no folio: it is dropped, and its memory is free. */
static void crossing_zones(void **state)
{
	struct pools p;
	size_t crossing;

	(void)state;
	config = (struct machine_config){
	    .nodes = 2,
	    .node_pages = 3 * GIB,
	    .dma32_end = GIB + GIB / 2,
	    .pages = pages,
	    .prepare = take_pages,
	};
	p = pools_open(&config, NULL);
	assert_int_equal(
	    hvo_hugetlb_adopt(p.h, pages, config.page_count, &crossing), 0);
	assert_int_equal(crossing, 1);
	assert_int_equal(pools_stats(&p, LARGE).total, 1);
	assert_int_equal(pools_stats(&p, MEDIUM).total, 5);
	pools_assert(&p);
	pools_close(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(takes),          cmocka_unit_test(takes_what_fits),
	    cmocka_unit_test(adopted),        cmocka_unit_test(refuses_others),
	    cmocka_unit_test(crossing_zones),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
