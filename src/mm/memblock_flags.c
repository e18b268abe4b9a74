/* SPDX-License-Identifier: MIT */
/*
 * Flags and nodes of ranges in memblock's collections: the range is isolated,
 * changed, and merged with what it is now like.
 */

#include "memblock.h"

static int update_flags(struct hvo_memblock *mb, struct hvo_memblock_type *type,
			struct hvo_extent e, unsigned set, unsigned clear)
{
	struct hvo_indices at;
	int err = hvo_memblock_isolate(mb, type, e);

	if (err)
		return err;
	at = hvo_memblock_within(type, e);
	for (unsigned long i = at.first; i < at.last; i++) {
		struct hvo_memblock_region *region = &type->regions[i];

		region->flags =
		    (enum hvo_memblock_flags)((region->flags | set) & ~clear);
	}
	hvo_memblock_merge(type, at);
	return 0;
}

int hvo_memblock_mark_hotplug(struct hvo_memblock *mb, hvo_phys_t base,
			      hvo_phys_t size)
{
	return update_flags(mb, &mb->memory, hvo_extent(base, size),
			    HVO_MEMBLOCK_HOTPLUG, 0);
}

int hvo_memblock_clear_hotplug(struct hvo_memblock *mb, hvo_phys_t base,
			       hvo_phys_t size)
{
	return update_flags(mb, &mb->memory, hvo_extent(base, size), 0,
			    HVO_MEMBLOCK_HOTPLUG);
}

int hvo_memblock_mark_mirror(struct hvo_memblock *mb, hvo_phys_t base,
			     hvo_phys_t size)
{
	int err = update_flags(mb, &mb->memory, hvo_extent(base, size),
			       HVO_MEMBLOCK_MIRROR, 0);

	if (!err)
		mb->mirrored = true;
	return err;
}

int hvo_memblock_mark_nomap(struct hvo_memblock *mb, hvo_phys_t base,
			    hvo_phys_t size)
{
	return update_flags(mb, &mb->memory, hvo_extent(base, size),
			    HVO_MEMBLOCK_NOMAP, 0);
}

int hvo_memblock_clear_nomap(struct hvo_memblock *mb, hvo_phys_t base,
			     hvo_phys_t size)
{
	return update_flags(mb, &mb->memory, hvo_extent(base, size), 0,
			    HVO_MEMBLOCK_NOMAP);
}

int hvo_memblock_reserved_mark_noinit(struct hvo_memblock *mb, hvo_phys_t base,
				      hvo_phys_t size)
{
	return update_flags(mb, &mb->reserved, hvo_extent(base, size),
			    HVO_MEMBLOCK_RSRV_NOINIT, 0);
}

int hvo_memblock_reserved_mark_kern(struct hvo_memblock *mb, hvo_phys_t base,
				    hvo_phys_t size)
{
	return update_flags(mb, &mb->reserved, hvo_extent(base, size),
			    HVO_MEMBLOCK_RSRV_KERN, 0);
}

int hvo_memblock_set_node(struct hvo_memblock *mb, hvo_phys_t base,
			  hvo_phys_t size, struct hvo_memblock_type *type,
			  int nid)
{
	struct hvo_extent e = hvo_extent(base, size);
	struct hvo_indices at;
	int err = hvo_memblock_isolate(mb, type, e);

	if (err)
		return err;
	at = hvo_memblock_within(type, e);
	for (unsigned long i = at.first; i < at.last; i++)
		type->regions[i].nid = nid;
	hvo_memblock_merge(type, at);
	return 0;
}
