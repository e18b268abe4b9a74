/* SPDX-License-Identifier: MIT */
/*
 * Bad pages, wherever they are: never given out again, never forgotten, and
 * good again when asked.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "mm.h"

#define MIB(n) ((uint64_t)(n) << 8) /* in base pages of 4 KiB */

static uint64_t poisoned(struct machine *m)
{
	struct hvo_mm_stats s;

	hvo_mm_stats(m->mm, &s);
	return s.poisoned;
}

static uint64_t unrecoverable(struct machine *m)
{
	struct hvo_mm_stats s;

	hvo_mm_stats(m->mm, &s);
	return s.unrecoverable;
}

/* No allocation gives the page out. */
static void never_given(struct machine *m, hvo_pfn_t pfn)
{
	uint64_t pages = machine_free(m);
	struct hvo_page **all = calloc(pages + 1, sizeof(*all));
	size_t n = machine_exhaust(m, 0, 0, all, pages + 1);

	assert_int_equal(n, pages);
	for (size_t i = 0; i < n; i++) {
		assert_int_not_equal(hvo_mm_pfn(m->mm, all[i]), pfn);
		hvo_folio_put(m->mm, all[i]);
	}
	hvo_mm_drain_caches(m->mm);
	free(all);
}

static void in_free_memory(void **state)
{
	struct machine *m = machine_open(&(struct machine_config){0});
	uint64_t free = machine_free(m);
	bool stuck = true;

	(void)state;
	assert_int_equal(hvo_mm_poison(m->mm, 1234, &stuck), 0);
	assert_false(stuck);
	machine_assert(m);
	assert_int_equal(hvo_mm_poison(m->mm, 1234, NULL), 0);
	assert_int_equal(poisoned(m), 1);
	assert_int_equal(machine_owned(m, HVO_OWNER_POISON), 1);
	assert_true(hvo_mm_poisoned(m->mm, 1234));
	assert_false(hvo_mm_poisoned(m->mm, 1235));
	never_given(m, 1234);
	machine_assert(m);
	assert_int_equal(hvo_mm_unpoison(m->mm, 1234), 0);
	assert_int_equal(hvo_mm_unpoison(m->mm, 1234), -HVO_ESTATE);
	machine_assert(m);
	assert_int_equal(machine_free(m), free);
	assert_int_equal(hvo_mm_poison(m->mm, MIB(64), NULL), -HVO_EABSENT);
	assert_int_equal(hvo_mm_unpoison(m->mm, MIB(64)), -HVO_EABSENT);
	machine_close(m);
}

static void in_a_cache(void **state)
{
	struct machine *m = machine_open(&(struct machine_config){0});
	struct hvo_page *folio = machine_alloc(m, 0, 0);
	hvo_pfn_t pfn = hvo_mm_pfn(m->mm, folio);

	(void)state;
	hvo_folio_put(m->mm, folio);
	assert_true(atomic_load(&folio->flags) & HVO_PAGE_CACHE);
	assert_int_equal(hvo_mm_poison(m->mm, pfn, NULL), 0);
	machine_assert(m);
	never_given(m, pfn);
	machine_close(m);
}

/* In use, in any state, at any place of the folio. */
static void in_a_folio(void **state)
{
	const unsigned flags[] = {0, HVO_ALLOC_HVO};

	(void)state;
	for (int i = 0; i < 2; i++)
		for (uint64_t at = 0; at < 512; at += 73) {
			struct machine *m =
			    machine_open(&(struct machine_config){0});
			struct hvo_page *folio = machine_alloc(m, 9, flags[i]);
			hvo_pfn_t pfn = hvo_mm_pfn(m->mm, folio) + at;

			assert_int_equal(hvo_mm_poison(m->mm, pfn, NULL), 0);
			assert_int_equal(hvo_mm_poison(m->mm, pfn, NULL), 0);
			machine_assert(m);
			assert_true(hvo_mm_poisoned(m->mm, pfn));
			assert_int_equal(poisoned(m), 1);
			hvo_folio_put(m->mm, folio);
			machine_assert(m);
			assert_int_equal(machine_owned(m, HVO_OWNER_POISON), 1);
			never_given(m, pfn);
			assert_int_equal(hvo_mm_unpoison(m->mm, pfn), 0);
			machine_close(m);
		}
}

/* Frozen ones are their owners' to report; and it can be taken back. */
static void in_a_frozen_folio(void **state)
{
	struct machine *m = machine_open(&(struct machine_config){0});
	struct hvo_page *folio =
	    machine_alloc(m, 9, HVO_ALLOC_HVO | HVO_ALLOC_FROZEN);
	hvo_pfn_t pfn = hvo_mm_pfn(m->mm, folio);

	(void)state;
	assert_int_equal(hvo_mm_poison(m->mm, pfn, NULL), -HVO_EBUSY);
	assert_int_equal(hvo_mm_poison(m->mm, pfn + 300, NULL), -HVO_EBUSY);
	assert_int_equal(hvo_folio_poison(m->mm, folio, pfn + 512),
			 -HVO_ERANGE);
	assert_int_equal(hvo_folio_poison(m->mm, folio, pfn + 300), 0);
	machine_assert(m);
	assert_int_equal(hvo_folio_unpoison(m->mm, folio, pfn + 301),
			 -HVO_ESTATE);
	assert_int_equal(hvo_folio_unpoison(m->mm, folio, pfn + 300), 0);
	machine_assert(m);
	assert_int_equal(poisoned(m), 0);
	/* All spare descriptors full: one more cannot be recorded. */
	for (unsigned i = 1; i < 4096 / HVO_PAGE_BYTES; i++)
		assert_int_equal(hvo_folio_poison(m->mm, folio, pfn + 512 - i),
				 0);
	assert_int_equal(hvo_folio_poison(m->mm, folio, pfn + 1), -HVO_ENOMEM);
	machine_assert(m);
	/* Full, each is known by its own descriptor, and there is room. */
	assert_int_equal(hvo_folio_restore(m->mm, &folio, 1, NULL), 0);
	machine_assert(m);
	assert_int_equal(hvo_folio_poison(m->mm, folio, pfn + 1), 0);
	assert_int_equal(hvo_folio_optimize(m->mm, &folio, 1, NULL),
			 -HVO_EDIRTY);
	assert_int_equal(hvo_folio_free(m->mm, &folio, 1, 0, NULL), 0);
	machine_assert(m);
	assert_int_equal(machine_owned(m, HVO_OWNER_POISON),
			 4096 / HVO_PAGE_BYTES);
	machine_close(m);
}

/* Records travel with the part that has the page. */
static void split(void **state)
{
	struct machine *m = machine_open(&(struct machine_config){0});
	struct hvo_page *folio =
	    machine_alloc(m, 12, HVO_ALLOC_HVO | HVO_ALLOC_FROZEN);
	hvo_pfn_t pfn = hvo_mm_pfn(m->mm, folio);
	const uint64_t at[] = {0, 1, 511, 512, 513, 2048, 4095};

	(void)state;
	for (int i = 0; i < 7; i++)
		assert_int_equal(hvo_folio_poison(m->mm, folio, pfn + at[i]),
				 0);
	for (unsigned order = 11; order >= 7; order -= 2) {
		unsigned from = order == 11 ? 12 : order + 2;

		for (uint64_t p = 0; p < 4096; p += UINT64_C(1) << from)
			assert_int_equal(
			    hvo_folio_split(m->mm, hvo_mm_page(m->mm, pfn + p),
					    order),
			    0);
		machine_assert(m);
		for (int i = 0; i < 7; i++)
			assert_true(hvo_mm_poisoned(m->mm, pfn + at[i]));
		assert_int_equal(poisoned(m), 7);
	}
	machine_close(m);
}

/* A bad page where a frame is needed: the folio is deferred. */
static void deferred(void **state)
{
	struct machine *m = machine_open(&(struct machine_config){0});
	uint64_t before = machine_free(m);
	struct hvo_page **all = calloc(before, sizeof(*all));
	struct hvo_page *folio =
	    machine_alloc(m, 9, HVO_ALLOC_HVO | HVO_ALLOC_FROZEN);
	hvo_pfn_t pfn = hvo_mm_pfn(m->mm, folio);
	size_t n = machine_exhaust(m, 0, 0, all, before);
	struct hvo_mm_stats s;

	(void)state;
	assert_int_equal(hvo_folio_poison(m->mm, folio, pfn + 511), 0);
	assert_int_equal(hvo_folio_free(m->mm, &folio, 1, 0, NULL), 0);
	machine_assert(m);
	hvo_mm_stats(m->mm, &s);
	assert_int_equal(s.deferred, 1);
	assert_int_equal(hvo_folio_free(m->mm, &folio, 1, 0, NULL),
			 -HVO_ESTATE);
	assert_int_equal(hvo_mm_rehome(m->mm), 0);
	machine_assert(m);
	for (size_t i = 0; i < n; i++)
		hvo_folio_put(m->mm, all[i]);
	assert_int_equal(hvo_mm_rehome(m->mm), 511);
	machine_assert(m);
	hvo_mm_stats(m->mm, &s);
	assert_int_equal(s.deferred, 0);
	assert_int_equal(s.owner[HVO_OWNER_POISON], 1);
	free(all);
	machine_close(m);
}

/* The frame behind the descriptor of a pfn. */
static hvo_pfn_t frame_of(struct machine *m, hvo_pfn_t pfn)
{
	uintptr_t at = (uintptr_t)hvo_mm_page(m->mm, pfn) & ~(uintptr_t)4095;

	return hvo_mm_frame_pfn(
	    m->mm, hvo_port_translate(m->config.port, (void *)at).frame);
}

/* Descriptors of free memory move away from a bad frame. */
static void frames(void **state)
{
	struct machine *m = machine_open(&(struct machine_config){0});
	hvo_pfn_t bad = frame_of(m, MIB(8));
	bool stuck = true;

	(void)state;
	assert_int_equal(hvo_mm_poison(m->mm, bad, &stuck), 0);
	assert_false(stuck);
	machine_assert(m);
	assert_int_not_equal(frame_of(m, MIB(8)), bad);
	assert_int_equal(machine_owned(m, HVO_OWNER_POISON), 1);
	assert_int_equal(unrecoverable(m), 0);
	never_given(m, bad);
	/* The new frame is bad, too. */
	bad = frame_of(m, MIB(8));
	assert_int_equal(hvo_mm_poison(m->mm, bad, &stuck), 0);
	assert_false(stuck);
	machine_assert(m);
	machine_close(m);
}

/* Not those of memory in use; but when they are freed they stay away. */
static void stuck_frames(void **state)
{
	struct machine *m = machine_open(&(struct machine_config){0});
	struct hvo_page *folio = machine_alloc(m, 9, HVO_ALLOC_FROZEN);
	hvo_pfn_t bad = frame_of(m, hvo_mm_pfn(m->mm, folio) + 300);
	hvo_pfn_t shared;
	bool stuck = false;

	(void)state;
	assert_int_equal(hvo_mm_poison(m->mm, bad, &stuck), 0);
	assert_true(stuck);
	machine_assert(m);
	assert_int_equal(unrecoverable(m), 1);
	assert_int_equal(hvo_mm_unpoison(m->mm, bad), 0);
	assert_int_equal(unrecoverable(m), 0);
	assert_int_equal(hvo_mm_poison(m->mm, bad, &stuck), 0);
	assert_int_equal(hvo_folio_optimize(m->mm, &folio, 1, NULL), 0);
	machine_assert(m);
	assert_int_equal(unrecoverable(m), 0);
	assert_int_equal(machine_owned(m, HVO_OWNER_POISON), 1);
	never_given(m, bad);
	shared = frame_of(m, hvo_mm_pfn(m->mm, folio) + 300);
	assert_int_equal(hvo_mm_poison(m->mm, shared, &stuck), 0);
	assert_true(stuck);
	machine_assert(m);
	machine_close(m);
}

/* Bad pages go through offline and back. */
static void offline(void **state)
{
	struct machine *m = machine_open(&(struct machine_config){0});

	(void)state;
	assert_int_equal(hvo_mm_poison(m->mm, 600, NULL), 0);
	assert_int_equal(hvo_mm_offline(m->mm, 512, 512), 0);
	machine_assert(m);
	assert_int_equal(hvo_mm_poison(m->mm, 601, NULL), 0);
	machine_assert(m);
	assert_int_equal(machine_owned(m, HVO_OWNER_OFFLINE), 512);
	assert_int_equal(hvo_mm_online(m->mm, 512, 512), 0);
	machine_assert(m);
	assert_int_equal(machine_owned(m, HVO_OWNER_POISON), 2);
	never_given(m, 601);
	assert_int_equal(hvo_mm_offline(m->mm, 512, 512), 0);
	assert_int_equal(hvo_mm_unpoison(m->mm, 601), 0);
	assert_int_equal(hvo_mm_undescribe(m->mm, 512, 512, NULL), 0);
	machine_assert(m);
	assert_int_equal(poisoned(m), 0);
	machine_close(m);
}

/* In device memory that nobody has. */
static void offline_optimized(void **state)
{
	const struct machine_config config = {.spare_pages = MIB(8)};
	struct machine *m = machine_open(&config);
	struct hvo_alloc a = {.order = 9, .flags = HVO_ALLOC_FROZEN};
	struct hvo_page *folio;

	(void)state;
	assert_int_equal(
	    hvo_mm_describe(m->mm, MIB(64), MIB(8), HVO_ZONE_DEVICE, 9), 0);
	assert_int_equal(hvo_mm_poison(m->mm, MIB(64) + 77, NULL), 0);
	assert_int_equal(hvo_mm_poison(m->mm, MIB(66), NULL), 0);
	machine_assert(m);
	assert_int_equal(hvo_folio_adopt(m->mm, MIB(64), &a, &folio), 0);
	assert_true(hvo_mm_poisoned(m->mm, MIB(64) + 77));
	machine_assert(m);
	assert_int_equal(hvo_folio_disown(m->mm, folio), 0);
	assert_int_equal(hvo_mm_unpoison(m->mm, MIB(64) + 77), 0);
	machine_assert(m);
	assert_int_equal(hvo_mm_undescribe(m->mm, MIB(64), MIB(8), NULL), 0);
	assert_int_equal(poisoned(m), 0);
	machine_close(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(in_free_memory),
	    cmocka_unit_test(in_a_cache),
	    cmocka_unit_test(in_a_folio),
	    cmocka_unit_test(in_a_frozen_folio),
	    cmocka_unit_test(split),
	    cmocka_unit_test(deferred),
	    cmocka_unit_test(frames),
	    cmocka_unit_test(stuck_frames),
	    cmocka_unit_test(offline),
	    cmocka_unit_test(offline_optimized),
	};

	return cmocka_run_group_tests_name("mm: bad pages", tests, NULL, NULL);
}
