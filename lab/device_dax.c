/* SPDX-License-Identifier: MIT */
/*
 * Device DAX's first scheme (2022): the mapping of reserve two, made while the
 * memory is added. Frames that would be freed are never taken; the shared
 * pages stay writable, so a stray write to one tail changes them all; and
 * there is no way from here to full descriptors but to remove the memory.
 */
#include "lab.h"

#define KEPT 2

/* Map a folio whose two frames are in scratch; on an error nothing is. */
static int map_folio(struct lab_map *map, uint64_t folio)
{
	struct hvo_run zero = {map->scratch[0], 1};
	struct hvo_run one = {map->scratch[1], 1};
	int error = hvo_port_map(map->port, lab_va(map, folio, 0), 1, zero,
				 HVO_PROT_WRITE, false);

	if (error)
		return error;
	/* pages 1, 2, 3, ... all to the second frame */
	error = hvo_port_map(map->port, lab_va(map, folio, 1), map->pages - 1,
			     one, HVO_PROT_WRITE, false);
	if (error)
		hvo_port_unmap(map->port, lab_va(map, folio, 0), 1, HVO_MUST);
	return error;
}

/* Write the records of the two pages that there are. */
static void write_records(struct lab_map *map, uint64_t folio)
{
	uint64_t records = (1 << LAB_PAGE_SHIFT) / sizeof(struct lab_page);
	struct lab_page *head = lab_folio(map, folio);

	lab_write_head(map, head);
	lab_write_tails(head + 1, KEPT * records - 1, head);
}

static int build(struct lab_map *map, uint64_t first, uint64_t n)
{
	for (uint64_t i = first; i < first + n; i++) {
		int error = lab_take_frames(map, i, 0, KEPT);

		if (error)
			return error;
		error = map_folio(map, i);
		if (error) {
			lab_free_frames(map, KEPT);
			return error;
		}
		hvo_port_flush(map->port, lab_va(map, i, 0), map->pages);
		write_records(map, i);
	}
	return 0;
}

const struct lab_scheme lab_device_dax = {
    .name = "device DAX",
    .key = "device-dax",
    .year = 2022,
    .record = sizeof(struct lab_page),
    .kept = KEPT,
    .walk = LAB_WALK_POINTER,
    .populate = lab_populate,
    .build = build,
    .depopulate = lab_depopulate,
};
