/* SPDX-License-Identifier: MIT */
/*
 * Users of a pool: reserving, allocating, giving back, surplus, bad pages in
 * use.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "pools.h"

static int alloc(struct pools *p, unsigned order, unsigned flags, size_t n,
		 struct hvo_page **folios, size_t *done)
{
	const struct hvo_hugetlb_want want = {.order = order, .flags = flags};

	return hvo_hugetlb_alloc(p->h, &want, n, folios, done);
}

static unsigned node_of(const struct hvo_page *folio)
{
	return hvo_domain_node(hvo_page_domain(folio));
}

static void alloc_and_free(void **state)
{
	struct pools p = pools_open(&(struct machine_config){0}, NULL);
	struct hvo_page *folio[12];
	size_t done;

	(void)state;
	pools_resize(&p, MEDIUM, 10);
	assert_int_equal(alloc(&p, MEDIUM, 0, 12, folio, &done), -HVO_ENOMEM);
	assert_int_equal(done, 10);
	assert_int_equal(pools_stats(&p, MEDIUM).free, 0);
	for (size_t i = 0; i < done; i++) {
		hvo_pfn_t pfn = hvo_mm_pfn(p.m->mm, folio[i]);

		assert_int_equal(hvo_page_count(folio[i]), 0);
		assert_int_equal(hvo_folio_order(folio[i]), MEDIUM);
		assert_true(hvo_folio_optimized(p.m->mm, folio[i]));
		assert_int_equal(hvo_hugetlb_state(p.h, pfn), HVO_HUGETLB_USED);
		assert_int_equal(hvo_hugetlb_state(p.h, pfn + 16),
				 HVO_HUGETLB_NONE);
		for (size_t j = 0; j < i; j++)
			assert_ptr_not_equal(folio[i], folio[j]);
	}
	pools_assert(&p);
	/* The head is the user's, and is clean afterwards. */
	folio[3]->data = 5;
#if HVO_PAGE_BYTES > 32
	folio[3]->owner[0] = 7;
#endif
	assert_int_equal(hvo_hugetlb_free(p.h, folio, 10, &done), 0);
	assert_int_equal(done, 10);
	assert_int_equal(pools_stats(&p, MEDIUM).free, 10);
	assert_int_equal(hvo_hugetlb_state(p.h, hvo_mm_pfn(p.m->mm, folio[0])),
			 HVO_HUGETLB_FREE);
	pools_close(&p);
}

static void refuses(void **state)
{
	struct pools p = pools_open(&(struct machine_config){0}, NULL);
	struct hvo_hugetlb_want want = {.order = MEDIUM, .node = 1};
	struct hvo_page *other = machine_alloc(p.m, MEDIUM, HVO_ALLOC_FROZEN);
	struct hvo_page *folio[3];
	uint64_t digest;
	size_t done;

	(void)state;
	pools_resize(&p, MEDIUM, 3);
	folio[0] = pools_take(&p, MEDIUM, 0);
	digest = pools_digest(&p);
	assert_int_equal(hvo_hugetlb_alloc(p.h, &want, 1, folio + 1, &done),
			 -HVO_ENODE);
	assert_int_equal(done, 0);
	want = (struct hvo_hugetlb_want){.order = MEDIUM, .nodes = 2};
	assert_int_equal(hvo_hugetlb_alloc(p.h, &want, 1, folio + 1, &done),
			 -HVO_ENODE);
	assert_int_equal(alloc(&p, 8, 0, 1, folio + 1, &done), -HVO_EORDER);
	assert_int_equal(
	    alloc(&p, MEDIUM, HVO_HUGETLB_RESERVED, 1, folio + 1, &done),
	    -HVO_ESTATE);
	assert_int_equal(hvo_hugetlb_reserve(p.h, 8, 1), -HVO_EORDER);
	assert_int_equal(hvo_hugetlb_unreserve(p.h, 8, 1), -HVO_EORDER);
	assert_int_equal(hvo_hugetlb_unreserve(p.h, MEDIUM, 1), -HVO_ESTATE);
	assert_int_equal(hvo_hugetlb_reserve(p.h, MEDIUM, 3), -HVO_ENOMEM);
	assert_int_equal(hvo_hugetlb_reserve(p.h, MEDIUM, UINT64_MAX),
			 -HVO_ENOMEM);
	/* Not the pool's, referenced, a tail, twice. */
	assert_int_equal(hvo_hugetlb_free(p.h, &other, 1, &done), -HVO_ESTATE);
	assert_int_equal(done, 0);
	hvo_folio_unfreeze(folio[0], 1);
	assert_int_equal(hvo_hugetlb_free(p.h, folio, 1, NULL), -HVO_ESTATE);
	assert_true(hvo_folio_freeze(folio[0], 1));
	folio[1] = folio[0] + 1;
	assert_int_equal(hvo_hugetlb_free(p.h, folio + 1, 1, NULL),
			 -HVO_ESTATE);
	assert_int_equal(pools_digest(&p), digest);
	folio[1] = folio[0];
	assert_int_equal(hvo_hugetlb_free(p.h, folio, 2, &done), -HVO_ESTATE);
	assert_int_equal(done, 1);
	assert_int_equal(hvo_hugetlb_free(p.h, folio, 1, &done), -HVO_ESTATE);
	assert_int_equal(hvo_folio_free(p.m->mm, &other, 1, 0, NULL), 0);
	pools_assert(&p);
	pools_close(&p);
}

static void nodes(void **state)
{
	static const uint8_t distance[] = {10, 30, 20, 30, 10, 20, 20, 20, 10};
	const struct machine_config config = {.nodes = 3, .distance = distance};
	struct pools p = pools_open(&config, NULL);
	struct hvo_hugetlb_want want = {.order = MEDIUM};
	const unsigned order[] = {0, 0, 2, 2, 1, 1};
	struct hvo_page *folio[6];
	size_t done;

	(void)state;
	pools_resize(&p, MEDIUM, 6);
	for (int i = 0; i < 6; i++) {
		assert_int_equal(
		    hvo_hugetlb_alloc(p.h, &want, 1, &folio[i], &done), 0);
		assert_int_equal(node_of(folio[i]), order[i]);
	}
	assert_int_equal(hvo_hugetlb_free(p.h, folio, 6, NULL), 0);
	want.nodes = 2;
	assert_int_equal(hvo_hugetlb_alloc(p.h, &want, 3, folio, &done),
			 -HVO_ENOMEM);
	assert_int_equal(done, 2);
	assert_int_equal(node_of(folio[0]), 1);
	assert_int_equal(node_of(folio[1]), 1);
	/* A reservation has no node, so a mask may exclude what covers it. */
	assert_int_equal(hvo_hugetlb_reserve(p.h, MEDIUM, 4), 0);
	want.flags = HVO_HUGETLB_RESERVED;
	assert_int_equal(hvo_hugetlb_alloc(p.h, &want, 1, folio + 2, &done),
			 -HVO_ENOMEM);
	assert_int_equal(pools_stats(&p, MEDIUM).reserved, 4);
	assert_int_equal(hvo_hugetlb_unreserve(p.h, MEDIUM, 4), 0);
	assert_int_equal(hvo_hugetlb_free(p.h, folio, 2, NULL), 0);
	pools_close(&p);
}

static void reserving(void **state)
{
	struct pools p = pools_open(&(struct machine_config){0}, NULL);
	struct hvo_page *folio[8];
	size_t done;

	(void)state;
	pools_resize(&p, MEDIUM, 8);
	assert_int_equal(hvo_hugetlb_reserve(p.h, MEDIUM, 5), 0);
	assert_int_equal(hvo_hugetlb_reserve(p.h, MEDIUM, 4), -HVO_ENOMEM);
	/* Without a reservation only three are to be had. */
	assert_int_equal(alloc(&p, MEDIUM, 0, 8, folio, &done), -HVO_ENOMEM);
	assert_int_equal(done, 3);
	assert_int_equal(
	    alloc(&p, MEDIUM, HVO_HUGETLB_RESERVED, 4, folio + 3, &done), 0);
	assert_int_equal(pools_stats(&p, MEDIUM).reserved, 1);
	pools_assert(&p);
	assert_int_equal(hvo_hugetlb_unreserve(p.h, MEDIUM, 1), 0);
	folio[7] = pools_take(&p, MEDIUM, 0);
	assert_int_equal(hvo_hugetlb_free(p.h, folio, 8, NULL), 0);
	assert_int_equal(hvo_hugetlb_reserve(p.h, MEDIUM, 0), 0);
	pools_assert(&p);
	pools_close(&p);
}

static void surplus(void **state)
{
	struct pools p = pools_open(&(struct machine_config){0}, NULL);
	uint64_t free = machine_free(p.m);
	struct hvo_page *folio[8];
	struct hvo_hugetlb_stats s;
	size_t done;

	(void)state;
	pools_resize(&p, MEDIUM, 3);
	assert_int_equal(hvo_hugetlb_set_overcommit(p.h, MEDIUM, 4), 0);
	assert_int_equal(alloc(&p, MEDIUM, 0, 8, folio, &done), -HVO_ENOMEM);
	assert_int_equal(done, 7);
	s = pools_stats(&p, MEDIUM);
	assert_int_equal(s.total, 7);
	assert_int_equal(s.surplus, 4);
	assert_int_equal(s.overcommit, 4);
	pools_assert(&p);
	assert_int_equal(hvo_hugetlb_free(p.h, folio, 7, NULL), 0);
	s = pools_stats(&p, MEDIUM);
	assert_int_equal(s.total, 3);
	assert_int_equal(s.surplus, 0);
	pools_assert(&p);
	/* A reservation beyond what there is allocates, all or nothing. */
	assert_int_equal(hvo_hugetlb_reserve(p.h, MEDIUM, 8), -HVO_ENOMEM);
	assert_int_equal(pools_stats(&p, MEDIUM).total, 3);
	assert_int_equal(hvo_hugetlb_reserve(p.h, MEDIUM, 7), 0);
	s = pools_stats(&p, MEDIUM);
	assert_int_equal(s.total, 7);
	assert_int_equal(s.free, 7);
	assert_int_equal(s.surplus, 4);
	pools_assert(&p);
	assert_int_equal(
	    alloc(&p, MEDIUM, HVO_HUGETLB_RESERVED, 6, folio, &done), 0);
	assert_int_equal(hvo_hugetlb_unreserve(p.h, MEDIUM, 1), 0);
	assert_int_equal(pools_stats(&p, MEDIUM).surplus, 3);
	assert_int_equal(hvo_hugetlb_free(p.h, folio, 6, NULL), 0);
	assert_int_equal(pools_stats(&p, MEDIUM).total, 3);
	pools_resize(&p, MEDIUM, 0);
	assert_int_equal(machine_free(p.m), free - pools_shared(&p));
	pools_close(&p);
}

/* A reservation that memory does not suffice for leaves nothing behind. */
static void reserve_undone(void **state)
{
	struct pools p = pools_open(&(struct machine_config){0}, NULL);

	(void)state;
	pools_resize(&p, MEDIUM, 1);
	assert_int_equal(hvo_hugetlb_set_overcommit(p.h, MEDIUM, 1000), 0);
	assert_int_equal(hvo_hugetlb_reserve(p.h, MEDIUM, 100), -HVO_ENOMEM);
	assert_int_equal(pools_stats(&p, MEDIUM).total, 1);
	assert_int_equal(pools_stats(&p, MEDIUM).reserved, 0);
	assert_int_equal(pools_stats(&p, MEDIUM).surplus, 0);
	pools_assert(&p);
	pools_close(&p);
}

/* Freeing surplus pages cannot fail, however little memory there is. */
static void surplus_without_memory(void **state)
{
	struct pools p = pools_open(&(struct machine_config){0}, NULL);
	struct hvo_page *folio[8];
	struct hvo_page **pages;
	size_t count;
	size_t done;

	(void)state;
	assert_int_equal(hvo_hugetlb_set_overcommit(p.h, MEDIUM, 8), 0);
	assert_int_equal(alloc(&p, MEDIUM, 0, 8, folio, &done), 0);
	pages = pools_starve(&p, &count);
	assert_int_equal(hvo_hugetlb_free(p.h, folio, 8, NULL), 0);
	assert_int_equal(pools_stats(&p, MEDIUM).total, 0);
	pools_assert(&p);
	pools_feed(&p, pages, count);
	hvo_mm_rehome(p.m->mm);
	pools_close(&p);
}

/* In the configured way they stay, as surplus. */
static void surplus_stays(void **state)
{
	struct hvo_hugetlb_config c = pools_config();
	struct pools p;
	struct hvo_page *folio[8];
	struct hvo_page **pages;
	size_t count;
	size_t done;

	(void)state;
	c.free_flags = HVO_FREE_NO_HOST;
	p = pools_open(&(struct machine_config){0}, &c);
	assert_int_equal(hvo_hugetlb_set_overcommit(p.h, MEDIUM, 8), 0);
	assert_int_equal(alloc(&p, MEDIUM, 0, 8, folio, &done), 0);
	pages = pools_starve(&p, &count);
	assert_int_equal(hvo_hugetlb_free(p.h, folio, 8, NULL), 0);
	assert_int_equal(pools_stats(&p, MEDIUM).total, 8);
	assert_int_equal(pools_stats(&p, MEDIUM).surplus, 8);
	assert_int_equal(pools_stats(&p, MEDIUM).free, 8);
	pools_assert(&p);
	pools_feed(&p, pages, count);
	pools_resize(&p, MEDIUM, 0);
	assert_int_equal(hvo_hugetlb_dissolve(p.h, MEDIUM, 0, 8, 0, NULL), 0);
	pools_close(&p);
}

/* ---- bad pages -------------------------------------------------------- */

static void bad_in_use(struct pools *p, unsigned order, uint64_t offset)
{
	struct hvo_page *folio = pools_take(p, order, 0);
	hvo_pfn_t pfn = hvo_mm_pfn(p->m->mm, folio);
	uint64_t bad = machine_owned(p->m, HVO_OWNER_POISON);
	uint64_t total = pools_stats(p, order).total;

	assert_int_equal(hvo_hugetlb_poison(p->h, pfn + offset, NULL),
			 -HVO_EBUSY);
	assert_int_equal(hvo_folio_poison(p->m->mm, folio, pfn + offset), 0);
	pools_assert(p);
	pools_give(p, folio);
	pools_assert(p);
	assert_int_equal(pools_stats(p, order).total, total - 1);
	assert_int_equal(hvo_hugetlb_state(p->h, pfn), HVO_HUGETLB_NONE);
	assert_int_equal(machine_owned(p->m, HVO_OWNER_POISON), bad + 1);
	assert_true(hvo_mm_poisoned(p->m->mm, pfn + offset));
}

static void bad_pages_in_use(void **state)
{
	struct pools p = pools_open(&(struct machine_config){0}, NULL);
	uint64_t reached;

	(void)state;
	pools_resize(&p, MEDIUM, 4);
	pools_resize(&p, SMALL, 4);
	bad_in_use(&p, MEDIUM, 0);
	bad_in_use(&p, MEDIUM, 1);
	bad_in_use(&p, MEDIUM, 511);
	bad_in_use(&p, SMALL, 0);
	bad_in_use(&p, SMALL, 15);
	/* All of the other memory does, but no page around a bad one. */
	hvo_hugetlb_resize(p.h, SMALL, 0, 100000, &reached);
	assert_true(reached > 800);
	for (uint64_t pfn = 0; pfn < MIB(64); pfn++)
		if (hvo_mm_poisoned(p.m->mm, pfn))
			assert_int_equal(
			    hvo_hugetlb_state(p.h, pfn & ~UINT64_C(15)),
			    HVO_HUGETLB_NONE);
	pools_assert(&p);
	pools_close(&p);
}

/* A free one leaves the pool at once. */
static void bad_pages_free(void **state)
{
	struct pools p = pools_open(&(struct machine_config){0}, NULL);
	struct hvo_page *folio;
	bool unrecoverable = true;
	hvo_pfn_t pfn;

	(void)state;
	pools_resize(&p, MEDIUM, 4);
	folio = pools_take(&p, MEDIUM, 0);
	pfn = hvo_mm_pfn(p.m->mm, folio);
	pools_give(&p, folio);
	assert_int_equal(hvo_hugetlb_poison(p.h, pfn + 77, &unrecoverable), 0);
	assert_false(unrecoverable);
	assert_int_equal(pools_stats(&p, MEDIUM).total, 3);
	assert_true(hvo_mm_poisoned(p.m->mm, pfn + 77));
	pools_assert(&p);
	/* What no pool has is the manager's. */
	assert_int_equal(hvo_hugetlb_poison(p.h, pfn + 78, NULL), 0);
	assert_true(hvo_mm_poisoned(p.m->mm, pfn + 78));
	assert_int_equal(hvo_hugetlb_poison(p.h, MIB(64), NULL), -HVO_EABSENT);
	pools_assert(&p);
	pools_close(&p);
}

/* A reserved one is replaced, or it is lost, and said to be. */
static void bad_pages_reserved(void **state)
{
	struct pools p = pools_open(&(struct machine_config){0}, NULL);
	struct hvo_page **pages;
	struct hvo_page *folio;
	size_t count;
	size_t done;
	hvo_pfn_t pfn;

	(void)state;
	pools_resize(&p, MEDIUM, 1);
	folio = pools_take(&p, MEDIUM, 0);
	pfn = hvo_mm_pfn(p.m->mm, folio);
	pools_give(&p, folio);
	assert_int_equal(hvo_hugetlb_reserve(p.h, MEDIUM, 1), 0);
	assert_int_equal(hvo_hugetlb_poison(p.h, pfn, NULL), 0);
	assert_int_equal(pools_stats(&p, MEDIUM).total, 1);
	assert_int_equal(pools_stats(&p, MEDIUM).lost, 0);
	pools_assert(&p);
	pages = pools_starve(&p, &count);
	folio = pools_take(&p, MEDIUM, HVO_HUGETLB_RESERVED);
	pfn = hvo_mm_pfn(p.m->mm, folio);
	pools_give(&p, folio);
	assert_int_equal(hvo_hugetlb_reserve(p.h, MEDIUM, 1), 0);
	assert_int_equal(hvo_hugetlb_poison(p.h, pfn + 5, NULL), 0);
	assert_int_equal(pools_stats(&p, MEDIUM).total, 0);
	assert_int_equal(pools_stats(&p, MEDIUM).lost, 1);
	pools_assert(&p);
	/* Whoever asks for it gets a fresh one once there is memory. */
	assert_int_equal(
	    alloc(&p, MEDIUM, HVO_HUGETLB_RESERVED, 1, &folio, &done),
	    -HVO_ENOMEM);
	assert_int_equal(pools_stats(&p, MEDIUM).reserved, 1);
	pools_feed(&p, pages, count);
	folio = pools_take(&p, MEDIUM, HVO_HUGETLB_RESERVED);
	assert_int_equal(pools_stats(&p, MEDIUM).reserved, 0);
	pools_assert(&p);
	pools_give(&p, folio);
	pools_close(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(alloc_and_free),
	    cmocka_unit_test(refuses),
	    cmocka_unit_test(nodes),
	    cmocka_unit_test(reserving),
	    cmocka_unit_test(surplus),
	    cmocka_unit_test(reserve_undone),
	    cmocka_unit_test(surplus_without_memory),
	    cmocka_unit_test(surplus_stays),
	    cmocka_unit_test(bad_pages_in_use),
	    cmocka_unit_test(bad_pages_free),
	    cmocka_unit_test(bad_pages_reserved),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
