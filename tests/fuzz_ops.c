/* SPDX-License-Identifier: MIT */
/*
 * libFuzzer target: bytes become a map's geometry, an architecture and a
 * stream of calls with sensible and senseless arguments, failures to order and
 * stores to descriptors, all on the model port and against the reference.
 * Whatever is wrong ends the program.
 */
#include <stdio.h>
#include <stdlib.h>

#include "engine_ops.h"

/* Enough to get anywhere in a map this small. */
#define STEPS_MAX 400

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(const char *wrong, uint64_t step)
{
	if (!wrong)
		return;
	fprintf(stderr, "after step %llu: %s\n", (unsigned long long)step,
		wrong);
	abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct choices c = {.bytes = data, .left = size};
	struct engine_config config = choose_config(&c);
	struct engine *e = engine_open(&config);
	struct ref *ref = ref_open(e);
	struct ops_tally tally = {0};
	uint64_t step = 0;

	for (; step < STEPS_MAX && !choices_spent(&c); step++) {
		must(ops_step(&c, ref, e, &tally), step);
		must(engine_port_wrong(e), step);
	}
	must(ref_compare(ref, e), step);
	must(engine_wrong(e), step);
	ref_close(ref);
	engine_close(e);
	return 0;
}
