/* SPDX-License-Identifier: MIT */
/*
 * The Linux port with an order set apart: where each page's home frame is, and
 * the engine at work on such a map. What is expected is worked out here page by
 * page, from the definition in hvo_linux.h.
 */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include "hvo/geometry.h"
#include "hvo/vmemmap.h"
#include "linux_fixture.h"

/* ---- what is expected --------------------------------------------------- */

/* Maps with whole folios only, with parts of folios at either end, with parts
 * only, with folios whose records straddle pages. */
static const struct hvo_linux_config configs[] = {
    {12, 64, 0, 512 * 12, 1, 0, 9},
    {12, 64, 512 * 7, 512 * 20, 1, 0, 9},
    {12, 64, 64 * 5, 64 * 203, 1, 0, 9},
    {12, 64, 64 * 7, 64 * 203, 1, 0, 9},
    {12, 64, 64 * 9, 64 * 201, 1, 0, 9},
    {12, 64, 64 * 5, 64 * 150, 1, 0, 7},
    {12, 64, 64 * 5, 64 * 150, 1, 0, 18},
    {12, 64, 64 * 5, 64 * 8, 1, 0, 9},
    {12, 64, 64 * 8, 64 * 9, 1, 0, 9},
    {12, 8, 512 * 3, 512 * 100, 1, 0, 10},
    {12, 512, 8 * 3, 8 * 900, 1, 0, 9},
    {12, 104, 0, 512 * 9, 1, 0, 9},
    {12, 104, 512 * 3, 512 * 14, 1, 0, 10},
    {12, 120, 512 * 5, 512 * 24, 1, 0, 11},
    {12, 48, 256 * 7, 256 * 31, 1, 0, 10},
    {14, 64, 256 * 3, 256 * 100, 1, 0, 11},
    {16, 64, 1024 * 3, 1024 * 100, 1, 0, 13},
    {16, 120, 8192 * 3, 8192 * 12, 1, 0, 14},
};
#define CONFIGS (sizeof(configs) / sizeof(*configs))

/* Is this page the first of a folio of that order? By addresses in bytes. */
static bool is_first(const struct hvo_linux_config *c, uint64_t page)
{
	uint64_t at = c->pfn_first * c->record + (page << c->page_shift);

	return at % ((uint64_t)c->record << c->apart_order) == 0;
}

/* Every page's home, in one walk for firsts and one for the others. */
static uint64_t *expect_homes(const struct fixture *f,
			      const struct hvo_linux_config *c)
{
	uint64_t *homes = test_calloc(f->pages, sizeof(*homes));
	uint64_t next = c->pfn_end - c->pfn_first;

	for (int others = 0; others < 2; others++)
		for (uint64_t page = 0; page < f->pages; page++)
			if (is_first(c, page) == !others)
				homes[page] = next++;
	return homes;
}

/* Pages from this one on that have homes in a row and are of one kind. */
static uint64_t expect_row(const struct fixture *f,
			   const struct hvo_linux_config *c, uint64_t page)
{
	uint64_t n = 1;

	if (is_first(c, page))
		return 1;
	while (page + n < f->pages && !is_first(c, page + n))
		n++;
	return n;
}

/* Mappings of a full map. */
static uint64_t expect_mappings(const struct fixture *f, const uint64_t *homes)
{
	uint64_t n = 1;

	for (uint64_t page = 1; page < f->pages; page++)
		n += homes[page] != homes[page - 1] + 1;
	return n;
}

/* ---- homes -------------------------------------------------------------- */

/* Asked for page by page, backwards: each has its own, and all are given. */
static void test_homes(void **state)
{
	(void)state;
	for (size_t i = 0; i < CONFIGS; i++) {
		const struct hvo_linux_config *c = &configs[i];
		struct fixture f = open_config(c);
		uint64_t *homes = expect_homes(&f, c);
		uint64_t first = c->pfn_end - c->pfn_first;
		unsigned char *seen = test_calloc(f.pages, 1);

		for (uint64_t page = f.pages; page-- > 0;) {
			uint64_t frame = take(&f, 1, 1, page).first.nr;

			assert_int_equal(frame, homes[page]);
			assert_in_range(frame, first, first + f.pages - 1);
			assert_int_equal(seen[frame - first]++, 0);
		}
		assert_int_equal(hvo_linux_measured(f.linux_port),
				 f.pages * f.page_size);
		give(&f, run_of(first, f.pages));
		assert_int_equal(hvo_linux_measured(f.linux_port), 0);
		test_free(seen);
		test_free(homes);
		hvo_linux_close(f.linux_port);
	}
}

/* A run is as long as the homes are in a row, and no longer. */
static void test_rows(void **state)
{
	(void)state;
	for (size_t i = 0; i < CONFIGS; i++) {
		const struct hvo_linux_config *c = &configs[i];
		struct fixture f = open_config(c);
		uint64_t *homes = expect_homes(&f, c);

		for (uint64_t page = 0; page < f.pages; page++) {
			struct hvo_run run = take(&f, f.pages, 1, page);

			assert_int_equal(run.first.nr, homes[page]);
			assert_int_equal(run.count, expect_row(&f, c, page));
			for (uint64_t n = 0; n < run.count; n++)
				assert_int_equal(homes[page + n],
						 homes[page] + n);
			assert_int_equal(hvo_linux_measured(f.linux_port),
					 run.count * f.page_size);
			give(&f, run);
		}
		test_free(homes);
		hvo_linux_close(f.linux_port);
	}
}

/* What does not fit at home goes to the extra frames, as without. */
static void test_not_at_home(void **state)
{
	struct fixture f = open_config(&configs[1]);
	uint64_t first = configs[1].pfn_end - configs[1].pfn_first;
	uint64_t extra = first + f.pages;
	struct hvo_run tails = take(&f, 7, 7, 9);

	(void)state;
	assert_int_equal(tails.first.nr, first + 13 + 7);
	/* A part of the row is free. */
	assert_int_equal(take(&f, 7, 1, 20).count, 4);
	assert_int_equal(take(&f, 7, 1, 17).count, 3);
	assert_true(take(&f, 1, 1, 9).first.nr >= extra);
	/* A first page and its tails are no run. */
	assert_true(take(&f, 2, 2, 32).first.nr >= extra);
	assert_true(take(&f, 8, 8, 33).first.nr >= extra);
	give(&f, tails);
	assert_int_equal(take(&f, 7, 7, 9).first.nr, first + 13 + 7);
	hvo_linux_close(f.linux_port);
}

/* ---- the engine at work ------------------------------------------------- */

/* Between the engine and the port: how often frames are given back. */
struct counting {
	struct hvo_frames source;
	uint64_t frees;
};

static int count_alloc(void *ctx, const struct hvo_frame_request *request,
		       struct hvo_run *run)
{
	struct counting *c = ctx;

	return c->source.alloc(c->source.ctx, request, run);
}

static void count_free(void *ctx, struct hvo_run run)
{
	struct counting *c = ctx;

	c->frees++;
	c->source.free(c->source.ctx, run);
}

/* A full map, the folios of one order in it, and what one call needs. */
struct pool {
	const struct hvo_linux_config *config;
	struct fixture f;
	struct hvo_vmemmap *map;
	struct counting counting;
	uint64_t *homes;
	unsigned order;
	hvo_pfn_t *pfns;
	size_t folios;
	struct hvo_work work;
};

static void find_folios(struct pool *p)
{
	uint64_t step = UINT64_C(1) << p->order;
	hvo_pfn_t pfn = (p->config->pfn_first + step - 1) / step * step;

	for (; pfn + step <= p->config->pfn_end; pfn += step)
		p->pfns[p->folios++] = pfn;
}

static struct pool *open_pool(const struct hvo_linux_config *config,
			      unsigned order)
{
	struct pool *p = test_calloc(1, sizeof(*p));
	uint64_t pfns = config->pfn_end - config->pfn_first;

	p->config = config;
	p->order = order;
	p->f = open_config(config);
	p->counting.source = p->f.frames;
	p->f.frames =
	    (struct hvo_frames){&p->counting, count_alloc, count_free};
	p->map = open_map(&p->f, config);
	p->homes = expect_homes(&p->f, config);
	p->pfns = test_calloc((pfns >> order) + 1, sizeof(*p->pfns));
	find_folios(p);
	p->work = HVO_WORK(test_calloc(p->f.pages, sizeof(struct hvo_run)),
			   p->f.pages);
	assert_int_equal(hvo_vmemmap_populate(p->map, config->pfn_first, pfns,
					      0, false, &p->work),
			 0);
	return p;
}

static void close_pool(struct pool *p)
{
	test_free(p->work.runs);
	test_free(p->pfns);
	test_free(p->homes);
	free(p->map);
	hvo_linux_close(p->f.linux_port);
	test_free(p);
}

/* The check is clean, and the memory in use is what the engine counts. */
static void sound(const struct pool *p)
{
	uint64_t end = hvo_linux_frame_end(p->f.linux_port);
	struct hvo_check_options options = {.seen = test_calloc(end / 8 + 1, 1),
					    .frame_end = end};
	struct hvo_finding finding = {0};
	struct hvo_vmemmap_stats stats;

	if (hvo_vmemmap_check(p->map, &options, &finding))
		fail_msg("%s", hvo_violation_text(finding.violation));
	test_free(options.seen);
	hvo_vmemmap_stats(p->map, &stats);
	assert_int_equal(hvo_linux_measured(p->f.linux_port),
			 hvo_stats_frames(&stats) * p->f.page_size);
	agree(&p->f);
}

/* Everything writable and at home. */
static void full(const struct pool *p, uint64_t shared)
{
	sound(p);
	for (uint64_t page = 0; page < p->f.pages; page++)
		leads_to(&p->f, page, p->homes[page], HVO_PROT_WRITE);
	assert_int_equal(hvo_linux_measured(p->f.linux_port),
			 (p->f.pages + shared) * p->f.page_size);
	assert_int_equal(hvo_linux_mappings(p->f.linux_port),
			 expect_mappings(&p->f, p->homes));
}

/* Is the folio's first page, which it keeps, at home? */
static void kept(const struct pool *p, hvo_pfn_t pfn)
{
	uint64_t page = (pfn - p->config->pfn_first) * p->config->record >>
			p->config->page_shift;

	leads_to(&p->f, page, p->homes[page], HVO_PROT_WRITE);
}

static void optimize(struct pool *p)
{
	size_t done;

	for (size_t i = 0; i < p->folios; i++)
		assert_int_equal(
		    hvo_vmemmap_prepare(p->map, p->pfns[i], p->order, &p->work),
		    0);
	p->counting.frees = 0;
	assert_int_equal(hvo_vmemmap_optimize(p->map, p->pfns, p->folios,
					      p->order, 0, &p->work, &done),
			 0);
	assert_int_equal(done, p->folios);
	for (size_t i = 0; i < p->folios; i++)
		kept(p, p->pfns[i]);
}

static void restore(struct pool *p)
{
	size_t done;

	assert_int_equal(hvo_vmemmap_restore(p->map, p->pfns, p->folios,
					     p->order, 0, &p->work, &done),
			 0);
	assert_int_equal(done, p->folios);
}

/* There and back with folios of an order, twice. */
static void work_with(const struct hvo_linux_config *config, unsigned order)
{
	struct pool *p = open_pool(config, order);
	struct hvo_vmemmap_stats stats = {0};

	full(p, 0);
	for (int round = 0; round < 2; round++) {
		optimize(p);
		sound(p);
		hvo_vmemmap_stats(p->map, &stats);
		assert_int_equal(stats.folios[order], p->folios);
		restore(p);
		full(p, stats.frames_shared);
	}
	close_pool(p);
}

/* The order set apart, and its neighbours where they can be optimized. */
static void test_engine(void **state)
{
	(void)state;
	for (size_t i = 0; i < CONFIGS; i++) {
		const struct hvo_linux_config *c = &configs[i];
		struct hvo_geometry g;

		hvo_geometry_init(&g, c->page_shift, c->record);
		/* Its own ranges are larger than the port's. */
		if ((c->pfn_first | c->pfn_end) % (UINT64_C(1) << g.unit_order))
			continue;
		for (unsigned k = c->apart_order - 1; k < c->apart_order + 2;
		     k++)
			if (hvo_order_optimizable(&g, k))
				work_with(c, k);
	}
}

/*
 * What it is for. All tails are given back at once, no mapping is cut, and
 * there are two a folio before, between and after.
 */
static void test_one_run_for_all(void **state)
{
	struct hvo_linux_config config = {12, 64, 512 * 3, 512 * 103, 1, 0, 9};
	struct pool *p = open_pool(&config, 9);

	(void)state;
	assert_int_equal(hvo_linux_mappings(p->f.linux_port), 200);
	optimize(p);
	assert_int_equal(p->counting.frees, 1);
	assert_int_equal(hvo_linux_mappings(p->f.linux_port), 200);
	restore(p);
	assert_int_equal(hvo_linux_mappings(p->f.linux_port), 200);
	full(p, 7);
	close_pool(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_homes),
	    cmocka_unit_test(test_rows),
	    cmocka_unit_test(test_not_at_home),
	    cmocka_unit_test(test_engine),
	    cmocka_unit_test(test_one_run_for_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
