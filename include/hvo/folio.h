/* SPDX-License-Identifier: MIT */
/*
 * Folios: 2^order base pages allocated as one, for whoever asks, optimized or
 * not. A folio is named by its head's descriptor.
 *
 * Life: allocated with one reference (or frozen, with none); get and put by
 * anyone who holds one; try-get by anyone; freed when the last is put. Frozen
 * (count 0) it belongs to whoever froze it, and no one can take a reference:
 * that is what the calls below that change a folio's descriptors ask for.
 *
 * The owner of a folio may use `data` and `owner` of its head, and must leave
 * the descriptors of the tails alone.
 */
#ifndef HVO_FOLIO_H
#define HVO_FOLIO_H

#include "hvo/mm.h"

enum hvo_alloc_flag {
	HVO_ALLOC_HVO = 1 << 0,       /* optimized, or an error */
	HVO_ALLOC_TRY_HVO = 1 << 1,   /* optimized, or full if it cannot be */
	HVO_ALLOC_ZERO = 1 << 2,      /* filled with zeros; implies COMMIT */
	HVO_ALLOC_COMMIT = 1 << 3,    /* backed until freed (hvo_mm_backing) */
	HVO_ALLOC_RESERVE = 1 << 4,   /* below the watermarks, if need be */
	HVO_ALLOC_THIS_NODE = 1 << 5, /* of no other node */
	HVO_ALLOC_FROZEN = 1 << 6,    /* with no reference: the caller's */
};

struct hvo_alloc {
	unsigned order;
	unsigned node;            /* preferred */
	uint32_t nodes;           /* permitted, one bit each; 0: all */
	enum hvo_zone_type limit; /* permitted zones: up to this one */
	unsigned flags;           /* HVO_ALLOC_* */
};

/*
 * Allocate a folio. Nodes are tried from the preferred one outwards, in each
 * the zones from the limit down. Returns 0, -HVO_ENOMEM, -HVO_ENODE,
 * -HVO_EORDER (too large; with HVO_ALLOC_HVO: too small), -HVO_EMAPPINGS,
 * -HVO_EWORK.
 */
int hvo_folio_alloc(struct hvo_mm *mm, const struct hvo_alloc *alloc,
		    struct hvo_page **folio);

/*
 * The same n times, optimized in batches. On an error the first *done folios
 * have been allocated.
 */
int hvo_folio_alloc_bulk(struct hvo_mm *mm, const struct hvo_alloc *alloc,
			 size_t n, struct hvo_page **folios, size_t *done);

/* ---- references -------------------------------------------------------- */

/* Another reference, by who holds one. */
static inline void hvo_folio_get(struct hvo_page *folio)
{
	atomic_fetch_add_explicit(&folio->refcount, 1, memory_order_relaxed);
}

/*
 * A reference on the folio that has base page pfn, for anyone: NULL if it is
 * in none, or that is frozen.
 */
struct hvo_page *hvo_folio_try_get(struct hvo_mm *mm, hvo_pfn_t pfn);

/*
 * Drop a reference; with the last the folio is freed, which cannot fail.
 * Returns 0, or -HVO_ESTATE if there is no folio, or no reference, to drop.
 */
int hvo_folio_put(struct hvo_mm *mm, struct hvo_page *folio);

/* Own a folio on which the caller holds all `expected` references. */
static inline bool hvo_folio_freeze(struct hvo_page *folio, uint32_t expected)
{
	return hvo_page_freeze(folio, expected);
}

static inline void hvo_folio_unfreeze(struct hvo_page *folio, uint32_t count)
{
	hvo_page_unfreeze(folio, count);
}

/* Order of a folio. The caller holds a reference or owns it. */
static inline unsigned hvo_folio_order(const struct hvo_page *folio)
{
	return hvo_page_is_head(folio) ? folio->order : 0;
}

/* Is it optimized now? */
bool hvo_folio_optimized(const struct hvo_mm *mm, const struct hvo_page *folio);

/* ---- frozen folios ------------------------------------------------------ */

enum hvo_free_flag {
	/* Fail rather than let the folio's own pages hold descriptors. */
	HVO_FREE_NO_HOST = 1 << 0,
};

/*
 * Free frozen folios, of one order. Optimized ones are restored with frames
 * from the zones; where none are to be had the folio hosts its own descriptors
 * (HVO_OWNER_HOST) until hvo_mm_rehome(). If even that cannot be done now (a
 * port that cannot map, a bad page where a frame is needed) the folio is
 * deferred: freed as far as the caller is concerned, and tried again by
 * hvo_mm_rehome(). Bad pages go to HVO_OWNER_POISON.
 * Returns 0; -HVO_ESTATE (not a frozen folio, or freed already); with
 * HVO_FREE_NO_HOST also -HVO_ENOMEM, -HVO_EMAPPINGS, -HVO_EWORK.
 * On an error, the first *done (may be NULL) folios have been freed.
 */
int hvo_folio_free(struct hvo_mm *mm, struct hvo_page *const *folios, size_t n,
		   unsigned flags, size_t *done);

/*
 * Give back what had to be kept: restore deferred folios, and find frames for
 * the descriptors of folios that host their own and of which all other pages
 * are free. Returns how many base pages became free.
 */
uint64_t hvo_mm_rehome(struct hvo_mm *mm);

/*
 * Optimize frozen folios of one order, or restore them. Those that are in
 * that state already count as done. Returns 0, -HVO_ESTATE (not a frozen
 * folio), -HVO_EDIRTY (a full folio has a bad page beyond its head's
 * descriptors), -HVO_EBUSY (its descriptors are in pages of a folio that hosts
 * them, see hvo_folio_free()), -HVO_EORDER, -HVO_ENOMEM, -HVO_EMAPPINGS,
 * -HVO_EWORK. On an error the first *done are as wanted.
 */
int hvo_folio_optimize(struct hvo_mm *mm, struct hvo_page *const *folios,
		       size_t n, size_t *done);
int hvo_folio_restore(struct hvo_mm *mm, struct hvo_page *const *folios,
		      size_t n, size_t *done);

/*
 * Split a frozen folio into frozen folios of a smaller order. Optimized ones
 * stay optimized while that order allows (which takes one frame a part),
 * otherwise they are restored first. Part i's head is the descriptor of
 * pfn + (i << order). Bad pages stay recorded, in the part that has them.
 * Returns 0, -HVO_ESTATE, -HVO_EORDER, -HVO_ENOMEM, -HVO_EMAPPINGS,
 * -HVO_EWORK.
 */
int hvo_folio_split(struct hvo_mm *mm, struct hvo_page *folio, unsigned order);

/*
 * The reverse: 2^(order - folio's) frozen folios of one order, of which the
 * first is `folio`, aligned to the whole, all optimized or all full, become
 * one. Returns 0, -HVO_ESTATE, -HVO_EALIGN, -HVO_EORDER, -HVO_EDOMAIN,
 * -HVO_EDIRTY (a bad page is recorded in one of them), -HVO_ENOMEM,
 * -HVO_EMAPPINGS, -HVO_EWORK.
 */
int hvo_folio_join(struct hvo_mm *mm, struct hvo_page *folio, unsigned order);

/*
 * Make 2^order aligned base pages a folio: an isolated range (contig.h), or
 * offline pages that nobody has, either in full or described as an optimized
 * folio of that order. alloc's order and flags count, but RESERVE and
 * THIS_NODE; the rest does not. Of several calls for the same pages one gets
 * them. Returns 0, -HVO_ESTATE, -HVO_EALIGN, -HVO_EORDER, -HVO_ERANGE,
 * -HVO_EABSENT, -HVO_EDOMAIN, -HVO_ENOMEM, -HVO_EMAPPINGS, -HVO_EWORK.
 */
int hvo_folio_adopt(struct hvo_mm *mm, hvo_pfn_t pfn,
		    const struct hvo_alloc *alloc, struct hvo_page **folio);

/*
 * The reverse: a frozen folio becomes an isolated range, without its bad pages
 * (HVO_OWNER_POISON), which only a full one can; or offline pages in the state
 * that it has (also what freeing it does, if it is not online). Returns 0,
 * -HVO_ESTATE.
 */
int hvo_folio_disown(struct hvo_mm *mm, struct hvo_page *folio);

#endif
