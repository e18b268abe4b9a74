/* SPDX-License-Identifier: MIT */
/*
 * The model port as a port: translations, TLBs, frames, blocks, failures, the
 * digest, and what it lets other CPUs see. Its rules: test_model_rules.c.
 */
#include "model_fixture.h"
#include "hvo/geometry.h"

/* ---- what the model is like ------------------------------------------- */

static void test_traits(void **state)
{
	(void)state;
	for (enum hvo_arch arch = HVO_ARCH_X86; arch <= HVO_ARCH_RISCV;
	     arch++) {
		struct fixture f = start(arch);
		const struct hvo_port_traits *t = hvo_port_traits(f.port);
		bool arm = arch == HVO_ARCH_ARM || arch == HVO_ARCH_ARM_BBM2;

		assert_int_equal(t->equal_bytes, arm);
		assert_int_equal(t->window_pages, 1);
		assert_int_equal(t->block_pages, BLOCK);
		stop(&f);
	}
}

static void test_window_is_placed_as_the_engine_demands(void **state)
{
	static const uint32_t records[] = {8, 32, 64, 104, 120, 512};

	(void)state;
	for (unsigned shift = 12; shift <= 16; shift += 2)
		for (size_t i = 0; i < sizeof(records) / sizeof(*records);
		     i++) {
			struct hvo_model_config c = config(HVO_ARCH_X86);

			c.page_shift = shift;
			c.record = records[i];
			c.pfn_first = 3 << shift;
			c.pfn_end = 4 << shift;
			struct hvo_model *m = hvo_model_open(&c);
			uint64_t align = (uint64_t)records[i]
					 << (HVO_MAX_FOLIO_SHIFT - shift);

			assert_non_null(m);
			assert_int_equal(hvo_model_base(m) % align, 0);
			hvo_model_close(m);
		}
}

static void test_rules_have_texts(void **state)
{
	(void)state;
	for (int a = 0; a < HVO_RULES; a++)
		for (int b = 0; b < a; b++)
			assert_string_not_equal(
			    hvo_rule_text((enum hvo_rule)a),
			    hvo_rule_text((enum hvo_rule)b));
	assert_string_equal(hvo_rule_text(HVO_RULES), "unknown rule");
}

static void test_translate(void **state)
{
	struct fixture f = start(HVO_ARCH_X86);
	hvo_frame_t frame = map_new(&f, 3, HVO_PROT_READ);
	struct hvo_translation to = hvo_port_translate(f.port, at(&f, 3));

	(void)state;
	assert_int_equal(to.frame.nr, frame.nr);
	assert_int_equal(to.prot, HVO_PROT_READ);
	assert_false(to.block);
	to = hvo_port_translate(f.port, at(&f, 4));
	assert_int_equal(to.frame.nr, HVO_NO_FRAME.nr);
	assert_int_equal(to.prot, HVO_PROT_NONE);
	assert_clean(&f);
	stop(&f);
}

static void test_runs_repeat(void **state)
{
	struct fixture f = start(HVO_ARCH_X86);
	struct hvo_frame_request request = {
	    .count = 3, .least = 3, .align = 1, .home = UINT64_MAX};
	struct hvo_run run;

	(void)state;
	assert_int_equal(f.frames.alloc(f.frames.ctx, &request, &run), 0);
	assert_int_equal(
	    hvo_port_map(f.port, at(&f, 0), 8, run, HVO_PROT_READ, false), 0);
	for (unsigned i = 0; i < 8; i++)
		assert_int_equal(hvo_port_translate(f.port, at(&f, i)).frame.nr,
				 run.first.nr + i % 3);

	/* The other way round: fewer pages than frames. */
	assert_int_equal(hvo_port_repoint(f.port, at(&f, 1), 2, run,
					  HVO_PROT_READ, HVO_MAY_FAIL),
			 0);
	assert_int_equal(hvo_port_translate(f.port, at(&f, 1)).frame.nr,
			 run.first.nr);
	assert_int_equal(hvo_port_translate(f.port, at(&f, 2)).frame.nr,
			 run.first.nr + 1);
	assert_clean(&f);
	stop(&f);
}

static void test_load_and_store(void **state)
{
	struct fixture f = start(HVO_ARCH_X86);
	hvo_frame_t frame = map_new(&f, 2, HVO_PROT_WRITE);

	(void)state;
	hvo_model_store(f.model, 0, va(&f, 2) + 8, 0x1234);
	assert_int_equal(hvo_model_load(f.model, 1, va(&f, 2) + 8), 0x1234);
	assert_int_equal(((uint64_t *)hvo_port_frame(f.port, frame))[1],
			 0x1234);
	assert_false(hvo_model_write_faults(f.model, 0, va(&f, 2)));
	assert_clean(&f);
	stop(&f);
}

/* ---- TLBs ------------------------------------------------------------- */

static void test_reads_are_stale_until_flushed(void **state)
{
	struct fixture f = start(HVO_ARCH_X86);
	hvo_frame_t old = map_new(&f, 0, HVO_PROT_READ);
	hvo_frame_t new = take(&f, UINT64_MAX);

	(void)state;
	poke(&f, old, 1);
	poke(&f, new, 2);
	assert_int_equal(load(&f, 0, 0), 1);
	assert_int_equal(repoint(&f, 0, new, HVO_PROT_READ), 0);

	/* CPU 0 had looked before, CPU 1 had not. */
	assert_int_equal(load(&f, 0, 0), 1);
	assert_int_equal(load(&f, 1, 0), 2);
	flush(&f, 1);
	assert_int_equal(load(&f, 0, 0), 1);
	flush(&f, 0);
	assert_int_equal(load(&f, 0, 0), 2);
	assert_clean(&f);
	stop(&f);
}

static void test_unmapped_page_is_readable_until_flushed(void **state)
{
	struct fixture f = start(HVO_ARCH_X86);
	hvo_frame_t frame = map_new(&f, 0, HVO_PROT_READ);

	(void)state;
	poke(&f, frame, 7);
	load(&f, 0, 0);
	assert_int_equal(unmap(&f, 0), 0);
	assert_int_equal(load(&f, 0, 0), 7);
	assert_clean(&f);
	flush(&f, 0);
	assert_int_equal(load(&f, 0, 0), 0);
	assert_broken(&f, HVO_RULE_READ_FAULT, 0);
	stop(&f);
}

static void test_permission_is_stale_until_flushed(void **state)
{
	struct fixture f = start(HVO_ARCH_X86);

	(void)state;
	map_new(&f, 0, HVO_PROT_READ);
	load(&f, 0, 0);
	assert_int_equal(protect(&f, 0, HVO_PROT_WRITE), 0);
	assert_true(hvo_model_write_faults(f.model, 0, va(&f, 0)));
	assert_false(hvo_model_write_faults(f.model, 1, va(&f, 0)));
	assert_clean(&f);
	hvo_model_store(f.model, 0, va(&f, 0), 1);
	assert_broken(&f, HVO_RULE_WRITE_FAULT, 0);
	flush(&f, 0);
	hvo_model_store(f.model, 0, va(&f, 0), 1);
	assert_clean(&f);

	/* And back: until the flush a write may still pass. */
	assert_int_equal(protect(&f, 0, HVO_PROT_READ), 0);
	hvo_model_store(f.model, 0, va(&f, 0), 2);
	assert_clean(&f);
	flush(&f, 0);
	assert_true(hvo_model_write_faults(f.model, 0, va(&f, 0)));
	stop(&f);
}

static void test_asking_leaves_no_trace_in_the_tlb(void **state)
{
	struct fixture f = start(HVO_ARCH_X86);

	(void)state;
	map_new(&f, 0, HVO_PROT_READ);
	assert_true(hvo_model_write_faults(f.model, 0, va(&f, 0)));
	assert_int_equal(protect(&f, 0, HVO_PROT_WRITE), 0);
	assert_false(hvo_model_write_faults(f.model, 0, va(&f, 0)));
	stop(&f);
}

static void test_only_riscv_remembers_absence(void **state)
{
	(void)state;
	for (enum hvo_arch arch = HVO_ARCH_X86; arch <= HVO_ARCH_RISCV;
	     arch++) {
		struct fixture f = start(arch);

		load(&f, 0, 5);
		assert_broken(&f, HVO_RULE_READ_FAULT, 5);
		map_new(&f, 5, HVO_PROT_READ);
		load(&f, 1, 5);
		assert_clean(&f);
		load(&f, 0, 5);
		if (arch == HVO_ARCH_RISCV)
			assert_broken(&f, HVO_RULE_READ_FAULT, 5);
		assert_clean(&f);
		flush(&f, 5);
		load(&f, 0, 5);
		assert_clean(&f);
		stop(&f);
	}
}

/* ---- frames ----------------------------------------------------------- */

static void test_frames_come_from_home(void **state)
{
	struct fixture f = start(HVO_ARCH_X86);
	hvo_frame_t home = take(&f, 0);
	hvo_frame_t spare = take(&f, 0);
	struct hvo_run run;

	(void)state;
	assert_true(home.nr >= PFNS);
	assert_int_equal(take(&f, 9).nr, home.nr + 9);
	assert_true(spare.nr >= home.nr + PAGES);
	give(&f, home);
	assert_int_equal(take(&f, 0).nr, home.nr);

	/* As many as are free at home. */
	struct hvo_frame_request many = {
	    .count = 20, .least = 1, .align = 1, .home = 1};

	assert_int_equal(ask(&f, many, &run), 0);
	assert_int_equal(run.first.nr, home.nr + 1);
	assert_int_equal(run.count, 8);
	assert_int_equal(hvo_model_handed_out(f.model), 11);
	assert_clean(&f);
	stop(&f);
}

static void test_frames_honour_least_and_align(void **state)
{
	struct fixture f = start(HVO_ARCH_X86);
	struct hvo_run run;

	(void)state;
	assert_int_equal(
	    ask(&f,
		(struct hvo_frame_request){
		    .count = 20, .least = 20, .align = 32, .home = 1},
		&run),
	    0);
	assert_int_equal(run.count, 20);
	assert_int_equal(run.first.nr % 32, 0);

	/* No place for so many, but for the least. */
	assert_int_equal(
	    ask(&f,
		(struct hvo_frame_request){
		    .count = 1000, .least = 4, .align = 1, .home = UINT64_MAX},
		&run),
	    0);
	assert_in_range(run.count, 4, 999);
	assert_int_equal(
	    ask(&f,
		(struct hvo_frame_request){
		    .count = 1000, .least = 1000, .align = 1, .home = 0},
		&run),
	    -HVO_ENOMEM);
	assert_clean(&f);
	stop(&f);
}

static void test_frames_run_out(void **state)
{
	struct fixture f = start(HVO_ARCH_X86);
	struct hvo_frame_request request = {
	    .count = 1, .least = 1, .align = 1, .home = UINT64_MAX};
	struct hvo_run run;

	(void)state;
	for (unsigned i = 0; i < PAGES + SPARES; i++)
		assert_int_equal(ask(&f, request, &run), 0);
	assert_int_equal(ask(&f, request, &run), -HVO_ENOMEM);
	give(&f, run.first);
	assert_int_equal(ask(&f, request, &run), 0);
	assert_clean(&f);
	stop(&f);
}

static void test_frames_hold_junk_or_zeros(void **state)
{
	struct fixture f = start(HVO_ARCH_X86);
	struct hvo_frame_request request = {
	    .count = 1, .least = 1, .align = 1, .home = 0, .zero = true};
	struct hvo_run run;
	const uint64_t *words;

	(void)state;
	assert_int_equal(ask(&f, request, &run), 0);
	words = hvo_port_frame(f.port, run.first);
	assert_int_equal(words[0] | words[PAGE / 8 - 1], 0);
	give(&f, run.first);
	assert_int_equal(words[0], UINT64_C(0xa5a5a5a5a5a5a5a5));
	assert_int_equal(words[PAGE / 8 - 1], UINT64_C(0xa5a5a5a5a5a5a5a5));
	request.zero = false;
	request.home = 1;
	assert_int_equal(ask(&f, request, &run), 0);
	words = hvo_port_frame(f.port, run.first);
	assert_int_equal(words[0], UINT64_C(0xa5a5a5a5a5a5a5a5));
	stop(&f);
}

static void test_requests_must_make_sense(void **state)
{
	static const struct hvo_frame_request bad[] = {
	    {.count = 1, .least = 0, .align = 1},
	    {.count = 1, .least = 2, .align = 1},
	    {.count = 1, .least = 1, .align = 0},
	    {.count = 1, .least = 1, .align = 3},
	};
	struct fixture f = start(HVO_ARCH_X86);
	struct hvo_run run;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		assert_int_equal(ask(&f, bad[i], &run), -HVO_ENOMEM);
		assert_broken_nowhere(&f, HVO_RULE_MISUSE);
	}
	stop(&f);
}

static void test_copy_repeats(void **state)
{
	struct fixture f = start(HVO_ARCH_X86);
	struct hvo_run dst, src;

	(void)state;
	assert_int_equal(
	    ask(&f,
		(struct hvo_frame_request){
		    .count = 2, .least = 2, .align = 1, .home = UINT64_MAX},
		&src),
	    0);
	assert_int_equal(
	    ask(&f,
		(struct hvo_frame_request){.count = 5, .least = 5, .align = 1},
		&dst),
	    0);
	poke(&f, src.first, 1);
	poke(&f, hvo_frame_add(src.first, 1), 2);
	hvo_port_copy(f.port, dst, src, 0);

	/* The frames of a run lie in a row. */
	const char *bytes = hvo_port_frame(f.port, dst.first);

	for (unsigned i = 0; i < 5; i++) {
		uint64_t word;

		memcpy(&word, bytes + i * PAGE, sizeof(word));
		assert_int_equal(word, 1 + i % 2);
	}
	assert_clean(&f);
	stop(&f);
}

static void test_equal(void **state)
{
	struct fixture f = start(HVO_ARCH_X86);
	struct hvo_run run;

	(void)state;
	assert_int_equal(ask(&f,
			     (struct hvo_frame_request){.count = 2,
							.least = 2,
							.align = 1,
							.home = UINT64_MAX,
							.zero = true},
			     &run),
			 0);
	for (unsigned i = 0; i < 3; i++)
		map_new(&f, i, HVO_PROT_WRITE);
	assert_true(hvo_port_equal(f.port, at(&f, 0), 3, run));
	hvo_model_store(f.model, 0, va(&f, 2) + PAGE - 8, 1);
	assert_true(hvo_port_equal(f.port, at(&f, 0), 2, run));
	assert_false(hvo_port_equal(f.port, at(&f, 0), 3, run));

	/* Page 2 is compared with the run's first frame again. */
	hvo_model_store(f.model, 0, va(&f, 0) + PAGE - 8, 1);
	((uint64_t *)hvo_port_frame(f.port, run.first))[PAGE / 8 - 1] = 1;
	assert_true(hvo_port_equal(f.port, at(&f, 0), 3, run));
	assert_clean(&f);
	stop(&f);
}

/* ---- blocks ----------------------------------------------------------- */

static void test_blocks_split_and_collapse(void **state)
{
	(void)state;
	for (enum hvo_arch arch = HVO_ARCH_X86; arch <= HVO_ARCH_RISCV;
	     arch++) {
		struct fixture f = start(arch);

		map_block(&f, 0, HVO_PROT_WRITE);
		uint64_t before = hvo_model_digest(f.model);

		assert_true(hvo_port_translate(f.port, at(&f, 7)).block);
		int err = hvo_port_split(f.port, at(&f, 7), 1);

		assert_int_equal(err, arch == HVO_ARCH_ARM ? -HVO_EBLOCK : 0);
		assert_int_equal(hvo_port_translate(f.port, at(&f, 0)).block,
				 arch == HVO_ARCH_ARM);
		assert_int_equal(hvo_model_digest(f.model), before);
		err = hvo_port_collapse(f.port, at(&f, 0));
		assert_int_equal(err, arch == HVO_ARCH_ARM ? -HVO_EBLOCK : 0);
		assert_true(hvo_port_translate(f.port, at(&f, 15)).block);
		assert_int_equal(hvo_model_digest(f.model), before);
		assert_clean(&f);
		stop(&f);
	}
}

static void test_whole_blocks_change_as_one(void **state)
{
	struct fixture f = start(HVO_ARCH_ARM);

	(void)state;
	map_block(&f, BLOCK, HVO_PROT_WRITE);
	assert_int_equal(hvo_port_protect(f.port, at(&f, BLOCK), BLOCK,
					  HVO_PROT_READ, HVO_MAY_FAIL),
			 0);
	assert_true(hvo_port_translate(f.port, at(&f, BLOCK)).block);
	assert_int_equal(
	    hvo_port_unmap(f.port, at(&f, BLOCK), BLOCK, HVO_MAY_FAIL), 0);
	assert_false(hvo_port_translate(f.port, at(&f, BLOCK)).block);
	assert_clean(&f);
	stop(&f);
}

static void test_collapse_needs_frames_that_fit(void **state)
{
	struct fixture f = start(HVO_ARCH_X86);

	(void)state;
	map_block(&f, 0, HVO_PROT_WRITE);
	assert_int_equal(hvo_port_split(f.port, at(&f, 0), BLOCK), 0);
	assert_int_equal(protect(&f, 5, HVO_PROT_READ), 0);
	assert_int_equal(hvo_port_collapse(f.port, at(&f, 0)), -HVO_EBLOCK);
	assert_int_equal(protect(&f, 5, HVO_PROT_WRITE), 0);
	assert_int_equal(hvo_port_collapse(f.port, at(&f, 0)), 0);
	assert_int_equal(hvo_port_split(f.port, at(&f, 0), BLOCK), 0);
	assert_int_equal(repoint(&f, 5, take(&f, UINT64_MAX), HVO_PROT_WRITE),
			 0);
	assert_int_equal(hvo_port_collapse(f.port, at(&f, 0)), -HVO_EBLOCK);

	/* Frames in a row, but of no block's alignment. */
	struct hvo_run run = {hvo_frame_add(hvo_model_described(f.model), 1),
			      BLOCK};

	assert_int_equal(hvo_port_map(f.port, at(&f, BLOCK), BLOCK, run,
				      HVO_PROT_READ, false),
			 0);
	assert_int_equal(hvo_port_collapse(f.port, at(&f, BLOCK)), -HVO_EBLOCK);
	assert_clean(&f);
	stop(&f);
}

static void test_no_blocks(void **state)
{
	struct hvo_model_config c = config(HVO_ARCH_X86);

	(void)state;
	c.block_pages = 0;
	struct fixture f = start_as(&c);

	map_new(&f, 0, HVO_PROT_READ);
	assert_int_equal(hvo_port_split(f.port, at(&f, 0), 1), 0);
	assert_int_equal(hvo_port_collapse(f.port, at(&f, 0)), -HVO_EBLOCK);
	assert_clean(&f);
	stop(&f);
}

/* Where a block could begin, the home frames could be mapped by it. */
static void test_home_frames_fit_blocks(void **state)
{
	struct hvo_model_config c = config(HVO_ARCH_X86);

	(void)state;
	c.record = 512;
	c.pfn_first += 5 * PAGE / 512; /* 11 pages before a block */
	c.pfn_end = c.pfn_first + 61 * PAGE / 512;
	struct fixture f = start_as(&c);
	uint64_t home = take(&f, 0).nr;

	assert_true(home >= c.pfn_end - c.pfn_first);
	map_block(&f, 11, HVO_PROT_WRITE);
	assert_int_equal(hvo_port_translate(f.port, at(&f, 11)).frame.nr,
			 home + 11);
	assert_clean(&f);
	stop(&f);

	/* A block larger than what the base is aligned to anyway. */
	c = (struct hvo_model_config){.page_shift = 16,
				      .record = 24,
				      .pfn_end = 1 << 16,
				      .cpus = 1,
				      .block_pages = 8192};
	f = start_as(&c);
	assert_int_equal(hvo_model_base(f.model) % (UINT64_C(8192) << 16), 0);
	stop(&f);
}

/* ---- failures --------------------------------------------------------- */

/* Every kind of call that may fail, in turn; the first error, or 0. */
static int fallible_calls(struct fixture *f, hvo_frame_t spare)
{
	struct hvo_run run;
	struct hvo_frame_request request = {
	    .count = 1, .least = 1, .align = 1, .home = 2};
	int err = ask(f, request, &run);

	if (!err)
		err = hvo_port_map(f->port, at(f, 2), 1, run, HVO_PROT_READ,
				   false);
	if (!err)
		err = repoint(f, 2, spare, HVO_PROT_READ);
	if (!err)
		err = protect(f, 2, HVO_PROT_WRITE);
	if (!err)
		err = unmap(f, 2);
	if (!err)
		err = hvo_port_split(f->port, at(f, BLOCK), 1);
	return err;
}

static void test_nth_call_fails(void **state)
{
	static const int errors[] = {-HVO_ENOMEM,    -HVO_EMAPPINGS,
				     -HVO_EMAPPINGS, -HVO_EMAPPINGS,
				     -HVO_EMAPPINGS, -HVO_ENOMEM};

	(void)state;
	for (uint64_t nth = 1; nth <= 7; nth++) {
		struct fixture f = start(HVO_ARCH_X86);
		hvo_frame_t spare = take(&f, UINT64_MAX);

		map_block(&f, BLOCK, HVO_PROT_READ);
		uint64_t calls = hvo_model_fallible_calls(f.model);

		hvo_model_fail(f.model, nth, false);
		assert_int_equal(fallible_calls(&f, spare),
				 nth <= 6 ? errors[nth - 1] : 0);
		assert_int_equal(hvo_model_fallible_calls(f.model) - calls,
				 nth <= 6 ? nth : 6);
		if (nth <= 6)
			take(&f, UINT64_MAX);
		assert_clean(&f);
		stop(&f);
	}
}

static void test_failed_calls_change_nothing(void **state)
{
	struct fixture f = start(HVO_ARCH_X86);
	struct hvo_run run;

	(void)state;
	map_new(&f, 0, HVO_PROT_WRITE);
	hvo_frame_t spare = take(&f, UINT64_MAX);
	uint64_t before = hvo_model_digest(f.model);

	/* All of them, until told otherwise. */
	hvo_model_fail(f.model, 1, true);
	assert_int_equal(
	    ask(&f,
		(struct hvo_frame_request){.count = 1, .least = 1, .align = 1},
		&run),
	    -HVO_ENOMEM);
	assert_int_equal(hvo_port_map(f.port, at(&f, 1), 1, one(spare),
				      HVO_PROT_READ, false),
			 -HVO_EMAPPINGS);
	assert_int_equal(repoint(&f, 0, spare, HVO_PROT_READ), -HVO_EMAPPINGS);
	assert_int_equal(protect(&f, 0, HVO_PROT_READ), -HVO_EMAPPINGS);
	assert_int_equal(unmap(&f, 0), -HVO_EMAPPINGS);
	assert_int_equal(hvo_model_digest(f.model), before);
	hvo_model_fail(f.model, 0, false);
	assert_int_equal(unmap(&f, 0), 0);
	assert_clean(&f);
	stop(&f);
}

static void test_must_never_fails(void **state)
{
	struct fixture f = start(HVO_ARCH_RISCV);
	hvo_frame_t frame = map_new(&f, 0, HVO_PROT_WRITE);
	uint64_t calls = hvo_model_fallible_calls(f.model);

	(void)state;
	hvo_model_fail(f.model, 1, true);
	assert_int_equal(
	    hvo_port_protect(f.port, at(&f, 0), 1, HVO_PROT_READ, HVO_MUST), 0);
	assert_int_equal(must_repoint(&f, 0, frame), 0);
	assert_int_equal(hvo_port_unmap(f.port, at(&f, 0), 1, HVO_MUST), 0);
	assert_int_equal(hvo_model_fallible_calls(f.model), calls);
	assert_clean(&f);
	stop(&f);
}

/* There a change is a store, and so is a MUST that goes forward. */
static void test_arm_changes_never_fail(void **state)
{
	(void)state;
	for (enum hvo_arch arch = HVO_ARCH_ARM; arch <= HVO_ARCH_ARM_BBM2;
	     arch++) {
		struct fixture f = start(arch);
		hvo_frame_t other = take(&f, UINT64_MAX);

		map_new(&f, 0, HVO_PROT_READ);
		uint64_t calls = hvo_model_fallible_calls(f.model);

		hvo_model_fail(f.model, 1, true);
		assert_int_equal(repoint(&f, 0, other, HVO_PROT_READ), 0);
		flush(&f, 0);
		assert_int_equal(protect(&f, 0, HVO_PROT_WRITE), 0);
		assert_int_equal(unmap(&f, 0), 0);
		assert_int_equal(hvo_model_fallible_calls(f.model), calls);
		assert_int_equal(hvo_port_map(f.port, at(&f, 1), 1, one(other),
					      HVO_PROT_READ, false),
				 -HVO_EMAPPINGS);
		assert_clean(&f);
		stop(&f);
	}
}

/* ---- the digest ------------------------------------------------------- */

static void assert_changed(struct fixture *f, uint64_t *digest)
{
	uint64_t now = hvo_model_digest(f->model);

	assert_int_not_equal(now, *digest);
	*digest = now;
}

static void test_digest_tells_states_apart(void **state)
{
	struct fixture f = start(HVO_ARCH_X86);
	uint64_t empty = hvo_model_digest(f.model);
	uint64_t digest = empty;
	hvo_frame_t frame = take(&f, 0);

	(void)state;
	assert_changed(&f, &digest);
	uint64_t taken = digest;

	poke(&f, frame, 1);
	assert_changed(&f, &digest);
	poke(&f, frame, 0);
	assert_int_equal(hvo_model_digest(f.model), taken);

	assert_int_equal(hvo_port_map(f.port, at(&f, 0), 1, one(frame),
				      HVO_PROT_READ, false),
			 0);
	assert_changed(&f, &digest);
	assert_int_equal(protect(&f, 0, HVO_PROT_WRITE), 0);
	assert_changed(&f, &digest);
	load(&f, 0, 0);
	assert_int_equal(hvo_model_digest(f.model), digest);
	hvo_model_store(f.model, 0, va(&f, 0) + PAGE - 8, 1);
	assert_changed(&f, &digest);
	hvo_model_store(f.model, 0, va(&f, 0) + PAGE - 8, 0);
	assert_int_equal(unmap(&f, 0), 0);
	assert_int_equal(hvo_model_digest(f.model), taken);
	flush(&f, 0);
	give(&f, frame);
	assert_int_equal(hvo_model_digest(f.model), empty);
	assert_clean(&f);
	stop(&f);
}

/* Of a frame that holds what a free one holds, only the owner changes. */
static void test_digest_sees_who_has_frames(void **state)
{
	struct fixture f = start(HVO_ARCH_X86);
	hvo_frame_t frame = map_new(&f, 0, HVO_PROT_READ);

	(void)state;
	memset(hvo_port_frame(f.port, frame), 0xa5, PAGE);
	uint64_t digest = hvo_model_digest(f.model);

	give(&f, frame);
	assert_changed(&f, &digest);
	assert_broken(&f, HVO_RULE_FREED_MAPPED, 0);
	stop(&f);
}

/* Bytes of described memory count while descriptors are kept there. */
static void test_digest_sees_hosted_frames(void **state)
{
	struct fixture f = start(HVO_ARCH_X86);
	hvo_frame_t frame = hvo_frame_add(hvo_model_described(f.model), 3);

	(void)state;
	uint64_t digest = hvo_model_digest(f.model);

	poke(&f, frame, 1);
	assert_int_equal(hvo_model_digest(f.model), digest);
	assert_int_equal(hvo_port_map(f.port, at(&f, 0), 1, one(frame),
				      HVO_PROT_READ, false),
			 0);
	assert_changed(&f, &digest);
	poke(&f, frame, 2);
	assert_changed(&f, &digest);
	stop(&f);
}

/* ---- other CPUs ------------------------------------------------------- */

struct watch {
	struct fixture *f;
	unsigned calls;
	unsigned moved[16]; /* at each call, pages read as moved */
};

/* How many of the first four pages this CPU reads as 2. */
static void count_moved(void *ctx, struct hvo_model *model)
{
	struct watch *w = ctx;
	unsigned moved = 0;

	assert_ptr_equal(model, w->f->model);
	for (unsigned i = 0; i < 4; i++) {
		flush(w->f, i);
		moved += load(w->f, 0, i) == 2;
	}
	assert_in_range(w->calls, 0, 15);
	w->moved[w->calls++] = moved;
}

/*
 * The hook sees a call's pages change one by one, and what it calls itself
 * does not call it again.
 */
static void test_hook_sees_half_done_calls(void **state)
{
	struct fixture f = start(HVO_ARCH_X86);
	struct watch w = {.f = &f};
	hvo_frame_t other = take(&f, UINT64_MAX);

	(void)state;
	for (unsigned i = 0; i < 4; i++)
		map_new(&f, i, HVO_PROT_READ);
	poke(&f, other, 2);
	hvo_model_hook(f.model, count_moved, &w);
	assert_int_equal(hvo_port_repoint(f.port, at(&f, 0), 4, one(other),
					  HVO_PROT_READ, HVO_MAY_FAIL),
			 0);
	assert_int_equal(w.calls, 5);
	for (unsigned i = 0; i < 5; i++)
		assert_int_equal(w.moved[i], i);
	hvo_model_hook(f.model, NULL, NULL);
	flush(&f, 0);
	assert_int_equal(w.calls, 5);
	assert_clean(&f);
	stop(&f);
}

static void count_calls(void *ctx, struct hvo_model *model)
{
	(void)model;
	++*(unsigned *)ctx;
}

static void test_hook_before_and_after_every_change(void **state)
{
	struct fixture f = start(HVO_ARCH_X86);
	hvo_frame_t frame = take(&f, 0);
	hvo_frame_t other = take(&f, UINT64_MAX);
	unsigned calls = 0;

	(void)state;
	map_block(&f, BLOCK, HVO_PROT_READ);
	hvo_model_hook(f.model, count_calls, &calls);
#define CALLS_HOOK_TWICE(call)                                                 \
	do {                                                                   \
		calls = 0;                                                     \
		call;                                                          \
		assert_int_equal(calls, 2);                                    \
	} while (0)
	CALLS_HOOK_TWICE(hvo_port_copy(f.port, one(frame), one(other), 0));
	CALLS_HOOK_TWICE(hvo_port_map(f.port, at(&f, 0), 1, one(frame),
				      HVO_PROT_READ, false));
	CALLS_HOOK_TWICE(protect(&f, 0, HVO_PROT_WRITE));
	CALLS_HOOK_TWICE(repoint(&f, 0, other, HVO_PROT_READ));
	CALLS_HOOK_TWICE(unmap(&f, 0));
	CALLS_HOOK_TWICE(flush(&f, 0));
	CALLS_HOOK_TWICE(hvo_port_split(f.port, at(&f, BLOCK), 1));
	CALLS_HOOK_TWICE(hvo_port_collapse(f.port, at(&f, BLOCK)));
	CALLS_HOOK_TWICE(hvo_port_synchronize(f.port));
	CALLS_HOOK_TWICE(give(&f, frame));
#undef CALLS_HOOK_TWICE
	assert_clean(&f);
	stop(&f);
}

static void test_grace_period_calls_back(void **state)
{
	struct fixture f = start(HVO_ARCH_X86);
	unsigned ended = 0;

	(void)state;
	hvo_model_grace(f.model, count_calls, &ended);
	hvo_port_synchronize(f.port);
	hvo_port_synchronize(f.port);
	assert_int_equal(ended, 2);
	assert_clean(&f);
	stop(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_traits),
	    cmocka_unit_test(test_window_is_placed_as_the_engine_demands),
	    cmocka_unit_test(test_rules_have_texts),
	    cmocka_unit_test(test_translate),
	    cmocka_unit_test(test_runs_repeat),
	    cmocka_unit_test(test_load_and_store),
	    cmocka_unit_test(test_reads_are_stale_until_flushed),
	    cmocka_unit_test(test_unmapped_page_is_readable_until_flushed),
	    cmocka_unit_test(test_permission_is_stale_until_flushed),
	    cmocka_unit_test(test_asking_leaves_no_trace_in_the_tlb),
	    cmocka_unit_test(test_only_riscv_remembers_absence),
	    cmocka_unit_test(test_frames_come_from_home),
	    cmocka_unit_test(test_frames_honour_least_and_align),
	    cmocka_unit_test(test_frames_run_out),
	    cmocka_unit_test(test_frames_hold_junk_or_zeros),
	    cmocka_unit_test(test_requests_must_make_sense),
	    cmocka_unit_test(test_copy_repeats),
	    cmocka_unit_test(test_equal),
	    cmocka_unit_test(test_blocks_split_and_collapse),
	    cmocka_unit_test(test_whole_blocks_change_as_one),
	    cmocka_unit_test(test_collapse_needs_frames_that_fit),
	    cmocka_unit_test(test_no_blocks),
	    cmocka_unit_test(test_home_frames_fit_blocks),
	    cmocka_unit_test(test_nth_call_fails),
	    cmocka_unit_test(test_failed_calls_change_nothing),
	    cmocka_unit_test(test_must_never_fails),
	    cmocka_unit_test(test_arm_changes_never_fail),
	    cmocka_unit_test(test_digest_tells_states_apart),
	    cmocka_unit_test(test_digest_sees_who_has_frames),
	    cmocka_unit_test(test_digest_sees_hosted_frames),
	    cmocka_unit_test(test_hook_sees_half_done_calls),
	    cmocka_unit_test(test_hook_before_and_after_every_change),
	    cmocka_unit_test(test_grace_period_calls_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
