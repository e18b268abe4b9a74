/* SPDX-License-Identifier: MIT */
/*
 * The size of a pool: making pools, growing and shrinking over nodes, surplus,
 * counters, the dump.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "pools.h"

static void refuses_config(void **state)
{
	struct machine *m = machine_open(&(struct machine_config){0});
	struct hvo_hugetlb_config c = pools_config();
	struct hvo_hugetlb *h;
	uint64_t memory[1];

	(void)state;
	c.sizes = 0;
	assert_int_equal(hvo_hugetlb_init(&h, memory, m->mm, &c), -HVO_EORDER);
	assert_int_equal(hvo_hugetlb_size(m->mm, &c), 0);
	c.sizes = HVO_HUGETLB_SIZES_MAX + 1;
	assert_int_equal(hvo_hugetlb_init(&h, memory, m->mm, &c), -HVO_EORDER);
	c = pools_config();
	c.orders[1] = 0;
	assert_int_equal(hvo_hugetlb_init(&h, memory, m->mm, &c), -HVO_EORDER);
	c.orders[1] = 23;
	assert_int_equal(hvo_hugetlb_init(&h, memory, m->mm, &c), -HVO_EORDER);
	c.orders[1] = MEDIUM;
	assert_int_equal(hvo_hugetlb_init(&h, memory, m->mm, &c), -HVO_EEXIST);
	c = pools_config();
	c.limit = HVO_ZONE_DEVICE;
	assert_int_equal(hvo_hugetlb_init(&h, memory, m->mm, &c), -HVO_ENODE);
	c = pools_config();
	c.alloc_flags = HVO_ALLOC_HVO;
	assert_int_equal(hvo_hugetlb_init(&h, memory, m->mm, &c), -HVO_ERANGE);
	c = pools_config();
	c.free_flags = 2;
	assert_int_equal(hvo_hugetlb_init(&h, memory, m->mm, &c), -HVO_ERANGE);
	machine_close(m);
}

static void refuses(void **state)
{
	struct pools p = pools_open(&(struct machine_config){0}, NULL);
	struct hvo_hugetlb_stats s;
	uint64_t digest = pools_digest(&p);
	uint64_t n = 7;

	(void)state;
	assert_int_equal(hvo_hugetlb_resize(p.h, 8, 0, 1, &n), -HVO_EORDER);
	assert_int_equal(hvo_hugetlb_resize(p.h, MEDIUM, 2, 1, &n), -HVO_ENODE);
	assert_int_equal(hvo_hugetlb_resize_node(p.h, MEDIUM, 1, 1, &n),
			 -HVO_ENODE);
	assert_int_equal(hvo_hugetlb_resize_node(p.h, 8, 0, 1, &n),
			 -HVO_EORDER);
	assert_int_equal(n, 7);
	assert_int_equal(hvo_hugetlb_stats(p.h, 8, &s), -HVO_EORDER);
	assert_int_equal(hvo_hugetlb_node_stats(p.h, 8, 0, &s), -HVO_EORDER);
	assert_int_equal(hvo_hugetlb_node_stats(p.h, MEDIUM, 1, &s),
			 -HVO_ENODE);
	assert_int_equal(hvo_hugetlb_set_overcommit(p.h, 8, 1), -HVO_EORDER);
	assert_int_equal(pools_digest(&p), digest);
	pools_close(&p);
}

/* Growing frees all frames but one; shrinking takes them back. */
static void grow_and_shrink(void **state)
{
	struct pools p = pools_open(&(struct machine_config){0}, NULL);
	uint64_t free = machine_free(p.m);
	uint64_t digest = pools_digest(&p);
	struct hvo_hugetlb_stats s;

	(void)state;
	pools_resize(&p, MEDIUM, 20);
	pools_assert(&p);
	s = pools_stats(&p, MEDIUM);
	assert_int_equal(s.total, 20);
	assert_int_equal(s.free, 20);
	assert_int_equal(s.optimized, 20);
	assert_int_equal(s.restore_frames, 20 * SAVED(MEDIUM));
	assert_int_equal(s.bytes_saved, 20 * SAVED(MEDIUM) * 4096);
	assert_int_equal(machine_free(p.m), free - 20 * 512 +
						20 * SAVED(MEDIUM) -
						pools_shared(&p));
	pools_resize(&p, MEDIUM, 5);
	pools_assert(&p);
	assert_int_equal(pools_stats(&p, MEDIUM).restore_frames,
			 5 * SAVED(MEDIUM));
	pools_resize(&p, MEDIUM, 0);
	assert_int_equal(machine_free(p.m), free - pools_shared(&p));
	pools_resize(&p, SMALL, 100);
	pools_assert(&p);
	s = pools_stats(&p, SMALL);
	assert_int_equal(s.total, 100);
	assert_int_equal(s.optimized, 0);
	assert_int_equal(s.bytes_saved, 0);
	pools_resize(&p, SMALL, 0);
	/* The shared tails are still there. */
	assert_int_not_equal(pools_digest(&p), digest);
	pools_close(&p);
}

/* More than there is: as many as there are, and why. */
static void as_many_as_there_are(void **state)
{
	struct pools p = pools_open(&(struct machine_config){0}, NULL);
	uint64_t reached;

	(void)state;
	assert_int_equal(hvo_hugetlb_resize(p.h, MEDIUM, 0, 1000, &reached),
			 -HVO_ENOMEM);
	assert_in_range(reached, 30, 31); /* of 32; descriptors take one */
	assert_int_equal(pools_stats(&p, MEDIUM).total, reached);
	pools_assert(&p);
	assert_int_equal(hvo_hugetlb_resize(p.h, LARGE, 0, 1, &reached),
			 -HVO_ENOMEM);
	assert_int_equal(reached, 0);
	assert_int_equal(hvo_hugetlb_resize(p.h, MEDIUM, 0, UINT64_MAX, NULL),
			 -HVO_ENOMEM);
	pools_assert(&p);
	pools_close(&p);
}

static void over_nodes(void **state)
{
	const struct machine_config config = {.nodes = 3};
	struct pools p = pools_open(&config, NULL);
	uint64_t reached;

	(void)state;
	pools_resize(&p, MEDIUM, 10);
	for (unsigned n = 0; n < 3; n++)
		assert_in_range(pools_node(&p, MEDIUM, n).total, 3, 4);
	/* One by one they go round, too. */
	for (unsigned i = 11; i <= 30; i++)
		pools_resize(&p, MEDIUM, i);
	for (unsigned n = 0; n < 3; n++)
		assert_int_equal(pools_node(&p, MEDIUM, n).total, 10);
	/* One node alone. */
	assert_int_equal(hvo_hugetlb_resize_node(p.h, MEDIUM, 2, 28, &reached),
			 0);
	assert_int_equal(reached, 28);
	assert_int_equal(pools_node(&p, MEDIUM, 0).total, 10);
	/* Masks: only these nodes change. */
	assert_int_equal(hvo_hugetlb_resize(p.h, MEDIUM, 3, 58, &reached), 0);
	assert_int_equal(reached, 58);
	assert_int_equal(pools_node(&p, MEDIUM, 0).total, 15);
	assert_int_equal(pools_node(&p, MEDIUM, 1).total, 15);
	assert_int_equal(pools_node(&p, MEDIUM, 2).total, 28);
	/* What there is on others is beyond reach. */
	assert_int_equal(hvo_hugetlb_resize(p.h, MEDIUM, 1, 40, &reached),
			 -HVO_EBUSY);
	assert_int_equal(reached, 43);
	assert_int_equal(pools_node(&p, MEDIUM, 0).total, 0);
	/* Shrinking is as even as growing. */
	assert_int_equal(hvo_hugetlb_resize(p.h, MEDIUM, 6, 23, &reached), 0);
	assert_int_equal(pools_node(&p, MEDIUM, 1).total, 5);
	assert_int_equal(pools_node(&p, MEDIUM, 2).total, 18);
	assert_int_equal(hvo_hugetlb_resize_node(p.h, MEDIUM, 2, 0, &reached),
			 0);
	assert_int_equal(reached, 0);
	assert_int_equal(pools_stats(&p, MEDIUM).total, 5);
	pools_assert(&p);
	pools_close(&p);
}

/* A node that is full is made up for by the others. */
static void uneven_nodes(void **state)
{
	const struct machine_config config = {.nodes = 2};
	struct pools p = pools_open(&config, NULL);
	uint64_t reached;

	(void)state;
	assert_int_equal(hvo_hugetlb_resize_node(p.h, SMALL, 0, 600, &reached),
			 0);
	pools_resize(&p, MEDIUM, 40);
	assert_true(pools_node(&p, MEDIUM, 0).total < 20);
	assert_true(pools_node(&p, MEDIUM, 1).total > 20);
	pools_assert(&p);
	pools_close(&p);
}

/* A grace period and a few flushes for each batch of 64, not for each page. */
static void in_batches(void **state)
{
	const struct machine_config config = {.node_pages = MIB(512)};
	struct pools p = pools_open(&config, NULL);
	struct hvo_vmemmap *map = hvo_mm_vmemmap(p.m->mm);
	struct hvo_vmemmap_stats before;
	struct hvo_vmemmap_stats now;

	(void)state;
	hvo_vmemmap_stats(map, &before);
	pools_resize(&p, MEDIUM, 200);
	hvo_vmemmap_stats(map, &now);
	assert_true(now.grace_periods - before.grace_periods <= 4);
	assert_true(now.flushes - before.flushes <= 4 * 3);
	before = now;
	pools_resize(&p, MEDIUM, 0);
	hvo_vmemmap_stats(map, &now);
	assert_true(now.flushes - before.flushes <= 4 * 3);
	pools_close(&p);
}

/* Used pages cannot be freed: they become surplus. */
static void used_become_surplus(void **state)
{
	struct pools p = pools_open(&(struct machine_config){.nodes = 2}, NULL);
	struct hvo_page *folio[6];
	struct hvo_hugetlb_stats s;

	(void)state;
	pools_resize(&p, MEDIUM, 10);
	for (int i = 0; i < 6; i++)
		folio[i] = pools_take(&p, MEDIUM, 0);
	pools_resize(&p, MEDIUM, 2);
	s = pools_stats(&p, MEDIUM);
	assert_int_equal(s.total, 6);
	assert_int_equal(s.free, 0);
	assert_int_equal(s.surplus, 4);
	pools_assert(&p);
	/* Growing makes them persistent again, before it allocates. */
	pools_resize(&p, MEDIUM, 5);
	s = pools_stats(&p, MEDIUM);
	assert_int_equal(s.total, 6);
	assert_int_equal(s.surplus, 1);
	pools_assert(&p);
	/* What is freed where there is surplus leaves. */
	for (int i = 0; i < 6; i++)
		pools_give(&p, folio[i]);
	s = pools_stats(&p, MEDIUM);
	assert_int_equal(s.total, 5);
	assert_int_equal(s.surplus, 0);
	assert_int_equal(s.free, 5);
	pools_close(&p);
}

/* Reserved pages stay, too, and become surplus. */
static void reserved_stay(void **state)
{
	struct pools p = pools_open(&(struct machine_config){0}, NULL);
	struct hvo_hugetlb_stats s;

	(void)state;
	pools_resize(&p, MEDIUM, 8);
	assert_int_equal(hvo_hugetlb_reserve(p.h, MEDIUM, 3), 0);
	pools_resize(&p, MEDIUM, 0);
	s = pools_stats(&p, MEDIUM);
	assert_int_equal(s.total, 3);
	assert_int_equal(s.surplus, 3);
	assert_int_equal(s.reserved, 3);
	pools_assert(&p);
	assert_int_equal(hvo_hugetlb_unreserve(p.h, MEDIUM, 2), 0);
	s = pools_stats(&p, MEDIUM);
	assert_int_equal(s.total, 1);
	assert_int_equal(s.surplus, 1);
	assert_int_equal(hvo_hugetlb_unreserve(p.h, MEDIUM, 1), 0);
	assert_int_equal(pools_stats(&p, MEDIUM).total, 0);
	pools_assert(&p);
	pools_close(&p);
}

/* In the configured way, shrinking without frames fails, and says so. */
static void shrink_fails_clean(void **state)
{
	struct hvo_hugetlb_config c = pools_config();
	struct pools p;
	struct hvo_page **pages;
	size_t count;
	uint64_t digest;
	uint64_t reached;

	(void)state;
	c.free_flags = HVO_FREE_NO_HOST;
	p = pools_open(&(struct machine_config){0}, &c);
	pools_resize(&p, MEDIUM, 8);
	pages = pools_starve(&p, &count);
	digest = pools_digest(&p);
	assert_int_equal(hvo_hugetlb_resize(p.h, MEDIUM, 0, 3, &reached),
			 -HVO_ENOMEM);
	assert_int_equal(reached, 8);
	assert_int_equal(pools_digest(&p), digest);
	pools_assert(&p);
	pools_feed(&p, pages, count);
	pools_resize(&p, MEDIUM, 3);
	pools_close(&p);
}

/* A node whose last page goes has no surplus any more. */
static void surplus_goes_with_its_pages(void **state)
{
	const struct hvo_hugetlb_want want = {.order = MEDIUM, .nodes = 1};
	struct hvo_hugetlb_config c = pools_config();
	struct pools p;
	struct hvo_page **pages;
	struct hvo_page *folio;
	size_t count;
	size_t done;

	(void)state;
	c.free_flags = HVO_FREE_NO_HOST;
	p = pools_open(&(struct machine_config){.nodes = 2}, &c);
	assert_int_equal(hvo_hugetlb_resize_node(p.h, MEDIUM, 1, 1, NULL), 0);
	assert_int_equal(hvo_hugetlb_set_overcommit(p.h, MEDIUM, 1), 0);
	assert_int_equal(hvo_hugetlb_alloc(p.h, &want, 1, &folio, &done), 0);
	/* Without a frame it stays: free, and surplus. */
	pages = pools_starve(&p, &count);
	pools_give(&p, folio);
	assert_int_equal(pools_node(&p, MEDIUM, 0).surplus, 1);
	assert_int_equal(pools_node(&p, MEDIUM, 0).free, 1);
	pools_feed(&p, pages, count);
	pools_resize(&p, MEDIUM, 0);
	pools_assert(&p);
	assert_int_equal(pools_stats(&p, MEDIUM).total, 0);
	assert_int_equal(pools_stats(&p, MEDIUM).surplus, 0);
	pools_close(&p);
}

static void zones(void **state)
{
	struct hvo_hugetlb_config c = pools_config();
	const struct machine_config config = {.movable_pages = MIB(32)};
	struct pools p;
	uint64_t reached;

	(void)state;
	c.limit = HVO_ZONE_NORMAL;
	p = pools_open(&config, &c);
	assert_int_equal(hvo_hugetlb_resize(p.h, MEDIUM, 0, 30, &reached),
			 -HVO_ENOMEM);
	assert_in_range(reached, 14, 15);
	pools_assert(&p);
	pools_close(&p);
}

struct lines {
	char text[8][256];
	size_t count;
};

static void keep(void *ctx, const char *line)
{
	struct lines *lines = ctx;

	assert_true(lines->count < 8);
	snprintf(lines->text[lines->count++], 256, "%s", line);
}

static void dump(void **state)
{
	struct pools p = pools_open(&(struct machine_config){.nodes = 2}, NULL);
	struct lines lines = {.count = 0};
	char text[256];

	(void)state;
	pools_resize(&p, MEDIUM, 3);
	hvo_hugetlb_dump(p.h, keep, &lines);
	assert_int_equal(lines.count, 6);
	assert_string_equal(lines.text[0], "new huge pages are optimized");
	snprintf(text, sizeof(text),
		 "pages of 2048 KiB, total 3, free 3, surplus 0, optimized 3, "
		 "KiB saved %d, frames to restore %d, reserved 0, overcommit 0",
		 12 * (int)SAVED(MEDIUM), 3 * (int)SAVED(MEDIUM));
	assert_string_equal(lines.text[1], text);
	snprintf(text, sizeof(text),
		 "  node 0, total 2, free 2, surplus 0, optimized 2, "
		 "KiB saved %d, frames to restore %d",
		 8 * (int)SAVED(MEDIUM), 2 * (int)SAVED(MEDIUM));
	assert_string_equal(lines.text[2], text);
	assert_memory_equal(lines.text[4], "pages of 1048576 KiB", 20);
	assert_memory_equal(lines.text[5], "pages of 64 KiB", 15);
	pools_close(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(refuses_config),
	    cmocka_unit_test(refuses),
	    cmocka_unit_test(grow_and_shrink),
	    cmocka_unit_test(as_many_as_there_are),
	    cmocka_unit_test(over_nodes),
	    cmocka_unit_test(uneven_nodes),
	    cmocka_unit_test(in_batches),
	    cmocka_unit_test(used_become_surplus),
	    cmocka_unit_test(reserved_stay),
	    cmocka_unit_test(shrink_fails_clean),
	    cmocka_unit_test(surplus_goes_with_its_pages),
	    cmocka_unit_test(zones),
	    cmocka_unit_test(dump),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
