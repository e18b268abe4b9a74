/* SPDX-License-Identifier: MIT */
/*
 * memblock's arrays growing: when, where to, what is recorded, what goes back,
 * and that nothing has changed when it fails, at whichever step.
 */
#include "memblock_fixture.h"

#define RSRV_KERN HVO_MEMBLOCK_RSRV_KERN

/* Regions that are no memory, apart from each other. */
#define FAR(i) (GIB(1) + KIB(8) * (hvo_phys_t)(i))

static hvo_phys_t array_bytes(unsigned long max)
{
	return (max * sizeof(struct hvo_memblock_region) + PAGE - 1) / PAGE *
	       PAGE;
}

/* Is an array of max regions at the address recorded as reserved? */
static void assert_array(const struct fixture *f,
			 const struct hvo_memblock_type *type)
{
	hvo_phys_t at = (hvo_phys_t)((unsigned char *)type->regions - f->ram);

	assert_int_equal(at % PAGE, 0);
	for (hvo_phys_t i = 0; i < array_bytes(type->max); i += 64)
		assert_true(hvo_memblock_is_reserved(&f->mb, at + i));
}

static void assert_in_memory(const struct fixture *f,
			     const struct hvo_memblock_type *type)
{
	hvo_phys_t at = (hvo_phys_t)((unsigned char *)type->regions - f->ram);

	assert_true(
	    hvo_memblock_is_region_memory(&f->mb, at, array_bytes(type->max)));
}

/* All of RAM is memory, arrays may grow. */
static void make_ram(struct fixture *f, unsigned long memory_max,
		     unsigned long reserved_max)
{
	memset(f->ram, JUNK, RAM);
	fixture_init(f, memory_max, reserved_max);
	hvo_memblock_add(&f->mb, 0, RAM);
	hvo_memblock_allow_resize(&f->mb);
}

static void test_reserve_many(void **state)
{
	struct fixture *f = *state;
	struct hvo_memblock *mb = &f->mb;
	hvo_phys_t bytes = array_bytes(2 * REGIONS);

	make_ram(f, REGIONS, REGIONS);
	for (unsigned i = 0; i < REGIONS; i++)
		assert_int_equal(hvo_memblock_reserve(mb, FAR(i), KIB(4)), 0);
	assert_int_equal(mb->reserved.max, REGIONS);
	assert_ptr_equal(mb->reserved.regions, f->reserved);
	assert_int_equal(hvo_memblock_reserve(mb, FAR(REGIONS), KIB(4)), 0);
	/* as large again, at the top of memory, and reserved itself */
	assert_int_equal(mb->reserved.max, 2 * REGIONS);
	assert_int_equal(mb->reserved.cnt, REGIONS + 2);
	assert_int_equal(mb->reserved.total_size,
			 (REGIONS + 1) * KIB(4) + bytes);
	assert_ptr_equal(mb->reserved.regions, f->ram + RAM - bytes);
	assert_region(
	    &mb->reserved.regions[0],
	    &(struct hvo_memblock_region){RAM - bytes, bytes, RSRV_KERN, ANY});
	for (unsigned i = 0; i <= REGIONS; i++)
		assert_int_equal(mb->reserved.regions[i + 1].base, FAR(i));
	assert_true(hvo_memblock_is_valid(mb));
	/* the memory below is as it was */
	for (hvo_phys_t i = 0; i < RAM - bytes; i++)
		assert_int_equal(f->ram[i], JUNK);
}

static void test_add_many(void **state)
{
	struct fixture *f = *state;
	struct hvo_memblock *mb = &f->mb;
	hvo_phys_t bytes = array_bytes(2 * REGIONS);

	make_ram(f, REGIONS, REGIONS);
	for (unsigned i = 0; i < REGIONS; i++)
		assert_int_equal(hvo_memblock_add(mb, FAR(i), KIB(4)), 0);
	assert_int_equal(mb->memory.max, 2 * REGIONS);
	assert_int_equal(mb->memory.cnt, REGIONS + 1);
	ASSERT_REGIONS(mb, &mb->reserved, {RAM - bytes, bytes, RSRV_KERN, ANY});
	assert_array(f, &mb->memory);
	assert_int_equal(mb->reserved.max, REGIONS);
}

/* Grown again, the array that was left is free again. */
static void test_old_array_freed(void **state)
{
	struct fixture *f = *state;
	struct hvo_memblock *mb = &f->mb;

	make_ram(f, 4, 4);
	for (unsigned i = 0; i < 3000; i++) {
		assert_int_equal(hvo_memblock_reserve(mb, FAR(i), KIB(4)), 0);
		if (i % 2)
			assert_int_equal(hvo_memblock_add(mb, FAR(i), KIB(4)),
					 0);
	}
	assert_array(f, &mb->memory);
	assert_array(f, &mb->reserved);
	assert_true(hvo_memblock_is_valid(mb));
	assert_int_equal(mb->reserved.total_size,
			 3000 * KIB(4) + array_bytes(mb->memory.max) +
			     array_bytes(mb->reserved.max));
	for (unsigned i = 0; i < 3000; i++) {
		assert_true(hvo_memblock_is_reserved(mb, FAR(i)));
		assert_int_equal(hvo_memblock_is_memory(mb, FAR(i)), i % 2);
	}
}

/*
 * The range about to be reserved is where the array would go: it goes
 * elsewhere, wherever in memory that range is.
 */
static void test_conflict(void **state)
{
	struct fixture *f = *state;
	struct hvo_memblock *mb = &f->mb;
	hvo_phys_t bytes = array_bytes(2 * REGIONS);

	for (hvo_phys_t at = 0; at + KIB(256) <= RAM; at += KIB(256))
		for (unsigned up = 0; up < 2; up++) {
			make_ram(f, REGIONS, REGIONS);
			hvo_memblock_set_bottom_up(mb, up);
			for (unsigned i = 0; i < REGIONS; i++)
				hvo_memblock_reserve(mb, FAR(i), KIB(4));
			assert_int_equal(hvo_memblock_reserve(mb, at, KIB(256)),
					 0);
			assert_int_equal(mb->reserved.total_size,
					 REGIONS * KIB(4) + bytes + KIB(256));
			assert_array(f, &mb->reserved);
			assert_true(hvo_memblock_is_valid(mb));
		}
}

/* Memory about to be taken away is no place for either array. */
static void test_conflict_remove(void **state)
{
	struct fixture *f = *state;
	struct hvo_memblock *mb = &f->mb;
	static const hvo_phys_t ranges[][2] = {
	    {KIB(4), RAM / 2},       /* all that is low */
	    {RAM / 2, RAM - KIB(4)}, /* all that is high, but for a page */
	    {KIB(12), RAM - 1},      /* all but two pages */
	};

	for (unsigned i = 0; i < 6; i++) {
		const hvo_phys_t *range = ranges[i / 2];

		make_ram(f, 1, 1);
		hvo_memblock_set_bottom_up(mb, i % 2);
		hvo_memblock_reserve(mb, FAR(0), KIB(4));
		assert_int_equal(
		    hvo_memblock_remove(mb, range[0], range[1] - range[0]), 0);
		assert_true(hvo_memblock_is_valid(mb));
		ASSERT_REGIONS(mb, &mb->memory, {0, range[0], NONE, ANY},
			       {range[1], RAM - range[1], NONE, ANY});
		assert_in_memory(f, &mb->memory);
		assert_in_memory(f, &mb->reserved);
		assert_array(f, &mb->memory);
		assert_array(f, &mb->reserved);
	}
}

/* The range to be reserved has the old array in it (and all else). */
static void test_reserve_all(void **state)
{
	struct fixture *f = *state;
	struct hvo_memblock *mb = &f->mb;

	for (unsigned max = 1; max < 8; max++) {
		make_ram(f, REGIONS, max);
		for (unsigned i = 0; mb->reserved.regions == f->reserved; i++)
			hvo_memblock_reserve(mb, FAR(i), KIB(4));
		for (unsigned i = 0; mb->reserved.cnt < mb->reserved.max; i++)
			hvo_memblock_reserve(mb, FAR(1000 + i), KIB(4));
		/* many gaps at once, the array's region among them */
		assert_int_equal(
		    hvo_memblock_reserve(mb, KIB(512), HVO_PHYS_MAX), 0);
		assert_true(hvo_memblock_is_valid(mb));
		assert_int_equal(
		    hvo_memblock_is_region_reserved(mb, KIB(512), MIB(1)), 1);
		assert_array(f, &mb->reserved);
	}
}

/*
 * The most that a move can take: the old array lies amid a region, which its
 * freeing splits, and in the range that is about to be reserved.
 */
static void test_reserve_around(void **state)
{
	struct fixture *f = *state;
	struct hvo_memblock *mb = &f->mb;
	hvo_phys_t at;

	make_ram(f, REGIONS, 1);
	hvo_memblock_set_current_limit(mb, MIB(2));
	for (unsigned i = 0; i < 2; i++)
		hvo_memblock_reserve(mb, FAR(i), KIB(4));
	at = (hvo_phys_t)((unsigned char *)mb->reserved.regions - f->ram);
	hvo_memblock_reserve_kern(mb, at - PAGE, PAGE);
	hvo_memblock_reserve_kern(mb, at + PAGE, PAGE);
	hvo_memblock_reserve(mb, FAR(2), KIB(4));
	assert_int_equal(mb->reserved.max, 4);
	assert_int_equal(mb->reserved.cnt, 4);
	hvo_memblock_set_current_limit(mb, HVO_PHYS_MAX);
	assert_int_equal(hvo_memblock_reserve(mb, MIB(1), MIB(2)), 0);
	assert_true(hvo_memblock_is_valid(mb));
	assert_int_equal(mb->reserved.cnt, 9);
	assert_array(f, &mb->reserved);
}

/* Arrays go below the limit, and into mirrored memory if there is any. */
static void test_place(void **state)
{
	struct fixture *f = *state;
	struct hvo_memblock *mb = &f->mb;

	make_ram(f, 1, 1);
	hvo_memblock_set_current_limit(mb, MIB(1));
	assert_int_equal(hvo_memblock_add(mb, GIB(1), KIB(4)), 0);
	assert_ptr_equal(mb->memory.regions, f->ram + MIB(1) - PAGE);
	make_ram(f, REGIONS, 1);
	hvo_memblock_mark_mirror(mb, MIB(2), PAGE);
	hvo_memblock_reserve(mb, FAR(0), 1);
	hvo_memblock_reserve(mb, FAR(1), 1);
	assert_ptr_equal(mb->reserved.regions, f->ram + MIB(2));
	/* and when that is used up, elsewhere */
	make_ram(f, REGIONS, 1);
	hvo_memblock_mark_mirror(mb, MIB(2), PAGE);
	hvo_memblock_reserve(mb, MIB(2), 1);
	hvo_memblock_reserve(mb, FAR(1), 1);
	assert_ptr_equal(mb->reserved.regions, f->ram + RAM - PAGE);
}

static void test_plain(void **state)
{
	struct fixture *f = *state;
	struct hvo_memblock *mb = &f->mb;

	make_ram(f, 1, REGIONS);
	mb->plain_alloc = true;
	assert_int_equal(hvo_memblock_add(mb, GIB(1), KIB(4)), 0);
	ASSERT_REGIONS(mb, &mb->reserved, {RAM - PAGE, PAGE, NONE, ANY});
}

/* ---- every call that needs room, with every step failing --------------- */

/* Calls on two full arrays: memory has [0, RAM), reserved has FAR(0). */
static int do_add(struct hvo_memblock *mb)
{
	return hvo_memblock_add(mb, GIB(2), KIB(4));
}

static int do_remove(struct hvo_memblock *mb)
{
	return hvo_memblock_remove(mb, MIB(1), KIB(4));
}

static int do_mark(struct hvo_memblock *mb)
{
	return hvo_memblock_mark_nomap(mb, MIB(1), KIB(4));
}

static int do_mark_mirror(struct hvo_memblock *mb)
{
	return hvo_memblock_mark_mirror(mb, MIB(1), KIB(4));
}

static int do_add_mirror(struct hvo_memblock *mb)
{
	return hvo_memblock_add_node(mb, GIB(2), KIB(4), 1,
				     HVO_MEMBLOCK_MIRROR);
}

static int do_set_node(struct hvo_memblock *mb)
{
	return hvo_memblock_set_node(mb, MIB(1), KIB(4), &mb->memory, 1);
}

static int do_reserve(struct hvo_memblock *mb)
{
	return hvo_memblock_reserve(mb, MIB(1), KIB(4));
}

static int do_free(struct hvo_memblock *mb)
{
	return hvo_memblock_phys_free(mb, FAR(0) + 1, 1);
}

static int do_mark_noinit(struct hvo_memblock *mb)
{
	return hvo_memblock_reserved_mark_noinit(mb, FAR(0) + 1, 1);
}

static int do_set_reserved_node(struct hvo_memblock *mb)
{
	return hvo_memblock_set_node(mb, FAR(0) + 1, 1, &mb->reserved, 1);
}

static int do_alloc(struct hvo_memblock *mb)
{
	return hvo_memblock_alloc(mb, KIB(4), 64) ? 0 : -HVO_ENOMEM;
}

static int do_alloc_raw(struct hvo_memblock *mb)
{
	return hvo_memblock_phys_alloc(mb, KIB(4), 64) ? 0 : -HVO_ENOMEM;
}

static int (*const calls[])(struct hvo_memblock *mb) = {
    do_add,      do_remove,    do_mark, do_mark_mirror, do_add_mirror,
    do_set_node, do_reserve,   do_free, do_mark_noinit, do_set_reserved_node,
    do_alloc,    do_alloc_raw,
};

#define CALLS (sizeof(calls) / sizeof(*calls))

static void make_full(struct fixture *f)
{
	make_ram(f, 1, 1);
	hvo_memblock_reserve(&f->mb, FAR(0), KIB(4));
}

/* The n-th request for a pointer is refused, for n = 1, 2, ... */
static void test_nth_failure(void **state)
{
	struct fixture *f = *state;

	for (unsigned i = 0; i < CALLS; i++) {
		unsigned n = 0;
		int err;

		do {
			struct snapshot before;

			make_full(f);
			before = take_snapshot(&f->mb);
			f->refuse = ++n;
			err = calls[i](&f->mb);
			if (err) {
				assert_int_equal(err, -HVO_ENOMEM);
				assert_unchanged(&f->mb, &before);
			} else {
				free(before.regions);
			}
			assert_true(n < 10);
		} while (err);
		assert_true(n > 1);
		assert_true(hvo_memblock_is_valid(&f->mb));
		/* it works after failing, too */
		make_full(f);
		f->refuse = 1;
		assert_int_not_equal(calls[i](&f->mb), 0);
		assert_int_equal(calls[i](&f->mb), 0);
	}
}

/* No memory for n pages of arrays, for n = 0, 1, ... */
static void test_no_memory(void **state)
{
	struct fixture *f = *state;

	for (unsigned i = 0; i < CALLS; i++)
		for (unsigned pages = 0; pages < 4; pages++) {
			struct hvo_memblock *mb = &f->mb;
			hvo_phys_t limit = PAGE * (1 + (hvo_phys_t)pages);
			struct snapshot before;

			make_full(f);
			hvo_memblock_set_current_limit(mb, limit);
			before = take_snapshot(mb);
			if (calls[i](mb)) {
				assert_unchanged(mb, &before);
				assert_true(pages < 2);
			} else {
				free(before.regions);
				assert_true(pages > 0);
			}
			assert_true(hvo_memblock_is_valid(mb));
		}
}

static void test_not_allowed(void **state)
{
	struct fixture *f = *state;

	for (unsigned i = 0; i < CALLS; i++)
		for (unsigned without_map = 0; without_map < 2; without_map++) {
			struct snapshot before;

			make_full(f);
			if (without_map)
				f->mb.map = NULL;
			else
				f->mb.can_resize = false;
			before = take_snapshot(&f->mb);
			assert_int_equal(calls[i](&f->mb), -HVO_ENOMEM);
			assert_unchanged(&f->mb, &before);
		}
}

#define TEST(name)                                                             \
	cmocka_unit_test_setup_teardown(name, make_fixture, drop_fixture)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_reserve_many),    TEST(test_add_many),
	    TEST(test_old_array_freed), TEST(test_conflict),
	    TEST(test_conflict_remove), TEST(test_reserve_all),
	    TEST(test_reserve_around),  TEST(test_place),
	    TEST(test_plain),           TEST(test_nth_failure),
	    TEST(test_no_memory),       TEST(test_not_allowed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
