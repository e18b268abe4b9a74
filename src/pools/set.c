/* SPDX-License-Identifier: MIT */
/*
 * The states of a pool's pages: bitmaps and counters, and nothing else.
 * Everything here is called with the pool's lock held, but release.
 */

#include "pools.h"

unsigned hvo_pool_lowest(uint64_t bits)
{
	unsigned at = 0;

	for (unsigned half = 32; half; half /= 2)
		if (!(bits & ((UINT64_C(1) << half) - 1))) {
			bits >>= half;
			at += half;
		}
	return at;
}

void hvo_pool_add(struct hvo_pool *pool, unsigned node,
		  enum hvo_pool_counter counter, int64_t n)
{
	pool->node[node].count[counter] += (uint64_t)n;
	pool->all[counter] += (uint64_t)n;
}

static void set_bit(_Atomic uint64_t *bitmap, uint64_t page)
{
	uint64_t word = hvo_pool_word(bitmap, page / 64);

	atomic_store_explicit(&bitmap[page / 64],
			      word | UINT64_C(1) << page % 64,
			      memory_order_relaxed);
}

static void clear_bit(_Atomic uint64_t *bitmap, uint64_t page)
{
	uint64_t word = hvo_pool_word(bitmap, page / 64);

	atomic_store_explicit(&bitmap[page / 64],
			      word & ~(UINT64_C(1) << page % 64),
			      memory_order_relaxed);
}

/* A page's part in the count of optimized ones begins or ends. */
static void count_optimized(struct hvo_hugetlb *pools, struct hvo_pool *pool,
			    uint64_t page, unsigned node, int sign)
{
	if (hvo_folio_optimized(pools->mm, hvo_pool_folio(pools, pool, page)))
		hvo_pool_add(pool, node, HVO_POOL_OPTIMIZED, sign);
}

/* ---- free pages ------------------------------------------------------- */

static void set_free(struct hvo_hugetlb *pools, struct hvo_pool *pool,
		     uint64_t page, unsigned node)
{
	uint64_t word = page / 64;

	set_bit(pool->free, page);
	pool->summary[word / 64] |= UINT64_C(1) << word % 64;
	pool->node[node].first = hvo_pool_least(pool->node[node].first, word);
	hvo_pool_add(pool, node, HVO_POOL_FREE, 1);
	count_optimized(pools, pool, page, node, 1);
}

static void clear_free(struct hvo_hugetlb *pools, struct hvo_pool *pool,
		       uint64_t page, unsigned node)
{
	uint64_t word = page / 64;

	clear_bit(pool->free, page);
	if (!hvo_pool_word(pool->free, word))
		pool->summary[word / 64] &= ~(UINT64_C(1) << word % 64);
	hvo_pool_add(pool, node, HVO_POOL_FREE, -1);
	count_optimized(pools, pool, page, node, -1);
}

uint64_t hvo_pool_next_word(const struct hvo_pool *pool, uint64_t word)
{
	while (word < pool->words) {
		uint64_t bits = pool->summary[word / 64] & UINT64_MAX
							       << word % 64;

		if (bits)
			return word / 64 * 64 + hvo_pool_lowest(bits);
		word = (word / 64 + 1) * 64;
	}
	return pool->words;
}

/* The first free page of a node in a word. */
static uint64_t search_word(struct hvo_hugetlb *pools, struct hvo_pool *pool,
			    uint64_t word, unsigned node)
{
	uint64_t bits = hvo_pool_word(pool->free, word);

	for (; bits; bits &= bits - 1) {
		uint64_t page = word * 64 + hvo_pool_lowest(bits);

		if (hvo_pool_node_of(pools, pool, page) == node)
			return page;
	}
	return HVO_POOL_NONE;
}

uint64_t hvo_pool_search(struct hvo_hugetlb *pools, struct hvo_pool *pool,
			 unsigned node)
{
	uint64_t *first = &pool->node[node].first;
	uint64_t page = HVO_POOL_NONE;

	if (!pool->node[node].count[HVO_POOL_FREE])
		return HVO_POOL_NONE;
	for (*first = hvo_pool_next_word(pool, *first); *first < pool->words;
	     *first = hvo_pool_next_word(pool, *first + 1)) {
		page = search_word(pools, pool, *first, node);
		if (page != HVO_POOL_NONE)
			break;
	}
	return page;
}

/* ---- transitions ------------------------------------------------------ */

void hvo_pool_enter(struct hvo_hugetlb *pools, struct hvo_pool *pool,
		    uint64_t page)
{
	unsigned node = hvo_pool_node_of(pools, pool, page);

	hvo_pool_add(pool, node, HVO_POOL_TOTAL, 1);
	set_free(pools, pool, page, node);
}

void hvo_pool_enter_used(struct hvo_hugetlb *pools, struct hvo_pool *pool,
			 uint64_t page)
{
	unsigned node = hvo_pool_node_of(pools, pool, page);

	hvo_pool_add(pool, node, HVO_POOL_TOTAL, 1);
	hvo_pool_add(pool, node, HVO_POOL_SURPLUS, 1);
	count_optimized(pools, pool, page, node, 1);
	set_bit(pool->used, page);
}

void hvo_pool_use(struct hvo_hugetlb *pools, struct hvo_pool *pool,
		  uint64_t page)
{
	unsigned node = hvo_pool_node_of(pools, pool, page);

	clear_free(pools, pool, page, node);
	count_optimized(pools, pool, page, node, 1);
	set_bit(pool->used, page);
}

void hvo_pool_unuse(struct hvo_hugetlb *pools, struct hvo_pool *pool,
		    uint64_t page)
{
	unsigned node = hvo_pool_node_of(pools, pool, page);

	clear_bit(pool->used, page);
	count_optimized(pools, pool, page, node, -1);
	set_free(pools, pool, page, node);
}

static void make_busy(struct hvo_hugetlb *pools, struct hvo_pool *pool,
		      uint64_t page, unsigned node, bool surplus,
		      struct hvo_pool_batch *batch)
{
	size_t i = batch->count++;

	set_bit(pool->busy, page);
	hvo_pool_add(pool, node, HVO_POOL_BUSY, 1);
	batch->folio[i] = hvo_pool_folio(pools, pool, page);
	batch->page[i] = page;
	batch->node[i] = (uint8_t)node;
	batch->surplus[i] = surplus && pool->node[node].count[HVO_POOL_SURPLUS];
	if (batch->surplus[i])
		hvo_pool_add(pool, node, HVO_POOL_SURPLUS, -1);
}

void hvo_pool_take(struct hvo_hugetlb *pools, struct hvo_pool *pool,
		   uint64_t page, bool surplus, struct hvo_pool_batch *batch)
{
	unsigned node = hvo_pool_node_of(pools, pool, page);

	clear_free(pools, pool, page, node);
	make_busy(pools, pool, page, node, surplus, batch);
}

void hvo_pool_take_used(struct hvo_hugetlb *pools, struct hvo_pool *pool,
			uint64_t page, bool surplus,
			struct hvo_pool_batch *batch)
{
	unsigned node = hvo_pool_node_of(pools, pool, page);

	clear_bit(pool->used, page);
	count_optimized(pools, pool, page, node, -1);
	make_busy(pools, pool, page, node, surplus, batch);
}

void hvo_pool_back(struct hvo_hugetlb *pools, struct hvo_pool *pool,
		   const struct hvo_pool_batch *batch, size_t i)
{
	unsigned node = batch->node[i];

	clear_bit(pool->busy, batch->page[i]);
	hvo_pool_add(pool, node, HVO_POOL_BUSY, -1);
	if (batch->surplus[i])
		hvo_pool_add(pool, node, HVO_POOL_SURPLUS, 1);
	set_free(pools, pool, batch->page[i], node);
}

void hvo_pool_part(struct hvo_pool *pool, const struct hvo_pool_batch *batch)
{
	for (size_t i = 0; i < batch->count; i++)
		clear_bit(pool->busy, batch->page[i]);
}

void hvo_pool_leave(struct hvo_pool *pool, const struct hvo_pool_batch *batch,
		    size_t i)
{
	unsigned node = batch->node[i];
	const uint64_t *count = pool->node[node].count;

	hvo_pool_add(pool, node, HVO_POOL_BUSY, -1);
	hvo_pool_add(pool, node, HVO_POOL_TOTAL, -1);
	if (count[HVO_POOL_SURPLUS] > count[HVO_POOL_TOTAL])
		hvo_pool_add(pool, node, HVO_POOL_SURPLUS, -1);
}

bool hvo_pool_wait(struct hvo_hugetlb *pools, struct hvo_pool *pool)
{
	if (!pool->all[HVO_POOL_BUSY])
		return false;
	hvo_pool_unlock(pool);
	hvo_port_relax(pools->port);
	hvo_pool_lock(pools, pool);
	return true;
}

/* The next node in turn that has a free page: the page. */
static uint64_t next_in_turn(struct hvo_hugetlb *pools, struct hvo_pool *pool,
			     uint32_t nodes)
{
	for (unsigned i = 0; i < pools->nodes; i++) {
		unsigned node = (pool->next_shrink + i) % pools->nodes;
		uint64_t page = nodes >> node & 1
				    ? hvo_pool_search(pools, pool, node)
				    : HVO_POOL_NONE;

		if (page != HVO_POOL_NONE) {
			pool->next_shrink = (node + 1) % pools->nodes;
			return page;
		}
	}
	return HVO_POOL_NONE;
}

void hvo_pool_take_turns(struct hvo_hugetlb *pools, struct hvo_pool *pool,
			 uint32_t nodes, uint64_t n, bool surplus,
			 struct hvo_pool_batch *batch)
{
	n = hvo_pool_least(n, hvo_pool_available(pool));
	n = hvo_pool_least(n, HVO_POOL_BATCH - batch->count);
	for (; n; n--) {
		uint64_t page = next_in_turn(pools, pool, nodes);

		if (page == HVO_POOL_NONE)
			return;
		hvo_pool_take(pools, pool, page, surplus, batch);
	}
}

int hvo_pool_release(struct hvo_hugetlb *pools, struct hvo_pool *pool,
		     const struct hvo_pool_batch *batch, unsigned flags,
		     size_t *done)
{
	size_t some = 1;
	int err = 0;

	hvo_pool_lock(pools, pool);
	hvo_pool_part(pool, batch);
	hvo_pool_unlock(pool);
	/* What is free now may be the frames that the next ones lack. */
	for (*done = 0; *done < batch->count && some; *done += some)
		err = hvo_pool_discard(pools, batch->folio + *done,
				       batch->count - *done, flags, &some);
	hvo_pool_lock(pools, pool);
	for (size_t i = 0; i < batch->count; i++) {
		if (i < *done)
			hvo_pool_leave(pool, batch, i);
		else
			hvo_pool_back(pools, pool, batch, i);
	}
	hvo_pool_unlock(pool);
	return *done < batch->count ? err : 0;
}

int hvo_pool_allocate(struct hvo_hugetlb *pools, struct hvo_pool *pool,
		      size_t n, uint64_t *pages, size_t *done)
{
	struct hvo_page *folios[HVO_POOL_BATCH];
	struct hvo_alloc alloc = hvo_pool_alloc(pools, pool, pool->next_new, 0);
	int err;

	pool->next_new = (pool->next_new + 1) % pools->nodes;
	hvo_pool_unlock(pool);
	err = hvo_pool_obtain(pools, &alloc, n, folios, done);
	hvo_pool_lock(pools, pool);
	for (size_t i = 0; i < *done; i++) {
		pages[i] =
		    hvo_pool_page(pool, hvo_mm_pfn(pools->mm, folios[i]));
		hvo_pool_enter(pools, pool, pages[i]);
	}
	return err;
}
