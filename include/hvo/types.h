/* SPDX-License-Identifier: MIT */
/*
 * The numbers every layer shares: page frame numbers, frames, runs of frames.
 *
 * A pfn counts the base pages that descriptors describe; a frame is a base
 * page that holds descriptors. Both number base pages, and where the described
 * memory itself may hold descriptors they number the same pages; they are
 * distinct types so that neither is passed for the other by accident.
 */
#ifndef HVO_TYPES_H
#define HVO_TYPES_H

#include <stddef.h>
#include <stdint.h>

/* A page frame number: the index of a base page, and of its descriptor. */
typedef uint64_t hvo_pfn_t;

/* A frame: a base page that backs vmemmap. The port gives nr its meaning. */
typedef struct {
	uint64_t nr;
} hvo_frame_t;

#define HVO_NO_FRAME ((hvo_frame_t){UINT64_MAX})

/* count frames in a row: first, first + 1, ... */
struct hvo_run {
	hvo_frame_t first;
	uint64_t count; /* frames */
};

static inline hvo_frame_t hvo_frame_add(hvo_frame_t frame, uint64_t n)
{
	return (hvo_frame_t){frame.nr + n};
}

#endif
