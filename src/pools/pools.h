/* SPDX-License-Identifier: MIT */
/*
 * The inside of hvo/hugetlb.h: what a size is, and the transitions that its
 * pages make. A page is named by its number: the folio of that order counted
 * from the pool's base.
 *
 *            enter                 use
 *    (none) ------> free ---------------> used
 *       ^           |  ^                   |
 *       |      take |  | back              | take_used
 *       |           v  |                   v
 *       +---------- busy <-----------------+
 *           leave
 *
 * Three bitmaps say which page is in which state; a page of the pool is in
 * exactly one of them. Nothing is kept in the pages' descriptors, so that a
 * free page is as the manager made it. `free` has a summary, a bit for each
 * word with a bit, and each node the first word in which a free page of its
 * may be, so that a search skips what is empty.
 *
 * Locking: (c) constant; (l) the pool's lock. The bitmaps are written under
 * it; a look without it is a hint. A call that waits for busy pages has none
 * in its own hands.
 */
#ifndef HVO_POOLS_H
#define HVO_POOLS_H

#include "hvo/hugetlb.h"
#include "hvo/lock.h"
#include "hvo/memblock.h"
#include "hvo/mem.h"

#define HVO_POOL_BATCH 64 /* pages in the hands of a call at once */
#define HVO_POOL_NONE  UINT64_MAX

enum hvo_pool_counter {
	HVO_POOL_TOTAL,
	HVO_POOL_FREE,
	HVO_POOL_BUSY,
	HVO_POOL_SURPLUS,
	HVO_POOL_OPTIMIZED, /* of free and used ones */
	HVO_POOL_COUNTERS
};

struct hvo_pool_node {
	uint64_t count[HVO_POOL_COUNTERS]; /* (l) */
	uint64_t first; /* (l) no free page of this node is in a word before */
};

struct hvo_pool {
	struct hvo_lock lock;
	_Atomic uint32_t resizing; /* somebody is setting the size */
	unsigned order;            /* (c) */
	hvo_pfn_t base;            /* (c) pfn of page 0, aligned to all sizes */
	uint64_t words;            /* (c) of each bitmap */
	_Atomic uint64_t *free;    /* (c) bitmaps; contents (l) */
	_Atomic uint64_t *used;
	_Atomic uint64_t *busy;
	uint64_t *summary;               /* (c), contents (l): of free */
	struct hvo_pool_node *node;      /* (c), contents (l) */
	uint64_t all[HVO_POOL_COUNTERS]; /* (l) sums over nodes */
	uint64_t reserved;               /* (l) */
	uint64_t overcommit;             /* (l) */
	uint64_t claimed;     /* (l) surplus pages about to be allocated */
	uint64_t lost;        /* (l) see hvo_hugetlb_stats */
	unsigned next_grow;   /* node; who is resizing has it */
	unsigned next_shrink; /* (l) node */
	unsigned next_new;    /* (l) node, for single pages */
};

struct hvo_hugetlb {
	struct hvo_mm *mm;                /* (c) */
	struct hvo_port *port;            /* (c) */
	const struct hvo_sparse *sparse;  /* (c) */
	struct hvo_hugetlb_config config; /* (c) */
	unsigned nodes;                   /* (c) */
	_Atomic bool optimize;
	struct hvo_pool pool[HVO_HUGETLB_SIZES_MAX]; /* config.sizes of them */
};

/* Busy pages in the hands of one call. */
struct hvo_pool_batch {
	size_t count;
	struct hvo_page *folio[HVO_POOL_BATCH];
	uint64_t page[HVO_POOL_BATCH];
	uint8_t node[HVO_POOL_BATCH];
	bool surplus[HVO_POOL_BATCH]; /* it was taken off the node's surplus */
};

/* ---- small things ----------------------------------------------------- */

static inline uint64_t hvo_pool_least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static inline void hvo_pool_lock(struct hvo_hugetlb *pools,
				 struct hvo_pool *pool)
{
	hvo_lock_acquire(&pool->lock, pools->port);
}

static inline void hvo_pool_unlock(struct hvo_pool *pool)
{
	hvo_lock_release(&pool->lock);
}

static inline uint64_t hvo_pool_word(const _Atomic uint64_t *bitmap,
				     uint64_t word)
{
	return atomic_load_explicit(&bitmap[word], memory_order_relaxed);
}

static inline bool hvo_pool_test(const _Atomic uint64_t *bitmap, uint64_t page)
{
	return hvo_pool_word(bitmap, page / 64) >> page % 64 & 1;
}

static inline hvo_pfn_t hvo_pool_pfn(const struct hvo_pool *pool, uint64_t page)
{
	return pool->base + (page << pool->order);
}

/* The page that has base page pfn; HVO_POOL_NONE outside. */
static inline uint64_t hvo_pool_page(const struct hvo_pool *pool, hvo_pfn_t pfn)
{
	uint64_t page = (pfn - pool->base) >> pool->order;

	return pfn >= pool->base && page < pool->words * 64 ? page
							    : HVO_POOL_NONE;
}

static inline struct hvo_page *hvo_pool_folio(const struct hvo_hugetlb *pools,
					      const struct hvo_pool *pool,
					      uint64_t page)
{
	return hvo_mm_page(pools->mm, hvo_pool_pfn(pool, page));
}

static inline unsigned hvo_pool_node_of(const struct hvo_hugetlb *pools,
					const struct hvo_pool *pool,
					uint64_t page)
{
	return hvo_domain_node(
	    hvo_sparse_domain(pools->sparse, hvo_pool_pfn(pool, page)));
}

/* ---- looking up (hugetlb.c) ------------------------------------------- */

/* The pool of an order, or NULL. */
struct hvo_pool *hvo_pool_find(struct hvo_hugetlb *pools, unsigned order);
/* The nodes of a mask that exist; all for 0; 0 if there are none of it. */
uint32_t hvo_pool_nodes(const struct hvo_hugetlb *pools, uint32_t nodes);
/* Base pages that are bad, in a folio that is ours. */
bool hvo_pool_is_bad(struct hvo_hugetlb *pools, const struct hvo_page *folio);

/* ---- states (set.c); the pool's lock is held -------------------------- */

/* Pages that are neither used nor reserved. */
static inline uint64_t hvo_pool_available(const struct hvo_pool *pool)
{
	uint64_t free = pool->all[HVO_POOL_FREE];

	return free > pool->reserved ? free - pool->reserved : 0;
}

static inline uint64_t hvo_pool_persistent(const struct hvo_pool *pool)
{
	return pool->all[HVO_POOL_TOTAL] - pool->all[HVO_POOL_SURPLUS];
}

/* Number of the lowest bit; bits is not 0. */
unsigned hvo_pool_lowest(uint64_t bits);
void hvo_pool_add(struct hvo_pool *pool, unsigned node,
		  enum hvo_pool_counter counter, int64_t n);
/* The first word with free pages from `word` on; pool->words if none. */
uint64_t hvo_pool_next_word(const struct hvo_pool *pool, uint64_t word);
/* A free page of a node, the first; HVO_POOL_NONE if there is none. */
uint64_t hvo_pool_search(struct hvo_hugetlb *pools, struct hvo_pool *pool,
			 unsigned node);

void hvo_pool_enter(struct hvo_hugetlb *pools, struct hvo_pool *pool,
		    uint64_t page);
/* As a surplus page, used from the start. */
void hvo_pool_enter_used(struct hvo_hugetlb *pools, struct hvo_pool *pool,
			 uint64_t page);
void hvo_pool_use(struct hvo_hugetlb *pools, struct hvo_pool *pool,
		  uint64_t page);
/* A used page is free again. */
void hvo_pool_unuse(struct hvo_hugetlb *pools, struct hvo_pool *pool,
		    uint64_t page);
/* Free and used pages become busy, in a batch that has room. With surplus,
 * they count as surplus pages if their node has any. */
void hvo_pool_take(struct hvo_hugetlb *pools, struct hvo_pool *pool,
		   uint64_t page, bool surplus, struct hvo_pool_batch *batch);
void hvo_pool_take_used(struct hvo_hugetlb *pools, struct hvo_pool *pool,
			uint64_t page, bool surplus,
			struct hvo_pool_batch *batch);
/*
 * Entry i of a batch is free again, or has left the pool. What is to leave is
 * parted from first: once the manager has it, it may enter again before we
 * have counted that it left.
 */
void hvo_pool_part(struct hvo_pool *pool, const struct hvo_pool_batch *batch);
void hvo_pool_back(struct hvo_hugetlb *pools, struct hvo_pool *pool,
		   const struct hvo_pool_batch *batch, size_t i);
void hvo_pool_leave(struct hvo_pool *pool, const struct hvo_pool_batch *batch,
		    size_t i);

/*
 * Let others finish: true if pages are busy; the lock is let go of meanwhile,
 * and what was seen before may have changed.
 */
bool hvo_pool_wait(struct hvo_hugetlb *pools, struct hvo_pool *pool);

/* Take up to n pages that are not reserved, node by node in turn. */
void hvo_pool_take_turns(struct hvo_hugetlb *pools, struct hvo_pool *pool,
			 uint32_t nodes, uint64_t n, bool surplus,
			 struct hvo_pool_batch *batch);

/* ---- the manager's side; no lock held --------------------------------- */

/*
 * Free the folios of a batch; what cannot be freed (HVO_FREE_NO_HOST) is back
 * in the pool. Returns 0 or why; *done of them have left.
 */
int hvo_pool_release(struct hvo_hugetlb *pools, struct hvo_pool *pool,
		     const struct hvo_pool_batch *batch, unsigned flags,
		     size_t *done);

/*
 * Allocate up to a batch of pages that go into the pool free, on the next node
 * in turn or others. The lock is held before and after, not meanwhile.
 */
int hvo_pool_allocate(struct hvo_hugetlb *pools, struct hvo_pool *pool,
		      size_t n, uint64_t *pages, size_t *done);

/* Pages for a pool, from where its size comes from; as
 * hvo_folio_alloc_bulk(). */
int hvo_pool_obtain(struct hvo_hugetlb *pools, const struct hvo_alloc *alloc,
		    size_t n, struct hvo_page **folios, size_t *done);

/*
 * The reverse, for some of n frozen folios, from the first on, n > 0; as
 * hvo_folio_free().
 */
int hvo_pool_discard(struct hvo_hugetlb *pools, struct hvo_page *const *folios,
		     size_t n, unsigned flags, size_t *done);

/* Put n boot pages in a row, for which there is room, at their place. */
void hvo_pool_boot_insert(struct hvo_hugetlb_boot *boot, hvo_pfn_t pfn,
			  size_t n, unsigned order);

/* What to ask the manager for. */
struct hvo_alloc hvo_pool_alloc(const struct hvo_hugetlb *pools,
				const struct hvo_pool *pool, unsigned node,
				uint32_t nodes);

#endif
