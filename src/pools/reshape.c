/* SPDX-License-Identifier: MIT */
/*
 * Pages that change their size, and with it the pool: demoting and promoting.
 * The parts are in no pool for the moment between the two.
 */

#include "pools.h"

/* Put 2^(whole->order - part->order) pages at pfn into the smaller pool. */
static void enter_parts(struct hvo_hugetlb *pools, struct hvo_pool *part,
			hvo_pfn_t pfn, unsigned order)
{
	uint64_t first = hvo_pool_page(part, pfn);
	uint64_t end = first + (UINT64_C(1) << (order - part->order));

	for (uint64_t page = first; page < end;) {
		hvo_pool_lock(pools, part);
		for (unsigned i = 0; i < HVO_POOL_BATCH && page < end; i++)
			hvo_pool_enter(pools, part, page++);
		hvo_pool_unlock(part);
	}
}

/* ---- demoting --------------------------------------------------------- */

static int demote_one(struct hvo_hugetlb *pools, struct hvo_pool *from,
		      struct hvo_pool *to, uint32_t nodes)
{
	struct hvo_pool_batch batch = {.count = 0};
	int err;

	hvo_pool_lock(pools, from);
	do
		hvo_pool_take_turns(pools, from, nodes, 1, true, &batch);
	while (!batch.count && hvo_pool_wait(pools, from));
	hvo_pool_unlock(from);
	if (!batch.count)
		return -HVO_EBUSY;
	err = hvo_folio_split(pools->mm, batch.folio[0], to->order);
	hvo_pool_lock(pools, from);
	if (err) {
		hvo_pool_back(pools, from, &batch, 0);
	} else {
		hvo_pool_part(from, &batch);
		hvo_pool_leave(from, &batch, 0);
	}
	hvo_pool_unlock(from);
	if (!err)
		enter_parts(pools, to, hvo_pool_pfn(from, batch.page[0]),
			    from->order);
	return err;
}

int hvo_hugetlb_demote(struct hvo_hugetlb *pools, unsigned from, unsigned to,
		       uint32_t nodes, uint64_t n, uint64_t *done)
{
	struct hvo_pool *larger = hvo_pool_find(pools, from);
	struct hvo_pool *smaller = hvo_pool_find(pools, to);
	uint64_t count = 0;
	int err = 0;

	nodes = hvo_pool_nodes(pools, nodes);
	if (!larger || !smaller || to >= from)
		err = -HVO_EORDER;
	else if (!nodes)
		err = -HVO_ENODE;
	while (count < n && !err) {
		err = demote_one(pools, larger, smaller, nodes);
		count += !err;
	}
	if (done)
		*done = count;
	return err;
}

/* ---- promoting -------------------------------------------------------- */

/*
 * Neighbours that would make one larger page: whole words of the bitmaps, or a
 * part of one, since pools begin at a multiple of all sizes.
 */
struct group {
	struct hvo_pool *pool;
	uint64_t first; /* page */
	uint64_t count; /* pages, a power of two */
	bool optimized; /* as they all must be, or not */
};

/* Its pages in each word that it touches. */
static uint64_t mask_of(const struct group *g)
{
	if (g->count >= 64)
		return UINT64_MAX;
	return ((UINT64_C(1) << g->count) - 1) << g->first % 64;
}

/* A first look, without the lock. */
static bool seems_free(const struct group *g)
{
	uint64_t mask = mask_of(g);

	for (uint64_t at = 0; at < g->count; at += 64)
		if ((hvo_pool_word(g->pool->free, (g->first + at) / 64) &
		     mask) != mask)
			return false;
	return true;
}

/* The pages from first + at on, up to a batch, as if they had been taken. */
static void fill_batch(struct hvo_hugetlb *pools, const struct group *g,
		       uint64_t at, struct hvo_pool_batch *batch)
{
	batch->count = (size_t)hvo_pool_least(g->count - at, HVO_POOL_BATCH);
	for (size_t i = 0; i < batch->count; i++) {
		uint64_t page = g->first + at + i;

		batch->page[i] = page;
		batch->folio[i] = hvo_pool_folio(pools, g->pool, page);
		batch->node[i] =
		    (uint8_t)hvo_pool_node_of(pools, g->pool, page);
		batch->surplus[i] = false;
	}
}

/* All pages of a word, or none. */
static bool take_word(struct hvo_hugetlb *pools, const struct group *g,
		      uint64_t at)
{
	struct hvo_pool_batch batch;
	uint64_t word = (g->first + at) / 64;
	uint64_t mask = mask_of(g);
	bool free;

	fill_batch(pools, g, at, &batch);
	hvo_pool_lock(pools, g->pool);
	free = (hvo_pool_word(g->pool->free, word) & mask) == mask &&
	       hvo_pool_available(g->pool) >= batch.count;
	for (size_t i = 0; i < batch.count && free; i++)
		free = hvo_folio_optimized(pools->mm, batch.folio[i]) ==
		       g->optimized;
	batch.count = 0;
	for (uint64_t bits = free ? mask : 0; bits; bits &= bits - 1)
		hvo_pool_take(pools, g->pool, word * 64 + hvo_pool_lowest(bits),
			      false, &batch);
	hvo_pool_unlock(g->pool);
	return free;
}

/* Its first `count` pages, which we have, are free again, or leave. */
static void put_group(struct hvo_hugetlb *pools, const struct group *g,
		      uint64_t count, bool leave)
{
	for (uint64_t at = 0; at < count; at += HVO_POOL_BATCH) {
		struct hvo_pool_batch batch;

		fill_batch(pools, g, at, &batch);
		hvo_pool_lock(pools, g->pool);
		if (leave)
			hvo_pool_part(g->pool, &batch);
		for (size_t i = 0; i < batch.count; i++) {
			if (leave)
				hvo_pool_leave(g->pool, &batch, i);
			else
				hvo_pool_back(pools, g->pool, &batch, i);
		}
		hvo_pool_unlock(g->pool);
	}
}

static bool take_group(struct hvo_hugetlb *pools, const struct group *g)
{
	for (uint64_t at = 0; at < g->count; at += HVO_POOL_BATCH)
		if (!take_word(pools, g, at)) {
			put_group(pools, g, at, false);
			return false;
		}
	return true;
}

/* Returns 0, -HVO_EBUSY if these cannot become one, or what stopped it. */
static int promote_group(struct hvo_hugetlb *pools, const struct group *g,
			 struct hvo_pool *to)
{
	hvo_pfn_t pfn = hvo_pool_pfn(g->pool, g->first);
	int err;

	if (!take_group(pools, g))
		return -HVO_EBUSY;
	err = hvo_folio_join(pools->mm, hvo_mm_page(pools->mm, pfn), to->order);
	put_group(pools, g, g->count, !err);
	if (err == -HVO_EDOMAIN || err == -HVO_EDIRTY)
		return -HVO_EBUSY;
	if (err)
		return err;
	hvo_pool_lock(pools, to);
	hvo_pool_enter(pools, to, hvo_pool_page(to, pfn));
	hvo_pool_unlock(to);
	return 0;
}

/* The group for one page of the larger size, if it is worth a try. */
static bool group_at(struct hvo_hugetlb *pools, struct hvo_pool *from,
		     hvo_pfn_t pfn, unsigned order, uint32_t nodes,
		     struct group *g)
{
	*g = (struct group){
	    .pool = from,
	    .first = hvo_pool_page(from, pfn),
	    .count = UINT64_C(1) << (order - from->order),
	};
	if (!seems_free(g) ||
	    !(nodes >> hvo_pool_node_of(pools, from, g->first) & 1))
		return false;
	g->optimized = hvo_folio_optimized(
	    pools->mm, hvo_pool_folio(pools, from, g->first));
	return true;
}

static int promote(struct hvo_hugetlb *pools, struct hvo_pool *from,
		   struct hvo_pool *to, uint32_t nodes, uint64_t n,
		   uint64_t *done)
{
	const struct hvo_mm_config *config = hvo_mm_config(pools->mm);
	uint64_t size = UINT64_C(1) << to->order;
	hvo_pfn_t pfn = (config->pfn_first + size - 1) & ~(size - 1);
	int err = 0;

	for (; *done < n && !err && pfn < config->pfn_end &&
	       size <= config->pfn_end - pfn;
	     pfn += size) {
		struct group g;

		if (!group_at(pools, from, pfn, to->order, nodes, &g))
			continue;
		err = promote_group(pools, &g, to);
		*done += !err;
		if (err == -HVO_EBUSY)
			err = 0;
	}
	return *done < n && !err ? -HVO_EBUSY : err;
}

int hvo_hugetlb_promote(struct hvo_hugetlb *pools, unsigned from, unsigned to,
			uint32_t nodes, uint64_t n, uint64_t *done)
{
	struct hvo_pool *smaller = hvo_pool_find(pools, from);
	struct hvo_pool *larger = hvo_pool_find(pools, to);
	uint64_t count = 0;
	int err = 0;

	nodes = hvo_pool_nodes(pools, nodes);
	if (!larger || !smaller || to <= from)
		err = -HVO_EORDER;
	else if (!nodes)
		err = -HVO_ENODE;
	else
		err = promote(pools, smaller, larger, nodes, n, &count);
	if (done)
		*done = count;
	return err;
}
