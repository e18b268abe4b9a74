/* SPDX-License-Identifier: MIT */
/*
 * The arithmetic of descriptors against counting and searching: every record
 * size with every base page size, orders up to the largest.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "hvo/error.h"
#include "hvo/geometry.h"

/* Call each() for the whole grid of sound geometries. */
static void for_grid(void (*each)(const struct hvo_geometry *g))
{
	struct hvo_geometry g;

	for (unsigned shift = 12; shift <= 16; shift++)
		for (size_t record = 8; record <= 512; record += 8) {
			assert_int_equal(hvo_geometry_init(&g, shift, record),
					 0);
			assert_int_equal(g.record, record);
			assert_int_equal(g.page_shift, shift);
			each(&g);
		}
}

/* ---- refusals ---------------------------------------------------------- */

static void refuses_other_base_pages(void **state)
{
	struct hvo_geometry g;

	(void)state;
	for (unsigned shift = 0; shift <= 64; shift++)
		assert_int_equal(hvo_geometry_init(&g, shift, 64),
				 shift >= 12 && shift <= 16 ? 0 : -HVO_EPAGE);
	assert_int_equal(hvo_geometry_init(&g, ~0u, 64), -HVO_EPAGE);
}

static void refuses_other_records(void **state)
{
	struct hvo_geometry g;

	(void)state;
	for (size_t record = 0; record <= 600; record++)
		assert_int_equal(hvo_geometry_init(&g, 12, record),
				 record && record <= 512 && !(record & 7)
				     ? 0
				     : -HVO_ERECORD);
	assert_int_equal(hvo_geometry_init(&g, 12, SIZE_MAX - 7), -HVO_ERECORD);
	assert_int_equal(hvo_geometry_init(&g, 12, (size_t)1 << 32 | 64),
			 -HVO_ERECORD);
}

/* ---- sizes and orders -------------------------------------------------- */

/* By adding up pages until a page and a record begin together again. */
static uint32_t searched_group(const struct hvo_geometry *g)
{
	uint32_t pages = 0;
	uint64_t offset = 0; /* of the page's start in a record */

	do {
		offset = (offset + (1u << g->page_shift)) % g->record;
		pages++;
	} while (offset);
	return pages;
}

static void check_group(const struct hvo_geometry *g)
{
	assert_int_equal(g->group, searched_group(g));
}

static void group_is_the_period(void **state)
{
	(void)state;
	for_grid(check_group);
}

/* The smallest order whose records end where a page ends, after `least`. */
static unsigned searched_order(const struct hvo_geometry *g, uint64_t least)
{
	for (unsigned order = 0;; order++) {
		uint64_t bytes = 0, pages = 0;

		for (uint64_t i = 0; i < UINT64_C(1) << order; i++) {
			bytes += g->record;
			while (bytes >= 1u << g->page_shift) {
				bytes -= 1u << g->page_shift;
				pages++;
			}
		}
		if (!bytes && pages >= least)
			return order;
	}
}

static void check_orders(const struct hvo_geometry *g)
{
	assert_int_equal(g->unit_order, searched_order(g, 1));
	assert_int_equal(g->min_order, searched_order(g, 2));
	assert_int_equal(UINT64_C(1) << (g->max_order + g->page_shift),
			 UINT64_C(16) << 30);
	assert_true(g->unit_order <= g->min_order);
	for (unsigned order = 0; order < 64; order++)
		assert_int_equal(hvo_order_optimizable(g, order),
				 order >= g->min_order &&
				     order <= g->max_order);
}

static void orders_are_the_smallest_that_fill_pages(void **state)
{
	(void)state;
	for_grid(check_orders);
}

static void check_folio(const struct hvo_geometry *g)
{
	uint64_t page = hvo_page_size(g);

	assert_int_equal(page, UINT64_C(1) << g->page_shift);
	for (unsigned order = 0; order <= g->max_order; order++) {
		uint64_t records = UINT64_C(1) << order;

		assert_int_equal(hvo_folio_bytes(g, order),
				 records * g->record);
		assert_int_equal(hvo_folio_pages(g, order),
				 records * g->record / page);
		if (order >= g->unit_order)
			assert_int_equal(hvo_folio_pages(g, order) * page,
					 records * g->record);
	}
}

static void folios_take_records_times_size(void **state)
{
	(void)state;
	for_grid(check_folio);
}

/* The figures that the documentation gives. */
static void known_figures(void **state)
{
	static const struct {
		unsigned shift, record, order, pages, min_order, group;
	} known[] = {
	    {12, 64, 9, 8, 7, 1},     {12, 64, 18, 4096, 7, 1},
	    {14, 64, 11, 8, 9, 1},    {16, 64, 13, 8, 11, 1},
	    {16, 64, 18, 256, 11, 1}, {12, 104, 9, 13, 9, 13},
	    {12, 120, 9, 15, 9, 15},  {12, 48, 9, 6, 8, 3},
	    {12, 32, 9, 4, 8, 1},
	};
	struct hvo_geometry g;

	(void)state;
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		assert_int_equal(
		    hvo_geometry_init(&g, known[i].shift, known[i].record), 0);
		assert_int_equal(hvo_folio_pages(&g, known[i].order),
				 known[i].pages);
		assert_int_equal(g.min_order, known[i].min_order);
		assert_int_equal(g.group, known[i].group);
	}
}

/* ---- heads ------------------------------------------------------------- */

/* Every tail of a folio at a base of its own, or some of many. */
static void check_tails(const struct hvo_geometry *g, uintptr_t base,
			uint64_t folio, unsigned order)
{
	uint64_t info = hvo_compound_info(g->record, order);
	uint64_t records = UINT64_C(1) << order;
	uintptr_t head = base + (uintptr_t)(folio * records * g->record);
	uint64_t step = records > 64 ? records / 61 : 1;

	assert_true(info & 1);
	for (uint64_t i = 0; i < records; i += step)
		assert_int_equal(
		    hvo_head_address(g->record, head + i * g->record, info),
		    head);
	assert_int_equal(
	    hvo_head_address(g->record, head + (records - 1) * g->record, info),
	    head);
}

static void check_heads(const struct hvo_geometry *g)
{
	uint64_t align = hvo_base_alignment(g);
	uintptr_t top = UINT64_MAX / align - 1;
	uintptr_t bases[] = {align, 3 * align, 0x10000 / 8 * align,
			     top * align};

	assert_int_equal(align, hvo_folio_bytes(g, g->max_order));
	for (size_t b = 0; b < sizeof(bases) / sizeof(bases[0]); b++)
		for (unsigned order = 1; order <= g->max_order; order++) {
			uint64_t folios = UINT64_C(1) << (g->max_order - order);

			check_tails(g, bases[b], 0, order);
			check_tails(g, bases[b], folios / 2, order);
			check_tails(g, bases[b], folios - 1, order);
		}
}

static void tails_lead_to_heads(void **state)
{
	(void)state;
	for_grid(check_heads);
}

/* With bit 0 clear the word may be anything: the page is its own head. */
static void check_no_tail(const struct hvo_geometry *g)
{
	static const uint64_t infos[] = {0, 2, 0x7ffff000, UINT64_MAX - 1,
					 UINT64_C(1) << 63};
	uint64_t base = hvo_base_alignment(g);

	for (size_t i = 0; i < sizeof(infos) / sizeof(infos[0]); i++)
		for (uint64_t n = 0; n < 300; n += 7)
			assert_int_equal(hvo_head_address(g->record,
							  base + n * g->record,
							  infos[i]),
					 base + n * g->record);
}

static void others_are_their_own_heads(void **state)
{
	(void)state;
	for_grid(check_no_tail);
}

static void check_info(const struct hvo_geometry *g)
{
	for (unsigned a = 0; a <= g->max_order; a++)
		for (unsigned b = 0; b < a; b++)
			assert_int_not_equal(hvo_compound_info(g->record, a),
					     hvo_compound_info(g->record, b));
}

static void orders_have_words_of_their_own(void **state)
{
	(void)state;
	for_grid(check_info);
}

/* ---- what sharing rests on --------------------------------------------- */

/*
 * Write a folio's tails and look: tail page j holds the bytes of tail page
 * j + G, and no smaller period will do. Every record is made unlike itself
 * shifted, or a smaller period could pass.
 */
static void check_bytes(const struct hvo_geometry *g)
{
	size_t page = hvo_page_size(g);
	size_t pages = 3 * (size_t)g->group + 1;
	unsigned char *bytes = malloc(pages * page);

	assert_non_null(bytes);
	for (size_t i = 0; i < pages * page; i++) {
		size_t in_record = i % g->record;

		bytes[i] = (unsigned char)(in_record ? in_record >> 3 : 0xff);
	}
	for (size_t j = 1; j + g->group < pages; j++)
		assert_memory_equal(bytes + j * page,
				    bytes + (j + g->group) * page, page);
	for (size_t period = 1; period < g->group; period++)
		assert_int_not_equal(
		    memcmp(bytes + page, bytes + (1 + period) * page, page), 0);
	free(bytes);
}

static void tail_pages_repeat_after_a_group(void **state)
{
	(void)state;
	for_grid(check_bytes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(refuses_other_base_pages),
	    cmocka_unit_test(refuses_other_records),
	    cmocka_unit_test(group_is_the_period),
	    cmocka_unit_test(orders_are_the_smallest_that_fill_pages),
	    cmocka_unit_test(folios_take_records_times_size),
	    cmocka_unit_test(known_figures),
	    cmocka_unit_test(tails_lead_to_heads),
	    cmocka_unit_test(others_are_their_own_heads),
	    cmocka_unit_test(orders_have_words_of_their_own),
	    cmocka_unit_test(tail_pages_repeat_after_a_group),
	};

	return cmocka_run_group_tests_name("geometry", tests, NULL, NULL);
}
