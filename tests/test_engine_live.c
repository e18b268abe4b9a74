/* SPDX-License-Identifier: MIT */
/*
 * Threads against live transitions, on the Linux port with our own struct
 * page: readers look up the head of every page, walkers try to take
 * references on pages they find, while an owner optimizes, restores, splits
 * and joins. A fault ends the program; everything seen is verified. Bounded
 * by rounds of the owner.
 */
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include "engine.h"
#include "hvo/page.h"
#include "hvo_linux.h"

#define FOLIOS  4
#define READERS 2
#define WALKERS 2
#define ROUNDS  200

static struct {
	struct engine *e;
	unsigned small; /* orders */
	unsigned large;
	_Atomic bool stop;
	_Atomic uint64_t lookups;
	_Atomic uint64_t taken;   /* references that walkers got */
	_Atomic uint64_t refused; /* and did not */
	_Atomic uint64_t wrong;
} live;

static struct hvo_page *page_of(hvo_pfn_t pfn)
{
	return hvo_vmemmap_record(live.e->map, pfn);
}

/*
 * The head of a page is the page itself or that of a small or a large folio
 * around it, and nothing else ever.
 */
static bool plausible(hvo_pfn_t pfn)
{
	const struct hvo_page *head = hvo_compound_head(page_of(pfn));

	return head == page_of(pfn) ||
	       head == page_of(pfn >> live.small << live.small) ||
	       head == page_of(pfn >> live.large << live.large);
}

/* What belongs to the page's owner, who has put nothing there. */
static bool owned_words_are_zero(const struct hvo_page *page)
{
	const volatile uint64_t *words = (const volatile uint64_t *)page;
	uint64_t all = page->data;

	for (size_t i = 4; i < HVO_PAGE_BYTES / 8; i++)
		all |= words[i];
	return !all;
}

static void *reader(void *arg)
{
	hvo_pfn_t first = live.e->config.pfn_first;
	hvo_pfn_t end = live.e->config.pfn_end;
	uint64_t lookups = 0;

	(void)arg;
	while (!atomic_load(&live.stop)) {
		for (hvo_pfn_t pfn = first; pfn < end; pfn++) {
			struct hvo_page *page = page_of(pfn);

			if (!plausible(pfn) || hvo_page_domain(page) != 1 ||
			    !owned_words_are_zero(page))
				atomic_fetch_add(&live.wrong, 1);
		}
		lookups += end - first;
	}
	atomic_fetch_add(&live.lookups, lookups);
	return NULL;
}

/*
 * A walker in its section: find a page, wait a little, take a reference. It
 * may keep the page after the section has ended, since it holds it.
 */
static void *walker(void *arg)
{
	hvo_pfn_t first = live.e->config.pfn_first;
	uint64_t span = live.e->config.pfn_end - first;
	uint64_t random = (uintptr_t)arg;

	while (!atomic_load(&live.stop)) {
		struct hvo_page *page;
		bool got;

		random = engine_mix(random);
		page = page_of(first + random % span);
		hvo_linux_read_lock();
		got = hvo_page_try_get(page);
		hvo_linux_read_unlock();
		atomic_fetch_add(got ? &live.taken : &live.refused, 1);
		if (!got)
			continue;
		/* A page that is held is nobody's to make a tail of. */
		if (hvo_page_is_tail(page) || !hvo_page_count(page))
			atomic_fetch_add(&live.wrong, 1);
		hvo_page_put(page);
	}
	return NULL;
}

/* ---- the owner ---------------------------------------------------------- */

/* Walkers hold pages only for a moment: they are waited for. */
static void freeze(hvo_pfn_t pfn)
{
	while (!hvo_page_freeze(page_of(pfn), 1))
		sched_yield();
}

static void freeze_all(hvo_pfn_t first, uint64_t count, uint64_t step)
{
	for (hvo_pfn_t pfn = first; pfn < first + count; pfn += step)
		freeze(pfn);
}

static void unfreeze_all(hvo_pfn_t first, uint64_t count, uint64_t step)
{
	for (hvo_pfn_t pfn = first; pfn < first + count; pfn += step)
		hvo_page_unfreeze(page_of(pfn), 1);
}

/* Every page's way to its head, and that tails cannot be written to. */
static void verify(hvo_pfn_t first, unsigned order)
{
	uint64_t count = UINT64_C(1) << order;

	for (hvo_pfn_t pfn = first; pfn < first + count; pfn++)
		if (hvo_compound_head(page_of(pfn)) != page_of(first))
			atomic_fetch_add(&live.wrong, 1);
	if (hvo_compound_order(page_of(first + count - 1)) != order ||
	    !engine_write_faults(live.e, (uintptr_t)page_of(first + count - 1)))
		atomic_fetch_add(&live.wrong, 1);
}

/* Free base pages become one folio, optimized, with a head to be taken. */
static void make_folios(const hvo_pfn_t *pfns, size_t n)
{
	uint64_t count = UINT64_C(1) << live.large;
	size_t done;

	for (size_t i = 0; i < n; i++) {
		freeze_all(pfns[i], count, 1);
		hvo_prep_compound_page(page_of(pfns[i]), live.large);
	}
	assert_int_equal(hvo_vmemmap_optimize(live.e->map, pfns, n, live.large,
					      0, &live.e->work, &done),
			 0);
	for (size_t i = 0; i < n; i++) {
		verify(pfns[i], live.large);
		hvo_page_unfreeze(page_of(pfns[i]), 1);
	}
}

static void split_folio(hvo_pfn_t pfn)
{
	uint64_t count = UINT64_C(1) << live.large;
	uint64_t step = UINT64_C(1) << live.small;

	freeze(pfn);
	hvo_destroy_compound_head(page_of(pfn));
	assert_int_equal(hvo_vmemmap_split(live.e->map, &pfn, 1, live.large,
					   live.small, &live.e->work, NULL),
			 0);
	for (hvo_pfn_t head = pfn; head < pfn + count; head += step) {
		hvo_prep_compound_head(page_of(head), live.small);
		verify(head, live.small);
	}
	unfreeze_all(pfn, count, step);
}

static void join_folio(hvo_pfn_t pfn)
{
	uint64_t count = UINT64_C(1) << live.large;
	uint64_t step = UINT64_C(1) << live.small;

	freeze_all(pfn, count, step);
	for (hvo_pfn_t head = pfn; head < pfn + count; head += step)
		hvo_destroy_compound_head(page_of(head));
	assert_int_equal(hvo_vmemmap_join(live.e->map, &pfn, 1, live.small,
					  live.large, &live.e->work, NULL),
			 0);
	hvo_prep_compound_head(page_of(pfn), live.large);
	verify(pfn, live.large);
	hvo_page_unfreeze(page_of(pfn), 1);
}

static void break_folios(const hvo_pfn_t *pfns, size_t n)
{
	uint64_t count = UINT64_C(1) << live.large;
	size_t done;

	for (size_t i = 0; i < n; i++)
		freeze(pfns[i]);
	assert_int_equal(hvo_vmemmap_restore(live.e->map, pfns, n, live.large,
					     0, &live.e->work, &done),
			 0);
	for (size_t i = 0; i < n; i++) {
		hvo_destroy_compound_page(page_of(pfns[i]));
		unfreeze_all(pfns[i], count, 1);
	}
}

static void own(void)
{
	hvo_pfn_t pfns[FOLIOS];

	for (size_t i = 0; i < FOLIOS; i++)
		pfns[i] = live.e->config.pfn_first + (i << live.large);
	for (unsigned round = 0; round < ROUNDS; round++) {
		make_folios(pfns, FOLIOS);
		split_folio(pfns[round % FOLIOS]);
		join_folio(pfns[round % FOLIOS]);
		break_folios(pfns, FOLIOS);
	}
}

static void open_live(uint32_t window)
{
	struct engine_config config = {
	    .page_shift = 12,
	    .record = hvo_page_record(),
	    .domains = 2,
	    .window_pages = window,
	};
	struct hvo_geometry g;

	assert_int_equal(hvo_geometry_init(&g, 12, config.record.size), 0);
	memset(&live, 0, sizeof(live));
	live.small = g.min_order;
	live.large = g.min_order + 2;
	config.pfn_first = (uint64_t)FOLIOS << live.large;
	config.pfn_end = 2 * config.pfn_first;
	live.e = engine_open(&config);
	assert_int_equal(hvo_vmemmap_populate(live.e->map, config.pfn_first,
					      config.pfn_first, 1, false,
					      &live.e->work),
			 0);
	unfreeze_all(config.pfn_first, config.pfn_first, 1);
}

static void run_live(uint32_t window)
{
	pthread_t threads[READERS + WALKERS];

	open_live(window);
	for (size_t i = 0; i < READERS + WALKERS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL,
						i < READERS ? reader : walker,
						(void *)(uintptr_t)i),
				 0);
	own();
	atomic_store(&live.stop, true);
	for (size_t i = 0; i < READERS + WALKERS; i++)
		pthread_join(threads[i], NULL);
	print_message("# %llu lookups, %llu references, %llu refused\n",
		      (unsigned long long)live.lookups,
		      (unsigned long long)live.taken,
		      (unsigned long long)live.refused);
	assert_int_equal(live.wrong, 0);
	assert_null(engine_wrong(live.e));
	/* Nothing was kept, and every reference was given back. */
	for (hvo_pfn_t pfn = live.e->config.pfn_first;
	     pfn < live.e->config.pfn_end; pfn++) {
		assert_int_equal(hvo_page_count(page_of(pfn)), 1);
		assert_false(hvo_page_is_tail(page_of(pfn)));
	}
	engine_close(live.e);
}

static void test_windows(void **state)
{
	(void)state;
	run_live(0);
}

static void test_single_pages(void **state)
{
	(void)state;
	run_live(1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_windows),
	    cmocka_unit_test(test_single_pages),
	};

	return cmocka_run_group_tests_name("live", tests, NULL, NULL);
}
