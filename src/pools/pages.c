/* SPDX-License-Identifier: MIT */
/*
 * What users of a pool do: promise pages, allocate them, give them back.
 *
 * Surplus pages are claimed before they are allocated, so that calls under way
 * together do not exceed the overcommit limit.
 */

#include "pools.h"

/* Surplus pages that may still be allocated. Lock held. */
static uint64_t surplus_room(const struct hvo_pool *pool)
{
	uint64_t taken = pool->all[HVO_POOL_SURPLUS] + pool->claimed;

	return pool->overcommit > taken ? pool->overcommit - taken : 0;
}

static uint64_t page_of(const struct hvo_hugetlb *pools,
			const struct hvo_pool *pool,
			const struct hvo_page *folio)
{
	return hvo_pool_page(pool, hvo_mm_pfn(pools->mm, folio));
}

/* ---- reserving -------------------------------------------------------- */

/* Free surplus pages that nothing needs, at most n. */
static void trim(struct hvo_hugetlb *pools, struct hvo_pool *pool, uint64_t n)
{
	struct hvo_pool_batch batch;
	size_t done;

	do {
		uint64_t most = hvo_pool_least(n, HVO_POOL_BATCH);

		batch.count = 0;
		hvo_pool_lock(pools, pool);
		for (unsigned i = 0; i < pools->nodes; i++)
			hvo_pool_take_turns(
			    pools, pool, UINT32_C(1) << i,
			    hvo_pool_least(
				most - batch.count,
				pool->node[i].count[HVO_POOL_SURPLUS]),
			    true, &batch);
		hvo_pool_unlock(pool);
		n -= batch.count;
		hvo_pool_release(pools, pool, &batch, pools->config.free_flags,
				 &done);
	} while (done && n);
}

/* Reserve what free pages cover, at most n. Lock held. */
static uint64_t reserve_free(struct hvo_pool *pool, uint64_t n)
{
	n = hvo_pool_least(n, hvo_pool_available(pool));
	pool->reserved += n;
	return n;
}

/*
 * Allocate n claimed pages as free, surplus, reserved ones. Lock held before
 * and after.
 */
static int reserve_new(struct hvo_hugetlb *pools, struct hvo_pool *pool,
		       size_t n, size_t *done)
{
	uint64_t pages[HVO_POOL_BATCH];
	int err = hvo_pool_allocate(pools, pool, n, pages, done);

	pool->claimed -= n;
	pool->reserved += *done;
	for (size_t i = 0; i < *done; i++)
		hvo_pool_add(pool, hvo_pool_node_of(pools, pool, pages[i]),
			     HVO_POOL_SURPLUS, 1);
	return err;
}

/* How far reserving has got. */
struct progress {
	uint64_t done; /* reservations */
	uint64_t made; /* surplus pages, for some of them */
};

/* The next part of n reservations: some more, unless there is an error. */
static int reserve_some(struct hvo_hugetlb *pools, struct hvo_pool *pool,
			uint64_t n, struct progress *progress)
{
	uint64_t found;
	size_t made = 0;
	int err = 0;

	hvo_pool_lock(pools, pool);
	do
		found = reserve_free(pool, n);
	while (!found && hvo_pool_wait(pools, pool));
	if (!found && surplus_room(pool) < n) {
		err = -HVO_ENOMEM;
	} else if (!found) {
		n = hvo_pool_least(n, HVO_POOL_BATCH);
		pool->claimed += n;
		err = reserve_new(pools, pool, (size_t)n, &made);
	}
	hvo_pool_unlock(pool);
	progress->done += found + made;
	progress->made += made;
	return err;
}

int hvo_hugetlb_reserve(struct hvo_hugetlb *pools, unsigned order, uint64_t n)
{
	struct hvo_pool *pool = hvo_pool_find(pools, order);
	struct progress progress = {0};
	int err = 0;

	if (!pool)
		return -HVO_EORDER;
	while (progress.done < n && !err)
		err = reserve_some(pools, pool, n - progress.done, &progress);
	if (!err)
		return 0;
	hvo_pool_lock(pools, pool);
	pool->reserved -= progress.done;
	hvo_pool_unlock(pool);
	if (progress.made)
		trim(pools, pool, progress.made);
	return err;
}

int hvo_hugetlb_unreserve(struct hvo_hugetlb *pools, unsigned order, uint64_t n)
{
	struct hvo_pool *pool = hvo_pool_find(pools, order);
	bool enough;

	if (!pool)
		return -HVO_EORDER;
	hvo_pool_lock(pools, pool);
	enough = pool->reserved >= n;
	if (enough)
		pool->reserved -= n;
	hvo_pool_unlock(pool);
	if (!enough)
		return -HVO_ESTATE;
	if (n)
		trim(pools, pool, n);
	return 0;
}

/* ---- allocating ------------------------------------------------------- */

/* Use up to n free pages, from the nearest nodes. Lock held. */
static size_t use_free(struct hvo_hugetlb *pools, struct hvo_pool *pool,
		       const struct hvo_hugetlb_want *want, size_t n,
		       struct hvo_page **folios)
{
	uint32_t nodes = hvo_pool_nodes(pools, want->nodes);
	size_t count = 0;

	for (unsigned i = 0; i < pools->nodes && count < n; i++) {
		unsigned node = hvo_mm_nearest(pools->mm, want->node, i);
		uint64_t page;

		if (!(nodes >> node & 1))
			continue;
		while (count < n && (page = hvo_pool_search(
					 pools, pool, node)) != HVO_POOL_NONE) {
			hvo_pool_use(pools, pool, page);
			folios[count++] = hvo_pool_folio(pools, pool, page);
		}
	}
	return count;
}

/* Allocate n claimed pages as used, surplus ones. */
static int use_new(struct hvo_hugetlb *pools, struct hvo_pool *pool,
		   const struct hvo_hugetlb_want *want, size_t n,
		   struct hvo_page **folios, size_t *done)
{
	struct hvo_alloc alloc = hvo_pool_alloc(
	    pools, pool, want->node, hvo_pool_nodes(pools, want->nodes));
	int err = hvo_pool_obtain(pools, &alloc, n, folios, done);

	hvo_pool_lock(pools, pool);
	pool->claimed -= n;
	for (size_t i = 0; i < *done; i++)
		hvo_pool_enter_used(pools, pool,
				    page_of(pools, pool, folios[i]));
	hvo_pool_unlock(pool);
	return err;
}

/* Of those that are not reserved: at most HVO_POOL_BATCH, at least one. */
static int alloc_some(struct hvo_hugetlb *pools, struct hvo_pool *pool,
		      const struct hvo_hugetlb_want *want, size_t n,
		      struct hvo_page **folios, size_t *done)
{
	uint64_t claim;

	hvo_pool_lock(pools, pool);
	do
		*done = use_free(pools, pool, want,
				 hvo_pool_least(n, hvo_pool_available(pool)),
				 folios);
	while (!*done && hvo_pool_wait(pools, pool));
	claim = *done ? 0 : hvo_pool_least(n, surplus_room(pool));
	pool->claimed += claim;
	hvo_pool_unlock(pool);
	if (*done)
		return 0;
	if (!claim)
		return -HVO_ENOMEM;
	return use_new(pools, pool, want, (size_t)claim, folios, done);
}

/* The same of reserved ones: where some were lost there may be none left. */
static int alloc_reserved(struct hvo_hugetlb *pools, struct hvo_pool *pool,
			  const struct hvo_hugetlb_want *want, size_t n,
			  struct hvo_page **folios, size_t *done)
{
	bool lost;
	int err = 0;

	hvo_pool_lock(pools, pool);
	do {
		*done = use_free(pools, pool, want,
				 hvo_pool_least(n, pool->reserved), folios);
		pool->reserved -= *done;
	} while (!*done && pool->reserved && hvo_pool_wait(pools, pool));
	lost = !*done && pool->reserved && !pool->all[HVO_POOL_FREE];
	if (!*done)
		err = pool->reserved ? -HVO_ENOMEM : -HVO_ESTATE;
	pool->claimed += lost;
	pool->reserved -= lost;
	hvo_pool_unlock(pool);
	if (!lost)
		return err;
	err = use_new(pools, pool, want, 1, folios, done);
	hvo_pool_lock(pools, pool);
	pool->reserved += !*done;
	hvo_pool_unlock(pool);
	return err;
}

int hvo_hugetlb_alloc(struct hvo_hugetlb *pools,
		      const struct hvo_hugetlb_want *want, size_t n,
		      struct hvo_page **folios, size_t *done)
{
	struct hvo_pool *pool = hvo_pool_find(pools, want->order);
	int err = 0;

	*done = 0;
	if (!pool)
		return -HVO_EORDER;
	if (want->node >= pools->nodes || !hvo_pool_nodes(pools, want->nodes))
		return -HVO_ENODE;
	while (*done < n && !err) {
		size_t most = hvo_pool_least(n - *done, HVO_POOL_BATCH);
		size_t some = 0;

		if (want->flags & HVO_HUGETLB_RESERVED)
			err = alloc_reserved(pools, pool, want, most,
					     folios + *done, &some);
		else
			err = alloc_some(pools, pool, want, most,
					 folios + *done, &some);
		*done += some;
	}
	return err;
}

/* ---- giving back ------------------------------------------------------ */

/* The pool that has this folio as a used page, and which one it is. */
static struct hvo_pool *pool_using(struct hvo_hugetlb *pools,
				   const struct hvo_page *folio, uint64_t *page)
{
	hvo_pfn_t pfn = hvo_mm_pfn(pools->mm, folio);

	for (unsigned i = 0; i < pools->config.sizes; i++) {
		struct hvo_pool *pool = &pools->pool[i];

		*page = hvo_pool_page(pool, pfn);
		if (*page != HVO_POOL_NONE &&
		    hvo_pool_folio(pools, pool, *page) == folio &&
		    hvo_pool_test(pool->used, *page))
			return pool;
	}
	return NULL;
}

/* What the user left in the head; joining asks for none of it. */
static void wipe(struct hvo_page *folio)
{
	folio->data = 0;
#if HVO_PAGE_BYTES > 32
	memset(folio->owner, 0, sizeof(folio->owner));
#endif
}

/* Pages to give back, all of one pool, and which of them are bad. */
struct returned {
	struct hvo_pool *pool;
	size_t count;
	uint64_t page[HVO_POOL_BATCH];
	bool bad[HVO_POOL_BATCH];
};

static void collect(struct hvo_hugetlb *pools, struct hvo_page *const *folios,
		    size_t n, struct returned *r)
{
	r->pool = NULL;
	r->count = 0;
	while (r->count < n && r->count < HVO_POOL_BATCH) {
		struct hvo_page *folio = folios[r->count];
		uint64_t page;
		struct hvo_pool *pool = pool_using(pools, folio, &page);

		if (!pool || (r->count && pool != r->pool) ||
		    hvo_page_count(folio))
			return;
		wipe(folio);
		r->pool = pool;
		r->page[r->count] = page;
		r->bad[r->count++] = hvo_pool_is_bad(pools, folio);
	}
}

/* Sort them: into the pool, to the manager, bad. Returns how many were used. */
static size_t sort(struct hvo_hugetlb *pools, const struct returned *r,
		   struct hvo_pool_batch *surplus, struct hvo_pool_batch *bad)
{
	struct hvo_pool *pool = r->pool;
	size_t i = 0;

	hvo_pool_lock(pools, pool);
	for (; i < r->count && hvo_pool_test(pool->used, r->page[i]); i++) {
		unsigned node = hvo_pool_node_of(pools, pool, r->page[i]);

		if (r->bad[i])
			hvo_pool_take_used(pools, pool, r->page[i], true, bad);
		else if (pool->node[node].count[HVO_POOL_SURPLUS])
			hvo_pool_take_used(pools, pool, r->page[i], true,
					   surplus);
		else
			hvo_pool_unuse(pools, pool, r->page[i]);
	}
	hvo_pool_unlock(pool);
	return i;
}

static size_t free_some(struct hvo_hugetlb *pools,
			struct hvo_page *const *folios, size_t n)
{
	struct hvo_pool_batch surplus = {.count = 0};
	struct hvo_pool_batch bad = {.count = 0};
	struct returned r;
	size_t freed;
	size_t done;

	collect(pools, folios, n, &r);
	if (!r.count)
		return 0;
	freed = sort(pools, &r, &surplus, &bad);
	if (surplus.count)
		hvo_pool_release(pools, r.pool, &surplus,
				 pools->config.free_flags, &done);
	if (bad.count)
		hvo_pool_release(pools, r.pool, &bad, 0, &done);
	return freed;
}

int hvo_hugetlb_free(struct hvo_hugetlb *pools, struct hvo_page *const *folios,
		     size_t n, size_t *done)
{
	size_t at = 0;
	size_t some = 1;

	while (at < n && some) {
		some = free_some(pools, folios + at, n - at);
		at += some;
	}
	if (done)
		*done = at;
	return at < n ? -HVO_ESTATE : 0;
}
