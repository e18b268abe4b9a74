/* SPDX-License-Identifier: MIT */
/*
 * Contiguous areas: memory of one node that is reserved at boot so that large
 * runs can be had later on. What nobody needs in a row may be lent meanwhile,
 * but only to those who say that they can give it back.
 *
 * An area is units of 2^unit_order base pages. Each is at any time
 *
 *   idle     isolated (contig.h) in the area's name
 *   used     part of a folio that hvo_cma_alloc() gave
 *   lent     part of a folio that hvo_cma_lend() gave
 *   parked   part of a folio that was given back while there were no frames
 *            to restore it with: idle, but still an optimized folio
 *   busy     in the hands of a call
 *   gone     the area's no more: a page in it was bad, or it crosses zones.
 *            Its other pages are ordinary memory (see hvo_cma_regain())
 *
 * There is no moving of contents behind their owners' backs: who borrows is
 * asked to give back (take_back), and may refuse.
 *
 * A folio of an area goes back by hvo_cma_release(). Freeing it as any other
 * (hvo_folio_free(), hvo_folio_put()) would give its pages to the zones behind
 * the area's back, which hvo_cma_check() finds.
 *
 * Locking: one lock for each area, for the states of its units, never held
 * across a call of the manager. All calls may be made on several CPUs at once
 * unless their comment says otherwise.
 */
#ifndef HVO_CMA_H
#define HVO_CMA_H

#include <stdbool.h>
#include "hvo/folio.h"
#include "hvo/lock.h"

struct hvo_memblock;

enum hvo_cma_state {
	HVO_CMA_IDLE,
	HVO_CMA_USED,
	HVO_CMA_LENT,
	HVO_CMA_PARKED,
	HVO_CMA_BUSY,
	HVO_CMA_GONE,
	HVO_CMA_STATES
};

/* The caller's memory; its fields are for looking at only, but these two. */
struct hvo_cma {
	/*
	 * Somebody needs base pages [pfn, pfn + count): give back all that was
	 * lent of them, by hvo_cma_release(), if that can be done now. May be
	 * NULL, then what is lent stays. Set after activating. Called with no
	 * lock held.
	 */
	void (*take_back)(void *ctx, hvo_pfn_t pfn, uint64_t count);
	void *ctx;

	hvo_pfn_t pfn;        /* (c) */
	uint64_t pages;       /* (c) base pages */
	unsigned unit_order;  /* (c) */
	unsigned node;        /* (c) */
	hvo_pfn_t boot;       /* while booting: pages from here on are taken */
	struct hvo_cma *next; /* (c) another area, or NULL: the caller's */
	struct hvo_mm *mm;    /* (c) once active */
	struct hvo_lock lock;
	uint8_t *unit;                  /* (c), contents (l): states */
	uint64_t count[HVO_CMA_STATES]; /* (l) units in each state */
};

/* ---- booting -------------------------------------------------------- */

/*
 * Reserve an area in memblock: `pages` base pages, a multiple of 2^order, at a
 * multiple of 2^order, on one node. Units have 2^unit_order base pages,
 * unit_order <= order. Fills in *cma. Returns 0, -HVO_EORDER, -HVO_EALIGN,
 * -HVO_ERANGE (none), -HVO_ENOMEM.
 */
int hvo_cma_reserve(struct hvo_cma *cma, struct hvo_memblock *memblock,
		    unsigned node, uint64_t pages, unsigned order,
		    unsigned unit_order);

/*
 * Take 2^order aligned base pages out of it for a boot page (hvo_mm_init()),
 * from the end down. -HVO_ENOMEM, -HVO_EORDER (less than a unit).
 */
int hvo_cma_boot_take(struct hvo_cma *cma, unsigned order, hvo_pfn_t *pfn);

/* Bytes that hvo_cma_activate() needs: one for each unit. */
size_t hvo_cma_size(const struct hvo_cma *cma);

/*
 * After hvo_mm_init(): the area's pages are its own, boot pages in it are used.
 * Units that memblock's user gave away, or that cross zones, are gone.
 * -HVO_ERANGE: it lies outside the map, or is not described. One CPU.
 */
int hvo_cma_activate(struct hvo_cma *cma, struct hvo_mm *mm, void *memory);

/*
 * Give an area's memory to the zones. -HVO_EBUSY: some of it is used or lent;
 * then nothing has happened. One CPU.
 */
int hvo_cma_fini(struct hvo_cma *cma);

/* ---- use ------------------------------------------------------------ */

/*
 * A folio from the area, at the lowest place: alloc's order, at least a unit's,
 * and flags count, as for hvo_folio_adopt(). What is idle, or parked
 * just as it is wanted, comes first, then what else is parked, or was lent and
 * is given back. Returns 0,
 * -HVO_EORDER, -HVO_ENOMEM (no such run), -HVO_EMAPPINGS, -HVO_EWORK.
 */
int hvo_cma_alloc(struct hvo_cma *cma, const struct hvo_alloc *alloc,
		  struct hvo_page **folio);

/*
 * Borrow a folio that can be given back when `take_back` asks for it, from the
 * highest place, and of what is idle or parked only. The same errors.
 */
int hvo_cma_lend(struct hvo_cma *cma, const struct hvo_alloc *alloc,
		 struct hvo_page **folio);

/*
 * Give back a frozen folio of the area: one that it gave, or what that was
 * split into or joined with, of at least a unit. Cannot fail for want of
 * memory: an optimized one that cannot be restored is parked. Units with bad
 * pages are gone. -HVO_ESTATE: not such a folio.
 */
int hvo_cma_release(struct hvo_cma *cma, struct hvo_page *folio);

/*
 * Base page pfn of the area is bad. Where it is idle its unit is gone; where
 * it is parked it is recorded; else it is as hvo_mm_poison(), whose errors
 * these are. -HVO_EBUSY also where a call has the unit.
 */
int hvo_cma_poison(struct hvo_cma *cma, hvo_pfn_t pfn, bool *unrecoverable);

/*
 * Units that are gone are the area's again where all of their pages are free,
 * and none is bad any more. Returns how many.
 */
uint64_t hvo_cma_regain(struct hvo_cma *cma);

/* Of a list of areas, the one that has a unit, not gone, of a range; NULL. */
struct hvo_cma *hvo_cma_find(struct hvo_cma *first, hvo_pfn_t pfn,
			     uint64_t count);

/* ---- looking -------------------------------------------------------- */

struct hvo_cma_stats {
	uint64_t pages;                 /* base pages, those gone included */
	uint64_t state[HVO_CMA_STATES]; /* of these, in each */
};

void hvo_cma_stats(struct hvo_cma *cma, struct hvo_cma_stats *stats);

/* One word for each. Never NULL. */
const char *hvo_cma_state_name(enum hvo_cma_state state);

struct hvo_cma_finding {
	const char *what; /* a sentence, without full stop; NULL: nothing */
	hvo_pfn_t pfn;    /* of the unit, if one is concerned */
	enum hvo_cma_state state;
	uint64_t expected; /* of counters: units */
	uint64_t found;
};

/*
 * Check that each unit is what the area says and that the counters are right.
 * hvo_mm_check() is not part of it. Nothing else may be under way. Returns 0
 * or -HVO_ECORRUPT with *finding filled in. O(base pages).
 */
int hvo_cma_check(struct hvo_cma *cma, struct hvo_cma_finding *finding);

#endif
