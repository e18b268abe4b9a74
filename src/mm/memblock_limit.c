/* SPDX-License-Identifier: MIT */
/*
 * Less memory than firmware says: trimmed to an alignment, cut at an amount,
 * kept to a range. All of it only takes away at regions' ends, so that no
 * array has to grow.
 */

#include "memblock.h"

void hvo_memblock_trim_memory(struct hvo_memblock *mb, hvo_phys_t align)
{
	struct hvo_memblock_type *type = &mb->memory;
	unsigned long kept = 0;

	for (unsigned long i = 0; i < type->cnt; i++) {
		struct hvo_memblock_region *region = &type->regions[i];
		hvo_phys_t end = hvo_memblock_region_end(region);
		hvo_phys_t below = (align - region->base % align) % align;
		hvo_phys_t above = end % align;

		type->total_size -= region->size;
		if (below >= region->size || above >= region->size - below)
			continue;
		region->base += below;
		region->size -= below + above;
		type->total_size += region->size;
		type->regions[kept++] = *region;
	}
	hvo_memblock_close(type, (struct hvo_indices){kept, type->cnt});
}

/* Where the lowest `limit` bytes of memory end; HVO_PHYS_MAX if it has less. */
static hvo_phys_t end_of_lowest(const struct hvo_memblock *mb, hvo_phys_t limit)
{
	const struct hvo_memblock_region *region;

	hvo_memblock_for_each_region(&mb->memory, region)
	{
		if (limit <= region->size)
			return region->base + limit;
		limit -= region->size;
	}
	return HVO_PHYS_MAX;
}

void hvo_memblock_enforce_memory_limit(struct hvo_memblock *mb,
				       hvo_phys_t limit)
{
	struct hvo_extent above = {end_of_lowest(mb, limit), HVO_PHYS_MAX};

	if (!limit || hvo_extent_empty(above))
		return;
	hvo_memblock_delete(&mb->memory, above);
	hvo_memblock_delete(&mb->reserved, above);
}

/* Keep only an extent of memory, and what is not mapped. */
static void keep_mapped(struct hvo_memblock_type *type, struct hvo_extent e)
{
	unsigned long kept = 0;

	for (unsigned long i = 0; i < type->cnt; i++) {
		struct hvo_memblock_region *region = &type->regions[i];
		struct hvo_extent part =
		    hvo_extent_and(hvo_region_extent(region), e);

		type->total_size -= region->size;
		if (!(region->flags & HVO_MEMBLOCK_NOMAP)) {
			if (hvo_extent_empty(part))
				continue;
			region->base = part.base;
			region->size = part.end - part.base;
		}
		type->total_size += region->size;
		type->regions[kept++] = *region;
	}
	hvo_memblock_close(type, (struct hvo_indices){kept, type->cnt});
}

void hvo_memblock_cap_memory_range(struct hvo_memblock *mb, hvo_phys_t base,
				   hvo_phys_t size)
{
	struct hvo_extent e = hvo_extent(base, size);

	if (hvo_extent_empty(e) || !mb->memory.cnt)
		return;
	keep_mapped(&mb->memory, e);
	hvo_memblock_delete(&mb->reserved, (struct hvo_extent){0, e.base});
	hvo_memblock_delete(&mb->reserved,
			    (struct hvo_extent){e.end, HVO_PHYS_MAX});
}

void hvo_memblock_mem_limit_remove_map(struct hvo_memblock *mb,
				       hvo_phys_t limit)
{
	hvo_phys_t end = end_of_lowest(mb, limit);

	if (limit && end != HVO_PHYS_MAX)
		hvo_memblock_cap_memory_range(mb, 0, end);
}
