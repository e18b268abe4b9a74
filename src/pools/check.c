/* SPDX-License-Identifier: MIT */
/*
 * The check: the bitmaps are walked, each page is held against its descriptor
 * and against the other pools, and what was counted on the way against the
 * counters.
 */

#include "pools.h"

struct walk {
	struct hvo_hugetlb *pools;
	struct hvo_pool *pool;
	uint64_t count[HVO_NODES_MAX][HVO_POOL_COUNTERS];
	struct hvo_hugetlb_finding *finding;
};

static int found(const struct walk *w, enum hvo_hugetlb_violation violation,
		 hvo_pfn_t pfn, uint64_t expected, uint64_t what_is)
{
	*w->finding = (struct hvo_hugetlb_finding){
	    .violation = violation,
	    .order = w->pool->order,
	    .node = HVO_HUGETLB_ALL_NODES,
	    .pfn = pfn,
	    .expected = expected,
	    .found = what_is,
	};
	return -HVO_ECORRUPT;
}

static int counter(const struct walk *w, unsigned node, const char *what,
		   uint64_t expected, uint64_t what_is)
{
	if (expected == what_is)
		return 0;
	found(w, HVO_HUGETLB_COUNTER, 0, expected, what_is);
	w->finding->node = node;
	w->finding->what = what;
	return -HVO_ECORRUPT;
}

/* ---- pages ------------------------------------------------------------ */

/* Has any other pool a page in this one's place, or around it? */
static int check_others(const struct walk *w, hvo_pfn_t pfn)
{
	for (unsigned i = 0; i < w->pools->config.sizes; i++) {
		const struct hvo_pool *other = &w->pools->pool[i];
		uint64_t page = hvo_pool_page(other, pfn);

		if (other->order <= w->pool->order || page == HVO_POOL_NONE)
			continue;
		if (hvo_pool_test(other->free, page) ||
		    hvo_pool_test(other->used, page))
			return found(w, HVO_HUGETLB_TWO_POOLS, pfn,
				     w->pool->order, other->order);
	}
	return 0;
}

static bool is_clean(const struct hvo_page *head)
{
	bool clean = !head->data;

#if HVO_PAGE_BYTES > 32
	for (size_t i = 0; i < sizeof(head->owner) / sizeof(*head->owner); i++)
		clean = clean && !head->owner[i];
#endif
	return clean;
}

static int check_folio(const struct walk *w, hvo_pfn_t pfn)
{
	const struct hvo_page *folio = hvo_mm_page(w->pools->mm, pfn);
	uint64_t flags;

	if (!hvo_pfn_valid(hvo_mm_vmemmap(w->pools->mm), pfn))
		return found(w, HVO_HUGETLB_NO_FOLIO, pfn, w->pool->order, 0);
	flags = atomic_load_explicit(&folio->flags, memory_order_relaxed);
	if (!(flags & HVO_PAGE_FOLIO) || (flags & HVO_PAGE_DEFERRED) ||
	    hvo_page_is_tail(folio) || hvo_folio_order(folio) != w->pool->order)
		return found(w, HVO_HUGETLB_NO_FOLIO, pfn, w->pool->order,
			     hvo_folio_order(folio));
	return 0;
}

static int check_free(const struct walk *w, uint64_t page, unsigned node)
{
	hvo_pfn_t pfn = hvo_pool_pfn(w->pool, page);
	const struct hvo_page *folio = hvo_mm_page(w->pools->mm, pfn);
	uint64_t word = page / 64;

	if (hvo_page_count(folio))
		return found(w, HVO_HUGETLB_NOT_FROZEN, pfn, 0,
			     hvo_page_count(folio));
	if (!is_clean(folio))
		return found(w, HVO_HUGETLB_NOT_CLEAN, pfn, 0, folio->data);
	if (hvo_pool_is_bad(w->pools, folio))
		return found(w, HVO_HUGETLB_BAD_PAGE, pfn, 0, 1);
	if (w->pool->node[node].first > word ||
	    hvo_pool_next_word(w->pool, word) != word)
		return found(w, HVO_HUGETLB_HINT, pfn, word,
			     w->pool->node[node].first);
	return 0;
}

static int check_page(struct walk *w, uint64_t page)
{
	hvo_pfn_t pfn = hvo_pool_pfn(w->pool, page);
	bool free = hvo_pool_test(w->pool->free, page);
	unsigned node;
	int err;

	if (free + hvo_pool_test(w->pool->used, page) +
		hvo_pool_test(w->pool->busy, page) >
	    1)
		return found(w, HVO_HUGETLB_TWICE, pfn, 1, 2);
	if (hvo_pool_test(w->pool->busy, page))
		return found(w, HVO_HUGETLB_BALANCE, pfn, 0, 1);
	err = check_others(w, pfn);
	if (!err)
		err = check_folio(w, pfn);
	if (err)
		return err;
	node = hvo_pool_node_of(w->pools, w->pool, page);
	w->count[node][HVO_POOL_TOTAL]++;
	w->count[node][HVO_POOL_FREE] += free;
	w->count[node][HVO_POOL_OPTIMIZED] +=
	    hvo_folio_optimized(w->pools->mm, hvo_mm_page(w->pools->mm, pfn));
	return free ? check_free(w, page, node) : 0;
}

static int check_pages(struct walk *w)
{
	const struct hvo_pool *pool = w->pool;
	int err = 0;

	for (uint64_t word = 0; word < pool->words && !err; word++) {
		uint64_t bits = hvo_pool_word(pool->free, word) |
				hvo_pool_word(pool->used, word) |
				hvo_pool_word(pool->busy, word);

		for (; bits && !err; bits &= bits - 1)
			err = check_page(w, word * 64 + hvo_pool_lowest(bits));
	}
	return err;
}

/* ---- counters --------------------------------------------------------- */

static const char *const names[HVO_POOL_COUNTERS] = {
    [HVO_POOL_TOTAL] = "total",         [HVO_POOL_FREE] = "free",
    [HVO_POOL_BUSY] = "busy",           [HVO_POOL_SURPLUS] = "surplus",
    [HVO_POOL_OPTIMIZED] = "optimized",
};

/* Surplus is counted nowhere else. */
static int check_counters(const struct walk *w)
{
	uint64_t all[HVO_POOL_COUNTERS] = {0};
	int err = 0;

	for (unsigned n = 0; n < w->pools->nodes && !err; n++) {
		const uint64_t *count = w->pool->node[n].count;

		for (unsigned c = 0; c < HVO_POOL_COUNTERS && !err; c++) {
			all[c] += count[c];
			if (c != HVO_POOL_SURPLUS)
				err = counter(w, n, names[c], w->count[n][c],
					      count[c]);
		}
		if (!err && count[HVO_POOL_SURPLUS] > count[HVO_POOL_TOTAL])
			err = counter(w, n, "surplus", count[HVO_POOL_TOTAL],
				      count[HVO_POOL_SURPLUS]);
	}
	for (unsigned c = 0; c < HVO_POOL_COUNTERS && !err; c++)
		err = counter(w, HVO_HUGETLB_ALL_NODES, names[c], all[c],
			      w->pool->all[c]);
	return err;
}

/* Nothing is under way, and what is promised is there. */
static int check_balance(const struct walk *w)
{
	const struct hvo_pool *pool = w->pool;
	uint64_t covered = pool->all[HVO_POOL_FREE] + pool->lost;

	if (pool->claimed)
		return found(w, HVO_HUGETLB_BALANCE, 0, 0, pool->claimed);
	if (pool->reserved > covered)
		return found(w, HVO_HUGETLB_BALANCE, 0, covered,
			     pool->reserved);
	return 0;
}

int hvo_hugetlb_check(struct hvo_hugetlb *pools,
		      struct hvo_hugetlb_finding *finding)
{
	int err = 0;

	*finding = (struct hvo_hugetlb_finding){.violation = HVO_HUGETLB_OK};
	for (unsigned i = 0; i < pools->config.sizes && !err; i++) {
		struct walk w = {
		    .pools = pools,
		    .pool = &pools->pool[i],
		    .finding = finding,
		};

		err = check_pages(&w);
		if (!err)
			err = check_counters(&w);
		if (!err)
			err = check_balance(&w);
	}
	return err;
}

const char *hvo_hugetlb_violation_text(enum hvo_hugetlb_violation violation)
{
	static const char *const texts[HVO_HUGETLB_VIOLATIONS] = {
	    [HVO_HUGETLB_OK] = "nothing is wrong",
	    [HVO_HUGETLB_TWICE] = "a page is in two states at once",
	    [HVO_HUGETLB_TWO_POOLS] = "two pools have the same page",
	    [HVO_HUGETLB_NO_FOLIO] =
		"a page of the pool is no folio of its order",
	    [HVO_HUGETLB_NOT_FROZEN] = "a free page has references",
	    [HVO_HUGETLB_NOT_CLEAN] =
		"somebody wrote to the head of a free page",
	    [HVO_HUGETLB_BAD_PAGE] = "a free page has a bad base page",
	    [HVO_HUGETLB_COUNTER] = "a counter is not what the walk found",
	    [HVO_HUGETLB_HINT] = "a search would miss a free page",
	    [HVO_HUGETLB_BALANCE] =
		"a call is under way, or reservations are not covered",
	};

	if ((unsigned)violation >= HVO_HUGETLB_VIOLATIONS)
		return "unknown violation";
	return texts[violation];
}
