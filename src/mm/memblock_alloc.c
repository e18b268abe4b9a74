/* SPDX-License-Identifier: MIT */
/*
 * Allocating from memblock: find free memory, reserve it. Nothing is recorded
 * but the reservation, so memory is freed with hvo_memblock_phys_free().
 */

#include "memblock.h"

/* The highest (or lowest) aligned block in an extent; 0 if none fits. */
static hvo_phys_t fit(const struct hvo_search *search, struct hvo_extent e,
		      bool bottom_up)
{
	hvo_phys_t room = e.end - e.base;
	hvo_phys_t slack; /* what alignment costs */

	if (hvo_extent_empty(e) || room < search->size)
		return 0;
	room -= search->size;
	if (bottom_up)
		slack =
		    (search->align - e.base % search->align) % search->align;
	else
		slack = (e.base + room) % search->align;
	if (slack > room)
		return 0;
	return bottom_up ? e.base + slack : e.base + room - slack;
}

hvo_phys_t hvo_memblock_find(const struct hvo_memblock *mb,
			     const struct hvo_search *search)
{
	struct hvo_extent past_page_0 = {(hvo_phys_t)1 << mb->page_shift,
					 HVO_PHYS_MAX};
	struct hvo_extent within = hvo_extent_and(search->within, past_page_0);
	bool up = mb->bottom_up;
	uint64_t cursor = up ? 0 : HVO_MEMBLOCK_END;
	struct hvo_extent e;
	hvo_phys_t found = 0;

	while (!found &&
	       (up ? hvo_memblock_next_free_range(mb, &cursor, search->nid,
						  search->flags, &e.base,
						  &e.end, NULL)
		   : hvo_memblock_next_free_range_rev(mb, &cursor, search->nid,
						      search->flags, &e.base,
						      &e.end, NULL)))
		found = fit(search, hvo_extent_and(e, within), up);
	return found;
}

/*
 * Find memory and reserve it, with zeros in it if `zero`. What cannot be
 * reached to zero it is left alone.
 */
static hvo_phys_t take(struct hvo_memblock *mb, const struct hvo_search *search,
		       bool zero)
{
	hvo_phys_t found = hvo_memblock_find(mb, search);
	bool plain = mb->plain_alloc || !hvo_numa_valid_node(search->nid);
	void *bytes = NULL;

	if (!found)
		return 0;
	if (zero) {
		bytes = mb->map ? mb->map(mb->ctx, found, search->size) : NULL;
		if (!bytes)
			return 0;
	}
	if (hvo_memblock_reserve_node(
		mb, found, search->size, plain ? HVO_NUMA_NO_NODE : search->nid,
		mb->plain_alloc ? HVO_MEMBLOCK_NONE : HVO_MEMBLOCK_RSRV_KERN))
		return 0;
	if (bytes)
		memset(bytes, 0, search->size);
	return found;
}

/* On the node asked for; then, unless exact, on any. */
static hvo_phys_t take_near(struct hvo_memblock *mb, struct hvo_search search,
			    bool exact_nid, bool zero)
{
	hvo_phys_t found = take(mb, &search, zero);

	if (found || exact_nid || !hvo_numa_valid_node(search.nid))
		return found;
	search.nid = HVO_NUMA_NO_NODE;
	return take(mb, &search, zero);
}

/* In mirrored memory, if there is any; then in all. */
static hvo_phys_t allocate(struct hvo_memblock *mb, struct hvo_search search,
			   bool exact_nid, bool zero)
{
	hvo_phys_t found;

	if (!search.size)
		return 0;
	if (!search.align)
		search.align = mb->default_align;
	if (search.within.end == HVO_MEMBLOCK_ACCESSIBLE)
		search.within.end = mb->current_limit;
	if (mb->mirrored) {
		search.flags = HVO_MEMBLOCK_MIRROR;
		found = take_near(mb, search, exact_nid, zero);
		if (found)
			return found;
	}
	search.flags = HVO_MEMBLOCK_NONE;
	return take_near(mb, search, exact_nid, zero);
}

hvo_phys_t hvo_memblock_alloc_range_nid(struct hvo_memblock *mb,
					hvo_phys_t size, hvo_phys_t align,
					hvo_phys_t start, hvo_phys_t end,
					int nid, bool exact_nid)
{
	struct hvo_search search = {
	    .size = size,
	    .align = align,
	    .within = {start, end},
	    .nid = nid,
	};

	return allocate(mb, search, exact_nid, false);
}

/* Below the current limit; min_addr is a wish. */
static hvo_phys_t allocate_above(struct hvo_memblock *mb,
				 struct hvo_search search, bool exact_nid,
				 bool zero)
{
	hvo_phys_t found;

	if (search.within.end > mb->current_limit)
		search.within.end = mb->current_limit;
	found = allocate(mb, search, exact_nid, zero);
	if (found || !search.within.base)
		return found;
	search.within.base = 0;
	return allocate(mb, search, exact_nid, zero);
}

hvo_phys_t hvo_memblock_alloc_try_nid(struct hvo_memblock *mb, hvo_phys_t size,
				      hvo_phys_t align, hvo_phys_t min_addr,
				      hvo_phys_t max_addr, int nid)
{
	struct hvo_search search = {size, align, {min_addr, max_addr}, nid, 0};

	return allocate_above(mb, search, false, true);
}

hvo_phys_t hvo_memblock_alloc_try_nid_raw(struct hvo_memblock *mb,
					  hvo_phys_t size, hvo_phys_t align,
					  hvo_phys_t min_addr,
					  hvo_phys_t max_addr, int nid)
{
	struct hvo_search search = {size, align, {min_addr, max_addr}, nid, 0};

	return allocate_above(mb, search, false, false);
}

hvo_phys_t hvo_memblock_alloc_exact_nid_raw(struct hvo_memblock *mb,
					    hvo_phys_t size, hvo_phys_t align,
					    hvo_phys_t min_addr,
					    hvo_phys_t max_addr, int nid)
{
	struct hvo_search search = {size, align, {min_addr, max_addr}, nid, 0};

	return allocate_above(mb, search, true, false);
}
