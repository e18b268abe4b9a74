/* SPDX-License-Identifier: MIT */
/*
 * The check finds what it says it finds: a machine is damaged in each way on
 * purpose, and the right finding demanded.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "mm.h"

/*
 * A machine with a page of each kind: free blocks, a full cache, a full and an
 * optimized folio, one page allocated, isolated pages, a retired page.
 */
struct victim {
	struct machine *m;
	struct hvo_page *full;
	struct hvo_page *optimized;
	struct hvo_page *single;
	struct hvo_page *cached;
	struct hvo_page *free; /* head of a free block of order > 1 */
	struct hvo_page *isolated;
	struct hvo_page *retired;
	struct hvo_page *frame;
	struct hvo_page saved; /* of the page that is damaged */
};

static struct hvo_page *find_free(struct machine *m)
{
	for (hvo_pfn_t pfn = 0; pfn < m->config.pfn_end; pfn++) {
		struct hvo_page *page = hvo_mm_page(m->mm, pfn);

		if ((atomic_load(&page->flags) & HVO_PAGE_FREE) &&
		    page->order > 1 && page->data)
			return page;
	}
	fail();
	return NULL;
}

static struct hvo_page *find_frame(struct machine *m)
{
	for (hvo_pfn_t pfn = 0; pfn < m->config.pfn_end; pfn++) {
		struct hvo_page *page = hvo_mm_page(m->mm, pfn);

		if (atomic_load(&page->flags) & HVO_PAGE_BOOT)
			return page;
	}
	fail();
	return NULL;
}

static struct victim prepare(void)
{
	struct machine *m = machine_open(&(struct machine_config){0});
	struct victim v = {.m = m};
	struct hvo_page *small[8];

	/* Free blocks of one order in two places, so that a list has two. */
	v.full = machine_alloc(m, 9, 0);
	v.optimized = machine_alloc(m, 9, HVO_ALLOC_HVO | HVO_ALLOC_FROZEN);
	for (int i = 0; i < 8; i++)
		small[i] = machine_alloc(m, 6, 0);
	hvo_folio_put(m->mm, small[1]);
	hvo_folio_put(m->mm, small[4]);
	v.single = machine_alloc(m, 0, 0);
	v.cached = machine_alloc(m, 0, 0);
	hvo_folio_put(m->mm, v.cached);
	assert_int_equal(hvo_contig_isolate(m->mm, 100, 28), 0);
	v.isolated = hvo_mm_page(m->mm, 112);
	assert_int_equal(hvo_mm_poison(m->mm, 200, NULL), 0);
	v.retired = hvo_mm_page(m->mm, 200);
	v.cached = machine_alloc(m, 0, 0);
	hvo_folio_put(m->mm, v.cached);
	v.free = find_free(m);
	v.frame = find_frame(m);
	machine_assert(m);
	return v;
}

static void save(struct victim *v, struct hvo_page *page)
{
	memcpy(&v->saved, page, sizeof(*page));
}

/* The check finds just that; mended, it finds nothing. */
static void finds(struct victim *v, struct hvo_page *page,
		  enum hvo_mm_violation violation)
{
	const struct hvo_check_options options = {
	    .seen = v->m->seen,
	    .frame_end = v->m->frame_end,
	};
	struct hvo_mm_finding f;

	assert_int_equal(hvo_mm_check(v->m->mm, &options, &f), -HVO_ECORRUPT);
	assert_string_equal(hvo_mm_violation_text(f.violation),
			    hvo_mm_violation_text(violation));
	memcpy(page, &v->saved, sizeof(*page));
	machine_assert(v->m);
}

static void flags_of(struct victim *v, struct hvo_page *page, uint64_t set,
		     uint64_t clear, enum hvo_mm_violation violation)
{
	save(v, page);
	atomic_fetch_or(&page->flags, set);
	atomic_fetch_and(&page->flags, ~clear);
	finds(v, page, violation);
}

static void marks(void **state)
{
	struct victim v = prepare();

	(void)state;
	flags_of(&v, v.single, 0, HVO_PAGE_FOLIO, HVO_MM_NO_OWNER);
	flags_of(&v, v.free, 0, HVO_PAGE_FREE, HVO_MM_NO_OWNER);
	flags_of(&v, v.frame, 0, HVO_PAGE_BOOT, HVO_MM_NO_OWNER);
	flags_of(&v, v.free, HVO_PAGE_FOLIO, 0, HVO_MM_TWO_OWNERS);
	flags_of(&v, v.cached, HVO_PAGE_FREE, 0, HVO_MM_TWO_OWNERS);
	flags_of(&v, v.single, UINT64_C(2) << HVO_PAGE_DOMAIN_SHIFT,
		 UINT64_C(1) << HVO_PAGE_DOMAIN_SHIFT, HVO_MM_ZONE);
	flags_of(&v, v.full + 5, UINT64_C(2) << HVO_PAGE_DOMAIN_SHIFT, 0,
		 HVO_MM_NOT_FRESH);
	flags_of(&v, v.retired, 0, HVO_PAGE_POISON, HVO_MM_POISON_LOST);
	flags_of(&v, v.free, HVO_PAGE_POISON, 0, HVO_MM_POISON_LOST);
	flags_of(&v, v.free + 1, HVO_PAGE_POISON, 0, HVO_MM_POISON_LOST);
	flags_of(&v, v.free + 1, HVO_PAGE_RESERVED, 0, HVO_MM_NOT_FRESH);
	/* Somebody's page looks like a frame, and the reverse. */
	flags_of(&v, v.retired, HVO_PAGE_VMEMMAP,
		 HVO_PAGE_RETIRED | HVO_PAGE_POISON, HVO_MM_FRAME);
	flags_of(&v, v.frame, HVO_PAGE_RESERVED, HVO_PAGE_BOOT, HVO_MM_FRAME);
	/* In the right place, but not in the account. */
	flags_of(&v, v.retired, HVO_PAGE_RESERVED,
		 HVO_PAGE_RETIRED | HVO_PAGE_POISON, HVO_MM_COUNTER);
	flags_of(&v, v.full + 9, HVO_PAGE_POISON, 0, HVO_MM_COUNTER);
	flags_of(&v, v.cached, HVO_PAGE_ISOLATED, HVO_PAGE_CACHE, HVO_MM_LIST);
	flags_of(&v, v.isolated, HVO_PAGE_FREE, HVO_PAGE_ISOLATED,
		 HVO_MM_NOT_LISTED);
	machine_close(v.m);
}

static void words(void **state)
{
	struct victim v = prepare();

	(void)state;
	save(&v, v.free + 1);
	v.free[1].data = 1;
	finds(&v, v.free + 1, HVO_MM_NOT_FRESH);
	save(&v, v.free + 3);
	atomic_store(&v.free[3].refcount, 1);
	finds(&v, v.free + 3, HVO_MM_NOT_FRESH);
	save(&v, v.free);
	atomic_store(&v.free->refcount, 1);
	finds(&v, v.free, HVO_MM_NOT_FRESH);
	save(&v, v.full + 7);
	atomic_store(&v.full[7].compound_info, 0);
	finds(&v, v.full + 7, HVO_MM_NOT_FRESH);
	save(&v, v.full + 7);
	atomic_store(&v.full[7].refcount, 1);
	finds(&v, v.full + 7, HVO_MM_NOT_FRESH);
	save(&v, v.frame);
	atomic_store(&v.frame->refcount, 1);
	finds(&v, v.frame, HVO_MM_NOT_FRESH);
	save(&v, v.full);
	v.full->order = 30;
	finds(&v, v.full, HVO_MM_BLOCK);
	save(&v, v.free);
	v.free->order = 40;
	finds(&v, v.free, HVO_MM_BLOCK);
	save(&v, v.optimized);
	v.optimized->order = 8;
	finds(&v, v.optimized, HVO_MM_BLOCK);
	save(&v, v.free);
	v.free->data = 0;
	finds(&v, v.free, HVO_MM_NOT_LISTED);
	save(&v, v.free);
	v.free->data = (uint64_t)hvo_mm_pfn(v.m->mm, v.free) + 1;
	finds(&v, v.free, HVO_MM_LIST);
	save(&v, v.free);
	atomic_fetch_add(&v.free->compound_info, 4);
	finds(&v, v.free, HVO_MM_LIST);
	save(&v, v.cached);
	v.cached->data = 0;
	finds(&v, v.cached, HVO_MM_NOT_LISTED);
	/* A head under the engine's own eyes. */
	save(&v, v.optimized + 1);
	atomic_store(&v.optimized[1].compound_info, 0);
	finds(&v, v.optimized + 1, HVO_MM_ENGINE);
	machine_close(v.m);
}

/* What the manager did not do itself: the engine's map changes behind it. */
static void engine(void **state)
{
	const struct machine_config config = {.spare_pages = 512};
	struct machine *m = machine_open(&config);
	struct hvo_work *work = hvo_mm_work_take(m->mm);
	struct hvo_mm_finding f;

	(void)state;
	assert_int_equal(hvo_vmemmap_populate(hvo_mm_vmemmap(m->mm), 16384, 512,
					      1, false, work),
			 0);
	assert_int_equal(hvo_mm_check(m->mm, NULL, &f), -HVO_ECORRUPT);
	assert_int_equal(f.violation, HVO_MM_SECTION);
	assert_int_equal(f.pfn, 16384);
	assert_int_equal(hvo_vmemmap_depopulate(hvo_mm_vmemmap(m->mm), 16384,
						512, work, NULL),
			 0);
	hvo_mm_work_give(m->mm, work);
	machine_close(m);
}

static void texts(void **state)
{
	(void)state;
	for (int v = 0; v < HVO_MM_VIOLATIONS; v++)
		assert_non_null(
		    hvo_mm_violation_text((enum hvo_mm_violation)v));
	assert_string_equal(hvo_mm_violation_text(HVO_MM_VIOLATIONS),
			    "unknown violation");
	for (int o = 0; o < HVO_OWNERS; o++)
		assert_string_not_equal(hvo_owner_name((enum hvo_owner)o),
					"unknown");
	for (int z = 0; z < HVO_ZONES; z++)
		assert_string_not_equal(hvo_zone_name((enum hvo_zone_type)z),
					"unknown");
}

static void count_line(void *ctx, const char *line)
{
	assert_true(strlen(line) > 0);
	++*(unsigned *)ctx;
}

static void dump(void **state)
{
	struct victim v = prepare();
	unsigned lines = 0;

	(void)state;
	hvo_mm_dump(v.m->mm, count_line, &lines);
	assert_int_equal(lines, 1 + 3 + 1);
	machine_close(v.m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(marks),  cmocka_unit_test(words),
	    cmocka_unit_test(engine), cmocka_unit_test(texts),
	    cmocka_unit_test(dump),
	};

	return cmocka_run_group_tests_name("mm: the check", tests, NULL, NULL);
}
