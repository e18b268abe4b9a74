/* SPDX-License-Identifier: MIT */
/*
 * Every transition over a grid of base pages, record sizes and orders, with
 * the number of frames after each step computed from the formulas of the
 * design; every descriptor is read and every page tried after each step. And
 * the largest folios there are, one for each base page size.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "engine_ref.h"

static const unsigned shifts[] = {12, 14, 16};
static const uint32_t records[] = {8, 32, 48, 56, 64, 104, 120, 128};

/* What all steps work on; `where` says which point of the grid it is. */
struct point {
	struct engine *e;
	struct ref *ref;
	unsigned small; /* orders: 2^(large - small) small folios a large one */
	unsigned large;
	char where[96];
};

static void must(const struct point *p, const char *step, const char *wrong)
{
	if (wrong)
		fail_msg("%s: %s: %s", p->where, step, wrong);
}

/* After every step: all as it should be, and exactly so many frames. */
static void sound(const struct point *p, const char *step, uint64_t frames)
{
	must(p, step, ref_compare(p->ref, p->e));
	must(p, step, engine_wrong(p->e));
	if (engine_handed_out(p->e) != frames)
		fail_msg("%s: %s: %u frames, not %u", p->where, step,
			 (unsigned)engine_handed_out(p->e), (unsigned)frames);
}

static void run(const struct point *p, const struct op *op)
{
	int error;

	must(p, op_name(op->kind), ref_run(p->ref, p->e, op, &error));
	if (error)
		fail_msg("%s: %s: %s", p->where, op_name(op->kind),
			 hvo_strerror(error));
}

/* A call on the whole map: as a range, or as all its folios in one list. */
static void run_all(const struct point *p, enum op_kind kind, unsigned flags)
{
	struct op op = {.kind = kind, .flags = flags, .order = p->small};
	unsigned whole =
	    kind == OP_JOIN || kind == OP_SPLIT ? p->large : p->small;
	uint64_t pfns = p->ref->end - p->ref->first;

	op.pfns[0] = p->ref->first;
	op.count = pfns;
	if (kind == OP_SPLIT) {
		op.order = p->large;
		op.to = p->small;
	}
	if (kind == OP_JOIN)
		op.to = p->large;
	if (op_bulk(kind)) {
		op.count = pfns >> whole;
		for (uint64_t i = 0; i < op.count; i++)
			op.pfns[i] = p->ref->first + (i << whole);
	}
	run(p, &op);
}

static void prepare_all(const struct point *p)
{
	struct op op = {.kind = OP_PREPARE,
			.order = p->small,
			.count = UINT64_C(1) << p->small};

	for (op.pfns[0] = p->ref->first; op.pfns[0] < p->ref->end;
	     op.pfns[0] += op.count)
		run(p, &op);
}

static void run_large(const struct point *p, enum op_kind kind, unsigned flags)
{
	struct op op = {.kind = kind,
			.order = p->large,
			.flags = flags,
			.count =
			    op_bulk(kind) ? 1 : p->ref->end - p->ref->first,
			.pfns = {p->ref->first}};

	run(p, &op);
}

/* Full to optimized and back, in small folios. */
static void walk_small(const struct point *p, uint64_t pages, uint64_t tails)
{
	uint64_t folios = (p->ref->end - p->ref->first) >> p->small;

	run_all(p, OP_POPULATE, 0);
	sound(p, "populate", pages);
	prepare_all(p);
	sound(p, "prepare", pages);
	run_all(p, OP_OPTIMIZE, 0);
	sound(p, "optimize", folios + tails);
	run_all(p, OP_RESTORE, 0);
	sound(p, "restore", pages + tails);
	run_all(p, OP_OPTIMIZE, HVO_PREPARED);
	sound(p, "optimize again", folios + tails);
	run_all(p, OP_DEPOPULATE, 0);
	sound(p, "depopulate", tails);
}

/* Optimized from the start, split, joined, self-hosted; two large folios. */
static void walk_large(const struct point *p, uint64_t pages, uint64_t small,
		       uint64_t large)
{
	uint64_t folios = (p->ref->end - p->ref->first) >> p->small;

	run_large(p, OP_POPULATE_OPTIMIZED, 0);
	sound(p, "populate optimized", 2 + small + large);
	run_all(p, OP_SPLIT, 0);
	sound(p, "split", folios + small + large);
	run_all(p, OP_JOIN, 0);
	sound(p, "join", 2 + small + large);
	run_large(p, OP_RESTORE, HVO_SELF_HOST);
	sound(p, "self-host", 2 + small + large);
	run_large(p, OP_OPTIMIZE, 0);
	sound(p, "optimize self-hosted", 2 + small + large);
	run_large(p, OP_RESTORE, 0);
	sound(p, "restore one", pages / 2 + 1 + small + large);
	run_all(p, OP_DEPOPULATE, 0);
	sound(p, "depopulate all", small + large);
}

/* Frames of an order's shared tails: the group, or what fills the window. */
static uint64_t tails_frames(const struct point *p, unsigned order)
{
	uint64_t tails =
	    ((p->ref->record.size << order) >> p->e->config.page_shift) - 1;
	uint64_t group = p->ref->record.size;
	uint64_t window = p->ref->window;

	/* record / gcd(record, page), the page being a power of two. */
	while (group % 2 == 0)
		group /= 2;
	if (window > group)
		group = window - window % group;
	return tails <= window || tails < group ? tails : group;
}

static void run_point(unsigned shift, uint32_t record, unsigned above,
		      unsigned arch, uint32_t window)
{
	struct hvo_geometry g;
	struct point p;

	assert_int_equal(hvo_geometry_init(&g, shift, record), 0);
	p.small = g.min_order + above;
	p.large = p.small + 2;
	if (p.large > g.max_order)
		return;

	struct engine_config config = {
	    .page_shift = shift,
	    .record = engine_record(record, record / 8 / 2 * 8),
	    .pfn_first = UINT64_C(6) << p.large,
	    .pfn_end = UINT64_C(8) << p.large,
	    .domains = 1,
	    .arch = arch,
	    .window_pages = window,
	    .spare_frames = 8 * 512,
	};

	p.e = engine_open(&config);
	p.ref = ref_open(p.e);
	snprintf(p.where, sizeof(p.where),
		 "%s, shift %u, record %u, orders %u and %u, window %u",
		 engine_arch_name(arch), shift, record, p.small, p.large,
		 window);

	uint64_t pages = engine_pages(p.e);
	uint64_t small = tails_frames(&p, p.small);
	uint64_t large = tails_frames(&p, p.large);

	assert_int_equal(pages, 2 * hvo_folio_pages(&g, p.large));
	walk_small(&p, pages, small);
	walk_large(&p, pages, small, large);
	assert_int_equal(hvo_vmemmap_fini(p.e->map), 0);
	assert_int_equal(engine_handed_out(p.e), 0);
	ref_close(p.ref);
	engine_close(p.e);
}

static void test_grid(void **state)
{
	unsigned point = 0;

	(void)state;
	for (size_t s = 0; s < sizeof(shifts) / sizeof(*shifts); s++)
		for (size_t r = 0; r < sizeof(records) / sizeof(*records); r++)
			for (unsigned above = 0; above < 3 - s / 2;
			     above++, point++)
				/* Each architecture and window in turn. */
				run_point(shifts[s], records[r], above,
					  (point + s) % engine_archs,
					  point / 4 % 3 * 3);
}

/* ---- the largest folios ------------------------------------------------- */

static void check_largest(struct engine *e, unsigned order)
{
	hvo_pfn_t end = e->config.pfn_end;
	uint64_t mask = (UINT64_C(1) << order) - 1;
	size_t info_offset = e->config.record.info_offset;
	uint32_t record = e->config.record.size;
	uint64_t folio_pages =
	    ((uint64_t)record << order) >> e->config.page_shift;

	for (hvo_pfn_t pfn = e->config.pfn_first; pfn < end; pfn++) {
		uint64_t info = engine_load(e, engine_va(e, pfn, info_offset));
		uintptr_t head =
		    hvo_head_address(record, engine_va(e, pfn, 0), info);

		if (head != engine_va(e, pfn & ~mask, 0))
			fail_msg("pfn %#llx leads astray",
				 (unsigned long long)pfn);
	}
	/* Around each head, and here and there: faults are slow. */
	for (uint64_t page = 0; page < engine_pages(e); page++)
		if ((page % folio_pages < 3 || page % 61 == 0 ||
		     page % folio_pages == folio_pages - 1) &&
		    engine_write_faults(e, engine_page_va(e, page)) !=
			(page % folio_pages != 0))
			fail_msg("page %llu can be written, or its head not",
				 (unsigned long long)page);
	assert_null(engine_wrong(e));
}

/* 16 GiB in one folio, then in 16 of 1 GiB, then in one again. */
static void run_largest(unsigned shift, uint32_t record)
{
	const unsigned order = 34 - shift;
	struct engine_config config = {
	    .page_shift = shift,
	    .record = engine_record(record, 8),
	    .pfn_end = UINT64_C(1) << order,
	    .domains = 1,
	    .spare_frames = 4096,
	};
	struct engine *e = engine_open(&config);
	hvo_pfn_t pfn = 0;
	uint64_t done;
	size_t folios;

	assert_int_equal(hvo_vmemmap_populate_optimized(e->map, 0,
							config.pfn_end, order,
							0, &e->work, &done),
			 0);
	assert_int_equal(done, config.pfn_end);

	uint64_t tails = engine_handed_out(e) - 1;
	uint64_t window = hvo_port_traits(e->config.port)->window_pages;

	/* A group, at least a window full of it; never one a page. */
	assert_true(tails >= 1 && tails <= window + record);
	check_largest(e, order);
	assert_int_equal(hvo_vmemmap_split(e->map, &pfn, 1, order, order - 4,
					   &e->work, &folios),
			 0);
	assert_true(engine_handed_out(e) >= 16 + tails &&
		    engine_handed_out(e) <= 16 + 2 * tails);
	check_largest(e, order - 4);
	assert_int_equal(hvo_vmemmap_join(e->map, &pfn, 1, order - 4, order,
					  &e->work, &folios),
			 0);
	check_largest(e, order);
	assert_int_equal(
	    hvo_vmemmap_depopulate(e->map, 0, config.pfn_end, &e->work, &done),
	    0);
	assert_int_equal(hvo_vmemmap_fini(e->map), 0);
	assert_int_equal(engine_handed_out(e), 0);
	engine_close(e);
}

static void test_largest(void **state)
{
	(void)state;
	run_largest(12, 64);
	run_largest(14, 64);
	run_largest(16, 64);
	run_largest(16, 104);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_grid),
	    cmocka_unit_test(test_largest),
	};

	return cmocka_run_group_tests_name(engine_port_name, tests, NULL, NULL);
}
