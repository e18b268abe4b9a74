/* SPDX-License-Identifier: MIT */
/*
 * Memory that goes offline with the free huge pages in it, or stays as it was.
 *
 *   1. What is free in the range is isolated, so that no page enters a pool
 *      there, and no frame for descriptors is taken there, any more.
 *   2. All pages of the pools in the range become busy.
 *   3. They are restored: the last thing that can fail for want of memory.
 *   4. If now every page of the range is here, they leave their pools and the
 *      range is offline; else everything goes back.
 *
 * The pages are linked through their heads' `data`, which is 0 while they are
 * in the pool: (the next one's pfn + 1) << 2, and the two flags.
 */

#include "hvo/contig.h"
#include "pools.h"

#define SURPLUS   UINT64_C(1) /* it was taken off the node's surplus */
#define OPTIMIZED UINT64_C(2) /* it was */

struct offline {
	struct hvo_hugetlb *pools;
	struct hvo_offlining range;
	hvo_pfn_t first[HVO_HUGETLB_SIZES_MAX]; /* pfn + 1, of each size */
	uint64_t pages; /* base pages that they have in the range */
};

/* ---- taking --------------------------------------------------------- */

/* Base pages of a page that lie in the range. */
static uint64_t within(const struct offline *o, hvo_pfn_t pfn, unsigned order)
{
	hvo_pfn_t end = o->range.pfn + o->range.count;
	hvo_pfn_t last = hvo_pool_least(pfn + (UINT64_C(1) << order), end);

	return last - (pfn > o->range.pfn ? pfn : o->range.pfn);
}

static void link_page(struct offline *o, unsigned size,
		      const struct hvo_pool_batch *one)
{
	struct hvo_page *folio = one->folio[0];
	hvo_pfn_t pfn = hvo_mm_pfn(o->pools->mm, folio);

	folio->data =
	    o->first[size] << 2 | (one->surplus[0] ? SURPLUS : 0) |
	    (hvo_folio_optimized(o->pools->mm, folio) ? OPTIMIZED : 0);
	o->first[size] = pfn + 1;
	o->pages += within(o, pfn, o->pools->pool[size].order);
}

/* The next page of a size, as it was taken, and its flags; false: no more. */
static bool unlink_page(struct offline *o, unsigned size,
			struct hvo_pool_batch *one, uint64_t *flags)
{
	struct hvo_hugetlb *pools = o->pools;
	struct hvo_pool *pool = &pools->pool[size];
	struct hvo_page *folio;

	if (!o->first[size])
		return false;
	folio = hvo_mm_page(pools->mm, o->first[size] - 1);
	one->count = 1;
	one->folio[0] = folio;
	one->page[0] = hvo_pool_page(pool, o->first[size] - 1);
	one->node[0] = (uint8_t)hvo_pool_node_of(pools, pool, one->page[0]);
	one->surplus[0] = folio->data & SURPLUS;
	*flags = folio->data & 3;
	o->first[size] = folio->data >> 2;
	folio->data = 0;
	return true;
}

/* Take a page if it is free; false if it is there and cannot be taken. */
static bool take_page(struct offline *o, unsigned size, uint64_t page)
{
	struct hvo_pool *pool = &o->pools->pool[size];
	struct hvo_pool_batch one = {.count = 0};

	if (hvo_pool_test(pool->used, page) || hvo_pool_test(pool->busy, page))
		return false;
	if (!hvo_pool_test(pool->free, page))
		return true;
	if (!hvo_pool_available(pool))
		return false;
	hvo_pool_take(o->pools, pool, page, true, &one);
	link_page(o, size, &one);
	return true;
}

static bool take_size(struct offline *o, unsigned size)
{
	struct hvo_pool *pool = &o->pools->pool[size];
	hvo_pfn_t last_pfn = o->range.pfn + o->range.count - 1;
	uint64_t page = (o->range.pfn - pool->base) >> pool->order;
	uint64_t last = hvo_pool_least((last_pfn - pool->base) >> pool->order,
				       pool->words * 64 - 1);
	bool taken = true;

	for (; page <= last && taken; page++) {
		if (page % 64 == 0 && !(hvo_pool_word(pool->free, page / 64) |
					hvo_pool_word(pool->used, page / 64) |
					hvo_pool_word(pool->busy, page / 64))) {
			page += 63;
			continue;
		}
		hvo_pool_lock(o->pools, pool);
		taken = take_page(o, size, page);
		hvo_pool_unlock(pool);
	}
	return taken;
}

static int take(struct offline *o)
{
	for (unsigned i = 0; i < o->pools->config.sizes; i++)
		if (!take_size(o, i))
			return -HVO_EBUSY;
	return 0;
}

/* ---- restoring, or the reverse -------------------------------------- */

static int restore(struct offline *o)
{
	struct hvo_page *folios[HVO_POOL_BATCH];
	int err = 0;

	for (unsigned i = 0; i < o->pools->config.sizes; i++) {
		hvo_pfn_t next = o->first[i];

		while (next && !err) {
			size_t n = 0;

			for (; next && n < HVO_POOL_BATCH; n++) {
				folios[n] = hvo_mm_page(o->pools->mm, next - 1);
				next = folios[n]->data >> 2;
			}
			err = hvo_folio_restore(o->pools->mm, folios, n, NULL);
		}
	}
	return err;
}

static void put_back(struct offline *o)
{
	struct hvo_pool_batch one;
	uint64_t flags;

	for (unsigned i = 0; i < o->pools->config.sizes; i++)
		while (unlink_page(o, i, &one, &flags)) {
			if (flags & OPTIMIZED)
				hvo_folio_optimize(o->pools->mm, one.folio, 1,
						   NULL);
			hvo_pool_lock(o->pools, &o->pools->pool[i]);
			hvo_pool_back(o->pools, &o->pools->pool[i], &one, 0);
			hvo_pool_unlock(&o->pools->pool[i]);
		}
}

/* ---- leaving -------------------------------------------------------- */

/* A page is isolated; what of it lies outside the range is free. */
static void disown(struct offline *o, struct hvo_page *folio, unsigned order)
{
	hvo_pfn_t pfn = hvo_mm_pfn(o->pools->mm, folio);
	hvo_pfn_t end = pfn + (UINT64_C(1) << order);
	hvo_pfn_t range_end = o->range.pfn + o->range.count;

	hvo_folio_disown(o->pools->mm, folio);
	if (pfn < o->range.pfn)
		hvo_contig_release(o->pools->mm, pfn, o->range.pfn - pfn);
	if (end > range_end)
		hvo_contig_release(o->pools->mm, range_end, end - range_end);
}

static void leave(struct offline *o)
{
	struct hvo_pool_batch one;
	uint64_t flags;

	for (unsigned i = 0; i < o->pools->config.sizes; i++) {
		struct hvo_pool *pool = &o->pools->pool[i];

		while (unlink_page(o, i, &one, &flags)) {
			hvo_pool_lock(o->pools, pool);
			hvo_pool_part(pool, &one);
			hvo_pool_leave(pool, &one, 0);
			hvo_pool_unlock(pool);
			disown(o, one.folio[0], pool->order);
		}
	}
}

int hvo_hugetlb_offline(struct hvo_hugetlb *pools, hvo_pfn_t pfn,
			uint64_t count)
{
	struct offline o = {.pools = pools};
	int err = hvo_mm_offline_begin(pools->mm, &o.range, pfn, count);

	if (err)
		return err;
	if (hvo_cma_find(pools->config.cma, pfn, count))
		err = -HVO_EBUSY;
	if (!err)
		err = take(&o);
	if (!err)
		err = restore(&o);
	if (!err)
		err = hvo_mm_offline_ready(pools->mm, &o.range, o.pages);
	if (err) {
		put_back(&o);
		hvo_mm_offline_cancel(pools->mm, &o.range);
		return err;
	}
	leave(&o);
	hvo_mm_offline_finish(pools->mm, &o.range);
	return 0;
}
