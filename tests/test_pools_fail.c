/* SPDX-License-Identifier: MIT */
/*
 * Every call with every call of the port or of the backing failing, one at a
 * time and from one on: nothing, or no more than is said, has happened.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "pools.h"

#define BIG (MEDIUM + 2)

/* 8 pages of 2 MiB, 2 of 8 MiB, all optimized, and 3 used ones of 2 MiB. */
struct scene {
	struct pools p;
	struct hvo_page *used[3];
	struct hvo_hugetlb_stats before; /* of MEDIUM */
	struct hvo_hugetlb_stats big;
	uint64_t digest;
};

static struct scene open_scene(void)
{
	struct hvo_hugetlb_config c = pools_config();
	struct scene s;

	c.orders[1] = BIG;
	s.p = pools_open(&(struct machine_config){0}, &c);
	pools_resize(&s.p, MEDIUM, 8);
	pools_resize(&s.p, BIG, 2);
	hvo_hugetlb_set_overcommit(s.p.h, MEDIUM, 4);
	for (int i = 0; i < 3; i++)
		s.used[i] = pools_take(&s.p, MEDIUM, 0);
	s.before = pools_stats(&s.p, MEDIUM);
	s.big = pools_stats(&s.p, BIG);
	s.digest = pools_digest(&s.p);
	return s;
}

static void close_scene(struct scene *s)
{
	pools_assert(&s->p);
	hvo_mm_rehome(s->p.m->mm);
	for (int i = 0; i < 3; i++)
		pools_give(&s->p, s->used[i]);
	pools_close(&s->p);
}

/* Run it with failure 1, 2, ... until there are no more. */
static void each_failure(void (*attempt)(struct scene *s))
{
	for (int sticky = 0; sticky < 2; sticky++) {
		uint64_t failed = 1;
		uint64_t n;

		for (n = 1; failed; n++) {
			struct scene s = open_scene();

			machine_fail(n, sticky);
			attempt(&s);
			failed = machine_failed();
			machine_fail(0, false);
			close_scene(&s);
		}
		assert_true(n > 2);
	}
}

static void grow(struct scene *s)
{
	uint64_t reached;
	int err = hvo_hugetlb_resize(s->p.h, MEDIUM, 0, 13, &reached);
	struct hvo_hugetlb_stats now = pools_stats(&s->p, MEDIUM);

	assert_int_equal(reached, now.total - now.surplus);
	assert_int_equal(err == 0, reached == 13);
	assert_true(!err || machine_failed());
	assert_int_equal(now.total - now.free, 3);
	assert_in_range(reached, 8, 13);
}

/* Cannot fail. */
static void shrink(struct scene *s)
{
	uint64_t reached;

	assert_int_equal(hvo_hugetlb_resize(s->p.h, MEDIUM, 0, 1, &reached), 0);
	assert_int_equal(reached, 1);
	assert_int_equal(pools_stats(&s->p, MEDIUM).surplus, 2);
	assert_int_equal(pools_stats(&s->p, MEDIUM).total, 3);
}

static void dissolve_or_fail(struct scene *s)
{
	uint64_t done;
	int err =
	    hvo_hugetlb_dissolve(s->p.h, MEDIUM, 0, 5, HVO_FREE_NO_HOST, &done);
	struct hvo_hugetlb_stats now = pools_stats(&s->p, MEDIUM);

	assert_int_equal(err == 0, done == 5);
	assert_true(!err || machine_failed());
	assert_int_equal(now.total, 8 - done);
	assert_int_equal(now.free, 5 - done);
	if (!done && err)
		assert_int_equal(pools_digest(&s->p), s->digest);
}

static void dissolve(struct scene *s)
{
	uint64_t done;

	assert_int_equal(hvo_hugetlb_dissolve(s->p.h, MEDIUM, 0, 5, 0, &done),
			 0);
	assert_int_equal(done, 5);
	assert_int_equal(
	    hvo_hugetlb_dissolve_range(s->p.h, 0, MIB(64), 0, &done),
	    -HVO_EBUSY);
	assert_int_equal(done, 2);
}

static void demote(struct scene *s)
{
	uint64_t done;
	int err = hvo_hugetlb_demote(s->p.h, BIG, MEDIUM, 0, 1, &done);

	if (err) {
		assert_true(machine_failed());
		assert_int_equal(done, 0);
		assert_int_equal(pools_digest(&s->p), s->digest);
		return;
	}
	assert_int_equal(pools_stats(&s->p, BIG).total, 1);
	assert_int_equal(pools_stats(&s->p, MEDIUM).total, 12);
}

static void promote(struct scene *s)
{
	uint64_t done;
	uint64_t digest;
	int err;

	err = hvo_hugetlb_demote(s->p.h, BIG, MEDIUM, 0, 2, &done);
	if (err)
		return;
	digest = pools_digest(&s->p);
	err = hvo_hugetlb_promote(s->p.h, MEDIUM, BIG, 0, 1, &done);
	if (err) {
		assert_true(machine_failed());
		assert_int_equal(done, 0);
		assert_int_equal(pools_digest(&s->p), digest);
		return;
	}
	assert_int_equal(pools_stats(&s->p, BIG).total, 1);
	assert_int_equal(pools_stats(&s->p, MEDIUM).total, 12);
}

/* Of five free pages `wanted` were to be restored, and `done` were. */
static void assert_restored(struct scene *s, int err, uint64_t done,
			    uint64_t wanted)
{
	assert_int_equal(err == 0, done == wanted);
	assert_true(!err || machine_failed());
	assert_int_equal(pools_stats(&s->p, MEDIUM).optimized,
			 s->before.optimized - done);
	assert_int_equal(pools_stats(&s->p, MEDIUM).free, 5);
	if (!done && err)
		assert_int_equal(pools_digest(&s->p), s->digest);
	hvo_hugetlb_set_optimize(s->p.h, true);
	err = hvo_hugetlb_apply(s->p.h, MEDIUM, NULL);
	assert_true(!err || machine_failed());
}

static void restore_all(struct scene *s)
{
	uint64_t done;
	int err;

	hvo_hugetlb_set_optimize(s->p.h, false);
	err = hvo_hugetlb_apply(s->p.h, MEDIUM, &done);
	assert_restored(s, err, done, 5);
}

static void restore_some(struct scene *s)
{
	hvo_pfn_t from = 0;
	uint64_t done;
	int err;

	hvo_hugetlb_set_optimize(s->p.h, false);
	err = hvo_hugetlb_apply_some(s->p.h, MEDIUM, 3, &from, &done);
	assert_restored(s, err, done, 3);
}

static void alloc_surplus(struct scene *s)
{
	const struct hvo_hugetlb_want want = {.order = MEDIUM};
	struct hvo_page *folios[8];
	size_t done;
	int err = hvo_hugetlb_alloc(s->p.h, &want, 8, folios, &done);

	assert_int_equal(err == 0, done == 8);
	assert_true(!err || machine_failed());
	assert_in_range(done, 5, 8);
	assert_int_equal(pools_stats(&s->p, MEDIUM).surplus, done - 5);
	/* Giving them back cannot fail. */
	assert_int_equal(hvo_hugetlb_free(s->p.h, folios, done, NULL), 0);
	assert_int_equal(pools_stats(&s->p, MEDIUM).total, 8);
	assert_int_equal(pools_stats(&s->p, MEDIUM).surplus, 0);
}

static void reserve(struct scene *s)
{
	int err = hvo_hugetlb_reserve(s->p.h, MEDIUM, 9);
	struct hvo_hugetlb_stats now = pools_stats(&s->p, MEDIUM);

	if (err) {
		assert_true(machine_failed());
		assert_memory_equal(&now, &s->before, sizeof(now));
		return;
	}
	assert_int_equal(now.reserved, 9);
	assert_int_equal(now.surplus, 4);
	assert_int_equal(hvo_hugetlb_unreserve(s->p.h, MEDIUM, 9), 0);
	now = pools_stats(&s->p, MEDIUM);
	assert_memory_equal(&now, &s->before, sizeof(now));
}

static void poison(struct scene *s)
{
	struct hvo_page *folio = pools_take(&s->p, MEDIUM, 0);
	hvo_pfn_t pfn = hvo_mm_pfn(s->p.m->mm, folio);

	pools_give(&s->p, folio);
	assert_int_equal(hvo_hugetlb_reserve(s->p.h, MEDIUM, 5), 0);
	assert_int_equal(hvo_hugetlb_poison(s->p.h, pfn + 3, NULL), 0);
	assert_int_equal(pools_stats(&s->p, MEDIUM).total +
			     pools_stats(&s->p, MEDIUM).lost,
			 8);
	assert_int_equal(hvo_hugetlb_unreserve(s->p.h, MEDIUM, 5), 0);
}

#define EACH(name)                                                             \
	static void each_##name(void **state)                                  \
	{                                                                      \
		(void)state;                                                   \
		each_failure(name);                                            \
	}

EACH(grow)
EACH(shrink)
EACH(dissolve_or_fail)
EACH(dissolve)
EACH(demote)
EACH(promote)
EACH(restore_all)
EACH(restore_some)
EACH(alloc_surplus)
EACH(reserve)
EACH(poison)

/* With less and less memory instead: n frames, for each n. */
static void each_shortage(void (*attempt)(struct scene *s), size_t most)
{
	for (size_t n = 0; n <= most; n++) {
		struct scene s = open_scene();
		size_t count;
		struct hvo_page **pages = pools_starve(&s.p, &count);

		for (size_t i = 0; i < n && count; i++)
			hvo_folio_put(s.p.m->mm, pages[--count]);
		hvo_mm_drain_caches(s.p.m->mm);
		s.digest = pools_digest(&s.p);
		/* Any error is explained by the want of memory. */
		machine_fail(UINT64_MAX, false);
		attempt(&s);
		pools_assert(&s.p);
		pools_feed(&s.p, pages, count);
		close_scene(&s);
	}
}

static void short_demote(struct scene *s)
{
	uint64_t free = machine_free(s->p.m);
	uint64_t done;
	int err = hvo_hugetlb_demote(s->p.h, BIG, MEDIUM, 0, 2, &done);

	/* Three frames each. */
	assert_int_equal(done, free / 3 < 2 ? free / 3 : 2);
	assert_int_equal(err, done == 2 ? 0 : -HVO_ENOMEM);
	if (!done)
		assert_int_equal(pools_digest(&s->p), s->digest);
}

static void short_dissolve(struct scene *s)
{
	uint64_t done;
	int err =
	    hvo_hugetlb_dissolve(s->p.h, MEDIUM, 0, 3, HVO_FREE_NO_HOST, &done);

	/* What the first frees is enough for the others. */
	assert_int_equal(done, err ? 0 : 3);
	if (err)
		assert_int_equal(pools_digest(&s->p), s->digest);
	assert_int_equal(
	    hvo_hugetlb_dissolve(s->p.h, MEDIUM, 0, 5 - done, 0, &done), 0);
}

static void short_restore(struct scene *s)
{
	uint64_t free = machine_free(s->p.m);
	uint64_t done;
	int err;

	hvo_hugetlb_set_optimize(s->p.h, false);
	err = hvo_hugetlb_apply(s->p.h, MEDIUM, &done);
	assert_int_equal(done,
			 free / SAVED(MEDIUM) < 5 ? free / SAVED(MEDIUM) : 5);
	assert_int_equal(err, done == 5 ? 0 : -HVO_ENOMEM);
	hvo_hugetlb_set_optimize(s->p.h, true);
	assert_int_equal(hvo_hugetlb_apply(s->p.h, MEDIUM, NULL), 0);
}

static void shortages(void **state)
{
	(void)state;
	each_shortage(short_demote, 7);
	each_shortage(short_dissolve, 3 * SAVED(MEDIUM) + 1);
	each_shortage(short_restore, 5 * SAVED(MEDIUM) + 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(each_grow),
	    cmocka_unit_test(each_shrink),
	    cmocka_unit_test(each_dissolve_or_fail),
	    cmocka_unit_test(each_dissolve),
	    cmocka_unit_test(each_demote),
	    cmocka_unit_test(each_promote),
	    cmocka_unit_test(each_restore_all),
	    cmocka_unit_test(each_restore_some),
	    cmocka_unit_test(each_alloc_surplus),
	    cmocka_unit_test(each_reserve),
	    cmocka_unit_test(each_poison),
	    cmocka_unit_test(shortages),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
