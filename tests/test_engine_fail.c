/* SPDX-License-Identifier: MIT */
/*
 * The n-th failure: every operation is made to fail at its first call that can
 * fail, then at its second, and so on until it succeeds; once with only that
 * call failing, once with all from it on. A failed operation must have
 * changed nothing, byte for byte (a bulk one: must have done the folios that
 * it says and nothing else), and must succeed when nothing fails any more.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include "engine_ref.h"

enum before { ABSENT, FULL, ONE_OPTIMIZED, OPTIMIZED, MIXED };

struct scenario {
	const char *name;
	enum op_kind kind;
	enum before before; /* what the map is like */
	unsigned order;     /* above the smallest; of the folios before */
	unsigned to;        /* likewise; split and join */
	unsigned flags;
	uint64_t folios;
	uint64_t needs; /* a workspace of so many folios' pages; 0: ample */
	bool blocks;    /* populate by blocks, before or now */
};

static const struct scenario scenarios[] = {
    {"populate", OP_POPULATE, ABSENT, 1, 0, 0, 3, 0, false},
    {"populate blocks", OP_POPULATE, ABSENT, 2, 0, 0, 3, 0, true},
    {"populate optimized", OP_POPULATE_OPTIMIZED, ABSENT, 1, 0, 0, 3, 0, false},
    {"depopulate", OP_DEPOPULATE, MIXED, 1, 0, 0, 8, 0, false},
    {"depopulate in steps", OP_DEPOPULATE, MIXED, 1, 0, 0, 8, 1, false},
    {"optimize one", OP_OPTIMIZE, FULL, 2, 0, 0, 1, 0, false},
    {"optimize many", OP_OPTIMIZE, FULL, 1, 0, 0, 4, 0, false},
    {"optimize in batches", OP_OPTIMIZE, FULL, 1, 0, 0, 5, 2, false},
    {"optimize more", OP_OPTIMIZE, ONE_OPTIMIZED, 1, 0, 0, 4, 0, false},
    {"optimize blocks", OP_OPTIMIZE, FULL, 1, 0, 0, 4, 0, true},
    {"optimize prepared", OP_OPTIMIZE, FULL, 1, 0, HVO_PREPARED, 4, 0, false},
    {"restore one", OP_RESTORE, OPTIMIZED, 2, 0, 0, 1, 0, false},
    {"restore many", OP_RESTORE, OPTIMIZED, 1, 0, 0, 4, 0, false},
    {"restore in batches", OP_RESTORE, OPTIMIZED, 1, 0, 0, 5, 2, false},
    {"self-host one", OP_RESTORE, OPTIMIZED, 2, 0, HVO_SELF_HOST, 1, 0, false},
    {"self-host many", OP_RESTORE, OPTIMIZED, 1, 0, HVO_SELF_HOST, 4, 0, false},
    {"split one", OP_SPLIT, OPTIMIZED, 2, 0, 0, 1, 0, false},
    {"split many", OP_SPLIT, OPTIMIZED, 2, 1, 0, 3, 0, false},
    {"split in batches", OP_SPLIT, OPTIMIZED, 2, 0, 0, 4, 3, false},
    {"join one", OP_JOIN, OPTIMIZED, 0, 2, 0, 1, 0, false},
    {"join many", OP_JOIN, OPTIMIZED, 1, 2, 0, 3, 0, false},
    {"join in batches", OP_JOIN, OPTIMIZED, 0, 2, 0, 4, 3, false},
};

static const struct engine_config variants[] = {
    {.page_shift = 12, .record = {.size = 64, .info_offset = 8}},
    {.page_shift = 12,
     .record = {.size = 64, .info_offset = 8},
     .window_pages = 3},
    {.page_shift = 12,
     .record = {.size = 104, .info_offset = 0},
     .scatter = true},
    {.page_shift = 14,
     .record = {.size = 128, .info_offset = 120},
     .window_pages = 1,
     .scatter = true},
};

/* Room for 16 of the smallest folios. */
static struct engine_config make_config(const struct engine_config *variant,
					unsigned arch)
{
	struct engine_config config = *variant;
	struct hvo_geometry g;

	config.record =
	    engine_record(variant->record.size, variant->record.info_offset);
	assert_int_equal(
	    hvo_geometry_init(&g, config.page_shift, config.record.size), 0);
	config.pfn_first = UINT64_C(16) << g.min_order;
	config.pfn_end = 2 * config.pfn_first;
	config.domains = 2;
	config.arch = arch;
	config.spare_frames = 512;
	config.block_pages = 4;
	return config;
}

static void must_run(struct ref *ref, struct engine *e, const struct op *op)
{
	int error;
	const char *wrong = ref_run(ref, e, op, &error);

	assert_string_equal(wrong ? wrong : "", "");
	assert_int_equal(error, 0);
}

static unsigned order_of(const struct ref *ref, unsigned above)
{
	return ref->min_order + above;
}

static void populate(struct ref *ref, struct engine *e, hvo_pfn_t from,
		     hvo_pfn_t to, bool optimized, unsigned order, bool blocks)
{
	struct op op = {
	    .kind = optimized ? OP_POPULATE_OPTIMIZED : OP_POPULATE,
	    .pfns = {from},
	    .count = to - from,
	    .order = order,
	    .domain = 1,
	    .blocks = blocks,
	};

	must_run(ref, e, &op);
}

static void prepare_all(struct ref *ref, struct engine *e, unsigned order)
{
	struct op op = {
	    .kind = OP_PREPARE, .order = order, .count = UINT64_C(1) << order};

	for (op.pfns[0] = ref->first; op.pfns[0] < ref->end;
	     op.pfns[0] += op.count)
		must_run(ref, e, &op);
}

/* Bring the map into the state that the scenario starts from. */
static void set_up(struct ref *ref, struct engine *e, const struct scenario *s)
{
	unsigned order = order_of(ref, s->order);
	hvo_pfn_t half = (ref->first + ref->end) / 2;
	struct op last = {.kind = OP_OPTIMIZE, .order = order, .count = 1};

	switch (s->before) {
	case ABSENT:
		break;
	case MIXED:
		populate(ref, e, ref->first, half, false, 0, false);
		populate(ref, e, half, ref->end, true, order, false);
		break;
	case OPTIMIZED:
		populate(ref, e, ref->first, ref->end, true, order, false);
		break;
	default:
		populate(ref, e, ref->first, ref->end, false, 0, s->blocks);
		prepare_all(ref, e, order);
	}
	last.pfns[0] = ref->end - (UINT64_C(1) << order);
	if (s->before == ONE_OPTIMIZED)
		must_run(ref, e, &last);
}

static struct op make_op(const struct ref *ref, const struct scenario *s)
{
	struct op op = {
	    .kind = s->kind,
	    .order = order_of(ref, s->order),
	    .to = order_of(ref, s->to),
	    .flags = s->flags,
	    .blocks = s->blocks,
	    .count = s->folios,
	};
	unsigned whole = op.kind == OP_JOIN ? op.to : op.order;

	op.capacity = s->needs * ref_folio_pages(ref, whole);
	for (uint64_t i = 0; i < s->folios; i++)
		op.pfns[i] = ref->first + (i << whole);
	if (!op_bulk(op.kind))
		op.count <<= op.order;
	/* All of it, in whatever state. */
	if (op.kind == OP_DEPOPULATE) {
		op.pfns[0] = ref->first;
		op.count = ref->end - ref->first;
	}
	return op;
}

/* What is left of a call of which `done` has been done. */
static struct op rest_of(const struct op *op, uint64_t done)
{
	struct op rest = *op;

	rest.count -= done;
	if (op_bulk(op->kind))
		memmove(rest.pfns, rest.pfns + done,
			rest.count * sizeof(*rest.pfns));
	else
		rest.pfns[0] += done;
	return rest;
}

/* The first of two answers that is one. */
static const char *either(const char *first, const char *second)
{
	return first ? first : second;
}

static const char *finish_rest(struct ref *ref, struct engine *e,
			       const struct op *op, uint64_t done)
{
	struct op rest = rest_of(op, done);
	int error;
	const char *wrong = ref_run(ref, e, &rest, &error);

	if (!wrong && error)
		return "refused when nothing fails any more";
	return either(wrong, either(ref_compare(ref, e), engine_wrong(e)));
}

/*
 * Fail from the nth call on; *more is false when none was left to fail. NULL,
 * or what is wrong.
 */
static const char *fail_nth(struct ref *ref, struct engine *e,
			    const struct op *op, uint64_t nth, bool sticky,
			    bool *more)
{
	/* From here on, so that both digests are made alike. */
	e->hosted = op->kind == OP_RESTORE && op->flags & HVO_SELF_HOST;

	uint64_t digest = engine_digest(e);
	uint64_t done;

	engine_fail(e, nth, sticky);

	int error = op_run(e, op, &done);

	*more = engine_failed(e);
	engine_fail(e, 0, false);
	if (error && !*more)
		return "refused though nothing failed";
	if (error && error != -HVO_ENOMEM && error != -HVO_EMAPPINGS)
		return hvo_strerror(error);
	if (error ? done >= op->count : done != op->count)
		return "done says something else";
	if (error && !done && engine_digest(e) != digest)
		return "failed but changed something";
	ref_apply(ref, op, done);

	const char *wrong = either(ref_compare(ref, e), engine_wrong(e));

	if (!wrong && error)
		wrong = finish_rest(ref, e, op, done);
	return wrong;
}

/* Everything goes, and no frame is left behind. */
static const char *clear(struct ref *ref, struct engine *e)
{
	uint64_t done;
	struct op op = {.kind = OP_DEPOPULATE};
	struct hvo_span span;

	for (hvo_pfn_t pfn = ref->first; pfn < ref->end; pfn += span.count) {
		if (!hvo_vmemmap_span(e->map, pfn, &span))
			return "no span";
		op.pfns[0] = pfn;
		op.count = span.count;
		if (span.state.state != HVO_ABSENT && op_run(e, &op, &done))
			return "cannot depopulate";
	}
	if (hvo_vmemmap_fini(e->map))
		return "cannot be given up";
	return engine_handed_out(e) ? "frames are lost" : NULL;
}

/* Returns how many calls could fail. */
static uint64_t run_scenario(const struct engine_config *config,
			     const struct scenario *s, bool sticky)
{
	bool more = true;
	uint64_t nth;

	for (nth = 1; more; nth++) {
		struct engine *e = engine_open(config);
		struct ref *ref = ref_open(e);

		ref->by_table = !strcmp(engine_port_name, "linux");
		set_up(ref, e, s);

		struct op op = make_op(ref, s);
		const char *wrong = fail_nth(ref, e, &op, nth, sticky, &more);

		wrong = either(wrong, clear(ref, e));
		if (wrong)
			fail_msg("%s on %s, record %u, failure %u%s: %s",
				 s->name, engine_arch_name(config->arch),
				 config->record.size, (unsigned)nth,
				 sticky ? " and on" : "", wrong);
		ref_close(ref);
		engine_close(e);
	}
	return nth - 2;
}

static void run_arch(unsigned arch)
{
	for (size_t v = 0; v < sizeof(variants) / sizeof(*variants); v++) {
		/* The first are small, and tried everywhere; the others take
		 * one of the two ways there are: stores cannot fail on Arm. */
		if (v >= 2 && v != 3 - arch && engine_archs > 1)
			continue;

		struct engine_config config = make_config(&variants[v], arch);
		uint64_t failures = 0;

		for (size_t i = 0; i < sizeof(scenarios) / sizeof(*scenarios);
		     i++) {
			const struct scenario *s = &scenarios[i];

			if (s->blocks && !engine_splits_live(arch))
				continue;
			failures += run_scenario(&config, s, false);
			failures += run_scenario(&config, s, true);
		}
		assert_true(failures > 50);
	}
}

static void test_nth_failure(void **state)
{
	(void)state;
	for (unsigned arch = 0; arch < engine_archs; arch++)
		run_arch(arch);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_nth_failure),
	};

	return cmocka_run_group_tests_name(engine_port_name, tests, NULL, NULL);
}
