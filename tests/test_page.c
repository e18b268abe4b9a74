/* SPDX-License-Identifier: MIT */
/*
 * page.h, for the size of struct hvo_page that this program is compiled with:
 * heads of every page, prep and destroy, and the count from several threads.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "hvo/page.h"

#define ORDER_MAX 12
#define PAGES     (UINT64_C(1) << (ORDER_MAX + 1))
#define THREADS   4
#define ROUNDS    200000

/*
 * Descriptors of two folios of the largest order, at a multiple of what such
 * a folio's descriptors take, as in a memory map.
 */
static void *buffer;
static struct hvo_page *pages;

static int make_pages(void **state)
{
	uintptr_t align = (uintptr_t)HVO_PAGE_BYTES << ORDER_MAX;
	uintptr_t at;

	(void)state;
	buffer = calloc(PAGES + (UINT64_C(1) << ORDER_MAX), HVO_PAGE_BYTES);
	if (!buffer)
		return -1;
	at = ((uintptr_t)buffer + align - 1) / align * align;
	pages = (struct hvo_page *)at;
	memset(pages, 0, PAGES * HVO_PAGE_BYTES);
	return 0;
}

static int drop_pages(void **state)
{
	(void)state;
	free(buffer);
	return 0;
}

static void test_layout(void **state)
{
	struct hvo_page page = {0};
	struct hvo_record record = hvo_page_record();
	unsigned char bytes[HVO_PAGE_BYTES] = {0};
	uint64_t info = 0x123456789abcdef1;

	(void)state;
	assert_int_equal(sizeof(struct hvo_page), HVO_PAGE_BYTES);
	assert_int_equal(record.size, HVO_PAGE_BYTES);
	assert_int_equal(record.info_offset, 8);
	atomic_store(&page.compound_info, info);
	assert_memory_equal((char *)&page + 8, &info, sizeof(info));
	assert_non_null(record.fresh);
	record.fresh(bytes, 77, 5);
	memcpy(&page, bytes, sizeof(page));
	assert_int_equal(hvo_page_domain(&page), 5);
	assert_int_equal(hvo_page_count(&page), 0);
	assert_false(hvo_page_is_tail(&page));
	assert_false(hvo_page_is_head(&page));
}

/* A fresh record and a tail that prep made are what the callbacks make. */
static void test_record(void **state)
{
	struct hvo_record record = hvo_page_record();
	unsigned char tail[HVO_PAGE_BYTES] = {0};
	uint64_t info = hvo_compound_info(HVO_PAGE_BYTES, 3);

	(void)state;
	for (hvo_pfn_t pfn = 0; pfn < 8; pfn++)
		record.fresh(&pages[pfn], pfn, 6);
	hvo_prep_compound_page(pages, 3);
	if (record.tail)
		record.tail(tail, 3, 6);
	memcpy(tail + record.info_offset, &info, sizeof(info));
	for (unsigned i = 1; i < 8; i++)
		assert_memory_equal(&pages[i], tail, sizeof(tail));
	hvo_destroy_compound_page(pages);
	for (hvo_pfn_t pfn = 0; pfn < 8; pfn++) {
		unsigned char fresh[HVO_PAGE_BYTES] = {0};

		record.fresh(fresh, pfn, 6);
		assert_memory_equal(&pages[pfn], fresh, sizeof(fresh));
	}
}

static void expect_folio(uint64_t first, unsigned order)
{
	uint64_t count = UINT64_C(1) << order;

	for (uint64_t i = first; i < first + count; i++) {
		assert_ptr_equal(hvo_compound_head(&pages[i]), &pages[first]);
		assert_int_equal(hvo_page_is_tail(&pages[i]), i != first);
		assert_int_equal(hvo_page_is_head(&pages[i]), i == first);
		assert_int_equal(hvo_compound_order(&pages[i]), order);
	}
}

static void expect_single(uint64_t first, uint64_t count)
{
	for (uint64_t i = first; i < first + count; i++) {
		assert_ptr_equal(hvo_compound_head(&pages[i]), &pages[i]);
		assert_false(hvo_page_is_tail(&pages[i]));
		assert_false(hvo_page_is_head(&pages[i]));
		assert_int_equal(hvo_compound_order(&pages[i]), 0);
	}
}

/* Every page of every folio of every order, side by side. */
static void test_heads(void **state)
{
	(void)state;
	for (unsigned order = 1; order <= ORDER_MAX; order++) {
		uint64_t count = UINT64_C(1) << order;

		for (uint64_t i = 0; i < PAGES; i += count)
			hvo_prep_compound_page(&pages[i], order);
		for (uint64_t i = 0; i < PAGES; i += count)
			expect_folio(i, order);
		for (uint64_t i = 0; i < PAGES; i += 2 * count)
			hvo_destroy_compound_page(&pages[i]);
		for (uint64_t i = 0; i < PAGES; i += 2 * count) {
			expect_single(i, count);
			if (i + count < PAGES)
				expect_folio(i + count, order);
		}
		for (uint64_t i = count; i < PAGES; i += 2 * count)
			hvo_destroy_compound_page(&pages[i]);
		expect_single(0, PAGES);
	}
}

/* Orders of all kinds next to each other: 0, 0, 1, 2, 3, ... */
static void test_mixed_orders(void **state)
{
	(void)state;
	for (unsigned order = 1; order <= ORDER_MAX; order++)
		hvo_prep_compound_page(&pages[UINT64_C(1) << order], order);
	expect_single(0, 2);
	for (unsigned order = 1; order <= ORDER_MAX; order++)
		expect_folio(UINT64_C(1) << order, order);
}

/*
 * The head of the largest folio there can be, by arithmetic alone: its
 * descriptors need not exist.
 */
static void test_far_heads(void **state)
{
	(void)state;
	for (unsigned order = 1; order <= 22; order++) {
		uint64_t info = hvo_compound_info(HVO_PAGE_BYTES, order);
		uint64_t count = UINT64_C(1) << order;
		uint64_t first = 5 * count;

		assert_true(info & 1);
		for (uint64_t i = first + 1; i < first + count;
		     i += 1 + i % 61) {
			uintptr_t base = (uintptr_t)HVO_PAGE_BYTES << 24;
			uintptr_t head = base + first * HVO_PAGE_BYTES;
			uintptr_t tail = base + i * HVO_PAGE_BYTES;

			assert_int_equal(
			    hvo_head_address(HVO_PAGE_BYTES, tail, info), head);
		}
	}
}

/* What the owner keeps in a page that is no tail does not lead astray. */
static void test_owner_word(void **state)
{
	(void)state;
	for (unsigned bit = 1; bit < 64; bit++) {
		atomic_store(&pages[9].compound_info, UINT64_C(1) << bit);
		assert_ptr_equal(hvo_compound_head(&pages[9]), &pages[9]);
	}
	atomic_store(&pages[9].compound_info, UINT64_MAX - 1);
	assert_ptr_equal(hvo_compound_head(&pages[9]), &pages[9]);
}

static void test_count(void **state)
{
	struct hvo_page *page = &pages[3];

	(void)state;
	assert_false(hvo_page_try_get(page));
	assert_int_equal(hvo_page_count(page), 0);
	assert_false(hvo_page_freeze(page, 1));
	hvo_page_set_count(page, 1);
	assert_true(hvo_page_try_get(page));
	assert_int_equal(hvo_page_count(page), 2);
	assert_false(hvo_page_freeze(page, 1));
	assert_int_equal(hvo_page_count(page), 2);
	assert_false(hvo_page_put(page));
	assert_true(hvo_page_freeze(page, 1));
	assert_false(hvo_page_try_get(page));
	hvo_page_unfreeze(page, 2);
	assert_false(hvo_page_put(page));
	assert_true(hvo_page_put(page));
	assert_false(hvo_page_try_get(page));
}

/* ---- threads ------------------------------------------------------------ */

static _Atomic uint64_t owners; /* who have the page frozen: one at most */
static _Atomic uint64_t frozen;
static _Atomic uint64_t wrong;

/*
 * Each thread holds one reference of its own now and then, and now and then
 * tries to be the only one: the sum must come out, and a frozen page has one
 * owner and cannot be taken.
 */
static void *get_put_freeze(void *arg)
{
	struct hvo_page *page = arg;

	for (unsigned i = 0; i < ROUNDS; i++) {
		if (!hvo_page_try_get(page))
			continue;
		if (i % 4 == 0 && hvo_page_freeze(page, 2)) {
			/* The base reference and our own were all. */
			if (atomic_fetch_add(&owners, 1) ||
			    hvo_page_count(page) || hvo_page_try_get(page))
				atomic_fetch_add(&wrong, 1);
			page->data++;
			atomic_fetch_add(&frozen, 1);
			atomic_fetch_sub(&owners, 1);
			hvo_page_unfreeze(page, 2);
		}
		if (hvo_page_put(page))
			atomic_fetch_add(&wrong, 1);
	}
	return NULL;
}

static void test_threads(void **state)
{
	struct hvo_page *page = &pages[5];
	pthread_t threads[THREADS];

	(void)state;
	hvo_page_set_count(page, 1);
	for (unsigned i = 0; i < THREADS; i++)
		assert_int_equal(
		    pthread_create(&threads[i], NULL, get_put_freeze, page), 0);
	for (unsigned i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	/* Once more alone, so that some freeze is sure to succeed. */
	get_put_freeze(page);
	assert_int_equal(wrong, 0);
	assert_int_equal(hvo_page_count(page), 1);
	assert_true(frozen > 0);
	assert_int_equal(page->data, frozen);
}

/* Of many who drop the last references, one is told that it was the last. */
static _Atomic uint64_t lasts;

static void *put_one(void *arg)
{
	if (hvo_page_put(arg))
		atomic_fetch_add(&lasts, 1);
	return NULL;
}

static void test_last_put(void **state)
{
	pthread_t threads[THREADS];

	(void)state;
	for (unsigned round = 0; round < 200; round++) {
		hvo_page_set_count(&pages[6], THREADS);
		for (unsigned i = 0; i < THREADS; i++)
			assert_int_equal(pthread_create(&threads[i], NULL,
							put_one, &pages[6]),
					 0);
		for (unsigned i = 0; i < THREADS; i++)
			pthread_join(threads[i], NULL);
		assert_int_equal(lasts, round + 1);
		assert_int_equal(hvo_page_count(&pages[6]), 0);
	}
}

#define with_pages(test)                                                       \
	cmocka_unit_test_setup_teardown(test, make_pages, drop_pages)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_layout),    with_pages(test_record),
	    with_pages(test_heads),           with_pages(test_mixed_orders),
	    cmocka_unit_test(test_far_heads), with_pages(test_owner_word),
	    with_pages(test_count),           with_pages(test_threads),
	    with_pages(test_last_put),
	};

	return cmocka_run_group_tests_name("page", tests, NULL, NULL);
}
