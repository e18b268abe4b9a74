/* SPDX-License-Identifier: MIT */
/*
 * Choosing calls. Most are chosen to fit the state of the place they are for,
 * so that sequences get somewhere; some are nonsense.
 */
#include "engine_ops.h"

#include <string.h>

uint64_t choose(struct choices *c, uint64_t n)
{
	if (!c->bytes) {
		c->seed = engine_mix(c->seed);
		return c->seed % n;
	}

	uint64_t value = 0;

	for (uint64_t span = 1; span < n && span; span <<= 8) {
		value = value << 8 | (c->left ? *c->bytes : 0);
		c->bytes += c->left != 0;
		c->left -= c->left != 0;
	}
	return value % n;
}

bool choices_spent(const struct choices *c)
{
	return c->bytes && !c->left;
}

/* Once in n times. */
static bool rarely(struct choices *c, uint64_t n)
{
	return choose(c, n) == n - 1;
}

/* Sizes that give a small map of several folios of several orders. */
static const struct {
	uint8_t page_shift;
	uint8_t span_order; /* base pages described */
	uint16_t record;
} shapes[] = {
    {12, 11, 64},  {12, 11, 128}, {12, 12, 32}, {12, 12, 48}, {12, 12, 104},
    {12, 12, 120}, {12, 13, 8},   {14, 13, 64}, {14, 13, 56}, {16, 15, 64},
};

struct engine_config choose_config(struct choices *c)
{
	size_t i = choose(c, sizeof(shapes) / sizeof(*shapes));
	uint32_t words = shapes[i].record / 8;
	uint32_t info = 8 * (uint32_t)choose(c, words);
	uint64_t span = UINT64_C(1) << shapes[i].span_order;
	hvo_pfn_t first = span * choose(c, 3) / 2;
	unsigned arch = (unsigned)choose(c, engine_archs);

	return (struct engine_config){
	    .page_shift = shapes[i].page_shift,
	    .record = engine_record(shapes[i].record, info),
	    .pfn_first = first,
	    .pfn_end = first + span,
	    .domains = 1 + (uint32_t)choose(c, 3),
	    .window_pages = (uint32_t)choose(c, 2) * 5 + 1,
	    .scatter = choose(c, 2),
	    .arch = arch,
	    .block_pages = engine_splits_live(arch) ? 4 : 0,
	    .spare_frames = 4096,
	};
}

/* ---- calls that fit ------------------------------------------------------ */

static hvo_pfn_t some_pfn(struct choices *c, const struct ref *ref)
{
	return ref->first + choose(c, ref->end - ref->first);
}

/* The start of an aligned range in the map around pfn; orders are small. */
static hvo_pfn_t around(const struct ref *ref, hvo_pfn_t pfn, unsigned order)
{
	hvo_pfn_t start = pfn >> order << order;

	return start < ref->first ? ref->first : start;
}

static unsigned some_order(struct choices *c, const struct ref *ref)
{
	uint64_t span = ref->end - ref->first;
	unsigned orders = 1;

	while (UINT64_C(1) << (ref->min_order + orders) <= span)
		orders++;
	return ref->min_order + (unsigned)choose(c, orders);
}

static void fit_absent(struct choices *c, const struct ref *ref, hvo_pfn_t pfn,
		       struct op *op)
{
	unsigned units = ref->unit_order;

	op->kind = rarely(c, 2) ? OP_POPULATE_OPTIMIZED : OP_POPULATE;
	op->domain = (unsigned)choose(c, ref->e->config.domains);
	op->blocks = rarely(c, 2);
	op->order = some_order(c, ref);
	if (op->kind == OP_POPULATE_OPTIMIZED)
		units = op->order;
	op->pfns[0] = around(ref, pfn, units);
	op->count = (1 + choose(c, 8)) << units;
	if (op->count > ref->end - op->pfns[0])
		op->count = (ref->end - op->pfns[0]) >> units << units;
}

/* Further folios of the same kind, right behind the first. */
static void add_folios(struct choices *c, const struct ref *ref, struct op *op)
{
	unsigned order = op->kind == OP_JOIN ? op->to : op->order;
	uint64_t n = choose(c, OP_FOLIOS);

	op->pfns[0] = around(ref, op->pfns[0], order);
	op->count = 1;
	while (op->count <= n) {
		op->pfns[op->count] =
		    op->pfns[op->count - 1] + (UINT64_C(1) << order);
		op->count++;
	}
	while (op->count > 1 && op->pfns[op->count - 1] >= ref->end)
		op->count--;
}

static void fit_full(struct choices *c, const struct ref *ref, hvo_pfn_t pfn,
		     struct op *op)
{
	op->pfns[0] = pfn;
	op->order = some_order(c, ref);
	if (rarely(c, 3)) {
		op->kind = OP_DEPOPULATE;
		op->pfns[0] = around(ref, pfn, ref->unit_order);
		op->count = (1 + choose(c, 4)) << ref->unit_order;
		return;
	}
	op->kind = OP_OPTIMIZE;
	add_folios(c, ref, op);
}

static void fit_optimized(struct choices *c, const struct ref *ref,
			  hvo_pfn_t pfn, struct op *op)
{
	static const enum op_kind kinds[] = {OP_RESTORE, OP_SPLIT, OP_JOIN,
					     OP_DEPOPULATE};
	unsigned order = ref_pfn(ref, pfn)->order;

	op->kind = kinds[choose(c, 4)];
	op->pfns[0] = pfn;
	op->order = order;
	op->to = some_order(c, ref);
	if (op->kind == OP_SPLIT && op->to >= order)
		op->to = ref->min_order;
	if (op->kind == OP_JOIN && op->to <= order)
		op->to = order + 1;
	if (op->kind != OP_DEPOPULATE) {
		add_folios(c, ref, op);
		return;
	}
	op->pfns[0] = around(ref, pfn, order);
	op->count = (1 + choose(c, 3)) << order;
}

static void fit_state(struct choices *c, const struct ref *ref, struct op *op)
{
	hvo_pfn_t pfn = some_pfn(c, ref);

	switch (ref_pfn(ref, pfn)->state) {
	case HVO_ABSENT:
		fit_absent(c, ref, pfn, op);
		break;
	case HVO_FULL:
		fit_full(c, ref, pfn, op);
		break;
	default:
		fit_optimized(c, ref, pfn, op);
	}
}

/* A call that will succeed, unless luck fails or the tails are dirty. */
static void fitting_op(struct choices *c, const struct ref *ref, struct op *op)
{
	for (unsigned tries = 0; tries < 6; tries++) {
		uint64_t good;

		*op = (struct op){0};
		fit_state(c, ref, op);
		if (!(ref_errors(ref, op, &good) & ~REF_BIT(HVO_EDIRTY)))
			break;
	}
}

/* ---- calls that do not --------------------------------------------------- */

static uint64_t odd_number(struct choices *c)
{
	return (UINT64_C(1) << choose(c, 64)) - choose(c, 3);
}

/* Spoil one argument. */
static void spoil(struct choices *c, struct op *op)
{
	switch (choose(c, 8)) {
	case 0:
		op->pfns[0] = odd_number(c);
		break;
	case 1:
		op->pfns[0] += choose(c, 64);
		break;
	case 2:
		op->order = (unsigned)choose(c, 70);
		break;
	case 3:
		op->to = (unsigned)choose(c, 70);
		break;
	case 4:
		op->domain = (unsigned)choose(c, 300);
		break;
	case 5:
		op->count = op_bulk(op->kind) ? 0 : odd_number(c);
		break;
	case 6:
		op->kind = (enum op_kind)choose(c, OP_KINDS);
		op->count %= OP_FOLIOS;
		break;
	default:
		if (op_bulk(op->kind) && op->count)
			op->pfns[op->count - 1] = op->pfns[0];
	}
}

/* ---- what surrounds a call ----------------------------------------------- */

static void store(struct ref *ref, struct engine *e, hvo_pfn_t pfn, size_t at,
		  uint64_t word)
{
	engine_store(e, engine_va(e, pfn, at), word);
	ref_store(ref, pfn, at, word);
}

/* An owner writes to its descriptors, leaving their way to the head alone. */
static void scribble(struct choices *c, struct ref *ref, struct engine *e)
{
	for (uint64_t n = choose(c, 4); n; n--) {
		hvo_pfn_t pfn = some_pfn(c, ref);
		size_t at = 8 * choose(c, ref->record.size / 8);

		if (ref_valid(ref, pfn) && ref_writable(ref, pfn, at) &&
		    at != ref->record.info_offset)
			store(ref, e, pfn, at, choose(c, 1 << 16));
	}
}

/*
 * An owner makes its head record what it was when it was fresh; never a tail
 * of an optimized folio, which would lead astray.
 */
static void freshen(struct ref *ref, struct engine *e, hvo_pfn_t pfn)
{
	uint64_t record[HVO_RECORD_MAX / 8] = {0};

	if (!ref_valid(ref, pfn) ||
	    (ref_pfn(ref, pfn)->state == HVO_OPTIMIZED &&
	     pfn % (UINT64_C(1) << ref_pfn(ref, pfn)->order)))
		return;
	ref->record.fresh(record, pfn, ref_pfn(ref, pfn)->domain);
	for (size_t at = 0; at < ref->record.size; at += 8)
		if (ref_writable(ref, pfn, at))
			store(ref, e, pfn, at, record[at / 8]);
}

/*
 * Make the folios what the call accepts, as a caller would. The engine cannot
 * tell an owner's head from a tail left over from a larger folio, so a folio
 * that is to be optimized always gets a head that is none.
 */
static const char *make_ready(struct choices *c, struct ref *ref,
			      struct engine *e, const struct op *op)
{
	struct op prepare = {.kind = OP_PREPARE, .order = op->order};
	bool prepared = !rarely(c, 4);
	const char *wrong = NULL;
	int error;

	for (uint64_t i = 0; i < op->count && !wrong; i++) {
		if (op->kind == OP_OPTIMIZE)
			freshen(ref, e, op->pfns[i]);
		if (op->kind != OP_OPTIMIZE || !prepared)
			continue;
		prepare.pfns[0] = op->pfns[i];
		prepare.count = op->order < 64 ? UINT64_C(1) << op->order : 0;
		wrong = ref_run(ref, e, &prepare, &error);
	}
	return wrong;
}

static void fit_prepare(struct ref *ref, struct engine *e, struct op *op)
{
	op->count = op->order < 64 ? UINT64_C(1) << op->order : 0;
	freshen(ref, e, op->pfns[0]);
}

/* Every head but the first becomes a fresh record again. */
static void clear_heads(struct ref *ref, struct engine *e, const struct op *op)
{
	if (op->order >= 32 || op->to >= 32)
		return;
	for (uint64_t i = 0; i < op->count; i++)
		for (uint64_t j = 1; j < UINT64_C(1) << (op->to - op->order);
		     j++)
			freshen(ref, e, op->pfns[i] + (j << op->order));
}

/*
 * May the caller vouch for the tails? Only if they are right: the flag exists
 * to skip the comparison.
 */
static unsigned vouch(const struct ref *ref, const struct op *op)
{
	struct op plain = *op;
	uint64_t good;

	plain.flags = 0;
	return ref_errors(ref, &plain, &good) & REF_BIT(HVO_EDIRTY)
		   ? 0
		   : HVO_PREPARED;
}

static unsigned self_host(const struct ref *ref, const struct op *op)
{
	uint64_t good;

	if (ref_errors(ref, op, &good))
		return 0;
	for (uint64_t i = 0; i < op->count; i++)
		if (ref_host_taken(ref, op->pfns[i], op->order))
			return 0;
	return HVO_SELF_HOST;
}

const char *ops_step(struct choices *c, struct ref *ref, struct engine *e,
		     struct ops_tally *tally)
{
	struct op op = {0};
	const char *wrong = NULL;
	int error = 0;

	fitting_op(c, ref, &op);
	if (rarely(c, 6))
		spoil(c, &op);
	if (op.kind == OP_PREPARE)
		fit_prepare(ref, e, &op);
	if (op.kind == OP_OPTIMIZE)
		wrong = make_ready(c, ref, e, &op);
	if (op.kind == OP_JOIN && op.to > op.order && rarely(c, 2))
		clear_heads(ref, e, &op);
	if (rarely(c, 3))
		scribble(c, ref, e);
	if (op.kind == OP_OPTIMIZE && rarely(c, 3))
		op.flags = vouch(ref, &op);
	if (op.kind == OP_RESTORE && rarely(c, 3))
		op.flags = self_host(ref, &op);
	if (rarely(c, 3))
		op.capacity = 1 + choose(c, 40);
	if (rarely(c, 3))
		engine_fail(e, 1 + choose(c, 12), choose(c, 2));
	if (!wrong)
		wrong = ref_run(ref, e, &op, &error);
	engine_fail(e, 0, false);
	tally->calls[op.kind]++;
	tally->fine[op.kind] += !wrong && !error;
	return wrong;
}
