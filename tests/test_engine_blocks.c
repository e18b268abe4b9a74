/* SPDX-License-Identifier: MIT */
/*
 * Vmemmap mapped by blocks, on the model port: populated so, split where a
 * folio in it is optimized (if the architecture lets a live block be split),
 * collapsed again when all is full and in its place.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "engine_model.h"
#include "engine_ref.h"

#define BLOCK   8  /* pages */
#define PAGES   64 /* of the window */
#define FOLIO_K 8  /* order of a folio of four pages */

static struct engine *e;
static struct ref *ref;
static enum hvo_arch arch;

/* 64 descriptors a page. */
static hvo_pfn_t at_page(uint64_t page)
{
	return e->config.pfn_first + page * 64;
}

/* first: pages by which the window starts after a block does. */
static void open_map(enum hvo_arch which, uint64_t first)
{
	struct engine_config config = {
	    .page_shift = 12,
	    .record = engine_record(64, 8),
	    .pfn_first = (PAGES + first) * 64,
	    .pfn_end = (2 * PAGES + first) * 64,
	    .domains = 1,
	    .arch = which,
	    .block_pages = BLOCK,
	    .spare_frames = 64,
	};

	arch = which;
	e = engine_open(&config);
	ref = ref_open(e);
}

static void expect_sound(void)
{
	const char *wrong = ref_compare(ref, e);

	assert_string_equal(wrong ? wrong : "", "");
	wrong = engine_wrong(e);
	assert_string_equal(wrong ? wrong : "", "");
}

static void close_map(void)
{
	expect_sound();
	ref_close(ref);
	engine_close(e);
}

static void run(const struct op *op)
{
	int error;
	const char *wrong = ref_run(ref, e, op, &error);

	assert_string_equal(wrong ? wrong : "", "");
	assert_int_equal(error, 0);
}

static void run_range(enum op_kind kind, uint64_t page, uint64_t pages)
{
	struct op op = {.kind = kind,
			.pfns = {at_page(page)},
			.count = pages * 64,
			.order = FOLIO_K,
			.blocks = true};

	run(&op);
}

static void run_folio(enum op_kind kind, uint64_t page)
{
	struct op op = {.kind = kind,
			.pfns = {at_page(page)},
			.count = 1,
			.order = FOLIO_K};

	run(&op);
}

static uint64_t block_pages(void)
{
	uint64_t pages = 0;

	for (uint64_t page = 0; page < PAGES; page++)
		pages += hvo_port_translate(e->config.port,
					    (void *)engine_page_va(e, page))
			     .block;
	return pages;
}

static uint64_t collapse(void)
{
	uint64_t blocks;

	assert_int_equal(
	    hvo_vmemmap_collapse(e->map, at_page(0), PAGES * 64, &blocks), 0);
	return blocks;
}

/* Whole blocks by blocks, wherever the window starts; the rest by pages. */
static void test_populate(void **state)
{
	(void)state;
	for (unsigned which = 0; which < engine_archs; which++)
		for (uint64_t first = 0; first < BLOCK; first += 3) {
			uint64_t whole = first ? PAGES - BLOCK : PAGES;

			open_map((enum hvo_arch)which, first);
			run_range(OP_POPULATE, 0, PAGES);
			expect_sound();
			assert_int_equal(block_pages(), whole);
			run_range(OP_DEPOPULATE, 0, PAGES);
			assert_int_equal(block_pages(), 0);
			close_map();
		}
}

/* The caller asked for none. */
static void test_populate_plain(void **state)
{
	struct op op = {.kind = OP_POPULATE, .count = PAGES * 64};

	(void)state;
	open_map(HVO_ARCH_X86, 0);
	op.pfns[0] = at_page(0);
	run(&op);
	assert_int_equal(block_pages(), 0);
	close_map();
}

/* A live block is split where that is allowed; else nothing has changed. */
static void test_optimize(void **state)
{
	(void)state;
	for (unsigned which = 0; which < engine_archs; which++) {
		hvo_pfn_t pfn;
		uint64_t digest;
		size_t done;

		open_map((enum hvo_arch)which, 0);
		run_range(OP_POPULATE, 0, PAGES);
		for (uint64_t page = 0; page < PAGES; page += 4) {
			struct op op = {.kind = OP_PREPARE,
					.pfns = {at_page(page)},
					.count = 256,
					.order = FOLIO_K};

			run(&op);
		}
		digest = engine_digest(e);
		if (engine_splits_live(which)) {
			run_folio(OP_OPTIMIZE, BLOCK + 4);
			assert_int_equal(block_pages(), PAGES - BLOCK);
		} else {
			pfn = at_page(BLOCK + 4);
			assert_int_equal(hvo_vmemmap_optimize(e->map, &pfn, 1,
							      FOLIO_K, 0,
							      &e->work, &done),
					 -HVO_EBLOCK);
			assert_int_equal(done, 0);
			assert_true(engine_digest(e) == digest);
			assert_int_equal(block_pages(), PAGES);
		}
		close_map();
	}
}

/* Part of a block goes; the other part stays and can be read throughout. */
static void test_depopulate_part(void **state)
{
	(void)state;
	for (unsigned which = 0; which < engine_archs; which++) {
		open_map((enum hvo_arch)which, 0);
		run_range(OP_POPULATE, 0, PAGES);
		if (engine_splits_live(which)) {
			run_range(OP_DEPOPULATE, 4, BLOCK);
			expect_sound();
			assert_int_equal(block_pages(), PAGES - 2 * BLOCK);
		} else {
			uint64_t digest = engine_digest(e);
			uint64_t done;

			assert_int_equal(
			    hvo_vmemmap_depopulate(e->map, at_page(4),
						   BLOCK * 64, &e->work, &done),
			    -HVO_EBLOCK);
			assert_int_equal(done, 0);
			assert_true(engine_digest(e) == digest);
		}
		close_map();
	}
}

/* What was restored at home becomes a block again. */
static void test_collapse(void **state)
{
	(void)state;
	for (unsigned which = 0; which < engine_archs; which++) {
		bool live = engine_splits_live(which);
		struct op op = {
		    .kind = OP_PREPARE, .count = 256, .order = FOLIO_K};

		open_map((enum hvo_arch)which, 0);
		op.pfns[0] = at_page(2 * BLOCK);
		run_range(OP_POPULATE, 0, PAGES);
		assert_int_equal(collapse(), 0);
		assert_int_equal(block_pages(), PAGES);
		if (live) {
			run(&op);
			run_folio(OP_OPTIMIZE, 2 * BLOCK);
			assert_int_equal(collapse(), 0);
			run_folio(OP_RESTORE, 2 * BLOCK);
			assert_int_equal(block_pages(), PAGES - BLOCK);
			assert_int_equal(collapse(), 1);
			assert_int_equal(block_pages(), PAGES);
			assert_int_equal(collapse(), 0);
		}
		close_map();
	}
}

/* Where there is nothing, or not enough, nothing is collapsed. */
static void test_collapse_refused(void **state)
{
	struct op op = {.kind = OP_POPULATE, .count = PAGES * 32};
	uint64_t blocks = 77;

	(void)state;
	open_map(HVO_ARCH_X86, 0);
	op.pfns[0] = at_page(0);
	run(&op);
	assert_int_equal(
	    hvo_vmemmap_collapse(e->map, at_page(0) + 1, 64, &blocks),
	    -HVO_EALIGN);
	assert_int_equal(
	    hvo_vmemmap_collapse(e->map, at_page(PAGES), 64, &blocks),
	    -HVO_ERANGE);
	assert_int_equal(hvo_vmemmap_collapse(e->map, at_page(0), 0, &blocks),
			 -HVO_ERANGE);
	assert_int_equal(
	    hvo_vmemmap_collapse(e->map, at_page(4), (BLOCK + 3) * 64, &blocks),
	    0);
	assert_int_equal(blocks, 0);
	/* Populated by pages, in a row and aligned: a block all the same. */
	assert_int_equal(
	    hvo_vmemmap_collapse(e->map, at_page(0), (BLOCK + 3) * 64, &blocks),
	    0);
	assert_int_equal(blocks, 1);
	/* Part of what was asked for is absent. */
	assert_int_equal(
	    hvo_vmemmap_collapse(e->map, at_page(0), PAGES * 64, &blocks),
	    -HVO_EABSENT);
	close_map();
}

/* Others read all the while. */
static uint64_t reads;

static void read_all(void *ctx, struct hvo_model *model)
{
	(void)ctx;
	for (hvo_pfn_t pfn = ref->first; pfn < ref->end; pfn++, reads++)
		if (hvo_pfn_valid(e->map, pfn) &&
		    hvo_model_load(model, reads % ENGINE_CPUS,
				   engine_va(e, pfn, 0)) !=
			ref_word(ref, pfn, 0))
			fail_msg("pfn %#llx changed", (unsigned long long)pfn);
}

static void test_readers(void **state)
{
	struct op op = {.kind = OP_PREPARE, .count = 256, .order = FOLIO_K};

	(void)state;
	for (unsigned which = 0; which < engine_archs; which++) {
		if (!engine_splits_live(which))
			continue;
		open_map((enum hvo_arch)which, 0);
		op.pfns[0] = at_page(BLOCK);
		run_range(OP_POPULATE, 0, PAGES);
		run(&op);
		hvo_model_hook(engine_model(e), read_all, NULL);
		run_folio(OP_OPTIMIZE, BLOCK);
		run_folio(OP_RESTORE, BLOCK);
		assert_int_equal(collapse(), 1);
		run_range(OP_DEPOPULATE, 2 * BLOCK, BLOCK);
		hvo_model_hook(engine_model(e), NULL, NULL);
		assert_true(reads > 0);
		close_map();
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_populate),
	    cmocka_unit_test(test_populate_plain),
	    cmocka_unit_test(test_optimize),
	    cmocka_unit_test(test_depopulate_part),
	    cmocka_unit_test(test_collapse),
	    cmocka_unit_test(test_collapse_refused),
	    cmocka_unit_test(test_readers),
	};

	return cmocka_run_group_tests_name("blocks", tests, NULL, NULL);
}
