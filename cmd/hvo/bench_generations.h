/* SPDX-License-Identifier: MIT */
/*
 * hvo bench generations: what is measured (bench_generations.c) and told
 * (bench_generations_tell.c).
 */
#ifndef HVO_BENCH_GENERATIONS_H
#define HVO_BENCH_GENERATIONS_H

#include "bench.h"
#include "progress.h"

#define GENERATIONS 5

#define GENERATIONS_LOOK_UPS (1u << 20)

/* In the order of the results. */
extern const struct lab_scheme *const bench_generations[GENERATIONS];

/* What came of one scheme. */
struct generation {
	uint64_t full;     /* bytes, as measured batch by batch */
	uint64_t measured; /* bytes left when all are optimized */
	uint64_t mappings;
	uint64_t checked; /* pfns */
	uint64_t wrong;
	struct bench_series optimize, restore, build; /* us a folio */
	struct bench_series sequential, random;       /* ns a look-up */
};

/* What is done, and what came of it. */
struct generations {
	struct bench_options options;
	uint64_t asked; /* bytes; options.memory is what is done */
	uint64_t folios;
	unsigned order;
	uint64_t batch; /* folios */
	struct generation results[GENERATIONS];
	struct hvo_progress progress;
	uint64_t steps; /* folios converted, for the bar */
};

/* Print the result; returns an exit code. */
int bench_generations_tell(const struct generations *r);

#endif
