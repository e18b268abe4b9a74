/* SPDX-License-Identifier: MIT */
/*
 * Readers and walkers against every transition, on the model port, at every
 * instant at which the engine lets anyone in: before and after each change of
 * a single page, at each call to the port, at each record made.
 *
 * Readers: at each instant every CPU reads every word of every descriptor
 * that is valid. Each must be the word from before the transition or the one
 * from after it, and no read may fault.
 *
 * Walkers: one that saw a page's count non-zero before its owner froze it
 * stores to it at the nth instant (a compare-and-swap that fails needs write
 * permission all the same), but inside the grace period at the latest. For no
 * n may the store fault. That this finds what it looks for is shown by leaving
 * out the grace period.
 *
 * Linked with --wrap for hvo_port_frame and hvo_port_synchronize.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "engine_model.h"
#include "engine_ref.h"

struct scenario {
	const char *name;
	enum op_kind kind;
	enum { ABSENT, FULL, OPTIMIZED } before;
	unsigned order; /* above the smallest; of the folios before */
	unsigned to;
	unsigned flags;
	uint64_t folios;
};

/* One folio more than they need is always there, as a neighbour. */
static const struct scenario scenarios[] = {
    {"populate", OP_POPULATE, ABSENT, 1, 0, 0, 2},
    {"populate optimized", OP_POPULATE_OPTIMIZED, ABSENT, 1, 0, 0, 2},
    {"depopulate full", OP_DEPOPULATE, FULL, 1, 0, 0, 2},
    {"depopulate optimized", OP_DEPOPULATE, OPTIMIZED, 1, 0, 0, 2},
    {"prepare", OP_PREPARE, FULL, 1, 0, 0, 1},
    {"optimize", OP_OPTIMIZE, FULL, 1, 0, 0, 1},
    {"optimize many", OP_OPTIMIZE, FULL, 0, 0, HVO_PREPARED, 3},
    {"restore", OP_RESTORE, OPTIMIZED, 1, 0, 0, 1},
    {"restore many", OP_RESTORE, OPTIMIZED, 0, 0, 0, 3},
    {"self-host", OP_RESTORE, OPTIMIZED, 1, 0, HVO_SELF_HOST, 2},
    {"split", OP_SPLIT, OPTIMIZED, 2, 0, 0, 1},
    {"split many", OP_SPLIT, OPTIMIZED, 1, 0, 0, 2},
    {"join", OP_JOIN, OPTIMIZED, 0, 2, 0, 1},
    {"join many", OP_JOIN, OPTIMIZED, 0, 1, 0, 2},
};

#define SCENARIOS (sizeof(scenarios) / sizeof(*scenarios))

static const struct engine_config variants[] = {
    {.page_shift = 12, .record = {.size = 128, .info_offset = 8}},
    {.page_shift = 12,
     .record = {.size = 64, .info_offset = 56},
     .window_pages = 3,
     .scatter = true},
    {.page_shift = 12, .record = {.size = 48, .info_offset = 16}},
};

#define VARIANTS (sizeof(variants) / sizeof(*variants))

/* What the other CPUs know and do; they act from inside port calls. */
static struct {
	struct engine *e; /* NULL while they are asleep */
	unsigned char *before;
	unsigned char *after;
	uint64_t instants; /* since they woke */
	bool reading;

	/* The walker. */
	uint64_t store_at; /* instant */
	uintptr_t va;
	bool pending;
	bool no_grace; /* the mutant: grace periods are left out */
	bool asleep;   /* the walker stays in its section to the end */

	uint64_t wrong_words;
	uintptr_t wrong_va;
} others;

static void read_record(hvo_pfn_t pfn, unsigned cpu)
{
	struct engine *e = others.e;
	uint32_t size = e->config.record.size;
	size_t at = (pfn - e->config.pfn_first) * size;

	for (uint32_t offset = 0; offset < size; offset += 8) {
		uintptr_t va = engine_va(e, pfn, offset);
		uint64_t word = hvo_model_load(engine_model(e), cpu, va);

		if (!memcmp(&word, others.before + at + offset, 8) ||
		    !memcmp(&word, others.after + at + offset, 8))
			continue;
		if (!others.wrong_words++)
			others.wrong_va = va;
	}
}

static void read_everything(void)
{
	struct engine *e = others.e;

	for (unsigned cpu = 0; cpu < ENGINE_CPUS; cpu++)
		for (hvo_pfn_t pfn = e->config.pfn_first;
		     pfn < e->config.pfn_end; pfn++)
			if (hvo_pfn_valid(e->map, pfn))
				read_record(pfn, cpu);
}

/* The walker's compare-and-swap: it fails, and writes nothing new. */
static void walker_stores(void)
{
	struct hvo_model *model = engine_model(others.e);

	others.pending = false;
	hvo_model_store(model, 1, others.va,
			hvo_model_load(model, 1, others.va));
}

static void instant(void)
{
	if (!others.e)
		return;
	others.instants++;
	if (others.reading)
		read_everything();
	if (others.pending && others.instants == others.store_at)
		walker_stores();
}

static void on_port_call(void *ctx, struct hvo_model *model)
{
	(void)ctx;
	(void)model;
	instant();
}

/* Every section ends here at the latest. */
static void on_grace(void *ctx, struct hvo_model *model)
{
	(void)ctx;
	(void)model;
	if (others.e && others.pending)
		walker_stores();
}

void *__real_hvo_port_frame(struct hvo_port *port, hvo_frame_t frame);
void *__wrap_hvo_port_frame(struct hvo_port *port, hvo_frame_t frame);
void __real_hvo_port_synchronize(struct hvo_port *port);
void __wrap_hvo_port_synchronize(struct hvo_port *port);

/* Between the pages that the engine writes. */
void *__wrap_hvo_port_frame(struct hvo_port *port, hvo_frame_t frame)
{
	instant();
	return __real_hvo_port_frame(port, frame);
}

void __wrap_hvo_port_synchronize(struct hvo_port *port)
{
	if (!others.no_grace)
		__real_hvo_port_synchronize(port);
}

/* ---- making the state before --------------------------------------------- */

struct stage {
	struct engine *e;
	struct ref *ref;
	struct op op;
};

static void must_run(struct stage *s, const struct op *op)
{
	int error;
	const char *wrong = ref_run(s->ref, s->e, op, &error);

	assert_string_equal(wrong ? wrong : "", "");
	assert_int_equal(error, 0);
}

static unsigned whole_order(const struct op *op)
{
	return op->kind == OP_JOIN ? op->to : op->order;
}

static void set_up(struct stage *s, const struct scenario *sc)
{
	struct ref *ref = s->ref;
	uint64_t span = ref->end - ref->first;
	/* The neighbour: the last quarter, always optimized. */
	hvo_pfn_t neighbour = ref->end - span / 4;
	struct op op = {.kind = OP_POPULATE_OPTIMIZED,
			.order = ref->min_order,
			.pfns = {neighbour},
			.count = span / 4};

	must_run(s, &op);
	op.order = ref->min_order + sc->order;
	op.pfns[0] = ref->first;
	op.count = span / 2;
	op.kind = sc->before == FULL ? OP_POPULATE : OP_POPULATE_OPTIMIZED;
	if (sc->before != ABSENT)
		must_run(s, &op);
	if (sc->kind != OP_OPTIMIZE)
		return;
	op = (struct op){.kind = OP_PREPARE,
			 .order = op.order,
			 .count = UINT64_C(1) << op.order};
	for (uint64_t i = 0; i < sc->folios; i++) {
		op.pfns[0] = ref->first + (i << op.order);
		must_run(s, &op);
	}
}

static struct stage open_stage(const struct scenario *sc,
			       const struct engine_config *variant,
			       unsigned arch)
{
	struct engine_config config = *variant;
	struct stage s = {.e = NULL};
	unsigned unit = 0;

	config.record =
	    engine_record(variant->record.size, variant->record.info_offset);
	while ((config.record.size << unit) % 4096)
		unit++;
	config.pfn_first = UINT64_C(1) << (unit + 4);
	config.pfn_end = 2 * config.pfn_first;
	config.domains = 1;
	config.arch = arch;
	config.spare_frames = 128;
	s.e = engine_open(&config);
	s.ref = ref_open(s.e);
	set_up(&s, sc);

	s.op = (struct op){.kind = sc->kind,
			   .order = s.ref->min_order + sc->order,
			   .to = s.ref->min_order + sc->to,
			   .flags = sc->flags,
			   .count = sc->folios};
	for (uint64_t i = 0; i < sc->folios; i++)
		s.op.pfns[i] = s.ref->first + (i << whole_order(&s.op));
	if (!op_bulk(sc->kind))
		s.op.count <<= s.op.order;
	return s;
}

static void close_stage(struct stage *s)
{
	ref_close(s->ref);
	engine_close(s->e);
}

/* ---- one transition with others about -------------------------------------
 */

static void wake_others(struct stage *s)
{
	size_t size = (s->ref->end - s->ref->first) * s->ref->record.size;
	struct ref *ref = s->ref;

	others.before = malloc(size);
	others.after = malloc(size);
	assert_non_null(others.before);
	assert_non_null(others.after);
	memcpy(others.before, ref->bytes, size);
	ref_apply(ref, &s->op, s->op.count);
	memcpy(others.after, ref->bytes, size);
	others.instants = 0;
	others.wrong_words = 0;
	hvo_model_hook(engine_model(s->e), on_port_call, NULL);
	hvo_model_grace(engine_model(s->e), on_grace, NULL);
	engine_step = instant;
	others.e = s->e;
}

static void put_others_to_sleep(struct stage *s)
{
	others.e = NULL;
	engine_step = NULL;
	hvo_model_hook(engine_model(s->e), NULL, NULL);
	hvo_model_grace(engine_model(s->e), NULL, NULL);
	free(others.before);
	free(others.after);
}

static void expect_clean(struct stage *s, const char *name, unsigned arch)
{
	const char *wrong = engine_port_wrong(s->e);

	if (!wrong && others.wrong_words)
		wrong = "a word that is neither old nor new";
	if (!wrong)
		wrong = ref_compare(s->ref, s->e);
	if (!wrong)
		wrong = engine_wrong(s->e);
	if (wrong)
		fail_msg("%s on %s: %s (at %#llx)", name,
			 engine_arch_name(arch), wrong,
			 (unsigned long long)others.wrong_va);
}

static void read_through(const struct scenario *sc,
			 const struct engine_config *variant, unsigned arch)
{
	struct stage s = open_stage(sc, variant, arch);
	uint64_t done;

	wake_others(&s);
	others.reading = true;
	assert_int_equal(op_run(s.e, &s.op, &done), 0);
	read_everything();
	others.reading = false;
	put_others_to_sleep(&s);
	assert_true(others.instants > 4);
	expect_clean(&s, sc->name, arch);
	close_stage(&s);
}

static void test_readers(void **state)
{
	(void)state;
	for (unsigned arch = 0; arch < engine_archs; arch++)
		for (size_t v = 0; v < VARIANTS; v++)
			for (size_t i = 0; i < SCENARIOS; i++)
				read_through(&scenarios[i], &variants[v], arch);
}

/*
 * Reads through an operation that fails, too: what it undoes must be as
 * invisible as what it does.
 */
static void read_through_failure(const struct scenario *sc, unsigned arch)
{
	bool more = true;

	for (uint64_t nth = 1; more; nth++) {
		struct stage s = open_stage(sc, &variants[0], arch);
		uint64_t done;

		wake_others(&s);
		others.reading = true;
		engine_fail(s.e, nth, false);
		op_run(s.e, &s.op, &done);
		more = engine_failed(s.e);
		engine_fail(s.e, 0, false);
		others.reading = false;
		put_others_to_sleep(&s);
		if (engine_port_wrong(s.e) || others.wrong_words)
			fail_msg("%s on %s, failure %u: %s", sc->name,
				 engine_arch_name(arch), (unsigned)nth,
				 engine_port_wrong(s.e)
				     ? engine_port_wrong(s.e)
				     : "a word that is neither old nor new");
		assert_null(engine_wrong(s.e));
		close_stage(&s);
	}
}

static void test_readers_of_failures(void **state)
{
	(void)state;
	/* The other two undo as one of these does. */
	for (unsigned arch = HVO_ARCH_X86; arch <= HVO_ARCH_ARM; arch++)
		for (size_t i = 0; i < SCENARIOS; i++)
			read_through_failure(&scenarios[i], arch);
}

/* ---- walkers ----------------------------------------------------------------
 */

/*
 * Where a walker may have seen a count: a head, or a base page of a full
 * range. The one whose page the transition makes read-only or takes away.
 */
static uintptr_t walker_target(const struct stage *s, const struct scenario *sc)
{
	hvo_pfn_t pfn = s->ref->first;

	if (sc->kind == OP_JOIN)
		pfn += UINT64_C(1) << s->op.order;
	else if (sc->before == FULL)
		pfn += (UINT64_C(1) << s->op.order) - 1;
	return engine_va(s->e, pfn, 0);
}

/*
 * One walker that stores at the nth instant. Returns the violation, and in
 * *more whether the call went on longer than that.
 */
static enum hvo_rule walk(const struct scenario *sc, unsigned arch,
			  uint64_t nth, bool *more)
{
	struct stage s = open_stage(sc, &variants[1], arch);
	uint64_t done;

	wake_others(&s);
	others.va = walker_target(&s, sc);
	/* It has been there: its CPU knows the page. */
	hvo_model_load(engine_model(s.e), 1, others.va);
	others.pending = true;
	others.store_at = nth;
	assert_int_equal(op_run(s.e, &s.op, &done), 0);
	*more = others.instants >= nth;
	put_others_to_sleep(&s);

	enum hvo_rule rule = hvo_model_violation(engine_model(s.e));

	if (rule == HVO_RULE_NONE && !others.no_grace) {
		/* No walker that was inside is inside still. */
		assert_false(others.pending);
		expect_clean(&s, sc->name, arch);
	}
	others.pending = false;
	close_stage(&s);
	return rule;
}

static bool needs_grace(const struct scenario *sc)
{
	return sc->kind == OP_OPTIMIZE || sc->kind == OP_JOIN ||
	       sc->kind == OP_DEPOPULATE;
}

static void test_walkers(void **state)
{
	(void)state;
	for (unsigned arch = 0; arch < engine_archs; arch++)
		for (size_t i = 0; i < SCENARIOS; i++) {
			bool more = needs_grace(&scenarios[i]);

			for (uint64_t nth = 1; more; nth++) {
				enum hvo_rule rule =
				    walk(&scenarios[i], arch, nth, &more);

				if (rule != HVO_RULE_NONE)
					fail_msg("%s on %s, store %u: %s",
						 scenarios[i].name,
						 engine_arch_name(arch),
						 (unsigned)nth,
						 hvo_rule_text(rule));
			}
		}
}

/* What hits a walker: its page is read-only, or gone. */
static enum hvo_rule fault(const struct scenario *sc)
{
	return sc->kind == OP_DEPOPULATE ? HVO_RULE_READ_FAULT
					 : HVO_RULE_WRITE_FAULT;
}

/* Without the grace period the same walkers are hit. */
static void test_walkers_without_grace(void **state)
{
	(void)state;
	others.no_grace = true;
	for (unsigned arch = 0; arch < engine_archs; arch++)
		for (size_t i = 0; i < SCENARIOS; i++) {
			bool more = needs_grace(&scenarios[i]);
			bool caught = !more;

			for (uint64_t nth = 1; more && !caught; nth++)
				caught = walk(&scenarios[i], arch, nth,
					      &more) == fault(&scenarios[i]);
			if (!caught)
				fail_msg("%s on %s: nobody noticed",
					 scenarios[i].name,
					 engine_arch_name(arch));
		}
	others.no_grace = false;
}

/*
 * A walker that found a page valid reads it until its section ends, even if
 * the page is given up meanwhile.
 */
static void read_in_grace(void *ctx, struct hvo_model *model)
{
	struct stage *s = ctx;

	/* The reference still has what was there before. */
	for (hvo_pfn_t pfn = s->ref->first; pfn < s->ref->end; pfn++)
		if (ref_valid(s->ref, pfn))
			hvo_model_load(model, 2, engine_va(s->e, pfn, 0));
}

static void test_reader_of_leaving(void **state)
{
	(void)state;
	for (unsigned arch = 0; arch < engine_archs; arch++)
		for (size_t i = 0; i < SCENARIOS; i++) {
			if (scenarios[i].kind != OP_DEPOPULATE)
				continue;
			struct stage s =
			    open_stage(&scenarios[i], &variants[0], arch);

			hvo_model_grace(engine_model(s.e), read_in_grace, &s);
			must_run(&s, &s.op);
			hvo_model_grace(engine_model(s.e), NULL, NULL);
			others.wrong_words = 0;
			expect_clean(&s, scenarios[i].name, arch);
			close_stage(&s);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_readers),
	    cmocka_unit_test(test_readers_of_failures),
	    cmocka_unit_test(test_walkers),
	    cmocka_unit_test(test_walkers_without_grace),
	    cmocka_unit_test(test_reader_of_leaving),
	};

	return cmocka_run_group_tests_name("readers", tests, NULL, NULL);
}
