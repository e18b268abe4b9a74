/* SPDX-License-Identifier: MIT */
/*
 * Reserve two (2020): of a folio's vmemmap pages, 0 and 1 stay as they are.
 * All others lead to page 1's frame, read-only. Page 1 holds nothing but
 * tails that point to the head, so each page that leads there reads as it
 * did before.
 */
#include "lab.h"

#define KEPT 2

static int optimize(struct lab_map *map, uint64_t first, uint64_t n)
{
	int error = 0;

	for (uint64_t i = first; i < first + n && !error; i++)
		error = lab_collapse_folio(map, i, KEPT);
	return error;
}

/* Page 1's bytes are what every tail page held. */
static void fill(struct lab_map *map, uint64_t folio, hvo_frame_t frame)
{
	hvo_port_copy(map->port, (struct hvo_run){frame, 1},
		      (struct hvo_run){lab_frame(map, folio, KEPT - 1), 1}, 0);
}

static int restore(struct lab_map *map, uint64_t first, uint64_t n)
{
	int error = 0;

	for (uint64_t i = first; i < first + n && !error; i++)
		error = lab_expand_folio(map, i, KEPT, fill);
	return error;
}

const struct lab_scheme lab_reserve_two = {
    .name = "reserve two",
    .key = "reserve-two",
    .year = 2020,
    .record = sizeof(struct lab_page),
    .kept = KEPT,
    .read_only = true,
    .walk = LAB_WALK_POINTER,
    .populate = lab_populate,
    .optimize = optimize,
    .restore = restore,
    .depopulate = lab_depopulate,
};
