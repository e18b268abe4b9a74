/* SPDX-License-Identifier: MIT */
/*
 * Several threads do everything to one machine at once, with failures thrown
 * in; at the end the check finds nothing and all memory comes back. Each
 * folio's head carries its owner's number, so that a page that two have got
 * shows at once. HVO_OPS=n makes each thread do n calls, HVO_SEED=n chooses
 * others.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "mm.h"

#define THREADS 4
#define FOLIOS  48
#define PAGES   32768 /* of the whole machine, two nodes */

struct worker {
	struct machine *m;
	pthread_t thread;
	uint64_t number;
	uint64_t random;
	uint64_t ops;
	struct hvo_page *folio[FOLIOS]; /* one reference each */
	size_t folios;
	hvo_pfn_t isolated; /* a range of 32 pages; PAGES: none */
	hvo_pfn_t offline;  /* a subsection; PAGES: none */
	const char *wrong;
};

static uint64_t below(struct worker *w, uint64_t limit)
{
	return machine_random(&w->random) % limit;
}

static void demand(struct worker *w, bool condition, const char *what)
{
	if (!condition && !w->wrong)
		w->wrong = what;
}

static void keep(struct worker *w, struct hvo_page *folio)
{
	demand(w, !folio->data, "a new folio's head is not fresh");
	folio->data = w->number;
	w->folio[w->folios++] = folio;
}

/* Take a folio off the list; its head is as when it was new. */
static struct hvo_page *take(struct worker *w)
{
	size_t at = below(w, w->folios);
	struct hvo_page *folio = w->folio[at];

	demand(w, folio->data == w->number, "another has our folio");
	folio->data = 0;
	w->folio[at] = w->folio[--w->folios];
	return folio;
}

static void do_alloc(struct worker *w)
{
	static const unsigned flags[] = {0, HVO_ALLOC_TRY_HVO, HVO_ALLOC_HVO,
					 HVO_ALLOC_ZERO};
	unsigned order = (unsigned)below(w, 3) ? (unsigned)below(w, 5)
					       : 8 + (unsigned)below(w, 4);
	struct hvo_alloc a = {
	    .order = order,
	    .node = (unsigned)below(w, 2),
	    .limit = below(w, 2) ? HVO_ZONE_MOVABLE : HVO_ZONE_NORMAL,
	    .flags = flags[below(w, 4)],
	};
	struct hvo_page *folio;

	if (w->folios < FOLIOS && !hvo_folio_alloc(w->m->mm, &a, &folio))
		keep(w, folio);
}

static void do_put(struct worker *w)
{
	if (w->folios)
		demand(w, !hvo_folio_put(w->m->mm, take(w)),
		       "a folio cannot be put");
}

/* Split in parts, one of which is kept; or there and back. */
static void split(struct worker *w, struct hvo_page *folio, unsigned from)
{
	unsigned to = from - 1;
	struct hvo_page *other = folio + (UINT64_C(1) << to);

	if (hvo_folio_split(w->m->mm, folio, to))
		return;
	if (below(w, 2) && !hvo_folio_join(w->m->mm, folio, from))
		return;
	demand(w, !hvo_folio_free(w->m->mm, &other, 1, 0, NULL),
	       "a part cannot be freed");
}

static void do_frozen(struct worker *w)
{
	struct hvo_page *folio;
	unsigned order;

	if (!w->folios)
		return;
	folio = take(w);
	order = hvo_folio_order(folio);
	/* Somebody may be looking at it. */
	if (hvo_folio_freeze(folio, 1)) {
		switch (below(w, 3)) {
		case 0:
			hvo_folio_optimize(w->m->mm, &folio, 1, NULL);
			break;
		case 1:
			hvo_folio_restore(w->m->mm, &folio, 1, NULL);
			break;
		default:
			if (order)
				split(w, folio, order);
		}
		hvo_folio_unfreeze(folio, 1);
	}
	keep(w, folio);
}

/* A walker: looks at any page, and holds on to its folio for a moment. */
static void do_walk(struct worker *w)
{
	struct hvo_page *folio = hvo_folio_try_get(w->m->mm, below(w, PAGES));

	if (!folio)
		return;
	demand(w, hvo_page_count(folio), "a folio that we hold has count 0");
	demand(w, !hvo_folio_put(w->m->mm, folio), "it cannot be put");
}

static void do_poison(struct worker *w)
{
	hvo_pfn_t pfn = below(w, PAGES);

	/* Memory in somebody's hands is theirs to report. */
	if (!hvo_mm_poison(w->m->mm, pfn, NULL) && below(w, 8))
		hvo_mm_unpoison(w->m->mm, pfn);
}

static void do_isolate(struct worker *w)
{
	hvo_pfn_t pfn = below(w, PAGES - 32);

	if (w->isolated != PAGES) {
		demand(w, !hvo_contig_release(w->m->mm, w->isolated, 32),
		       "an isolated range cannot be released");
		w->isolated = PAGES;
	} else if (!hvo_contig_isolate(w->m->mm, pfn, 32)) {
		w->isolated = pfn;
	}
}

/* Each thread has subsections of its own to take offline. */
static void do_offline(struct worker *w)
{
	hvo_pfn_t pfn =
	    (below(w, PAGES / 512 / THREADS) * THREADS + w->number - 1) * 512;

	if (w->offline != PAGES) {
		demand(w, !hvo_mm_online(w->m->mm, w->offline, 512),
		       "a subsection does not go online");
		w->offline = PAGES;
	} else if (!hvo_mm_offline(w->m->mm, pfn, 512)) {
		w->offline = pfn;
	}
}

static void do_rehome(struct worker *w)
{
	if (!below(w, 10))
		hvo_mm_rehome(w->m->mm);
}

static void *work(void *arg)
{
	static void (*const ops[])(struct worker *) = {
	    do_alloc, do_alloc, do_alloc,  do_put,     do_put,     do_frozen,
	    do_walk,  do_walk,  do_poison, do_isolate, do_offline, do_rehome,
	};
	struct worker *w = arg;

	for (uint64_t i = 0; i < w->ops && !w->wrong; i++)
		ops[below(w, sizeof(ops) / sizeof(*ops))](w);
	if (w->isolated != PAGES)
		do_isolate(w);
	if (w->offline != PAGES)
		do_offline(w);
	while (w->folios)
		do_put(w);
	return NULL;
}

static uint64_t from_environment(const char *name, uint64_t otherwise)
{
	const char *value = getenv(name);

	return value ? strtoull(value, NULL, 0) : otherwise;
}

static void run(uint64_t seed, uint64_t fail_one_in)
{
	const struct machine_config config = {
	    .nodes = 2,
	    .node_pages = PAGES / 2,
	    .movable_pages = 4096,
	    .cpus = 3, /* fewer than threads: workspaces are waited for */
	};
	struct machine *m = machine_open(&config);
	static struct worker workers[THREADS];
	struct hvo_mm_stats s;

	memset(workers, 0, sizeof(workers));
	machine_fail_often(fail_one_in);
	for (unsigned i = 0; i < THREADS; i++) {
		workers[i] = (struct worker){
		    .m = m,
		    .number = i + 1,
		    .random = seed * THREADS + i,
		    .ops = from_environment("HVO_OPS", 20000),
		    .isolated = PAGES,
		    .offline = PAGES,
		};
		assert_int_equal(
		    pthread_create(&workers[i].thread, NULL, work, &workers[i]),
		    0);
	}
	for (unsigned i = 0; i < THREADS; i++)
		pthread_join(workers[i].thread, NULL);
	machine_fail(0, false);
	for (unsigned i = 0; i < THREADS; i++)
		if (workers[i].wrong)
			fail_msg("seed %u, thread %u: %s", (unsigned)seed, i,
				 workers[i].wrong);
	machine_assert(m);
	hvo_mm_rehome(m->mm);
	hvo_mm_stats(m->mm, &s);
	assert_int_equal(s.owner[HVO_OWNER_FOLIO], 0);
	assert_int_equal(s.owner[HVO_OWNER_ISOLATED], 0);
	assert_int_equal(s.owner[HVO_OWNER_OFFLINE], 0);
	assert_int_equal(s.deferred, 0);
	machine_close(m);
}

static void undisturbed(void **state)
{
	(void)state;
	run(from_environment("HVO_SEED", 1), 0);
}

static void with_failures(void **state)
{
	(void)state;
	run(from_environment("HVO_SEED", 2), 50);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(undisturbed),
	    cmocka_unit_test(with_failures),
	};

	return cmocka_run_group_tests_name("mm: torture", tests, NULL, NULL);
}
