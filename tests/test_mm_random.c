/* SPDX-License-Identifier: MIT */
/*
 * Long random sequences of calls, held against a naive manager: an array that
 * says of each base page who has it and whether it is bad. A failure prints
 * its seed; HVO_SEED=n runs that one alone, and HVO_SEEDS=n runs more of them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "mm.h"

#define PAGES  16384 /* of the whole machine, two nodes */
#define FOLIOS 512
#define STEPS  4000

enum naive_owner {
	NAIVE_NOBODY, /* free, or the vmemmap's: only the manager knows */
	NAIVE_FOLIO,
	NAIVE_ISOLATED,
	NAIVE_RETIRED,
	NAIVE_OFFLINE,
	NAIVE_OWNERS
};

struct naive {
	struct machine *m;
	uint64_t random;
	uint8_t owner[PAGES];
	bool bad[PAGES];
	struct hvo_page *folio[FOLIOS]; /* frozen ones, but while put */
	size_t folios;
	const char *wrong;
	uint64_t fine; /* calls that succeeded */
};

static uint64_t below(struct naive *n, uint64_t limit)
{
	return machine_random(&n->random) % limit;
}

static void complain(struct naive *n, const char *what)
{
	if (!n->wrong)
		n->wrong = what;
}

#define demand(n, condition)                                                   \
	do {                                                                   \
		if (!(condition))                                              \
			complain(n, #condition);                               \
	} while (0)

static void set(struct naive *n, hvo_pfn_t pfn, uint64_t count,
		enum naive_owner from, enum naive_owner to)
{
	for (uint64_t i = 0; i < count; i++) {
		demand(n, n->owner[pfn + i] == from);
		n->owner[pfn + i] = to;
	}
}

/* Pages that leave a folio or a range: bad ones are retired. */
static void release(struct naive *n, hvo_pfn_t pfn, uint64_t count,
		    enum naive_owner from)
{
	for (uint64_t i = 0; i < count; i++) {
		demand(n, n->owner[pfn + i] == from);
		n->owner[pfn + i] =
		    n->bad[pfn + i] ? NAIVE_RETIRED : NAIVE_NOBODY;
	}
}

static bool is_frame(struct naive *n, hvo_pfn_t pfn)
{
	return atomic_load(&hvo_mm_page(n->m->mm, pfn)->flags) &
	       (HVO_PAGE_VMEMMAP | HVO_PAGE_BOOT | HVO_PAGE_HOST);
}

static bool all_free(struct naive *n, hvo_pfn_t pfn, uint64_t count)
{
	for (uint64_t i = 0; i < count; i++) {
		if (n->owner[pfn + i] != NAIVE_NOBODY)
			return false;
		/* Tails of others' folios are not looked at: these have one. */
		if (is_frame(n, pfn + i))
			return false;
	}
	return true;
}

static unsigned domain_of(struct naive *n, hvo_pfn_t pfn)
{
	return hvo_sparse_domain(hvo_mm_sparse(n->m->mm), pfn);
}

/* Is there a free block of an order in a zone up to limit? */
static bool has_block(struct naive *n, unsigned order, unsigned limit)
{
	for (hvo_pfn_t pfn = 0; pfn < PAGES; pfn += UINT64_C(1) << order)
		if ((unsigned)hvo_domain_type(domain_of(n, pfn)) <= limit &&
		    all_free(n, pfn, UINT64_C(1) << order))
			return true;
	return false;
}

/* ---- steps ------------------------------------------------------------ */

static void step_alloc(struct naive *n)
{
	static const unsigned flags[] = {0, HVO_ALLOC_TRY_HVO, HVO_ALLOC_HVO,
					 HVO_ALLOC_COMMIT};
	struct hvo_alloc a = {
	    .order = (unsigned)below(n, 12),
	    .node = (unsigned)below(n, 2),
	    .limit = below(n, 4) ? HVO_ZONE_MOVABLE : HVO_ZONE_NORMAL,
	    .flags = flags[below(n, 4)] | HVO_ALLOC_FROZEN,
	};
	struct hvo_page *folio;
	bool sure;
	int err;

	if (n->folios == FOLIOS)
		return;
	if ((a.flags & HVO_ALLOC_HVO) && a.order < machine_min_order())
		a.order = 9;
	sure = has_block(n, a.order, a.limit);
	err = hvo_folio_alloc(n->m->mm, &a, &folio);
	/* An optimized one may want for frames of shared tails. */
	demand(n, !err == sure || (err && (a.flags & HVO_ALLOC_HVO)));
	if (err)
		return;
	n->fine++;
	set(n, hvo_mm_pfn(n->m->mm, folio), UINT64_C(1) << a.order,
	    NAIVE_NOBODY, NAIVE_FOLIO);
	n->folio[n->folios++] = folio;
}

static struct hvo_page *take(struct naive *n, size_t at)
{
	struct hvo_page *folio = n->folio[at];

	n->folio[at] = n->folio[--n->folios];
	return folio;
}

static void step_free(struct naive *n)
{
	struct hvo_page *folio;
	hvo_pfn_t pfn;
	unsigned order;
	uint64_t deferred;
	struct hvo_mm_stats s;
	int err;

	if (!n->folios)
		return;
	folio = take(n, below(n, n->folios));
	pfn = hvo_mm_pfn(n->m->mm, folio);
	order = hvo_folio_order(folio);
	hvo_mm_stats(n->m->mm, &s);
	deferred = s.deferred;
	if (below(n, 2)) {
		err = hvo_folio_free(n->m->mm, &folio, 1, 0, NULL);
	} else {
		hvo_folio_unfreeze(folio, 1);
		err = hvo_folio_put(n->m->mm, folio);
	}
	demand(n, !err);
	n->fine++;
	hvo_mm_stats(n->m->mm, &s);
	if (s.deferred != deferred) {
		/* Still a folio; try until it is gone. */
		complain(n, "deferred although no page of it is needed");
		return;
	}
	release(n, pfn, UINT64_C(1) << order, NAIVE_FOLIO);
	demand(n, hvo_folio_put(n->m->mm, folio) == -HVO_ESTATE);
}

static void step_change(struct naive *n)
{
	struct hvo_page *folio;
	unsigned order;
	int err;

	if (!n->folios)
		return;
	folio = n->folio[below(n, n->folios)];
	order = hvo_folio_order(folio);
	if (below(n, 2))
		err = hvo_folio_restore(n->m->mm, &folio, 1, NULL);
	else
		err = hvo_folio_optimize(n->m->mm, &folio, 1, NULL);
	demand(n, !err || err == -HVO_ENOMEM || err == -HVO_EDIRTY ||
		      (err == -HVO_EORDER && order < machine_min_order()));
	n->fine += !err;
}

static void step_split(struct naive *n)
{
	size_t at;
	struct hvo_page *folio;
	unsigned from;
	unsigned to;
	uint64_t step;

	if (!n->folios)
		return;
	at = below(n, n->folios);
	folio = n->folio[at];
	from = hvo_folio_order(folio);
	if (!from)
		return;
	to = from - 1 - (unsigned)below(n, from < 3 ? from : 3);
	step = UINT64_C(1) << to;
	if (n->folios + (UINT64_C(1) << (from - to)) > FOLIOS)
		return;
	if (hvo_folio_split(n->m->mm, folio, to))
		return;
	n->fine++;
	for (uint64_t i = step; i < UINT64_C(1) << from; i += step)
		n->folio[n->folios++] = folio + i;
}

/* Take the folios that begin in a range, but the first, off the list. */
static void forget(struct naive *n, hvo_pfn_t pfn, uint64_t count)
{
	for (size_t i = 0; i < n->folios;) {
		hvo_pfn_t at = hvo_mm_pfn(n->m->mm, n->folio[i]);

		if (at > pfn && at < pfn + count)
			take(n, i);
		else
			i++;
	}
}

static void step_join(struct naive *n)
{
	struct hvo_page *folio;
	unsigned order;
	hvo_pfn_t pfn;

	if (!n->folios)
		return;
	folio = n->folio[below(n, n->folios)];
	order = hvo_folio_order(folio) + 1 + (unsigned)below(n, 2);
	pfn = hvo_mm_pfn(n->m->mm, folio);
	if (pfn + (UINT64_C(1) << order) > PAGES ||
	    hvo_folio_join(n->m->mm, folio, order))
		return;
	n->fine++;
	forget(n, pfn, UINT64_C(1) << order);
}

static void step_poison(struct naive *n)
{
	hvo_pfn_t pfn = below(n, PAGES);
	struct hvo_page *folio;
	bool in_folio = n->owner[pfn] == NAIVE_FOLIO;
	bool good = below(n, 3) == 0;
	bool retired;
	int err;

	if (in_folio) {
		folio = hvo_compound_head(hvo_mm_page(n->m->mm, pfn));
		err = good ? hvo_folio_unpoison(n->m->mm, folio, pfn)
			   : hvo_folio_poison(n->m->mm, folio, pfn);
	} else {
		err = good ? hvo_mm_unpoison(n->m->mm, pfn)
			   : hvo_mm_poison(n->m->mm, pfn, NULL);
	}
	demand(n, !err ||
		      (err == -HVO_EBUSY && n->owner[pfn] == NAIVE_ISOLATED) ||
		      (err == -HVO_ESTATE && good && !n->bad[pfn]));
	if (err)
		return;
	n->fine++;
	n->bad[pfn] = !good;
	retired =
	    atomic_load(&hvo_mm_page(n->m->mm, pfn)->flags) & HVO_PAGE_RETIRED;
	if (n->owner[pfn] == NAIVE_NOBODY && retired)
		n->owner[pfn] = NAIVE_RETIRED;
	else if (n->owner[pfn] == NAIVE_RETIRED && good)
		n->owner[pfn] = NAIVE_NOBODY;
}

static void step_isolate(struct naive *n)
{
	hvo_pfn_t pfn = below(n, PAGES - 64);
	uint64_t count = 1 + below(n, 64);
	bool one_zone = domain_of(n, pfn) == domain_of(n, pfn + count - 1);
	bool sure = one_zone && all_free(n, pfn, count);
	int err = hvo_contig_isolate(n->m->mm, pfn, count);

	demand(n, !err == sure);
	n->fine += !err;
	if (!err)
		set(n, pfn, count, NAIVE_NOBODY, NAIVE_ISOLATED);
}

static void step_release(struct naive *n)
{
	hvo_pfn_t pfn = below(n, PAGES);
	hvo_pfn_t end;

	while (pfn < PAGES && n->owner[pfn] != NAIVE_ISOLATED)
		pfn++;
	for (end = pfn; end < PAGES && n->owner[end] == NAIVE_ISOLATED &&
			end - pfn < 40 &&
			domain_of(n, end) == domain_of(n, pfn);)
		end++;
	if (pfn == end)
		return;
	demand(n, !hvo_contig_release(n->m->mm, pfn, end - pfn));
	n->fine++;
	set(n, pfn, end - pfn, NAIVE_ISOLATED, NAIVE_NOBODY);
}

static bool may_go(struct naive *n, hvo_pfn_t pfn)
{
	for (uint64_t i = 0; i < 512; i++)
		if (n->owner[pfn + i] != NAIVE_RETIRED &&
		    !all_free(n, pfn + i, 1))
			return false;
	return true;
}

static void step_offline(struct naive *n)
{
	hvo_pfn_t pfn = below(n, PAGES / 512) * 512;
	int err;

	if (n->owner[pfn] == NAIVE_OFFLINE) {
		demand(n, !hvo_mm_online(n->m->mm, pfn, 512));
		release(n, pfn, 512, NAIVE_OFFLINE);
		return;
	}
	err = hvo_mm_offline(n->m->mm, pfn, 512);
	demand(n, !err == may_go(n, pfn) || !err);
	if (err)
		return;
	n->fine++;
	memset(n->owner + pfn, NAIVE_OFFLINE, 512);
}

/* Descriptors leave, and come again, while their memory is offline. */
static void step_undescribe(struct naive *n)
{
	hvo_pfn_t pfn = below(n, PAGES / 512) * 512;
	unsigned domain;
	int err;

	if (n->owner[pfn] != NAIVE_OFFLINE)
		return;
	domain = domain_of(n, pfn);
	demand(n, !hvo_mm_undescribe(n->m->mm, pfn, 512, NULL));
	memset(n->bad + pfn, 0, 512);
	err = hvo_mm_describe(n->m->mm, pfn, 512, domain, 0);
	demand(n, !err);
	n->fine++;
}

static void step(struct naive *n)
{
	static void (*const steps[])(struct naive *) = {
	    step_alloc,      step_alloc,   step_alloc,   step_free,
	    step_free,       step_change,  step_split,   step_join,
	    step_poison,     step_isolate, step_release, step_offline,
	    step_undescribe,
	};

	if (!below(n, 100))
		hvo_mm_rehome(n->m->mm);
	else
		steps[below(n, sizeof(steps) / sizeof(*steps))](n);
}

/* ---- comparing -------------------------------------------------------- */

static void compare(struct naive *n)
{
	static const enum hvo_owner owners[NAIVE_OWNERS] = {
	    [NAIVE_FOLIO] = HVO_OWNER_FOLIO,
	    [NAIVE_ISOLATED] = HVO_OWNER_ISOLATED,
	    [NAIVE_RETIRED] = HVO_OWNER_POISON,
	    [NAIVE_OFFLINE] = HVO_OWNER_OFFLINE,
	};
	uint64_t count[NAIVE_OWNERS] = {0};
	uint64_t bad = 0;
	struct hvo_mm_stats s;

	for (hvo_pfn_t pfn = 0; pfn < PAGES; pfn++) {
		/* A bad frame is retired when it is freed. */
		if (n->owner[pfn] == NAIVE_NOBODY && n->bad[pfn] &&
		    (atomic_load(&hvo_mm_page(n->m->mm, pfn)->flags) &
		     HVO_PAGE_RETIRED))
			n->owner[pfn] = NAIVE_RETIRED;
		count[n->owner[pfn]]++;
		bad += n->bad[pfn];
		if (hvo_mm_poisoned(n->m->mm, pfn) != n->bad[pfn])
			complain(n, "a bad page is forgotten, or a good one "
				    "is not");
	}
	hvo_mm_stats(n->m->mm, &s);
	demand(n, s.poisoned == bad);
	for (unsigned i = 1; i < NAIVE_OWNERS; i++)
		demand(n, s.owner[owners[i]] == count[i]);
	if (!n->wrong)
		n->wrong = machine_wrong(n->m);
}

static void run_seed(uint64_t seed)
{
	const struct machine_config config = {
	    .nodes = 2,
	    .node_pages = PAGES / 2,
	    .movable_pages = seed % 2 ? 2048 : 0,
	    .dma32_end = seed % 3 ? 0 : 2048,
	};
	struct naive *n = calloc(1, sizeof(*n));
	unsigned at = 0;

	n->random = seed;
	n->m = machine_open(&config);
	for (; at < STEPS && !n->wrong; at++) {
		step(n);
		if (at % 64 == 63)
			compare(n);
	}
	if (!n->wrong)
		compare(n);
	if (n->wrong)
		fail_msg("seed %u, step %u: %s", (unsigned)seed, at, n->wrong);
	assert_true(n->fine > STEPS / 8);
	machine_close(n->m);
	free(n);
}

static void sequences(void **state)
{
	const char *one = getenv("HVO_SEED");
	const char *many = getenv("HVO_SEEDS");
	uint64_t seeds = many ? strtoull(many, NULL, 0) : 12;

	(void)state;
	if (one) {
		run_seed(strtoull(one, NULL, 0));
		return;
	}
	for (uint64_t seed = 1; seed <= seeds; seed++)
		run_seed(seed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(sequences)};

	return cmocka_run_group_tests_name("mm: random", tests, NULL, NULL);
}
