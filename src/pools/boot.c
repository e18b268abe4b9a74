/* SPDX-License-Identifier: MIT */
/*
 * Pages from before there is a manager: taken from memblock in runs as long as
 * can be had, kept sorted, and adopted once they are folios.
 */

#include "pools.h"

void hvo_pool_boot_insert(struct hvo_hugetlb_boot *boot, hvo_pfn_t pfn,
			  size_t n, unsigned order)
{
	size_t at = boot->count;

	while (at && boot->pages[at - 1].pfn > pfn)
		at--;
	memmove(&boot->pages[at + n], &boot->pages[at],
		(boot->count - at) * sizeof(*boot->pages));
	for (size_t i = 0; i < n; i++)
		boot->pages[at + i] = (struct hvo_mm_boot_page){
		    .pfn = pfn + ((hvo_pfn_t)i << order),
		    .order = order,
		};
	boot->count += n;
}

/* The longest run of at most n pages that there is; 0 if there is none. */
static size_t take_run(struct hvo_memblock *memblock, unsigned order, int node,
		       size_t n, hvo_phys_t *phys)
{
	hvo_phys_t size = (hvo_phys_t)1 << (order + memblock->page_shift);
	hvo_phys_t most = memblock->memory.total_size / size;

	for (n = (size_t)hvo_pool_least(n, most); n; n /= 2) {
		*phys = hvo_memblock_alloc_range_nid(
		    memblock, size * n, size, 0, HVO_MEMBLOCK_ACCESSIBLE, node,
		    node != HVO_NUMA_NO_NODE);
		if (*phys)
			return n;
	}
	return 0;
}

int hvo_hugetlb_boot_take(struct hvo_hugetlb_boot *boot,
			  struct hvo_memblock *memblock, unsigned order,
			  int node, size_t n, size_t *done)
{
	size_t count = 0;
	int err = 0;

	if (order + memblock->page_shift > HVO_MAX_FOLIO_SHIFT)
		err = -HVO_EORDER;
	while (count < n && !err) {
		size_t room = boot->capacity - boot->count;
		hvo_phys_t phys;
		size_t some = take_run(memblock, order, node,
				       hvo_pool_least(n - count, room), &phys);

		if (some)
			hvo_pool_boot_insert(boot, phys >> memblock->page_shift,
					     some, order);
		else
			err = room ? -HVO_ENOMEM : -HVO_ERANGE;
		count += some;
	}
	if (done)
		*done = count;
	return err;
}

/* ---- afterwards ------------------------------------------------------- */

static int adopt_refused(struct hvo_hugetlb *pools,
			 const struct hvo_mm_boot_page *page)
{
	const struct hvo_page *folio = hvo_mm_page(pools->mm, page->pfn);
	struct hvo_pool *pool = hvo_pool_find(pools, page->order);
	uint64_t flags;

	if (page->error)
		return 0;
	if (!pool)
		return -HVO_EORDER;
	if (!hvo_pfn_valid(hvo_mm_vmemmap(pools->mm), page->pfn) ||
	    hvo_hugetlb_state(pools, page->pfn) != HVO_HUGETLB_NONE)
		return -HVO_ESTATE;
	flags = atomic_load_explicit(&folio->flags, memory_order_relaxed);
	if (!(flags & HVO_PAGE_FOLIO) || (flags & HVO_PAGE_DEFERRED) ||
	    hvo_page_count(folio) || hvo_folio_order(folio) != page->order)
		return -HVO_ESTATE;
	return 0;
}

static void adopt(struct hvo_hugetlb *pools,
		  const struct hvo_mm_boot_page *page)
{
	struct hvo_pool *pool = hvo_pool_find(pools, page->order);

	hvo_pool_lock(pools, pool);
	hvo_pool_enter(pools, pool, hvo_pool_page(pool, page->pfn));
	hvo_pool_unlock(pool);
}

int hvo_hugetlb_adopt(struct hvo_hugetlb *pools,
		      const struct hvo_mm_boot_page *pages, size_t n,
		      size_t *crossing)
{
	size_t dropped = 0;

	for (size_t i = 0; i < n; i++) {
		int err = adopt_refused(pools, &pages[i]);

		if (err)
			return err;
		dropped += pages[i].error != 0;
	}
	for (size_t i = 0; i < n; i++)
		if (!pages[i].error)
			adopt(pools, &pages[i]);
	if (crossing)
		*crossing = dropped;
	return 0;
}
