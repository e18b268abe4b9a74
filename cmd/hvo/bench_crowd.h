/* SPDX-License-Identifier: MIT */
/*
 * Threads that look heads up without pause, in a memory map or in a plain
 * mapping with the same bytes, and hold each against what it should be.
 *
 * Their counters are atomic and only added to by their thread; all else is
 * constant while they run, but for `plain` and `stop`, which are atomic too.
 */
#ifndef HVO_BENCH_CROWD_H
#define HVO_BENCH_CROWD_H

#include <stdatomic.h>
#include "bench_plain.h"

struct reader;

struct crowd {
	struct reader *reader;
	size_t n;          /* allocated */
	size_t started;    /* running */
	atomic_bool plain; /* look there, not in the map */
	atomic_bool stop;
};

/*
 * Start n threads. Returns 0 or an exit code, after saying what is wrong;
 * either way they are to be stopped.
 */
int crowd_start(struct crowd *crowd, size_t n, const struct lab_map *map,
		const struct plain *plain);
/* Returns how often heads were not what they should be. */
uint64_t crowd_stop(struct crowd *crowd);

/* Look here from now on; returns when every thread has seen all of it. */
void crowd_turn(struct crowd *crowd, bool plain);

/* Look-ups of all threads so far. */
uint64_t crowd_look_ups(const struct crowd *crowd);

#endif
