/* SPDX-License-Identifier: MIT */
/*
 * Every bad argument of every public call gets the documented error and leaves
 * everything as it was, byte for byte; and calls that meet one another's
 * ranges are told so.
 *
 * The map, in folios of order k = min_order + 1, from folio 32 on:
 *    0 ..  3  full, domain 0, prepared    4 ..  7  full, domain 1, prepared
 *    8 .. 11  optimized(k), domain 0     12 .. 15  optimized(k), domain 1
 *   16 .. 19  two of optimized(k + 1)    20 .. 31  absent
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include "engine_ref.h"

#define FOLIOS 32

static struct engine *e;
static struct ref *ref;
static unsigned k;

/* The first pfn of the nth folio; base pages of n folios. */
static hvo_pfn_t at(uint64_t n)
{
	return e->config.pfn_first + (n << k);
}

static uint64_t of(uint64_t n)
{
	return n << k;
}

static void fine(const struct op *op)
{
	int error;
	const char *wrong = ref_run(ref, e, op, &error);

	assert_string_equal(wrong ? wrong : "", "");
	assert_int_equal(error, 0);
}

static void populate(uint64_t from, uint64_t n, unsigned domain)
{
	struct op op = {.kind = OP_POPULATE,
			.pfns = {at(from)},
			.count = of(n),
			.domain = domain};

	fine(&op);
	for (uint64_t i = from; i < from + n; i++) {
		op = (struct op){.kind = OP_PREPARE,
				 .pfns = {at(i)},
				 .order = k,
				 .count = of(1)};
		fine(&op);
	}
}

static void populate_optimized(uint64_t from, uint64_t n, unsigned domain,
			       unsigned order)
{
	struct op op = {.kind = OP_POPULATE_OPTIMIZED,
			.pfns = {at(from)},
			.count = of(n),
			.order = order,
			.domain = domain};

	fine(&op);
}

static void open_map(const struct engine_config *like)
{
	struct engine_config config = *like;
	struct hvo_geometry g;

	config.page_shift = 12;
	if (!config.record.size)
		config.record = engine_record(64, 8);
	assert_int_equal(
	    hvo_geometry_init(&g, config.page_shift, config.record.size), 0);
	k = g.min_order + 1;
	config.pfn_first = (uint64_t)FOLIOS << k;
	config.pfn_end = 2 * config.pfn_first;
	config.domains = 2;
	config.spare_frames = 256;
	e = engine_open(&config);
	ref = ref_open(e);
	populate(0, 4, 0);
	populate(4, 4, 1);
	populate_optimized(8, 4, 0, k);
	populate_optimized(12, 4, 1, k);
	populate_optimized(16, 4, 0, k + 1);
}

static void close_map(void)
{
	const char *wrong = ref_compare(ref, e);

	assert_string_equal(wrong ? wrong : "", "");
	wrong = engine_wrong(e);
	assert_string_equal(wrong ? wrong : "", "");
	ref_close(ref);
	engine_close(e);
}

/* ---- calls that must be refused ----------------------------------------- */

struct refusal {
	const char *name;
	struct op op;
	int error;
};

/* Refused with this error, and nothing has changed. */
static void refuse(const struct refusal *r)
{
	uint64_t digest = engine_digest(e);
	uint64_t done;
	int error = op_run(e, &r->op, &done);

	if (error != -r->error)
		fail_msg("%s: %s, %s: %s instead of %s", op_name(r->op.kind),
			 r->name, engine_port_name, hvo_strerror(error),
			 hvo_strerror(r->error));
	if (done)
		fail_msg("%s: %s: %u done", op_name(r->op.kind), r->name,
			 (unsigned)done);
	if (engine_digest(e) != digest)
		fail_msg("%s: %s: something changed", op_name(r->op.kind),
			 r->name);
}

#define refuse_all(list)                                                       \
	for (size_t i = 0; i < sizeof(list) / sizeof(*(list)); i++)            \
	refuse(&(list)[i])

/* Wrong whatever is there: for the calls that take one range. */
static void refuse_places(struct op op, unsigned align)
{
	const uint64_t step = UINT64_C(1) << align;
	const struct {
		const char *name;
		hvo_pfn_t pfn;
		uint64_t count;
		int error;
	} places[] = {
	    {"misaligned pfn", at(0) + step / 2, op.count, HVO_EALIGN},
	    {"odd pfn", at(0) + 1, op.count, HVO_EALIGN},
	    {"below the map", at(0) - step, op.count, HVO_ERANGE},
	    {"pfn 0", 0, op.count, HVO_ERANGE},
	    {"after the map", at(FOLIOS), op.count, HVO_ERANGE},
	    {"overflow", UINT64_MAX - step + 1, op.count, HVO_ERANGE},
	};

	for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++) {
		struct refusal r = {places[i].name, op, places[i].error};

		r.op.pfns[0] = places[i].pfn;
		r.op.count = places[i].count;
		refuse(&r);
	}
}

static void refuse_counts(struct op op)
{
	const uint64_t unit = UINT64_C(1) << ref->unit_order;
	const struct {
		const char *name;
		uint64_t count;
		int error;
	} counts[] = {
	    {"nothing", 0, HVO_ERANGE},
	    {"misaligned count", unit / 2, HVO_EALIGN},
	    {"reaches out", of(FOLIOS) + of(2), HVO_ERANGE},
	    {"overflowing count", 0 - of(2), HVO_ERANGE},
	    {"most of all", UINT64_MAX, HVO_EALIGN},
	};

	for (size_t i = 0; i < sizeof(counts) / sizeof(*counts); i++) {
		struct refusal r = {counts[i].name, op, counts[i].error};

		r.op.count = counts[i].count;
		refuse(&r);
	}
}

/* Orders too small, too large, and far too large to shift by. */
static void refuse_orders(struct op op)
{
	const unsigned orders[] = {
	    0, ref->min_order - 1, ref->max_order + 1, 63, 64, 65, UINT32_MAX};

	for (size_t i = 0; i < sizeof(orders) / sizeof(*orders); i++) {
		struct refusal r = {"order", op, HVO_EORDER};

		r.op.order = orders[i];
		refuse(&r);
	}
}

static void test_populate(void **state)
{
	const struct op op = {
	    .kind = OP_POPULATE, .count = of(1), .pfns = {at(20)}};
	const struct refusal list[] = {
	    {"there is something",
	     {.kind = OP_POPULATE, .pfns = {at(0)}, .count = of(1)},
	     HVO_EEXIST},
	    {"there is something optimized",
	     {.kind = OP_POPULATE, .pfns = {at(8)}, .count = of(1)},
	     HVO_EEXIST},
	    {"the last part exists",
	     {.kind = OP_POPULATE, .pfns = {at(19)}, .count = of(2)},
	     HVO_EEXIST},
	    {"unknown domain",
	     {.kind = OP_POPULATE,
	      .pfns = {at(20)},
	      .count = of(1),
	      .domain = 2},
	     HVO_EDOMAIN},
	    {"far domain",
	     {.kind = OP_POPULATE,
	      .pfns = {at(20)},
	      .count = of(1),
	      .domain = UINT32_MAX},
	     HVO_EDOMAIN},
	};

	(void)state;
	refuse_places(op, ref->unit_order);
	refuse_counts(op);
	refuse_all(list);
}

static void test_populate_optimized(void **state)
{
	const struct op op = {.kind = OP_POPULATE_OPTIMIZED,
			      .pfns = {at(20)},
			      .count = of(1),
			      .order = k};
	const struct refusal list[] = {
	    {"there is something",
	     {.kind = OP_POPULATE_OPTIMIZED,
	      .pfns = {at(0)},
	      .count = of(1),
	      .order = k},
	     HVO_EEXIST},
	    {"the first part exists",
	     {.kind = OP_POPULATE_OPTIMIZED,
	      .pfns = {at(19)},
	      .count = of(3),
	      .order = k},
	     HVO_EEXIST},
	    {"part of a folio",
	     {.kind = OP_POPULATE_OPTIMIZED,
	      .pfns = {at(20)},
	      .count = of(1),
	      .order = k + 1},
	     HVO_EALIGN},
	    {"unknown domain",
	     {.kind = OP_POPULATE_OPTIMIZED,
	      .pfns = {at(20)},
	      .count = of(1),
	      .order = k,
	      .domain = 2},
	     HVO_EDOMAIN},
	};

	(void)state;
	refuse_places(op, k);
	refuse_counts(op);
	refuse_orders(op);
	refuse_all(list);
}

static void test_depopulate(void **state)
{
	const struct op op = {
	    .kind = OP_DEPOPULATE, .count = of(1), .pfns = {at(0)}};
	const uint64_t unit = UINT64_C(1) << ref->unit_order;
	const struct refusal list[] = {
	    {"nothing there",
	     {.kind = OP_DEPOPULATE, .pfns = {at(20)}, .count = of(1)},
	     HVO_EABSENT},
	    {"nothing at its end",
	     {.kind = OP_DEPOPULATE, .pfns = {at(18)}, .count = of(3)},
	     HVO_EABSENT},
	    {"cuts the first folio",
	     {.kind = OP_DEPOPULATE,
	      .pfns = {at(8) + unit},
	      .count = of(1) - unit},
	     HVO_ESTATE},
	    {"cuts the last folio",
	     {.kind = OP_DEPOPULATE, .pfns = {at(8)}, .count = of(2) - unit},
	     HVO_ESTATE},
	    {"cuts a larger folio",
	     {.kind = OP_DEPOPULATE, .pfns = {at(14)}, .count = of(3)},
	     HVO_ESTATE},
	};

	(void)state;
	refuse_places(op, ref->unit_order);
	refuse_counts(op);
	refuse_all(list);
}

static void test_prepare(void **state)
{
	const struct op op = {
	    .kind = OP_PREPARE, .count = of(1), .pfns = {at(0)}, .order = k};
	const struct refusal list[] = {
	    {"nothing there",
	     {.kind = OP_PREPARE, .pfns = {at(20)}, .order = k},
	     HVO_EABSENT},
	    {"optimized",
	     {.kind = OP_PREPARE, .pfns = {at(8)}, .order = k},
	     HVO_ESTATE},
	    {"two domains",
	     {.kind = OP_PREPARE, .pfns = {at(0)}, .order = k + 3},
	     HVO_EDOMAIN},
	};

	(void)state;
	refuse_places(op, k);
	refuse_orders(op);
	refuse_all(list);
}

static void test_optimize(void **state)
{
	const struct op op = {
	    .kind = OP_OPTIMIZE, .count = 1, .pfns = {at(0)}, .order = k};
	const struct refusal list[] = {
	    {"nothing there",
	     {.kind = OP_OPTIMIZE, .pfns = {at(20)}, .count = 1, .order = k},
	     HVO_EABSENT},
	    {"optimized",
	     {.kind = OP_OPTIMIZE, .pfns = {at(8)}, .count = 1, .order = k},
	     HVO_ESTATE},
	    {"two domains",
	     {.kind = OP_OPTIMIZE, .pfns = {at(0)}, .count = 1, .order = k + 3},
	     HVO_EDOMAIN},
	    {"prepared for another order",
	     {.kind = OP_OPTIMIZE, .pfns = {at(0)}, .count = 1, .order = k + 1},
	     HVO_EDIRTY},
	};

	(void)state;
	refuse_places(op, k);
	refuse_orders(op);
	refuse_all(list);
}

static void test_restore(void **state)
{
	const struct op op = {
	    .kind = OP_RESTORE, .count = 1, .pfns = {at(8)}, .order = k};
	const struct refusal list[] = {
	    {"nothing there",
	     {.kind = OP_RESTORE, .pfns = {at(20)}, .count = 1, .order = k},
	     HVO_EABSENT},
	    {"full",
	     {.kind = OP_RESTORE, .pfns = {at(0)}, .count = 1, .order = k},
	     HVO_ESTATE},
	    {"of a larger order",
	     {.kind = OP_RESTORE, .pfns = {at(16)}, .count = 1, .order = k},
	     HVO_ESTATE},
	    {"of a smaller order",
	     {.kind = OP_RESTORE, .pfns = {at(8)}, .count = 1, .order = k + 1},
	     HVO_ESTATE},
	};

	(void)state;
	refuse_places(op, k);
	refuse_orders(op);
	refuse_all(list);
}

static void test_split(void **state)
{
	const struct op op = {.kind = OP_SPLIT,
			      .count = 1,
			      .pfns = {at(8)},
			      .order = k,
			      .to = k - 1};
	const struct refusal list[] = {
	    {"nothing there",
	     {.kind = OP_SPLIT,
	      .pfns = {at(20)},
	      .count = 1,
	      .order = k,
	      .to = k - 1},
	     HVO_EABSENT},
	    {"full",
	     {.kind = OP_SPLIT,
	      .pfns = {at(0)},
	      .count = 1,
	      .order = k,
	      .to = k - 1},
	     HVO_ESTATE},
	    {"of another order",
	     {.kind = OP_SPLIT,
	      .pfns = {at(8)},
	      .count = 1,
	      .order = k + 1,
	      .to = k},
	     HVO_ESTATE},
	    {"to the same order",
	     {.kind = OP_SPLIT,
	      .pfns = {at(8)},
	      .count = 1,
	      .order = k,
	      .to = k},
	     HVO_EORDER},
	    {"to a larger order",
	     {.kind = OP_SPLIT,
	      .pfns = {at(8)},
	      .count = 1,
	      .order = k,
	      .to = k + 1},
	     HVO_EORDER},
	    {"to an order too small",
	     {.kind = OP_SPLIT,
	      .pfns = {at(8)},
	      .count = 1,
	      .order = k,
	      .to = k - 2},
	     HVO_EORDER},
	};

	(void)state;
	refuse_places(op, k);
	refuse_orders(op);
	refuse_all(list);
}

static void test_join(void **state)
{
	const struct op op = {.kind = OP_JOIN,
			      .count = 1,
			      .pfns = {at(8)},
			      .order = k,
			      .to = k + 1};
	const struct refusal list[] = {
	    {"nothing there",
	     {.kind = OP_JOIN,
	      .pfns = {at(20)},
	      .count = 1,
	      .order = k,
	      .to = k + 1},
	     HVO_EABSENT},
	    {"partly nothing there",
	     {.kind = OP_JOIN,
	      .pfns = {at(16)},
	      .count = 1,
	      .order = k + 1,
	      .to = k + 3},
	     HVO_EABSENT},
	    {"full",
	     {.kind = OP_JOIN,
	      .pfns = {at(0)},
	      .count = 1,
	      .order = k,
	      .to = k + 1},
	     HVO_ESTATE},
	    {"of another order",
	     {.kind = OP_JOIN,
	      .pfns = {at(16)},
	      .count = 1,
	      .order = k,
	      .to = k + 2},
	     HVO_ESTATE},
	    {"two domains",
	     {.kind = OP_JOIN,
	      .pfns = {at(8)},
	      .count = 1,
	      .order = k,
	      .to = k + 3},
	     HVO_EDOMAIN},
	    {"to the same order",
	     {.kind = OP_JOIN,
	      .pfns = {at(8)},
	      .count = 1,
	      .order = k,
	      .to = k},
	     HVO_EORDER},
	    {"to a smaller order",
	     {.kind = OP_JOIN,
	      .pfns = {at(8)},
	      .count = 1,
	      .order = k,
	      .to = k - 1},
	     HVO_EORDER},
	    {"to an order too large",
	     {.kind = OP_JOIN,
	      .pfns = {at(8)},
	      .count = 1,
	      .order = k,
	      .to = ref->max_order + 1},
	     HVO_EORDER},
	};

	(void)state;
	refuse_places(op, k + 1);
	refuse_orders(op);
	refuse_all(list);
}

/* ---- dirt ---------------------------------------------------------------- */

static void poke(hvo_pfn_t pfn, size_t offset, uint64_t word)
{
	engine_store(e, engine_va(e, pfn, offset), word);
	ref_store(ref, pfn, offset, word);
}

/* One word of one descriptor is not what it should be. */
static void refuse_word(const struct refusal *r, hvo_pfn_t pfn, size_t offset,
			uint64_t bits)
{
	uint64_t word = ref_word(ref, pfn, offset);

	poke(pfn, offset, word ^ bits);
	refuse(r);
	poke(pfn, offset, word);
}

static void test_dirty(void **state)
{
	const struct refusal optimize = {
	    "dirty tail",
	    {.kind = OP_OPTIMIZE, .pfns = {at(1)}, .count = 1, .order = k},
	    HVO_EDIRTY};
	const struct refusal join = {"dirty head",
				     {.kind = OP_JOIN,
				      .pfns = {at(8)},
				      .count = 1,
				      .order = k,
				      .to = k + 1},
				     HVO_EDIRTY};
	uint32_t size = e->config.record.size;

	(void)state;
	/* The last tail, in its last bit and in its way to the head. */
	refuse_word(&optimize, at(2) - 1, size - 8, UINT64_C(1) << 63);
	refuse_word(&optimize, at(2) - 1, 8, 2);
	/* The first tail of the first page that is to be shared. */
	refuse_word(&optimize, at(1) + 4096 / size, 0, 1);
	/* A tail beside the head that leads astray. */
	refuse_word(&optimize, at(1) + 1, 8, 1);
	/* The second folio's head, and a tail in its page. */
	refuse_word(&join, at(9), 0, 1);
	refuse_word(&join, at(9), size - 8, 4);
	refuse_word(&join, at(9) + 1, 16, 4);
	/* The first folio's head may hold what it likes. */
	poke(at(8), 0, 77);
	poke(at(8) + 2, 16, 78);
	fine(&join.op);
}

/* ---- several folios -------------------------------------------------------
 */

/* A bad folio in a list: those before it are done, those after are not. */
static void test_lists(void **state)
{
	const struct {
		struct op op;
		int error;
		uint64_t done;
	} list[] = {
	    {{.kind = OP_OPTIMIZE,
	      .pfns = {at(0), at(1), at(0)},
	      .count = 3,
	      .order = k},
	     HVO_EBUSY,
	     2},
	    {{.kind = OP_OPTIMIZE,
	      .pfns = {at(2), at(20), at(3)},
	      .count = 3,
	      .order = k},
	     HVO_EABSENT,
	     1},
	    {{.kind = OP_RESTORE,
	      .pfns = {at(8), at(9), at(9)},
	      .count = 3,
	      .order = k},
	     HVO_EBUSY,
	     2},
	    {{.kind = OP_RESTORE,
	      .pfns = {at(12), at(11) + 1},
	      .count = 2,
	      .order = k},
	     HVO_EALIGN,
	     1},
	    {{.kind = OP_SPLIT,
	      .pfns = {at(16), at(18), at(16)},
	      .count = 3,
	      .order = k + 1,
	      .to = k},
	     HVO_EBUSY,
	     2},
	    {{.kind = OP_JOIN,
	      .pfns = {at(16), at(18), at(18)},
	      .count = 3,
	      .order = k,
	      .to = k + 1},
	     HVO_EBUSY,
	     2},
	    {{.kind = OP_JOIN,
	      .pfns = {at(14), at(FOLIOS)},
	      .count = 2,
	      .order = k,
	      .to = k + 1},
	     HVO_ERANGE,
	     1},
	    {{.kind = OP_OPTIMIZE, .count = 0, .order = k}, 0, 0},
	    {{.kind = OP_RESTORE, .count = 0, .order = k}, 0, 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(list) / sizeof(*list); i++) {
		uint64_t done;
		int error = op_run(e, &list[i].op, &done);

		if (error != -list[i].error || done != list[i].done)
			fail_msg("%s, list %u: %s, %u done",
				 op_name(list[i].op.kind), (unsigned)i,
				 hvo_strerror(error), (unsigned)done);
		ref_apply(ref, &list[i].op, done);

		const char *wrong = ref_compare(ref, e);

		assert_string_equal(wrong ? wrong : "", "");
	}
}

/* Folios of several domains in one call are one call's work all the same. */
static void test_domains_in_list(void **state)
{
	struct op op = {.kind = OP_OPTIMIZE,
			.pfns = {at(0), at(4), at(1), at(5), at(6)},
			.count = 5,
			.order = k};

	(void)state;
	fine(&op);
	op.kind = OP_RESTORE;
	fine(&op);
	op = (struct op){.kind = OP_RESTORE,
			 .pfns = {at(8), at(12), at(13), at(9)},
			 .count = 4,
			 .order = k};
	fine(&op);
}

/* No call needs to be asked how far it came. */
static void test_no_done(void **state)
{
	hvo_pfn_t pfn = at(0);

	(void)state;
	assert_int_equal(
	    hvo_vmemmap_optimize(e->map, &pfn, 1, k, 0, &e->work, NULL), 0);
	assert_int_equal(
	    hvo_vmemmap_restore(e->map, &pfn, 1, k, 0, &e->work, NULL), 0);
	pfn = at(8);
	assert_int_equal(
	    hvo_vmemmap_join(e->map, &pfn, 1, k, k + 1, &e->work, NULL), 0);
	assert_int_equal(
	    hvo_vmemmap_split(e->map, &pfn, 1, k + 1, k, &e->work, NULL), 0);
	assert_int_equal(hvo_vmemmap_populate_optimized(e->map, at(20), of(1),
							k, 0, &e->work, NULL),
			 0);
	assert_int_equal(
	    hvo_vmemmap_depopulate(e->map, at(20), of(1), &e->work, NULL), 0);
	/* Refused ones neither. */
	assert_int_equal(
	    hvo_vmemmap_split(e->map, &pfn, 1, k, k, &e->work, NULL),
	    -HVO_EORDER);
	assert_int_equal(
	    hvo_vmemmap_depopulate(e->map, at(20), of(1), &e->work, NULL),
	    -HVO_EABSENT);
	ref->shared[0][k] = true;
}

/* ---- workspaces -----------------------------------------------------------
 */

static void refuse_work(const char *name, struct op op, size_t capacity,
			int error)
{
	struct hvo_work work = e->work;
	struct refusal r = {name, op, error};

	e->work.capacity = capacity;
	refuse(&r);
	e->work = work;
}

static void test_no_work(void **state)
{
	const struct op ops[] = {
	    {.kind = OP_POPULATE, .pfns = {at(20)}, .count = of(1)},
	    {.kind = OP_POPULATE_OPTIMIZED,
	     .pfns = {at(20)},
	     .count = of(1),
	     .order = k},
	    {.kind = OP_DEPOPULATE, .pfns = {at(0)}, .count = of(1)},
	    {.kind = OP_DEPOPULATE, .pfns = {at(8)}, .count = of(1)},
	    {.kind = OP_OPTIMIZE, .pfns = {at(0)}, .count = 1, .order = k},
	    {.kind = OP_RESTORE, .pfns = {at(8)}, .count = 1, .order = k},
	    {.kind = OP_RESTORE,
	     .pfns = {at(8)},
	     .count = 1,
	     .order = k,
	     .flags = HVO_SELF_HOST},
	    {.kind = OP_SPLIT,
	     .pfns = {at(8)},
	     .count = 1,
	     .order = k,
	     .to = k - 1},
	    {.kind = OP_JOIN,
	     .pfns = {at(8)},
	     .count = 1,
	     .order = k,
	     .to = k + 1},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(ops) / sizeof(*ops); i++)
		refuse_work("no workspace", ops[i], 0, HVO_EWORK);
}

/* Frames out of order: one run short is too small, the right number is not. */
static void test_small_work(void **state)
{
	struct op optimize = {.kind = OP_OPTIMIZE,
			      .pfns = {at(0), at(1)},
			      .count = 2,
			      .order = k};
	struct op restore = {
	    .kind = OP_RESTORE, .pfns = {at(9), at(8)}, .count = 2, .order = k};
	size_t needs = (size_t)ref_folio_pages(ref, k) - 1;

	(void)state;
	refuse_work("one run short", optimize, needs - 1, HVO_EWORK);
	refuse_work("one run short", restore, needs - 1, HVO_EWORK);
	optimize.capacity = needs;
	fine(&optimize);
	restore.capacity = needs;
	fine(&restore);
}

/* ---- hosting --------------------------------------------------------------
 */

static void test_no_host(void **state)
{
	const struct refusal r = {"nothing hosts here",
				  {.kind = OP_RESTORE,
				   .pfns = {at(8)},
				   .count = 1,
				   .order = k,
				   .flags = HVO_SELF_HOST},
				  HVO_ENOHOST};

	(void)state;
	refuse(&r);
}

/* ---- one call inside another ----------------------------------------------
 */

static struct {
	struct hvo_run runs[256];
	bool active;
	unsigned met; /* times that a call met the outer one's range */
	hvo_pfn_t pfn;
} inner;

/*
 * While a call is taking frames, others on its range are told that it is
 * busy, whatever they want; and looking at it says so.
 */
static void meet_range(struct engine *engine)
{
	struct hvo_work work = HVO_WORK(inner.runs, 256);
	hvo_pfn_t pfn = inner.pfn;
	struct hvo_vmemmap *map = engine->map;

	if (inner.active)
		return;
	inner.active = true;
	inner.met++;
	assert_true(hvo_vmemmap_state(map, pfn).busy);
	assert_int_equal(hvo_vmemmap_populate(map, pfn, of(1), 0, false, &work),
			 -HVO_EBUSY);
	assert_int_equal(
	    hvo_vmemmap_populate_optimized(map, pfn, of(1), k, 0, &work, NULL),
	    -HVO_EBUSY);
	assert_int_equal(hvo_vmemmap_depopulate(map, pfn, of(1), &work, NULL),
			 -HVO_EBUSY);
	assert_int_equal(hvo_vmemmap_prepare(map, pfn, k, &work), -HVO_EBUSY);
	assert_int_equal(hvo_vmemmap_optimize(map, &pfn, 1, k, 0, &work, NULL),
			 -HVO_EBUSY);
	assert_int_equal(hvo_vmemmap_restore(map, &pfn, 1, k, 0, &work, NULL),
			 -HVO_EBUSY);
	assert_int_equal(hvo_vmemmap_split(map, &pfn, 1, k, k - 1, &work, NULL),
			 -HVO_EBUSY);
	assert_int_equal(hvo_vmemmap_join(map, &pfn, 1, k - 1, k, &work, NULL),
			 -HVO_EBUSY);
	/* Elsewhere it may go on. */
	pfn = at(15);
	assert_int_equal(hvo_vmemmap_restore(map, &pfn, 1, k, 0, &work, NULL),
			 0);
	assert_int_equal(hvo_vmemmap_optimize(map, &pfn, 1, k, 0, &work, NULL),
			 0);
	inner.active = false;
}

static void test_busy(void **state)
{
	const struct op ops[] = {
	    {.kind = OP_RESTORE, .pfns = {at(8)}, .count = 1, .order = k},
	    {.kind = OP_POPULATE, .pfns = {at(20)}, .count = of(1)},
	    {.kind = OP_POPULATE_OPTIMIZED,
	     .pfns = {at(24)},
	     .count = of(2),
	     .order = k},
	    {.kind = OP_SPLIT,
	     .pfns = {at(12)},
	     .count = 1,
	     .order = k,
	     .to = k - 1},
	    {.kind = OP_OPTIMIZE, .pfns = {at(4)}, .count = 1, .order = k},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(ops) / sizeof(*ops); i++) {
		inner.pfn = ops[i].pfns[0];
		inner.met = 0;
		engine_on_alloc = meet_range;
		fine(&ops[i]);
		engine_on_alloc = NULL;
		/* Optimizing takes none where shared tails exist. */
		assert_int_equal(inner.met != 0, ops[i].kind != OP_OPTIMIZE);
	}
}

/*
 * While a call is taking frames for shared tails, another makes the same and
 * is done first. One group is kept: the other's; and nothing is lost.
 */
static void make_tails_first(struct engine *engine)
{
	struct hvo_work work = HVO_WORK(inner.runs, 256);

	if (inner.active)
		return;
	inner.active = true;
	inner.met++;
	assert_int_equal(hvo_vmemmap_optimize(engine->map, &inner.pfn, 1, k + 1,
					      0, &work, NULL),
			 0);
	inner.active = false;
}

static void test_tails_made_meanwhile(void **state)
{
	struct op op = {.kind = OP_PREPARE, .order = k + 1, .count = of(2)};

	(void)state;
	for (uint64_t n = 4; n < 8; n += 2) {
		op.pfns[0] = at(n);
		fine(&op);
	}
	op.kind = OP_OPTIMIZE;
	op.count = 1;
	inner.pfn = at(4);
	inner.met = 0;
	engine_on_alloc = make_tails_first;
	fine(&op);
	engine_on_alloc = NULL;
	assert_int_equal(inner.met, 1);
	op.pfns[0] = at(4);
	ref_apply(ref, &op, 1);
}

/* ---- making a map ---------------------------------------------------------
 */

static void refuse_config(const struct hvo_vmemmap_config *config, int error)
{
	struct hvo_vmemmap *map = NULL;
	uint64_t memory[4] = {0};

	assert_int_equal(hvo_vmemmap_validate(config), -error);
	assert_int_equal(hvo_vmemmap_size(config), 0);
	assert_int_equal(hvo_vmemmap_init(&map, memory, config), -error);
	assert_null(map);
	assert_int_equal(memory[0], 0);
}

#define refuse_with(field, value, error)                                       \
	do {                                                                   \
		struct hvo_vmemmap_config changed = e->config;                 \
                                                                               \
		changed.field = (value);                                       \
		refuse_config(&changed, error);                                \
	} while (0)

static void test_validate(void **state)
{
	const struct hvo_geometry *g = hvo_vmemmap_geometry(e->map);
	uint64_t unit = UINT64_C(1) << g->unit_order;
	hvo_pfn_t first = e->config.pfn_first;

	(void)state;
	assert_int_equal(hvo_vmemmap_validate(&e->config), 0);
	assert_true(hvo_vmemmap_size(&e->config) > 0);
	refuse_with(page_shift, 11, HVO_EPAGE);
	refuse_with(page_shift, 17, HVO_EPAGE);
	refuse_with(page_shift, 0, HVO_EPAGE);
	refuse_with(page_shift, 255, HVO_EPAGE);
	refuse_with(record.size, 0, HVO_ERECORD);
	refuse_with(record.size, 4, HVO_ERECORD);
	refuse_with(record.size, 68, HVO_ERECORD);
	refuse_with(record.size, 520, HVO_ERECORD);
	refuse_with(record.size, UINT32_MAX, HVO_ERECORD);
	refuse_with(record.info_offset, 64, HVO_ERECORD);
	refuse_with(record.info_offset, 60, HVO_ERECORD);
	refuse_with(record.info_offset, UINT32_MAX - 7, HVO_ERECORD);
	refuse_with(domains, 0, HVO_EDOMAIN);
	refuse_with(domains, HVO_DOMAINS_MAX + 1, HVO_EDOMAIN);
	refuse_with(domains, UINT32_MAX, HVO_EDOMAIN);
	refuse_with(pfn_first, first + unit / 2, HVO_EALIGN);
	refuse_with(pfn_end, e->config.pfn_end - 1, HVO_EALIGN);
	refuse_with(pfn_end, first, HVO_ERANGE);
	refuse_with(pfn_end, first - unit, HVO_ERANGE);
	refuse_with(pfn_end, 0 - unit, HVO_ERANGE);
	refuse_with(pfn_end, (UINTPTR_MAX / 64 + 1) / 2 * 2, HVO_ERANGE);
	refuse_with(base, e->config.base + 8, HVO_EALIGN);
	refuse_with(base, e->config.base + 4096, HVO_EALIGN);
	refuse_with(base, e->config.base + (64u << (g->max_order - 1)),
		    HVO_EALIGN);
	/* Half the domains are as fine. */
	struct hvo_vmemmap_config changed = e->config;

	changed.domains = HVO_DOMAINS_MAX;
	assert_int_equal(hvo_vmemmap_validate(&changed), 0);
}

/* Something is present: the map cannot be given up, and is none the worse. */
static void test_fini(void **state)
{
	uint64_t digest = engine_digest(e);

	(void)state;
	assert_int_equal(hvo_vmemmap_fini(e->map), -HVO_ESTATE);
	assert_true(engine_digest(e) == digest);
}

/* ---- looking --------------------------------------------------------------
 */

static void test_looking(void **state)
{
	const hvo_pfn_t outside[] = {0, at(0) - 1, at(FOLIOS), UINT64_MAX};
	struct hvo_span span;
	struct hvo_range_state s;

	(void)state;
	for (size_t i = 0; i < sizeof(outside) / sizeof(*outside); i++) {
		assert_false(hvo_pfn_valid(e->map, outside[i]));
		s = hvo_vmemmap_state(e->map, outside[i]);
		assert_int_equal(s.state, HVO_ABSENT);
		assert_false(s.busy);
		assert_false(hvo_vmemmap_span(e->map, outside[i], &span));
	}
	assert_false(hvo_vmemmap_span(e->map, at(0) + 1, &span));
	assert_false(hvo_pfn_valid(e->map, at(20)));
	assert_false(hvo_pfn_valid(e->map, at(FOLIOS) - 1));
	assert_true(hvo_pfn_valid(e->map, at(0)));
	assert_true(hvo_pfn_valid(e->map, at(20) - 1));
	s = hvo_vmemmap_state(e->map, at(19) + 3);
	assert_int_equal(s.state, HVO_OPTIMIZED);
	assert_int_equal(s.order, k + 1);
	assert_int_equal(s.domain, 0);
	assert_ptr_equal(hvo_vmemmap_record(e->map, at(3) + 5),
			 (void *)engine_va(e, at(3) + 5, 0));
}

/* ---- */

static int plain_map(void **state)
{
	const struct engine_config config = {.page_shift = 0};

	(void)state;
	open_map(&config);
	return 0;
}

static int hostless_map(void **state)
{
	const struct engine_config config = {.no_host = true};

	(void)state;
	open_map(&config);
	return 0;
}

static int scattered_map(void **state)
{
	const struct engine_config config = {.scatter = true};

	(void)state;
	open_map(&config);
	return 0;
}

/* On Arm bytes change by way of spare frames. */
static int last_arch_map(void **state)
{
	const struct engine_config config = {.arch = engine_archs / 2};

	(void)state;
	open_map(&config);
	return 0;
}

static int drop_map(void **state)
{
	(void)state;
	close_map();
	return 0;
}

#define on(map, test) cmocka_unit_test_setup_teardown(test, map, drop_map)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    on(plain_map, test_populate),
	    on(plain_map, test_populate_optimized),
	    on(plain_map, test_depopulate),
	    on(plain_map, test_prepare),
	    on(plain_map, test_optimize),
	    on(plain_map, test_restore),
	    on(plain_map, test_split),
	    on(plain_map, test_join),
	    on(plain_map, test_dirty),
	    on(plain_map, test_lists),
	    on(last_arch_map, test_dirty),
	    on(last_arch_map, test_lists),
	    on(plain_map, test_domains_in_list),
	    on(plain_map, test_no_done),
	    on(plain_map, test_no_work),
	    on(scattered_map, test_small_work),
	    on(hostless_map, test_no_host),
	    on(plain_map, test_busy),
	    on(plain_map, test_tails_made_meanwhile),
	    on(plain_map, test_validate),
	    on(plain_map, test_fini),
	    on(plain_map, test_looking),
	};

	return cmocka_run_group_tests_name(engine_port_name, tests, NULL, NULL);
}
