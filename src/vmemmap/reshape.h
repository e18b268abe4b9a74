/* SPDX-License-Identifier: MIT */
/*
 * What splitting and joining share. A batch's `order` is that of the whole,
 * its `other` that of the parts; part 0 begins where the whole does and keeps
 * its first page. Page numbers of a part count from the vmemmap window.
 */
#ifndef HVO_RESHAPE_H
#define HVO_RESHAPE_H

#include "engine.h"

/* Each part but the first has a frame that comes or goes. */
static inline uint64_t hvo_parts(const struct hvo_batch *b)
{
	return b->frames + 1;
}

/* The frame of the head page of part s > 0 of folio i, from the workspace. */
static inline struct hvo_run hvo_part_frame(const struct hvo_batch *b, size_t i,
					    uint64_t s)
{
	return b->work->runs[i * b->frames + s - 1];
}

/* The address of page 0 of part s of folio i. */
void *hvo_part_address(const struct hvo_batch *b, size_t i, uint64_t s);

/* Lead the tails of all parts of folio i, not their first pages, to a run. */
int hvo_repoint_parts(struct hvo_batch *b, size_t i, struct hvo_run run,
		      enum hvo_urgency urgency);

/*
 * Change the permission of the first pages of folio i's parts but the first
 * part; on an error it has changed for some.
 */
int hvo_protect_heads(struct hvo_batch *b, size_t i, enum hvo_prot prot,
		      enum hvo_urgency urgency);

/* The same pages become tails of the whole, which are in work->record. */
void hvo_write_part_tails(struct hvo_batch *b, size_t i);

/* The tails in folio i's own first page lead to the head of that order. */
void hvo_rewrite_first_page(struct hvo_batch *b, size_t i, unsigned order);

/*
 * A spare group of frames that holds the tails of that order: where bytes may
 * change only by writing (equal_bytes), all tails are led to it, it is
 * rewritten once, and they are led on.
 */
int hvo_spare_alloc(struct hvo_batch *b, unsigned order, struct hvo_run *spare);

#endif
