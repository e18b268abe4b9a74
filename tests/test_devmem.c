/* SPDX-License-Identifier: MIT */
/*
 * Device memory: ranges added and removed, with and without an altmap, each
 * failure, random sequences against a reference, readers meanwhile, and damage
 * that the check must find.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "hvo/devmem.h"
#include "mm.h"

#define MIB(n) ((uint64_t)(n) << 8) /* in base pages of 4 KiB */
#define FIRST  MIB(64)
#define SPARE  MIB(192)
#define RECORD sizeof(struct hvo_page)

/* Whole folios of up to 1 GiB, for the tests that have these. */
#define GIB       MIB(1024)
#define PER_2M    (512 * RECORD / 4096)
#define SHARED_2M (PER_2M - 1) /* the Linux port's window of them */

static struct machine *open_machine(void)
{
	return machine_open(&(struct machine_config){.spare_pages = SPARE});
}

static const char *wrong(struct machine *m, const struct hvo_devmem *dev)
{
	struct hvo_devmem_finding f;

	if (!hvo_devmem_check(m->mm, dev, &f))
		return machine_wrong(m);
	fprintf(stderr, "# %s: pfn %#" PRIx64 ", %" PRIu64 "/%" PRIu64 "\n",
		f.what, f.pfn, f.expected, f.found);
	return f.what;
}

static struct hvo_devmem_stats stats_of(struct machine *m,
					const struct hvo_devmem *dev)
{
	struct hvo_devmem_stats s;

	assert_int_equal(hvo_devmem_stats(m->mm, dev, &s), 0);
	return s;
}

/* ---- adding and removing -------------------------------------------- */

static void without_altmap(void **state)
{
	struct machine *m = open_machine();
	struct hvo_devmem dev = {.pfn = FIRST, .count = MIB(64), .order = 9};
	struct hvo_devmem_stats s;
	uint64_t free;

	(void)state;
	assert_int_equal(hvo_devmem_stats(m->mm, &dev, &s), -HVO_EABSENT);
	assert_int_equal(hvo_devmem_add(m->mm, &dev), 0);
	assert_null(wrong(m, &dev));
	s = stats_of(m, &dev);
	assert_int_equal(dev.data, dev.pfn);
	assert_int_equal(s.folios, 32);
	assert_int_equal(s.full_bytes, MIB(64) * RECORD);
	assert_int_equal(s.bytes, 32 * 4096);
	assert_int_equal(s.off_device, 32);
	assert_int_equal(s.on_device + s.altmap_pages + s.altmap_used, 0);
	assert_true(machine_write_faults(hvo_mm_page(m->mm, FIRST + 511)));
	assert_int_equal(hvo_devmem_add(m->mm, &dev), -HVO_EEXIST);
	free = machine_free(m);
	assert_int_equal(hvo_devmem_remove(m->mm, &dev), 0);
	machine_assert(m);
	assert_int_equal(machine_free(m), free + 32);
	machine_close(m);
}

static void with_altmap(void **state)
{
	struct machine *m = open_machine();
	struct hvo_devmem dev = {
	    .pfn = FIRST, .count = MIB(128), .order = 9, .on_device = true};
	uint64_t free = machine_free(m);
	struct hvo_devmem_stats s;

	(void)state;
	assert_int_equal(hvo_devmem_add(m->mm, &dev), 0);
	assert_null(wrong(m, &dev));
	s = stats_of(m, &dev);
	/* 2 MiB in full, 63 folios: all of it on the device. */
	assert_int_equal(dev.data, FIRST + MIB(2));
	assert_int_equal(s.folios, 63);
	assert_int_equal(s.on_device, PER_2M + 63);
	assert_int_equal(s.off_device, 0);
	assert_int_equal(s.altmap_used, s.altmap_pages);
	assert_int_equal(s.altmap_used, s.on_device);
	/* Only shared tails are the zones'. */
	assert_true(machine_free(m) >= free - SHARED_2M);
	assert_int_equal(hvo_devmem_remove(m->mm, &dev), 0);
	machine_assert(m);
	assert_int_equal(machine_owned(m, HVO_OWNER_ALTMAP), 0);
	assert_int_equal(hvo_devmem_add(m->mm, &dev), 0);
	assert_int_equal(hvo_devmem_remove(m->mm, &dev), 0);
	machine_close(m);
}

/* Large folios begin at a multiple of their size. */
static void large(void **state)
{
	struct machine *m = machine_open(&(struct machine_config){
	    .spare_pages = 4 * GIB - MIB(64), .work_runs = 8192});
	struct hvo_devmem dev = {
	    .pfn = GIB, .count = 3 * GIB, .order = 18, .on_device = true};
	struct hvo_devmem_stats s;

	(void)state;
	assert_int_equal(hvo_devmem_add(m->mm, &dev), 0);
	assert_null(wrong(m, &dev));
	s = stats_of(m, &dev);
	/* 512 pages would not hold all of them. */
	assert_int_equal(dev.fill, GIB + MIB(4));
	assert_int_equal(dev.data, 2 * GIB);
	assert_int_equal(s.folios, 2);
	assert_int_equal(s.altmap_used, 2 * PER_2M + 510 + 2);
	assert_int_equal(hvo_devmem_remove(m->mm, &dev), 0);
	dev.on_device = false;
	assert_int_equal(hvo_devmem_add(m->mm, &dev), 0);
	assert_int_equal(stats_of(m, &dev).bytes, 3 * 4096);
	assert_null(wrong(m, &dev));
	assert_int_equal(hvo_devmem_remove(m->mm, &dev), 0);
	machine_close(m);
}

static void in_full(void **state)
{
	struct machine *m = open_machine();
	struct hvo_devmem dev = {
	    .pfn = FIRST, .count = MIB(128), .on_device = true};
	struct hvo_devmem_stats s;

	(void)state;
	assert_int_equal(hvo_devmem_add(m->mm, &dev), 0);
	assert_null(wrong(m, &dev));
	s = stats_of(m, &dev);
	assert_int_equal(s.bytes, s.full_bytes);
	assert_int_equal(s.off_device, 0);
	assert_int_equal(s.folios, 0);
	assert_int_equal(hvo_devmem_remove(m->mm, &dev), 0);
	machine_close(m);
}

/* Its folios are somebody's for a while. */
static void folios(void **state)
{
	struct machine *m = open_machine();
	struct hvo_devmem dev = {
	    .pfn = FIRST, .count = MIB(32), .order = 10, .on_device = true};
	const struct hvo_alloc a = {.order = 10, .flags = HVO_ALLOC_FROZEN};
	struct hvo_page *folio;

	(void)state;
	assert_int_equal(hvo_devmem_add(m->mm, &dev), 0);
	assert_int_equal(hvo_folio_adopt(m->mm, dev.data, &a, &folio), 0);
	assert_int_equal(hvo_devmem_remove(m->mm, &dev), -HVO_EBUSY);
	assert_null(wrong(m, &dev));
	assert_int_equal(hvo_folio_free(m->mm, &folio, 1, 0, NULL), 0);
	assert_null(wrong(m, &dev));
	/* A bad page is remembered while the range is there. */
	assert_int_equal(hvo_mm_poison(m->mm, dev.data + 77, NULL), 0);
	assert_true(hvo_mm_poisoned(m->mm, dev.data + 77));
	assert_null(wrong(m, &dev));
	assert_int_equal(hvo_devmem_remove(m->mm, &dev), 0);
	machine_close(m);
}

static void refuses(void **state)
{
	static const struct {
		struct hvo_devmem dev;
		int err;
	} cases[] = {
	    {{.pfn = FIRST + 1, .count = MIB(2), .order = 9}, -HVO_EALIGN},
	    {{.pfn = FIRST, .count = MIB(3), .order = 9}, -HVO_EALIGN},
	    {{.pfn = FIRST + MIB(2), .count = MIB(4), .order = 10},
	     -HVO_EALIGN},
	    {{.pfn = FIRST, .count = MIB(2), .order = 10}, -HVO_EALIGN},
	    {{.pfn = FIRST, .count = 0, .order = 9}, -HVO_ERANGE},
	    {{.pfn = FIRST, .count = MIB(2), .order = 9, .on_device = true},
	     -HVO_ERANGE},
	    {{.pfn = FIRST, .count = MIB(4), .order = 10, .on_device = true},
	     -HVO_ERANGE},
	    {{.pfn = FIRST + SPARE, .count = MIB(4), .order = 9}, -HVO_ERANGE},
	    {{.pfn = FIRST, .count = MIB(4), .order = 3}, -HVO_EORDER},
	    {{.pfn = FIRST, .count = MIB(4), .order = 60}, -HVO_EORDER},
	    {{.pfn = FIRST, .count = MIB(4), .order = 9, .node = 1},
	     -HVO_ENODE},
	    {{.pfn = 0, .count = MIB(4), .order = 9}, -HVO_EEXIST},
	    {{.pfn = 0, .count = MIB(4), .order = 9, .on_device = true},
	     -HVO_EEXIST},
	};
	struct machine *m = open_machine();
	uint64_t free = machine_free(m);

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct hvo_devmem dev = cases[i].dev;

		assert_int_equal(hvo_devmem_add(m->mm, &dev), cases[i].err);
		machine_assert(m);
		assert_int_equal(machine_owned(m, HVO_OWNER_ALTMAP), 0);
		assert_true(machine_free(m) >= free - 16);
	}
	machine_close(m);
}

static void damage(void **state)
{
	struct machine *m = open_machine();
	struct hvo_devmem dev = {
	    .pfn = FIRST, .count = MIB(32), .order = 9, .on_device = true};
	struct hvo_devmem_finding f;
	struct hvo_page *page;

	(void)state;
	assert_int_equal(hvo_devmem_add(m->mm, &dev), 0);
	page = hvo_mm_page(m->mm, FIRST + 3);
	atomic_fetch_and(&page->flags, ~(uint64_t)HVO_PAGE_ALTMAP);
	assert_int_equal(hvo_devmem_check(m->mm, &dev, &f), -HVO_ECORRUPT);
	assert_int_equal(f.pfn, FIRST + 3);
	atomic_fetch_or(&page->flags, HVO_PAGE_ALTMAP);
	dev.altmap.used++;
	assert_int_equal(hvo_devmem_check(m->mm, &dev, &f), -HVO_ECORRUPT);
	assert_int_equal(f.found, f.expected + 1);
	dev.altmap.used--;
	dev.order = 10;
	assert_int_equal(hvo_devmem_check(m->mm, &dev, &f), -HVO_ECORRUPT);
	assert_int_equal(f.found, 9);
	dev.order = 0;
	assert_int_equal(hvo_devmem_check(m->mm, &dev, &f), -HVO_ECORRUPT);
	assert_int_equal(f.found, HVO_OPTIMIZED);
	dev.order = 9;
	assert_null(wrong(m, &dev));
	assert_int_equal(hvo_devmem_remove(m->mm, &dev), 0);
	machine_close(m);
}

/* ---- failures ------------------------------------------------------- */

static uint64_t fail_at(struct hvo_devmem dev, uint64_t nth, bool sticky)
{
	struct machine *m = open_machine();
	uint64_t digest = machine_digest(m);
	uint64_t failed;
	int err;

	machine_fail(nth, sticky);
	err = hvo_devmem_add(m->mm, &dev);
	failed = machine_failed();
	if (!err) {
		err = hvo_devmem_remove(m->mm, &dev);
		failed = machine_failed();
		machine_fail(0, false);
		/* It may be called again, and then it is gone. */
		if (err)
			assert_int_equal(hvo_devmem_remove(m->mm, &dev), 0);
	} else {
		machine_fail(0, false);
	}
	assert_true(!err || failed);
	machine_assert(m);
	assert_int_equal(machine_owned(m, HVO_OWNER_ALTMAP), 0);
	assert_int_equal(machine_owned(m, HVO_OWNER_OFFLINE), 0);
	(void)digest;
	assert_int_equal(hvo_devmem_add(m->mm, &dev), 0);
	assert_null(wrong(m, &dev));
	assert_int_equal(hvo_devmem_remove(m->mm, &dev), 0);
	machine_close(m);
	return failed;
}

static void each_failure(void **state)
{
	(void)state;
	for (int on_device = 0; on_device < 2; on_device++) {
		const struct hvo_devmem dev = {.pfn = FIRST,
					       .count = MIB(16),
					       .order = 10,
					       .on_device = on_device};
		uint64_t n = 1;

		while (fail_at(dev, n, false))
			n++;
		assert_true(n > 8);
	}
}

/* ---- random --------------------------------------------------------- */

#define SLOTS 6 /* of 32 MiB */

static void run(uint64_t seed)
{
	struct machine *m = open_machine();
	struct hvo_devmem dev[SLOTS] = {0};
	bool added[SLOTS] = {false};
	struct hvo_page *held[SLOTS] = {NULL};
	uint64_t random = seed;

	for (unsigned n = 0; n < 400; n++) {
		unsigned i = (unsigned)(machine_random(&random) % SLOTS);
		uint64_t pick = machine_random(&random);
		struct hvo_alloc a = {.order = dev[i].order,
				      .flags = HVO_ALLOC_FROZEN};
		uint64_t offline = 0;

		if (!added[i]) {
			dev[i] = (struct hvo_devmem){
			    .pfn = FIRST + i * MIB(32),
			    .count = MIB(32),
			    .order = pick % 5 ? 9 + (unsigned)(pick % 4) : 0,
			    .on_device = pick >> 8 & 1,
			};
			assert_int_equal(hvo_devmem_add(m->mm, &dev[i]), 0);
			added[i] = true;
		} else if (held[i]) {
			assert_int_equal(hvo_devmem_remove(m->mm, &dev[i]),
					 -HVO_EBUSY);
			assert_int_equal(
			    hvo_folio_free(m->mm, &held[i], 1, 0, NULL), 0);
			held[i] = NULL;
		} else if (pick % 3 == 0) {
			hvo_pfn_t pfn =
			    dev[i].data +
			    ((pick >> 16) %
				 ((dev[i].pfn + dev[i].count - dev[i].data) >>
				  a.order)
			     << a.order);

			assert_int_equal(
			    hvo_folio_adopt(m->mm, pfn, &a, &held[i]), 0);
		} else {
			assert_int_equal(hvo_devmem_remove(m->mm, &dev[i]), 0);
			added[i] = false;
		}
		for (unsigned k = 0; k < SLOTS; k++) {
			if (!added[k])
				continue;
			offline += dev[k].count;
			if (dev[k].on_device)
				offline -= dev[k].altmap.pages;
			if (held[k])
				offline -= UINT64_C(1) << dev[k].order;
			if (n % 20 == 0)
				assert_null(wrong(m, &dev[k]));
		}
		assert_int_equal(machine_owned(m, HVO_OWNER_OFFLINE), offline);
	}
	machine_close(m);
}

static void random_runs(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 4; seed++)
		run(seed);
}

/* ---- readers and others meanwhile ----------------------------------- */

struct reader {
	struct machine *m;
	atomic_bool stop;
	_Atomic uint64_t wrong;
	_Atomic uint64_t seen;
};

/* What is described is in no folio of anybody's, and its heads are right. */
static void *read_all(void *arg)
{
	struct reader *r = arg;
	struct hvo_port *port = r->m->config.port;
	struct hvo_vmemmap *map = hvo_mm_vmemmap(r->m->mm);
	uint64_t random = 1;

	while (!r->stop) {
		hvo_pfn_t pfn = FIRST + machine_random(&random) % SPARE;

		hvo_port_read_begin(port);
		if (hvo_pfn_valid(map, pfn)) {
			struct hvo_page *page = hvo_mm_page(r->m->mm, pfn);
			const struct hvo_page *head = hvo_compound_head(page);

			r->wrong += hvo_page_count(page) != 0 || head > page ||
				    hvo_page_domain(page) != HVO_ZONE_DEVICE;
			r->seen++;
		}
		hvo_port_read_end(port);
	}
	return NULL;
}

struct adder {
	struct machine *m;
	pthread_t thread;
	hvo_pfn_t pfn;
	uint64_t wrong;
	uint64_t refused;
};

static void *add_and_remove(void *arg)
{
	struct adder *a = arg;

	for (unsigned n = 0; n < 300; n++) {
		struct hvo_devmem dev = {.pfn = a->pfn,
					 .count = MIB(32),
					 .order = 9 + n % 3,
					 .on_device = n & 4};
		int err = hvo_devmem_add(a->m->mm, &dev);

		a->wrong += err && err != -HVO_ENOMEM && err != -HVO_EMAPPINGS;
		a->refused += err != 0;
		while (!err && hvo_devmem_remove(a->m->mm, &dev))
			;
	}
	return NULL;
}

static void at_once(void **state)
{
	struct machine *m = open_machine();
	struct reader r = {.m = m};
	struct adder a[3];
	pthread_t reader;

	(void)state;
	machine_fail_often(100);
	assert_int_equal(pthread_create(&reader, NULL, read_all, &r), 0);
	for (unsigned i = 0; i < 3; i++) {
		a[i] = (struct adder){.m = m, .pfn = FIRST + i * MIB(64)};
		assert_int_equal(
		    pthread_create(&a[i].thread, NULL, add_and_remove, &a[i]),
		    0);
	}
	for (unsigned i = 0; i < 3; i++) {
		pthread_join(a[i].thread, NULL);
		assert_int_equal(a[i].wrong, 0);
		assert_true(a[i].refused < 300);
	}
	r.stop = true;
	pthread_join(reader, NULL);
	machine_fail(0, false);
	assert_int_equal(r.wrong, 0);
	assert_true(r.seen > 0);
	assert_int_equal(machine_owned(m, HVO_OWNER_OFFLINE), 0);
	machine_close(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(without_altmap), cmocka_unit_test(with_altmap),
	    cmocka_unit_test(large),          cmocka_unit_test(in_full),
	    cmocka_unit_test(folios),         cmocka_unit_test(refuses),
	    cmocka_unit_test(damage),         cmocka_unit_test(each_failure),
	    cmocka_unit_test(random_runs),    cmocka_unit_test(at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
