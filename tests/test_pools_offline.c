/* SPDX-License-Identifier: MIT */
/*
 * Memory that goes offline with the pools' free pages in it: what goes, what
 * stays, what comes back after each failure, memory that holds its own
 * descriptors, and several threads.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "pools.h"

#define BIG   (MEDIUM + 2)
#define FIRST MIB(64) /* where hot-added memory begins */

static struct pools open_pools(const struct machine_config *machine)
{
	struct hvo_hugetlb_config c = pools_config();

	c.orders[1] = BIG;
	return pools_open(machine, &c);
}

static bool is_online(struct pools *p, hvo_pfn_t pfn)
{
	return hvo_sparse_online(hvo_mm_sparse(p->m->mm), pfn);
}

/* 64 MiB of MOVABLE memory, where no descriptors are. */
static const struct machine_config movable = {.node_pages = MIB(128),
					      .movable_pages = MIB(64)};

static void goes(void **state)
{
	struct pools p = open_pools(&movable);
	uint64_t movable_free = MIB(64);

	(void)state;
	/* MOVABLE memory first: half of it, in all sizes. */
	pools_resize(&p, MEDIUM, 8);
	pools_resize(&p, BIG, 2);
	pools_resize(&p, SMALL, 32);
	assert_int_equal(hvo_hugetlb_offline(p.h, MIB(64), movable_free), 0);
	pools_assert(&p);
	assert_int_equal(pools_stats(&p, MEDIUM).total, 0);
	assert_int_equal(pools_stats(&p, BIG).total, 0);
	assert_int_equal(pools_stats(&p, SMALL).total, 0);
	assert_int_equal(machine_owned(p.m, HVO_OWNER_OFFLINE), MIB(64));
	assert_false(is_online(&p, MIB(64)));
	assert_int_equal(hvo_hugetlb_offline(p.h, MIB(64), MIB(2)),
			 -HVO_ESTATE);
	assert_int_equal(hvo_hugetlb_offline(p.h, MIB(64) + 1, MIB(2)),
			 -HVO_EALIGN);
	assert_int_equal(hvo_hugetlb_offline(p.h, MIB(128), MIB(2)),
			 -HVO_ERANGE);
	assert_int_equal(hvo_mm_online(p.m->mm, MIB(64), MIB(64)), 0);
	pools_resize(&p, MEDIUM, 8);
	pools_close(&p);
}

static void stays(void **state)
{
	struct pools p = open_pools(&movable);
	struct hvo_page *used;
	hvo_pfn_t pfn;
	uint64_t digest;

	(void)state;
	pools_resize(&p, MEDIUM, 8);
	used = pools_take(&p, MEDIUM, 0);
	pfn = hvo_mm_pfn(p.m->mm, used);
	digest = pools_digest(&p);
	/* Used: in the range's first and last subsection. */
	assert_int_equal(hvo_hugetlb_offline(p.h, MIB(64), MIB(64)),
			 -HVO_EBUSY);
	assert_int_equal(hvo_hugetlb_offline(p.h, pfn, MIB(2)), -HVO_EBUSY);
	assert_int_equal(pools_digest(&p), digest);
	pools_assert(&p);
	pools_give(&p, used);
	/* Reserved. */
	assert_int_equal(hvo_hugetlb_reserve(p.h, MEDIUM, 8), 0);
	digest = pools_digest(&p);
	assert_int_equal(hvo_hugetlb_offline(p.h, pfn, MIB(2)), -HVO_EBUSY);
	assert_int_equal(pools_digest(&p), digest);
	assert_int_equal(hvo_hugetlb_unreserve(p.h, MEDIUM, 8), 0);
	/* A page of nobody's pool. */
	assert_true(pfn >= MIB(64));
	used = machine_alloc(p.m, 0, 0);
	assert_true(hvo_mm_pfn(p.m->mm, used) >= MIB(64));
	digest = pools_digest(&p);
	assert_int_equal(hvo_hugetlb_offline(p.h, MIB(64), MIB(64)),
			 -HVO_EBUSY);
	assert_int_equal(pools_digest(&p), digest);
	hvo_folio_put(p.m->mm, used);
	/* Descriptors' frames cannot go. */
	assert_int_equal(hvo_hugetlb_offline(p.h, 0, MIB(64)), -HVO_EBUSY);
	assert_int_equal(hvo_hugetlb_offline(p.h, MIB(64), MIB(64)), 0);
	pools_close(&p);
}

/* A page larger than the range: what is outside is free memory. */
static void sticks_out(void **state)
{
	struct pools p = open_pools(&movable);
	struct hvo_page *folio;
	hvo_pfn_t pfn;
	uint64_t free;

	(void)state;
	pools_resize(&p, BIG, 1);
	folio = pools_take(&p, BIG, 0);
	pfn = hvo_mm_pfn(p.m->mm, folio);
	pools_give(&p, folio);
	free = machine_free(p.m);
	assert_int_equal(hvo_hugetlb_offline(p.h, pfn + MIB(2), MIB(4)), 0);
	pools_assert(&p);
	assert_int_equal(pools_stats(&p, BIG).total, 0);
	assert_int_equal(machine_owned(p.m, HVO_OWNER_OFFLINE), MIB(4));
	assert_int_equal(machine_free(p.m), free + MIB(4) - SAVED(BIG));
	assert_true(is_online(&p, pfn));
	pools_close(&p);
}

/* With a bad page that nobody has, which is remembered. */
static void bad_page(void **state)
{
	struct pools p = open_pools(&movable);

	(void)state;
	assert_int_equal(hvo_mm_poison(p.m->mm, MIB(64) + 700, NULL), 0);
	assert_int_equal(hvo_hugetlb_offline(p.h, MIB(64), MIB(4)), 0);
	pools_assert(&p);
	assert_true(hvo_mm_poisoned(p.m->mm, MIB(64) + 700));
	assert_int_equal(machine_owned(p.m, HVO_OWNER_POISON), 0);
	assert_int_equal(hvo_mm_online(p.m->mm, MIB(64), MIB(4)), 0);
	assert_int_equal(machine_owned(p.m, HVO_OWNER_POISON), 1);
	pools_close(&p);
}

/*
 * Hot-added memory that holds its own descriptors, all of a section and a
 * subsection; optimized while pools have it; gone again.
 */
static void own_memmap(void **state)
{
	static const uint64_t sizes[] = {MIB(2), MIB(128)};
	const struct machine_config config = {.spare_pages = MIB(128)};

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		struct pools p = open_pools(&config);
		uint64_t frames = sizes[i] * HVO_PAGE_BYTES / 4096;
		struct hvo_altmap altmap = {.pfn = FIRST,
					    .count = sizes[i],
					    .first = FIRST,
					    .pages = frames};
		uint64_t free = machine_free(p.m);
		uint64_t reached;

		assert_int_equal(hvo_mm_altmap_add(p.m->mm, &altmap), 0);
		assert_int_equal(hvo_mm_describe(p.m->mm, FIRST, sizes[i],
						 HVO_ZONE_MOVABLE, 0),
				 0);
		assert_int_equal(hvo_mm_online(p.m->mm, FIRST, sizes[i]), 0);
		pools_assert(&p);
		assert_int_equal(machine_free(p.m), free + sizes[i] - frames);
		/* MOVABLE memory comes first. */
		hvo_hugetlb_resize(p.h, MEDIUM, 0, (sizes[i] >> MEDIUM) - 1,
				   &reached);
		hvo_hugetlb_resize(p.h, SMALL, 0, 2, &reached);
		pools_assert(&p);
		assert_int_equal(hvo_hugetlb_offline(p.h, FIRST, sizes[i]), 0);
		pools_assert(&p);
		assert_int_equal(
		    hvo_mm_undescribe(p.m->mm, FIRST, sizes[i], NULL), 0);
		assert_int_equal(hvo_mm_altmap_remove(p.m->mm, &altmap), 0);
		pools_assert(&p);
		pools_close(&p);
	}
}

/* ---- failures ------------------------------------------------------- */

static uint64_t fail_at(uint64_t nth, bool sticky)
{
	struct pools p = open_pools(&movable);
	uint64_t failed;
	int err;

	pools_resize(&p, MEDIUM, 4);
	pools_resize(&p, BIG, 1);
	machine_fail(nth, sticky);
	err = hvo_hugetlb_offline(p.h, MIB(64), MIB(64));
	failed = machine_failed();
	machine_fail(0, false);
	pools_assert(&p);
	if (err) {
		assert_true(failed);
		assert_int_equal(pools_stats(&p, MEDIUM).total, 4);
		assert_int_equal(pools_stats(&p, BIG).free, 1);
		assert_int_equal(machine_owned(p.m, HVO_OWNER_ISOLATED), 0);
		assert_int_equal(hvo_hugetlb_offline(p.h, MIB(64), MIB(64)), 0);
	}
	assert_int_equal(pools_stats(&p, MEDIUM).total, 0);
	assert_int_equal(machine_owned(p.m, HVO_OWNER_OFFLINE), MIB(64));
	pools_close(&p);
	return failed;
}

static void each_failure(void **state)
{
	(void)state;
	for (int sticky = 0; sticky < 2; sticky++) {
		uint64_t n = 1;

		while (fail_at(n, sticky))
			n++;
		assert_true(n > 4);
	}
}

/* No frame outside the range to restore with. */
static void shortage(void **state)
{
	struct pools p = open_pools(&movable);
	const struct hvo_alloc a = {.limit = HVO_ZONE_NORMAL,
				    .flags = HVO_ALLOC_RESERVE};
	struct hvo_page **pages = calloc(MIB(64), sizeof(*pages));
	size_t n = 0;

	(void)state;
	assert_non_null(pages);
	pools_resize(&p, MEDIUM, 4);
	while (!hvo_folio_alloc(p.m->mm, &a, &pages[n]))
		n++;
	assert_int_equal(hvo_hugetlb_offline(p.h, MIB(64), MIB(64)),
			 -HVO_ENOMEM);
	pools_assert(&p);
	assert_int_equal(pools_stats(&p, MEDIUM).optimized, 4);
	while (n > MIB(32))
		hvo_folio_put(p.m->mm, pages[--n]);
	while (n)
		hvo_folio_put(p.m->mm, pages[--n]);
	assert_int_equal(hvo_hugetlb_offline(p.h, MIB(64), MIB(64)), 0);
	free(pages);
	pools_close(&p);
}

/* ---- random, by several --------------------------------------------- */

struct worker {
	struct pools *p;
	pthread_t thread;
	uint64_t random;
	uint64_t number;
	uint64_t wrong;
	uint64_t offline;
};

static void *work(void *arg)
{
	struct worker *w = arg;
	struct hvo_page *mine[4];
	size_t count = 0;
	size_t done;

	for (unsigned n = 0; n < 1500; n++) {
		/* Each its own subsections: 4 threads. */
		hvo_pfn_t pfn =
		    MIB(64) +
		    MIB(2) * (w->number + 4 * (machine_random(&w->random) % 8));
		const struct hvo_hugetlb_want want = {.order = MEDIUM};

		switch (machine_random(&w->random) % 4) {
		case 0:
			hvo_hugetlb_resize(w->p->h, MEDIUM, 0,
					   machine_random(&w->random) % 24,
					   NULL);
			break;
		case 1:
			if (count < 4 &&
			    !hvo_hugetlb_alloc(w->p->h, &want, 1, &mine[count],
					       &done))
				mine[count++]->data = w->number + 1;
			break;
		case 2:
			if (!count)
				break;
			w->wrong += mine[--count]->data != w->number + 1;
			w->wrong += hvo_hugetlb_free(w->p->h, &mine[count], 1,
						     NULL) != 0;
			break;
		default:
			if (hvo_hugetlb_offline(w->p->h, pfn, MIB(2)))
				break;
			w->offline++;
			w->wrong +=
			    hvo_mm_online(w->p->m->mm, pfn, MIB(2)) != 0;
		}
	}
	w->wrong += hvo_hugetlb_free(w->p->h, mine, count, NULL) != 0;
	return NULL;
}

static void threads(void **state)
{
	struct pools p = open_pools(&movable);
	struct worker w[4] = {{0}};

	(void)state;
	machine_fail_often(200);
	for (unsigned i = 0; i < 4; i++) {
		w[i].p = &p;
		w[i].random = w[i].number = i;
		assert_int_equal(
		    pthread_create(&w[i].thread, NULL, work, &w[i]), 0);
	}
	for (unsigned i = 0; i < 4; i++) {
		pthread_join(w[i].thread, NULL);
		assert_int_equal(w[i].wrong, 0);
		assert_true(w[i].offline > 0);
	}
	machine_fail(0, false);
	assert_int_equal(machine_owned(p.m, HVO_OWNER_OFFLINE), 0);
	assert_int_equal(machine_owned(p.m, HVO_OWNER_ISOLATED), 0);
	hvo_mm_rehome(p.m->mm);
	pools_close(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(goes),       cmocka_unit_test(stays),
	    cmocka_unit_test(sticks_out), cmocka_unit_test(bad_page),
	    cmocka_unit_test(own_memmap), cmocka_unit_test(each_failure),
	    cmocka_unit_test(shortage),   cmocka_unit_test(threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
