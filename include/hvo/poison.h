/* SPDX-License-Identifier: MIT */
/*
 * Bad base pages: once reported, a page is never given out again, and the
 * report is never lost.
 *
 *   free, cached        taken out of the free areas: HVO_OWNER_POISON
 *   in a full folio     marked in its own descriptor; when the folio is freed
 *                       the page goes to HVO_OWNER_POISON
 *   in an optimized     its descriptor is shared and read-only: the offset is
 *   folio               recorded in a spare writable descriptor beside the
 *                       head (there are page size / sizeof(struct hvo_page) -
 *                       1 of them); restoring marks the descriptor that then
 *                       exists
 *   descriptors' frame  where all that it describes can be isolated, another
 *                       frame replaces it; otherwise it is marked, counted as
 *                       unrecoverable, and kept from the zones when freed
 *   anything else       marked
 */
#ifndef HVO_POISON_H
#define HVO_POISON_H

#include "hvo/mm.h"

/*
 * A base page is bad, whatever it is used for. A folio is pinned meanwhile;
 * one that is frozen is its owner's to report (hvo_folio_poison()).
 * Returns 0, also if it was known; -HVO_EABSENT (no descriptor); -HVO_EBUSY (a
 * frozen folio, an isolated page, or one that is changing hands: try again);
 * -HVO_ENOMEM (no room to record it). *unrecoverable (may be NULL): it holds
 * descriptors that could not be moved.
 */
int hvo_mm_poison(struct hvo_mm *mm, hvo_pfn_t pfn, bool *unrecoverable);

/* The same for page pfn of a folio that the caller owns or has pinned. */
int hvo_folio_poison(struct hvo_mm *mm, struct hvo_page *folio, hvo_pfn_t pfn);

/*
 * It is good again. Pages of HVO_OWNER_POISON become free. Returns 0,
 * -HVO_EABSENT, -HVO_ESTATE (not bad), -HVO_EBUSY.
 */
int hvo_mm_unpoison(struct hvo_mm *mm, hvo_pfn_t pfn);
int hvo_folio_unpoison(struct hvo_mm *mm, struct hvo_page *folio,
		       hvo_pfn_t pfn);

/*
 * Is it known to be bad? Anyone's question for pages in no folio; of a folio,
 * by who owns or has pinned it. False where there is no descriptor.
 */
bool hvo_mm_poisoned(struct hvo_mm *mm, hvo_pfn_t pfn);

#endif
