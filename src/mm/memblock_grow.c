/* SPDX-License-Identifier: MIT */
/*
 * memblock's arrays growing: a full one moves to memory that memblock itself
 * allocates, and what it leaves is freed if it was allocated before.
 *
 * Everything that can fail (finding memory, reaching it) comes first and
 * changes nothing; moving then cannot fail, because the new arrays have room
 * for what moving itself adds to `reserved`.
 */

#include "memblock.h"

/* An array that a collection could move to. */
struct array {
	struct hvo_memblock_region *regions;
	unsigned long max;
	struct hvo_extent at;
};

static hvo_phys_t array_bytes(const struct hvo_memblock *mb, unsigned long max)
{
	hvo_phys_t page = (hvo_phys_t)1 << mb->page_shift;
	hvo_phys_t bytes = (hvo_phys_t)max * sizeof(struct hvo_memblock_region);

	return (bytes + page - 1) & ~(page - 1);
}

/* Find memory outside n extents: above the first if there is, else below. */
static hvo_phys_t find_outside(const struct hvo_memblock *mb,
			       const struct hvo_search *search,
			       const struct hvo_extent *avoid, unsigned n)
{
	struct hvo_search part = *search;
	hvo_phys_t found;

	if (!n)
		return hvo_memblock_find(mb, search);
	if (part.within.base < avoid->end)
		part.within.base = avoid->end;
	found = find_outside(mb, &part, avoid + 1, n - 1);
	if (found)
		return found;
	part.within = search->within;
	if (part.within.end > avoid->base)
		part.within.end = avoid->base;
	return find_outside(mb, &part, avoid + 1, n - 1);
}

static bool allocated(const struct hvo_memblock *mb,
		      const struct hvo_memblock_type *type)
{
	return type->regions != mb->initial[type == &mb->reserved];
}

/*
 * What moving a collection adds to `reserved` at most: the new array, and a
 * second half where the old one is freed from the midst of a region.
 */
static unsigned long added_by_move(const struct hvo_memblock *mb,
				   const struct hvo_memblock_type *type)
{
	return 1 + (unsigned long)allocated(mb, type);
}

/*
 * Find a larger array for a collection, with room for n more regions and, for
 * `reserved`, for what the move adds: to it, and by one to the n, for the
 * range about to be reserved may have the old array in it. Changes nothing.
 */
static int find_array(const struct hvo_memblock *mb,
		      const struct hvo_memblock_type *type, unsigned long n,
		      const struct hvo_extent *avoid, unsigned avoid_n,
		      struct array *array)
{
	struct hvo_search search = {
	    .align = (hvo_phys_t)1 << mb->page_shift,
	    .within = {0, mb->current_limit},
	    .nid = HVO_NUMA_NO_NODE,
	    .flags = mb->mirrored ? HVO_MEMBLOCK_MIRROR : HVO_MEMBLOCK_NONE,
	};

	if (type == &mb->reserved)
		n += added_by_move(mb, type) + 1;
	array->max = type->max;
	while (array->max - type->cnt < n) {
		if (array->max > HVO_REGIONS_MAX / 2)
			return -HVO_ENOMEM;
		array->max *= 2;
	}
	search.size = array_bytes(mb, array->max);
	array->at.base = find_outside(mb, &search, avoid, avoid_n);
	if (!array->at.base && mb->mirrored) {
		search.flags = HVO_MEMBLOCK_NONE;
		array->at.base = find_outside(mb, &search, avoid, avoid_n);
	}
	if (!array->at.base)
		return -HVO_ENOMEM;
	array->at.end = array->at.base + search.size;
	array->regions = mb->map(mb->ctx, array->at.base, search.size);
	return array->regions ? 0 : -HVO_ENOMEM;
}

/* Move a collection into an array; `reserved` has room for it. */
static void move(struct hvo_memblock *mb, struct hvo_memblock_type *type,
		 const struct array *array)
{
	unsigned which = type == &mb->reserved;
	hvo_phys_t old = mb->array_phys[which];
	hvo_phys_t old_size = array_bytes(mb, type->max);
	bool free_old = allocated(mb, type);

	memcpy(array->regions, type->regions,
	       type->cnt * sizeof(*type->regions));
	memset(array->regions + type->cnt, 0,
	       (array->max - type->cnt) * sizeof(*type->regions));
	type->regions = array->regions;
	type->max = array->max;
	mb->array_phys[which] = array->at.base;
	hvo_memblock_insert(&mb->reserved, array->at, HVO_NUMA_NO_NODE,
			    mb->plain_alloc ? HVO_MEMBLOCK_NONE
					    : HVO_MEMBLOCK_RSRV_KERN);
	if (free_old)
		hvo_memblock_delete(&mb->reserved, hvo_extent(old, old_size));
}

int hvo_memblock_room(struct hvo_memblock *mb, struct hvo_memblock_type *type,
		      unsigned long n, struct hvo_extent avoid)
{
	struct hvo_extent avoids[2] = {avoid};
	struct array array;
	struct array reserved;
	unsigned long moving = added_by_move(mb, type);
	int err;

	if (type->max - type->cnt >= n)
		return 0;
	if (!mb->can_resize || !mb->map)
		return -HVO_ENOMEM;
	err = find_array(mb, type, n, avoids, 1, &array);
	if (err)
		return err;
	if (type == &mb->memory &&
	    mb->reserved.max - mb->reserved.cnt < moving) {
		avoids[1] = array.at;
		err =
		    find_array(mb, &mb->reserved, moving, avoids, 2, &reserved);
		if (err)
			return err;
		move(mb, &mb->reserved, &reserved);
	}
	move(mb, type, &array);
	return 0;
}
