/* SPDX-License-Identifier: MIT */
/*
 * Random sequences of memblock calls against the naive reference, every region
 * and every free range compared after each call. Three ways: arrays large
 * enough; small ones that cannot grow, so that calls fail exactly when the
 * reference says there is no room; small ones that grow, in memory set aside
 * for them, the map refusing now and then.
 */
#include "memblock_ref.h"

/* Runs of each way, and calls in each. Arrays grow only early in a run. */
static const struct {
	unsigned seeds;
	unsigned steps;
} amounts[] = {{40, 1500}, {40, 1500}, {800, 80}};

/* Where arrays grow: [ZONE, RAM), apart from what the reference knows. */
#define ZONE MIB(1)

enum way { LARGE, FIXED, GROWING, WAYS };

struct run {
	struct fixture *f;
	struct hvo_memblock *mb;
	struct ref *ref;
	enum way way;
	uint64_t random;
	/* The range and attributes of this step. */
	unsigned from, to;
	int nid;
	unsigned flags;
};

/* SplitMix64 (Steele, Lea, Flood 2014): any seed will do. */
static uint64_t next_random(struct run *run)
{
	uint64_t z = run->random += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

static unsigned below(struct run *run, unsigned n)
{
	return (unsigned)(next_random(run) % n);
}

static hvo_phys_t base(const struct run *run)
{
	return run->from * UNIT;
}

static hvo_phys_t size(const struct run *run)
{
	return (run->to - run->from) * UNIT;
}

static enum hvo_memblock_flags flags(const struct run *run)
{
	return (enum hvo_memblock_flags)run->flags;
}

/*
 * After a call that the reference says needs room for n more in a collection.
 * Returns whether it succeeded and the reference is to follow.
 */
static bool outcome(struct run *run, const struct hvo_memblock_type *type,
		    unsigned n, int err, struct snapshot *before)
{
	const struct hvo_memblock_type *was = type == &run->mb->memory
						  ? &before->mb.memory
						  : &before->mb.reserved;
	bool fits = was->max - was->cnt >= n;

	if (err) {
		assert_int_equal(err, -HVO_ENOMEM);
		assert_int_not_equal(run->way, LARGE);
		assert_false(fits);
		assert_unchanged(run->mb, before);
		return false;
	}
	if (run->way == FIXED)
		assert_true(fits);
	free(before->regions);
	return true;
}

/* ---- steps: one call each --------------------------------------------- */

static void step_add(struct run *run)
{
	struct snapshot before = take_snapshot(run->mb);
	struct cell *cells = run->ref->memory;
	unsigned n = ref_gaps(cells, run->from, run->to);
	int err;

	/* mirrored memory is rare, or all else would be hidden by it */
	run->flags &= below(run, 8) ? 0xd : 0xf;
	err = hvo_memblock_add_node(run->mb, base(run), size(run), run->nid,
				    flags(run));
	if (!outcome(run, &run->mb->memory, n, err, &before))
		return;
	ref_add(cells, run->from, run->to, run->nid, run->flags);
	if (run->from < run->to && run->flags & HVO_MEMBLOCK_MIRROR)
		run->ref->mirrored = true;
}

static void step_reserve(struct run *run)
{
	struct snapshot before = take_snapshot(run->mb);
	struct cell *cells = run->ref->reserved;
	unsigned n = ref_gaps(cells, run->from, run->to);
	int err;

	run->flags = below(run, 2) ? HVO_MEMBLOCK_RSRV_KERN : 0;
	err = hvo_memblock_reserve_node(run->mb, base(run), size(run), run->nid,
					flags(run));
	if (outcome(run, &run->mb->reserved, n, err, &before))
		ref_add(cells, run->from, run->to, run->nid, run->flags);
}

static void step_remove(struct run *run)
{
	struct snapshot before = take_snapshot(run->mb);
	struct cell *cells = run->ref->memory;
	unsigned n = ref_punches(cells, run->from, run->to);
	int err = hvo_memblock_remove(run->mb, base(run), size(run));

	if (outcome(run, &run->mb->memory, n, err, &before))
		ref_remove(cells, run->from, run->to);
}

static void step_free(struct run *run)
{
	struct snapshot before = take_snapshot(run->mb);
	struct cell *cells = run->ref->reserved;
	unsigned n = ref_punches(cells, run->from, run->to);
	int err = hvo_memblock_phys_free(run->mb, base(run), size(run));

	if (outcome(run, &run->mb->reserved, n, err, &before))
		ref_remove(cells, run->from, run->to);
}

static unsigned isolate_room(const struct run *run, const struct cell *cells)
{
	if (run->from == run->to)
		return 0;
	return (unsigned)ref_inside(cells, run->from) +
	       ref_inside(cells, run->to);
}

static void step_mark(struct run *run)
{
	static const struct {
		int (*call)(struct hvo_memblock *mb, hvo_phys_t base,
			    hvo_phys_t size);
		unsigned set;
		unsigned clear;
		bool reserved;
	} marks[] = {
	    {hvo_memblock_mark_hotplug, HVO_MEMBLOCK_HOTPLUG, 0, false},
	    {hvo_memblock_clear_hotplug, 0, HVO_MEMBLOCK_HOTPLUG, false},
	    {hvo_memblock_mark_nomap, HVO_MEMBLOCK_NOMAP, 0, false},
	    {hvo_memblock_clear_nomap, 0, HVO_MEMBLOCK_NOMAP, false},
	    {hvo_memblock_mark_mirror, HVO_MEMBLOCK_MIRROR, 0, false},
	    {hvo_memblock_reserved_mark_noinit, HVO_MEMBLOCK_RSRV_NOINIT, 0,
	     true},
	    {hvo_memblock_reserved_mark_kern, HVO_MEMBLOCK_RSRV_KERN, 0, true},
	};
	unsigned which = below(run, sizeof(marks) / sizeof(*marks));
	struct snapshot before = take_snapshot(run->mb);
	bool reserved = marks[which].reserved;
	struct cell *cells = reserved ? run->ref->reserved : run->ref->memory;
	unsigned n = isolate_room(run, cells);
	int err = marks[which].call(run->mb, base(run), size(run));

	if (!outcome(run, reserved ? &run->mb->reserved : &run->mb->memory, n,
		     err, &before))
		return;
	ref_flags(cells, run->from, run->to, marks[which].set,
		  marks[which].clear);
	if (marks[which].set & HVO_MEMBLOCK_MIRROR)
		run->ref->mirrored = true;
}

static void step_node(struct run *run)
{
	struct snapshot before = take_snapshot(run->mb);
	bool reserved = below(run, 2);
	struct cell *cells = reserved ? run->ref->reserved : run->ref->memory;
	struct hvo_memblock_type *type =
	    reserved ? &run->mb->reserved : &run->mb->memory;
	unsigned n = isolate_room(run, cells);
	int err = hvo_memblock_set_node(run->mb, base(run), size(run), type,
					run->nid);

	if (outcome(run, type, n, err, &before))
		ref_node(cells, run->from, run->to, run->nid);
}

/* What would take the arrays' zone away is left out where they grow. */
static void step_limit(struct run *run)
{
	unsigned n = 1 + below(run, UNITS);
	unsigned end = ref_lowest(run->ref, n);
	hvo_phys_t limit = n * UNIT;
	bool less = limit <= hvo_memblock_phys_mem_size(run->mb);

	if (run->way == GROWING)
		return;
	switch (below(run, 6)) {
	case 0:
		hvo_memblock_enforce_memory_limit(run->mb, limit);
		if (less) {
			ref_remove(run->ref->memory, end, UNITS);
			ref_remove(run->ref->reserved, end, UNITS);
		}
		break;
	case 1:
		hvo_memblock_mem_limit_remove_map(run->mb, limit);
		if (less)
			ref_cap(run->ref, 0, end);
		break;
	case 2:
		hvo_memblock_cap_memory_range(run->mb, base(run), size(run));
		if (run->from < run->to)
			ref_cap(run->ref, run->from, run->to);
		break;
	default:
		break;
	}
}

static void step_trim(struct run *run)
{
	unsigned align = 1u << below(run, 4);

	if (below(run, 2))
		return;
	hvo_memblock_trim_memory(run->mb, align * UNIT);
	ref_trim(run->ref, align);
}

static void step_mode(struct run *run)
{
	if (run->way != GROWING)
		hvo_memblock_set_bottom_up(run->mb, below(run, 2));
	run->mb->movable_node = below(run, 2);
	run->mb->plain_alloc = !below(run, 4);
	if (run->way != GROWING)
		hvo_memblock_set_current_limit(
		    run->mb, below(run, 2) ? below(run, UNITS + 1) * UNIT
					   : HVO_PHYS_MAX);
}

/* The block that a call gave is the one the reference gives, or none. */
static void follow_alloc(struct run *run, hvo_phys_t found, unsigned expected,
			 unsigned n, int nid, struct snapshot *before)
{
	bool plain = run->mb->plain_alloc;

	if (expected == UNITS) {
		assert_int_equal(found, 0);
		assert_unchanged(run->mb, before);
		return;
	}
	if (outcome(run, &run->mb->reserved, 1, found ? 0 : -HVO_ENOMEM,
		    before)) {
		assert_int_equal(found, expected * UNIT);
		ref_add(run->ref->reserved, expected, expected + n,
			plain ? ANY : nid, plain ? 0 : HVO_MEMBLOCK_RSRV_KERN);
	}
}

static unsigned limit_units(const struct run *run)
{
	hvo_phys_t limit = run->mb->current_limit;

	return limit < UNITS * UNIT ? (unsigned)(limit / UNIT) : UNITS;
}

static void step_alloc_range(struct run *run)
{
	struct snapshot before = take_snapshot(run->mb);
	struct ref_request r = {
	    .n = 1 + below(run, 12),
	    .align = 1u << below(run, 5),
	    .from = run->from,
	    .to = run->to,
	    .nid = run->nid,
	};
	bool exact = below(run, 2);
	unsigned expected;
	hvo_phys_t found;
	int nid;

	run->f->refuse = 0; /* or the next place tried gets it */
	if (!r.to)          /* stands for the current limit */
		r.to = limit_units(run);
	if (run->way == GROWING && !run->to)
		run->to = r.to;
	expected = ref_alloc(run->ref, run->mb, r, exact, &nid);
	found = hvo_memblock_alloc_range_nid(run->mb, r.n * UNIT,
					     r.align * UNIT, base(run),
					     run->to * UNIT, r.nid, exact);
	follow_alloc(run, found, expected, r.n, nid, &before);
}

static void step_alloc_try(struct run *run)
{
	struct snapshot before = take_snapshot(run->mb);
	unsigned limit = limit_units(run);
	struct ref_request r = {
	    .n = 1 + below(run, 12),
	    .align = 1u << below(run, 5),
	    .from = run->from,
	    .to = run->to && run->to < limit ? run->to : limit,
	    .nid = run->nid,
	};
	unsigned expected;
	hvo_phys_t found;
	bool exact = below(run, 2);
	int nid;

	run->f->refuse = 0; /* or the next place tried gets it */
	if (run->way == GROWING && !run->to)
		run->to = r.to;
	expected = ref_alloc(run->ref, run->mb, r, exact, &nid);
	if (expected == UNITS) {
		r.from = 0;
		expected = ref_alloc(run->ref, run->mb, r, exact, &nid);
	}
	found = (exact ? hvo_memblock_alloc_exact_nid_raw
		       : hvo_memblock_alloc_try_nid_raw)(
	    run->mb, r.n * UNIT, r.align * UNIT, base(run), run->to * UNIT,
	    r.nid);
	follow_alloc(run, found, expected, r.n, nid, &before);
}

static void (*const steps[])(struct run *run) = {
    step_add,         step_add,         step_reserve,   step_remove,
    step_free,        step_free,        step_mark,      step_node,
    step_limit,       step_trim,        step_mode,      step_add,
    step_alloc_range, step_alloc_range, step_alloc_try, step_alloc_try,
};

/* ---- runs ------------------------------------------------------------- */

/* What is reserved in the zone is the two arrays and nothing else. */
static void check_zone(const struct run *run)
{
	const struct hvo_memblock *mb = run->mb;
	const struct hvo_memblock_region *r;
	hvo_phys_t arrays = 0;
	hvo_phys_t found = 0;

	if (mb->memory.regions != run->f->memory)
		arrays += (mb->memory.max * sizeof(*r) + PAGE - 1) / PAGE;
	if (mb->reserved.regions != run->f->reserved)
		arrays += (mb->reserved.max * sizeof(*r) + PAGE - 1) / PAGE;
	hvo_memblock_for_each_region(&mb->reserved, r) if (r->base >= ZONE)
	    found += r->size;
	assert_int_equal(found, arrays * PAGE);
}

static void check_questions(struct run *run)
{
	const struct hvo_memblock *mb = run->mb;
	const struct ref *ref = run->ref;
	unsigned at = below(run, UNITS);
	hvo_phys_t addr = at * UNIT + below(run, UNIT);
	bool all = true;
	bool any = false;

	assert_int_equal(hvo_memblock_is_memory(mb, addr),
			 ref->memory[at].present);
	assert_int_equal(hvo_memblock_is_reserved(mb, addr),
			 ref->reserved[at].present);
	assert_int_equal(hvo_memblock_is_map_memory(mb, addr),
			 ref->memory[at].present &&
			     !(ref->memory[at].flags & HVO_MEMBLOCK_NOMAP));
	for (unsigned i = run->from; i < run->to; i++) {
		all = all && ref->memory[i].present &&
		      same_cell(&ref->memory[i], &ref->memory[run->from]);
		any = any || ref->reserved[i].present;
	}
	if (run->from < run->to)
		assert_int_equal(
		    hvo_memblock_is_region_memory(mb, base(run), size(run)),
		    all);
	assert_int_equal(
	    hvo_memblock_is_region_reserved(mb, base(run), size(run)), any);
}

static void check(struct run *run)
{
	assert_true(hvo_memblock_is_valid(run->mb));
	assert_runs(&run->mb->memory, run->ref->memory);
	assert_runs(&run->mb->reserved, run->ref->reserved);
	assert_free_runs(run->mb, run->ref, run->nid, below(run, 16));
	assert_free_runs(run->mb, run->ref, ANY, NONE);
	check_questions(run);
	if (run->way == GROWING)
		check_zone(run);
}

static void begin(struct run *run, struct fixture *f, struct ref *ref,
		  enum way way, uint64_t seed)
{
	static const unsigned long max[] = {REGIONS, 5, 1};

	*run = (struct run){
	    .f = f, .mb = &f->mb, .ref = ref, .way = way, .random = seed};
	memset(ref, 0, sizeof(*ref));
	fixture_init(f, max[way], max[way]);
	if (way == GROWING) {
		/* mirrored, so that arrays go nowhere else */
		hvo_memblock_add_node(run->mb, ZONE, RAM - ZONE, ANY,
				      HVO_MEMBLOCK_MIRROR);
		ref->mirrored = true;
		hvo_memblock_allow_resize(run->mb);
	}
}

static void choose(struct run *run)
{
	unsigned a = below(run, UNITS + 1);
	unsigned b = below(run, 3) ? a + below(run, 24) : below(run, UNITS + 1);

	if (b > UNITS)
		b = UNITS;
	run->from = a < b ? a : b;
	run->to = a < b ? b : a;
	run->nid = (int)below(run, 4) - 1;
	run->flags = below(run, 3) ? 0 : below(run, 16);
	run->f->refuse =
	    run->way == GROWING && !below(run, 4) ? 1 + below(run, 2) : 0;
}

static void test_way(void **state, enum way way)
{
	struct fixture *f = *state;
	struct ref *ref = calloc(1, sizeof(*ref));
	unsigned grown = 0;
	struct run run;

	assert_non_null(ref);
	for (uint64_t seed = 1; seed <= amounts[way].seeds; seed++) {
		begin(&run, f, ref, way, seed);
		for (unsigned i = 0; i < amounts[way].steps; i++) {
			choose(&run);
			steps[below(&run, sizeof(steps) / sizeof(*steps))](
			    &run);
			check(&run);
		}
		grown += f->mb.reserved.max > 4 && f->mb.memory.max > 4;
	}
	if (way == GROWING)
		assert_true(grown > amounts[way].seeds / 2);
	free(ref);
}

static void test_large(void **state)
{
	test_way(state, LARGE);
}

static void test_fixed(void **state)
{
	test_way(state, FIXED);
}

static void test_growing(void **state)
{
	test_way(state, GROWING);
}

#define TEST(name)                                                             \
	cmocka_unit_test_setup_teardown(name, make_fixture, drop_fixture)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_large),
	    TEST(test_fixed),
	    TEST(test_growing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
