/* SPDX-License-Identifier: MIT */
/*
 * Ranges by address: take a range of base pages that are all free out of the
 * zones' free areas, and give it back. For gigantic pages at a given place,
 * contiguous reserves, and memory about to go.
 *
 * An isolated range is the caller's: no allocation can touch it. Inside, it
 * is blocks of a power of two pages, each marked in its first descriptor.
 */
#ifndef HVO_CONTIG_H
#define HVO_CONTIG_H

#include "hvo/mm.h"

/*
 * Isolate count base pages from pfn on, of one zone, all free or cached.
 * Returns 0, -HVO_ERANGE, -HVO_EABSENT (not online), -HVO_EDOMAIN, -HVO_EBUSY
 * (a page is in use).
 */
int hvo_contig_isolate(struct hvo_mm *mm, hvo_pfn_t pfn, uint64_t count);

/*
 * Give back isolated pages, all or part of what was isolated together.
 * Returns 0, -HVO_ERANGE, -HVO_EABSENT, -HVO_EDOMAIN, -HVO_ESTATE (a page is
 * not isolated).
 */
int hvo_contig_release(struct hvo_mm *mm, hvo_pfn_t pfn, uint64_t count);

/*
 * Find and isolate 2^order aligned base pages of a node, in zones up to
 * limit, whatever the order (the free areas end at the largest folio's).
 * Returns 0 with *pfn, -HVO_ENOMEM, -HVO_ENODE, -HVO_EORDER.
 */
int hvo_contig_alloc(struct hvo_mm *mm, unsigned order, unsigned node,
		     enum hvo_zone_type limit, hvo_pfn_t *pfn);

#endif
