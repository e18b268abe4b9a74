/* SPDX-License-Identifier: MIT */
/*
 * Bad pages are reported, and found good again, while the memory that they are
 * in comes and goes, becomes folios and ceases to be: every report counts once
 * or is refused. HVO_OPS=n makes the memory come and go n times.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "mm.h"

#define REPORTERS 2
#define HOME      UINT64_C(16384) /* base pages that stay */
#define ROOM      UINT64_C(1024)  /* that come and go, behind them */

struct reporter {
	struct machine *m;
	pthread_t thread;
	uint64_t random;
	atomic_bool *stop;
	uint64_t reports; /* that counted */
};

/* Mostly of the pages that come and go. */
static hvo_pfn_t any_page(uint64_t *random)
{
	return machine_random(random) % 4 ? HOME + machine_random(random) % ROOM
					  : machine_random(random) % HOME;
}

static void *report(void *arg)
{
	struct reporter *r = arg;

	while (!atomic_load(r->stop)) {
		hvo_pfn_t pfn = any_page(&r->random);

		r->reports += !hvo_mm_poison(r->m->mm, pfn, NULL);
		hvo_mm_poisoned(r->m->mm, pfn);
		hvo_mm_unpoison(r->m->mm, machine_random(&r->random) % 2
					      ? pfn
					      : any_page(&r->random));
	}
	return NULL;
}

/* Folios of what is offline, put again; bad pages may forbid it. */
static void adopt(struct machine *m, unsigned order, unsigned flags)
{
	const struct hvo_alloc alloc = {.order = order, .flags = flags};
	struct hvo_page *folio;

	for (hvo_pfn_t pfn = HOME; pfn < HOME + ROOM;
	     pfn += UINT64_C(1) << order)
		if (!hvo_folio_adopt(m->mm, pfn, &alloc, &folio))
			assert_int_equal(hvo_folio_put(m->mm, folio), 0);
}

/*
 * A reporter may hold on to a folio of ours for a moment after we have put it,
 * or have isolated some pages: these calls are tried until it is gone.
 */
static void bring_online(struct machine *m)
{
	int err;

	do
		err = hvo_mm_online(m->mm, HOME, ROOM);
	while (err == -HVO_ESTATE);
	assert_int_equal(err, 0);
}

static void take_offline(struct machine *m)
{
	int err;

	do
		err = hvo_mm_offline(m->mm, HOME, ROOM);
	while (err == -HVO_EBUSY);
	assert_int_equal(err, 0);
}

static void undescribe(struct machine *m)
{
	int err;

	do
		err = hvo_mm_undescribe(m->mm, HOME, ROOM, NULL);
	while (err == -HVO_EBUSY);
	assert_int_equal(err, 0);
}

static void come_and_go(struct machine *m)
{
	/* In a zone without descriptors' frames: these would hold it fast. */
	assert_int_equal(
	    hvo_mm_describe(m->mm, HOME, ROOM, HVO_ZONE_MOVABLE, 0), 0);
	adopt(m, 4, 0);
	adopt(m, 0, 0);
	bring_online(m);
	take_offline(m);
	undescribe(m);
}

static void come_and_go_optimized(struct machine *m)
{
	assert_int_equal(hvo_mm_describe(m->mm, HOME, ROOM, HVO_ZONE_DEVICE, 9),
			 0);
	adopt(m, 9, 0);
	undescribe(m);
}

static void all_good(struct machine *m)
{
	for (hvo_pfn_t pfn = 0; pfn < HOME; pfn++)
		if (hvo_mm_poisoned(m->mm, pfn))
			assert_int_equal(hvo_mm_unpoison(m->mm, pfn), 0);
}

static void reports(void **state)
{
	const struct machine_config config = {
	    .node_pages = HOME,
	    .spare_pages = ROOM,
	    .cpus = REPORTERS + 1,
	};
	const char *ops = getenv("HVO_OPS");
	struct machine *m = machine_open(&config);
	struct reporter reporters[REPORTERS];
	atomic_bool stop = false;
	struct hvo_mm_stats s;
	uint64_t counted = 0;

	(void)state;
	for (unsigned i = 0; i < REPORTERS; i++) {
		reporters[i] =
		    (struct reporter){.m = m, .random = i + 1, .stop = &stop};
		assert_int_equal(pthread_create(&reporters[i].thread, NULL,
						report, &reporters[i]),
				 0);
	}
	for (uint64_t n = ops ? strtoull(ops, NULL, 0) : 500; n; n--) {
		come_and_go(m);
		come_and_go_optimized(m);
	}
	atomic_store(&stop, true);
	for (unsigned i = 0; i < REPORTERS; i++) {
		pthread_join(reporters[i].thread, NULL);
		counted += reporters[i].reports;
	}
	assert_true(counted);
	machine_assert(m);
	all_good(m);
	machine_assert(m);
	hvo_mm_stats(m->mm, &s);
	assert_int_equal(s.poisoned, 0);
	assert_int_equal(s.unrecoverable, 0);
	machine_close(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(reports)};

	return cmocka_run_group_tests_name("mm: reports", tests, NULL, NULL);
}
