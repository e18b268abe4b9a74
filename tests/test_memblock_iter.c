/* SPDX-License-Identifier: MIT */
/* memblock's walks: free, memory and reserved ranges, both ways, and pfns. */
#include "memblock_fixture.h"

#define ITEMS 16

struct item {
	hvo_phys_t start;
	hvo_phys_t end;
	int nid;
};

struct list {
	struct item items[ITEMS];
	unsigned n;
};

static void append(struct list *list, hvo_phys_t start, hvo_phys_t end, int nid)
{
	assert_true(list->n < ITEMS);
	list->items[list->n++] = (struct item){start, end, nid};
}

static void assert_list(const struct list *list, const struct item *expected,
			unsigned n, bool reverse)
{
	assert_int_equal(list->n, n);
	for (unsigned i = 0; i < n; i++) {
		const struct item *e = &expected[reverse ? n - 1 - i : i];

		assert_int_equal(list->items[i].start, e->start);
		assert_int_equal(list->items[i].end, e->end);
		assert_int_equal(list->items[i].nid, e->nid);
	}
}

/* Free ranges are these, upwards, and downwards in the other order. */
static void assert_free(const struct hvo_memblock *mb, int nid, unsigned flags,
			const struct item *expected, unsigned n)
{
	struct list up = {.n = 0};
	struct list down = {.n = 0};
	enum hvo_memblock_flags f = (enum hvo_memblock_flags)flags;
	hvo_phys_t start;
	hvo_phys_t end;
	uint64_t i;
	int found;

	hvo_memblock_for_each_free_range(mb, i, nid, f, &start, &end, &found)
	    append(&up, start, end, found);
	assert_int_equal(i, HVO_MEMBLOCK_END);
	assert_list(&up, expected, n, false);
	hvo_memblock_for_each_free_range_rev(mb, i, nid, f, &start, &end,
					     &found)
	    append(&down, start, end, found);
	assert_int_equal(i, HVO_MEMBLOCK_END);
	assert_list(&down, expected, n, true);
}

#define ASSERT_FREE(mb, nid, flags, ...)                                       \
	assert_free(mb, nid, flags, (const struct item[]){__VA_ARGS__},        \
		    sizeof((const struct item[]){__VA_ARGS__}) /               \
			sizeof(struct item))

/*
 * Memory [100, 200) of node 0, [300, 400) of node 1, [400, 500) of node 2,
 * in KiB.
 */
static void make_three(struct fixture *f)
{
	fixture_init(f, REGIONS, REGIONS);
	hvo_memblock_add_node(&f->mb, KIB(100), KIB(100), 0, NONE);
	hvo_memblock_add_node(&f->mb, KIB(300), KIB(100), 1, NONE);
	hvo_memblock_add_node(&f->mb, KIB(400), KIB(100), 2, NONE);
}

static void test_empty(void **state)
{
	struct fixture *f = *state;

	assert_free(&f->mb, ANY, NONE, NULL, 0);
	hvo_memblock_reserve(&f->mb, KIB(1), KIB(1));
	assert_free(&f->mb, ANY, NONE, NULL, 0);
}

static void test_free_all(void **state)
{
	struct fixture *f = *state;

	make_three(f);
	ASSERT_FREE(&f->mb, ANY, NONE, {KIB(100), KIB(200), 0},
		    {KIB(300), KIB(400), 1}, {KIB(400), KIB(500), 2});
	ASSERT_FREE(&f->mb, HVO_MAX_NUMNODES, NONE, {KIB(100), KIB(200), 0},
		    {KIB(300), KIB(400), 1}, {KIB(400), KIB(500), 2});
	ASSERT_FREE(&f->mb, 1, NONE, {KIB(300), KIB(400), 1});
	assert_free(&f->mb, 3, NONE, NULL, 0);
}

/* A reservation in every relation to the memory regions. */
static void test_free_reserved(void **state)
{
	struct fixture *f = *state;

	make_three(f);
	hvo_memblock_reserve(&f->mb, KIB(50), KIB(60));  /* cuts the start */
	hvo_memblock_reserve(&f->mb, KIB(120), KIB(10)); /* a hole */
	hvo_memblock_reserve_kern(&f->mb, KIB(130), KIB(10)); /* touches it */
	hvo_memblock_reserve(&f->mb, KIB(190), KIB(20));      /* cuts the end */
	hvo_memblock_reserve(&f->mb, KIB(250), KIB(10));      /* of no memory */
	hvo_memblock_reserve(&f->mb, KIB(390), KIB(20)); /* over two nodes */
	hvo_memblock_reserve(&f->mb, KIB(499), GIB(1));  /* to far away */
	ASSERT_FREE(&f->mb, ANY, NONE, {KIB(110), KIB(120), 0},
		    {KIB(140), KIB(190), 0}, {KIB(300), KIB(390), 1},
		    {KIB(410), KIB(499), 2});
	ASSERT_FREE(&f->mb, 2, NONE, {KIB(410), KIB(499), 2});
	hvo_memblock_reserve(&f->mb, KIB(300), KIB(100));
	ASSERT_FREE(&f->mb, ANY, NONE, {KIB(110), KIB(120), 0},
		    {KIB(140), KIB(190), 0}, {KIB(410), KIB(499), 2});
	hvo_memblock_reserve(&f->mb, 0, HVO_PHYS_MAX);
	assert_free(&f->mb, ANY, NONE, NULL, 0);
}

static void test_free_bounds(void **state)
{
	struct fixture *f = *state;

	hvo_memblock_add(&f->mb, 0, HVO_PHYS_MAX);
	ASSERT_FREE(&f->mb, ANY, NONE, {0, HVO_PHYS_MAX, ANY});
	hvo_memblock_reserve(&f->mb, 0, 1);
	hvo_memblock_reserve(&f->mb, HVO_PHYS_MAX - 1, 1);
	ASSERT_FREE(&f->mb, ANY, NONE, {1, HVO_PHYS_MAX - 1, ANY});
}

static void make_kinds(struct fixture *f)
{
	static const enum hvo_memblock_flags kinds[] = {
	    NONE, HVO_MEMBLOCK_HOTPLUG, HVO_MEMBLOCK_MIRROR, HVO_MEMBLOCK_NOMAP,
	    HVO_MEMBLOCK_DRIVER_MANAGED};

	fixture_init(f, REGIONS, REGIONS);
	for (unsigned i = 0; i < 5; i++)
		hvo_memblock_add_node(&f->mb, KIB(i), KIB(1), (int)i, kinds[i]);
}

#define KIND(i)                                                                \
	{                                                                      \
		KIB(i), KIB((i) + 1), i                                        \
	}

static void test_free_flags(void **state)
{
	struct fixture *f = *state;

	make_kinds(f);
	ASSERT_FREE(&f->mb, ANY, NONE, KIND(0), KIND(1), KIND(2));
	ASSERT_FREE(&f->mb, ANY, HVO_MEMBLOCK_HOTPLUG, KIND(0), KIND(1),
		    KIND(2));
	ASSERT_FREE(&f->mb, ANY, HVO_MEMBLOCK_NOMAP, KIND(0), KIND(1), KIND(2),
		    KIND(3));
	ASSERT_FREE(&f->mb, ANY, HVO_MEMBLOCK_DRIVER_MANAGED, KIND(0), KIND(1),
		    KIND(2), KIND(4));
	ASSERT_FREE(&f->mb, ANY, HVO_MEMBLOCK_MIRROR, KIND(2));
	f->mb.movable_node = true;
	ASSERT_FREE(&f->mb, ANY, NONE, KIND(0), KIND(2));
	ASSERT_FREE(&f->mb, ANY, HVO_MEMBLOCK_HOTPLUG, KIND(0), KIND(1),
		    KIND(2));
	ASSERT_FREE(&f->mb, 1, HVO_MEMBLOCK_HOTPLUG, KIND(1));
}

/* All memory that is mapped, whatever is reserved of it. */
static void test_memory(void **state)
{
	struct fixture *f = *state;
	struct list up = {.n = 0};
	struct list down = {.n = 0};
	static const struct item expected[] = {
	    {KIB(0), KIB(1), 0},
	    {KIB(1), KIB(2), 0},
	    {KIB(2), KIB(3), 0},
	    {KIB(4), KIB(5), 0},
	};
	hvo_phys_t start;
	hvo_phys_t end;
	uint64_t i;

	make_kinds(f);
	f->mb.movable_node = true;
	hvo_memblock_reserve(&f->mb, 0, KIB(2));
	hvo_memblock_for_each_mem_range(&f->mb, i, &start, &end)
	    append(&up, start, end, 0);
	assert_list(&up, expected, 4, false);
	hvo_memblock_for_each_mem_range_rev(&f->mb, i, &start, &end)
	    append(&down, start, end, 0);
	assert_list(&down, expected, 4, true);
}

static void test_reserved(void **state)
{
	struct fixture *f = *state;
	struct list up = {.n = 0};
	static const struct item expected[] = {
	    {KIB(1), KIB(2), 0},
	    {KIB(2), KIB(3), 0},
	    {KIB(8), KIB(9), 0},
	};
	hvo_phys_t start;
	hvo_phys_t end;
	uint64_t i;

	hvo_memblock_reserve(&f->mb, KIB(1), KIB(1));
	hvo_memblock_reserve_kern(&f->mb, KIB(2), KIB(1));
	hvo_memblock_reserve_node(&f->mb, KIB(8), KIB(1), 5,
				  HVO_MEMBLOCK_RSRV_NOINIT);
	hvo_memblock_for_each_reserved_range(&f->mb, i, &start, &end)
	    append(&up, start, end, 0);
	assert_list(&up, expected, 3, false);
}

/* Any two collections: reserved that is no memory; the node counts there. */
static void test_select(void **state)
{
	struct fixture *f = *state;
	struct hvo_memblock_select select = {&f->mb.reserved, &f->mb.memory,
					     ANY, NONE};
	hvo_phys_t start;
	hvo_phys_t end;
	uint64_t i = 0;
	int nid;

	make_three(f);
	hvo_memblock_reserve_node(&f->mb, KIB(150), KIB(200), 7, NONE);
	assert_true(
	    hvo_memblock_next_range(&f->mb, &i, &select, &start, &end, &nid));
	assert_int_equal(start, KIB(200));
	assert_int_equal(end, KIB(300));
	assert_int_equal(nid, 7);
	assert_false(
	    hvo_memblock_next_range(&f->mb, &i, &select, &start, &end, &nid));
	assert_int_equal(i, HVO_MEMBLOCK_END);
	assert_false(
	    hvo_memblock_next_range(&f->mb, &i, &select, &start, &end, &nid));
	/* flags select memory, and reserved regions have others */
	select.flags = HVO_MEMBLOCK_MIRROR;
	i = 0;
	assert_true(
	    hvo_memblock_next_range(&f->mb, &i, &select, NULL, NULL, NULL));
	select.nid = 6;
	i = 0;
	assert_false(
	    hvo_memblock_next_range(&f->mb, &i, &select, NULL, NULL, NULL));
}

/* The cursor's halves are documented: region below, gap above. */
static void test_cursor(void **state)
{
	struct fixture *f = *state;
	uint64_t i = 0;
	unsigned n = 0;

	hvo_memblock_add(&f->mb, 0, 1024);
	hvo_memblock_reserve(&f->mb, 0, 16);
	hvo_memblock_reserve(&f->mb, 32, 16);
	hvo_memblock_reserve(&f->mb, 128, 2);
	while (hvo_memblock_next_free_range(&f->mb, &i, ANY, NONE, NULL, NULL,
					    NULL)) {
		n++;
		assert_int_equal(i >> 32, n < 3 ? n + 1 : 3);
		assert_int_equal((uint32_t)i, n == 3);
	}
	assert_int_equal(n, 3);
}

static void test_pfns(void **state)
{
	struct fixture *f = *state;
	struct list all = {.n = 0};
	struct list one = {.n = 0};
	static const struct item expected[] = {
	    {1, 3, 1},
	    {8, 9, 2},
	    {10, 12, 1},
	};
	hvo_pfn_t start;
	hvo_pfn_t end;
	int nid;
	int i;

	hvo_memblock_add_node(&f->mb, 1, 3 * PAGE, 1, NONE);
	hvo_memblock_add_node(&f->mb, 6 * PAGE - 8, PAGE, 1, NONE); /* none */
	hvo_memblock_add_node(&f->mb, 8 * PAGE, PAGE, 2, HVO_MEMBLOCK_NOMAP);
	hvo_memblock_add_node(&f->mb, 10 * PAGE, 2 * PAGE + 9, 1, NONE);
	hvo_memblock_for_each_mem_pfn_range(&f->mb, i, ANY, &start, &end, &nid)
	    append(&all, start, end, nid);
	assert_int_equal(i, -1);
	assert_list(&all, expected, 3, false);
	hvo_memblock_for_each_mem_pfn_range(&f->mb, i, 2, &start, &end, &nid)
	    append(&one, start, end, nid);
	assert_list(&one, expected + 1, 1, false);
	i = -1;
	assert_true(
	    hvo_memblock_next_mem_pfn_range(&f->mb, &i, ANY, NULL, NULL, NULL));
	assert_int_equal(i, 0);
}

static void test_regions(void **state)
{
	struct fixture *f = *state;
	const struct hvo_memblock_region *r;
	hvo_phys_t total = 0;
	unsigned n = 0;

	hvo_memblock_for_each_region(&f->mb.memory, r) n++;
	assert_int_equal(n, 0);
	make_three(f);
	hvo_memblock_for_each_region(&f->mb.memory, r)
	{
		total += r->size;
		n++;
	}
	assert_int_equal(n, 3);
	assert_int_equal(total, KIB(300));
}

#define TEST(name)                                                             \
	cmocka_unit_test_setup_teardown(name, make_fixture, drop_fixture)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_empty),         TEST(test_free_all),
	    TEST(test_free_reserved), TEST(test_free_bounds),
	    TEST(test_free_flags),    TEST(test_memory),
	    TEST(test_reserved),      TEST(test_select),
	    TEST(test_cursor),        TEST(test_pfns),
	    TEST(test_regions),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
