/* SPDX-License-Identifier: MIT */
/*
 * The check finds damage: each kind is done on purpose, found as what it is,
 * and undone.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "../src/pools/pools.h"
#include "pools.h"

static struct hvo_hugetlb_finding find(struct pools *p)
{
	struct hvo_hugetlb_finding f;

	hvo_hugetlb_check(p->h, &f);
	return f;
}

#define assert_finds(p, kind)                                                  \
	assert_int_equal(find(p).violation, HVO_HUGETLB_##kind)

/* Pools in all states, and a free and a used page of the middle size. */
struct scene {
	struct pools p;
	struct hvo_pool *pool;
	struct hvo_page *used;
	struct hvo_page *free;
	uint64_t used_nr;
	uint64_t free_nr;
};

static struct scene open_scene(void)
{
	struct scene s = {
	    .p = pools_open(&(struct machine_config){.nodes = 2}, NULL)};

	pools_resize(&s.p, MEDIUM, 6);
	pools_resize(&s.p, SMALL, 6);
	s.used = pools_take(&s.p, MEDIUM, 0);
	s.free = pools_take(&s.p, MEDIUM, 0);
	pools_give(&s.p, s.free);
	s.pool = hvo_pool_find(s.p.h, MEDIUM);
	s.used_nr = hvo_pool_page(s.pool, hvo_mm_pfn(s.p.m->mm, s.used));
	s.free_nr = hvo_pool_page(s.pool, hvo_mm_pfn(s.p.m->mm, s.free));
	pools_assert(&s.p);
	return s;
}

static void close_scene(struct scene *s)
{
	pools_assert(&s->p);
	pools_give(&s->p, s->used);
	pools_close(&s->p);
}

static void flip(_Atomic uint64_t *bitmap, uint64_t page)
{
	bitmap[page / 64] ^= UINT64_C(1) << page % 64;
}

static void states(void **state)
{
	struct scene s = open_scene();

	(void)state;
	flip(s.pool->used, s.free_nr);
	assert_finds(&s.p, TWICE);
	assert_int_equal(find(&s.p).pfn, hvo_mm_pfn(s.p.m->mm, s.free));
	flip(s.pool->used, s.free_nr);
	flip(s.pool->busy, s.used_nr);
	assert_finds(&s.p, TWICE);
	flip(s.pool->used, s.used_nr);
	assert_finds(&s.p, BALANCE);
	flip(s.pool->busy, s.used_nr);
	assert_finds(&s.p, COUNTER);
	flip(s.pool->used, s.used_nr);
	close_scene(&s);
}

static void two_pools(void **state)
{
	struct scene s = open_scene();
	struct hvo_pool *small = hvo_pool_find(s.p.h, SMALL);
	uint64_t inside =
	    hvo_pool_page(small, hvo_mm_pfn(s.p.m->mm, s.used) + 48);

	(void)state;
	flip(small->used, inside);
	assert_finds(&s.p, TWO_POOLS);
	assert_int_equal(find(&s.p).order, SMALL);
	assert_int_equal(find(&s.p).found, MEDIUM);
	flip(small->used, inside);
	close_scene(&s);
}

static void folios(void **state)
{
	struct scene s = open_scene();
	uint64_t nobody = s.pool->words * 64 - 1;

	(void)state;
	/* A page that is no folio, and one that there cannot be. */
	flip(s.pool->used, 0);
	assert_finds(&s.p, NO_FOLIO);
	flip(s.pool->used, 0);
	flip(s.pool->used, nobody);
	assert_finds(&s.p, NO_FOLIO);
	flip(s.pool->used, nobody);
	s.used->order = MEDIUM + 1;
	assert_finds(&s.p, NO_FOLIO);
	s.used->order = MEDIUM;
	atomic_fetch_or(&s.used->flags, HVO_PAGE_DEFERRED);
	assert_finds(&s.p, NO_FOLIO);
	atomic_fetch_and(&s.used->flags, ~(uint64_t)HVO_PAGE_DEFERRED);
	/* A used one may have references, a free one none. */
	hvo_folio_unfreeze(s.used, 3);
	assert_finds(&s.p, OK);
	assert_true(hvo_folio_freeze(s.used, 3));
	hvo_folio_unfreeze(s.free, 1);
	assert_finds(&s.p, NOT_FROZEN);
	assert_true(hvo_folio_freeze(s.free, 1));
	close_scene(&s);
}

static void heads(void **state)
{
	struct scene s = open_scene();

	(void)state;
	s.used->data = 1;
	assert_finds(&s.p, OK);
	s.used->data = 0;
	s.free->data = 1;
	assert_finds(&s.p, NOT_CLEAN);
	s.free->data = 0;
#if HVO_PAGE_BYTES > 32
	s.free->owner[0] = 1;
	assert_finds(&s.p, NOT_CLEAN);
	s.free->owner[0] = 0;
#endif
	assert_int_equal(hvo_folio_poison(s.p.m->mm, s.free,
					  hvo_mm_pfn(s.p.m->mm, s.free) + 9),
			 0);
	assert_finds(&s.p, BAD_PAGE);
	assert_int_equal(hvo_folio_unpoison(s.p.m->mm, s.free,
					    hvo_mm_pfn(s.p.m->mm, s.free) + 9),
			 0);
	close_scene(&s);
}

static void counters(void **state)
{
	static const char *const names[] = {"total", "free", "busy", "surplus",
					    "optimized"};
	struct scene s = open_scene();

	(void)state;
	for (unsigned c = 0; c < HVO_POOL_COUNTERS; c++) {
		uint64_t *one = &s.pool->node[1].count[c];

		*one += 100;
		assert_finds(&s.p, COUNTER);
		assert_string_equal(find(&s.p).what, names[c]);
		assert_int_equal(find(&s.p).node, 1);
		*one -= 100;
		s.pool->all[c]++;
		assert_finds(&s.p, COUNTER);
		assert_string_equal(find(&s.p).what, names[c]);
		assert_int_equal(find(&s.p).node, HVO_HUGETLB_ALL_NODES);
		s.pool->all[c]--;
	}
	s.pool->claimed = 1;
	assert_finds(&s.p, BALANCE);
	s.pool->claimed = 0;
	s.pool->reserved = 6;
	assert_finds(&s.p, BALANCE);
	s.pool->lost = 1;
	assert_finds(&s.p, OK);
	s.pool->reserved = s.pool->lost = 0;
	close_scene(&s);
}

static void hints(void **state)
{
	struct scene s = open_scene();
	unsigned node = hvo_pool_node_of(s.p.h, s.pool, s.free_nr);
	uint64_t first = s.pool->node[node].first;
	uint64_t word = s.free_nr / 64;

	(void)state;
	s.pool->node[node].first = s.pool->words;
	assert_finds(&s.p, HINT);
	s.pool->node[node].first = first;
	s.pool->summary[word / 64] ^= UINT64_C(1) << word % 64;
	assert_finds(&s.p, HINT);
	s.pool->summary[word / 64] ^= UINT64_C(1) << word % 64;
	close_scene(&s);
}

static void texts(void **state)
{
	(void)state;
	for (int v = 0; v <= HVO_HUGETLB_VIOLATIONS; v++) {
		const char *text =
		    hvo_hugetlb_violation_text((enum hvo_hugetlb_violation)v);

		assert_non_null(text);
		assert_true(strlen(text) > 10);
		assert_int_equal(!strcmp(text, "unknown violation"),
				 v == HVO_HUGETLB_VIOLATIONS);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(states),   cmocka_unit_test(two_pools),
	    cmocka_unit_test(folios),   cmocka_unit_test(heads),
	    cmocka_unit_test(counters), cmocka_unit_test(hints),
	    cmocka_unit_test(texts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
