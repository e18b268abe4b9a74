/* SPDX-License-Identifier: MIT */
/*
 * Random sequences of calls against a naive reference: a few numbers for each
 * size, changed by the rules of the header, and a list of the pages that are
 * used. After each call the counters must be the reference's, and the pages
 * that the pools have must be as many, and the used ones those of the list.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "pools.h"

#define BIG    (MEDIUM + 2)
#define PAGES  MIB(256)
#define USED   8192
#define ROUNDS 3000

static const unsigned orders[] = {SMALL, MEDIUM, BIG};

struct size {
	uint64_t total;
	uint64_t free;
	uint64_t surplus;
	uint64_t reserved;
	uint64_t overcommit;
	struct hvo_page *used[USED];
	size_t count; /* of used */
};

struct run {
	struct pools p;
	uint64_t random;
	struct size size[3];
	/* What must have happened for a run to mean anything. */
	uint64_t demoted;
	uint64_t promoted;
	uint64_t overcommitted;
	uint64_t applied;
	uint64_t offlined; /* pages */
};

static uint64_t below(struct run *r, uint64_t n)
{
	return machine_random(&r->random) % n;
}

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* ---- the reference ---------------------------------------------------- */

static uint64_t available(const struct size *s)
{
	return s->free > s->reserved ? s->free - s->reserved : 0;
}

static uint64_t persistent(const struct size *s)
{
	return s->total - s->surplus;
}

/* A free page leaves; `first`: as a surplus one if there are any. */
static void leaves(struct size *s, bool first)
{
	s->free--;
	s->total--;
	if ((first && s->surplus) || s->surplus > s->total)
		s->surplus--;
}

static void enters(struct size *s, uint64_t n)
{
	s->free += n;
	s->total += n;
}

/* A page that was used is given back. */
static void returns(struct size *s)
{
	s->free++;
	if (s->surplus)
		leaves(s, true);
}

/* ---- comparing -------------------------------------------------------- */

static bool is_used(const struct size *s, const struct hvo_page *folio)
{
	for (size_t i = 0; i < s->count; i++)
		if (s->used[i] == folio)
			return true;
	return false;
}

static void compare_pages(struct run *r, unsigned i)
{
	const struct size *s = &r->size[i];
	uint64_t step = UINT64_C(1) << orders[0];
	uint64_t free = 0;
	uint64_t used = 0;

	for (hvo_pfn_t pfn = 0; pfn < PAGES; pfn += step) {
		const struct hvo_page *folio = hvo_mm_page(r->p.m->mm, pfn);
		enum hvo_hugetlb_state state = hvo_hugetlb_state(r->p.h, pfn);

		if (state == HVO_HUGETLB_NONE ||
		    hvo_folio_order(folio) != orders[i])
			continue;
		free += state == HVO_HUGETLB_FREE;
		if (state == HVO_HUGETLB_USED && ++used)
			assert_true(is_used(s, folio));
	}
	assert_int_equal(free, s->free);
	assert_int_equal(used, s->count);
}

static void compare(struct run *r, bool pages)
{
	for (unsigned i = 0; i < 3; i++) {
		const struct size *s = &r->size[i];
		struct hvo_hugetlb_stats now = pools_stats(&r->p, orders[i]);

		assert_int_equal(now.total, s->total);
		assert_int_equal(now.free, s->free);
		assert_int_equal(now.surplus, s->surplus);
		assert_int_equal(now.reserved, s->reserved);
		assert_int_equal(now.overcommit, s->overcommit);
		assert_int_equal(now.total - now.free, s->count);
		assert_int_equal(now.busy, 0);
		if (pages)
			compare_pages(r, i);
	}
}

/* ---- operations ------------------------------------------------------- */

static void resize(struct run *r, unsigned i)
{
	struct size *s = &r->size[i];
	uint64_t target =
	    below(r, PAGES >> (orders[i] + (below(r, 2) ? 1 : 4)));
	uint64_t reached;
	int err = hvo_hugetlb_resize(r->p.h, orders[i], 0, target, &reached);

	if (persistent(s) < target)
		s->surplus -= least(s->surplus, target - persistent(s));
	if (persistent(s) < target) {
		assert_true(err ? err == -HVO_ENOMEM : reached == target);
		enters(s, reached - persistent(s));
		return;
	}
	while (persistent(s) > target && available(s))
		leaves(s, false);
	s->surplus += persistent(s) - target;
	assert_int_equal(err, 0);
	assert_int_equal(reached, target);
}

static void overcommit(struct run *r, unsigned i)
{
	r->size[i].overcommit = below(r, 12);
	assert_int_equal(hvo_hugetlb_set_overcommit(r->p.h, orders[i],
						    r->size[i].overcommit),
			 0);
}

static uint64_t room(const struct size *s)
{
	return s->overcommit > s->surplus ? s->overcommit - s->surplus : 0;
}

static void reserve(struct run *r, unsigned i)
{
	struct size *s = &r->size[i];
	uint64_t n = below(r, 10);
	uint64_t lacking = n > available(s) ? n - available(s) : 0;
	int err = hvo_hugetlb_reserve(r->p.h, orders[i], n);

	if (lacking > room(s))
		assert_int_equal(err, -HVO_ENOMEM);
	if (err) {
		/* No overcommit, or no memory. */
		assert_true(lacking);
		return;
	}
	enters(s, lacking);
	s->surplus += lacking;
	s->reserved += n;
	r->overcommitted += lacking;
}

static void unreserve(struct run *r, unsigned i)
{
	struct size *s = &r->size[i];
	uint64_t n = below(r, 10);
	int err = hvo_hugetlb_unreserve(r->p.h, orders[i], n);

	assert_int_equal(err, n > s->reserved ? -HVO_ESTATE : 0);
	if (err)
		return;
	s->reserved -= n;
	for (; n && s->surplus && available(s); n--)
		leaves(s, true);
}

static void alloc(struct run *r, unsigned i)
{
	struct size *s = &r->size[i];
	struct hvo_hugetlb_want want = {.order = orders[i]};
	uint64_t n = least(below(r, 20), USED - s->count);
	uint64_t free = least(n, available(s));
	size_t done;
	int err =
	    hvo_hugetlb_alloc(r->p.h, &want, n, s->used + s->count, &done);

	assert_int_equal(err == 0, done == n);
	assert_true(done >= free && done - free <= room(s));
	if (done < n && done - free < room(s))
		assert_int_equal(err, -HVO_ENOMEM);
	s->free -= free;
	s->total += done - free;
	s->surplus += done - free;
	s->count += done;
}

static void alloc_reserved(struct run *r, unsigned i)
{
	struct size *s = &r->size[i];
	struct hvo_hugetlb_want want = {.order = orders[i],
					.flags = HVO_HUGETLB_RESERVED};
	uint64_t n = least(below(r, 10), USED - s->count);
	uint64_t expected = least(n, s->reserved);
	size_t done;
	int err =
	    hvo_hugetlb_alloc(r->p.h, &want, n, s->used + s->count, &done);

	assert_int_equal(done, expected);
	assert_int_equal(err, expected < n ? -HVO_ESTATE : 0);
	s->free -= done;
	s->reserved -= done;
	s->count += done;
}

static void give(struct run *r, unsigned i)
{
	struct size *s = &r->size[i];
	struct hvo_page *folios[20];
	size_t n = least(below(r, 20), s->count);
	size_t done;

	for (size_t k = 0; k < n; k++) {
		size_t at = below(r, s->count);

		folios[k] = s->used[at];
		folios[k]->data = machine_random(&r->random);
		s->used[at] = s->used[--s->count];
		returns(s);
	}
	assert_int_equal(hvo_hugetlb_free(r->p.h, folios, n, &done), 0);
	assert_int_equal(done, n);
}

static void dissolve(struct run *r, unsigned i)
{
	struct size *s = &r->size[i];
	uint64_t n = below(r, 10);
	uint64_t expected = least(n, available(s));
	uint64_t done;
	int err = hvo_hugetlb_dissolve(r->p.h, orders[i], 0, n, 0, &done);

	assert_int_equal(done, expected);
	assert_int_equal(err, expected < n ? -HVO_EBUSY : 0);
	while (done--)
		leaves(s, true);
}

static void demote(struct run *r, unsigned i)
{
	unsigned to = i ? (unsigned)below(r, i) : 0;
	uint64_t n = below(r, 4);
	uint64_t most = available(&r->size[i]);
	uint64_t done;
	int err =
	    hvo_hugetlb_demote(r->p.h, orders[i], orders[to], 0, n, &done);

	if (!i) {
		assert_int_equal(err, -HVO_EORDER);
		return;
	}
	assert_true(done <= least(n, most));
	assert_true(err ? done < n : done == n);
	assert_true(!err || err == -HVO_ENOMEM ||
		    (err == -HVO_EBUSY && done == most));
	r->demoted += done;
	for (uint64_t k = 0; k < done; k++) {
		leaves(&r->size[i], true);
		enters(&r->size[to], UINT64_C(1) << (orders[i] - orders[to]));
	}
}

/* How many groups of neighbours that are free, and alike, there are. */
static uint64_t groups(struct run *r, unsigned i, unsigned to)
{
	uint64_t part = UINT64_C(1) << orders[i];
	uint64_t whole = UINT64_C(1) << orders[to];
	uint64_t count = 0;

	for (hvo_pfn_t pfn = 0; pfn < PAGES; pfn += whole) {
		struct hvo_page *first = hvo_mm_page(r->p.m->mm, pfn);
		bool fit = true;

		for (hvo_pfn_t at = pfn; at < pfn + whole && fit; at += part) {
			struct hvo_page *folio = hvo_mm_page(r->p.m->mm, at);

			fit =
			    hvo_hugetlb_state(r->p.h, at) == HVO_HUGETLB_FREE &&
			    hvo_folio_order(folio) == orders[i] &&
			    hvo_folio_optimized(r->p.m->mm, folio) ==
				hvo_folio_optimized(r->p.m->mm, first);
		}
		count += fit;
	}
	return count;
}

static void promote(struct run *r, unsigned i)
{
	unsigned to = i < 2 ? i + 1 + (unsigned)below(r, 2 - i) : 0;
	uint64_t parts = i < 2 ? UINT64_C(1) << (orders[to] - orders[i]) : 1;
	uint64_t n = below(r, 4);
	uint64_t expected =
	    i < 2 ? least(n, least(groups(r, i, to),
				   available(&r->size[i]) / parts))
		  : 0;
	uint64_t done;
	int err =
	    hvo_hugetlb_promote(r->p.h, orders[i], orders[to], 0, n, &done);

	if (i == 2)
		assert_int_equal(err, -HVO_EORDER);
	else if (err != -HVO_ENOMEM)
		assert_int_equal(done, expected);
	r->promoted += done;
	for (uint64_t k = 0; k < done * parts; k++)
		leaves(&r->size[i], false);
	enters(&r->size[to], done);
}

/* In steps of a few pages; each but the last changes as many as it may. */
static int apply_in_steps(struct run *r, unsigned i, uint64_t *done)
{
	hvo_pfn_t from = 0;
	int err = 0;

	*done = 0;
	while (!err && from != HVO_HUGETLB_END) {
		uint64_t most = 1 + below(r, 5);
		hvo_pfn_t before = from;
		uint64_t some;

		err = hvo_hugetlb_apply_some(r->p.h, orders[i], most, &from,
					     &some);
		assert_true(err || some == most || from == HVO_HUGETLB_END);
		assert_true(some <= most && (err || from > before));
		*done += some;
	}
	return err;
}

static void apply(struct run *r, unsigned i)
{
	bool on = below(r, 2);
	uint64_t done;
	int err;

	hvo_hugetlb_set_optimize(r->p.h, on);
	err = below(r, 2) ? hvo_hugetlb_apply(r->p.h, orders[i], &done)
			  : apply_in_steps(r, i, &done);
	r->applied += done;
	if (!i && on)
		assert_int_equal(err, -HVO_EORDER);
	else
		assert_true(!err || (!on && err == -HVO_ENOMEM));
}

/* Pages of a size in a state that have a base page in 2 MiB from pfn on. */
static uint64_t in_range(struct run *r, unsigned i, hvo_pfn_t pfn,
			 enum hvo_hugetlb_state state)
{
	uint64_t size = UINT64_C(1) << orders[i];
	uint64_t count = 0;

	for (hvo_pfn_t at = pfn & ~(size - 1); at < pfn + MIB(2); at += size)
		count +=
		    hvo_hugetlb_state(r->p.h, at) == state &&
		    hvo_folio_order(hvo_mm_page(r->p.m->mm, at)) == orders[i];
	return count;
}

/* A subsection goes, with the free pages in it, or nothing happens. */
static void offline(struct run *r, unsigned i)
{
	hvo_pfn_t pfn = below(r, PAGES / MIB(2)) * MIB(2);
	uint64_t free[3];
	bool kept = false;
	int err;

	(void)i;
	for (unsigned k = 0; k < 3; k++) {
		free[k] = in_range(r, k, pfn, HVO_HUGETLB_FREE);
		kept = kept || free[k] > available(&r->size[k]) ||
		       in_range(r, k, pfn, HVO_HUGETLB_USED);
	}
	err = hvo_hugetlb_offline(r->p.h, pfn, MIB(2));
	if (kept)
		assert_int_equal(err, -HVO_EBUSY);
	assert_true(!err || err == -HVO_EBUSY || err == -HVO_ENOMEM);
	if (err)
		return;
	for (unsigned k = 0; k < 3; k++) {
		r->offlined += free[k];
		while (free[k]--)
			leaves(&r->size[k], true);
	}
	assert_int_equal(hvo_mm_online(r->p.m->mm, pfn, MIB(2)), 0);
}

static void (*const operations[])(struct run *r, unsigned i) = {
    resize, overcommit,     reserve, unreserve, alloc, alloc,
    alloc,  alloc_reserved, give,    give,      give,  dissolve,
    demote, promote,        apply,   offline,
};

#define OPERATIONS (sizeof(operations) / sizeof(*operations))

static void run(uint64_t seed)
{
	const struct machine_config config = {.node_pages = PAGES};
	struct hvo_hugetlb_config c = pools_config();
	struct run *r = calloc(1, sizeof(*r));

	assert_non_null(r);
	c.orders[1] = BIG;
	r->p = pools_open(&config, &c);
	r->random = seed;
	for (unsigned n = 1; n <= ROUNDS; n++) {
		operations[below(r, OPERATIONS)](r, (unsigned)below(r, 3));
		compare(r, n % 50 == 0);
		if (n % 250 == 0)
			pools_assert(&r->p);
	}
	assert_true(r->demoted && r->promoted && r->overcommitted &&
		    r->applied && r->offlined);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(hvo_hugetlb_free(r->p.h, r->size[i].used,
						  r->size[i].count, NULL),
				 0);
	pools_close(&r->p);
	free(r);
}

static void seeds(void **state)
{
	const char *replay = getenv("HVO_SEED");

	(void)state;
	if (replay) {
		run(strtoull(replay, NULL, 0));
		return;
	}
	for (uint64_t seed = 1; seed <= 6; seed++) {
		fprintf(stderr, "# HVO_SEED=%d\n", (int)seed);
		run(seed);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(seeds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
