/* SPDX-License-Identifier: MIT */
/* How a manager's tables lie in the memory that it is given. */
#ifndef HVO_MM_LAYOUT_H
#define HVO_MM_LAYOUT_H

#include "internal.h"

/* Offsets in bytes; the manager itself is at 0. */
struct hvo_mm_layout {
	size_t zones;
	size_t caches;
	size_t works;
	size_t work_runs;
	size_t distance;
	size_t nearest;
	size_t movable;
	size_t sections;
	size_t map;
	size_t size;
	size_t runs; /* of each workspace */
};

struct hvo_mm_layout hvo_mm_lay_out(const struct hvo_mm_config *config);

/* The engine's configuration, without a source of frames. */
struct hvo_vmemmap_config
hvo_mm_vmemmap_config(const struct hvo_mm_config *config);

#endif
