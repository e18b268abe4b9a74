/* SPDX-License-Identifier: MIT */
/*
 * Long random sequences of transitions, failures and stores, held against the
 * reference. A failure prints its seed; HVO_SEED=n runs that one alone, and
 * HVO_SEEDS=n runs more of them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "engine_ops.h"

static uint64_t from_environment(const char *name, uint64_t otherwise)
{
	const char *value = getenv(name);

	return value ? strtoull(value, NULL, 0) : otherwise;
}

static const char *sequence(struct choices *c, struct ref *ref,
			    struct engine *e, uint64_t steps, uint64_t *step,
			    struct ops_tally *tally)
{
	const char *wrong = NULL;

	for (*step = 0; *step < steps && !wrong; ++*step) {
		wrong = ops_step(c, ref, e, tally);
		if (!wrong && *step % 64 == 63)
			wrong = ref_compare(ref, e);
		if (!wrong && *step % 256 == 255)
			wrong = engine_wrong(e);
	}
	if (!wrong)
		wrong = ref_compare(ref, e);
	return wrong ? wrong : engine_wrong(e);
}

static void run_seed(uint64_t seed, uint64_t steps, struct ops_tally *tally)
{
	struct choices c = {.seed = seed};
	struct engine_config config = choose_config(&c);
	struct engine *e = engine_open(&config);
	struct ref *ref = ref_open(e);
	uint64_t step;
	const char *wrong = sequence(&c, ref, e, steps, &step, tally);

	if (wrong)
		print_error("seed %llu (%s, shift %u, record %u), step %llu: "
			    "%s\n",
			    (unsigned long long)seed,
			    engine_arch_name(config.arch), config.page_shift,
			    config.record.size, (unsigned long long)step,
			    wrong);
	ref_close(ref);
	engine_close(e);
	assert_null(wrong);
}

static void test_sequences(void **state)
{
	bool model = !strcmp(engine_port_name, "model");
	uint64_t seeds = from_environment("HVO_SEEDS", model ? 40 : 15);
	uint64_t only = from_environment("HVO_SEED", 0);
	struct ops_tally tally = {0};

	(void)state;
	for (uint64_t seed = only ? only : 1; seed <= (only ? only : seeds);
	     seed++)
		run_seed(seed, model ? 2000 : 500, &tally);
	/* Sequences that get nowhere test nothing. */
	for (unsigned kind = 0; kind < OP_KINDS; kind++) {
		print_message("# %s: %llu of %llu succeeded\n",
			      op_name((enum op_kind)kind),
			      (unsigned long long)tally.fine[kind],
			      (unsigned long long)tally.calls[kind]);
		if (kind != OP_PREPARE && !only)
			assert_true(tally.fine[kind] > 10);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_sequences),
	};

	return cmocka_run_group_tests_name(engine_port_name, tests, NULL, NULL);
}
