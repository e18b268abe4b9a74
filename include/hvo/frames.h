/* SPDX-License-Identifier: MIT */
/*
 * Where the frames that back descriptors come from and go to: a kernel's page
 * allocator, or a pool. Given to the engine by whoever makes the memory map;
 * both functions must be safe to call from several CPUs at once.
 */
#ifndef HVO_FRAMES_H
#define HVO_FRAMES_H

#include <stdbool.h>
#include "hvo/types.h"

struct hvo_frame_request {
	uint64_t count;  /* frames wanted, in a row */
	uint64_t least;  /* frames accepted, in a row; 1 to count */
	uint64_t align;  /* of the first frame, a power of two */
	uint64_t home;   /* vmemmap page they are for: a hint for placing */
	unsigned domain; /* zone whose descriptors they hold: a hint */
	bool zero;       /* fill with zeros */
};

struct hvo_frames {
	void *ctx; /* passed to both */
	/*
	 * Gives a run of least to count frames in *run.
	 * Returns 0 or -HVO_ENOMEM.
	 */
	int (*alloc)(void *ctx, const struct hvo_frame_request *request,
		     struct hvo_run *run);
	/* Takes frames back, in any division. No CPU can reach them any
	 * more. Never fails. */
	void (*free)(void *ctx, struct hvo_run run);
};

#endif
