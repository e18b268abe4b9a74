/* SPDX-License-Identifier: MIT */
/*
 * Two threads that want the same thing at the same moment, on the Linux port:
 * the shared tails of one domain and order, or one range. One group of tails
 * is kept and none is lost; a range is given to one, and the other is told.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "engine_ref.h"

#define THREADS 2
#define ROUNDS  300

static struct engine *e;
static unsigned k;
static pthread_barrier_t barrier;

/* A call that one thread makes, with a workspace of its own, and its end. */
struct racer {
	struct op op;
	struct engine mine; /* the same map, another workspace */
	uint64_t done;
	int error;
};

static struct racer racers[THREADS];

static void open_map(uint64_t folios, uint32_t domains)
{
	struct engine_config config = {
	    .page_shift = 12,
	    .record = engine_record(64, 8),
	    .domains = domains,
	};
	struct hvo_geometry g;

	assert_int_equal(hvo_geometry_init(&g, 12, 64), 0);
	k = g.min_order + 1;
	config.pfn_first = folios << k;
	config.pfn_end = 2 * folios << k;
	e = engine_open(&config);
	assert_int_equal(pthread_barrier_init(&barrier, NULL, THREADS), 0);
	for (unsigned i = 0; i < THREADS; i++) {
		racers[i].mine = *e;
		racers[i].mine.work.runs =
		    calloc(e->work.capacity, sizeof(struct hvo_run));
		assert_non_null(racers[i].mine.work.runs);
	}
}

static void close_map(void)
{
	const char *wrong = engine_wrong(e);

	assert_string_equal(wrong ? wrong : "", "");
	for (unsigned i = 0; i < THREADS; i++)
		free(racers[i].mine.work.runs);
	pthread_barrier_destroy(&barrier);
	engine_close(e);
}

static hvo_pfn_t at(uint64_t n)
{
	return e->config.pfn_first + (n << k);
}

static void *race(void *arg)
{
	struct racer *r = arg;

	pthread_barrier_wait(&barrier);
	r->error = op_run(&r->mine, &r->op, &r->done);
	return NULL;
}

/* Both at once. */
static void race_all(void)
{
	pthread_t threads[THREADS];

	for (unsigned i = 0; i < THREADS; i++)
		assert_int_equal(
		    pthread_create(&threads[i], NULL, race, &racers[i]), 0);
	for (unsigned i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
}

static void populate(uint64_t from, uint64_t n, unsigned domain)
{
	assert_int_equal(hvo_vmemmap_populate(e->map, at(from), n << k, domain,
					      false, &e->work),
			 0);
	for (uint64_t i = from; i < from + n; i++)
		assert_int_equal(
		    hvo_vmemmap_prepare(e->map, at(i), k, &e->work), 0);
}

/* ---- the same tails --------------------------------------------------------
 */

/*
 * In each round both threads are the first to want the tails of a domain:
 * they optimize a folio each, or populate one each.
 */
static void race_for_tails(enum op_kind kind)
{
	uint64_t frames = 0; /* of one group */

	open_map(2 * HVO_DOMAINS_MAX, HVO_DOMAINS_MAX);
	for (unsigned domain = 0; domain < HVO_DOMAINS_MAX; domain++) {
		uint64_t before;
		struct hvo_vmemmap_stats stats;

		if (kind == OP_OPTIMIZE)
			populate(2 * domain, 2, domain);
		before = engine_handed_out(e);
		for (unsigned i = 0; i < THREADS; i++)
			racers[i].op = (struct op){
			    .kind = kind,
			    .order = k,
			    .domain = domain,
			    .count = kind == OP_OPTIMIZE ? 1 : UINT64_C(1) << k,
			    .pfns = {at(2 * domain + i)}};
		race_all();
		assert_int_equal(racers[0].error, 0);
		assert_int_equal(racers[1].error, 0);

		uint64_t pages =
		    hvo_folio_pages(hvo_vmemmap_geometry(e->map), k);
		/* What the two folios leave or take, tails aside. */
		uint64_t others =
		    kind == OP_OPTIMIZE ? before - 2 * (pages - 1) : before + 2;

		if (!domain)
			frames = engine_handed_out(e) - others;
		assert_true(frames >= 1 && frames < pages);
		assert_int_equal(engine_handed_out(e), others + frames);
		hvo_vmemmap_stats(e->map, &stats);
		assert_int_equal(stats.frames_shared, (domain + 1) * frames);
	}
	close_map();
}

static void test_same_tails_optimize(void **state)
{
	(void)state;
	for (unsigned round = 0; round < 4; round++)
		race_for_tails(OP_OPTIMIZE);
}

static void test_same_tails_populate(void **state)
{
	(void)state;
	for (unsigned round = 0; round < 4; round++)
		race_for_tails(OP_POPULATE_OPTIMIZED);
}

/* ---- the same range ---------------------------------------------------------
 */

static struct op folios_op(enum op_kind kind, uint64_t from, uint64_t n,
			   bool backwards)
{
	struct op op = {.kind = kind, .order = k, .to = k - 1};

	if (kind == OP_JOIN) {
		op.order = k - 1;
		op.to = k;
	}
	if (!op_bulk(kind)) {
		op.pfns[0] = at(from);
		op.count = n << k;
		return op;
	}
	op.count = n;
	for (uint64_t i = 0; i < n; i++)
		op.pfns[i] = at(from + (backwards ? n - 1 - i : i));
	return op;
}

static bool lost(int error, int late)
{
	return error == -HVO_EBUSY || error == -late;
}

/*
 * The same call twice, once for folios from 0 on, once for those from `gap`
 * on, backwards: every folio that both want is done by one of them.
 */
static void race_pair(enum op_kind kind, uint64_t n, uint64_t gap, int late)
{
	for (unsigned i = 0; i < THREADS; i++) {
		racers[i].op = folios_op(kind, i * gap, n, i);
		racers[i].done = 0;
	}
	race_all();
	for (unsigned i = 0; i < THREADS; i++) {
		struct racer *r = &racers[i];

		if (r->error && !lost(r->error, late))
			fail_msg("%s: %s", op_name(kind),
				 hvo_strerror(r->error));
		if (!r->error)
			assert_int_equal(r->done, r->op.count);
	}
	/* They overlap, so both cannot have got everything. */
	assert_true(racers[0].error || racers[1].error);
	assert_null(engine_wrong(e));
}

/* Bring the folios from 0 to n into a state, whatever they are in. */
static void settle(uint64_t n, enum hvo_state state, unsigned order)
{
	struct hvo_span span;
	hvo_pfn_t end = at(n);

	for (hvo_pfn_t pfn = at(0); pfn < end; pfn += span.count) {
		assert_true(hvo_vmemmap_span(e->map, pfn, &span));
		if (span.count > end - pfn)
			span.count = end - pfn;
		if (span.state.state != HVO_ABSENT)
			assert_int_equal(hvo_vmemmap_depopulate(e->map, pfn,
								span.count,
								&e->work, NULL),
					 0);
	}
	if (state == HVO_FULL)
		populate(0, n, 0);
	if (state == HVO_OPTIMIZED)
		assert_int_equal(
		    hvo_vmemmap_populate_optimized(e->map, at(0), end - at(0),
						   order, 0, &e->work, NULL),
		    0);
}

static void test_same_range(void **state)
{
	const struct {
		enum op_kind kind;
		enum hvo_state before;
		unsigned below; /* the order before is k less this */
		int late;       /* what comes too late is told */
	} races[] = {
	    {OP_POPULATE, HVO_ABSENT, 0, HVO_EEXIST},
	    {OP_POPULATE_OPTIMIZED, HVO_ABSENT, 0, HVO_EEXIST},
	    {OP_DEPOPULATE, HVO_FULL, 0, HVO_EABSENT},
	    {OP_DEPOPULATE, HVO_OPTIMIZED, 0, HVO_EABSENT},
	    {OP_OPTIMIZE, HVO_FULL, 0, HVO_ESTATE},
	    {OP_RESTORE, HVO_OPTIMIZED, 0, HVO_ESTATE},
	    {OP_SPLIT, HVO_OPTIMIZED, 0, HVO_ESTATE},
	    {OP_JOIN, HVO_OPTIMIZED, 1, HVO_ESTATE},
	};

	(void)state;
	open_map(16, 1);
	for (unsigned round = 0; round < ROUNDS; round++)
		for (size_t i = 0; i < sizeof(races) / sizeof(*races); i++) {
			uint64_t n = 1 + round % 6;

			settle(12, races[i].before, k - races[i].below);
			race_pair(races[i].kind, n, round % n, races[i].late);
		}
	close_map();
}

/* Different calls on one range: whoever comes second finds another state. */
static void test_different_calls(void **state)
{
	const enum op_kind kinds[] = {OP_RESTORE, OP_SPLIT, OP_DEPOPULATE};

	(void)state;
	open_map(16, 1);
	for (unsigned round = 0; round < ROUNDS; round++) {
		settle(4, HVO_OPTIMIZED, k);
		racers[0].op = folios_op(kinds[round % 3], 0, 4, false);
		racers[1].op = folios_op(kinds[(round + 1) % 3], 0, 4, true);
		race_all();
		for (unsigned i = 0; i < THREADS; i++)
			if (racers[i].error &&
			    !lost(racers[i].error, HVO_ESTATE) &&
			    racers[i].error != -HVO_EABSENT)
				fail_msg("%s: %s", op_name(racers[i].op.kind),
					 hvo_strerror(racers[i].error));
		assert_null(engine_wrong(e));
	}
	close_map();
}

/* Neighbours do not disturb each other at all. */
static void test_neighbours(void **state)
{
	(void)state;
	open_map(16, 1);
	populate(0, 16, 0);
	for (unsigned round = 0; round < ROUNDS; round++) {
		enum op_kind kind = round % 2 ? OP_RESTORE : OP_OPTIMIZE;

		racers[0].op = folios_op(kind, 0, 8, false);
		racers[1].op = folios_op(kind, 8, 8, true);
		race_all();
		assert_int_equal(racers[0].error, 0);
		assert_int_equal(racers[1].error, 0);
		assert_null(engine_wrong(e));
	}
	close_map();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_same_tails_optimize),
	    cmocka_unit_test(test_same_tails_populate),
	    cmocka_unit_test(test_same_range),
	    cmocka_unit_test(test_different_calls),
	    cmocka_unit_test(test_neighbours),
	};

	return cmocka_run_group_tests_name("race", tests, NULL, NULL);
}
