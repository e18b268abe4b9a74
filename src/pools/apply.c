/* SPDX-License-Identifier: MIT */
/*
 * The switch, applied to the free pages there are: in batches, by rising pfn,
 * so that each page is looked at once, by one call or by several.
 */

#include "pools.h"

/* Pages looked at while the lock is held. */
#define LOOKS 256

/* Where a walk over the free pages has got to, and what it looks for. */
struct walk {
	uint64_t page; /* the next */
	uint64_t left; /* pages that may still be taken */
	bool optimize; /* pages that are not so, or are */
};

static uint64_t end_of(const struct hvo_pool *pool)
{
	return pool->words * 64;
}

/* The next free page from *page on. Lock held. */
static bool next_free(const struct hvo_pool *pool, uint64_t *page)
{
	while (*page < end_of(pool)) {
		uint64_t word = hvo_pool_next_word(pool, *page / 64);
		uint64_t bits;

		if (word > *page / 64)
			*page = word * 64;
		if (word == pool->words)
			return false;
		bits = hvo_pool_word(pool->free, word) & UINT64_MAX
							     << *page % 64;
		if (bits) {
			*page = word * 64 + hvo_pool_lowest(bits);
			return true;
		}
		*page = (word + 1) * 64;
	}
	return false;
}

/* Take the pages that are to be changed; false when the walk is over. */
static bool gather(struct hvo_hugetlb *pools, struct hvo_pool *pool,
		   struct walk *walk, struct hvo_pool_batch *batch)
{
	uint64_t most = hvo_pool_least(walk->left, HVO_POOL_BATCH);
	bool more = true;

	batch->count = 0;
	hvo_pool_lock(pools, pool);
	for (unsigned looks = 0; looks < LOOKS && batch->count < most;
	     looks++) {
		more = next_free(pool, &walk->page);
		if (!more)
			break;
		if (hvo_folio_optimized(
			pools->mm, hvo_pool_folio(pools, pool, walk->page)) !=
		    walk->optimize)
			hvo_pool_take(pools, pool, walk->page, false, batch);
		walk->page++;
	}
	hvo_pool_unlock(pool);
	walk->left -= batch->count;
	return more || batch->count;
}

/* Change a batch. -HVO_EDIRTY: some were passed over; all else ends it. */
static int change(struct hvo_hugetlb *pools, const struct hvo_pool_batch *batch,
		  bool optimize, uint64_t *done)
{
	int dirty = 0;
	size_t at = 0;

	while (at < batch->count) {
		size_t some = 0;
		int err = (optimize ? hvo_folio_optimize : hvo_folio_restore)(
		    pools->mm, batch->folio + at, batch->count - at, &some);

		at += some;
		*done += some;
		if (err && err != -HVO_EDIRTY)
			return err;
		if (err) {
			dirty = err;
			at++;
		}
	}
	return dirty;
}

static int apply(struct hvo_hugetlb *pools, struct hvo_pool *pool,
		 struct walk *walk, uint64_t *done)
{
	struct hvo_pool_batch batch;
	int dirty = 0;
	int err = 0;

	while ((!err || err == -HVO_EDIRTY) && walk->left &&
	       gather(pools, pool, walk, &batch)) {
		err = change(pools, &batch, walk->optimize, done);
		if (err == -HVO_EDIRTY)
			dirty = err;
		hvo_pool_lock(pools, pool);
		for (size_t i = 0; i < batch.count; i++)
			hvo_pool_back(pools, pool, &batch, i);
		hvo_pool_unlock(pool);
	}
	return err ? err : dirty;
}

int hvo_hugetlb_apply_some(struct hvo_hugetlb *pools, unsigned order,
			   uint64_t most, hvo_pfn_t *from, uint64_t *done)
{
	const struct hvo_geometry *g =
	    hvo_vmemmap_geometry(hvo_mm_vmemmap(pools->mm));
	struct hvo_pool *pool = hvo_pool_find(pools, order);
	struct walk walk = {
	    .left = most,
	    .optimize = hvo_hugetlb_optimize(pools),
	};
	uint64_t count = 0;
	int err = -HVO_EORDER;

	if (pool && (!walk.optimize || hvo_order_optimizable(g, order))) {
		if (*from > pool->base)
			walk.page = (*from - pool->base) >> order;
		err = apply(pools, pool, &walk, &count);
		*from = walk.page < end_of(pool)
			    ? pool->base + (walk.page << order)
			    : HVO_HUGETLB_END;
	}
	if (done)
		*done = count;
	return err;
}

int hvo_hugetlb_apply(struct hvo_hugetlb *pools, unsigned order, uint64_t *done)
{
	hvo_pfn_t from = 0;

	return hvo_hugetlb_apply_some(pools, order, UINT64_MAX, &from, done);
}
