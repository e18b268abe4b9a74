/* SPDX-License-Identifier: MIT */
/*
 * memblock's allocations: where a block lands, for every combination of
 * direction, size, alignment, limits and what is taken already; which node,
 * which memory; what is recorded, and what becomes of the bytes.
 */
#include "memblock_fixture.h"

#define RSRV_KERN HVO_MEMBLOCK_RSRV_KERN

/* Memory for most tests; lies in RAM. */
#define BASE MIB(1)
#define SIZE KIB(32)
#define END  (BASE + SIZE)

static void make_memory(struct fixture *f, bool bottom_up)
{
	fixture_init(f, REGIONS, REGIONS);
	hvo_memblock_add(&f->mb, BASE, SIZE);
	hvo_memblock_set_bottom_up(&f->mb, bottom_up);
}

/* ---- where: against a search of every address ------------------------- */

static bool block_is_free(const struct hvo_memblock *mb, hvo_phys_t at,
			  hvo_phys_t size)
{
	return hvo_memblock_is_region_memory(mb, at, size) &&
	       !hvo_memblock_is_region_reserved(mb, at, size);
}

/* All addresses are multiples of 16 here, so no other block can be meant. */
static hvo_phys_t expected_block(const struct hvo_memblock *mb, hvo_phys_t size,
				 hvo_phys_t align, hvo_phys_t start,
				 hvo_phys_t end)
{
	hvo_phys_t found = 0;

	for (hvo_phys_t at = BASE; at + size <= END; at += 16)
		if (at >= start && at + size <= end && at % align == 0 &&
		    block_is_free(mb, at, size)) {
			found = at;
			if (mb->bottom_up)
				break;
		}
	return found;
}

/* What is taken before: [from, to) from BASE on; an empty one ends the list. */
static const hvo_phys_t taken[][3][2] = {
    {{0, 0}},
    {{0, SIZE}},
    {{0, SIZE / 2}},
    {{SIZE / 2, SIZE}},
    {{64, SIZE - 64}},
    {{1024, 2048}, {SIZE - 2048, SIZE - 1024}},
    {{0, 16}, {SIZE - 16, SIZE}},
    {{4096 - 16, 8192}, {8192 + 1024, 16384}, {SIZE - 4096 - 16, SIZE}},
};

static const hvo_phys_t sizes[] = {16, 64, 1024, 1040, 4096, SIZE / 2, SIZE};
static const hvo_phys_t aligns[] = {16, 64, 4096, 16384, 48 /* allowed */};
static const hvo_phys_t bounds[][2] = {
    {0, HVO_MEMBLOCK_ANYWHERE},
    {BASE, END},
    {BASE + 16, END - 16},
    {BASE + 4096, BASE + 8192},
    {BASE + 4096 + 32, BASE + 16384 - 32},
    {BASE + 1024, BASE + 2048},
    {BASE + 1024, BASE + 1024 + 64},
    {0, BASE + 64},
    {END - 64, HVO_MEMBLOCK_ANYWHERE},
    {END, GIB(1)},
    {0, BASE},
    {END, BASE},
};

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

static void make_taken(struct fixture *f, unsigned which, bool bottom_up)
{
	make_memory(f, bottom_up);
	for (unsigned i = 0; i < 3; i++)
		hvo_memblock_reserve(&f->mb, BASE + taken[which][i][0],
				     taken[which][i][1] - taken[which][i][0]);
}

static void check_block(struct fixture *f, hvo_phys_t size, hvo_phys_t align,
			const hvo_phys_t bound[2])
{
	struct hvo_memblock *mb = &f->mb;
	hvo_phys_t before = hvo_memblock_reserved_size(mb);
	hvo_phys_t expected =
	    expected_block(mb, size, align, bound[0], bound[1]);
	hvo_phys_t found =
	    hvo_memblock_phys_alloc_range(mb, size, align, bound[0], bound[1]);

	assert_int_equal(found, expected);
	assert_true(hvo_memblock_is_valid(mb));
	if (!found) {
		assert_int_equal(hvo_memblock_reserved_size(mb), before);
		return;
	}
	assert_int_equal(hvo_memblock_reserved_size(mb), before + size);
	assert_true(hvo_memblock_is_reserved(mb, found));
	assert_true(hvo_memblock_is_reserved(mb, found + size - 1));
}

static void test_where(void **state)
{
	struct fixture *f = *state;

	for (unsigned up = 0; up < 2; up++)
		for (unsigned t = 0; t < COUNT(taken); t++)
			for (unsigned s = 0; s < COUNT(sizes); s++)
				for (unsigned a = 0; a < COUNT(aligns); a++)
					for (unsigned b = 0; b < COUNT(bounds);
					     b++) {
						make_taken(f, t, up);
						check_block(f, sizes[s],
							    aligns[a],
							    bounds[b]);
					}
}

/* One after the other until nothing is left, both ways. */
static void test_until_full(void **state)
{
	struct fixture *f = *state;

	for (unsigned up = 0; up < 2; up++) {
		make_memory(f, up);
		for (unsigned i = 0; i < 8; i++)
			assert_int_equal(
			    hvo_memblock_alloc(&f->mb, KIB(4), KIB(4)),
			    up ? BASE + KIB(4) * i : END - KIB(4) * (i + 1));
		assert_int_equal(hvo_memblock_alloc(&f->mb, 1, 1), 0);
		ASSERT_REGIONS(&f->mb, &f->mb.reserved,
			       {BASE, SIZE, RSRV_KERN, ANY});
		hvo_memblock_phys_free(&f->mb, BASE + KIB(8), KIB(4));
		assert_int_equal(hvo_memblock_alloc(&f->mb, KIB(4), KIB(4)),
				 BASE + KIB(8));
	}
}

static void test_align_0(void **state)
{
	struct fixture *f = *state;

	make_memory(f, false);
	assert_int_equal(hvo_memblock_alloc(&f->mb, 1, 0),
			 END - HVO_MEMBLOCK_ALIGN);
	f->mb.default_align = KIB(4);
	assert_int_equal(hvo_memblock_alloc(&f->mb, 1, 0), END - KIB(4));
}

static void test_nothing(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(hvo_memblock_alloc(&f->mb, 64, 64), 0);
	make_memory(f, false);
	assert_int_equal(hvo_memblock_alloc(&f->mb, 0, 64), 0);
	assert_int_equal(hvo_memblock_alloc(&f->mb, SIZE + 1, 1), 0);
	assert_int_equal(hvo_memblock_alloc(&f->mb, HVO_PHYS_MAX, 1), 0);
	assert_int_equal(hvo_memblock_alloc(&f->mb, 64, HVO_PHYS_MAX), 0);
	assert_int_equal(f->mb.reserved.cnt, 0);
}

/* Address 0 means failure, so the first page is never given out. */
static void test_page_0(void **state)
{
	struct fixture *f = *state;

	for (unsigned up = 0; up < 2; up++) {
		fixture_init(f, REGIONS, REGIONS);
		hvo_memblock_set_bottom_up(&f->mb, up);
		hvo_memblock_add(&f->mb, 0, 2 * PAGE);
		assert_int_equal(hvo_memblock_alloc(&f->mb, PAGE, PAGE), PAGE);
		assert_int_equal(hvo_memblock_alloc(&f->mb, 64, 64), 0);
		assert_int_equal(
		    hvo_memblock_phys_alloc_range(&f->mb, 64, 64, 0, PAGE), 0);
	}
}

/* The top of the address space: nothing overflows. */
static void test_top(void **state)
{
	struct fixture *f = *state;
	hvo_phys_t base = HVO_PHYS_MAX - KIB(8) + 1;

	for (unsigned up = 0; up < 2; up++) {
		fixture_init(f, REGIONS, REGIONS);
		hvo_memblock_set_bottom_up(&f->mb, up);
		hvo_memblock_add(&f->mb, base, KIB(8));
		assert_int_equal(
		    hvo_memblock_phys_alloc(&f->mb, KIB(4), KIB(4)), base);
		/* the last byte of the address space is never memory */
		assert_int_equal(
		    hvo_memblock_phys_alloc(&f->mb, KIB(4), KIB(4)), 0);
		assert_int_equal(
		    hvo_memblock_phys_alloc(&f->mb, KIB(4) - 64, 64),
		    base + KIB(4));
		assert_int_equal(hvo_memblock_phys_alloc(&f->mb, 1, KIB(16)),
				 0);
	}
}

/* ---- limits ----------------------------------------------------------- */

static void test_current_limit(void **state)
{
	struct fixture *f = *state;
	struct hvo_memblock *mb = &f->mb;

	make_memory(f, false);
	hvo_memblock_set_current_limit(mb, BASE + KIB(8));
	assert_int_equal(hvo_memblock_get_current_limit(mb), BASE + KIB(8));
	assert_int_equal(hvo_memblock_alloc(mb, KIB(1), 64), BASE + KIB(7));
	assert_int_equal(hvo_memblock_phys_alloc(mb, KIB(1), 64),
			 BASE + KIB(6));
	assert_int_equal(hvo_memblock_phys_alloc_try_nid(mb, KIB(1), 64, ANY),
			 BASE + KIB(5));
	/* a limit named above it does not lift it ... */
	assert_int_equal(
	    hvo_memblock_alloc_try_nid(mb, KIB(1), 64, 0, END, ANY),
	    BASE + KIB(4));
	assert_int_equal(hvo_memblock_alloc_try_nid_raw(
			     mb, KIB(1), 64, 0, HVO_MEMBLOCK_ANYWHERE, ANY),
			 BASE + KIB(3));
	assert_int_equal(hvo_memblock_alloc_low(mb, KIB(1), 64), BASE + KIB(2));
	/* ... unless the call is for physical memory anywhere */
	assert_int_equal(hvo_memblock_phys_alloc_range(mb, KIB(1), 64, 0,
						       HVO_MEMBLOCK_ANYWHERE),
			 END - KIB(1));
	assert_int_equal(hvo_memblock_alloc(mb, KIB(4), 64), 0);
	hvo_memblock_set_current_limit(mb, HVO_MEMBLOCK_ANYWHERE);
	assert_int_equal(hvo_memblock_alloc(mb, KIB(4), 64), END - KIB(5));
}

static void test_low(void **state)
{
	struct fixture *f = *state;

	hvo_memblock_add(&f->mb, BASE, SIZE);
	hvo_memblock_add(&f->mb, GIB(8), SIZE);
	assert_int_equal(hvo_memblock_alloc_raw(&f->mb, 64, 64),
			 GIB(8) + SIZE - 64);
	assert_int_equal(hvo_memblock_alloc_low(&f->mb, 64, 64), END - 64);
}

/* min_addr is given up where it cannot be kept; phys_alloc_range keeps it. */
static void test_min_addr(void **state)
{
	struct fixture *f = *state;

	for (unsigned up = 0; up < 2; up++) {
		struct hvo_memblock *mb = &f->mb;

		make_memory(f, up);
		assert_int_equal(
		    hvo_memblock_alloc_from(mb, KIB(4), 64, BASE + KIB(16)),
		    up ? BASE + KIB(16) : END - KIB(4));
		assert_int_equal(
		    hvo_memblock_alloc_from(mb, KIB(8), 64, END - KIB(4)),
		    up ? BASE : END - KIB(12));
		assert_int_equal(
		    hvo_memblock_alloc_from(mb, KIB(1), 64, END + KIB(4)),
		    up ? BASE + KIB(8) : END - KIB(13));
		assert_int_equal(
		    hvo_memblock_phys_alloc_range(mb, KIB(1), 64, END + KIB(4),
						  HVO_MEMBLOCK_ANYWHERE),
		    0);
		assert_int_equal(
		    hvo_memblock_alloc_try_nid(mb, KIB(1), 64, 0, BASE, ANY),
		    0);
		assert_int_equal(
		    hvo_memblock_alloc_try_nid(mb, KIB(1), 64, BASE + KIB(2),
					       BASE + KIB(2) + 64, ANY),
		    up ? 0 : BASE + KIB(1) + 64);
	}
}

/* ---- what is recorded ------------------------------------------------- */

static void test_merges(void **state)
{
	struct fixture *f = *state;

	make_memory(f, false);
	hvo_memblock_reserve_kern(&f->mb, END - KIB(4), KIB(4));
	hvo_memblock_reserve_kern(&f->mb, END - KIB(12), KIB(4));
	assert_int_equal(hvo_memblock_alloc(&f->mb, KIB(2), 64), END - KIB(6));
	ASSERT_REGIONS(&f->mb, &f->mb.reserved,
		       {END - KIB(12), KIB(4), RSRV_KERN, ANY},
		       {END - KIB(6), KIB(6), RSRV_KERN, ANY});
	assert_int_equal(hvo_memblock_alloc(&f->mb, KIB(2), 64), END - KIB(8));
	ASSERT_REGIONS(&f->mb, &f->mb.reserved,
		       {END - KIB(12), KIB(12), RSRV_KERN, ANY});
}

static void test_recorded(void **state)
{
	struct fixture *f = *state;
	struct hvo_memblock *mb = &f->mb;

	make_memory(f, false);
	hvo_memblock_set_node(mb, BASE, SIZE, &mb->memory, 3);
	hvo_memblock_reserve(mb, END - KIB(1), KIB(1));
	hvo_memblock_alloc(mb, KIB(1), 64);
	hvo_memblock_alloc_node(mb, KIB(1), 64, 3);
	hvo_memblock_alloc_node(mb, KIB(1), 64, 4); /* not from node 4 */
	ASSERT_REGIONS(mb, &mb->reserved,
		       {END - KIB(4), KIB(1), RSRV_KERN, ANY},
		       {END - KIB(3), KIB(1), RSRV_KERN, 3},
		       {END - KIB(2), KIB(1), RSRV_KERN, ANY},
		       {END - KIB(1), KIB(1), NONE, ANY});
	make_memory(f, false);
	mb->plain_alloc = true;
	hvo_memblock_set_node(mb, BASE, SIZE, &mb->memory, 3);
	hvo_memblock_reserve(mb, END - KIB(1), KIB(1));
	hvo_memblock_alloc_node(mb, KIB(1), 64, 3);
	ASSERT_REGIONS(mb, &mb->reserved, {END - KIB(2), KIB(2), NONE, ANY});
}

static bool all_bytes(const struct fixture *f, hvo_phys_t at, hvo_phys_t size,
		      unsigned char byte)
{
	for (hvo_phys_t i = 0; i < size; i++)
		if (f->ram[at + i] != byte)
			return false;
	return true;
}

static void test_zeroed(void **state)
{
	struct fixture *f = *state;
	hvo_phys_t at;

	make_memory(f, false);
	at = hvo_memblock_alloc(&f->mb, 1000, 64);
	assert_true(all_bytes(f, at, 1000, 0));
	assert_true(all_bytes(f, at + 1000, END - at - 1000, JUNK));
	assert_true(all_bytes(f, BASE, at - BASE, JUNK));
	memset(f->ram, JUNK, RAM);
	assert_true(hvo_memblock_alloc_raw(&f->mb, 1000, 64));
	assert_true(
	    hvo_memblock_alloc_try_nid_raw(&f->mb, 1000, 64, 0, END, ANY));
	assert_true(
	    hvo_memblock_alloc_exact_nid_raw(&f->mb, 1000, 64, 0, END, ANY));
	assert_true(hvo_memblock_phys_alloc(&f->mb, 1000, 64));
	assert_true(all_bytes(f, 0, RAM, JUNK));
	assert_int_equal(f->maps, 1);
}

/* What cannot be zeroed is not given out, and not reserved either. */
static void test_unreachable(void **state)
{
	struct fixture *f = *state;

	hvo_memblock_add(&f->mb, GIB(1), SIZE);
	assert_int_equal(hvo_memblock_alloc(&f->mb, 64, 64), 0);
	assert_int_equal(f->mb.reserved.cnt, 0);
	assert_int_not_equal(hvo_memblock_alloc_raw(&f->mb, 64, 64), 0);
	make_memory(f, false);
	f->mb.map = NULL;
	assert_int_equal(hvo_memblock_alloc(&f->mb, 64, 64), 0);
	assert_int_equal(f->mb.reserved.cnt, 0);
	assert_int_not_equal(hvo_memblock_alloc_raw(&f->mb, 64, 64), 0);
}

/* No room to record it: nothing is given out. */
static void test_no_room(void **state)
{
	struct fixture *f = *state;
	struct snapshot before;

	fixture_init(f, REGIONS, 1);
	hvo_memblock_add(&f->mb, BASE, SIZE);
	hvo_memblock_reserve(&f->mb, END - KIB(1), KIB(1));
	before = take_snapshot(&f->mb);
	assert_int_equal(hvo_memblock_alloc(&f->mb, 64, 64), 0);
	assert_unchanged(&f->mb, &before);
	assert_true(all_bytes(f, 0, RAM, JUNK));
}

/* ---- nodes ------------------------------------------------------------ */

#define NODES 4

/* Node i has [BASE + i * SIZE, BASE + (i + 1) * SIZE). */
static hvo_phys_t node_base(int nid)
{
	return BASE + SIZE * (hvo_phys_t)nid;
}

static void make_nodes(struct fixture *f, bool bottom_up)
{
	fixture_init(f, REGIONS, REGIONS);
	for (int nid = 0; nid < NODES; nid++)
		hvo_memblock_add_node(&f->mb, node_base(nid), SIZE, nid, NONE);
	hvo_memblock_set_bottom_up(&f->mb, bottom_up);
}

/* The block of that size on a node with nothing else on it. */
static hvo_phys_t on_node(int nid, hvo_phys_t size, bool bottom_up)
{
	return bottom_up ? node_base(nid) : node_base(nid + 1) - size;
}

struct node_alloc {
	hvo_phys_t (*alloc)(struct hvo_memblock *mb, hvo_phys_t size,
			    hvo_phys_t align, hvo_phys_t min_addr,
			    hvo_phys_t max_addr, int nid);
	bool exact;
};

static const struct node_alloc node_allocs[] = {
    {hvo_memblock_alloc_try_nid, false},
    {hvo_memblock_alloc_try_nid_raw, false},
    {hvo_memblock_alloc_exact_nid_raw, true},
};

#define EACH_NODE_ALLOC(a, up)                                                 \
	for (const struct node_alloc *a = node_allocs;                         \
	     a < node_allocs + COUNT(node_allocs); a++)                        \
		for (unsigned up = 0; up < 2; up++)

static void test_node_simple(void **state)
{
	struct fixture *f = *state;

	EACH_NODE_ALLOC(a, up)
	for (int nid = 0; nid < NODES; nid++) {
		make_nodes(f, up);
		assert_int_equal(a->alloc(&f->mb, KIB(4), 64, 0, 0, nid),
				 on_node(nid, KIB(4), up));
		/* the whole of the node too */
		make_nodes(f, up);
		assert_int_equal(a->alloc(&f->mb, SIZE, 64, 0, 0, nid),
				 node_base(nid));
	}
}

/* The node is full, or too small: any other, unless it must be that one. */
static void test_node_fallback(void **state)
{
	struct fixture *f = *state;

	EACH_NODE_ALLOC(a, up)
	for (int nid = 0; nid < NODES; nid++) {
		int other = up ? nid == 0 : NODES - 1 - (nid == 3);

		make_nodes(f, up);
		hvo_memblock_reserve(&f->mb, node_base(nid), SIZE);
		assert_int_equal(a->alloc(&f->mb, KIB(4), 64, 0, 0, nid),
				 a->exact ? 0 : on_node(other, KIB(4), up));
		/* a block lies on one node, even on any */
		assert_int_equal(a->alloc(&f->mb, SIZE + 64, 64, 0, 0, nid), 0);
		assert_int_equal(a->alloc(&f->mb, SIZE + 64, 64, 0, 0, ANY), 0);
		/* a node there is not */
		make_nodes(f, up);
		assert_int_equal(
		    a->alloc(&f->mb, KIB(4), 64, 0, 0, NODES + nid),
		    a->exact ? 0 : on_node(up ? 0 : 3, KIB(4), up));
	}
}

/* Limits that spread over nodes, or that keep the node out altogether. */
static void test_node_limits(void **state)
{
	struct fixture *f = *state;
	hvo_phys_t min_addr = node_base(1) + KIB(8);
	hvo_phys_t max_addr = node_base(2) + KIB(8);

	EACH_NODE_ALLOC(a, up)
	{
		hvo_phys_t size = KIB(4);

		make_nodes(f, up);
		assert_int_equal(
		    a->alloc(&f->mb, size, 64, min_addr, max_addr, 1),
		    up ? min_addr : node_base(2) - size);
		assert_int_equal(
		    a->alloc(&f->mb, size, 64, min_addr, max_addr, 2),
		    up ? node_base(2) : max_addr - size);
		/* node 0 is below min_addr: another node comes first, and
		 * where none may, min_addr goes */
		make_nodes(f, up);
		assert_int_equal(
		    a->alloc(&f->mb, size, 64, min_addr, max_addr, 0),
		    a->exact ? on_node(0, size, up)
			     : (up ? min_addr : max_addr - size));
		/* node 3 is above max_addr, which stays */
		make_nodes(f, up);
		assert_int_equal(
		    a->alloc(&f->mb, size, 64, min_addr, max_addr, 3),
		    a->exact ? 0 : (up ? min_addr : max_addr - size));
		/* too narrow on either node: below min_addr */
		make_nodes(f, up);
		assert_int_equal(
		    a->alloc(&f->mb, KIB(28), 64, min_addr, max_addr, ANY),
		    up ? BASE : node_base(2) - KIB(28));
	}
}

/* Part of the node is taken. */
static void test_node_part(void **state)
{
	struct fixture *f = *state;

	EACH_NODE_ALLOC(a, up)
	{
		make_nodes(f, up);
		hvo_memblock_reserve(&f->mb, node_base(1) + KIB(8), KIB(8));
		assert_int_equal(a->alloc(&f->mb, KIB(8), 64, 0, 0, 1),
				 up ? node_base(1) : node_base(2) - KIB(8));
		assert_int_equal(a->alloc(&f->mb, KIB(8), 64, 0, 0, 1),
				 node_base(1) + KIB(16));
		assert_int_equal(a->alloc(&f->mb, KIB(8), 64, 0, 0, 1),
				 up ? node_base(1) + KIB(24) : node_base(1));
		assert_int_equal(a->alloc(&f->mb, KIB(8), 64, 0, 0, 1),
				 a->exact ? 0
					  : on_node(up ? 0 : 3, KIB(8), up));
	}
}

/* Numbers that are no node stand for any. */
static void test_node_none(void **state)
{
	struct fixture *f = *state;
	const int none[] = {ANY, HVO_MAX_NUMNODES, -7};

	for (unsigned i = 0; i < COUNT(none); i++)
		EACH_NODE_ALLOC(a, up)
		{
			make_nodes(f, up);
			assert_int_equal(
			    a->alloc(&f->mb, KIB(4), 64, 0, 0, none[i]),
			    on_node(up ? 0 : 3, KIB(4), up));
			assert_int_equal(f->mb.reserved.regions[0].nid, ANY);
		}
}

static void test_range_nid(void **state)
{
	struct fixture *f = *state;
	struct hvo_memblock *mb = &f->mb;

	make_nodes(f, false);
	assert_int_equal(hvo_memblock_alloc_range_nid(mb, SIZE, 64, BASE,
						      node_base(2), 1, true),
			 node_base(1));
	assert_int_equal(hvo_memblock_alloc_range_nid(mb, KIB(4), 64, BASE,
						      node_base(2), 1, true),
			 0);
	assert_int_equal(hvo_memblock_alloc_range_nid(mb, KIB(4), 64, BASE,
						      node_base(2), 1, false),
			 node_base(1) - KIB(4));
	/* unlike alloc_try_nid it never leaves the range */
	assert_int_equal(hvo_memblock_alloc_range_nid(mb, SIZE, 64, BASE,
						      node_base(2), 1, false),
			 0);
	assert_int_equal(hvo_memblock_phys_alloc_try_nid(mb, SIZE, 64, 2),
			 node_base(2));
	assert_int_equal(hvo_memblock_phys_alloc_try_nid(mb, SIZE, 64, 2),
			 node_base(3));
}

/* ---- which memory ----------------------------------------------------- */

static void test_not_given_out(void **state)
{
	struct fixture *f = *state;
	struct hvo_memblock *mb = &f->mb;

	make_memory(f, false);
	hvo_memblock_mark_nomap(mb, END - KIB(4), KIB(4));
	hvo_memblock_add_node(mb, END, KIB(4), ANY,
			      HVO_MEMBLOCK_DRIVER_MANAGED);
	assert_int_equal(hvo_memblock_alloc(mb, KIB(4), 64), END - KIB(8));
	hvo_memblock_clear_nomap(mb, END - KIB(4), KIB(4));
	assert_int_equal(hvo_memblock_alloc(mb, KIB(4), 64), END - KIB(4));
}

static void test_hotplug(void **state)
{
	struct fixture *f = *state;
	struct hvo_memblock *mb = &f->mb;

	make_memory(f, false);
	hvo_memblock_mark_hotplug(mb, END - KIB(4), KIB(4));
	mb->movable_node = true;
	assert_int_equal(hvo_memblock_alloc(mb, KIB(1), 64), END - KIB(5));
	mb->movable_node = false;
	assert_int_equal(hvo_memblock_alloc(mb, KIB(1), 64), END - KIB(1));
	mb->movable_node = true;
	hvo_memblock_clear_hotplug(mb, BASE, SIZE);
	assert_int_equal(hvo_memblock_alloc(mb, KIB(1), 64), END - KIB(2));
}

/* Mirrored memory first, even of another node; then as ever. */
static void test_mirror(void **state)
{
	struct fixture *f = *state;
	struct hvo_memblock *mb = &f->mb;

	make_nodes(f, false);
	hvo_memblock_mark_mirror(mb, node_base(1), KIB(8));
	hvo_memblock_mark_mirror(mb, node_base(2), KIB(8));
	assert_int_equal(hvo_memblock_alloc(mb, KIB(4), 64),
			 node_base(2) + KIB(4));
	assert_int_equal(hvo_memblock_alloc_node(mb, KIB(4), 64, 1),
			 node_base(1) + KIB(4));
	assert_int_equal(hvo_memblock_alloc_node(mb, KIB(4), 64, 3),
			 node_base(2));
	/* exactly node 3 has none */
	assert_int_equal(
	    hvo_memblock_alloc_exact_nid_raw(mb, KIB(4), 64, 0, 0, 3),
	    node_base(4) - KIB(4));
	/* too large for what is mirrored */
	assert_int_equal(hvo_memblock_alloc(mb, KIB(8), 64),
			 node_base(4) - KIB(12));
	assert_int_equal(hvo_memblock_alloc(mb, KIB(4), 64), node_base(1));
	assert_int_equal(hvo_memblock_alloc(mb, KIB(4), 64),
			 node_base(4) - KIB(16));
}

static void test_mirror_by_add(void **state)
{
	struct fixture *f = *state;

	make_memory(f, false);
	hvo_memblock_add_node(&f->mb, KIB(64), KIB(64), ANY,
			      HVO_MEMBLOCK_MIRROR);
	assert_int_equal(hvo_memblock_alloc(&f->mb, KIB(4), 64), KIB(124));
}

#define TEST(name)                                                             \
	cmocka_unit_test_setup_teardown(name, make_fixture, drop_fixture)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_where),         TEST(test_until_full),
	    TEST(test_align_0),       TEST(test_nothing),
	    TEST(test_page_0),        TEST(test_top),
	    TEST(test_current_limit), TEST(test_low),
	    TEST(test_min_addr),      TEST(test_merges),
	    TEST(test_recorded),      TEST(test_zeroed),
	    TEST(test_unreachable),   TEST(test_no_room),
	    TEST(test_node_simple),   TEST(test_node_fallback),
	    TEST(test_node_limits),   TEST(test_node_part),
	    TEST(test_node_none),     TEST(test_range_nid),
	    TEST(test_not_given_out), TEST(test_hotplug),
	    TEST(test_mirror),        TEST(test_mirror_by_add),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
