/* SPDX-License-Identifier: MIT */
/*
 * hvo bench buddy: what is measured on one thread and told (bench_buddy.c), and
 * on several (bench_buddy_crowd.c).
 */
#ifndef HVO_BENCH_BUDDY_H
#define HVO_BENCH_BUDDY_H

#include "bench_mm.h"

#define BUDDY_ORDERS 8
#define BUDDY_BATCH  4096 /* blocks held at once, at most */
#define BUDDY_CROWDS 8    /* numbers of threads: 1, 2, 4, ... and the most */

/* An allocator; either may be called on several threads at once. */
struct buddy_side {
	bool (*alloc)(struct hvo_mm *mm, unsigned order, void **out);
	void (*free)(struct hvo_mm *mm, void *block);
};

extern const struct buddy_side buddy_folios, buddy_library;

struct buddy_times {
	struct bench_series alloc, free; /* ns each */
};

/* Millions of blocks allocated and freed a second, by all threads. */
struct buddy_crowd {
	uint64_t threads;
	struct bench_series page, huge, library; /* order 0, order 9; 0 */
};

struct buddy_run {
	struct bench_options options;
	struct bench_mm machine;
	struct buddy_times folios[BUDDY_ORDERS], library[BUDDY_ORDERS];
	struct buddy_crowd crowd[BUDDY_CROWDS];
	size_t crowds;
	bool library_keeps; /* the memory that it was given back */
};

/* Measure 1, 2, 4, ... threads up to options.threads. Returns 0 or an exit
 * code. */
int buddy_crowds(struct buddy_run *r);

#endif
