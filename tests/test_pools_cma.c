/* SPDX-License-Identifier: MIT */
/*
 * Pools whose gigantic pages come from contiguous areas: what hugetlb_cma= and
 * hugetlb_cma_only= ask for, pages that go back where they came from, failures,
 * threads.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "hvo/bootparam.h"
#include "hvo/cma.h"
#include "pools.h"

#define BIG  (MEDIUM + 2) /* 8 MiB: "gigantic" here */
#define NODE MIB(64)

static struct hvo_cma areas[2];
static void *memory[2];
static const char *line;

static struct hvo_bootparam parse(const char *text)
{
	const struct hvo_bootparam_config config = {
	    .sizes = {2 << 20, 8 << 20},
	    .count = 2,
	    .nodes = 2,
	};
	struct hvo_bootparam result;

	assert_int_equal(
	    hvo_bootparam_parse(&result, &config, text, strlen(text), NULL, 0),
	    0);
	return result;
}

static void reserve(struct hvo_memblock *mb)
{
	struct hvo_bootparam param = parse(line);
	uint64_t reserved;

	assert_int_equal(hvo_hugetlb_cma_reserve(areas, 2, mb, &param.cma, BIG,
						 SMALL, &reserved),
			 0);
	assert_true(reserved >= param.cma.total);
}

static struct pools open_pools(const char *text, bool only)
{
	const struct machine_config machine = {
	    .nodes = 2, .node_pages = NODE, .prepare = reserve};
	struct hvo_hugetlb_config c = pools_config();
	struct pools p;

	line = text;
	p.m = machine_open(&machine);
	c.orders[1] = BIG;
	c.cma_only = only;
	c.gigantic_order = BIG;
	for (unsigned n = 2; n-- > 0;) {
		memory[n] = malloc(hvo_cma_size(&areas[n]) + 1);
		assert_non_null(memory[n]);
		if (!areas[n].pages)
			continue;
		assert_int_equal(
		    hvo_cma_activate(&areas[n], p.m->mm, memory[n]), 0);
		areas[n].next = c.cma;
		c.cma = &areas[n];
	}
	p.memory = aligned_alloc(64, hvo_hugetlb_size(p.m->mm, &c));
	assert_non_null(p.memory);
	assert_int_equal(hvo_hugetlb_init(&p.h, p.memory, p.m->mm, &c), 0);
	return p;
}

static void check(struct pools *p)
{
	struct hvo_cma_finding f;

	pools_assert(p);
	for (unsigned n = 0; n < 2; n++)
		if (areas[n].pages)
			assert_int_equal(hvo_cma_check(&areas[n], &f), 0);
}

static uint64_t in_state(unsigned node, enum hvo_cma_state state)
{
	struct hvo_cma_stats s = {0};

	if (areas[node].pages)
		hvo_cma_stats(&areas[node], &s);
	return s.state[state];
}

static void close_pools(struct pools *p)
{
	machine_fail(0, false);
	check(p);
	assert_int_equal(hvo_hugetlb_fini(p->h), 0);
	for (unsigned n = 0; n < 2; n++) {
		if (areas[n].pages)
			assert_int_equal(hvo_cma_fini(&areas[n]), 0);
		free(memory[n]);
	}
	free(p->memory);
	machine_close(p->m);
}

/* ---- what is reserved ----------------------------------------------- */

static void sizes(void **state)
{
	struct pools p = open_pools("hugetlb_cma=20M", false);

	(void)state;
	/* 10 MiB each, rounded up to pages of 8, until there are 20. */
	assert_int_equal(areas[0].pages, MIB(16));
	assert_int_equal(areas[1].pages, MIB(8));
	close_pools(&p);
	p = open_pools("hugetlb_cma=1:9M", false);
	assert_int_equal(areas[0].pages, 0);
	assert_int_equal(areas[1].pages, MIB(16));
	assert_int_equal(areas[1].node, 1);
	close_pools(&p);
}

static void too_much(void **state)
{
	struct machine *m = machine_open(&(struct machine_config){.nodes = 2});
	struct hvo_bootparam param = parse("hugetlb_cma=0:8M,1:1G");
	uint64_t reserved;

	(void)state;
	assert_int_equal(hvo_hugetlb_cma_reserve(areas, 2, &m->memblock,
						 &param.cma, BIG, SMALL,
						 &reserved),
			 -HVO_ENOMEM);
	assert_int_equal(reserved, 8 << 20);
	assert_int_equal(areas[0].pages, MIB(8));
	assert_int_equal(areas[1].pages, 0);
	machine_close(m);
}

/* ---- pages ---------------------------------------------------------- */

static void first_from_areas(void **state)
{
	struct pools p = open_pools("hugetlb_cma=32M", false);
	uint64_t free = machine_free(p.m);

	(void)state;
	pools_resize(&p, BIG, 4);
	assert_int_equal(in_state(0, HVO_CMA_USED), MIB(16));
	assert_int_equal(in_state(1, HVO_CMA_USED), MIB(16));
	assert_true(machine_free(p.m) > free);
	check(&p);
	/* Then from anywhere; small ones never from an area. */
	pools_resize(&p, BIG, 6);
	check(&p);
	pools_resize(&p, BIG, 0);
	assert_int_equal(in_state(0, HVO_CMA_IDLE), MIB(16));
	pools_resize(&p, MEDIUM, 4);
	assert_int_equal(in_state(0, HVO_CMA_USED), 0);
	check(&p);
	close_pools(&p);
}

static void only_from_areas(void **state)
{
	struct pools p =
	    open_pools("hugetlb_cma=32M hugetlb_cma_only=on", true);
	uint64_t reached;

	(void)state;
	assert_int_equal(hvo_hugetlb_resize(p.h, BIG, 0, 6, &reached),
			 -HVO_ENOMEM);
	assert_int_equal(reached, 4);
	check(&p);
	close_pools(&p);
}

/* Demoted, they go back in parts; promoted, as one; bad ones are gone. */
static void reshaped(void **state)
{
	struct pools p = open_pools("hugetlb_cma=0:16M", true);
	struct hvo_page *folio;
	uint64_t done;
	hvo_pfn_t pfn;

	(void)state;
	pools_resize(&p, BIG, 2);
	assert_int_equal(hvo_hugetlb_demote(p.h, BIG, MEDIUM, 0, 1, &done), 0);
	check(&p);
	assert_int_equal(hvo_hugetlb_demote(p.h, MEDIUM, SMALL, 0, 1, &done),
			 0);
	pools_resize(&p, SMALL, 5);
	check(&p);
	assert_int_equal(in_state(0, HVO_CMA_IDLE), 27 << SMALL);
	pools_resize(&p, MEDIUM, 0);
	pools_resize(&p, SMALL, 0);
	assert_int_equal(in_state(0, HVO_CMA_IDLE), MIB(8));
	folio = pools_take(&p, BIG, 0);
	pfn = hvo_mm_pfn(p.m->mm, folio);
	pools_give(&p, folio);
	assert_int_equal(hvo_hugetlb_poison(p.h, pfn + 99, NULL), 0);
	check(&p);
	assert_int_equal(in_state(0, HVO_CMA_GONE), 1 << SMALL);
	/* Idle memory, too. */
	assert_int_equal(hvo_hugetlb_poison(p.h, pfn + 199, NULL), 0);
	assert_int_equal(in_state(0, HVO_CMA_GONE), 2 << SMALL);
	check(&p);
	/* An area's memory cannot go offline. */
	assert_int_equal(hvo_hugetlb_offline(p.h, pfn, MIB(8)), -HVO_EBUSY);
	check(&p);
	close_pools(&p);
}

/* All memory gone: what leaves is parked, and comes again. */
static void starved(void **state)
{
	struct pools p = open_pools("hugetlb_cma=0:16M", true);
	struct hvo_page **pages;
	size_t count;

	(void)state;
	pools_resize(&p, BIG, 2);
	pages = pools_starve(&p, &count);
	pools_resize(&p, BIG, 0);
	assert_int_equal(in_state(0, HVO_CMA_PARKED), MIB(16));
	check(&p);
	pools_resize(&p, BIG, 2);
	assert_int_equal(pools_stats(&p, BIG).optimized, 2);
	check(&p);
	pools_feed(&p, pages, count);
	close_pools(&p);
}

static void refused(void **state)
{
	struct pools p = open_pools("hugetlb_cma=0:16M", true);
	struct hvo_hugetlb_config c = pools_config();

	(void)state;
	c.cma = &areas[0];
	c.orders[2] = SMALL - 1;
	assert_int_equal(hvo_hugetlb_size(p.m->mm, &c), 0);
	close_pools(&p);
}

/* ---- boot pages ----------------------------------------------------- */

static struct hvo_mm_boot_page boot_pages[4];
static struct machine_config booting;

static void reserve_and_take(struct hvo_memblock *mb)
{
	struct hvo_hugetlb_boot boot = {.pages = boot_pages, .capacity = 3};
	size_t done;

	reserve(mb);
	assert_int_equal(
	    hvo_hugetlb_boot_take_cma(&boot, &areas[1], BIG, 2, &done), 0);
	assert_int_equal(
	    hvo_hugetlb_boot_take_cma(&boot, &areas[1], BIG, 2, &done),
	    -HVO_ENOMEM);
	assert_int_equal(done, 0);
	assert_int_equal(
	    hvo_hugetlb_boot_take_cma(&boot, &areas[0], BIG, 2, &done),
	    -HVO_ERANGE);
	assert_int_equal(done, 1);
	assert_true(boot_pages[0].pfn < boot_pages[1].pfn &&
		    boot_pages[1].pfn < boot_pages[2].pfn);
	booting.page_count = boot.count;
}

static void booted(void **state)
{
	struct hvo_hugetlb_config c = pools_config();
	struct pools p;

	(void)state;
	line = "hugetlb_cma=32M";
	booting = (struct machine_config){.nodes = 2,
					  .node_pages = NODE,
					  .pages = boot_pages,
					  .prepare = reserve_and_take};
	p.m = machine_open(&booting);
	c.orders[1] = BIG;
	c.cma = &areas[0];
	c.gigantic_order = BIG;
	for (unsigned n = 0; n < 2; n++) {
		memory[n] = malloc(hvo_cma_size(&areas[n]));
		assert_non_null(memory[n]);
		assert_int_equal(
		    hvo_cma_activate(&areas[n], p.m->mm, memory[n]), 0);
	}
	areas[0].next = &areas[1];
	p.memory = aligned_alloc(64, hvo_hugetlb_size(p.m->mm, &c));
	assert_non_null(p.memory);
	assert_int_equal(hvo_hugetlb_init(&p.h, p.memory, p.m->mm, &c), 0);
	assert_int_equal(hvo_hugetlb_adopt(p.h, boot_pages, 3, NULL), 0);
	check(&p);
	assert_int_equal(pools_stats(&p, BIG).optimized, 3);
	assert_int_equal(in_state(1, HVO_CMA_USED), MIB(16));
	pools_resize(&p, BIG, 0);
	assert_int_equal(in_state(1, HVO_CMA_IDLE), MIB(16));
	close_pools(&p);
}

/* ---- failures, threads ---------------------------------------------- */

static uint64_t fail_at(uint64_t nth, bool sticky)
{
	struct pools p = open_pools("hugetlb_cma=32M", false);
	uint64_t reached;
	uint64_t failed;
	int err;

	machine_fail(nth, sticky);
	err = hvo_hugetlb_resize(p.h, BIG, 0, 3, &reached);
	assert_int_equal(err == 0, reached == 3);
	assert_int_equal(pools_stats(&p, BIG).total, reached);
	/* Leaving cannot fail. */
	assert_int_equal(hvo_hugetlb_resize(p.h, BIG, 0, 0, NULL), 0);
	failed = machine_failed();
	assert_true(!err || failed);
	machine_fail(0, false);
	close_pools(&p);
	return failed;
}

static void each_failure(void **state)
{
	(void)state;
	for (int sticky = 0; sticky < 2; sticky++) {
		uint64_t n = 1;

		while (fail_at(n, sticky))
			n++;
		assert_true(n > 6);
	}
}

struct worker {
	struct pools *p;
	pthread_t thread;
	uint64_t random;
	uint64_t wrong;
};

static void *work(void *arg)
{
	struct worker *w = arg;
	struct hvo_page *mine[4];
	size_t count = 0;
	size_t done;

	for (unsigned n = 0; n < 1000; n++) {
		struct hvo_hugetlb_want want = {
		    .order = machine_random(&w->random) % 2 ? BIG : MEDIUM};

		switch (machine_random(&w->random) % 5) {
		case 0:
			hvo_hugetlb_resize(w->p->h, want.order, 0,
					   machine_random(&w->random) % 8,
					   NULL);
			break;
		case 1:
			hvo_hugetlb_demote(w->p->h, BIG, MEDIUM, 0, 1, NULL);
			break;
		case 2:
			hvo_hugetlb_promote(w->p->h, MEDIUM, BIG, 0, 1, NULL);
			break;
		case 3:
			count += count < 4 &&
				 !hvo_hugetlb_alloc(w->p->h, &want, 1,
						    &mine[count], &done);
			break;
		default:
			if (count)
				w->wrong +=
				    hvo_hugetlb_free(w->p->h, &mine[--count], 1,
						     NULL) != 0;
		}
	}
	while (count)
		w->wrong +=
		    hvo_hugetlb_free(w->p->h, &mine[--count], 1, NULL) != 0;
	return NULL;
}

static void threads(void **state)
{
	struct pools p = open_pools("hugetlb_cma=48M", false);
	struct worker w[4] = {{0}};

	(void)state;
	machine_fail_often(100);
	for (unsigned i = 0; i < 4; i++) {
		w[i].p = &p;
		w[i].random = i;
		assert_int_equal(
		    pthread_create(&w[i].thread, NULL, work, &w[i]), 0);
	}
	for (unsigned i = 0; i < 4; i++) {
		pthread_join(w[i].thread, NULL);
		assert_int_equal(w[i].wrong, 0);
	}
	machine_fail(0, false);
	hvo_mm_rehome(p.m->mm);
	close_pools(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(sizes),
	    cmocka_unit_test(too_much),
	    cmocka_unit_test(first_from_areas),
	    cmocka_unit_test(only_from_areas),
	    cmocka_unit_test(reshaped),
	    cmocka_unit_test(starved),
	    cmocka_unit_test(refused),
	    cmocka_unit_test(booted),
	    cmocka_unit_test(each_failure),
	    cmocka_unit_test(threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
