/* SPDX-License-Identifier: MIT */
/*
 * Base pages -> block: where a whole block of vmemmap is full again and its
 * frames lie in a row, one table entry can map it, as when it was populated.
 * Frames and permissions stay as they are; only table memory and TLB entries
 * are saved.
 */

#include "engine.h"

/* The pfns of the units that a block at page touches. */
static void block_range(const struct hvo_vmemmap *map, uint64_t page,
			hvo_pfn_t *pfn, uint64_t *count)
{
	uint64_t unit_pages = map->unit_pages;
	uint64_t first = page / unit_pages;
	uint64_t end =
	    (page + map->traits->block_pages + unit_pages - 1) / unit_pages;

	*pfn = map->config.pfn_first + (first << map->geometry.unit_order);
	*count = (end - first) << map->geometry.unit_order;
}

/* Collapse the block at page if it is full and nobody holds it. */
static bool collapse(struct hvo_vmemmap *map, uint64_t page)
{
	void *address = hvo_page_address(map, page);
	unsigned domain;
	hvo_pfn_t pfn;
	uint64_t count;
	bool made;

	block_range(map, page, &pfn, &count);
	if (hvo_claim(map, pfn, count, map->geometry.unit_order, UNIT_PRESENT,
		      &domain))
		return false;
	made = !hvo_port_translate(map->config.port, address).block &&
	       !hvo_port_collapse(map->config.port, address);
	if (made)
		hvo_flush_pages(map, page, map->traits->block_pages);
	hvo_release(map, pfn, count);
	return made;
}

static bool all_present(const struct hvo_vmemmap *map, hvo_pfn_t pfn,
			uint64_t count)
{
	for (uint64_t at = 0; at < count;
	     at += UINT64_C(1) << map->geometry.unit_order)
		if (!hvo_pfn_valid(map, pfn + at))
			return false;
	return true;
}

int hvo_vmemmap_collapse(struct hvo_vmemmap *map, hvo_pfn_t pfn, uint64_t count,
			 uint64_t *blocks)
{
	uint64_t pages = map->traits->block_pages;
	int err = hvo_range_validate(map, pfn, count, map->geometry.unit_order);

	*blocks = 0;
	if (!err && !all_present(map, pfn, count))
		err = -HVO_EABSENT;
	if (err || !pages)
		return err;

	uint64_t page = hvo_pfn_page(map, pfn);
	uint64_t end = hvo_pfn_page(map, pfn + count);
	uint64_t number =
	    (uintptr_t)hvo_page_address(map, page) >> map->geometry.page_shift;

	/* Blocks are aligned in the address space, not in the window. */
	for (page += (pages - number % pages) % pages; page + pages <= end;
	     page += pages)
		*blocks += collapse(map, page);
	return 0;
}
