/* SPDX-License-Identifier: MIT */
/*
 * Where huge pages come from and go to: gigantic ones to and from contiguous
 * areas, where there are some, all others to and from the zones.
 */

#include "pools.h"

/* ---- at run time ---------------------------------------------------- */

static bool is_gigantic(const struct hvo_hugetlb *pools, unsigned order)
{
	unsigned least = pools->config.gigantic_order;

	return pools->config.cma &&
	       order >= (least ? least : HVO_HUGETLB_GIGANTIC);
}

/* One page from the areas of a node. */
static int from_node(struct hvo_hugetlb *pools, const struct hvo_alloc *alloc,
		     unsigned node, struct hvo_page **folio)
{
	int err = -HVO_ENOMEM;

	for (struct hvo_cma *c = pools->config.cma; c && err == -HVO_ENOMEM;
	     c = c->next)
		if (c->node == node)
			err = hvo_cma_alloc(c, alloc, folio);
	return err;
}

/* One page from the areas of the nearest node that is permitted. */
static int from_areas(struct hvo_hugetlb *pools, const struct hvo_alloc *alloc,
		      struct hvo_page **folio)
{
	uint32_t nodes = hvo_pool_nodes(pools, alloc->nodes);
	int err = -HVO_ENOMEM;

	for (unsigned i = 0; i < pools->nodes && err == -HVO_ENOMEM; i++) {
		unsigned node = hvo_mm_nearest(pools->mm, alloc->node, i);

		if (nodes >> node & 1)
			err = from_node(pools, alloc, node, folio);
	}
	return err;
}

int hvo_pool_obtain(struct hvo_hugetlb *pools, const struct hvo_alloc *alloc,
		    size_t n, struct hvo_page **folios, size_t *done)
{
	size_t count = 0;
	size_t some = 0;
	int err = 0;

	if (is_gigantic(pools, alloc->order))
		while (count < n && !err) {
			err = from_areas(pools, alloc, &folios[count]);
			count += !err;
		}
	if (count < n && (!err || !pools->config.cma_only))
		err = hvo_folio_alloc_bulk(pools->mm, alloc, n - count,
					   folios + count, &some);
	*done = count + some;
	return err;
}

static struct hvo_cma *area_of(struct hvo_hugetlb *pools,
			       const struct hvo_page *folio)
{
	if (!pools->config.cma)
		return NULL;
	return hvo_cma_find(pools->config.cma, hvo_mm_pfn(pools->mm, folio),
			    UINT64_C(1) << hvo_folio_order(folio));
}

int hvo_pool_discard(struct hvo_hugetlb *pools, struct hvo_page *const *folios,
		     size_t n, unsigned flags, size_t *done)
{
	struct hvo_cma *area = area_of(pools, folios[0]);
	size_t count = 1;

	if (area) {
		int err = hvo_cma_release(area, folios[0]);

		*done = !err;
		return err;
	}
	while (count < n && !area_of(pools, folios[count]))
		count++;
	return hvo_folio_free(pools->mm, folios, count, flags, done);
}

/* ---- before there is a manager -------------------------------------- */

int hvo_hugetlb_cma_reserve(struct hvo_cma *areas, unsigned nodes,
			    struct hvo_memblock *memblock,
			    const struct hvo_bootparam_amount *amount,
			    unsigned order, unsigned unit_order,
			    uint64_t *reserved)
{
	uint64_t page = UINT64_C(1) << (order + memblock->page_shift);
	uint64_t share = (amount->total + nodes - 1) / nodes;
	uint64_t bytes = 0;
	int err = 0;

	for (unsigned n = 0; n < nodes; n++) {
		uint64_t left =
		    amount->total > bytes ? amount->total - bytes : 0;
		uint64_t want = amount->by_node ? amount->node[n]
						: hvo_pool_least(share, left);
		uint64_t size = (want + page - 1) & ~(page - 1);
		int refused =
		    size < want ? -HVO_ERANGE
				: hvo_cma_reserve(&areas[n], memblock, n,
						  size >> memblock->page_shift,
						  order, unit_order);

		areas[n].next = NULL;
		if (!size || refused)
			areas[n] = (struct hvo_cma){.node = n};
		else
			bytes += size;
		if (size && refused)
			err = refused;
	}
	if (reserved)
		*reserved = bytes;
	return err;
}

int hvo_hugetlb_boot_take_cma(struct hvo_hugetlb_boot *boot,
			      struct hvo_cma *area, unsigned order, size_t n,
			      size_t *done)
{
	size_t count = 0;
	int err = 0;

	while (count < n && !err) {
		hvo_pfn_t pfn;

		if (boot->count == boot->capacity)
			err = -HVO_ERANGE;
		else
			err = hvo_cma_boot_take(area, order, &pfn);
		if (!err)
			hvo_pool_boot_insert(boot, pfn, 1, order);
		count += !err;
	}
	if (done)
		*done = count;
	return err;
}
