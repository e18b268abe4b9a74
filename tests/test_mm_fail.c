/* SPDX-License-Identifier: MIT */
/*
 * Every call that may fail is made to, at each place where it can: the nth
 * call of the port or of the backing fails, alone or with all behind it, for
 * n = 1, 2, ... until none does. After an error the machine is what it was;
 * calls that cannot fail leave it sound.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "mm.h"

#define MIB(n) ((uint64_t)(n) << 8) /* in base pages of 4 KiB */

/* What an operation works on: prepared before it, afresh each time. */
struct scene {
	struct machine *m;
	struct hvo_page *folio;
	struct hvo_page *folios[8];
	size_t count;
	struct hvo_page **all; /* fills the machine, to leave no memory */
	size_t filled;
};

struct operation {
	const char *name;
	void (*prepare)(struct scene *s);
	int (*run)(struct scene *s);
	bool one_by_one; /* bulk: on an error, some of it is done */
	/* Undoing it takes calls that may fail, so not all of them can. */
	bool undone;
};

static void nothing(struct scene *s)
{
	(void)s;
}

static void optimized(struct scene *s)
{
	s->folio = machine_alloc(s->m, 12, HVO_ALLOC_HVO | HVO_ALLOC_FROZEN);
}

static void full(struct scene *s)
{
	s->folio = machine_alloc(s->m, 12, HVO_ALLOC_FROZEN);
}

static void parts(struct scene *s)
{
	optimized(s);
	assert_int_equal(hvo_folio_split(s->m->mm, s->folio, 9), 0);
}

static void several(struct scene *s)
{
	for (s->count = 0; s->count < 8; s->count++)
		s->folios[s->count] =
		    machine_alloc(s->m, 9, HVO_ALLOC_HVO | HVO_ALLOC_FROZEN);
}

static void fill(struct scene *s)
{
	size_t most = machine_free(s->m);

	s->all = calloc(most, sizeof(*s->all));
	s->filled = machine_exhaust(s->m, 0, 0, s->all, most);
}

static void empty(struct scene *s)
{
	for (size_t i = 0; i < s->filled; i++)
		hvo_folio_put(s->m->mm, s->all[i]);
	free(s->all);
	s->all = NULL;
	s->filled = 0;
}

static void no_memory(struct scene *s)
{
	optimized(s);
	fill(s);
}

static void hosted(struct scene *s)
{
	no_memory(s);
	assert_int_equal(hvo_folio_free(s->m->mm, &s->folio, 1, 0, NULL), 0);
	empty(s);
}

static void isolated(struct scene *s)
{
	assert_int_equal(hvo_contig_isolate(s->m->mm, 512, 512), 0);
}

static void offline(struct scene *s)
{
	assert_int_equal(
	    hvo_mm_describe(s->m->mm, MIB(64), MIB(16), HVO_ZONE_NORMAL, 0), 0);
}

static void described(struct scene *s)
{
	assert_int_equal(
	    hvo_mm_describe(s->m->mm, MIB(64), MIB(16), HVO_ZONE_DEVICE, 9), 0);
}

/* Shared tails, once made, stay. */
static void tails(struct scene *s)
{
	described(s);
	assert_int_equal(hvo_mm_undescribe(s->m->mm, MIB(64), MIB(16), NULL),
			 0);
}

static int alloc(struct scene *s, unsigned order, unsigned flags)
{
	const struct hvo_alloc a = {
	    .order = order,
	    .limit = HVO_ZONE_MOVABLE,
	    .flags = flags,
	};

	return hvo_folio_alloc(s->m->mm, &a, &s->folio);
}

static int run_alloc_backed(struct scene *s)
{
	return alloc(s, 3, HVO_ALLOC_ZERO);
}

static int run_alloc_hvo(struct scene *s)
{
	return alloc(s, 12, HVO_ALLOC_HVO | HVO_ALLOC_COMMIT);
}

static int run_alloc_try_hvo(struct scene *s)
{
	int err = alloc(s, 12, HVO_ALLOC_TRY_HVO);

	assert_int_equal(err, 0);
	return err;
}

static int run_alloc_bulk(struct scene *s)
{
	const struct hvo_alloc a = {
	    .order = 9,
	    .limit = HVO_ZONE_MOVABLE,
	    .flags = HVO_ALLOC_HVO | HVO_ALLOC_COMMIT,
	};
	int err = hvo_folio_alloc_bulk(s->m->mm, &a, 8, s->folios, &s->count);

	assert_int_equal(machine_owned(s->m, HVO_OWNER_FOLIO), s->count * 512);
	return err;
}

static int run_optimize(struct scene *s)
{
	return hvo_folio_optimize(s->m->mm, &s->folio, 1, NULL);
}

static int run_restore(struct scene *s)
{
	return hvo_folio_restore(s->m->mm, &s->folio, 1, NULL);
}

static int run_restore_bulk(struct scene *s)
{
	size_t done;
	int err = hvo_folio_restore(s->m->mm, s->folios, s->count, &done);

	for (size_t i = 0; i < s->count; i++)
		assert_int_equal(hvo_folio_optimized(s->m->mm, s->folios[i]),
				 i >= done);
	return err;
}

static int run_split(struct scene *s)
{
	return hvo_folio_split(s->m->mm, s->folio, 9);
}

static int run_split_small(struct scene *s)
{
	return hvo_folio_split(s->m->mm, s->folio, 2);
}

static int run_join(struct scene *s)
{
	return hvo_folio_join(s->m->mm, s->folio, 12);
}

static int run_free(struct scene *s)
{
	int err = hvo_folio_free(s->m->mm, &s->folio, 1, 0, NULL);

	assert_int_equal(err, 0);
	return err;
}

static int run_free_strict(struct scene *s)
{
	return hvo_folio_free(s->m->mm, &s->folio, 1, HVO_FREE_NO_HOST, NULL);
}

static int run_free_bulk(struct scene *s)
{
	size_t done;

	assert_int_equal(
	    hvo_folio_free(s->m->mm, s->folios, s->count, 0, &done), 0);
	assert_int_equal(done, s->count);
	return 0;
}

static int run_rehome(struct scene *s)
{
	hvo_mm_rehome(s->m->mm);
	return 0;
}

static int run_adopt(struct scene *s)
{
	const struct hvo_alloc a = {
	    .order = 9,
	    .flags = HVO_ALLOC_HVO | HVO_ALLOC_COMMIT,
	};

	return hvo_folio_adopt(s->m->mm, 512, &a, &s->folio);
}

static int run_describe(struct scene *s)
{
	return hvo_mm_describe(s->m->mm, MIB(64), MIB(16), HVO_ZONE_NORMAL, 0);
}

static int run_describe_optimized(struct scene *s)
{
	return hvo_mm_describe(s->m->mm, MIB(64), MIB(16), HVO_ZONE_DEVICE, 9);
}

static int run_undescribe(struct scene *s)
{
	return hvo_mm_undescribe(s->m->mm, MIB(64), MIB(16), NULL);
}

/* Descriptors of free memory, in a frame that is bad. */
static int run_replace(struct scene *s)
{
	uintptr_t at =
	    (uintptr_t)hvo_mm_page(s->m->mm, MIB(8)) & ~(uintptr_t)4095;
	hvo_frame_t frame =
	    hvo_port_translate(s->m->config.port, (void *)at).frame;

	assert_int_equal(
	    hvo_mm_poison(s->m->mm, hvo_mm_frame_pfn(s->m->mm, frame), NULL),
	    0);
	return 0;
}

static const struct operation operations[] = {
    {"allocate, backed", nothing, run_alloc_backed, false, false},
    {"allocate, optimized", nothing, run_alloc_hvo, false, false},
    {"allocate, optimized if it can be", nothing, run_alloc_try_hvo, false,
     false},
    {"allocate many", nothing, run_alloc_bulk, true, false},
    {"optimize", full, run_optimize, false, false},
    {"restore", optimized, run_restore, false, false},
    {"restore many", several, run_restore_bulk, true, false},
    {"split, optimized", optimized, run_split, false, false},
    {"split to small ones", optimized, run_split_small, false, false},
    {"join", parts, run_join, false, false},
    {"free", optimized, run_free, false, false},
    {"free, without hosting", optimized, run_free_strict, false, false},
    {"free many", several, run_free_bulk, false, false},
    {"free without memory", no_memory, run_free, false, false},
    {"find frames again", hosted, run_rehome, false, false},
    {"adopt", isolated, run_adopt, false, false},
    {"describe", nothing, run_describe, false, false},
    {"describe, optimized", tails, run_describe_optimized, false, true},
    {"undescribe", offline, run_undescribe, false, false},
    {"undescribe optimized", described, run_undescribe, false, false},
    {"replace a frame", nothing, run_replace, false, false},
};

/* The nth failure of one operation; true while there was one. */
static bool fail_nth(const struct operation *op, uint64_t nth, bool sticky)
{
	const struct machine_config config = {.spare_pages = MIB(16)};
	struct scene s = {.m = machine_open(&config)};
	uint64_t digest;
	bool failed;
	int err;

	op->prepare(&s);
	digest = machine_digest(s.m);
	machine_fail(nth, sticky);
	err = op->run(&s);
	failed = machine_failed();
	machine_fail(0, false);
	if (!failed)
		assert_int_equal(err, 0);
	if (err && !op->one_by_one && digest != machine_digest(s.m))
		fail_msg("%s: failure %u has changed something", op->name,
			 (unsigned)nth);
	machine_assert(s.m);
	empty(&s);
	hvo_mm_rehome(s.m->mm);
	machine_close(s.m);
	return failed;
}

static void each_failure(bool sticky)
{
	for (size_t i = 0; i < sizeof(operations) / sizeof(*operations); i++) {
		uint64_t nth = 1;

		if (sticky && operations[i].undone)
			continue;
		while (fail_nth(&operations[i], nth, sticky))
			nth++;
		if (nth == 1)
			fail_msg("%s: nothing can fail", operations[i].name);
	}
}

static void single(void **state)
{
	(void)state;
	each_failure(false);
}

static void sticky(void **state)
{
	(void)state;
	each_failure(true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(single),
	    cmocka_unit_test(sticky),
	};

	return cmocka_run_group_tests_name("mm: failures", tests, NULL, NULL);
}
