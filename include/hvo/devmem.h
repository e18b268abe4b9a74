/* SPDX-License-Identifier: MIT */
/*
 * Devices' own memory (as device DAX has it): ranges that come and go, are
 * never the allocator's, and are described from the start as optimized folios
 * of one order, by the same calls that huge pages use.
 *
 * With an altmap the descriptors' frames are pages of the range itself, and
 * are few, since the folios are optimized all the same:
 *
 *   pfn             fill                   data                      pfn+count
 *    | altmap, full  | folios of a          | folios of `order`          |
 *    |               | subsection           |                            |
 *
 * The first pages hold the descriptors of the whole range (what the altmap
 * cannot give comes from the zones, as do shared tails); being used page by
 * page they are described in full, by whole subsections. What lies between
 * them and the first aligned folio is smaller folios, or in full where a
 * subsection cannot be optimized. Without an altmap, data == pfn.
 *
 * Pages are nobody's (HVO_OWNER_OFFLINE) until hvo_folio_adopt() makes folios
 * of them, which hvo_folio_free() ends.
 *
 * Concurrency: each range is one caller's at a time; ranges may be added and
 * removed on several CPUs at once. Readers may look at any descriptor
 * meanwhile (hvo_pfn_valid() first).
 */
#ifndef HVO_DEVMEM_H
#define HVO_DEVMEM_H

#include <stdbool.h>
#include "hvo/mm.h"

/* The caller's memory; the first five fields are filled in before adding. */
struct hvo_devmem {
	hvo_pfn_t pfn;  /* multiple of a subsection; else of 2^order */
	uint64_t count; /* base pages, likewise */
	unsigned node;
	unsigned order; /* of its folios, optimizable; 0: in full */
	bool on_device; /* with an altmap */

	hvo_pfn_t fill;           /* (c) first page that is not the altmap's */
	hvo_pfn_t data;           /* (c) first folio of `order` */
	struct hvo_altmap altmap; /* the manager's while added */
};

/*
 * Add a range. Returns 0, -HVO_EALIGN, -HVO_ERANGE (empty, outside the map, or
 * too small for its altmap and one folio), -HVO_EEXIST, -HVO_EBUSY,
 * -HVO_ENODE, -HVO_EORDER, -HVO_ENOMEM, -HVO_EMAPPINGS, -HVO_EWORK. After an
 * error, shared tails made for it may stay.
 */
int hvo_devmem_add(struct hvo_mm *mm, struct hvo_devmem *dev);

/*
 * Remove it. -HVO_EBUSY: a folio of it is somebody's; then nothing has
 * happened. -HVO_EMAPPINGS, -HVO_EWORK: call it again, and nothing else.
 */
int hvo_devmem_remove(struct hvo_mm *mm, struct hvo_devmem *dev);

struct hvo_devmem_stats {
	uint64_t folios;       /* of `order`; 0 where that is 0 */
	uint64_t full_bytes;   /* that descriptors would take in full */
	uint64_t bytes;        /* that they take, shared tails not counted */
	uint64_t altmap_pages; /* base pages set aside */
	uint64_t altmap_used;  /* of these, that hold descriptors */
	uint64_t on_device;    /* frames of descriptors on the device */
	uint64_t off_device;   /* and elsewhere, shared tails not counted */
};

/* Walks the descriptors' mappings. Returns 0, -HVO_EABSENT (not added). */
int hvo_devmem_stats(struct hvo_mm *mm, const struct hvo_devmem *dev,
		     struct hvo_devmem_stats *stats);

struct hvo_devmem_finding {
	const char *what; /* a sentence, without full stop; NULL: nothing */
	hvo_pfn_t pfn;
	uint64_t expected;
	uint64_t found;
};

/*
 * Check that the range is described as it should be, that its altmap's pages
 * are marked, and that the altmap counts as many as the mappings show.
 * hvo_mm_check() is not part of it. Nothing else may be under way. Returns 0
 * or -HVO_ECORRUPT with *finding filled in.
 */
int hvo_devmem_check(struct hvo_mm *mm, const struct hvo_devmem *dev,
		     struct hvo_devmem_finding *finding);

#endif
