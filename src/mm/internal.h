/* SPDX-License-Identifier: MIT */
/*
 * What the memory manager's files share: the manager itself, its zones, and
 * the steps that everything is made of.
 *
 * Blocks. Free memory is blocks of 2^order aligned pages. The first page of a
 * block carries its mark (HVO_PAGE_FREE, ...) and order; all others are fresh:
 * zeros but for the domain. A block that is taken is fresh altogether; its
 * taker marks it. So a page in no block is fresh, or has a mark of its own,
 * and pages become tails with the very bytes that the engine's shared tails
 * hold.
 *
 * Lists of blocks run through their first pages: `data` is the next pfn + 1,
 * compound_info (the previous pfn + 1) << 1, whose bit 0 is clear, so that
 * walkers take the page for no tail.
 *
 * Protection: (c) constant after init, (a) atomic, (z) the zone's lock,
 * (p) the cache's lock, (m) altmap_lock, (h) host_lock, (o) whoever owns it.
 * Marks that a zone's lists or caches give are set and cleared with the
 * zone's or the cache's lock held; other marks by the page's owner.
 */
#ifndef HVO_MM_INTERNAL_H
#define HVO_MM_INTERNAL_H

#include "hvo/folio.h"
#include "hvo/lock.h"
#include "hvo/mem.h"
#include "hvo/mm.h"

/* Orders that CPUs' caches hold, and pages that go in and out at once. */
#define HVO_CACHE_ORDERS 4
#define HVO_CACHE_BATCH  32

/* How often to ask a port again that refuses to undo something. */
#define HVO_PATIENCE 1000

/* Folios that travel to the engine together. */
#define HVO_MM_BATCH 64

/* The marks that say who has a page; each page has at most one. */
#define HVO_PAGE_MARKS                                                         \
	((uint64_t)(HVO_PAGE_RESERVED | HVO_PAGE_FREE | HVO_PAGE_CACHE |       \
		    HVO_PAGE_FOLIO | HVO_PAGE_ISOLATED | HVO_PAGE_VMEMMAP |    \
		    HVO_PAGE_BOOT | HVO_PAGE_ALTMAP | HVO_PAGE_HOST |          \
		    HVO_PAGE_RETIRED))

/* Marks that speak for a whole block. */
#define HVO_PAGE_BLOCKS                                                        \
	((uint64_t)(HVO_PAGE_FREE | HVO_PAGE_CACHE | HVO_PAGE_FOLIO |          \
		    HVO_PAGE_ISOLATED))

struct hvo_free_area {
	hvo_pfn_t first; /* (z) pfn + 1 of the first block; 0: none */
	uint64_t blocks; /* (z) */
};

/* What the check finds in a zone. */
struct hvo_zone_walk {
	uint64_t present;
	uint64_t owner[HVO_OWNERS];
	uint64_t poisoned;
	uint64_t blocks[HVO_ORDERS];       /* free */
	uint64_t cached[HVO_CACHE_ORDERS]; /* blocks in caches */
};

struct hvo_zone {
	struct hvo_lock lock;
	unsigned domain;                       /* (c) */
	bool pressed;                          /* (z) below low, not yet
						* above high again */
	uint64_t min;                          /* (z) base pages */
	uint64_t low;                          /* (z) */
	uint64_t high;                         /* (z) */
	struct hvo_free_area area[HVO_ORDERS]; /* (z) */
	_Atomic uint64_t owner[HVO_OWNERS];    /* (a) base pages, but
						* for hvo_cache.folios */
	_Atomic uint64_t present;              /* (a) base pages */
	_Atomic uint64_t poisoned;             /* (a) bad base pages */
	struct hvo_zone_walk walk;             /* the check's */
};

/*
 * One CPU's cache of one zone, in a cache line of its own. What goes from it to
 * folios, and comes back, it counts itself: the zone's accounts, which all CPUs
 * share, would make them wait for each other.
 */
struct hvo_cache {
	_Alignas(64) struct hvo_lock lock;
	uint32_t blocks[HVO_CACHE_ORDERS]; /* (p) */
	hvo_pfn_t first[HVO_CACHE_ORDERS]; /* (p) pfn + 1; 0: none */
	/* (p) base pages gone to folios, less those come back, modulo 2^64;
	 * anyone may read it. */
	_Atomic uint64_t folios;
};

/* One CPU's workspace for the engine. */
struct hvo_mm_work {
	struct hvo_lock lock;
	struct hvo_work work; /* whoever has the lock */
};

/* Where frames for descriptors come from. */
enum hvo_mm_phase { HVO_MM_BOOTING, HVO_MM_RUNNING, HVO_MM_LEAVING };

struct hvo_mm {
	struct hvo_mm_config config;   /* (c) distance, movable_first: copies */
	struct hvo_vmemmap *map;       /* (c) */
	struct hvo_geometry geometry;  /* (c) */
	struct hvo_sparse sparse;      /* (c) the table's fields: sparse.h */
	unsigned domains;              /* (c) */
	size_t table_bytes;            /* (c) */
	enum hvo_mm_phase phase;       /* changed while one CPU runs */
	struct hvo_memblock *memblock; /* while booting */
	struct hvo_zone *zones;        /* [domain] */
	struct hvo_cache *caches;      /* [cpu * domains + domain] */
	struct hvo_mm_work *works;     /* [cpu] */
	uint8_t *nearest;              /* (c) [node * nodes + i] */

	struct hvo_lock altmap_lock;
	struct hvo_altmap *altmaps; /* (m) */

	struct hvo_lock host_lock;
	hvo_pfn_t first_host;     /* (h) pfn + 1 of a HOST page, see host.c */
	hvo_pfn_t first_deferred; /* (h) pfn + 1 of a folio, see host.c */
	uint64_t hosts;           /* (h) */
	uint64_t deferred;        /* (h) */

	struct hvo_lock poison_lock; /* records of bad pages in folios */
	_Atomic uint64_t unrecoverable;
};

/* ---- small things ------------------------------------------------------ */

static inline void hvo_add(_Atomic uint64_t *counter, uint64_t n)
{
	atomic_fetch_add_explicit(counter, n, memory_order_relaxed);
}

static inline void hvo_sub(_Atomic uint64_t *counter, uint64_t n)
{
	atomic_fetch_sub_explicit(counter, n, memory_order_relaxed);
}

static inline uint64_t hvo_read(const _Atomic uint64_t *counter)
{
	return atomic_load_explicit(counter, memory_order_relaxed);
}

static inline uint64_t hvo_pages(unsigned order)
{
	return UINT64_C(1) << order;
}

static inline uint64_t hvo_least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static inline void hvo_mm_lock(struct hvo_mm *mm, struct hvo_lock *lock)
{
	hvo_lock_acquire(lock, mm->config.port);
}

static inline void hvo_mm_unlock(struct hvo_lock *lock)
{
	hvo_lock_release(lock);
}

static inline struct hvo_page *hvo_page_at(const struct hvo_mm *mm,
					   hvo_pfn_t pfn)
{
	return (struct hvo_page *)(mm->config.base +
				   (uintptr_t)pfn * sizeof(struct hvo_page));
}

static inline hvo_pfn_t hvo_page_pfn(const struct hvo_mm *mm,
				     const struct hvo_page *page)
{
	return ((uintptr_t)page - mm->config.base) / sizeof(struct hvo_page);
}

static inline struct hvo_zone *hvo_zone_of(const struct hvo_mm *mm,
					   hvo_pfn_t pfn)
{
	return &mm->zones[hvo_sparse_domain(&mm->sparse, pfn)];
}

static inline struct hvo_run hvo_pages_run(const struct hvo_mm *mm,
					   hvo_pfn_t pfn, uint64_t count)
{
	return (struct hvo_run){hvo_mm_frame(mm, pfn), count};
}

static inline uint64_t hvo_page_flags(const struct hvo_page *page)
{
	return atomic_load_explicit(&page->flags, memory_order_acquire);
}

static inline void hvo_page_mark(struct hvo_page *page, uint64_t flags)
{
	atomic_fetch_or_explicit(&page->flags, flags, memory_order_release);
}

/* Clear flags; returns those that the page had. */
static inline uint64_t hvo_page_unmark(struct hvo_page *page, uint64_t flags)
{
	return atomic_fetch_and_explicit(&page->flags, ~flags,
					 memory_order_acq_rel);
}

/* The flags of a fresh page. */
static inline uint64_t hvo_fresh_flags(unsigned domain)
{
	return (uint64_t)domain << HVO_PAGE_DOMAIN_SHIFT;
}

/* Move n base pages from one owner's account to another's. */
static inline void hvo_account(struct hvo_zone *zone, enum hvo_owner from,
			       enum hvo_owner to, uint64_t n)
{
	hvo_sub(&zone->owner[from], n);
	hvo_add(&zone->owner[to], n);
}

/* The largest order of a block at pfn, before end, that does not pass end. */
static inline unsigned hvo_block_order(const struct hvo_mm *mm, hvo_pfn_t pfn,
				       hvo_pfn_t end)
{
	uint64_t most = hvo_pages(mm->geometry.max_order);
	unsigned order = (unsigned)__builtin_ctzll(pfn | most);

	while (hvo_pages(order) > end - pfn)
		order--;
	return order;
}

/* ---- buddy.c: free areas ------------------------------------------------ */

/*
 * Make a page's descriptor fresh, as hvo_page_record() has it, but for the
 * flags in `keep` that it has. A head is one until its flags are written, in
 * one store; a tail until the last store. So who looks under the zone's lock
 * for pages that are neither sees the descriptor before or after, not between.
 */
void hvo_page_renew(struct hvo_page *page, unsigned domain, uint64_t keep);

/* The same, all of it fresh. */
static inline void hvo_page_reset(struct hvo_page *page, unsigned domain)
{
	hvo_page_renew(page, domain, 0);
}

/* Is a descriptor fresh? */
bool hvo_page_is_fresh(const struct hvo_page *page, unsigned domain);

/*
 * Put a fresh block into the free areas, joined with free buddies. Zone's lock
 * held. Accounts are the caller's affair.
 */
void hvo_buddy_insert(struct hvo_mm *mm, struct hvo_zone *zone, hvo_pfn_t pfn,
		      unsigned order);

/* The same for a range, as blocks. */
void hvo_buddy_insert_range(struct hvo_mm *mm, struct hvo_zone *zone,
			    hvo_pfn_t pfn, hvo_pfn_t end);

/*
 * Take a block out, splitting a larger one; false when there is none. Zone's
 * lock held.
 */
bool hvo_buddy_take(struct hvo_mm *mm, struct hvo_zone *zone, unsigned order,
		    hvo_pfn_t *pfn);

/* Take a known free block, which becomes fresh, off its list. Lock held. */
void hvo_buddy_remove(struct hvo_mm *mm, struct hvo_zone *zone, hvo_pfn_t pfn,
		      unsigned order);

/*
 * Take the free pages from pfn on out, before end, as far as they go; returns
 * where they end. The page before pfn is not free, so blocks begin there.
 * Zone's lock held.
 */
hvo_pfn_t hvo_buddy_take_at(struct hvo_mm *mm, struct hvo_zone *zone,
			    hvo_pfn_t pfn, hvo_pfn_t end);

/*
 * The block with this mark (FREE or ISOLATED) that has pfn: its first pfn and
 * order; false when there is none. Zone's lock held.
 */
bool hvo_buddy_find(const struct hvo_mm *mm, const struct hvo_zone *zone,
		    hvo_pfn_t pfn, enum hvo_page_flag mark, hvo_pfn_t *first,
		    unsigned *order);

/* Return pages pfn to end, fresh and of one zone, from an account. */
void hvo_give_range(struct hvo_mm *mm, hvo_pfn_t pfn, hvo_pfn_t end,
		    enum hvo_owner from);

/*
 * A bad page of an account, in nothing any more, is retired. Zone's lock held,
 * unless the page is the caller's.
 */
void hvo_retire(struct hvo_mm *mm, hvo_pfn_t pfn, enum hvo_owner from);

/* A page that goes offline, if it is retired, is nobody's; it stays marked as
 * bad. Zone's lock held. */
void hvo_unretire(struct hvo_mm *mm, struct hvo_zone *zone, hvo_pfn_t pfn);

/* ---- alloc.c: which zone ------------------------------------------------ */

/* How far a zone may be emptied. */
enum hvo_mark { HVO_MARK_LOW, HVO_MARK_MIN, HVO_MARK_ALL };

/*
 * Base pages that are to stay free; notes whether the zone has fallen below
 * low, or is above high again. Zone's lock held.
 */
uint64_t hvo_zone_mark(struct hvo_zone *zone, enum hvo_mark mark);

struct hvo_want {
	unsigned order;
	unsigned node;        /* preferred */
	uint32_t nodes;       /* permitted */
	unsigned limit;       /* zone types up to it */
	bool reserve;         /* below the watermarks too */
	enum hvo_owner owner; /* for whom */
};

/*
 * Take a block, fresh and in transit: unmarked, but in its owner's account.
 * Drains the caches before it gives up. Returns 0 or -HVO_ENOMEM.
 */
int hvo_block_take(struct hvo_mm *mm, const struct hvo_want *want,
		   hvo_pfn_t *pfn);

/* Return a fresh block from its owner's account, small ones to the cache. */
void hvo_block_give(struct hvo_mm *mm, hvo_pfn_t pfn, unsigned order,
		    enum hvo_owner from);

/* ---- cache.c ------------------------------------------------------------ */

/*
 * Take a block for an owner from this CPU's cache of the zone, which is filled
 * as far as the watermark allows. False when there is none.
 */
bool hvo_cache_take(struct hvo_mm *mm, struct hvo_zone *zone, unsigned order,
		    enum hvo_owner owner, enum hvo_mark mark, hvo_pfn_t *pfn);
/* An owner gives one. */
void hvo_cache_give(struct hvo_mm *mm, struct hvo_zone *zone, hvo_pfn_t pfn,
		    unsigned order, enum hvo_owner owner);

/*
 * Base pages of a zone that an owner has, what caches have counted included.
 * While others allocate and free it may be off by what they have in hand.
 * O(CPUs) for folios and caches.
 */
uint64_t hvo_zone_owned(const struct hvo_mm *mm, const struct hvo_zone *zone,
			enum hvo_owner owner);

/* Empty the caches of one zone; true if there was anything in them. */
bool hvo_cache_drain(struct hvo_mm *mm, struct hvo_zone *zone);

/* ---- frames.c: descriptors' frames --------------------------------------- */

struct hvo_frames hvo_mm_frames(struct hvo_mm *mm);

static inline int hvo_commit(const struct hvo_mm *mm, struct hvo_run run)
{
	const struct hvo_mm_backing *b = &mm->config.backing;

	return b->commit ? b->commit(b->ctx, run) : 0;
}

static inline void hvo_uncommit(const struct hvo_mm *mm, struct hvo_run run)
{
	const struct hvo_mm_backing *b = &mm->config.backing;

	if (b->uncommit && run.count)
		b->uncommit(b->ctx, run);
}

/* ---- altmap.c ------------------------------------------------------------ */

/* Frames from the altmap that serves a vmemmap page; false: there is none. */
bool hvo_altmap_alloc(struct hvo_mm *mm,
		      const struct hvo_frame_request *request,
		      struct hvo_run *run);

/* A page of an altmap comes back. */
void hvo_altmap_free(struct hvo_mm *mm, hvo_pfn_t pfn);

/* Base pages that altmaps have handed out. */
uint64_t hvo_altmap_used(struct hvo_mm *mm);

/* The first pages of an altmap that lie in a range; false if there are none. */
bool hvo_altmap_within(struct hvo_mm *mm, hvo_pfn_t pfn, hvo_pfn_t end,
		       hvo_pfn_t *first, hvo_pfn_t *last);

/* Do altmaps with pages in a range describe nothing outside of it? */
bool hvo_altmap_self(struct hvo_mm *mm, hvo_pfn_t pfn, hvo_pfn_t end);

/* ---- range.c ---------------------------------------------------------- */

/* Have the engine describe units that are absent; nothing else. */
int hvo_populate(struct hvo_mm *mm, hvo_pfn_t pfn, uint64_t count,
		 unsigned domain, unsigned order);

/* Enter whole subsections that were populated into sections and accounts. */
void hvo_described(struct hvo_mm *mm, hvo_pfn_t pfn, uint64_t count,
		   unsigned domain, unsigned order);

/*
 * Put described memory online whose pages others may have marked: what is
 * unmarked becomes free. Cannot fail.
 */
void hvo_online(struct hvo_mm *mm, hvo_pfn_t pfn, uint64_t count);

/* Is a range, not empty, present and of one zone? 0 or why not. */
int hvo_range_of_zone(const struct hvo_mm *mm, hvo_pfn_t pfn, uint64_t count);

/* ---- zone.c ------------------------------------------------------------- */

/*
 * Lock the zone that has pfn, inside the map; NULL if there is nothing. While
 * it is held, no page of the zone goes online, offline or away.
 */
struct hvo_zone *hvo_zone_lock(struct hvo_mm *mm, hvo_pfn_t pfn);

/*
 * Are there bad pages that are not retired? They may be a folio's, marked in
 * its tails. Of a folio that the caller owns it cannot miss one. O(zones).
 */
bool hvo_any_bad(struct hvo_mm *mm);

/* ---- contig.c --------------------------------------------------------- */

/*
 * Take the free blocks out of a range in which all pages are free or, if
 * `others`, bad or an altmap's; false when others are. Their descriptors are
 * fresh afterwards; accounts are the caller's affair, *pages says how many
 * pages were free. Zone's lock held.
 */
bool hvo_contig_capture(struct hvo_mm *mm, struct hvo_zone *zone, hvo_pfn_t pfn,
			hvo_pfn_t end, bool others, uint64_t *pages);

/* Mark fresh pages as isolated blocks. Zone's lock held. */
void hvo_contig_mark(struct hvo_mm *mm, hvo_pfn_t pfn, hvo_pfn_t end);

/*
 * Make all pages of an isolated range fresh and unmarked, still in the account
 * of ISOLATED; false, and nothing done, if one is not isolated.
 */
bool hvo_contig_claim(struct hvo_mm *mm, hvo_pfn_t pfn, hvo_pfn_t end);

/* ---- folio.c ---------------------------------------------------------- */

/* The run-time marks of a folio whose descriptors are those of one. */
void hvo_folio_mark(struct hvo_page *head, unsigned order, uint64_t flags);

/* Can there be no folio of that order, optimized if it must be? 0 or why. */
int hvo_folio_order_refused(const struct hvo_mm *mm,
			    const struct hvo_alloc *alloc);

/* Is the folio to be optimized, and of an order that can be? */
bool hvo_folio_wants_hvo(const struct hvo_mm *mm,
			 const struct hvo_alloc *alloc);

/*
 * Back a block in transit, or a frozen folio that is not backed, as asked; its
 * head remembers. Returns 0 or -HVO_ENOMEM.
 */
int hvo_folio_back(struct hvo_mm *mm, hvo_pfn_t pfn,
		   const struct hvo_alloc *alloc);

/*
 * Is this a folio that the caller may change: a frozen one, of any state?
 */
bool hvo_folio_is_frozen(const struct hvo_page *head);

/* ---- free.c ------------------------------------------------------------- */

/*
 * Make all descriptors of a full folio fresh, bad ones but for that mark;
 * returns how many are bad.
 */
uint64_t hvo_folio_clear(struct hvo_mm *mm, hvo_pfn_t pfn, unsigned order);

/*
 * Return full pages that were a folio's to the free areas; bad ones go to
 * HVO_OWNER_POISON.
 */
void hvo_folio_release(struct hvo_mm *mm, hvo_pfn_t pfn, hvo_pfn_t end);

/* A full folio without mark is freed; returns how many pages are free now. */
uint64_t hvo_folio_finish(struct hvo_mm *mm, hvo_pfn_t pfn, unsigned order);

/*
 * Restore optimized folios with frames from the zones, and mark their bad
 * pages. *done of them, from the first on, are full at the end.
 */
int hvo_folio_own_frames(struct hvo_mm *mm, const hvo_pfn_t *pfns, size_t n,
			 unsigned order, size_t *done);

/* ---- host.c ----------------------------------------------------------- */

/*
 * Are the descriptors of a full range hosted by a folio that was freed? Then
 * the engine cannot optimize a part of it, only that folio as a whole.
 */
static inline bool hvo_is_hosted(const struct hvo_mm *mm, hvo_pfn_t pfn)
{
	struct hvo_range_state state = hvo_vmemmap_state(mm->map, pfn);

	return state.state == HVO_FULL && state.order;
}

/* Base pages of a folio that hold its descriptors when it hosts them. */
static inline uint64_t hvo_host_pages(const struct hvo_mm *mm, unsigned order)
{
	return hvo_folio_pages(&mm->geometry, order) - 1;
}

/*
 * Free an optimized folio without mark for which no frames are to be had: let
 * it host its own descriptors, or else defer it. Cannot fail. Returns how many
 * pages are free now.
 */
uint64_t hvo_host_or_defer(struct hvo_mm *mm, hvo_pfn_t pfn, unsigned order);

/* ---- record.c ------------------------------------------------------------ */

/*
 * Bad pages of an optimized folio are recorded in the writable descriptors
 * beside its head. The folio is the caller's, or poison_lock is held.
 */

/* Record page pfn + offset, offset > 0. *known: it was. -HVO_ENOMEM. */
int hvo_record_add(struct hvo_mm *mm, hvo_pfn_t pfn, uint64_t offset,
		   bool *known);

/* Forget a record; -HVO_ESTATE if there is none. */
int hvo_record_drop(struct hvo_mm *mm, hvo_pfn_t pfn, uint64_t offset);

/* Is page pfn + offset bad, the head included? */
bool hvo_record_has(const struct hvo_mm *mm, hvo_pfn_t pfn, uint64_t offset);

/* Bad pages with offsets from first to end, the head included. */
uint64_t hvo_record_count(const struct hvo_mm *mm, hvo_pfn_t pfn,
			  uint64_t first, uint64_t end);

/* The folio was restored: mark the descriptors that exist again. */
void hvo_record_apply(struct hvo_mm *mm, hvo_pfn_t pfn);

/*
 * It was optimized: bad pages whose own descriptors are still there, beside
 * the head, are recorded like all others.
 */
void hvo_record_collect(struct hvo_mm *mm, hvo_pfn_t pfn);

/* It was split into optimized ones: move records to the parts concerned. */
void hvo_record_split(struct hvo_mm *mm, hvo_pfn_t pfn, unsigned to);

/* ---- replace.c -------------------------------------------------------- */

/*
 * Lead the vmemmap from a bad frame to another, where all pages that it
 * describes can be isolated. True when done: the page is retired, or free if
 * it was found good meanwhile.
 */
bool hvo_frame_replace(struct hvo_mm *mm, hvo_pfn_t pfn);

#endif
