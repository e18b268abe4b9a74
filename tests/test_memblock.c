/* SPDX-License-Identifier: MIT */
/*
 * memblock's collections: adding, taking away, flags, nodes, limits, and the
 * questions about them. What holds for `memory` by add and remove holds for
 * `reserved` by reserve and free, so those tests run on both.
 */
#include <stdio.h>
#include "memblock_fixture.h"

/* One of the two collections, and its functions. */
struct side {
	struct hvo_memblock_type *type;
	int (*add)(struct hvo_memblock *mb, hvo_phys_t base, hvo_phys_t size);
	int (*add_node)(struct hvo_memblock *mb, hvo_phys_t base,
			hvo_phys_t size, int nid,
			enum hvo_memblock_flags flags);
	int (*remove)(struct hvo_memblock *mb, hvo_phys_t base,
		      hvo_phys_t size);
};

static struct side side(struct fixture *f, bool reserved)
{
	if (reserved)
		return (struct side){&f->mb.reserved, hvo_memblock_reserve,
				     hvo_memblock_reserve_node,
				     hvo_memblock_phys_free};
	return (struct side){&f->mb.memory, hvo_memblock_add,
			     hvo_memblock_add_node, hvo_memblock_remove};
}

#define BOTH_SIDES(f, s)                                                       \
	for (int s##_i = 0; s##_i < 2; s##_i++)                                \
		for (struct side s =                                           \
			 (fixture_init(f, REGIONS, REGIONS), side(f, s##_i));  \
		     s.type; s.type = NULL)

/* Plain region of [base, base + size). */
#define R(base, size)                                                          \
	{                                                                      \
		base, size, HVO_MEMBLOCK_NONE, HVO_NUMA_NO_NODE                \
	}

static void test_init(void **state)
{
	struct fixture *f = *state;
	struct hvo_memblock *mb = &f->mb;

	assert_int_equal(mb->memory.cnt, 0);
	assert_int_equal(mb->memory.max, REGIONS);
	assert_int_equal(mb->memory.total_size, 0);
	assert_ptr_equal(mb->memory.regions, f->memory);
	assert_string_equal(mb->memory.name, "memory");
	assert_int_equal(mb->reserved.cnt, 0);
	assert_int_equal(mb->reserved.max, REGIONS);
	assert_ptr_equal(mb->reserved.regions, f->reserved);
	assert_string_equal(mb->reserved.name, "reserved");
	assert_false(hvo_memblock_bottom_up(mb));
	assert_int_equal(hvo_memblock_get_current_limit(mb),
			 HVO_MEMBLOCK_ANYWHERE);
	assert_true(hvo_memblock_is_valid(mb));
	assert_int_equal(hvo_memblock_start_of_dram(mb), 0);
	assert_int_equal(hvo_memblock_end_of_dram(mb), 0);
}

static void test_init_refuses(void **state)
{
	struct fixture *f = *state;
	struct hvo_memblock_config good = {
	    .memory = f->memory,
	    .reserved = f->reserved,
	    .memory_max = 1,
	    .reserved_max = 1,
	    .page_shift = 16,
	};
	struct hvo_memblock_config bad = good;

	assert_int_equal(hvo_memblock_init(&f->mb, &good), 0);
	bad.memory_max = 0;
	assert_int_equal(hvo_memblock_init(&f->mb, &bad), -HVO_ERANGE);
	bad.memory_max = (1UL << 31) + 1;
	assert_int_equal(hvo_memblock_init(&f->mb, &bad), -HVO_ERANGE);
	bad = good;
	bad.reserved_max = 0;
	assert_int_equal(hvo_memblock_init(&f->mb, &bad), -HVO_ERANGE);
	bad = good;
	bad.page_shift = 11;
	assert_int_equal(hvo_memblock_init(&f->mb, &bad), -HVO_EPAGE);
	bad.page_shift = 17;
	assert_int_equal(hvo_memblock_init(&f->mb, &bad), -HVO_EPAGE);
}

/* ---- adding ----------------------------------------------------------- */

static void test_add_one(void **state)
{
	struct fixture *f = *state;

	BOTH_SIDES(f, s)
	{
		assert_int_equal(s.add(&f->mb, GIB(1), MIB(4)), 0);
		ASSERT_REGIONS(&f->mb, s.type, R(GIB(1), MIB(4)));
		assert_int_equal(s.type->total_size, MIB(4));
		/* once more changes nothing */
		assert_int_equal(s.add(&f->mb, GIB(1), MIB(4)), 0);
		ASSERT_REGIONS(&f->mb, s.type, R(GIB(1), MIB(4)));
	}
}

static void test_add_nothing(void **state)
{
	struct fixture *f = *state;

	BOTH_SIDES(f, s)
	{
		assert_int_equal(s.add(&f->mb, GIB(1), 0), 0);
		assert_int_equal(s.add(&f->mb, HVO_PHYS_MAX, MIB(1)), 0);
		assert_int_equal(s.type->cnt, 0);
		assert_int_equal(s.add(&f->mb, GIB(1), MIB(1)), 0);
		assert_int_equal(s.add(&f->mb, GIB(1) + KIB(1), 0), 0);
		ASSERT_REGIONS(&f->mb, s.type, R(GIB(1), MIB(1)));
	}
}

static void test_add_disjoint_sorts(void **state)
{
	struct fixture *f = *state;

	BOTH_SIDES(f, s)
	{
		s.add(&f->mb, GIB(4), MIB(1));
		s.add(&f->mb, GIB(1), MIB(2));
		s.add(&f->mb, GIB(2), MIB(3));
		ASSERT_REGIONS(&f->mb, s.type, R(GIB(1), MIB(2)),
			       R(GIB(2), MIB(3)), R(GIB(4), MIB(1)));
		assert_int_equal(s.type->total_size, MIB(6));
	}
}

/* The second closes the gap between two: one region is left. */
static void test_add_between(void **state)
{
	struct fixture *f = *state;

	BOTH_SIDES(f, s)
	{
		s.add(&f->mb, GIB(1), MIB(1));
		s.add(&f->mb, GIB(1) + MIB(2), MIB(1));
		s.add(&f->mb, GIB(1) + MIB(1), MIB(1));
		ASSERT_REGIONS(&f->mb, s.type, R(GIB(1), MIB(3)));
	}
}

static void test_add_near_max(void **state)
{
	struct fixture *f = *state;

	BOTH_SIDES(f, s)
	{
		s.add(&f->mb, HVO_PHYS_MAX - MIB(1), MIB(2));
		ASSERT_REGIONS(&f->mb, s.type,
			       R(HVO_PHYS_MAX - MIB(1), MIB(1)));
		s.add(&f->mb, 0, HVO_PHYS_MAX);
		ASSERT_REGIONS(&f->mb, s.type, R(0, HVO_PHYS_MAX));
	}
}

/*
 * Two ranges in every relation to each other. The first is like[0], the
 * second like[1]: of it only what the first leaves is added, and it merges
 * where they are alike.
 */
static const unsigned points[] = {1, 2, 3, 4, 5, 6, 7};
#define POINTS (sizeof(points) / sizeof(*points))

static void add_pair(struct fixture *f, const struct side *s, hvo_phys_t from,
		     hvo_phys_t to, bool alike)
{
	hvo_phys_t a = KIB(3);
	hvo_phys_t b = KIB(5);
	struct hvo_memblock_region expected[3];
	unsigned long n = 0;
	int nid = alike ? 1 : 2;

	s->add_node(&f->mb, a, b - a, 1, NONE);
	assert_int_equal(s->add_node(&f->mb, from, to - from, nid, NONE), 0);
	if (from < a)
		expected[n++] =
		    region(from, (to < a ? to : a) - from, nid, NONE);
	expected[n++] = region(a, b - a, 1, NONE);
	if (to > b)
		expected[n++] = region(from > b ? from : b,
				       to - (from > b ? from : b), nid, NONE);
	for (unsigned long i = 0; alike && i + 1 < n;) {
		if (expected[i].base + expected[i].size !=
		    expected[i + 1].base) {
			i++;
			continue;
		}
		expected[i].size += expected[i + 1].size;
		n--;
		memmove(&expected[i + 1], &expected[i + 2],
			(n - i - 1) * sizeof(*expected));
	}
	assert_regions(&f->mb, s->type, expected, n);
}

static void test_add_grid(void **state)
{
	struct fixture *f = *state;

	for (unsigned i = 0; i < POINTS; i++)
		for (unsigned j = i + 1; j < POINTS; j++)
			BOTH_SIDES(f, s)
			{
				add_pair(f, &s, KIB(points[i]), KIB(points[j]),
					 true);
				fixture_init(f, REGIONS, REGIONS);
				add_pair(f, &s, KIB(points[i]), KIB(points[j]),
					 false);
			}
}

/* One range over many: each gap gets a region of its own kind. */
static void test_add_over_many(void **state)
{
	struct fixture *f = *state;

	BOTH_SIDES(f, s)
	{
		for (unsigned i = 0; i < 3; i++)
			s.add_node(&f->mb, KIB(10 + 10 * i), KIB(5), 1, NONE);
		s.add_node(&f->mb, KIB(12), KIB(30), 2, HVO_MEMBLOCK_HOTPLUG);
		ASSERT_REGIONS(&f->mb, s.type, {KIB(10), KIB(5), NONE, 1},
			       {KIB(15), KIB(5), HVO_MEMBLOCK_HOTPLUG, 2},
			       {KIB(20), KIB(5), NONE, 1},
			       {KIB(25), KIB(5), HVO_MEMBLOCK_HOTPLUG, 2},
			       {KIB(30), KIB(5), NONE, 1},
			       {KIB(35), KIB(7), HVO_MEMBLOCK_HOTPLUG, 2});
		assert_int_equal(s.type->total_size, KIB(32));
		fixture_init(f, REGIONS, REGIONS);
		for (unsigned i = 0; i < 3; i++)
			s.add(&f->mb, KIB(10 + 10 * i), KIB(5));
		s.add(&f->mb, 0, KIB(100));
		ASSERT_REGIONS(&f->mb, s.type, R(0, KIB(100)));
	}
}

static void test_reserve_kern(void **state)
{
	struct fixture *f = *state;

	hvo_memblock_reserve_kern(&f->mb, KIB(4), KIB(4));
	hvo_memblock_reserve(&f->mb, KIB(8), KIB(4));
	hvo_memblock_reserve_kern(&f->mb, KIB(12), KIB(4));
	ASSERT_REGIONS(&f->mb, &f->mb.reserved,
		       {KIB(4), KIB(4), HVO_MEMBLOCK_RSRV_KERN, ANY},
		       R(KIB(8), KIB(4)),
		       {KIB(12), KIB(4), HVO_MEMBLOCK_RSRV_KERN, ANY});
	assert_int_equal(hvo_memblock_reserved_size(&f->mb), KIB(12));
}

/* ---- taking away ------------------------------------------------------ */

static void test_remove_whole(void **state)
{
	struct fixture *f = *state;

	BOTH_SIDES(f, s)
	{
		s.add(&f->mb, GIB(1), MIB(4));
		assert_int_equal(s.remove(&f->mb, GIB(1), MIB(4)), 0);
		assert_int_equal(s.type->cnt, 0);
		assert_int_equal(s.type->total_size, 0);
		/* an empty collection shows no region */
		assert_int_equal(s.type->regions[0].base, 0);
		assert_int_equal(s.type->regions[0].size, 0);
		assert_int_equal(s.remove(&f->mb, GIB(1), MIB(4)), 0);
	}
}

static void test_remove_nothing(void **state)
{
	struct fixture *f = *state;

	BOTH_SIDES(f, s)
	{
		s.add(&f->mb, GIB(1), MIB(4));
		assert_int_equal(s.remove(&f->mb, GIB(1) + MIB(1), 0), 0);
		assert_int_equal(s.remove(&f->mb, GIB(2), MIB(1)), 0);
		assert_int_equal(s.remove(&f->mb, 0, GIB(1)), 0);
		ASSERT_REGIONS(&f->mb, s.type, R(GIB(1), MIB(4)));
	}
}

/* A region, and a range in every relation to it. */
static void test_remove_grid(void **state)
{
	struct fixture *f = *state;
	hvo_phys_t a = KIB(3);
	hvo_phys_t b = KIB(5);

	for (unsigned i = 0; i < POINTS * POINTS; i++)
		BOTH_SIDES(f, s)
		{
			hvo_phys_t from = KIB(points[i / POINTS]);
			hvo_phys_t to = KIB(points[i % POINTS]);
			struct hvo_memblock_region expected[2];
			unsigned long n = 0;

			if (from >= to)
				break;
			s.add(&f->mb, a, b - a);
			assert_int_equal(s.remove(&f->mb, from, to - from), 0);
			if (from > a)
				expected[n++] = region(
				    a, (from < b ? from : b) - a, ANY, NONE);
			if (to < b)
				expected[n++] =
				    region(to > a ? to : a,
					   b - (to > a ? to : a), ANY, NONE);
			assert_regions(&f->mb, s.type, expected, n);
		}
}

/* A range that cuts the first, takes the second and cuts the third. */
static void test_remove_many(void **state)
{
	struct fixture *f = *state;

	BOTH_SIDES(f, s)
	{
		for (unsigned i = 0; i < 3; i++)
			s.add_node(&f->mb, KIB(10 + 10 * i), KIB(8), (int)i,
				   HVO_MEMBLOCK_NOMAP);
		s.remove(&f->mb, KIB(13), KIB(20));
		ASSERT_REGIONS(&f->mb, s.type,
			       {KIB(10), KIB(3), HVO_MEMBLOCK_NOMAP, 0},
			       {KIB(33), KIB(5), HVO_MEMBLOCK_NOMAP, 2});
	}
}

static void test_remove_near_max(void **state)
{
	struct fixture *f = *state;

	BOTH_SIDES(f, s)
	{
		s.add(&f->mb, HVO_PHYS_MAX - MIB(2), MIB(2));
		s.remove(&f->mb, HVO_PHYS_MAX - MIB(1), MIB(4));
		ASSERT_REGIONS(&f->mb, s.type,
			       R(HVO_PHYS_MAX - MIB(2), MIB(1)));
	}
}

/* ---- room ------------------------------------------------------------- */

/* Without resizing, what fits is done, and what does not changes nothing. */
static void test_full(void **state)
{
	struct fixture *f = *state;

	BOTH_SIDES(f, s)
	{
		struct snapshot before;

		fixture_init(f, 2, 2);
		s.add(&f->mb, KIB(10), KIB(5));
		s.add(&f->mb, KIB(20), KIB(5));
		before = take_snapshot(&f->mb);
		assert_int_equal(s.add(&f->mb, KIB(30), KIB(5)), -HVO_ENOMEM);
		assert_int_equal(s.add(&f->mb, 0, KIB(50)), -HVO_ENOMEM);
		assert_int_equal(s.remove(&f->mb, KIB(11), KIB(1)),
				 -HVO_ENOMEM);
		assert_int_equal(
		    hvo_memblock_set_node(&f->mb, KIB(11), KIB(1), s.type, 1),
		    -HVO_ENOMEM);
		assert_int_equal(
		    hvo_memblock_set_node(&f->mb, KIB(12), KIB(9), s.type, 1),
		    -HVO_ENOMEM);
		assert_unchanged(&f->mb, &before);
		assert_int_equal(s.remove(&f->mb, KIB(12), KIB(10)), 0);
		assert_int_equal(
		    hvo_memblock_set_node(&f->mb, KIB(10), KIB(2), s.type, 1),
		    0);
		ASSERT_REGIONS(&f->mb, s.type, {KIB(10), KIB(2), NONE, 1},
			       R(KIB(22), KIB(3)));
	}
}

/* ---- flags and nodes -------------------------------------------------- */

struct mark {
	int (*mark)(struct hvo_memblock *mb, hvo_phys_t base, hvo_phys_t size);
	int (*clear)(struct hvo_memblock *mb, hvo_phys_t base, hvo_phys_t size);
	enum hvo_memblock_flags flag;
	bool reserved;
};

static const struct mark marks[] = {
    {hvo_memblock_mark_hotplug, hvo_memblock_clear_hotplug,
     HVO_MEMBLOCK_HOTPLUG, false},
    {hvo_memblock_mark_nomap, hvo_memblock_clear_nomap, HVO_MEMBLOCK_NOMAP,
     false},
    {hvo_memblock_mark_mirror, NULL, HVO_MEMBLOCK_MIRROR, false},
    {hvo_memblock_reserved_mark_noinit, NULL, HVO_MEMBLOCK_RSRV_NOINIT, true},
    {hvo_memblock_reserved_mark_kern, NULL, HVO_MEMBLOCK_RSRV_KERN, true},
};

#define MARKS (sizeof(marks) / sizeof(*marks))

static void test_mark(void **state)
{
	struct fixture *f = *state;

	for (unsigned i = 0; i < MARKS; i++) {
		const struct mark *m = &marks[i];
		struct side s = side(f, m->reserved);

		fixture_init(f, REGIONS, REGIONS);
		s.add(&f->mb, KIB(10), KIB(10));
		assert_int_equal(m->mark(&f->mb, KIB(12), KIB(4)), 0);
		ASSERT_REGIONS(&f->mb, s.type, R(KIB(10), KIB(2)),
			       {KIB(12), KIB(4), m->flag, ANY},
			       R(KIB(16), KIB(4)));
		/* past both ends: only what is there */
		assert_int_equal(m->mark(&f->mb, 0, KIB(100)), 0);
		ASSERT_REGIONS(&f->mb, s.type,
			       {KIB(10), KIB(10), m->flag, ANY});
		assert_int_equal(m->mark(&f->mb, KIB(12), 0), 0);
		assert_int_equal(s.type->cnt, 1);
		if (!m->clear)
			continue;
		assert_int_equal(m->clear(&f->mb, KIB(15), KIB(100)), 0);
		ASSERT_REGIONS(&f->mb, s.type, {KIB(10), KIB(5), m->flag, ANY},
			       R(KIB(15), KIB(5)));
		assert_int_equal(m->clear(&f->mb, 0, GIB(1)), 0);
		ASSERT_REGIONS(&f->mb, s.type, R(KIB(10), KIB(10)));
	}
}

/* A flag joins those that are there, and leaves them when cleared. */
static void test_flags_combine(void **state)
{
	struct fixture *f = *state;

	hvo_memblock_add_node(&f->mb, 0, KIB(10), 3, HVO_MEMBLOCK_HOTPLUG);
	hvo_memblock_mark_nomap(&f->mb, 0, KIB(5));
	assert_int_equal(f->mb.memory.regions[0].flags,
			 HVO_MEMBLOCK_HOTPLUG | HVO_MEMBLOCK_NOMAP);
	hvo_memblock_clear_hotplug(&f->mb, 0, KIB(10));
	ASSERT_REGIONS(&f->mb, &f->mb.memory,
		       {0, KIB(5), HVO_MEMBLOCK_NOMAP, 3},
		       {KIB(5), KIB(5), NONE, 3});
}

static void test_set_node(void **state)
{
	struct fixture *f = *state;

	BOTH_SIDES(f, s)
	{
		s.add(&f->mb, KIB(10), KIB(10));
		s.add(&f->mb, KIB(30), KIB(10));
		assert_int_equal(
		    hvo_memblock_set_node(&f->mb, KIB(15), KIB(20), s.type, 4),
		    0);
		ASSERT_REGIONS(&f->mb, s.type, R(KIB(10), KIB(5)),
			       {KIB(15), KIB(5), NONE, 4},
			       {KIB(30), KIB(5), NONE, 4}, R(KIB(35), KIB(5)));
		hvo_memblock_set_node(&f->mb, 0, HVO_PHYS_MAX, s.type, 5);
		ASSERT_REGIONS(&f->mb, s.type, {KIB(10), KIB(10), NONE, 5},
			       {KIB(30), KIB(10), NONE, 5});
		hvo_memblock_set_node(&f->mb, KIB(12), 0, s.type, 6);
		assert_int_equal(s.type->cnt, 2);
	}
}

/* ---- limits ----------------------------------------------------------- */

struct trim_case {
	hvo_phys_t base, size;       /* of the region */
	hvo_phys_t to_base, to_size; /* after trimming to 8 KiB; size 0: gone */
};

static const struct trim_case trims[] = {
    {KIB(8), KIB(16), KIB(8), KIB(16)}, /* aligned */
    {KIB(7), KIB(17), KIB(8), KIB(16)}, /* starts below */
    {KIB(8), KIB(17), KIB(8), KIB(16)}, /* ends above */
    {KIB(7), KIB(19), KIB(8), KIB(16)}, /* both */
    {KIB(9), KIB(22), KIB(16), KIB(8)}, /* both, one block left */
    {KIB(9), KIB(14), 0, 0},            /* touches two blocks, has none */
    {KIB(9), KIB(7), 0, 0},             /* ends on a boundary */
    {KIB(8), KIB(7), 0, 0},             /* starts on one */
    {KIB(9), KIB(2), 0, 0},             /* within one block */
    {KIB(9), KIB(15), KIB(16), KIB(8)}, /* ends on a boundary, one left */
    {HVO_PHYS_MAX - KIB(8) + 1, KIB(8) - 1, 0, 0},
    {HVO_PHYS_MAX - KIB(17), KIB(17), HVO_PHYS_MAX - KIB(16) + 1, KIB(8)},
};

static void test_trim(void **state)
{
	struct fixture *f = *state;

	for (unsigned i = 0; i < sizeof(trims) / sizeof(*trims); i++) {
		const struct trim_case *t = &trims[i];
		struct hvo_memblock_region expected =
		    region(t->to_base, t->to_size, 1, HVO_MEMBLOCK_HOTPLUG);

		fixture_init(f, REGIONS, REGIONS);
		hvo_memblock_add_node(&f->mb, t->base, t->size, 1,
				      HVO_MEMBLOCK_HOTPLUG);
		hvo_memblock_trim_memory(&f->mb, KIB(8));
		assert_regions(&f->mb, &f->mb.memory, &expected,
			       t->to_size > 0);
	}
}

/* Regions that go are closed up; those that stay keep their order. */
static void test_trim_many(void **state)
{
	struct fixture *f = *state;

	hvo_memblock_add(&f->mb, KIB(1), KIB(2));
	hvo_memblock_add(&f->mb, KIB(15), KIB(30));
	hvo_memblock_add(&f->mb, KIB(50), KIB(1));
	hvo_memblock_add(&f->mb, KIB(64), KIB(8));
	hvo_memblock_reserve(&f->mb, KIB(1), KIB(1));
	hvo_memblock_trim_memory(&f->mb, KIB(8));
	ASSERT_REGIONS(&f->mb, &f->mb.memory, R(KIB(16), KIB(24)),
		       R(KIB(64), KIB(8)));
	ASSERT_REGIONS(&f->mb, &f->mb.reserved, R(KIB(1), KIB(1)));
}

static void make_three(struct fixture *f)
{
	fixture_init(f, REGIONS, REGIONS);
	for (unsigned i = 1; i <= 3; i++) {
		hvo_memblock_add_node(&f->mb, MIB(10 * i), MIB(4), (int)i,
				      i == 2 ? HVO_MEMBLOCK_NOMAP : NONE);
		hvo_memblock_reserve(&f->mb, MIB(10 * i) + MIB(1), MIB(2));
	}
}

static void test_memory_limit(void **state)
{
	struct fixture *f = *state;
	struct snapshot before;

	make_three(f);
	before = take_snapshot(&f->mb);
	hvo_memblock_enforce_memory_limit(&f->mb, 0);
	hvo_memblock_enforce_memory_limit(&f->mb, MIB(12));
	hvo_memblock_enforce_memory_limit(&f->mb, MIB(13));
	hvo_memblock_enforce_memory_limit(&f->mb, HVO_PHYS_MAX);
	assert_unchanged(&f->mb, &before);
	hvo_memblock_enforce_memory_limit(&f->mb, MIB(6));
	ASSERT_REGIONS(&f->mb, &f->mb.memory, {MIB(10), MIB(4), NONE, 1},
		       {MIB(20), MIB(2), HVO_MEMBLOCK_NOMAP, 2});
	ASSERT_REGIONS(&f->mb, &f->mb.reserved, R(MIB(11), MIB(2)),
		       R(MIB(21), MIB(1)));
	hvo_memblock_enforce_memory_limit(&f->mb, MIB(4));
	ASSERT_REGIONS(&f->mb, &f->mb.memory, {MIB(10), MIB(4), NONE, 1});
	ASSERT_REGIONS(&f->mb, &f->mb.reserved, R(MIB(11), MIB(2)));
}

static void test_cap_range(void **state)
{
	struct fixture *f = *state;
	struct snapshot before;

	make_three(f);
	before = take_snapshot(&f->mb);
	hvo_memblock_cap_memory_range(&f->mb, MIB(10), 0);
	hvo_memblock_cap_memory_range(&f->mb, 0, HVO_PHYS_MAX);
	assert_unchanged(&f->mb, &before);
	/* the second is not mapped and stays whole, its reservation does not */
	hvo_memblock_cap_memory_range(&f->mb, MIB(12), MIB(10));
	ASSERT_REGIONS(&f->mb, &f->mb.memory, {MIB(12), MIB(2), NONE, 1},
		       {MIB(20), MIB(4), HVO_MEMBLOCK_NOMAP, 2});
	ASSERT_REGIONS(&f->mb, &f->mb.reserved, R(MIB(12), MIB(1)),
		       R(MIB(21), MIB(1)));
	fixture_init(f, REGIONS, REGIONS);
	hvo_memblock_reserve(&f->mb, 0, MIB(1));
	hvo_memblock_cap_memory_range(&f->mb, MIB(1), MIB(1));
	ASSERT_REGIONS(&f->mb, &f->mb.reserved, R(0, MIB(1)));
}

static void test_limit_remove_map(void **state)
{
	struct fixture *f = *state;
	struct snapshot before;

	make_three(f);
	before = take_snapshot(&f->mb);
	hvo_memblock_mem_limit_remove_map(&f->mb, 0);
	hvo_memblock_mem_limit_remove_map(&f->mb, MIB(13));
	assert_unchanged(&f->mb, &before);
	hvo_memblock_mem_limit_remove_map(&f->mb, MIB(2));
	ASSERT_REGIONS(&f->mb, &f->mb.memory, {MIB(10), MIB(2), NONE, 1},
		       {MIB(20), MIB(4), HVO_MEMBLOCK_NOMAP, 2});
	ASSERT_REGIONS(&f->mb, &f->mb.reserved, R(MIB(11), MIB(1)));
}

/* ---- questions -------------------------------------------------------- */

static void test_contains(void **state)
{
	struct fixture *f = *state;
	struct hvo_memblock *mb = &f->mb;

	assert_false(hvo_memblock_is_memory(mb, 0));
	assert_false(hvo_memblock_is_reserved(mb, 0));
	hvo_memblock_add(mb, MIB(1), MIB(1));
	hvo_memblock_add_node(mb, MIB(2), MIB(1), ANY, HVO_MEMBLOCK_NOMAP);
	hvo_memblock_reserve(mb, MIB(2), KIB(4));
	assert_false(hvo_memblock_is_memory(mb, MIB(1) - 1));
	assert_true(hvo_memblock_is_memory(mb, MIB(1)));
	assert_true(hvo_memblock_is_memory(mb, MIB(3) - 1));
	assert_false(hvo_memblock_is_memory(mb, MIB(3)));
	assert_true(hvo_memblock_is_map_memory(mb, MIB(2) - 1));
	assert_false(hvo_memblock_is_map_memory(mb, MIB(2)));
	assert_false(hvo_memblock_is_map_memory(mb, MIB(3)));
	assert_false(hvo_memblock_is_reserved(mb, MIB(2) - 1));
	assert_true(hvo_memblock_is_reserved(mb, MIB(2)));
	assert_false(hvo_memblock_is_reserved(mb, MIB(2) + KIB(4)));
	/* a range over two regions is in neither */
	assert_true(hvo_memblock_is_region_memory(mb, MIB(1), MIB(1)));
	assert_false(hvo_memblock_is_region_memory(mb, MIB(1), MIB(1) + 1));
	assert_false(hvo_memblock_is_region_memory(mb, MIB(1) - 1, 2));
	assert_false(hvo_memblock_is_region_memory(mb, MIB(2), HVO_PHYS_MAX));
	assert_int_equal(hvo_memblock_start_of_dram(mb), MIB(1));
	assert_int_equal(hvo_memblock_end_of_dram(mb), MIB(3));
	assert_int_equal(hvo_memblock_phys_mem_size(mb), MIB(2));
}

static void test_overlaps(void **state)
{
	struct fixture *f = *state;

	BOTH_SIDES(f, s)
	{
		struct hvo_memblock_type *t = s.type;

		s.add(&f->mb, KIB(3), KIB(2));
		for (unsigned i = 0; i < POINTS; i++)
			for (unsigned j = i; j < POINTS; j++) {
				hvo_phys_t from = KIB(points[i]);
				hvo_phys_t to = KIB(points[j]);
				bool meet =
				    from < KIB(5) && to > KIB(3) && from < to;

				assert_int_equal(hvo_memblock_overlaps_region(
						     t, from, to - from),
						 meet);
			}
	}
	assert_true(hvo_memblock_is_region_reserved(&f->mb, KIB(4), KIB(9)));
	assert_false(hvo_memblock_is_region_reserved(&f->mb, KIB(5), KIB(9)));
	assert_true(hvo_memblock_is_region_reserved(&f->mb, 1, HVO_PHYS_MAX));
}

static void test_search_pfn(void **state)
{
	struct fixture *f = *state;
	hvo_pfn_t start = 77;
	hvo_pfn_t end = 78;

	hvo_memblock_add_node(&f->mb, MIB(1), MIB(1), 3, NONE);
	hvo_memblock_add_node(&f->mb, MIB(2), MIB(1), 5, NONE);
	assert_int_equal(hvo_memblock_search_pfn_nid(&f->mb, 255, &start, &end),
			 -1);
	assert_int_equal(hvo_memblock_search_pfn_nid(&f->mb, 768, &start, &end),
			 -1);
	assert_int_equal(
	    hvo_memblock_search_pfn_nid(&f->mb, UINT64_MAX, &start, &end), -1);
	assert_int_equal(hvo_memblock_search_pfn_nid(
			     &f->mb, (UINT64_C(1) << 52) + 256, &start, &end),
			 -1);
	assert_int_equal(start, 77);
	assert_int_equal(end, 78);
	assert_int_equal(hvo_memblock_search_pfn_nid(&f->mb, 256, &start, &end),
			 3);
	assert_int_equal(start, 256);
	assert_int_equal(end, 512);
	assert_int_equal(hvo_memblock_search_pfn_nid(&f->mb, 767, &start, &end),
			 5);
	assert_int_equal(start, 512);
	assert_int_equal(end, 768);
}

static void test_numa_coverage(void **state)
{
	struct fixture *f = *state;

	assert_true(hvo_memblock_validate_numa_coverage(&f->mb, 0));
	hvo_memblock_add_node(&f->mb, GIB(1), GIB(1), 0, NONE);
	assert_true(hvo_memblock_validate_numa_coverage(&f->mb, 0));
	hvo_memblock_add(&f->mb, GIB(3), MIB(1));
	hvo_memblock_add_node(&f->mb, GIB(4), MIB(1), HVO_MAX_NUMNODES, NONE);
	assert_false(hvo_memblock_validate_numa_coverage(&f->mb, 0));
	assert_false(hvo_memblock_validate_numa_coverage(&f->mb, MIB(2) - 1));
	assert_true(hvo_memblock_validate_numa_coverage(&f->mb, MIB(2)));
}

static void test_reserved_kern_size(void **state)
{
	struct fixture *f = *state;
	struct hvo_memblock *mb = &f->mb;

	hvo_memblock_reserve(mb, 0, KIB(4));
	hvo_memblock_reserve_kern(mb, KIB(4), KIB(4));
	hvo_memblock_reserve_node(mb, KIB(8), KIB(4), 1,
				  HVO_MEMBLOCK_RSRV_KERN);
	hvo_memblock_reserve_node(mb, KIB(12), KIB(4), 2,
				  HVO_MEMBLOCK_RSRV_KERN);
	assert_int_equal(hvo_memblock_reserved_kern_size(mb, HVO_PHYS_MAX, ANY),
			 KIB(12));
	assert_int_equal(hvo_memblock_reserved_kern_size(mb, HVO_PHYS_MAX, 1),
			 KIB(4));
	assert_int_equal(hvo_memblock_reserved_kern_size(mb, KIB(11), ANY),
			 KIB(7));
	assert_int_equal(hvo_memblock_reserved_kern_size(mb, KIB(4), ANY), 0);
	assert_int_equal(hvo_memblock_reserved_kern_size(mb, KIB(14), 2),
			 KIB(2));
}

static void test_region_pfns(void **state)
{
	struct fixture *f = *state;
	struct hvo_memblock_region r = region(PAGE + 1, 2 * PAGE, ANY, NONE);

	assert_int_equal(hvo_memblock_memory_base_pfn(&f->mb, &r), 2);
	assert_int_equal(hvo_memblock_memory_end_pfn(&f->mb, &r), 3);
	assert_int_equal(hvo_memblock_reserved_base_pfn(&f->mb, &r), 1);
	assert_int_equal(hvo_memblock_reserved_end_pfn(&f->mb, &r), 4);
	r = region(0, PAGE, ANY, NONE);
	assert_int_equal(hvo_memblock_memory_base_pfn(&f->mb, &r), 0);
	assert_int_equal(hvo_memblock_memory_end_pfn(&f->mb, &r), 1);
	assert_int_equal(hvo_memblock_reserved_end_pfn(&f->mb, &r), 1);
	r = region(HVO_PHYS_MAX - 1, 1, ANY, NONE);
	assert_int_equal(hvo_memblock_memory_base_pfn(&f->mb, &r), UINT64_C(1)
								       << 52);
	assert_int_equal(hvo_memblock_reserved_end_pfn(&f->mb, &r), UINT64_C(1)
									<< 52);
}

/* Each way to break an invariant is seen. */
static void test_is_valid(void **state)
{
	struct fixture *f = *state;

	BOTH_SIDES(f, s)
	{
		struct hvo_memblock_type *t = s.type;
		struct hvo_memblock_type good;
		struct hvo_memblock_region second;

		s.add(&f->mb, KIB(4), KIB(4));
		s.add_node(&f->mb, KIB(8), KIB(4), 1, NONE);
		good = *t;
		second = t->regions[1];
		assert_true(hvo_memblock_is_valid(&f->mb));
		t->total_size++;
		assert_false(hvo_memblock_is_valid(&f->mb));
		*t = good;
		t->cnt = t->max + 1;
		assert_false(hvo_memblock_is_valid(&f->mb));
		*t = good;
		t->regions = NULL;
		assert_false(hvo_memblock_is_valid(&f->mb));
		*t = good;
		t->regions[1].nid = ANY; /* should have merged */
		assert_false(hvo_memblock_is_valid(&f->mb));
		t->regions[1] = second;
		t->regions[1].base--; /* overlaps */
		assert_false(hvo_memblock_is_valid(&f->mb));
		t->regions[1] = second;
		t->regions[1].size = 0;
		t->total_size = KIB(4);
		assert_false(hvo_memblock_is_valid(&f->mb));
		t->regions[1].base = HVO_PHYS_MAX - 1;
		t->regions[1].size = 2;
		t->total_size = KIB(4) + 2;
		assert_false(hvo_memblock_is_valid(&f->mb));
		t->regions[1].size = 1;
		t->total_size = KIB(4) + 1;
		assert_true(hvo_memblock_is_valid(&f->mb));
	}
}

struct text {
	char buffer[1024];
	size_t used;
};

static void put_line(void *ctx, const char *line)
{
	struct text *t = ctx;

	t->used += (size_t)snprintf(t->buffer + t->used,
				    sizeof(t->buffer) - t->used, "%s\n", line);
	assert_true(t->used < sizeof(t->buffer));
}

static void test_dump(void **state)
{
	struct fixture *f = *state;
	struct text t = {.used = 0};

	hvo_memblock_add_node(&f->mb, MIB(1), MIB(1), 1,
			      (enum hvo_memblock_flags)(HVO_MEMBLOCK_HOTPLUG |
							HVO_MEMBLOCK_NOMAP));
	hvo_memblock_add(&f->mb, GIB(4), GIB(1));
	hvo_memblock_reserve_kern(&f->mb, MIB(1), 1);
	hvo_memblock_set_bottom_up(&f->mb, true);
	hvo_memblock_set_current_limit(&f->mb, 0);
	hvo_memblock_dump(&f->mb, put_line, &t);
	assert_string_equal(
	    t.buffer,
	    "memory size = 0x40100000, reserved size = 0x1, limit = 0x0, "
	    "bottom-up\n"
	    "memory.cnt = 2 of 128\n"
	    "memory[0] [0x0000000000100000-0x00000000001fffff], "
	    "0x100000 bytes on node 1 flags: 0x5 hotplug nomap\n"
	    "memory[1] [0x0000000100000000-0x000000013fffffff], "
	    "0x40000000 bytes flags: 0x0\n"
	    "reserved.cnt = 1 of 128\n"
	    "reserved[0] [0x0000000000100000-0x0000000000100000], "
	    "0x1 bytes flags: 0x20 reserved-kern\n");
}

#define TEST(name)                                                             \
	cmocka_unit_test_setup_teardown(name, make_fixture, drop_fixture)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_init),
	    TEST(test_init_refuses),
	    TEST(test_add_one),
	    TEST(test_add_nothing),
	    TEST(test_add_disjoint_sorts),
	    TEST(test_add_between),
	    TEST(test_add_near_max),
	    TEST(test_add_grid),
	    TEST(test_add_over_many),
	    TEST(test_reserve_kern),
	    TEST(test_remove_whole),
	    TEST(test_remove_nothing),
	    TEST(test_remove_grid),
	    TEST(test_remove_many),
	    TEST(test_remove_near_max),
	    TEST(test_full),
	    TEST(test_mark),
	    TEST(test_flags_combine),
	    TEST(test_set_node),
	    TEST(test_trim),
	    TEST(test_trim_many),
	    TEST(test_memory_limit),
	    TEST(test_cap_range),
	    TEST(test_limit_remove_map),
	    TEST(test_contains),
	    TEST(test_overlaps),
	    TEST(test_search_pfn),
	    TEST(test_numa_coverage),
	    TEST(test_reserved_kern_size),
	    TEST(test_region_pfns),
	    TEST(test_is_valid),
	    TEST(test_dump),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
