/* SPDX-License-Identifier: MIT */
/*
 * Pools as a whole: how their tables lie in the memory given, look-ups, the
 * switch, counters.
 */

#include "pools.h"

/* ---- is the configuration sound? -------------------------------------- */

static const struct hvo_geometry *geometry_of(const struct hvo_mm *mm)
{
	return hvo_vmemmap_geometry(hvo_mm_vmemmap(mm));
}

static int orders_refused(const struct hvo_mm *mm,
			  const struct hvo_hugetlb_config *config)
{
	if (!config->sizes || config->sizes > HVO_HUGETLB_SIZES_MAX)
		return -HVO_EORDER;
	for (unsigned i = 0; i < config->sizes; i++) {
		if (!config->orders[i] ||
		    config->orders[i] > geometry_of(mm)->max_order)
			return -HVO_EORDER;
		for (unsigned j = 0; j < i; j++)
			if (config->orders[j] == config->orders[i])
				return -HVO_EEXIST;
	}
	return 0;
}

/* Whatever is demoted must be able to go back to its area. */
static bool units_fit(const struct hvo_hugetlb_config *config)
{
	for (const struct hvo_cma *c = config->cma; c; c = c->next)
		for (unsigned i = 0; i < config->sizes; i++)
			if (config->orders[i] < c->unit_order)
				return false;
	return true;
}

static int config_refused(const struct hvo_mm *mm,
			  const struct hvo_hugetlb_config *config)
{
	const unsigned flags =
	    HVO_ALLOC_ZERO | HVO_ALLOC_COMMIT | HVO_ALLOC_RESERVE;

	if ((unsigned)config->limit > HVO_ZONE_MOVABLE)
		return -HVO_ENODE;
	if ((config->alloc_flags & ~flags) ||
	    (config->free_flags & ~(unsigned)HVO_FREE_NO_HOST))
		return -HVO_ERANGE;
	if (!units_fit(config))
		return -HVO_EORDER;
	return orders_refused(mm, config);
}

/* ---- where everything lies -------------------------------------------- */

/* Room at the end for a table, in 8-byte words; returns where it begins. */
static size_t place(size_t *size, uint64_t words)
{
	size_t at = *size;

	*size = (at + (size_t)words * 8 + 63) & ~(size_t)63;
	return at;
}

static hvo_pfn_t base_of(const struct hvo_mm *mm,
			 const struct hvo_hugetlb_config *config)
{
	unsigned largest = 0;

	for (unsigned i = 0; i < config->sizes; i++)
		if (config->orders[i] > largest)
			largest = config->orders[i];
	return hvo_mm_config(mm)->pfn_first >> largest << largest;
}

/* Lay out one pool's tables from *size on; with memory, say where they are. */
static void lay_out(const struct hvo_mm *mm,
		    const struct hvo_hugetlb_config *config, unsigned order,
		    size_t *size, unsigned char *memory, struct hvo_pool *pool)
{
	hvo_pfn_t base = base_of(mm, config);
	uint64_t pages = (hvo_mm_config(mm)->pfn_end - base) >> order;
	uint64_t words = (pages + 63) / 64;
	uint64_t nodes =
	    hvo_mm_config(mm)->nodes * sizeof(struct hvo_pool_node) / 8;
	size_t node = place(size, nodes);
	size_t free = place(size, words);
	size_t used = place(size, words);
	size_t busy = place(size, words);
	size_t summary = place(size, (words + 63) / 64);

	if (!memory)
		return;
	pool->order = order;
	pool->base = base;
	pool->words = words;
	pool->node = (void *)(memory + node);
	pool->free = (void *)(memory + free);
	pool->used = (void *)(memory + used);
	pool->busy = (void *)(memory + busy);
	pool->summary = (void *)(memory + summary);
}

size_t hvo_hugetlb_size(const struct hvo_mm *mm,
			const struct hvo_hugetlb_config *config)
{
	size_t size = 0;

	if (config_refused(mm, config))
		return 0;
	place(&size, (sizeof(struct hvo_hugetlb) + 7) / 8);
	for (unsigned i = 0; i < config->sizes; i++)
		lay_out(mm, config, config->orders[i], &size, NULL, NULL);
	return size;
}

int hvo_hugetlb_init(struct hvo_hugetlb **pools_out, void *memory,
		     struct hvo_mm *mm, const struct hvo_hugetlb_config *config)
{
	struct hvo_hugetlb *pools = memory;
	int err = config_refused(mm, config);
	size_t size = 0;

	if (err)
		return err;
	memset(memory, 0, hvo_hugetlb_size(mm, config));
	pools->mm = mm;
	pools->port = hvo_mm_config(mm)->port;
	pools->sparse = hvo_mm_sparse(mm);
	pools->config = *config;
	pools->nodes = hvo_mm_config(mm)->nodes;
	atomic_store_explicit(&pools->optimize, config->optimize,
			      memory_order_relaxed);
	place(&size, (sizeof(struct hvo_hugetlb) + 7) / 8);
	for (unsigned i = 0; i < config->sizes; i++)
		lay_out(mm, config, config->orders[i], &size, memory,
			&pools->pool[i]);
	*pools_out = pools;
	return 0;
}

static bool any_used(struct hvo_hugetlb *pools)
{
	for (unsigned i = 0; i < pools->config.sizes; i++)
		if (pools->pool[i].all[HVO_POOL_FREE] <
		    pools->pool[i].all[HVO_POOL_TOTAL])
			return true;
	return false;
}

int hvo_hugetlb_fini(struct hvo_hugetlb *pools)
{
	if (any_used(pools))
		return -HVO_EBUSY;
	for (unsigned i = 0; i < pools->config.sizes; i++) {
		struct hvo_pool *pool = &pools->pool[i];
		struct hvo_pool_batch batch;
		size_t done;

		pool->reserved = 0;
		do {
			batch.count = 0;
			hvo_pool_lock(pools, pool);
			hvo_pool_take_turns(pools, pool, UINT32_MAX,
					    HVO_POOL_BATCH, false, &batch);
			hvo_pool_unlock(pool);
			hvo_pool_release(pools, pool, &batch, 0, &done);
		} while (batch.count);
	}
	return 0;
}

/* ---- look-ups --------------------------------------------------------- */

struct hvo_pool *hvo_pool_find(struct hvo_hugetlb *pools, unsigned order)
{
	for (unsigned i = 0; i < pools->config.sizes; i++)
		if (pools->pool[i].order == order)
			return &pools->pool[i];
	return NULL;
}

uint32_t hvo_pool_nodes(const struct hvo_hugetlb *pools, uint32_t nodes)
{
	uint32_t all = UINT32_MAX >> (32 - pools->nodes);

	return nodes ? nodes & all : all;
}

struct hvo_alloc hvo_pool_alloc(const struct hvo_hugetlb *pools,
				const struct hvo_pool *pool, unsigned node,
				uint32_t nodes)
{
	unsigned flags = pools->config.alloc_flags | HVO_ALLOC_FROZEN;

	if (hvo_hugetlb_optimize(pools))
		flags |= HVO_ALLOC_TRY_HVO;
	return (struct hvo_alloc){
	    .order = pool->order,
	    .node = node,
	    .nodes = nodes,
	    .limit = pools->config.limit,
	    .flags = flags,
	};
}

/* Descriptors of a full folio that say so. */
static bool any_marked(const struct hvo_page *folio, uint64_t pages)
{
	for (uint64_t i = 0; i < pages; i++)
		if (atomic_load_explicit(&folio[i].flags,
					 memory_order_relaxed) &
		    HVO_PAGE_POISON)
			return true;
	return false;
}

bool hvo_pool_is_bad(struct hvo_hugetlb *pools, const struct hvo_page *folio)
{
	uint64_t flags =
	    atomic_load_explicit(&folio->flags, memory_order_relaxed);
	struct hvo_mm_stats s;

	if (flags & (HVO_PAGE_POISON | HVO_PAGE_RECORDS))
		return true;
	if (hvo_folio_optimized(pools->mm, folio))
		return false;
	/* Mostly there is not one bad page anywhere. */
	hvo_mm_node_stats(pools->mm, hvo_domain_node(hvo_page_domain(folio)),
			  &s);
	return s.poisoned &&
	       any_marked(folio, UINT64_C(1) << hvo_folio_order(folio));
}

enum hvo_hugetlb_state hvo_hugetlb_state(struct hvo_hugetlb *pools,
					 hvo_pfn_t pfn)
{
	for (unsigned i = 0; i < pools->config.sizes; i++) {
		const struct hvo_pool *pool = &pools->pool[i];
		uint64_t page = hvo_pool_page(pool, pfn);

		if (page == HVO_POOL_NONE || hvo_pool_pfn(pool, page) != pfn)
			continue;
		if (hvo_pool_test(pool->free, page))
			return HVO_HUGETLB_FREE;
		if (hvo_pool_test(pool->used, page))
			return HVO_HUGETLB_USED;
	}
	return HVO_HUGETLB_NONE;
}

/* ---- the switch ------------------------------------------------------- */

void hvo_hugetlb_set_optimize(struct hvo_hugetlb *pools, bool optimize)
{
	atomic_store_explicit(&pools->optimize, optimize, memory_order_relaxed);
}

bool hvo_hugetlb_optimize(const struct hvo_hugetlb *pools)
{
	return atomic_load_explicit(&pools->optimize, memory_order_relaxed);
}

/* ---- counters --------------------------------------------------------- */

/* What optimized pages do without, each. */
static uint64_t frames_saved(const struct hvo_geometry *g, unsigned order)
{
	return hvo_order_optimizable(g, order) ? hvo_folio_pages(g, order) - 1
					       : 0;
}

static void fill(struct hvo_hugetlb *pools, const struct hvo_pool *pool,
		 const uint64_t *count, struct hvo_hugetlb_stats *s)
{
	const struct hvo_geometry *g = geometry_of(pools->mm);

	*s = (struct hvo_hugetlb_stats){
	    .total = count[HVO_POOL_TOTAL],
	    .free = count[HVO_POOL_FREE],
	    .busy = count[HVO_POOL_BUSY],
	    .surplus = count[HVO_POOL_SURPLUS],
	    .optimized = count[HVO_POOL_OPTIMIZED],
	    .reserved = pool->reserved,
	    .overcommit = pool->overcommit,
	    .lost = pool->lost,
	};
	s->restore_frames = s->optimized * frames_saved(g, pool->order);
	s->bytes_saved = s->restore_frames << g->page_shift;
}

int hvo_hugetlb_stats(struct hvo_hugetlb *pools, unsigned order,
		      struct hvo_hugetlb_stats *stats)
{
	struct hvo_pool *pool = hvo_pool_find(pools, order);

	if (!pool)
		return -HVO_EORDER;
	hvo_pool_lock(pools, pool);
	fill(pools, pool, pool->all, stats);
	hvo_pool_unlock(pool);
	return 0;
}

int hvo_hugetlb_node_stats(struct hvo_hugetlb *pools, unsigned order,
			   unsigned node, struct hvo_hugetlb_stats *stats)
{
	struct hvo_pool *pool = hvo_pool_find(pools, order);

	if (!pool)
		return -HVO_EORDER;
	if (node >= pools->nodes)
		return -HVO_ENODE;
	hvo_pool_lock(pools, pool);
	fill(pools, pool, pool->node[node].count, stats);
	hvo_pool_unlock(pool);
	return 0;
}

int hvo_hugetlb_set_overcommit(struct hvo_hugetlb *pools, unsigned order,
			       uint64_t pages)
{
	struct hvo_pool *pool = hvo_pool_find(pools, order);

	if (!pool)
		return -HVO_EORDER;
	hvo_pool_lock(pools, pool);
	pool->overcommit = pages;
	hvo_pool_unlock(pool);
	return 0;
}
