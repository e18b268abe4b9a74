/* SPDX-License-Identifier: MIT */
/*
 * What splitting and joining share. A batch's `order` is that of the whole,
 * its `other` that of the parts; part 0 begins where the whole does and keeps
 * its first page. Page numbers of a part count from the vmemmap window.
 */
#ifndef HVO_RESHAPE_H
#define HVO_RESHAPE_H

#include "engine.h"

static inline uint64_t hvo_parts(const struct hvo_batch *b)
{
	return UINT64_C(1) << (b->order - b->other);
}

/* Vmemmap pages of a part. */
static inline uint64_t hvo_part_pages(const struct hvo_batch *b)
{
	return hvo_folio_pages(&b->map->geometry, b->other);
}

/* The address of page 0 of part s of folio i. */
static inline void *hvo_part_address(const struct hvo_batch *b, size_t i,
				     uint64_t s)
{
	return hvo_page_address(b->map,
				hvo_batch_page(b, i) + s * hvo_part_pages(b));
}

/* The frame of the head page of part s > 0 of folio i, from the workspace. */
static inline struct hvo_run hvo_part_frame(const struct hvo_batch *b, size_t i,
					    uint64_t s)
{
	return b->work->runs[i * (hvo_parts(b) - 1) + s - 1];
}

/* Are the orders of whole and parts possible? */
int hvo_reshape_validate(const struct hvo_vmemmap *map, unsigned whole,
			 unsigned part);

/* Lead the tails of all parts of folio i, not their first pages, to a run. */
int hvo_repoint_parts(struct hvo_batch *b, size_t i, struct hvo_run run,
		      enum hvo_urgency urgency);

/* Change the permission of the first pages of folio i's parts 1 to n. */
int hvo_protect_parts(struct hvo_batch *b, size_t i, uint64_t n,
		      enum hvo_prot prot, enum hvo_urgency urgency);

/* The tails in folio i's own first page lead to the head of that order. */
void hvo_rewrite_first_page(struct hvo_batch *b, size_t i, unsigned order);

/*
 * A spare group of frames that holds the tails of that order: where bytes may
 * change only by writing (equal_bytes), all tails are led to it, it is
 * rewritten once, and they are led on.
 */
int hvo_spare_alloc(struct hvo_batch *b, unsigned order, struct hvo_run *spare);

/* Free the frames of part heads of folios from i on. */
void hvo_free_parts(struct hvo_batch *b, size_t from, size_t to);

#endif
