/* SPDX-License-Identifier: MIT */
/*
 * Free pages that leave their pool: so many, those in a range, those that have
 * gone bad.
 */

#include "hvo/poison.h"
#include "pools.h"

/* ---- so many ---------------------------------------------------------- */

/* The next batch. -HVO_EBUSY: there are no more. */
static int dissolve_some(struct hvo_hugetlb *pools, struct hvo_pool *pool,
			 uint32_t nodes, uint64_t n, unsigned flags,
			 size_t *done)
{
	struct hvo_pool_batch batch = {.count = 0};

	*done = 0;
	hvo_pool_lock(pools, pool);
	do
		hvo_pool_take_turns(pools, pool, nodes, n, true, &batch);
	while (!batch.count && hvo_pool_wait(pools, pool));
	hvo_pool_unlock(pool);
	if (!batch.count)
		return -HVO_EBUSY;
	return hvo_pool_release(pools, pool, &batch, flags, done);
}

int hvo_hugetlb_dissolve(struct hvo_hugetlb *pools, unsigned order,
			 uint32_t nodes, uint64_t n, unsigned flags,
			 uint64_t *done)
{
	struct hvo_pool *pool = hvo_pool_find(pools, order);
	uint64_t count = 0;
	int err = 0;

	nodes = hvo_pool_nodes(pools, nodes);
	if (!pool)
		err = -HVO_EORDER;
	else if (!nodes)
		err = -HVO_ENODE;
	while (count < n && !err) {
		size_t some;

		err =
		    dissolve_some(pools, pool, nodes, n - count, flags, &some);
		count += some;
	}
	if (done)
		*done = count;
	return err;
}

/* ---- in a range ------------------------------------------------------- */

/* Bits of a word of bitmaps that are pages from first to last. */
static uint64_t bits_between(uint64_t word, uint64_t first, uint64_t last)
{
	uint64_t bits = UINT64_MAX;

	if (first > word * 64)
		bits &= UINT64_MAX << first % 64;
	if (last < word * 64 + 63)
		bits &= UINT64_MAX >> (63 - last % 64);
	return bits;
}

/*
 * Take the free pages of a word that lie in the range, as far as they are not
 * reserved. Returns whether any page of it is left. Lock held.
 */
static bool take_word(struct hvo_hugetlb *pools, struct hvo_pool *pool,
		      uint64_t word, uint64_t mask,
		      struct hvo_pool_batch *batch)
{
	uint64_t bits = hvo_pool_word(pool->free, word) & mask;
	uint64_t others =
	    hvo_pool_word(pool->used, word) | hvo_pool_word(pool->busy, word);

	for (; bits && hvo_pool_available(pool); bits &= bits - 1)
		hvo_pool_take(pools, pool, word * 64 + hvo_pool_lowest(bits),
			      true, batch);
	return bits || (others & mask);
}

/* The pages of a pool that have a base page from pfn to last_pfn. */
static int dissolve_pages(struct hvo_hugetlb *pools, struct hvo_pool *pool,
			  hvo_pfn_t pfn, hvo_pfn_t last_pfn, unsigned flags,
			  uint64_t *done)
{
	uint64_t first = (pfn - pool->base) >> pool->order;
	uint64_t last = (last_pfn - pool->base) >> pool->order;
	int busy = 0;
	int err = 0;

	/* The map may end within a page that there cannot be. */
	if (first >= pool->words * 64)
		return 0;
	last = hvo_pool_least(last, pool->words * 64 - 1);
	for (uint64_t word = first / 64; word <= last / 64 && !err; word++) {
		struct hvo_pool_batch batch = {.count = 0};
		size_t some = 0;

		hvo_pool_lock(pools, pool);
		if (take_word(pools, pool, word,
			      bits_between(word, first, last), &batch))
			busy = -HVO_EBUSY;
		hvo_pool_unlock(pool);
		if (batch.count)
			err =
			    hvo_pool_release(pools, pool, &batch, flags, &some);
		*done += some;
	}
	return err ? err : busy;
}

int hvo_hugetlb_dissolve_range(struct hvo_hugetlb *pools, hvo_pfn_t pfn,
			       uint64_t count, unsigned flags, uint64_t *done)
{
	const struct hvo_mm_config *config = hvo_mm_config(pools->mm);
	uint64_t dissolved = 0;
	int busy = 0;
	int err = 0;

	if (!count || pfn < config->pfn_first || pfn >= config->pfn_end ||
	    count > config->pfn_end - pfn)
		err = -HVO_ERANGE;
	for (unsigned i = 0; i < pools->config.sizes && !err; i++) {
		struct hvo_pool *pool = &pools->pool[i];

		err = dissolve_pages(pools, pool, pfn, pfn + count - 1, flags,
				     &dissolved);
		if (err == -HVO_EBUSY) {
			busy = err;
			err = 0;
		}
	}
	if (done)
		*done = dissolved;
	return err ? err : busy;
}

/* ---- bad ones --------------------------------------------------------- */

/* The free page that has base page pfn, taken; its pool, or NULL. */
static struct hvo_pool *take_at(struct hvo_hugetlb *pools, hvo_pfn_t pfn,
				struct hvo_pool_batch *batch, bool *reserved)
{
	for (unsigned i = 0; i < pools->config.sizes; i++) {
		struct hvo_pool *pool = &pools->pool[i];
		uint64_t page = hvo_pool_page(pool, pfn);

		if (page == HVO_POOL_NONE || !hvo_pool_test(pool->free, page))
			continue;
		hvo_pool_lock(pools, pool);
		*reserved = !hvo_pool_available(pool);
		if (hvo_pool_test(pool->free, page))
			hvo_pool_take(pools, pool, page, !*reserved, batch);
		hvo_pool_unlock(pool);
		if (batch->count)
			return pool;
	}
	return NULL;
}

/* A reserved page went bad: another one, if there is any. */
static void replace(struct hvo_hugetlb *pools, struct hvo_pool *pool)
{
	uint64_t page;
	size_t done;

	hvo_pool_lock(pools, pool);
	hvo_pool_allocate(pools, pool, 1, &page, &done);
	pool->lost += !done;
	hvo_pool_unlock(pool);
}

int hvo_hugetlb_poison(struct hvo_hugetlb *pools, hvo_pfn_t pfn,
		       bool *unrecoverable)
{
	struct hvo_pool_batch batch = {.count = 0};
	bool reserved;
	struct hvo_pool *pool = take_at(pools, pfn, &batch, &reserved);
	size_t done;
	int err;

	if (!pool) {
		struct hvo_cma *area = hvo_cma_find(pools->config.cma, pfn, 1);

		return area ? hvo_cma_poison(area, pfn, unrecoverable)
			    : hvo_mm_poison(pools->mm, pfn, unrecoverable);
	}
	if (unrecoverable)
		*unrecoverable = false;
	err = hvo_folio_poison(pools->mm, batch.folio[0], pfn);
	if (err) {
		hvo_pool_lock(pools, pool);
		hvo_pool_back(pools, pool, &batch, 0);
		hvo_pool_unlock(pool);
		return err;
	}
	hvo_pool_release(pools, pool, &batch, 0, &done);
	if (reserved)
		replace(pools, pool);
	return 0;
}
