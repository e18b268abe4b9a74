/* SPDX-License-Identifier: MIT */
/*
 * hvo bench linux: what is measured (bench_linux.c) and told
 * (bench_linux_tell.c).
 */
#ifndef HVO_BENCH_LINUX_H
#define HVO_BENCH_LINUX_H

#include "bench_mm.h"

#define BENCH_LINUX_PAGE (UINT64_C(2) << 20)

/* Microseconds a page, one value a round. */
struct linux_times {
	struct bench_series grow_off, grow_on, shrink_off, shrink_on;
	struct bench_series optimize, restore; /* the engine's */
	/* Our pool's. */
	struct bench_series our_grow_off, our_grow_on;
	struct bench_series our_shrink_off, our_shrink_on;
};

struct linux_run {
	struct bench_options options;
	uint64_t pool; /* huge pages found in it */
	struct lab_map map;
	struct bench_mm machine;
	struct linux_times times;
	uint64_t full;         /* bytes of the engine's map, nothing shared */
	uint64_t kernel_saved; /* bytes, the same in each round */
	uint64_t engine_saved; /* less the shared tails' own frames */
};

/* Print the result; returns an exit code. */
int bench_linux_tell(const struct linux_run *r);

#endif
