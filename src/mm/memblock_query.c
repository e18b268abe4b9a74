/* SPDX-License-Identifier: MIT */
/* Questions about memblock's collections. Nothing here changes them. */

#include "memblock.h"

/* The region that has addr, or NULL. */
static const struct hvo_memblock_region *
region_of(const struct hvo_memblock_type *type, hvo_phys_t addr)
{
	unsigned long i = hvo_memblock_index(type, addr);

	if (i == type->cnt || type->regions[i].base > addr)
		return NULL;
	return &type->regions[i];
}

bool hvo_memblock_is_memory(const struct hvo_memblock *mb, hvo_phys_t addr)
{
	return region_of(&mb->memory, addr);
}

bool hvo_memblock_is_map_memory(const struct hvo_memblock *mb, hvo_phys_t addr)
{
	const struct hvo_memblock_region *region = region_of(&mb->memory, addr);

	return region && !(region->flags & HVO_MEMBLOCK_NOMAP);
}

bool hvo_memblock_is_reserved(const struct hvo_memblock *mb, hvo_phys_t addr)
{
	return region_of(&mb->reserved, addr);
}

bool hvo_memblock_is_region_memory(const struct hvo_memblock *mb,
				   hvo_phys_t base, hvo_phys_t size)
{
	const struct hvo_memblock_region *region = region_of(&mb->memory, base);

	return region &&
	       hvo_memblock_region_end(region) >= hvo_extent(base, size).end;
}

bool hvo_memblock_overlaps_region(const struct hvo_memblock_type *type,
				  hvo_phys_t base, hvo_phys_t size)
{
	struct hvo_indices at =
	    hvo_memblock_within(type, hvo_extent(base, size));

	return at.first < at.last;
}

hvo_phys_t hvo_memblock_reserved_kern_size(const struct hvo_memblock *mb,
					   hvo_phys_t limit, int nid)
{
	const struct hvo_memblock_region *region;
	hvo_phys_t total = 0;

	hvo_memblock_for_each_region(&mb->reserved, region)
	{
		hvo_phys_t end = hvo_memblock_region_end(region);

		if (region->base >= limit)
			break;
		if (!(region->flags & HVO_MEMBLOCK_RSRV_KERN) ||
		    (hvo_numa_valid_node(nid) && nid != region->nid))
			continue;
		total += (end < limit ? end : limit) - region->base;
	}
	return total;
}

hvo_phys_t hvo_memblock_start_of_dram(const struct hvo_memblock *mb)
{
	return mb->memory.cnt ? mb->memory.regions[0].base : 0;
}

hvo_phys_t hvo_memblock_end_of_dram(const struct hvo_memblock *mb)
{
	const struct hvo_memblock_type *type = &mb->memory;

	if (!type->cnt)
		return 0;
	return hvo_memblock_region_end(&type->regions[type->cnt - 1]);
}

int hvo_memblock_search_pfn_nid(const struct hvo_memblock *mb, hvo_pfn_t pfn,
				hvo_pfn_t *start, hvo_pfn_t *end)
{
	const struct hvo_memblock_region *region;

	if (pfn > HVO_PHYS_MAX >> mb->page_shift)
		return -1;
	region = region_of(&mb->memory, pfn << mb->page_shift);
	if (!region)
		return -1;
	*start = region->base >> mb->page_shift;
	*end = hvo_memblock_region_end(region) >> mb->page_shift;
	return region->nid;
}

bool hvo_memblock_validate_numa_coverage(const struct hvo_memblock *mb,
					 hvo_phys_t threshold)
{
	const struct hvo_memblock_region *region;
	hvo_phys_t without = 0;

	hvo_memblock_for_each_region(
	    &mb->memory, region) if (!hvo_numa_valid_node(region->nid))
	    without += region->size;
	return without <= threshold;
}

/* May region b follow region a? */
static bool in_order(const struct hvo_memblock_region *a,
		     const struct hvo_memblock_region *b)
{
	hvo_phys_t end = hvo_memblock_region_end(a);

	return end < b->base ||
	       (end == b->base && (a->flags != b->flags || a->nid != b->nid));
}

static bool type_is_valid(const struct hvo_memblock_type *type)
{
	hvo_phys_t total = 0;

	if (!type->regions || type->cnt > type->max)
		return false;
	for (unsigned long i = 0; i < type->cnt; i++) {
		const struct hvo_memblock_region *region = &type->regions[i];

		if (!region->size || region->size > HVO_PHYS_MAX - region->base)
			return false;
		if (i && !in_order(region - 1, region))
			return false;
		total += region->size;
	}
	return total == type->total_size;
}

bool hvo_memblock_is_valid(const struct hvo_memblock *mb)
{
	return type_is_valid(&mb->memory) && type_is_valid(&mb->reserved);
}
