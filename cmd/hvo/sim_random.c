/* SPDX-License-Identifier: MIT */
/*
 * hvo sim --random: several threads do everything to one machine at once.
 *
 * Each thread has a stream of random numbers of its own, so that a seed
 * chooses what each thread tries; with one thread, that is the whole run. Each
 * folio's head carries its owner's number, and the first bytes of each folio
 * that is backed a pattern, so that memory that two have got shows at once.
 */
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "hvo/cma.h"
#include "hvo/contig.h"
#include "hvo/devmem.h"
#include "hvo/poison.h"
#include "job.h"
#include "json.h"
#include "progress.h"
#include "room.h"
#include "sim.h"
#include "size.h"

#define NODES       2
#define FOLIOS      64 /* that a thread holds at most */
#define TAKEN       8  /* pools' pages, likewise */
#define SMALLER     9  /* orders of the pools */
#define LARGER      11
#define RANGE       32 /* base pages that a thread isolates */
#define FAIL_ONE_IN 50
#define NOWHERE     UINT64_MAX
#define DEVICE      (UINT64_C(32) << 20) /* bytes, for each thread */
#define GIVEN       4 /* folios of the area that a thread holds at most */

enum kind {
	ALLOC,
	FREE,
	OPTIMIZE,
	RESTORE,
	SPLIT,
	WALK,
	POISON,
	UNPOISON,
	ISOLATE,
	OFFLINE,
	REHOME,
	POOL,
	TAKE,
	GIVE,
	DEMOTE,
	PROMOTE,
	AREA,
	ADOPT,
	DEVADD,
	DEVREMOVE,
	DEVADOPT,
	KINDS
};

static const char *const kind_names[KINDS] = {
    "alloc",  "free",      "optimize", "restore", "split",  "walk",
    "poison", "unpoison",  "isolate",  "offline", "rehome", "pool",
    "take",   "give",      "demote",   "promote", "area",   "adopt",
    "devadd", "devremove", "devadopt",
};

/* Belongs to its thread, but for `steps`, which the main one reads. */
struct worker {
	struct run *run;
	pthread_t thread;
	uint64_t number; /* from 1 */
	uint64_t random;
	uint64_t ops;
	struct hvo_page *folio[FOLIOS]; /* one reference each */
	size_t folios;
	struct hvo_page *taken[TAKEN]; /* from a pool, frozen */
	size_t taken_count;
	struct hvo_page *given[GIVEN]; /* by the area, frozen */
	size_t given_count;
	struct hvo_devmem device; /* this thread's range */
	bool has_device;
	struct hvo_page *device_folio; /* of that, frozen; or NULL */
	hvo_pfn_t isolated;            /* RANGE base pages, or NOWHERE */
	hvo_pfn_t offline;             /* a subsection, or NOWHERE */
	uint64_t done[KINDS];
	uint64_t refused[KINDS];
	uint64_t digest; /* of what came of each operation */
	const char *wrong;
	_Atomic uint64_t steps;
};

struct run {
	const struct hvo_sim_random_options *options;
	struct hvo_machine *machine;
	struct hvo_mm *mm;
	struct hvo_hugetlb *pools;
	void *pools_memory;
	struct hvo_cma area;
	void *area_memory;
	uint64_t pages;
	unsigned subsection; /* order */
	struct worker *workers;
	atomic_bool stop;
	uint64_t failed; /* requests for memory or mappings, to order */
	char wrong[640];
};

/* splitmix64 */
static uint64_t next_random(uint64_t *state)
{
	uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

static uint64_t below(struct worker *w, uint64_t limit)
{
	return next_random(&w->random) % limit;
}

static void demand(struct worker *w, bool condition, const char *what)
{
	if (condition || w->wrong)
		return;
	w->wrong = what;
	w->run->stop = true;
}

/* Note what came of an operation; returns whether it was done. */
static bool note(struct worker *w, enum kind kind, int err)
{
	if (err)
		w->refused[kind]++;
	else
		w->done[kind]++;
	w->digest = (w->digest ^ (uint64_t)kind << 8 ^ (uint64_t)-err) *
		    UINT64_C(0x100000001b3);
	return !err;
}

/* ---- folios that a thread holds ----------------------------------------- */

/* Where a folio's pattern is: the first bytes of its first page. */
static uint64_t *content(const struct worker *w, const struct hvo_page *folio)
{
	const struct hvo_mm *mm = w->run->mm;

	return hvo_port_frame(hvo_mm_config(mm)->port,
			      hvo_mm_frame(mm, hvo_mm_pfn(mm, folio)));
}

static bool is_backed(const struct hvo_page *folio)
{
	return atomic_load(&folio->flags) & HVO_PAGE_COMMIT;
}

static uint64_t pattern(const struct worker *w, const struct hvo_page *folio)
{
	return (hvo_mm_pfn(w->run->mm, folio) << 8 | w->number) *
	       UINT64_C(0x9e3779b97f4a7c15);
}

/* It is ours: leave our marks. */
static void mark(struct worker *w, struct hvo_page *folio)
{
	demand(w, !folio->data, "the head of a new folio is not fresh");
	folio->data = w->number;
	if (is_backed(folio))
		*content(w, folio) = pattern(w, folio);
	w->digest += hvo_mm_pfn(w->run->mm, folio);
}

/* Nobody else has left any; take ours off. */
static void unmark(struct worker *w, struct hvo_page *folio)
{
	demand(w, folio->data == w->number, "two threads have one folio");
	demand(w, !is_backed(folio) || *content(w, folio) == pattern(w, folio),
	       "the memory of a folio was written by somebody else");
	folio->data = 0;
}

static void keep(struct worker *w, struct hvo_page *folio)
{
	mark(w, folio);
	w->folio[w->folios++] = folio;
}

/* Take a folio off the list; its head is as when it was new. */
static struct hvo_page *take(struct worker *w)
{
	size_t at = below(w, w->folios);
	struct hvo_page *folio = w->folio[at];

	unmark(w, folio);
	w->folio[at] = w->folio[--w->folios];
	return folio;
}

/* ---- operations --------------------------------------------------------- */

static void do_alloc(struct worker *w)
{
	static const unsigned flags[] = {
	    0,
	    HVO_ALLOC_TRY_HVO,
	    HVO_ALLOC_HVO,
	    HVO_ALLOC_COMMIT | HVO_ALLOC_TRY_HVO,
	    HVO_ALLOC_COMMIT,
	    HVO_ALLOC_ZERO,
	};
	unsigned order =
	    (unsigned)(below(w, 3) ? below(w, 5) : 7 + below(w, 5));
	struct hvo_alloc alloc = {
	    .order = order,
	    .node = (unsigned)below(w, NODES),
	    .limit = below(w, 2) ? HVO_ZONE_MOVABLE : HVO_ZONE_NORMAL,
	    .flags = flags[below(w, sizeof(flags) / sizeof(*flags))],
	};
	struct hvo_page *folio;

	if (w->folios < FOLIOS &&
	    note(w, ALLOC, hvo_folio_alloc(w->run->mm, &alloc, &folio)))
		keep(w, folio);
}

static void do_free(struct worker *w)
{
	if (w->folios)
		demand(w, note(w, FREE, hvo_folio_put(w->run->mm, take(w))),
		       "a folio cannot be freed");
}

/* In two, of which one is kept; or there and back. */
static int split(struct worker *w, struct hvo_page *folio)
{
	struct hvo_mm *mm = w->run->mm;
	unsigned from = hvo_folio_order(folio);
	struct hvo_page *other;
	int err;

	if (!from)
		return -HVO_EORDER;
	err = hvo_folio_split(mm, folio, from - 1);
	if (err)
		return err;
	if (below(w, 2) && !hvo_folio_join(mm, folio, from))
		return 0;
	other = folio + (UINT64_C(1) << (from - 1));
	demand(w, !hvo_folio_free(mm, &other, 1, 0, NULL),
	       "a part of a folio cannot be freed");
	return 0;
}

static int change_frozen(struct worker *w, struct hvo_page *folio,
			 enum kind kind)
{
	if (kind == OPTIMIZE)
		return hvo_folio_optimize(w->run->mm, &folio, 1, NULL);
	if (kind == RESTORE)
		return hvo_folio_restore(w->run->mm, &folio, 1, NULL);
	return split(w, folio);
}

static void change(struct worker *w, enum kind kind)
{
	struct hvo_page *folio;
	int err = -HVO_EBUSY;

	if (!w->folios)
		return;
	folio = take(w);
	/* A walker may be holding on to it. */
	if (hvo_folio_freeze(folio, 1)) {
		err = change_frozen(w, folio, kind);
		hvo_folio_unfreeze(folio, 1);
	}
	note(w, kind, err);
	keep(w, folio);
}

static void do_optimize(struct worker *w)
{
	change(w, OPTIMIZE);
}

static void do_restore(struct worker *w)
{
	change(w, RESTORE);
}

static void do_split(struct worker *w)
{
	change(w, SPLIT);
}

/* Look at any page, and hold on to its folio for a moment. */
static void do_walk(struct worker *w)
{
	struct hvo_page *folio =
	    hvo_folio_try_get(w->run->mm, below(w, w->run->pages));

	if (!note(w, WALK, folio ? 0 : -HVO_ESTATE))
		return;
	demand(w, hvo_page_count(folio), "a folio that is held has count 0");
	demand(w, !hvo_folio_put(w->run->mm, folio),
	       "a reference cannot be dropped");
}

/* Most bad pages become good again, or none would be left in the end. */
static void do_poison(struct worker *w)
{
	hvo_pfn_t pfn = below(w, w->run->pages);
	bool stays = !below(w, 16);

	if (note(w, POISON, hvo_hugetlb_poison(w->run->pools, pfn, NULL)) &&
	    !stays)
		note(w, UNPOISON, hvo_mm_unpoison(w->run->mm, pfn));
}

static void do_unpoison(struct worker *w)
{
	hvo_pfn_t pfn = below(w, w->run->pages);

	for (unsigned i = 0; i < 64 && pfn + i < w->run->pages; i++)
		if (hvo_mm_poisoned(w->run->mm, pfn + i))
			note(w, UNPOISON, hvo_mm_unpoison(w->run->mm, pfn + i));
}

static void do_isolate(struct worker *w)
{
	hvo_pfn_t pfn = below(w, w->run->pages - RANGE);

	if (w->isolated != NOWHERE) {
		demand(w, !hvo_contig_release(w->run->mm, w->isolated, RANGE),
		       "an isolated range cannot be released");
		w->isolated = NOWHERE;
	} else if (note(w, ISOLATE,
			hvo_contig_isolate(w->run->mm, pfn, RANGE))) {
		w->isolated = pfn;
	}
}

/* Each thread takes subsections of its own offline. */
static void do_offline(struct worker *w)
{
	uint64_t cpus = w->run->options->cpus;
	uint64_t pages = UINT64_C(1) << w->run->subsection;
	uint64_t share = w->run->pages / pages / cpus;
	hvo_pfn_t pfn;

	if (!share)
		return;
	pfn = (below(w, share) * cpus + w->number - 1) * pages;
	if (w->offline != NOWHERE) {
		demand(w, !hvo_mm_online(w->run->mm, w->offline, pages),
		       "a subsection does not go online again");
		w->offline = NOWHERE;
	} else if (note(w, OFFLINE,
			below(w, 2)
			    ? hvo_mm_offline(w->run->mm, pfn, pages)
			    : hvo_hugetlb_offline(w->run->pools, pfn, pages))) {
		w->offline = pfn;
	}
}

/* A folio of the contiguous area, given or lent, or back to it. */
static void do_area(struct worker *w)
{
	const struct hvo_alloc alloc = {
	    .order = SMALLER + (unsigned)below(w, 3),
	    .flags = HVO_ALLOC_TRY_HVO | HVO_ALLOC_FROZEN |
		     (below(w, 2) ? HVO_ALLOC_COMMIT : 0),
	};
	struct hvo_page *folio;
	int err;

	if (w->given_count && below(w, 2)) {
		folio = w->given[--w->given_count];
		unmark(w, folio);
		demand(w, !hvo_cma_release(&w->run->area, folio),
		       "a folio cannot go back to its area");
		return;
	}
	if (w->given_count == GIVEN)
		return;
	err = (below(w, 2) ? hvo_cma_alloc : hvo_cma_lend)(&w->run->area,
							   &alloc, &folio);
	if (!note(w, AREA, err))
		return;
	mark(w, folio);
	w->given[w->given_count++] = folio;
}

/* Make a folio of a part of what is isolated, and the reverse. */
static void do_adopt(struct worker *w)
{
	const struct hvo_alloc alloc = {.order = 2, .flags = HVO_ALLOC_FROZEN};
	struct hvo_page *folio;

	if (w->isolated == NOWHERE ||
	    !note(w, ADOPT,
		  hvo_folio_adopt(w->run->mm, (w->isolated + 3) & ~UINT64_C(3),
				  &alloc, &folio)))
		return;
	mark(w, folio);
	unmark(w, folio);
	demand(w, !hvo_folio_disown(w->run->mm, folio),
	       "a folio cannot be isolated again");
}

/* ---- a device's memory -------------------------------------------------- */

static void add_device(struct worker *w)
{
	uint64_t pages = DEVICE / 4096;

	w->device = (struct hvo_devmem){
	    .pfn = w->run->pages + (w->number - 1) * pages,
	    .count = pages,
	    .node = (unsigned)below(w, NODES),
	    .order = below(w, 4) ? SMALLER + (unsigned)below(w, 4) : 0,
	    .on_device = below(w, 2),
	};
	w->has_device = note(w, DEVADD, hvo_devmem_add(w->run->mm, &w->device));
}

/* It may be refused half way, and then be done with the next time. */
static void remove_device(struct worker *w)
{
	w->has_device =
	    !note(w, DEVREMOVE, hvo_devmem_remove(w->run->mm, &w->device));
	if (w->has_device)
		w->device.order = HVO_ORDERS; /* nothing else can be done */
}

static void adopt_device(struct worker *w)
{
	const struct hvo_alloc alloc = {.order = w->device.order,
					.flags = HVO_ALLOC_FROZEN};
	uint64_t folios =
	    (w->device.pfn + w->device.count - w->device.data) >> alloc.order;
	struct hvo_page *folio;

	if (note(w, DEVADOPT,
		 hvo_folio_adopt(w->run->mm,
				 w->device.data +
				     (below(w, folios) << alloc.order),
				 &alloc, &folio))) {
		mark(w, folio);
		w->device_folio = folio;
	}
}

static void free_device_folio(struct worker *w)
{
	unmark(w, w->device_folio);
	demand(w, !hvo_folio_free(w->run->mm, &w->device_folio, 1, 0, NULL),
	       "a device's folio cannot be freed");
	w->device_folio = NULL;
}

static void do_device(struct worker *w)
{
	if (w->device_folio)
		free_device_folio(w);
	else if (!w->has_device)
		add_device(w);
	else if (w->device.order < HVO_ORDERS && below(w, 2))
		adopt_device(w);
	else
		remove_device(w);
}

static void do_rehome(struct worker *w)
{
	if (below(w, 10))
		return;
	hvo_mm_rehome(w->run->mm);
	hvo_cma_regain(&w->run->area);
	note(w, REHOME, 0);
}

static unsigned pool_order(struct worker *w)
{
	return below(w, 4) ? SMALLER : LARGER;
}

static void do_pool(struct worker *w)
{
	unsigned order = pool_order(w);
	unsigned node = (unsigned)below(w, NODES);

	note(w, POOL,
	     hvo_hugetlb_resize_node(w->run->pools, order, node, below(w, 8),
				     NULL));
}

static void do_take(struct worker *w)
{
	const struct hvo_hugetlb_want want = {
	    .order = pool_order(w),
	    .node = (unsigned)below(w, NODES),
	};
	struct hvo_page *page;
	size_t done;

	if (w->taken_count == TAKEN ||
	    !note(w, TAKE,
		  hvo_hugetlb_alloc(w->run->pools, &want, 1, &page, &done)))
		return;
	mark(w, page);
	w->taken[w->taken_count++] = page;
}

static void do_give(struct worker *w)
{
	struct hvo_page *page;

	if (!w->taken_count)
		return;
	page = w->taken[--w->taken_count];
	unmark(w, page);
	demand(w,
	       note(w, GIVE, hvo_hugetlb_free(w->run->pools, &page, 1, NULL)),
	       "a page cannot be given back to its pool");
}

static void do_reshape(struct worker *w)
{
	if (below(w, 2))
		note(w, DEMOTE,
		     hvo_hugetlb_demote(w->run->pools, LARGER, SMALLER, 0, 1,
					NULL));
	else
		note(w, PROMOTE,
		     hvo_hugetlb_promote(w->run->pools, SMALLER, LARGER, 0, 1,
					 NULL));
}

/* ---- a thread ----------------------------------------------------------- */

static void let_go(struct worker *w)
{
	if (w->isolated != NOWHERE)
		do_isolate(w);
	if (w->offline != NOWHERE)
		do_offline(w);
	while (w->folios)
		do_free(w);
	while (w->taken_count)
		do_give(w);
	while (w->given_count)
		do_area(w);
	if (w->device_folio)
		free_device_folio(w);
	if (w->has_device)
		remove_device(w);
	demand(w, !w->has_device, "a device's memory cannot be removed");
}

static void *work(void *arg)
{
	static void (*const ops[])(struct worker *) = {
	    do_alloc,    do_alloc,   do_alloc,  do_alloc,   do_free,
	    do_free,     do_free,    do_split,  do_walk,    do_walk,
	    do_optimize, do_restore, do_walk,   do_poison,  do_unpoison,
	    do_isolate,  do_offline, do_rehome, do_pool,    do_take,
	    do_take,     do_give,    do_give,   do_reshape, do_area,
	    do_area,     do_adopt,   do_device, do_device,
	};
	struct worker *w = arg;

	for (uint64_t i = 0; i < w->ops && !w->run->stop; i++) {
		ops[below(w, sizeof(ops) / sizeof(*ops))](w);
		atomic_store_explicit(&w->steps, i + 1, memory_order_relaxed);
	}
	return NULL;
}

/* ---- a run -------------------------------------------------------------- */

static uint64_t steps(const struct run *run)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < run->options->cpus; i++)
		sum += atomic_load_explicit(&run->workers[i].steps,
					    memory_order_relaxed);
	return sum;
}

/* Wait for a thread, show how far all are, and heed an interrupt. */
static void wait_for(struct run *run, struct worker *w,
		     struct hvo_progress *progress)
{
	struct timespec until;

	do {
		hvo_progress_step(progress, steps(run));
		if (hvo_job_interrupted())
			run->stop = true;
		clock_gettime(CLOCK_REALTIME, &until);
		until.tv_nsec += 100000000;
		until.tv_sec += until.tv_nsec / 1000000000;
		until.tv_nsec %= 1000000000;
	} while (pthread_timedjoin_np(w->thread, NULL, &until));
}

static struct worker first_state(struct run *run, unsigned i)
{
	const struct hvo_sim_random_options *o = run->options;
	uint64_t seed = o->seed ^ UINT64_C(0x6a09e667f3bcc909) * (i + 1);

	return (struct worker){
	    .run = run,
	    .number = i + 1,
	    .random = next_random(&seed),
	    .ops = o->ops / o->cpus + (i < o->ops % o->cpus),
	    .isolated = NOWHERE,
	    .offline = NOWHERE,
	};
}

/* Returns how many threads there are then. */
static unsigned start_threads(struct run *run)
{
	unsigned n = 0;

	for (unsigned i = 0; i < run->options->cpus; i++)
		run->workers[i] = first_state(run, i);
	while (n < run->options->cpus &&
	       !pthread_create(&run->workers[n].thread, NULL, work,
			       &run->workers[n]))
		n++;
	run->stop = n < run->options->cpus;
	return n;
}

static int run_threads(struct run *run)
{
	struct hvo_progress progress;
	unsigned n;

	if (run->options->failures)
		hvo_machine_fail_often(run->machine, FAIL_ONE_IN);
	hvo_progress_start(&progress, "torture", run->options->ops);
	n = start_threads(run);
	for (unsigned i = 0; i < n; i++)
		wait_for(run, &run->workers[i], &progress);
	hvo_progress_end(&progress);
	if (n == run->options->cpus)
		return HVO_EXIT_OK;
	hvo_error("the system gives no more than %u threads; try --cpus %u", n,
		  n);
	return HVO_EXIT_DENIED;
}

/* ---- the end ------------------------------------------------------------ */

/* Returns false, and says what, if something is wrong. */
static bool all_right(struct run *run, const char *when)
{
	struct hvo_cma_finding area;
	char found[512];

	if (hvo_cma_check(&run->area, &area))
		snprintf(found, sizeof(found), "%s: pfn %" PRIu64, area.what,
			 area.pfn);
	else if (!hvo_sim_check_pools(run->pools, found, sizeof(found)) &&
		 !hvo_machine_check(run->machine, found, sizeof(found)))
		return true;
	snprintf(run->wrong, sizeof(run->wrong), "%s, the check found: %s",
		 when, found);
	return false;
}

static bool threads_all_right(struct run *run)
{
	for (unsigned i = 0; i < run->options->cpus; i++) {
		const struct worker *w = &run->workers[i];

		if (!w->wrong)
			continue;
		snprintf(run->wrong, sizeof(run->wrong),
			 "thread %u, after %" PRIu64 " operations: %s", i,
			 (uint64_t)w->steps, w->wrong);
		return false;
	}
	return true;
}

/*
 * All memory is free again, but for descriptors. Pages of a freed folio that
 * hold its own stay where others' descriptors have its other pages.
 */
static bool all_back(struct run *run)
{
	struct hvo_mm_stats s;

	hvo_mm_drain_caches(run->mm);
	for (hvo_pfn_t pfn = 0; pfn < run->pages; pfn++)
		if (hvo_mm_poisoned(run->mm, pfn))
			hvo_mm_unpoison(run->mm, pfn);
	while (hvo_mm_rehome(run->mm))
		continue;
	hvo_mm_stats(run->mm, &s);
	if (s.owner[HVO_OWNER_FREE] + s.owner[HVO_OWNER_CACHE] +
		    s.owner[HVO_OWNER_VMEMMAP] + s.owner[HVO_OWNER_BOOT] +
		    s.owner[HVO_OWNER_HOST] ==
		s.present &&
	    !s.deferred)
		return true;
	snprintf(run->wrong, sizeof(run->wrong),
		 "in the end, %" PRIu64 " base pages are in folios, %" PRIu64
		 " isolated, %" PRIu64 " offline, %" PRIu64 " bad, and %" PRIu64
		 " folios deferred",
		 s.owner[HVO_OWNER_FOLIO], s.owner[HVO_OWNER_ISOLATED],
		 s.owner[HVO_OWNER_OFFLINE], s.owner[HVO_OWNER_POISON],
		 s.deferred);
	return false;
}

/* All pools' pages go back to the machine. */
static bool pools_back(struct run *run)
{
	if (hvo_hugetlb_fini(run->pools)) {
		snprintf(run->wrong, sizeof(run->wrong),
			 "in the end, a pool's page is in use");
		return false;
	}
	run->pools = NULL;
	if (!hvo_cma_fini(&run->area))
		return true;
	snprintf(run->wrong, sizeof(run->wrong),
		 "in the end, a part of the contiguous area is in use");
	return false;
}

static bool check_run(struct run *run)
{
	run->failed = hvo_machine_failed(run->machine);
	hvo_machine_fail(run->machine, 0, false);
	if (!threads_all_right(run) ||
	    !all_right(run, "when all threads had stopped"))
		return false;
	for (unsigned i = 0; i < run->options->cpus; i++)
		let_go(&run->workers[i]);
	return threads_all_right(run) && pools_back(run) && all_back(run) &&
	       all_right(run, "when everything had been given back");
}

/* ---- telling ------------------------------------------------------------ */

static void sum_up(const struct run *run, uint64_t *done, uint64_t *refused)
{
	for (unsigned k = 0; k < KINDS; k++) {
		done[k] = refused[k] = 0;
		for (unsigned i = 0; i < run->options->cpus; i++) {
			done[k] += run->workers[i].done[k];
			refused[k] += run->workers[i].refused[k];
		}
	}
}

static void print_text(const struct run *run)
{
	const struct hvo_sim_random_options *o = run->options;
	uint64_t done[KINDS], refused[KINDS];
	char bytes[HVO_SIZE_TEXT];
	struct hvo_mm_stats s;

	sum_up(run, done, refused);
	hvo_mm_stats(run->mm, &s);
	printf("seed %" PRIu64 ": %" PRIu64 " operations by %" PRIu64
	       " thread%s on %s\n",
	       o->seed, steps(run), o->cpus, o->cpus > 1 ? "s" : "",
	       hvo_size_format(o->memory, bytes));
	for (unsigned k = 0; k < KINDS; k++)
		printf("  %-9s %9" PRIu64 " done %9" PRIu64 " refused\n",
		       kind_names[k], done[k], refused[k]);
	if (o->cpus == 1)
		printf("digest %016" PRIx64 "\n", run->workers[0].digest);
	if (o->failures)
		printf("%" PRIu64
		       " requests for memory or mappings failed to order; "
		       "%" PRIu64
		       " base pages of freed folios hold descriptors\n",
		       run->failed, s.owner[HVO_OWNER_HOST]);
	printf("the check is clean; %s measured, as many counted\n",
	       hvo_size_format(hvo_machine_measured(run->machine), bytes));
}

static int print_json(const struct run *run)
{
	const struct hvo_sim_random_options *o = run->options;
	struct json_object *root = json_object_new_object(), *kinds;
	uint64_t done[KINDS], refused[KINDS];
	char digest[20];

	sum_up(run, done, refused);
	hvo_json_int(root, "hvo", 1);
	hvo_json_int(root, "seed", o->seed);
	hvo_json_int(root, "cpus", o->cpus);
	hvo_json_int(root, "memory", o->memory);
	hvo_json_bool(root, "failures", o->failures);
	hvo_json_int(root, "operations", steps(run));
	kinds = hvo_json_object(root, "kinds");
	for (unsigned k = 0; k < KINDS; k++) {
		struct json_object *kind =
		    hvo_json_object(kinds, kind_names[k]);

		hvo_json_int(kind, "done", done[k]);
		hvo_json_int(kind, "refused", refused[k]);
	}
	snprintf(digest, sizeof(digest), "%016" PRIx64, run->workers[0].digest);
	if (o->cpus == 1)
		hvo_json_text(root, "digest", digest);
	hvo_json_int(root, "failed", run->failed);
	hvo_json_int(root, "measured", hvo_machine_measured(run->machine));
	hvo_json_int(root, "counted",
		     hvo_machine_backed(run->machine)
			 << hvo_mm_config(run->mm)->page_shift);
	return hvo_json_print(root);
}

static int tell_failure(const struct run *run)
{
	const struct hvo_sim_random_options *o = run->options;

	hvo_error("%s", run->wrong);
	hvo_error("to repeat it: hvo sim --random --seed %" PRIu64
		  " --ops %" PRIu64 " --cpus %" PRIu64 " --memory %" PRIu64
		  "%s%s",
		  o->seed, o->ops, o->cpus, o->memory,
		  o->failures ? " --failures" : "",
		  o->cpus > 1 ? " (the same operations, though not at the "
				"same moments: it may take several runs)"
			      : "");
	return HVO_EXIT_FAILED;
}

/* ---- all of it ---------------------------------------------------------- */

static int open_pools(struct run *run)
{
	const struct hvo_hugetlb_config config = {
	    .orders = {SMALLER, LARGER},
	    .sizes = 2,
	    .optimize = true,
	    .limit = HVO_ZONE_MOVABLE,
	    .alloc_flags = HVO_ALLOC_COMMIT,
	    .cma = &run->area,
	    .gigantic_order = LARGER,
	};

	run->area_memory = malloc(hvo_cma_size(&run->area));
	if (!run->area_memory ||
	    hvo_cma_activate(&run->area, run->mm, run->area_memory)) {
		hvo_error("no memory");
		return HVO_EXIT_DENIED;
	}
	run->pools_memory =
	    aligned_alloc(64, hvo_hugetlb_size(run->mm, &config));
	if (run->pools_memory &&
	    !hvo_hugetlb_init(&run->pools, run->pools_memory, run->mm, &config))
		return HVO_EXIT_OK;
	hvo_error("no memory");
	return HVO_EXIT_DENIED;
}

/* An eighth of a node is a contiguous area. */
static int reserve_area(void *ctx, struct hvo_memblock *memblock,
			struct hvo_machine_boot *boot)
{
	struct run *run = ctx;
	uint64_t pages = run->options->memory / NODES / 8 / 4096;
	uint64_t large = UINT64_C(1) << LARGER;

	(void)boot;
	pages = pages < large ? large : pages & ~(large - 1);
	return hvo_cma_reserve(&run->area, memblock, 0, pages, LARGER, SMALLER);
}

static int open_machine(struct run *run)
{
	uint64_t half =
	    run->options->memory / NODES & ~((UINT64_C(2) << 20) - 1);
	const struct hvo_machine_config config = {
	    .range = {{0, half, 0}, {half, half, 1}},
	    .ranges = NODES,
	    .movable = half / 4,
	    /* Fewer than threads: they wait for one another's workspaces. */
	    .cpus = (unsigned)(run->options->cpus + 1) / 2,
	    .no_watermarks = true,
	    .spare = run->options->cpus * DEVICE,
	    .prepare = reserve_area,
	    .ctx = run,
	};
	char message[512];

	if (run->options->memory > hvo_room() - hvo_room() / 16) {
		hvo_error("--memory: all of it may be in use at once, and "
			  "there is not as much to be had");
		return HVO_EXIT_DENIED;
	}
	if (hvo_machine_open(&run->machine, &config, message,
			     sizeof(message))) {
		hvo_error("%s", message);
		return HVO_EXIT_FAILED;
	}
	run->mm = hvo_machine_mm(run->machine);
	run->pages = half * NODES / 4096;
	run->subsection = hvo_mm_sparse(run->mm)->subsection_order;
	return open_pools(run);
}

static int torture(struct run *run)
{
	int code = open_machine(run);

	if (!code)
		code = run_threads(run);
	if (code)
		return code;
	if (!check_run(run))
		return tell_failure(run);
	if (run->options->json)
		return print_json(run);
	print_text(run);
	return HVO_EXIT_OK;
}

/* Die as an interrupted process does, so that a calling shell stops too. */
static int end_interrupted(void)
{
	fflush(stdout);
	signal(SIGINT, SIG_DFL);
	raise(SIGINT);
	return HVO_EXIT_FAILED;
}

int hvo_sim_random(const struct hvo_sim_random_options *options)
{
	struct run run = {.options = options};
	int code = HVO_EXIT_DENIED;

	run.workers = calloc(options->cpus, sizeof(*run.workers));
	hvo_job_catch_interrupt();
	if (run.workers)
		code = torture(&run);
	else
		hvo_error("no memory");
	if (hvo_machine_close(run.machine) && !code) {
		snprintf(run.wrong, sizeof(run.wrong),
			 "after the end, pages were backed that nobody had");
		code = tell_failure(&run);
	}
	free(run.pools_memory);
	free(run.area_memory);
	free(run.workers);
	return hvo_job_interrupted() ? end_interrupted() : code;
}
