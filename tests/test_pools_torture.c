/* SPDX-License-Identifier: MIT */
/*
 * Several threads on one machine's pools, each with pages of its own, into
 * whose heads it writes who it is: a page handed out twice is noticed when it
 * is given back. Meanwhile memory goes offline and comes back, pages go bad,
 * and walkers try to take references. At the end both checks must find
 * nothing.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "pools.h"

#define BIG     (MEDIUM + 2)
#define NODE    MIB(256)
#define PIECE   MIB(4)
#define PIECES  16
#define MOVABLE (PIECE * PIECES)
#define THREADS 4
#define OPS     6000
#define MINE    256

static const unsigned orders[] = {SMALL, MEDIUM, BIG};

struct worker {
	struct pools *p;
	pthread_t thread;
	uint64_t id;
	uint64_t random;
	struct {
		struct hvo_page *folio[MINE];
		size_t count;
		uint64_t reserved;
	} size[3];
	uint64_t surprises; /* results that cannot be */
	uint64_t did[16];   /* by operation: calls that changed something */
};

static uint64_t below(struct worker *w, uint64_t n)
{
	return machine_random(&w->random) % n;
}

/* An error that other threads, or want of memory, explain. */
static void expect(struct worker *w, int err, bool plausible)
{
	if (err && !plausible) {
		fprintf(stderr, "# unexpected: %s\n", hvo_strerror(err));
		w->surprises++;
	}
}

static bool is_short(int err)
{
	return err == -HVO_ENOMEM || err == -HVO_EBUSY;
}

static uint64_t resize(struct worker *w, unsigned i)
{
	uint64_t target = below(w, (2 * NODE) >> (orders[i] + 3));
	int err = below(w, 4)
		      ? hvo_hugetlb_resize(w->p->h, orders[i],
					   (uint32_t)below(w, 4), target, NULL)
		      : hvo_hugetlb_resize_node(w->p->h, orders[i],
						(unsigned)below(w, 2),
						target / 2, NULL);

	expect(w, err, is_short(err));
	return !err;
}

static void keep(struct worker *w, unsigned i, size_t count)
{
	for (; count; count--) {
		struct hvo_page *folio = w->size[i].folio[w->size[i].count++];

		if (hvo_page_count(folio) || folio->data)
			w->surprises++;
		folio->data = w->id;
	}
}

static uint64_t alloc(struct worker *w, unsigned i)
{
	bool reserved = w->size[i].reserved && below(w, 2);
	const struct hvo_hugetlb_want want = {
	    .order = orders[i],
	    .node = (unsigned)below(w, 2),
	    .flags = reserved ? HVO_HUGETLB_RESERVED : 0,
	};
	uint64_t n = 1 + below(w, 8);
	size_t done;
	int err;

	if (reserved && n > w->size[i].reserved)
		n = w->size[i].reserved;
	if (n > MINE - w->size[i].count)
		n = MINE - w->size[i].count;
	err = hvo_hugetlb_alloc(w->p->h, &want, n,
				w->size[i].folio + w->size[i].count, &done);
	keep(w, i, done);
	/* What was promised is there, unless a page of it went bad. */
	expect(w, err,
	       err == -HVO_ENOMEM &&
		   (!reserved || pools_stats(w->p, orders[i]).lost));
	if (reserved)
		w->size[i].reserved -= done;
	return done;
}

static uint64_t give(struct worker *w, unsigned i)
{
	size_t n = 1 + below(w, 8);
	size_t done = 0;

	if (n > w->size[i].count)
		n = w->size[i].count;
	w->size[i].count -= n;
	for (size_t k = 0; k < n; k++)
		if (w->size[i].folio[w->size[i].count + k]->data != w->id)
			w->surprises++;
	expect(w,
	       hvo_hugetlb_free(w->p->h, w->size[i].folio + w->size[i].count, n,
				&done),
	       false);
	return done;
}

/* References on a page of ours: strangers may take some, for a moment. */
static uint64_t share(struct worker *w, unsigned i)
{
	struct hvo_page *folio;

	if (!w->size[i].count)
		return 0;
	folio = w->size[i].folio[below(w, w->size[i].count)];
	hvo_folio_unfreeze(folio, 1);
	while (!hvo_folio_freeze(folio, 1))
		hvo_port_relax(w->p->m->config.port);
	return 1;
}

static uint64_t stranger(struct worker *w, unsigned i)
{
	(void)i;
	for (unsigned n = 0; n < 200; n++) {
		hvo_pfn_t pfn = below(w, 2 * NODE);
		struct hvo_page *folio = hvo_folio_try_get(w->p->m->mm, pfn);

		if (folio)
			hvo_folio_put(w->p->m->mm, folio);
	}
	return 1;
}

static uint64_t reserve(struct worker *w, unsigned i)
{
	uint64_t n = below(w, 6);
	int err = hvo_hugetlb_reserve(w->p->h, orders[i], n);

	expect(w, err, err == -HVO_ENOMEM);
	w->size[i].reserved += err ? 0 : n;
	return !err;
}

static uint64_t unreserve(struct worker *w, unsigned i)
{
	uint64_t n = below(w, w->size[i].reserved + 1);

	expect(w, hvo_hugetlb_unreserve(w->p->h, orders[i], n), false);
	w->size[i].reserved -= n;
	return n;
}

static uint64_t dissolve(struct worker *w, unsigned i)
{
	uint64_t done;
	int err =
	    hvo_hugetlb_dissolve(w->p->h, orders[i], 0, below(w, 4),
				 below(w, 2) ? HVO_FREE_NO_HOST : 0, &done);

	expect(w, err, is_short(err));
	return done;
}

static uint64_t demote(struct worker *w, unsigned i)
{
	uint64_t done;
	int err =
	    hvo_hugetlb_demote(w->p->h, orders[i ? i : 2],
			       orders[i ? i - 1 : 0], 0, below(w, 3), &done);

	expect(w, err, is_short(err));
	return done;
}

static uint64_t promote(struct worker *w, unsigned i)
{
	uint64_t done;
	int err = hvo_hugetlb_promote(w->p->h, orders[i < 2 ? i : 0],
				      orders[i < 2 ? i + 1 : 2], 0, below(w, 3),
				      &done);

	expect(w, err, is_short(err));
	return done;
}

static uint64_t apply(struct worker *w, unsigned i)
{
	hvo_pfn_t from = below(w, 2 * NODE);
	uint64_t done;
	int err;

	hvo_hugetlb_set_optimize(w->p->h, below(w, 3));
	err = below(w, 2) ? hvo_hugetlb_apply(w->p->h, orders[i], &done)
			  : hvo_hugetlb_apply_some(w->p->h, orders[i],
						   below(w, 8), &from, &done);
	expect(w, err, err == -HVO_ENOMEM || (!i && err == -HVO_EORDER));
	return done;
}

/* A piece of a node's end goes, if nobody uses it, and comes back. */
static uint64_t unplug(struct worker *w, unsigned i)
{
	hvo_pfn_t pfn = (1 + (i & 1)) * NODE - PIECE * (1 + below(w, PIECES));
	struct hvo_mm *mm = w->p->m->mm;
	int err;

	if (w->id != 1)
		return 0;
	err = hvo_hugetlb_dissolve_range(w->p->h, pfn, PIECE, 0, NULL);
	expect(w, err, err == -HVO_EBUSY);
	if (err || hvo_mm_offline(mm, pfn, PIECE))
		return 0;
	stranger(w, i);
	expect(w, hvo_mm_online(mm, pfn, PIECE), false);
	return 1;
}

static uint64_t poison(struct worker *w, unsigned i)
{
	uint64_t bad = machine_owned(w->p->m, HVO_OWNER_POISON);
	hvo_pfn_t pfn = below(w, 2 * NODE);
	int err;

	if (below(w, 50) || bad > 40)
		return 0;
	if (below(w, 2) && w->size[i].count) {
		struct hvo_page *folio = w->size[i].folio[0];

		pfn = hvo_mm_pfn(w->p->m->mm, folio) + below(w, 16);
		err = hvo_folio_poison(w->p->m->mm, folio, pfn);
		expect(w, err, false);
		return 1;
	}
	err = hvo_hugetlb_poison(w->p->h, pfn, NULL);
	expect(w, err, is_short(err));
	return !err;
}

static uint64_t limit(struct worker *w, unsigned i)
{
	expect(w, hvo_hugetlb_set_overcommit(w->p->h, orders[i], below(w, 10)),
	       false);
	return 1;
}

static uint64_t (*const operations[])(struct worker *w, unsigned i) = {
    alloc,    give,   resize,  share,    apply,  reserve, unreserve,
    dissolve, demote, promote, stranger, unplug, poison,  limit,
};

#define OPERATIONS (sizeof(operations) / sizeof(*operations))

static void *work(void *arg)
{
	struct worker *w = arg;

	for (unsigned n = 0; n < OPS; n++) {
		/* Half of them allocate and give back. */
		unsigned op = (unsigned)below(w, 2 * OPERATIONS);

		op = op < OPERATIONS ? op : op & 1;
		w->did[op] += operations[op](w, (unsigned)below(w, 3));
	}
	for (unsigned i = 0; i < 3; i++) {
		while (w->size[i].count)
			give(w, i);
		while (w->size[i].reserved)
			unreserve(w, i);
	}
	return NULL;
}

static void run(uint64_t seed)
{
	const struct machine_config config = {
	    .nodes = 2,
	    .cpus = THREADS,
	    .node_pages = NODE,
	    .movable_pages = MOVABLE,
	};
	struct hvo_hugetlb_config c = pools_config();
	struct worker *w = calloc(THREADS, sizeof(*w));
	uint64_t did[16] = {0};
	struct pools p;

	assert_non_null(w);
	c.orders[1] = BIG;
	p = pools_open(&config, &c);
	for (unsigned t = 0; t < THREADS; t++) {
		w[t].p = &p;
		w[t].id = t + 1;
		w[t].random = seed * THREADS + t;
		assert_int_equal(
		    pthread_create(&w[t].thread, NULL, work, &w[t]), 0);
	}
	for (unsigned t = 0; t < THREADS; t++)
		pthread_join(w[t].thread, NULL);
	for (unsigned t = 0; t < THREADS; t++) {
		assert_int_equal(w[t].surprises, 0);
		for (unsigned i = 0; i < OPERATIONS; i++)
			did[i] += w[t].did[i];
	}
	for (unsigned i = 0; i < OPERATIONS; i++) {
		if (!did[i])
			fprintf(stderr, "# operation %u never did\n", i);
		assert_true(did[i]);
	}
	hvo_mm_rehome(p.m->mm);
	pools_assert(&p);
	free(w);
	pools_close(&p);
}

static void torture(void **state)
{
	const char *replay = getenv("HVO_SEED");

	(void)state;
	if (replay) {
		run(strtoull(replay, NULL, 0));
		return;
	}
	for (uint64_t seed = 1; seed <= 2; seed++) {
		fprintf(stderr, "# HVO_SEED=%" PRIu64 "\n", seed);
		run(seed);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(torture),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
