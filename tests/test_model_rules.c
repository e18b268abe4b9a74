/* SPDX-License-Identifier: MIT */
/*
 * The model port's rules. Each is broken here by hand, by calling the port as
 * an engine must not, so that other tests may trust its silence; and next to
 * it stands what is so nearly the same, and allowed.
 */
#include "model_fixture.h"

static void test_rule_read_fault(void **state)
{
	struct fixture f = start(HVO_ARCH_X86);

	(void)state;
	assert_int_equal(load(&f, 0, PAGES - 1), 0);
	assert_broken(&f, HVO_RULE_READ_FAULT, PAGES - 1);
	load(&f, 0, PAGES);
	assert_broken(&f, HVO_RULE_READ_FAULT, PAGES);
	hvo_model_load(f.model, 0, f.start - 8);
	assert_broken(&f, HVO_RULE_READ_FAULT, UINT64_MAX);
	stop(&f);
}

static void test_rule_write_fault(void **state)
{
	struct fixture f = start(HVO_ARCH_X86);
	hvo_frame_t frame = map_new(&f, 1, HVO_PROT_READ);
	const uint64_t *word = hvo_port_frame(f.port, frame);

	(void)state;
	hvo_model_store(f.model, 0, va(&f, 1), 1);
	assert_broken(&f, HVO_RULE_WRITE_FAULT, 1);
	assert_int_equal(*word, 0);
	hvo_model_store(f.model, 0, va(&f, 2), 1);
	assert_broken(&f, HVO_RULE_WRITE_FAULT, 2);
	stop(&f);
}

static void test_rule_bbm_writable(void **state)
{
	(void)state;
	for (enum hvo_arch arch = HVO_ARCH_X86; arch <= HVO_ARCH_RISCV;
	     arch++) {
		struct fixture f = start(arch);
		hvo_frame_t other = take(&f, UINT64_MAX);
		bool arm = arch == HVO_ARCH_ARM || arch == HVO_ARCH_ARM_BBM2;

		/* The old side. */
		map_new(&f, 0, HVO_PROT_WRITE);
		assert_int_equal(repoint(&f, 0, other, HVO_PROT_READ), 0);
		if (arm)
			assert_broken(&f, HVO_RULE_BBM_WRITABLE, 0);
		assert_clean(&f);

		/* The new side. */
		map_new(&f, 1, HVO_PROT_READ);
		assert_int_equal(repoint(&f, 1, other, HVO_PROT_WRITE), 0);
		if (arm)
			assert_broken(&f, HVO_RULE_BBM_WRITABLE, 1);
		assert_clean(&f);
		stop(&f);
	}
}

/* Made read-only, but without a flush a CPU may not know it yet. */
static void test_rule_bbm_writable_in_a_tlb(void **state)
{
	struct fixture f = start(HVO_ARCH_ARM);
	hvo_frame_t other = take(&f, UINT64_MAX);

	(void)state;
	map_new(&f, 0, HVO_PROT_WRITE);
	assert_int_equal(protect(&f, 0, HVO_PROT_READ), 0);
	assert_int_equal(repoint(&f, 0, other, HVO_PROT_READ), 0);
	assert_broken(&f, HVO_RULE_BBM_WRITABLE, 0);

	map_new(&f, 1, HVO_PROT_WRITE);
	assert_int_equal(protect(&f, 1, HVO_PROT_READ), 0);
	flush(&f, 1);
	assert_int_equal(repoint(&f, 1, other, HVO_PROT_READ), 0);
	assert_clean(&f);

	/* Nor may the new frame be made writable before all have moved. */
	assert_int_equal(protect(&f, 1, HVO_PROT_WRITE), 0);
	assert_broken(&f, HVO_RULE_BBM_WRITABLE, 1);
	stop(&f);
}

/* Break without the flush that makes it one. */
static void test_rule_bbm_after_unmap(void **state)
{
	struct fixture f = start(HVO_ARCH_ARM);

	(void)state;
	map_new(&f, 0, HVO_PROT_WRITE);
	assert_int_equal(unmap(&f, 0), 0);
	map_new(&f, 0, HVO_PROT_WRITE);
	assert_broken(&f, HVO_RULE_BBM_WRITABLE, 0);
	assert_int_equal(unmap(&f, 0), 0);
	flush(&f, 0);
	map_new(&f, 0, HVO_PROT_WRITE);
	assert_clean(&f);
	stop(&f);
}

static void test_rule_bbm_bytes(void **state)
{
	struct fixture f = start(HVO_ARCH_ARM_BBM2);
	hvo_frame_t other = take(&f, UINT64_MAX);

	(void)state;
	poke(&f, other, 1);
	map_new(&f, 0, HVO_PROT_READ);
	assert_int_equal(repoint(&f, 0, other, HVO_PROT_READ), 0);
	assert_broken(&f, HVO_RULE_BBM_BYTES, 0);

	poke(&f, other, 0);
	map_new(&f, 1, HVO_PROT_READ);
	assert_int_equal(repoint(&f, 1, other, HVO_PROT_READ), 0);
	assert_clean(&f);
	stop(&f);
}

/* Part of a block is changed: impossible on Arm level 0, misuse elsewhere. */
static void test_rule_bbm_block(void **state)
{
	static const enum hvo_rule rules[] = {
	    [HVO_ARCH_X86] = HVO_RULE_MISUSE,
	    [HVO_ARCH_ARM] = HVO_RULE_BBM_BLOCK,
	    [HVO_ARCH_ARM_BBM2] = HVO_RULE_MISUSE,
	    [HVO_ARCH_RISCV] = HVO_RULE_MISUSE,
	};

	(void)state;
	for (enum hvo_arch arch = HVO_ARCH_X86; arch <= HVO_ARCH_RISCV;
	     arch++) {
		struct fixture f = start(arch);
		hvo_frame_t other = take(&f, UINT64_MAX);

		map_block(&f, BLOCK, HVO_PROT_WRITE);
		uint64_t before = hvo_model_digest(f.model);

		assert_int_equal(protect(&f, BLOCK + 1, HVO_PROT_READ),
				 -HVO_ESTATE);
		assert_broken(&f, rules[arch], BLOCK + 1);
		assert_int_equal(unmap(&f, BLOCK), -HVO_ESTATE);
		assert_broken(&f, rules[arch], BLOCK);
		assert_int_equal(unmap(&f, 2 * BLOCK - 1), -HVO_ESTATE);
		assert_broken(&f, rules[arch], 2 * BLOCK - 1);
		assert_int_equal(repoint(&f, BLOCK, other, HVO_PROT_READ),
				 -HVO_ESTATE);
		assert_broken(&f, rules[arch], BLOCK);
		assert_int_equal(hvo_model_digest(f.model), before);
		stop(&f);
	}
}

static void test_rule_freed_mapped(void **state)
{
	struct fixture f = start(HVO_ARCH_X86);
	hvo_frame_t frame = map_new(&f, 4, HVO_PROT_READ);

	(void)state;
	give(&f, frame);
	assert_broken(&f, HVO_RULE_FREED_MAPPED, 4);
	stop(&f);
}

static void test_rule_freed_in_tlb(void **state)
{
	struct fixture f = start(HVO_ARCH_X86);
	hvo_frame_t frame = map_new(&f, 4, HVO_PROT_READ);

	(void)state;
	load(&f, 1, 4);
	assert_int_equal(unmap(&f, 4), 0);
	give(&f, frame);
	assert_broken(&f, HVO_RULE_FREED_IN_TLB, 4);

	/* What the CPU reads now is junk. */
	assert_int_equal(load(&f, 1, 4), UINT64_C(0xa5a5a5a5a5a5a5a5));

	frame = map_new(&f, 5, HVO_PROT_READ);
	load(&f, 1, 5);
	assert_int_equal(unmap(&f, 5), 0);
	flush(&f, 5);
	give(&f, frame);
	assert_clean(&f);
	stop(&f);
}

/*
 * Nobody looked, but somebody could have: at the first and at the last of the
 * frames that were replaced since the last flush.
 */
static void test_rule_freed_in_tlb_by_speculation(void **state)
{
	struct fixture f = start(HVO_ARCH_X86);
	hvo_frame_t first = map_new(&f, 0, HVO_PROT_READ);
	hvo_frame_t second = take(&f, UINT64_MAX);
	hvo_frame_t third = take(&f, UINT64_MAX);

	(void)state;
	assert_int_equal(repoint(&f, 0, second, HVO_PROT_READ), 0);
	assert_int_equal(repoint(&f, 0, third, HVO_PROT_READ), 0);
	give(&f, first);
	assert_broken(&f, HVO_RULE_FREED_IN_TLB, 0);
	give(&f, second);
	assert_broken(&f, HVO_RULE_FREED_IN_TLB, 0);
	assert_int_equal(unmap(&f, 0), 0);
	flush(&f, 0);
	give(&f, third);
	assert_clean(&f);
	stop(&f);
}

static void test_rule_freed_twice(void **state)
{
	struct fixture f = start(HVO_ARCH_X86);
	hvo_frame_t frame = take(&f, 0);

	(void)state;
	give(&f, frame);
	assert_clean(&f);
	give(&f, frame);
	assert_broken_nowhere(&f, HVO_RULE_FREED_TWICE);
	assert_int_equal(hvo_model_handed_out(f.model), 0);

	/* The described memory's frames are not the source's to take. */
	give(&f, hvo_model_described(f.model));
	assert_broken_nowhere(&f, HVO_RULE_FREED_TWICE);
	give(&f, (hvo_frame_t){hvo_model_frame_end(f.model)});
	assert_broken_nowhere(&f, HVO_RULE_FREED_TWICE);
	give(&f, HVO_NO_FRAME);
	assert_broken_nowhere(&f, HVO_RULE_FREED_TWICE);
	stop(&f);
}

static void test_rule_lost_write(void **state)
{
	struct fixture f = start(HVO_ARCH_X86);
	hvo_frame_t other = take(&f, UINT64_MAX);

	(void)state;
	map_new(&f, 0, HVO_PROT_WRITE);
	load(&f, 0, 0);
	assert_int_equal(repoint(&f, 0, other, HVO_PROT_WRITE), 0);
	hvo_model_store(f.model, 1, va(&f, 0), 1);
	assert_clean(&f);
	hvo_model_store(f.model, 0, va(&f, 0), 1);
	assert_broken(&f, HVO_RULE_LOST_WRITE, 0);

	map_new(&f, 1, HVO_PROT_WRITE);
	load(&f, 0, 1);
	assert_int_equal(unmap(&f, 1), 0);
	hvo_model_store(f.model, 0, va(&f, 1), 1);
	assert_broken(&f, HVO_RULE_LOST_WRITE, 1);
	stop(&f);
}

static void test_rule_frame_state(void **state)
{
	struct fixture f = start(HVO_ARCH_X86);
	hvo_frame_t frame = take(&f, 0);

	(void)state;
	give(&f, frame);
	assert_int_equal(hvo_port_map(f.port, at(&f, 0), 1, one(frame),
				      HVO_PROT_READ, false),
			 0);
	assert_broken(&f, HVO_RULE_FRAME_STATE, 0);
	map_new(&f, 1, HVO_PROT_READ);
	assert_clean(&f);
	assert_int_equal(repoint(&f, 1, frame, HVO_PROT_READ), 0);
	assert_broken(&f, HVO_RULE_FRAME_STATE, 1);
	hvo_port_frame(f.port, frame);
	assert_broken_nowhere(&f, HVO_RULE_FRAME_STATE);

	/* The described memory may host descriptors as it likes. */
	assert_int_equal(hvo_port_map(f.port, at(&f, 2), 1,
				      one(hvo_model_described(f.model)),
				      HVO_PROT_WRITE, false),
			 0);
	hvo_model_store(f.model, 0, va(&f, 2), 1);
	assert_clean(&f);
	stop(&f);
}

/* Calls that no engine may make, each refused with nothing changed. */
static void test_rule_misuse_of_ranges(void **state)
{
	struct fixture f = start(HVO_ARCH_X86);
	struct hvo_run run = one(take(&f, UINT64_MAX));
	struct hvo_run none = {run.first, 0};
	uint64_t end = hvo_model_frame_end(f.model);
	struct hvo_run beyond = one((hvo_frame_t){end});
	struct hvo_run far_off = one((hvo_frame_t){UINT64_MAX - 1});
	struct hvo_run across = {{end - 1}, 2};
	struct hvo_run odd = {{end - BLOCK - (end % BLOCK == 0)}, BLOCK};

	(void)state;
	map_new(&f, 1, HVO_PROT_WRITE);
	uint64_t before = hvo_model_digest(f.model);

#define REFUSES(page, call)                                                    \
	do {                                                                   \
		assert_int_equal(call, -HVO_ESTATE);                           \
		assert_broken(&f, HVO_RULE_MISUSE, page);                      \
		assert_int_equal(hvo_model_digest(f.model), before);           \
	} while (0)
#define MAP(page, n, run, prot, block)                                         \
	REFUSES(page, hvo_port_map(f.port, at(&f, page), n, run, prot, block))

	MAP(0, 0, run, HVO_PROT_READ, false);
	MAP(PAGES, 1, run, HVO_PROT_READ, false);
	MAP(UINT64_MAX, 1, run, HVO_PROT_READ, false);
	MAP(PAGES - 1, 2, run, HVO_PROT_READ, false);
	MAP(2, UINT64_MAX, run, HVO_PROT_READ, false);
	MAP(0, 1, none, HVO_PROT_READ, false);
	MAP(0, 1, beyond, HVO_PROT_READ, false);
	MAP(0, 1, far_off, HVO_PROT_READ, false);
	MAP(0, 1, run, HVO_PROT_NONE, false);
	MAP(4, 2, across, HVO_PROT_READ, false);
	MAP(BLOCK, BLOCK, odd, HVO_PROT_READ, true);
	MAP(1, 1, run, HVO_PROT_READ, false);
	MAP(0, 1, run, HVO_PROT_READ, true);
	REFUSES(0, hvo_port_map(f.port, (char *)at(&f, 0) + 8, 1, run,
				HVO_PROT_READ, false));
	REFUSES(0, repoint(&f, 0, run.first, HVO_PROT_READ));
	REFUSES(1, repoint(&f, 1, run.first, HVO_PROT_NONE));
	REFUSES(0, protect(&f, 0, HVO_PROT_READ));
	REFUSES(1, protect(&f, 1, HVO_PROT_NONE));
	REFUSES(0, unmap(&f, 0));
	REFUSES(0, hvo_port_split(f.port, at(&f, 0), 2));
	REFUSES(0, hvo_port_collapse(f.port, at(&f, 0)));
#undef MAP
#undef REFUSES

	assert_int_equal(hvo_port_translate(f.port, at(&f, PAGES)).prot,
			 HVO_PROT_NONE);
	assert_broken(&f, HVO_RULE_MISUSE, PAGES);
	assert_false(hvo_port_equal(f.port, at(&f, 0), 2, run));
	assert_broken(&f, HVO_RULE_MISUSE, 0);
	assert_false(hvo_port_equal(f.port, at(&f, 1), 1, none));
	assert_broken(&f, HVO_RULE_MISUSE, 1);
	hvo_port_flush(f.port, at(&f, 0), PAGES + 1);
	assert_broken(&f, HVO_RULE_MISUSE, 0);
	hvo_port_frame(f.port, beyond.first);
	assert_broken_nowhere(&f, HVO_RULE_MISUSE);
	stop(&f);
}

static void test_rule_misuse_of_copy(void **state)
{
	struct fixture f = start(HVO_ARCH_X86);
	hvo_frame_t mapped = map_new(&f, 0, HVO_PROT_READ);
	hvo_frame_t own = take(&f, UINT64_MAX);

	(void)state;
	hvo_port_copy(f.port, one(mapped), one(own), 0);
	assert_broken(&f, HVO_RULE_MISUSE, 0);
	assert_int_equal(unmap(&f, 0), 0);
	hvo_port_copy(f.port, one(mapped), one(own), 0);
	assert_broken(&f, HVO_RULE_MISUSE, 0);
	flush(&f, 0);
	hvo_port_copy(f.port, one(mapped), one(own), 0);
	assert_clean(&f);
	hvo_port_copy(f.port, one(own), one(own), 0);
	assert_broken_nowhere(&f, HVO_RULE_MISUSE);
	hvo_port_copy(f.port, one(own), (struct hvo_run){mapped, 0}, 0);
	assert_broken_nowhere(&f, HVO_RULE_MISUSE);
	memset(hvo_port_frame(f.port, mapped), 1, 64);
	hvo_port_copy(f.port, one(own), one(mapped), 64);
	assert_broken_nowhere(&f, HVO_RULE_MISUSE);
	give(&f, mapped);
	hvo_port_copy(f.port, one(own), one(mapped), 0);
	assert_broken_nowhere(&f, HVO_RULE_FRAME_STATE);
	stop(&f);
}

static void test_rule_misuse_of_the_lock(void **state)
{
	struct fixture f = start(HVO_ARCH_X86);

	(void)state;
	hvo_port_unlock(f.port);
	assert_broken_nowhere(&f, HVO_RULE_MISUSE);
	hvo_port_lock(f.port);
	assert_clean(&f);
	hvo_port_lock(f.port);
	assert_broken_nowhere(&f, HVO_RULE_MISUSE);
	hvo_port_synchronize(f.port);
	assert_broken_nowhere(&f, HVO_RULE_MISUSE);
	hvo_port_frame(f.port, hvo_model_described(f.model));
	assert_broken_nowhere(&f, HVO_RULE_MISUSE);
	hvo_port_translate(f.port, at(&f, 3));
	assert_broken(&f, HVO_RULE_MISUSE, 3);
	hvo_port_flush(f.port, at(&f, 4), 1);
	assert_broken(&f, HVO_RULE_MISUSE, 4);
	hvo_port_unlock(f.port);
	assert_clean(&f);
	stop(&f);
}

/* HVO_MUST is for going back. */
static void test_rule_misuse_of_must(void **state)
{
	struct fixture f = start(HVO_ARCH_X86);
	hvo_frame_t frames[4];

	(void)state;
	frames[0] = map_new(&f, 0, HVO_PROT_READ);
	for (unsigned i = 1; i < 4; i++)
		frames[i] = take(&f, UINT64_MAX);
	assert_int_equal(repoint(&f, 0, frames[1], HVO_PROT_READ), 0);
	assert_int_equal(must_repoint(&f, 0, frames[0]), 0);

	/* Two steps, and back at once. */
	assert_int_equal(repoint(&f, 0, frames[1], HVO_PROT_READ), 0);
	assert_int_equal(repoint(&f, 0, frames[2], HVO_PROT_READ), 0);
	assert_int_equal(must_repoint(&f, 0, frames[0]), 0);
	assert_clean(&f);
	assert_int_equal(must_repoint(&f, 0, frames[3]), -HVO_ESTATE);
	assert_broken(&f, HVO_RULE_MISUSE, 0);
	stop(&f);
}

static void test_first_violation_stays(void **state)
{
	struct fixture f = start(HVO_ARCH_X86);

	(void)state;
	load(&f, 0, 1);
	hvo_port_unlock(f.port);
	hvo_model_store(f.model, 0, va(&f, 2), 1);
	assert_broken(&f, HVO_RULE_READ_FAULT, 1);
	stop(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_rule_read_fault),
	    cmocka_unit_test(test_rule_write_fault),
	    cmocka_unit_test(test_rule_bbm_writable),
	    cmocka_unit_test(test_rule_bbm_writable_in_a_tlb),
	    cmocka_unit_test(test_rule_bbm_after_unmap),
	    cmocka_unit_test(test_rule_bbm_bytes),
	    cmocka_unit_test(test_rule_bbm_block),
	    cmocka_unit_test(test_rule_freed_mapped),
	    cmocka_unit_test(test_rule_freed_in_tlb),
	    cmocka_unit_test(test_rule_freed_in_tlb_by_speculation),
	    cmocka_unit_test(test_rule_freed_twice),
	    cmocka_unit_test(test_rule_lost_write),
	    cmocka_unit_test(test_rule_frame_state),
	    cmocka_unit_test(test_rule_misuse_of_ranges),
	    cmocka_unit_test(test_rule_misuse_of_copy),
	    cmocka_unit_test(test_rule_misuse_of_the_lock),
	    cmocka_unit_test(test_rule_misuse_of_must),
	    cmocka_unit_test(test_first_violation_stays),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
