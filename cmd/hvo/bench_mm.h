/* SPDX-License-Identifier: MIT */
/*
 * A machine with pools of huge pages, for the benchmarks of the memory
 * manager. One thread opens, closes and occupies it.
 */
#ifndef HVO_BENCH_MM_H
#define HVO_BENCH_MM_H

#include "bench.h"
#include "hvo/hugetlb.h"
#include "hvo_machine.h"

struct bench_mm {
	struct hvo_machine *machine;
	struct hvo_mm *mm;
	struct hvo_hugetlb *pools;
	void *pools_memory;
	struct hvo_page **taken; /* by bench_mm_occupy() */
	size_t n_taken;
	size_t room;
};

/*
 * Open a machine without watermarks, one node, with pools of these orders that
 * optimize their pages. Raises vm.max_map_count to `mappings` if that is more
 * than it is, and may be changed. Returns 0 or, after saying what is wrong, an
 * exit code.
 */
struct bench_mm_config {
	uint64_t memory; /* bytes */
	unsigned orders[2];
	unsigned sizes;
	unsigned cpus;
	uint64_t mappings;
	/* As in hvo_machine_config. */
	int (*prepare)(void *ctx, struct hvo_memblock *memblock,
		       struct hvo_machine_boot *boot);
	void *ctx;
};

int bench_mm_open(struct bench_mm *b, const struct bench_mm_config *config);

/* Give everything back; also what was only partly opened. */
void bench_mm_close(struct bench_mm *b);

/* Tell a negative error of a call of the manager; returns an exit code. */
int bench_mm_failed(const struct bench_mm *b, const char *what, int error);

/* Base pages that can be allocated. */
uint64_t bench_mm_free(const struct bench_mm *b);

/*
 * Allocate all memory but `keep` base pages, which are single ones; and free
 * what was so allocated. Returns 0 or an exit code.
 */
int bench_mm_occupy(struct bench_mm *b, uint64_t keep);
void bench_mm_vacate(struct bench_mm *b);

/* The machine's check and the pools'; returns an exit code, after saying what
 * was found. */
int bench_mm_check(const struct bench_mm *b);

#endif
