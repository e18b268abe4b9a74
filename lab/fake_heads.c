/* SPDX-License-Identifier: MIT */
/*
 * Fake heads (2021): of a folio's vmemmap pages, only page 0 keeps its frame,
 * and all others lead to it, read-only. The first record of each of them
 * then reads as the head does; that it is none, the record after it tells
 * (walk.c).
 */
#include "lab.h"

#define KEPT 1

static int optimize(struct lab_map *map, uint64_t first, uint64_t n)
{
	int error = 0;

	for (uint64_t i = first; i < first + n && !error; i++)
		error = lab_collapse_folio(map, i, KEPT);
	return error;
}

/*
 * Not a copy of page 0: the head must not come back as a tail, nor what the
 * tails beside it may have come to hold.
 */
static void fill(struct lab_map *map, uint64_t folio, hvo_frame_t frame)
{
	struct lab_page *page = hvo_port_frame(map->port, frame);

	lab_write_tails(page, (1 << LAB_PAGE_SHIFT) / sizeof(*page),
			lab_folio(map, folio));
}

static int restore(struct lab_map *map, uint64_t first, uint64_t n)
{
	int error = 0;

	for (uint64_t i = first; i < first + n && !error; i++)
		error = lab_expand_folio(map, i, KEPT, fill);
	return error;
}

const struct lab_scheme lab_fake_heads = {
    .name = "fake heads",
    .key = "fake-heads",
    .year = 2021,
    .record = sizeof(struct lab_page),
    .kept = KEPT,
    .read_only = true,
    .walk = LAB_WALK_FAKE,
    .populate = lab_populate,
    .optimize = optimize,
    .restore = restore,
    .depopulate = lab_depopulate,
};
