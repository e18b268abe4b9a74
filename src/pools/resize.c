/* SPDX-License-Identifier: MIT */
/*
 * Setting a pool's size. One call at a time does so for a size; the others of
 * the pool go on meanwhile, so each step looks again at what there is.
 */

#include "pools.h"

/* What a call sets: the persistent pages of `counted` nodes, on `nodes`. */
struct goal {
	uint32_t nodes;
	uint32_t counted;
	uint64_t pages;
};

/* Persistent pages of a goal's nodes. Lock held. */
static uint64_t reached(const struct hvo_hugetlb *pools,
			const struct hvo_pool *pool, const struct goal *goal)
{
	uint64_t pages = 0;

	for (unsigned n = 0; n < pools->nodes; n++)
		if (goal->counted >> n & 1)
			pages += pool->node[n].count[HVO_POOL_TOTAL] -
				 pool->node[n].count[HVO_POOL_SURPLUS];
	return pages;
}

static uint64_t missing(const struct hvo_hugetlb *pools,
			const struct hvo_pool *pool, const struct goal *goal)
{
	uint64_t pages = reached(pools, pool, goal);

	return pages < goal->pages ? goal->pages - pages : 0;
}

static uint64_t excess(const struct hvo_hugetlb *pools,
		       const struct hvo_pool *pool, const struct goal *goal)
{
	uint64_t pages = reached(pools, pool, goal);

	return pages > goal->pages ? pages - goal->pages : 0;
}

/* ---- growing ---------------------------------------------------------- */

/* Surplus pages become persistent, node by node in turn. Lock held. */
static void keep_surplus(struct hvo_hugetlb *pools, struct hvo_pool *pool,
			 const struct goal *goal)
{
	uint64_t need = missing(pools, pool, goal);
	bool any = true;

	while (need && any) {
		any = false;
		for (unsigned n = 0; need && n < pools->nodes; n++)
			if ((goal->nodes >> n & 1) &&
			    pool->node[n].count[HVO_POOL_SURPLUS]) {
				hvo_pool_add(pool, n, HVO_POOL_SURPLUS, -1);
				need--;
				any = true;
			}
	}
}

/* Allocate up to n pages on one node; *done are in the pool. */
static int grow_node(struct hvo_hugetlb *pools, struct hvo_pool *pool,
		     unsigned node, uint64_t n, uint64_t *done)
{
	struct hvo_page *folios[HVO_POOL_BATCH];
	struct hvo_alloc alloc =
	    hvo_pool_alloc(pools, pool, node, UINT32_C(1) << node);
	size_t some;
	int err;

	alloc.flags |= HVO_ALLOC_THIS_NODE;
	err = hvo_pool_obtain(pools, &alloc, hvo_pool_least(n, HVO_POOL_BATCH),
			      folios, &some);
	hvo_pool_lock(pools, pool);
	for (size_t i = 0; i < some; i++)
		hvo_pool_enter(
		    pools, pool,
		    hvo_pool_page(pool, hvo_mm_pfn(pools->mm, folios[i])));
	hvo_pool_unlock(pool);
	*done = some;
	return err;
}

static unsigned count_nodes(uint32_t nodes)
{
	unsigned n = 0;

	for (; nodes; nodes &= nodes - 1)
		n++;
	return n;
}

/*
 * One round: an equal share for each node that may have room, from the next in
 * turn on. Nodes that have none are taken out of *nodes.
 */
static int grow_round(struct hvo_hugetlb *pools, struct hvo_pool *pool,
		      uint32_t *nodes, uint64_t need)
{
	uint64_t share = need / count_nodes(*nodes);
	unsigned first = pool->next_grow;
	int err = 0;

	for (unsigned i = 0; need && i < pools->nodes; i++) {
		unsigned node = (first + i) % pools->nodes;
		uint64_t done;
		int refused;

		if (!(*nodes >> node & 1))
			continue;
		refused =
		    grow_node(pools, pool, node,
			      hvo_pool_least(share ? share : 1, need), &done);
		if (refused) {
			err = refused;
			*nodes &= ~(UINT32_C(1) << node);
		}
		need -= done;
		/* Only whoever sets the size uses it. */
		pool->next_grow = (node + 1) % pools->nodes;
	}
	return err;
}

static int grow(struct hvo_hugetlb *pools, struct hvo_pool *pool,
		const struct goal *goal)
{
	uint32_t nodes = goal->nodes;
	uint64_t need;
	int err = 0;

	hvo_pool_lock(pools, pool);
	keep_surplus(pools, pool, goal);
	need = missing(pools, pool, goal);
	hvo_pool_unlock(pool);
	while (need && nodes) {
		int refused = grow_round(pools, pool, &nodes, need);

		if (refused)
			err = refused;
		hvo_pool_lock(pools, pool);
		need = missing(pools, pool, goal);
		hvo_pool_unlock(pool);
	}
	return need ? err : 0;
}

/* ---- shrinking -------------------------------------------------------- */

/* Pages that must stay become surplus, node by node in turn. Lock held. */
static void make_surplus(struct hvo_hugetlb *pools, struct hvo_pool *pool,
			 const struct goal *goal)
{
	uint64_t n = excess(pools, pool, goal);
	bool any = true;

	while (n && any) {
		any = false;
		for (unsigned i = 0; n && i < pools->nodes; i++) {
			const uint64_t *count = pool->node[i].count;

			if (!(goal->nodes >> i & 1) ||
			    count[HVO_POOL_SURPLUS] == count[HVO_POOL_TOTAL])
				continue;
			hvo_pool_add(pool, i, HVO_POOL_SURPLUS, 1);
			n--;
			any = true;
		}
	}
}

/* Free pages that nobody needs; the lock is held before and after. */
static int shrink_free(struct hvo_hugetlb *pools, struct hvo_pool *pool,
		       const struct goal *goal)
{
	struct hvo_pool_batch batch;
	size_t done;
	int err = 0;

	while (excess(pools, pool, goal) && !err) {
		batch.count = 0;
		hvo_pool_take_turns(pools, pool, goal->nodes,
				    excess(pools, pool, goal), false, &batch);
		if (!batch.count) {
			if (!hvo_pool_wait(pools, pool))
				return 0;
			continue;
		}
		hvo_pool_unlock(pool);
		err = hvo_pool_release(pools, pool, &batch,
				       pools->config.free_flags, &done);
		hvo_pool_lock(pools, pool);
	}
	return err;
}

/* Lock held before and after. */
static int shrink(struct hvo_hugetlb *pools, struct hvo_pool *pool,
		  const struct goal *goal)
{
	int err = shrink_free(pools, pool, goal);

	if (err)
		return err;
	make_surplus(pools, pool, goal);
	return excess(pools, pool, goal) ? -HVO_EBUSY : 0;
}

/* ---- both ------------------------------------------------------------- */

static int resize(struct hvo_hugetlb *pools, struct hvo_pool *pool,
		  const struct goal *goal, uint64_t *pages)
{
	int err = 0;

	if (atomic_exchange_explicit(&pool->resizing, 1, memory_order_acquire))
		err = -HVO_EBUSY;
	else {
		err = grow(pools, pool, goal);
		hvo_pool_lock(pools, pool);
		if (!err)
			err = shrink(pools, pool, goal);
		hvo_pool_unlock(pool);
		atomic_store_explicit(&pool->resizing, 0, memory_order_release);
	}
	hvo_pool_lock(pools, pool);
	if (pages)
		*pages = reached(pools, pool, goal);
	hvo_pool_unlock(pool);
	return err;
}

int hvo_hugetlb_resize(struct hvo_hugetlb *pools, unsigned order,
		       uint32_t nodes, uint64_t pages, uint64_t *reached_out)
{
	struct hvo_pool *pool = hvo_pool_find(pools, order);
	const struct goal goal = {
	    .nodes = hvo_pool_nodes(pools, nodes),
	    .counted = hvo_pool_nodes(pools, 0),
	    .pages = pages,
	};

	if (!pool)
		return -HVO_EORDER;
	if (!goal.nodes)
		return -HVO_ENODE;
	return resize(pools, pool, &goal, reached_out);
}

int hvo_hugetlb_resize_node(struct hvo_hugetlb *pools, unsigned order,
			    unsigned node, uint64_t pages,
			    uint64_t *reached_out)
{
	struct hvo_pool *pool = hvo_pool_find(pools, order);
	struct goal goal = {.pages = pages};

	if (!pool)
		return -HVO_EORDER;
	if (node >= pools->nodes)
		return -HVO_ENODE;
	goal.nodes = goal.counted = UINT32_C(1) << node;
	return resize(pools, pool, &goal, reached_out);
}
