/* SPDX-License-Identifier: MIT */
/*
 * Engines that are broken on purpose. Each mutant is the real engine with its
 * calls to the port changed on the way: one left out, moved or told something
 * else. The model must catch each, and by the right rule; the engine as it is
 * must break none. So a rule that the model stopped to watch, and a step that
 * the engine could do without, would both show here.
 *
 * Linked with --wrap for the port's functions.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include "engine_model.h"
#include "engine_ref.h"

/* What is changed; several may be combined. */
enum mutation {
	NO_FLUSH_1 = 1 << 0,     /* the first flush of the call is left out */
	NO_FLUSH_2 = 1 << 1,     /* the second */
	NO_READ_ONLY = 1 << 2,   /* pages never become read-only */
	LATE_READ_ONLY = 1 << 3, /* they do after they are repointed */
	NO_GRACE = 1 << 4,
	OTHER_BYTES = 1 << 5,    /* tails are written after the comparison */
	FREE_FIRST = 1 << 6,     /* frames are freed before the page moves */
	FREE_UNFLUSHED = 1 << 7, /* freed before the second flush */
	FREE_NEW = 1 << 8,       /* frames are freed and then mapped */
	FREE_AGAIN = 1 << 9,
	TO_WRITABLE = 1 << 10,    /* repointed to be writable at once */
	WRITABLE_FIRST = 1 << 11, /* made writable, then repointed */
	NO_UNMAP = 1 << 12,
	ANY_BYTES = 1 << 13, /* the engine is told it may repoint to any */
	NO_SPLIT = 1 << 14,  /* blocks stay whole */
};

enum actor {
	NOBODY,
	WALKER,  /* stores at every instant until the grace period ends */
	GUESSER, /* looks where nothing is, as a CPU may speculatively */
	OWNER,   /* stores to its descriptors when the call has returned,
		  * while others have been reading them all along */
};

struct mutant {
	const char *name;
	enum hvo_rule rule; /* that catches it */
	enum hvo_arch arch;
	enum op_kind kind;
	unsigned mutation;
	enum actor actor;
};

static const struct mutant mutants[] = {
    {"optimize without the flush after read-only", HVO_RULE_BBM_WRITABLE,
     HVO_ARCH_ARM, OP_OPTIMIZE, NO_FLUSH_1, NOBODY},
    {"optimize without the flush after repointing", HVO_RULE_FREED_IN_TLB,
     HVO_ARCH_X86, OP_OPTIMIZE, NO_FLUSH_2, NOBODY},
    {"the same", HVO_RULE_FREED_IN_TLB, HVO_ARCH_ARM, OP_OPTIMIZE, NO_FLUSH_2,
     NOBODY},
    {"optimize without any flush", HVO_RULE_FREED_IN_TLB, HVO_ARCH_RISCV,
     OP_OPTIMIZE, NO_FLUSH_1 | NO_FLUSH_2, NOBODY},
    {"optimize without read-only", HVO_RULE_BBM_WRITABLE, HVO_ARCH_ARM,
     OP_OPTIMIZE, NO_READ_ONLY, NOBODY},
    {"the same with FEAT_BBM", HVO_RULE_BBM_WRITABLE, HVO_ARCH_ARM_BBM2,
     OP_OPTIMIZE, NO_READ_ONLY, NOBODY},
    {"optimize, read-only after repointing", HVO_RULE_BBM_WRITABLE,
     HVO_ARCH_ARM, OP_OPTIMIZE, LATE_READ_ONLY, NOBODY},
    {"optimize without the grace period", HVO_RULE_WRITE_FAULT, HVO_ARCH_X86,
     OP_OPTIMIZE, NO_GRACE, WALKER},
    {"the same on Arm", HVO_RULE_WRITE_FAULT, HVO_ARCH_ARM, OP_OPTIMIZE,
     NO_GRACE, WALKER},
    {"optimize with neither grace period nor read-only", HVO_RULE_LOST_WRITE,
     HVO_ARCH_X86, OP_OPTIMIZE, NO_GRACE | NO_READ_ONLY, WALKER},
    {"optimize to other bytes", HVO_RULE_BBM_BYTES, HVO_ARCH_ARM, OP_OPTIMIZE,
     OTHER_BYTES, NOBODY},
    {"optimize, free before repointing", HVO_RULE_FREED_MAPPED, HVO_ARCH_X86,
     OP_OPTIMIZE, FREE_FIRST, NOBODY},
    {"optimize, free before the flush", HVO_RULE_FREED_IN_TLB, HVO_ARCH_X86,
     OP_OPTIMIZE, FREE_UNFLUSHED, NOBODY},
    {"optimize, free twice", HVO_RULE_FREED_TWICE, HVO_ARCH_X86, OP_OPTIMIZE,
     FREE_AGAIN, NOBODY},
    {"optimize part of a block", HVO_RULE_BBM_BLOCK, HVO_ARCH_ARM, OP_OPTIMIZE,
     NO_SPLIT, NOBODY},

    {"restore without a flush", HVO_RULE_WRITE_FAULT, HVO_ARCH_X86, OP_RESTORE,
     NO_FLUSH_1, OWNER},
    {"restore, writable before the flush", HVO_RULE_BBM_WRITABLE, HVO_ARCH_ARM,
     OP_RESTORE, NO_FLUSH_1, NOBODY},
    {"restore without the flush at the end", HVO_RULE_WRITE_FAULT, HVO_ARCH_ARM,
     OP_RESTORE, NO_FLUSH_2, OWNER},
    {"restore to writable at once", HVO_RULE_BBM_WRITABLE, HVO_ARCH_ARM,
     OP_RESTORE, TO_WRITABLE, NOBODY},
    {"restore, writable before repointing", HVO_RULE_BBM_WRITABLE, HVO_ARCH_ARM,
     OP_RESTORE, WRITABLE_FIRST, NOBODY},
    {"restore to frames given back", HVO_RULE_FRAME_STATE, HVO_ARCH_X86,
     OP_RESTORE, FREE_NEW, NOBODY},
    {"restore in one step", HVO_RULE_BBM_WRITABLE, HVO_ARCH_ARM, OP_RESTORE,
     ANY_BYTES, NOBODY},

    {"split in one step", HVO_RULE_BBM_WRITABLE, HVO_ARCH_ARM, OP_SPLIT,
     ANY_BYTES, NOBODY},
    {"split without the flush before writing", HVO_RULE_BBM_WRITABLE,
     HVO_ARCH_ARM, OP_SPLIT, NO_FLUSH_1, NOBODY},
    {"split without the flush at the end", HVO_RULE_FREED_IN_TLB,
     HVO_ARCH_ARM_BBM2, OP_SPLIT, NO_FLUSH_2, NOBODY},
    {"split without a flush", HVO_RULE_WRITE_FAULT, HVO_ARCH_X86, OP_SPLIT,
     NO_FLUSH_1, OWNER},

    {"join in one step", HVO_RULE_BBM_BYTES, HVO_ARCH_ARM, OP_JOIN, ANY_BYTES,
     NOBODY},
    {"join without the flush before writing", HVO_RULE_BBM_BYTES, HVO_ARCH_ARM,
     OP_JOIN, NO_FLUSH_1, NOBODY},
    {"join without the flush at the end", HVO_RULE_FREED_IN_TLB, HVO_ARCH_X86,
     OP_JOIN, NO_FLUSH_2, NOBODY},
    {"join without the grace period", HVO_RULE_WRITE_FAULT, HVO_ARCH_X86,
     OP_JOIN, NO_GRACE, WALKER},
    {"the same on Arm", HVO_RULE_WRITE_FAULT, HVO_ARCH_ARM, OP_JOIN, NO_GRACE,
     WALKER},

    {"populate without a flush", HVO_RULE_READ_FAULT, HVO_ARCH_RISCV,
     OP_POPULATE, NO_FLUSH_1, GUESSER},
    {"populate optimized without a flush", HVO_RULE_READ_FAULT, HVO_ARCH_RISCV,
     OP_POPULATE_OPTIMIZED, NO_FLUSH_1, GUESSER},
    {"populate with frames given back", HVO_RULE_FRAME_STATE, HVO_ARCH_X86,
     OP_POPULATE, FREE_NEW, NOBODY},

    {"depopulate without a flush", HVO_RULE_FREED_IN_TLB, HVO_ARCH_X86,
     OP_DEPOPULATE, NO_FLUSH_1, NOBODY},
    {"depopulate without unmapping", HVO_RULE_FREED_MAPPED, HVO_ARCH_X86,
     OP_DEPOPULATE, NO_UNMAP, NOBODY},
    {"depopulate without the grace period", HVO_RULE_LOST_WRITE, HVO_ARCH_X86,
     OP_DEPOPULATE, NO_GRACE, WALKER},
};

#define MUTANTS (sizeof(mutants) / sizeof(*mutants))

/* ---- the changed calls ----------------------------------------------------
 */

/* The mutant at work; e is NULL when all calls are as they should be. */
static struct {
	struct engine *e;
	unsigned mutation;
	enum actor actor;
	unsigned flushes;
	struct hvo_run frames[64]; /* to be freed unflushed */
	unsigned count;
	bool freed;    /* so the engine's own free is dropped */
	uintptr_t va;  /* the walker's */
	uint64_t word; /* there */
	bool walking;
} now;

static bool has(unsigned mutation)
{
	return now.e && now.mutation & mutation;
}

#define DECLARE(type, name, ...)                                               \
	type __real_##name(__VA_ARGS__);                                       \
	type __wrap_##name(__VA_ARGS__)

DECLARE(void, hvo_port_flush, struct hvo_port *port, void *va, uint64_t pages);
DECLARE(void, hvo_port_synchronize, struct hvo_port *port);
DECLARE(int, hvo_port_protect, struct hvo_port *port, void *va, uint64_t pages,
	enum hvo_prot prot, enum hvo_urgency urgency);
DECLARE(int, hvo_port_repoint, struct hvo_port *port, void *va, uint64_t pages,
	struct hvo_run run, enum hvo_prot prot, enum hvo_urgency urgency);
DECLARE(int, hvo_port_map, struct hvo_port *port, void *va, uint64_t pages,
	struct hvo_run run, enum hvo_prot prot, bool block);
DECLARE(int, hvo_port_unmap, struct hvo_port *port, void *va, uint64_t pages,
	enum hvo_urgency urgency);
DECLARE(int, hvo_port_split, struct hvo_port *port, void *va, uint64_t pages);
DECLARE(const struct hvo_port_traits *, hvo_port_traits,
	const struct hvo_port *port);

static void free_now(struct hvo_run run)
{
	now.e->source.free(now.e->source.ctx, run);
	now.freed = true;
}

void __wrap_hvo_port_flush(struct hvo_port *port, void *va, uint64_t pages)
{
	unsigned nth = ++now.flushes;

	if (nth == 2 && has(FREE_UNFLUSHED))
		for (unsigned i = 0; i < now.count; i++)
			free_now(now.frames[i]);
	if ((nth == 1 && has(NO_FLUSH_1)) || (nth == 2 && has(NO_FLUSH_2)))
		return;
	__real_hvo_port_flush(port, va, pages);
}

void __wrap_hvo_port_synchronize(struct hvo_port *port)
{
	if (!has(NO_GRACE))
		__real_hvo_port_synchronize(port);
}

/* Remember the frames that pages lead to. */
static void remember(struct hvo_port *port, char *va, uint64_t pages)
{
	for (uint64_t i = 0; i < pages; i++) {
		struct hvo_translation t =
		    hvo_port_translate(port, va + (i << 12));

		assert_true(now.count < 64);
		now.frames[now.count++] = (struct hvo_run){t.frame, 1};
	}
}

int __wrap_hvo_port_protect(struct hvo_port *port, void *va, uint64_t pages,
			    enum hvo_prot prot, enum hvo_urgency urgency)
{
	if (prot == HVO_PROT_READ && has(FREE_UNFLUSHED))
		remember(port, va, pages);
	if (prot == HVO_PROT_READ && has(NO_READ_ONLY | LATE_READ_ONLY))
		return 0;
	return __real_hvo_port_protect(port, va, pages, prot, urgency);
}

/* The old frames, before the page moves. */
static void before_repoint(struct hvo_port *port, void *va, uint64_t pages,
			   struct hvo_run run)
{
	if (has(FREE_FIRST)) {
		now.count = 0;
		remember(port, va, pages);
		for (unsigned i = 0; i < now.count; i++)
			free_now(now.frames[i]);
	}
	if (has(OTHER_BYTES)) {
		hvo_frame_t frame = hvo_port_translate(port, va).frame;
		uint64_t *bytes = hvo_port_frame(port, frame);

		bytes[3]++;
	}
	if (has(WRITABLE_FIRST))
		__real_hvo_port_protect(port, va, pages, HVO_PROT_WRITE,
					HVO_MUST);
	if (has(FREE_NEW))
		free_now(run);
}

int __wrap_hvo_port_repoint(struct hvo_port *port, void *va, uint64_t pages,
			    struct hvo_run run, enum hvo_prot prot,
			    enum hvo_urgency urgency)
{
	int error;

	before_repoint(port, va, pages, run);
	if (has(TO_WRITABLE))
		prot = HVO_PROT_WRITE;
	if (has(LATE_READ_ONLY))
		prot = HVO_PROT_WRITE;
	error = __real_hvo_port_repoint(port, va, pages, run, prot, urgency);
	if (has(LATE_READ_ONLY))
		__real_hvo_port_protect(port, va, pages, HVO_PROT_READ,
					HVO_MUST);
	return error;
}

int __wrap_hvo_port_map(struct hvo_port *port, void *va, uint64_t pages,
			struct hvo_run run, enum hvo_prot prot, bool block)
{
	if (has(FREE_NEW))
		free_now(run);
	return __real_hvo_port_map(port, va, pages, run, prot, block);
}

int __wrap_hvo_port_unmap(struct hvo_port *port, void *va, uint64_t pages,
			  enum hvo_urgency urgency)
{
	if (has(NO_UNMAP))
		return 0;
	return __real_hvo_port_unmap(port, va, pages, urgency);
}

int __wrap_hvo_port_split(struct hvo_port *port, void *va, uint64_t pages)
{
	if (has(NO_SPLIT))
		return 0;
	return __real_hvo_port_split(port, va, pages);
}

/*
 * What the port is like is asked when the map is made, before any mutant is
 * at work; so this one is at work from the start.
 */
static bool any_bytes;

const struct hvo_port_traits *
__wrap_hvo_port_traits(const struct hvo_port *port)
{
	static struct hvo_port_traits changed;

	changed = *__real_hvo_port_traits(port);
	if (any_bytes)
		changed.equal_bytes = false;
	return &changed;
}

/* The frame source as the engine sees it. */
static void mutant_free(void *ctx, struct hvo_run run)
{
	struct engine *e = ctx;

	if (now.freed)
		return;
	e->source.free(e->source.ctx, run);
	if (has(FREE_AGAIN))
		e->source.free(e->source.ctx, run);
}

/* ---- the others
 * -------------------------------------------------------------- */

static void store_back(struct hvo_model *model, unsigned cpu, uintptr_t va)
{
	hvo_model_store(model, cpu, va, hvo_model_load(model, cpu, va));
}

static void readers_look(struct engine *e)
{
	for (hvo_pfn_t pfn = e->config.pfn_first; pfn < e->config.pfn_end;
	     pfn++)
		for (unsigned cpu = 0; cpu < ENGINE_CPUS; cpu++)
			if (hvo_pfn_valid(e->map, pfn))
				hvo_model_load(engine_model(e), cpu,
					       engine_va(e, pfn, 0));
}

/*
 * The walker's compare-and-swap: its load was long ago, and what it stores is
 * what is there.
 */
static void on_instant(void *ctx, struct hvo_model *model)
{
	(void)ctx;
	if (now.actor == WALKER && now.walking)
		hvo_model_store(model, 1, now.va, now.word);
	if (now.actor == OWNER)
		readers_look(now.e);
}

static void on_grace(void *ctx, struct hvo_model *model)
{
	(void)ctx;
	(void)model;
	now.walking = false;
}

/* A look ahead at what is not there: no CPU would report that fault. */
static void guess(struct engine *e)
{
	struct hvo_model *model = engine_model(e);

	for (uint64_t page = 0; page < engine_pages(e); page++)
		hvo_model_load(model, 2, engine_page_va(e, page));
	hvo_model_clear(model);
}

/* Every CPU uses what the table permits. */
static void owner_stores(struct engine *e)
{
	struct hvo_model *model = engine_model(e);

	for (uint64_t page = 0; page < engine_pages(e); page++) {
		uintptr_t va = engine_page_va(e, page);
		struct hvo_translation t =
		    hvo_port_translate(e->config.port, (void *)va);

		for (unsigned cpu = 0; cpu < ENGINE_CPUS; cpu++)
			if (t.prot == HVO_PROT_WRITE)
				store_back(model, cpu, va);
	}
}

/* ---- one mutant
 * ---------------------------------------------------------------- */

static void must_run(struct ref *ref, struct engine *e, const struct op *op)
{
	int error;
	const char *wrong = ref_run(ref, e, op, &error);

	assert_string_equal(wrong ? wrong : "", "");
	assert_int_equal(error, 0);
}

/* Two folios: small ones that can be joined, or large ones. */
static void set_up(struct ref *ref, struct engine *e, enum op_kind kind,
		   bool blocks)
{
	unsigned order = ref->min_order + (kind != OP_JOIN);
	struct op op = {.kind = OP_POPULATE_OPTIMIZED,
			.order = order,
			.pfns = {ref->first},
			.count = ref->end - ref->first,
			.blocks = blocks};

	if (kind == OP_OPTIMIZE || kind == OP_DEPOPULATE)
		op.kind = OP_POPULATE;
	if (kind != OP_POPULATE && kind != OP_POPULATE_OPTIMIZED)
		must_run(ref, e, &op);
	op = (struct op){.kind = OP_PREPARE,
			 .order = order,
			 .pfns = {ref->first},
			 .count = UINT64_C(1) << order};
	if (kind == OP_OPTIMIZE)
		must_run(ref, e, &op);
}

static struct op make_op(const struct ref *ref, enum op_kind kind)
{
	struct op op = {.kind = kind,
			.order = ref->min_order + 1,
			.to = ref->min_order,
			.pfns = {ref->first},
			.count = 1};

	if (kind == OP_JOIN) {
		op.order = ref->min_order;
		op.to = ref->min_order + 1;
	}
	if (!op_bulk(kind))
		op.count = ref->end - ref->first;
	return op;
}

/* A page that the call makes read-only or takes away. */
static uintptr_t walker_place(struct engine *e, const struct ref *ref,
			      enum op_kind kind)
{
	hvo_pfn_t pfn = ref->first;

	if (kind == OP_JOIN)
		pfn += UINT64_C(1) << ref->min_order;
	return engine_va(e, pfn, 0) + (kind == OP_OPTIMIZE ? 4096 : 0);
}

/* What the model says when a changed engine makes one call; or none. */
static enum hvo_rule run(const struct mutant *m, unsigned mutation)
{
	bool blocks = m->mutation & NO_SPLIT;
	struct engine_config config = {
	    .page_shift = 12,
	    .record = engine_record(64, 8),
	    .pfn_first = 1024,
	    .pfn_end = 2048,
	    .domains = 1,
	    .arch = m->arch,
	    .block_pages = blocks ? 4 : 0,
	    .spare_frames = 64,
	};
	uint64_t done;

	any_bytes = mutation & ANY_BYTES;

	struct engine *e = engine_prepare_open(&config);

	e->config.frames.free = mutant_free;
	e->config.frames.ctx = e;
	e->memory = test_malloc(hvo_vmemmap_size(&e->config));
	assert_int_equal(hvo_vmemmap_init(&e->map, e->memory, &e->config), 0);

	struct ref *ref = ref_open(e);

	set_up(ref, e, m->kind, blocks && mutation);
	assert_int_equal(hvo_model_violation(engine_model(e)), HVO_RULE_NONE);

	struct op op = make_op(ref, m->kind);

	readers_look(e);
	if (m->actor == GUESSER)
		guess(e);
	memset(&now, 0, sizeof(now));
	now.va = walker_place(e, ref, m->kind);
	if (m->actor == WALKER)
		now.word = hvo_model_load(engine_model(e), 1, now.va);
	now.mutation = mutation;
	now.actor = m->actor;
	now.walking = true;
	hvo_model_hook(engine_model(e), on_instant, NULL);
	hvo_model_grace(engine_model(e), on_grace, NULL);
	now.e = e;
	op_run(e, &op, &done);
	now.e = NULL;
	hvo_model_hook(engine_model(e), NULL, NULL);
	readers_look(e);
	if (m->actor == OWNER)
		owner_stores(e);

	enum hvo_rule rule = hvo_model_violation(engine_model(e));

	memset(&now, 0, sizeof(now));
	ref_close(ref);
	test_free(e->memory);
	e->memory = NULL;
	engine_close(e);
	return rule;
}

static void test_mutants(void **state)
{
	(void)state;
	for (size_t i = 0; i < MUTANTS; i++) {
		enum hvo_rule rule = run(&mutants[i], mutants[i].mutation);

		if (rule != mutants[i].rule)
			print_error("%s: %s\n  instead of: %s\n",
				    mutants[i].name, hvo_rule_text(rule),
				    hvo_rule_text(mutants[i].rule));
		assert_int_equal(rule, mutants[i].rule);
	}
}

/* The engine as it is, in all the same places. */
static void test_control(void **state)
{
	(void)state;
	for (size_t i = 0; i < MUTANTS; i++) {
		enum hvo_rule rule = run(&mutants[i], 0);

		if (rule != HVO_RULE_NONE)
			fail_msg("instead of %s: %s", mutants[i].name,
				 hvo_rule_text(rule));
	}
}

/* Every rule that a broken engine can break is among them. */
static void test_all_rules(void **state)
{
	(void)state;
	for (int rule = HVO_RULE_NONE + 1; rule < HVO_RULES; rule++) {
		bool seen = rule == HVO_RULE_MISUSE;

		for (size_t i = 0; i < MUTANTS; i++)
			seen = seen || (int)mutants[i].rule == rule;
		if (!seen)
			fail_msg("no mutant: %s",
				 hvo_rule_text((enum hvo_rule)rule));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_control),
	    cmocka_unit_test(test_mutants),
	    cmocka_unit_test(test_all_rules),
	};

	return cmocka_run_group_tests_name("mutants", tests, NULL, NULL);
}
