/* SPDX-License-Identifier: MIT */
/*
 * Free pages of a pool: dissolving, demoting, promoting, and applying the
 * switch to them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "pools.h"

#define GIB (UINT64_C(1) << LARGE) /* in base pages */

/* ---- dissolving ------------------------------------------------------- */

static void dissolve(void **state)
{
	struct pools p = pools_open(&(struct machine_config){.nodes = 2}, NULL);
	uint64_t done;

	(void)state;
	pools_resize(&p, MEDIUM, 12);
	assert_int_equal(hvo_hugetlb_dissolve(p.h, 8, 0, 1, 0, &done),
			 -HVO_EORDER);
	assert_int_equal(hvo_hugetlb_dissolve(p.h, MEDIUM, 4, 1, 0, &done),
			 -HVO_ENODE);
	assert_int_equal(hvo_hugetlb_dissolve(p.h, MEDIUM, 0, 4, 0, &done), 0);
	assert_int_equal(done, 4);
	assert_int_equal(pools_node(&p, MEDIUM, 0).total, 4);
	assert_int_equal(pools_node(&p, MEDIUM, 1).total, 4);
	assert_int_equal(hvo_hugetlb_dissolve(p.h, MEDIUM, 2, 9, 0, &done),
			 -HVO_EBUSY);
	assert_int_equal(done, 4);
	assert_int_equal(pools_node(&p, MEDIUM, 0).total, 4);
	assert_int_equal(hvo_hugetlb_reserve(p.h, MEDIUM, 3), 0);
	assert_int_equal(hvo_hugetlb_dissolve(p.h, MEDIUM, 0, 4, 0, &done),
			 -HVO_EBUSY);
	assert_int_equal(done, 1);
	pools_assert(&p);
	assert_int_equal(hvo_hugetlb_unreserve(p.h, MEDIUM, 3), 0);
	pools_close(&p);
}

/* With no frame to be had all of them can be dissolved. */
static void dissolve_without_memory(void **state)
{
	struct pools p =
	    pools_open(&(struct machine_config){.node_pages = MIB(512)}, NULL);
	struct hvo_page **pages;
	struct hvo_mm_stats s;
	uint64_t digest;
	uint64_t done;
	size_t count;

	(void)state;
	pools_resize(&p, MEDIUM, 200);
	pages = pools_starve(&p, &count);
	assert_int_equal(machine_free(p.m), 0);
	digest = pools_digest(&p);
	assert_int_equal(
	    hvo_hugetlb_dissolve(p.h, MEDIUM, 0, 200, HVO_FREE_NO_HOST, &done),
	    -HVO_ENOMEM);
	assert_int_equal(done, 0);
	assert_int_equal(pools_digest(&p), digest);
	assert_int_equal(hvo_hugetlb_dissolve(p.h, MEDIUM, 0, 200, 0, &done),
			 0);
	assert_int_equal(done, 200);
	pools_assert(&p);
	hvo_mm_stats(p.m->mm, &s);
	assert_int_equal(s.deferred, 0);
	/* One hosts its own, and what that frees serves many others. */
	assert_in_range(s.hosts, 1, 200 / 64);
	assert_int_equal(machine_free(p.m), 200 * (512 - SAVED(MEDIUM)));
	pools_feed(&p, pages, count);
	pools_close(&p);
}

static void dissolve_range(void **state)
{
	struct pools p = pools_open(&(struct machine_config){.nodes = 2}, NULL);
	struct hvo_page *folio;
	uint64_t done = 9;
	hvo_pfn_t pfn;

	(void)state;
	pools_resize(&p, MEDIUM, 20);
	pools_resize(&p, SMALL, 40);
	assert_int_equal(hvo_hugetlb_dissolve_range(p.h, 0, 0, 0, &done),
			 -HVO_ERANGE);
	assert_int_equal(hvo_hugetlb_dissolve_range(p.h, 1, MIB(128), 0, &done),
			 -HVO_ERANGE);
	assert_int_equal(done, 0);
	/* One base page is enough to be in the range. */
	folio = pools_take(&p, MEDIUM, 0);
	pfn = hvo_mm_pfn(p.m->mm, folio);
	assert_int_equal(
	    hvo_hugetlb_dissolve_range(p.h, pfn + 300, 1, 0, &done),
	    -HVO_EBUSY);
	assert_int_equal(done, 0);
	pools_give(&p, folio);
	assert_int_equal(
	    hvo_hugetlb_dissolve_range(p.h, pfn + 300, 1, 0, &done), 0);
	assert_int_equal(done, 1);
	assert_int_equal(hvo_hugetlb_state(p.h, pfn), HVO_HUGETLB_NONE);
	/* A node's memory, of all sizes; what it has is free afterwards. */
	assert_int_equal(
	    hvo_hugetlb_dissolve_range(p.h, MIB(64), MIB(64), 0, &done), 0);
	assert_int_equal(done, 30);
	assert_int_equal(pools_node(&p, MEDIUM, 1).total, 0);
	assert_int_equal(pools_node(&p, SMALL, 1).total, 0);
	assert_int_equal(pools_node(&p, MEDIUM, 0).total, 9);
	assert_int_equal(pools_node(&p, SMALL, 0).total, 20);
	pools_assert(&p);
	/* Reserved ones stay. */
	assert_int_equal(hvo_hugetlb_reserve(p.h, MEDIUM, 2), 0);
	assert_int_equal(hvo_hugetlb_dissolve_range(p.h, 0, MIB(64), 0, &done),
			 -HVO_EBUSY);
	assert_int_equal(done, 7 + 20);
	pools_assert(&p);
	assert_int_equal(hvo_hugetlb_unreserve(p.h, MEDIUM, 2), 0);
	pools_close(&p);
}

/* Memory that no whole large page fits into belongs to no large page. */
static void range_at_the_end(void **state)
{
	struct pools p = pools_open(&(struct machine_config){0}, NULL);
	uint64_t done;

	(void)state;
	pools_resize(&p, MEDIUM, 4);
	assert_int_equal(hvo_hugetlb_dissolve_range(p.h, 0, MIB(64), 0, &done),
			 0);
	assert_int_equal(done, 4);
	pools_close(&p);
}

/* Dissolving and offlining go together. */
static void offline(void **state)
{
	const struct machine_config config = {.movable_pages = MIB(32)};
	struct pools p = pools_open(&config, NULL);
	uint64_t done;

	(void)state;
	pools_resize(&p, MEDIUM, 16);
	assert_int_equal(hvo_mm_offline(p.m->mm, MIB(32), MIB(32)), -HVO_EBUSY);
	assert_int_equal(
	    hvo_hugetlb_dissolve_range(p.h, MIB(32), MIB(32), 0, &done), 0);
	assert_int_equal(done, 16);
	assert_int_equal(hvo_mm_offline(p.m->mm, MIB(32), MIB(32)), 0);
	pools_assert(&p);
	assert_int_equal(hvo_mm_online(p.m->mm, MIB(32), MIB(32)), 0);
	pools_close(&p);
}

/* ---- demoting --------------------------------------------------------- */

static uint64_t frames(struct pools *p)
{
	struct hvo_vmemmap_stats s;

	hvo_vmemmap_stats(hvo_mm_vmemmap(p->m->mm), &s);
	return hvo_stats_frames(&s);
}

/* A machine that has 1 GiB to give, and the windows of all sizes. */
static struct pools open_large(void)
{
	struct pools p = pools_open(
	    &(struct machine_config){.node_pages = 2 * GIB + MIB(256)}, NULL);

	hvo_hugetlb_set_optimize(p.h, true);
	pools_resize(&p, MEDIUM, 1);
	pools_resize(&p, LARGE, 1);
	return p;
}

/* 1 GiB into 512 pages of 2 MiB takes 511 frames, and never more. */
static void demote_takes_511(void **state)
{
	struct pools p = open_large();
	uint64_t before = frames(&p);
	uint64_t free = machine_free(p.m);
	struct hvo_page **pages;
	uint64_t done;
	size_t count;

	(void)state;
	assert_int_equal(pools_stats(&p, LARGE).optimized, 1);
	/* Leave just these 511: a peak above them would fail. */
	pages = pools_starve(&p, &count);
	for (size_t i = 0; i < 511; i++)
		assert_int_equal(hvo_folio_put(p.m->mm, pages[--count]), 0);
	hvo_mm_drain_caches(p.m->mm);
	assert_int_equal(hvo_hugetlb_demote(p.h, LARGE, MEDIUM, 0, 1, &done),
			 0);
	assert_int_equal(done, 1);
	assert_int_equal(frames(&p), before + 511);
	pools_feed(&p, pages, count);
	assert_int_equal(machine_free(p.m), free - 511);
	assert_int_equal(pools_stats(&p, LARGE).total, 0);
	assert_int_equal(pools_stats(&p, MEDIUM).total, 513);
	assert_int_equal(pools_stats(&p, MEDIUM).free, 513);
	assert_int_equal(pools_stats(&p, MEDIUM).optimized, 513);
	pools_assert(&p);
	/* And back. */
	assert_int_equal(hvo_hugetlb_promote(p.h, MEDIUM, LARGE, 0, 1, &done),
			 0);
	assert_int_equal(frames(&p), before);
	assert_int_equal(pools_stats(&p, LARGE).optimized, 1);
	assert_int_equal(pools_stats(&p, MEDIUM).total, 1);
	pools_assert(&p);
	pools_close(&p);
}

/* One frame less, and nothing has happened. */
static void demote_fails_clean(void **state)
{
	struct pools p = open_large();
	struct hvo_page **pages;
	uint64_t digest;
	uint64_t done;
	size_t count;

	(void)state;
	pages = pools_starve(&p, &count);
	for (size_t i = 0; i < 510; i++)
		assert_int_equal(hvo_folio_put(p.m->mm, pages[--count]), 0);
	digest = pools_digest(&p);
	assert_int_equal(hvo_hugetlb_demote(p.h, LARGE, MEDIUM, 0, 1, &done),
			 -HVO_ENOMEM);
	assert_int_equal(done, 0);
	assert_int_equal(pools_digest(&p), digest);
	pools_assert(&p);
	pools_feed(&p, pages, count);
	pools_close(&p);
}

/* To a size that cannot be optimized it takes all that were saved. */
static void demote_to_full(void **state)
{
	struct pools p = pools_open(&(struct machine_config){.nodes = 2}, NULL);
	uint64_t done;

	(void)state;
	pools_resize(&p, MEDIUM, 6);
	assert_int_equal(hvo_hugetlb_demote(p.h, MEDIUM, SMALL, 2, 2, &done),
			 0);
	assert_int_equal(done, 2);
	assert_int_equal(pools_stats(&p, MEDIUM).total, 4);
	assert_int_equal(pools_node(&p, SMALL, 1).total, 64);
	assert_int_equal(pools_stats(&p, SMALL).optimized, 0);
	assert_int_equal(pools_node(&p, SMALL, 0).total, 0);
	pools_assert(&p);
	assert_int_equal(hvo_hugetlb_demote(p.h, MEDIUM, SMALL, 2, 2, &done),
			 -HVO_EBUSY);
	assert_int_equal(done, 1);
	assert_int_equal(hvo_hugetlb_reserve(p.h, MEDIUM, 2), 0);
	assert_int_equal(hvo_hugetlb_demote(p.h, MEDIUM, SMALL, 0, 2, &done),
			 -HVO_EBUSY);
	assert_int_equal(done, 1);
	assert_int_equal(hvo_hugetlb_demote(p.h, MEDIUM, MEDIUM, 0, 1, &done),
			 -HVO_EORDER);
	assert_int_equal(hvo_hugetlb_demote(p.h, SMALL, MEDIUM, 0, 1, &done),
			 -HVO_EORDER);
	assert_int_equal(hvo_hugetlb_demote(p.h, MEDIUM, 8, 0, 1, &done),
			 -HVO_EORDER);
	assert_int_equal(hvo_hugetlb_demote(p.h, MEDIUM, SMALL, 4, 1, &done),
			 -HVO_ENODE);
	assert_int_equal(hvo_hugetlb_unreserve(p.h, MEDIUM, 2), 0);
	pools_assert(&p);
	pools_close(&p);
}

/* ---- promoting -------------------------------------------------------- */

static void promote(void **state)
{
	struct pools p = pools_open(&(struct machine_config){.nodes = 2}, NULL);
	struct hvo_page *folio;
	uint64_t done;

	(void)state;
	pools_resize(&p, MEDIUM, 4);
	assert_int_equal(hvo_hugetlb_demote(p.h, MEDIUM, SMALL, 0, 4, &done),
			 0);
	assert_int_equal(pools_stats(&p, SMALL).total, 128);
	/* One used page is in the way of one large one. */
	folio = pools_take(&p, SMALL, 0);
	assert_int_equal(hvo_hugetlb_promote(p.h, SMALL, MEDIUM, 0, 4, &done),
			 -HVO_EBUSY);
	assert_int_equal(done, 3);
	assert_int_equal(pools_stats(&p, SMALL).total, 32);
	assert_int_equal(pools_stats(&p, MEDIUM).total, 3);
	/* They were full, and so it is; the switch applies when told to. */
	assert_int_equal(pools_stats(&p, MEDIUM).optimized, 0);
	assert_int_equal(hvo_hugetlb_apply(p.h, MEDIUM, &done), 0);
	assert_int_equal(done, 3);
	pools_assert(&p);
	pools_give(&p, folio);
	/* So is a reservation, and another node. */
	assert_int_equal(hvo_hugetlb_reserve(p.h, SMALL, 1), 0);
	assert_int_equal(hvo_hugetlb_promote(p.h, SMALL, MEDIUM, 0, 1, &done),
			 -HVO_EBUSY);
	assert_int_equal(hvo_hugetlb_unreserve(p.h, SMALL, 1), 0);
	assert_int_equal(hvo_hugetlb_promote(p.h, SMALL, MEDIUM, 2, 1, &done),
			 -HVO_EBUSY);
	assert_int_equal(done, 0);
	assert_int_equal(hvo_hugetlb_promote(p.h, SMALL, MEDIUM, 1, 1, &done),
			 0);
	assert_int_equal(done, 1);
	assert_int_equal(hvo_hugetlb_promote(p.h, MEDIUM, SMALL, 0, 1, &done),
			 -HVO_EORDER);
	assert_int_equal(hvo_hugetlb_promote(p.h, SMALL, MEDIUM, 4, 1, &done),
			 -HVO_ENODE);
	pools_assert(&p);
	pools_close(&p);
}

/* Neighbours of which some are optimized cannot become one. */
static void promote_mixed(void **state)
{
	struct hvo_hugetlb_config c = pools_config();
	struct pools p;
	uint64_t done;

	(void)state;
	c.orders[1] = MEDIUM + 1;
	p = pools_open(&(struct machine_config){0}, &c);
	pools_resize(&p, MEDIUM + 1, 2);
	assert_int_equal(
	    hvo_hugetlb_demote(p.h, MEDIUM + 1, MEDIUM, 0, 2, &done), 0);
	hvo_hugetlb_set_optimize(p.h, false);
	/* All full but one of each two: take these out of reach. */
	for (int i = 0; i < 2; i++) {
		struct hvo_page *folio[4];
		size_t n;
		const struct hvo_hugetlb_want want = {.order = MEDIUM};

		assert_int_equal(hvo_hugetlb_alloc(p.h, &want, 4, folio, &n),
				 0);
		assert_int_equal(hvo_hugetlb_free(p.h, folio + 1, 1, NULL), 0);
		assert_int_equal(hvo_hugetlb_free(p.h, folio + 3, 1, NULL), 0);
		assert_int_equal(hvo_hugetlb_apply(p.h, MEDIUM, &done), 0);
		assert_int_equal(done, i ? 0 : 2);
		assert_int_equal(hvo_hugetlb_free(p.h, folio, 1, NULL), 0);
		assert_int_equal(hvo_hugetlb_free(p.h, folio + 2, 1, NULL), 0);
	}
	assert_int_equal(pools_stats(&p, MEDIUM).optimized, 2);
	assert_int_equal(
	    hvo_hugetlb_promote(p.h, MEDIUM, MEDIUM + 1, 0, 2, &done),
	    -HVO_EBUSY);
	assert_int_equal(done, 0);
	pools_assert(&p);
	assert_int_equal(hvo_hugetlb_apply(p.h, MEDIUM, &done), 0);
	assert_int_equal(
	    hvo_hugetlb_promote(p.h, MEDIUM, MEDIUM + 1, 0, 2, &done), 0);
	assert_int_equal(pools_stats(&p, MEDIUM + 1).optimized, 0);
	pools_close(&p);
}

/* ---- the switch ------------------------------------------------------- */

static void apply(void **state)
{
	struct pools p = pools_open(
	    &(struct machine_config){.node_pages = MIB(512), .nodes = 2}, NULL);
	struct hvo_page *used;
	uint64_t done;

	(void)state;
	hvo_hugetlb_set_optimize(p.h, false);
	assert_false(hvo_hugetlb_optimize(p.h));
	pools_resize(&p, MEDIUM, 300);
	assert_int_equal(pools_stats(&p, MEDIUM).optimized, 0);
	used = pools_take(&p, MEDIUM, 0);
	/* Reserved pages are free ones as well. */
	assert_int_equal(hvo_hugetlb_reserve(p.h, MEDIUM, 299), 0);
	assert_int_equal(hvo_hugetlb_apply(p.h, MEDIUM, &done), 0);
	assert_int_equal(done, 0);
	hvo_hugetlb_set_optimize(p.h, true);
	assert_int_equal(hvo_hugetlb_apply(p.h, MEDIUM, &done), 0);
	assert_int_equal(done, 299);
	assert_int_equal(pools_stats(&p, MEDIUM).optimized, 299);
	assert_false(hvo_folio_optimized(p.m->mm, used));
	pools_assert(&p);
	pools_give(&p, used);
	assert_int_equal(pools_stats(&p, MEDIUM).optimized, 299);
	hvo_hugetlb_set_optimize(p.h, false);
	assert_int_equal(hvo_hugetlb_apply(p.h, MEDIUM, &done), 0);
	assert_int_equal(done, 299);
	assert_int_equal(pools_stats(&p, MEDIUM).restore_frames, 0);
	pools_assert(&p);
	assert_int_equal(hvo_hugetlb_apply(p.h, 8, &done), -HVO_EORDER);
	assert_int_equal(hvo_hugetlb_apply(p.h, SMALL, &done), 0);
	hvo_hugetlb_set_optimize(p.h, true);
	assert_int_equal(hvo_hugetlb_apply(p.h, SMALL, &done), -HVO_EORDER);
	assert_int_equal(hvo_hugetlb_unreserve(p.h, MEDIUM, 299), 0);
	pools_close(&p);
}

static void apply_some(void **state)
{
	struct pools p =
	    pools_open(&(struct machine_config){.node_pages = MIB(512)}, NULL);
	hvo_pfn_t from = 0;
	uint64_t done;

	(void)state;
	pools_resize(&p, MEDIUM, 200);
	hvo_hugetlb_set_optimize(p.h, false);
	assert_int_equal(hvo_hugetlb_apply_some(p.h, MEDIUM, 150, &from, &done),
			 0);
	assert_int_equal(done, 150);
	assert_int_equal(pools_stats(&p, MEDIUM).optimized, 50);
	assert_true(from && from != HVO_HUGETLB_END);
	pools_assert(&p);
	/* What is behind it has been looked at. */
	hvo_hugetlb_set_optimize(p.h, true);
	assert_int_equal(hvo_hugetlb_apply_some(p.h, MEDIUM, 150, &from, &done),
			 0);
	assert_int_equal(done, 0);
	assert_true(from == HVO_HUGETLB_END);
	assert_int_equal(hvo_hugetlb_apply_some(p.h, MEDIUM, 150, &from, &done),
			 0);
	assert_int_equal(done, 0);
	from = 0;
	assert_int_equal(hvo_hugetlb_apply_some(p.h, MEDIUM, 0, &from, &done),
			 0);
	assert_int_equal(from, 0);
	assert_int_equal(hvo_hugetlb_apply_some(p.h, SMALL, 1, &from, &done),
			 -HVO_EORDER);
	assert_int_equal(from, 0);
	assert_int_equal(hvo_hugetlb_apply(p.h, MEDIUM, &done), 0);
	assert_int_equal(done, 150);
	pools_assert(&p);
	pools_close(&p);
}

/* Without frames restoring stops where they end. */
static void apply_stops(void **state)
{
	struct pools p =
	    pools_open(&(struct machine_config){.node_pages = MIB(256)}, NULL);
	struct hvo_page **pages;
	uint64_t done;
	size_t count;

	(void)state;
	pools_resize(&p, MEDIUM, 100);
	pages = pools_starve(&p, &count);
	for (size_t i = 0; i < 10 * SAVED(MEDIUM) + 1; i++)
		assert_int_equal(hvo_folio_put(p.m->mm, pages[--count]), 0);
	hvo_hugetlb_set_optimize(p.h, false);
	assert_int_equal(hvo_hugetlb_apply(p.h, MEDIUM, &done), -HVO_ENOMEM);
	assert_int_equal(done, 10);
	assert_int_equal(pools_stats(&p, MEDIUM).optimized, 90);
	assert_int_equal(pools_stats(&p, MEDIUM).free, 100);
	pools_assert(&p);
	pools_feed(&p, pages, count);
	assert_int_equal(hvo_hugetlb_apply(p.h, MEDIUM, &done), 0);
	assert_int_equal(done, 90);
	pools_close(&p);
}

/* A page with a bad base page, known to its tails only, is passed over. */
static void apply_dirty(void **state)
{
	struct pools p = pools_open(&(struct machine_config){0}, NULL);
	struct hvo_page *folio;
	uint64_t done;
	hvo_pfn_t bad;

	(void)state;
	hvo_hugetlb_set_optimize(p.h, false);
	pools_resize(&p, MEDIUM, 8);
	folio = pools_take(&p, MEDIUM, 0);
	bad = hvo_mm_pfn(p.m->mm, folio) + 200;
	pools_give(&p, folio);
	assert_int_equal(hvo_folio_poison(p.m->mm, folio, bad), 0);
	hvo_hugetlb_set_optimize(p.h, true);
	assert_int_equal(hvo_hugetlb_apply(p.h, MEDIUM, &done), -HVO_EDIRTY);
	assert_int_equal(done, 7);
	assert_int_equal(hvo_folio_unpoison(p.m->mm, folio, bad), 0);
	assert_int_equal(hvo_hugetlb_apply(p.h, MEDIUM, &done), 0);
	assert_int_equal(done, 1);
	pools_assert(&p);
	pools_close(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(dissolve),
	    cmocka_unit_test(dissolve_without_memory),
	    cmocka_unit_test(dissolve_range),
	    cmocka_unit_test(range_at_the_end),
	    cmocka_unit_test(offline),
	    cmocka_unit_test(demote_takes_511),
	    cmocka_unit_test(demote_fails_clean),
	    cmocka_unit_test(demote_to_full),
	    cmocka_unit_test(promote),
	    cmocka_unit_test(promote_mixed),
	    cmocka_unit_test(apply),
	    cmocka_unit_test(apply_some),
	    cmocka_unit_test(apply_stops),
	    cmocka_unit_test(apply_dirty),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
