/* SPDX-License-Identifier: MIT */
/*
 * The older generations, really mapped: each gives the right head for every
 * pfn, keeps as many frames as it should and gives back the very bytes that
 * it took. The engine goes through the same tests.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "hvo/page.h"
#include "lab.h"

#define PAGE     (UINT64_C(1) << LAB_PAGE_SHIFT)
#define FOLIOS   16
#define ORDER_2M 9

/* The port's handler of faults; cmocka has its own in each test. */
static struct sigaction port_handler;

static bool write_faults(void *va)
{
	struct sigaction cmocka_handler;
	bool faults;

	sigaction(SIGSEGV, &port_handler, &cmocka_handler);
	faults = hvo_linux_write_faults(va);
	sigaction(SIGSEGV, &cmocka_handler, NULL);
	return faults;
}

static void open_map(struct lab_map *map, const struct lab_scheme *scheme,
		     unsigned order)
{
	char message[512] = "";
	int error =
	    lab_open(map, scheme, FOLIOS, order, message, sizeof(message));

	if (error)
		fail_msg("lab_open: %s (%d)", message, error);
}

static uint64_t frames(const struct lab_map *map)
{
	uint64_t handed_out = hvo_linux_handed_out(map->linux_port);

	assert_int_equal(handed_out, hvo_linux_measured(map->linux_port));
	return handed_out / PAGE;
}

/* Frames that the engine's tails take, once for all folios. */
static uint64_t shared_frames(const struct lab_map *map)
{
	struct hvo_port *port = map->port;
	uint64_t window = hvo_port_traits(port)->window_pages;

	if (map->scheme->open == NULL)
		return 0;
	return window < map->pages - 1 ? window : map->pages - 1;
}

static char *copy_all(const struct lab_map *map)
{
	size_t size = FOLIOS * map->pages * PAGE;
	char *copy = malloc(size);

	assert_non_null(copy);
	memcpy(copy, (void *)map->base, size);
	return copy;
}

static void assert_heads(const struct lab_map *map)
{
	assert_int_equal(lab_wrong_heads(map, 0, FOLIOS << map->order), 0);
}

/* Everything to optimized, checked; *before gets the bytes it had full. */
static void optimize_all(struct lab_map *map, char **before)
{
	const struct lab_scheme *scheme = map->scheme;

	*before = NULL;
	if (scheme->optimize) {
		assert_int_equal(scheme->populate(map, 0, FOLIOS), 0);
		assert_int_equal(frames(map), FOLIOS * map->pages);
		assert_heads(map);
		*before = copy_all(map);
		assert_int_equal(scheme->optimize(map, 0, FOLIOS), 0);
	} else {
		assert_int_equal(scheme->build(map, 0, FOLIOS), 0);
	}
}

static void assert_tails_refuse_writes(const struct lab_map *map)
{
	for (uint64_t i = 0; i < FOLIOS; i++)
		for (uint64_t page = 0; page < map->pages; page++) {
			bool faults = write_faults(lab_va(map, i, page));

			assert_int_equal(faults, map->scheme->read_only &&
						     page >= map->scheme->kept);
		}
}

/* Every page beyond the kept ones leads to the last of those. */
static void assert_shared(const struct lab_map *map)
{
	uint64_t last = map->scheme->kept - 1;

	for (uint64_t i = 0; i < FOLIOS; i++)
		for (uint64_t page = last; page < map->pages; page++)
			assert_int_equal(lab_frame(map, i, page).nr,
					 lab_frame(map, i, last).nr);
}

static void optimized_as_published(const struct lab_scheme *scheme)
{
	struct lab_map map;
	char *before;

	open_map(&map, scheme, ORDER_2M);
	optimize_all(&map, &before);
	assert_int_equal(frames(&map),
			 FOLIOS * scheme->kept + shared_frames(&map));
	assert_heads(&map);
	assert_tails_refuse_writes(&map);
	if (!scheme->open)
		assert_shared(&map);
	free(before);
	lab_close(&map);
}

static void restored_exactly(const struct lab_scheme *scheme)
{
	struct lab_map map;
	char *before;

	open_map(&map, scheme, ORDER_2M);
	optimize_all(&map, &before);
	assert_int_equal(scheme->restore(&map, 0, FOLIOS), 0);
	assert_int_equal(frames(&map),
			 FOLIOS * map.pages + shared_frames(&map));
	assert_memory_equal((void *)map.base, before,
			    FOLIOS * map.pages * PAGE);
	assert_heads(&map);
	for (uint64_t i = 0; i < FOLIOS * map.pages; i++)
		assert_false(write_faults(lab_va(&map, 0, i)));
	free(before);
	lab_close(&map);
}

/* The middle of a map goes away and comes back; its neighbours stay. */
static void depopulated(const struct lab_scheme *scheme)
{
	int (*make)(struct lab_map *, uint64_t, uint64_t) =
	    scheme->build ? scheme->build : scheme->populate;
	uint64_t less, all;
	struct lab_map map;
	char *before;

	open_map(&map, scheme, ORDER_2M);
	optimize_all(&map, &before);
	all = frames(&map);
	assert_int_equal(scheme->depopulate(&map, 4, 8), 0);
	less = all - 8 * scheme->kept;
	assert_int_equal(frames(&map), less);
	assert_int_equal(lab_wrong_heads(&map, 0, 4 << ORDER_2M), 0);
	assert_int_equal(lab_wrong_heads(&map, 12 << ORDER_2M, 4 << ORDER_2M),
			 0);
	assert_int_equal(make(&map, 4, 8), 0);
	assert_heads(&map);
	free(before);
	lab_close(&map);
}

static void reserve_two_as_published(void **state)
{
	(void)state;
	optimized_as_published(&lab_reserve_two);
}

static void fake_heads_as_published(void **state)
{
	(void)state;
	optimized_as_published(&lab_fake_heads);
}

static void device_dax_as_published(void **state)
{
	(void)state;
	optimized_as_published(&lab_device_dax);
}

static void shared_tails_as_published(void **state)
{
	(void)state;
	optimized_as_published(&lab_shared_tails);
	optimized_as_published(&lab_shared_tails_by_page);
}

static void reserve_two_restores(void **state)
{
	(void)state;
	restored_exactly(&lab_reserve_two);
}

static void fake_heads_restores(void **state)
{
	(void)state;
	restored_exactly(&lab_fake_heads);
}

static void shared_tails_restores(void **state)
{
	(void)state;
	restored_exactly(&lab_shared_tails);
	restored_exactly(&lab_shared_tails_by_page);
}

static void all_depopulate(void **state)
{
	(void)state;
	depopulated(&lab_reserve_two);
	depopulated(&lab_fake_heads);
	depopulated(&lab_device_dax);
	depopulated(&lab_shared_tails);
}

/*
 * What a naive look-up would make of fake heads: the first record of every
 * vmemmap page has the head's flag, and all but one are none.
 */
static void fake_heads_look_like_heads(void **state)
{
	struct lab_map map;
	uint64_t flagged = 0;
	char *before;

	(void)state;
	open_map(&map, &lab_fake_heads, ORDER_2M);
	optimize_all(&map, &before);
	for (uint64_t pfn = 0; pfn < 1 << ORDER_2M; pfn++)
		flagged += lab_record(&map, pfn)->flags & LAB_HEAD;
	assert_int_equal(flagged, map.pages);
	for (uint64_t pfn = 0; pfn < 1 << ORDER_2M; pfn += 64)
		assert_int_equal(lab_walk_one(LAB_WALK_POINTER,
					      (uintptr_t)lab_record(&map, pfn)),
				 (uintptr_t)lab_record(&map, pfn));
	free(before);
	lab_close(&map);
}

/*
 * With device DAX's scheme a stray write to one tail is a write to them all;
 * the reason why the engine's are read-only.
 */
static void device_dax_lets_stray_writes_spread(void **state)
{
	struct lab_map map;

	(void)state;
	open_map(&map, &lab_device_dax, ORDER_2M);
	assert_int_equal(map.scheme->build(&map, 0, FOLIOS), 0);
	lab_record(&map, 7 * 64 + 5)->owner[0] = 42;
	for (uint64_t page = 1; page < map.pages; page++)
		assert_int_equal(lab_record(&map, page * 64 + 5)->owner[0], 42);
	assert_int_equal(lab_record(&map, 5)->owner[0], 0);
	lab_close(&map);
}

/* Larger folios: all pages but the kept ones, however many they are. */
static void other_orders(void **state)
{
	static const struct lab_scheme *const schemes[] = {
	    &lab_reserve_two, &lab_fake_heads, &lab_device_dax,
	    &lab_shared_tails};

	(void)state;
	for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++)
		for (unsigned order = 8; order <= 13; order++) {
			struct lab_map map;
			char *before;

			open_map(&map, schemes[i], order);
			optimize_all(&map, &before);
			assert_int_equal(frames(&map),
					 FOLIOS * schemes[i]->kept +
					     shared_frames(&map));
			assert_heads(&map);
			free(before);
			lab_close(&map);
		}
}

/* The look-up by order: records that straddle pages. */
static void records_of_other_sizes(void **state)
{
	static const struct lab_scheme *const schemes[] = {
	    &lab_shared_tails_order, &lab_shared_tails_built};

	(void)state;
	for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
		struct lab_map map;
		char *before;

		open_map(&map, schemes[i], ORDER_2M);
		optimize_all(&map, &before);
		assert_heads(&map);
		assert_memory_equal((void *)map.base, before,
				    FOLIOS * map.pages * PAGE);
		free(before);
		lab_close(&map);
	}
}

/* The loops that are timed see the same heads as one look-up at a time. */
static void walks_agree_with_single_look_ups(void **state)
{
	static const struct lab_scheme *const schemes[] = {
	    &lab_reserve_two,        &lab_fake_heads,         &lab_shared_tails,
	    &lab_shared_tails_order, &lab_shared_tails_built,
	};
	uintptr_t records[3 << ORDER_2M];
	size_t n = sizeof(records) / sizeof(records[0]);

	(void)state;
	for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
		uint64_t expected = 0;
		struct lab_map map;
		char *before;

		open_map(&map, schemes[i], ORDER_2M);
		optimize_all(&map, &before);
		for (size_t pfn = 0; pfn < n; pfn++) {
			records[pfn] = (uintptr_t)lab_record(&map, pfn);
			expected ^= (uintptr_t)lab_record(
			    &map, pfn >> ORDER_2M << ORDER_2M);
		}
		/* An even number of equal heads would hide them all. */
		expected ^= (uintptr_t)lab_folio(&map, 2);
		assert_int_equal(lab_walk(map.scheme->walk, records, n - 1),
				 expected);
		free(before);
		lab_close(&map);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(reserve_two_as_published),
	    cmocka_unit_test(fake_heads_as_published),
	    cmocka_unit_test(device_dax_as_published),
	    cmocka_unit_test(shared_tails_as_published),
	    cmocka_unit_test(reserve_two_restores),
	    cmocka_unit_test(fake_heads_restores),
	    cmocka_unit_test(shared_tails_restores),
	    cmocka_unit_test(all_depopulate),
	    cmocka_unit_test(fake_heads_look_like_heads),
	    cmocka_unit_test(device_dax_lets_stray_writes_spread),
	    cmocka_unit_test(other_orders),
	    cmocka_unit_test(records_of_other_sizes),
	    cmocka_unit_test(walks_agree_with_single_look_ups),
	};

	if (hvo_linux_catch_faults() || sigaction(SIGSEGV, NULL, &port_handler))
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
