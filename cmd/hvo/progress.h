/* SPDX-License-Identifier: MIT */
/*
 * A progress bar: on stderr, if that is a terminal, and only for work that
 * turns out to take long. Costs one clock read per step.
 */
#ifndef HVO_PROGRESS_H
#define HVO_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

/* Belongs to one thread. */
struct hvo_progress {
	const char *what;
	uint64_t total;
	uint64_t next_ns; /* when to draw again; UINT64_MAX: never */
	bool drawn;
};

/* Begin; what is what is being done: "optimizing". total may be 0. */
void hvo_progress_start(struct hvo_progress *p, const char *what,
			uint64_t total);

/* Begin what cannot tell how far it is: only what it is appears, at once. */
void hvo_progress_wait(struct hvo_progress *p, const char *what);

/* So much of the total has been done. */
void hvo_progress_step(struct hvo_progress *p, uint64_t done);

/* The work has ended, well or not: nothing of the bar stays. */
void hvo_progress_end(struct hvo_progress *p);

#endif
