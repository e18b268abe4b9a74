/* SPDX-License-Identifier: MIT */
/*
 * Walks over memblock's collections. Two sorted lists are gone through side by
 * side, the regions of one and the gaps between the regions of the other; at
 * each step the one of the two that ends first is done with.
 */

#include "memblock.h"

static uint64_t make_cursor(unsigned long region, unsigned long gap)
{
	return (uint64_t)gap << 32 | region;
}

/* Gap i: what lies before region i of type and after the one before it. */
static struct hvo_extent gap_extent(const struct hvo_memblock_type *type,
				    unsigned long i)
{
	struct hvo_extent gap = {0, HVO_PHYS_MAX};

	if (type && i)
		gap.base = hvo_memblock_region_end(&type->regions[i - 1]);
	if (type && i < type->cnt)
		gap.end = type->regions[i].base;
	return gap;
}

static bool selected(const struct hvo_memblock *mb,
		     const struct hvo_memblock_select *select,
		     const struct hvo_memblock_region *region)
{
	unsigned only_if_named =
	    HVO_MEMBLOCK_NOMAP | HVO_MEMBLOCK_DRIVER_MANAGED;

	if (hvo_numa_valid_node(select->nid) && select->nid != region->nid)
		return false;
	if (select->in != &mb->memory)
		return true;
	if (mb->movable_node)
		only_if_named |= HVO_MEMBLOCK_HOTPLUG;
	if (region->flags & only_if_named & ~(unsigned)select->flags)
		return false;
	return !(select->flags & HVO_MEMBLOCK_MIRROR) ||
	       region->flags & HVO_MEMBLOCK_MIRROR;
}

/* Report what of a region is in a gap, if anything and if it is asked for. */
static bool report(const struct hvo_memblock *mb,
		   const struct hvo_memblock_select *select,
		   const struct hvo_memblock_region *region,
		   struct hvo_extent gap, hvo_phys_t *start, hvo_phys_t *end,
		   int *nid)
{
	struct hvo_extent part = hvo_extent_and(hvo_region_extent(region), gap);

	if (hvo_extent_empty(part) || !selected(mb, select, region))
		return false;
	if (start)
		*start = part.base;
	if (end)
		*end = part.end;
	if (nid)
		*nid = region->nid;
	return true;
}

bool hvo_memblock_next_range(const struct hvo_memblock *mb, uint64_t *cursor,
			     const struct hvo_memblock_select *select,
			     hvo_phys_t *start, hvo_phys_t *end, int *nid)
{
	unsigned long i = (uint32_t)*cursor;
	unsigned long g = (unsigned long)(*cursor >> 32);

	while (i < select->in->cnt) {
		const struct hvo_memblock_region *region =
		    &select->in->regions[i];
		struct hvo_extent gap = gap_extent(select->not_in, g);

		if (hvo_memblock_region_end(region) <= gap.end)
			i++;
		else
			g++;
		*cursor = make_cursor(i, g);
		if (report(mb, select, region, gap, start, end, nid))
			return true;
	}
	*cursor = HVO_MEMBLOCK_END;
	return false;
}

/* Here the cursor has how many regions are left, and the gap to look at. */
bool hvo_memblock_next_range_rev(const struct hvo_memblock *mb,
				 uint64_t *cursor,
				 const struct hvo_memblock_select *select,
				 hvo_phys_t *start, hvo_phys_t *end, int *nid)
{
	unsigned long left = (uint32_t)*cursor;
	unsigned long g = (unsigned long)(*cursor >> 32);

	if (*cursor == HVO_MEMBLOCK_END) {
		left = select->in->cnt;
		g = select->not_in ? select->not_in->cnt : 0;
	}
	while (left) {
		const struct hvo_memblock_region *region =
		    &select->in->regions[left - 1];
		struct hvo_extent gap = gap_extent(select->not_in, g);

		if (region->base >= gap.base)
			left--;
		else
			g--;
		*cursor = make_cursor(left, g);
		if (report(mb, select, region, gap, start, end, nid))
			return true;
	}
	*cursor = HVO_MEMBLOCK_END;
	return false;
}

bool hvo_memblock_next_mem_pfn_range(const struct hvo_memblock *mb, int *cursor,
				     int nid, hvo_pfn_t *start, hvo_pfn_t *end,
				     int *out_nid)
{
	for (unsigned long i = (unsigned long)(*cursor + 1); i < mb->memory.cnt;
	     i++) {
		const struct hvo_memblock_region *r = &mb->memory.regions[i];
		hvo_pfn_t first = hvo_memblock_memory_base_pfn(mb, r);
		hvo_pfn_t after = hvo_memblock_memory_end_pfn(mb, r);

		if (first >= after ||
		    (hvo_numa_valid_node(nid) && nid != r->nid))
			continue;
		if (start)
			*start = first;
		if (end)
			*end = after;
		if (out_nid)
			*out_nid = r->nid;
		*cursor = (int)i;
		return true;
	}
	*cursor = -1;
	return false;
}
