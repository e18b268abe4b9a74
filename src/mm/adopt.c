/* SPDX-License-Identifier: MIT */
/*
 * Folios from ranges by address: isolated pages, or offline ones. A range is
 * claimed first: it becomes a frozen folio, backed by nothing and in the state
 * that it was in, which nobody else can claim. What the caller wants of it
 * comes afterwards; where that fails the folio is disowned (free.c), which
 * makes the range what it was.
 */

#include "hvo/contig.h"
#include "internal.h"

/* ---- claiming --------------------------------------------------------- */

static bool all_fresh(const struct hvo_mm *mm, hvo_pfn_t pfn, unsigned order)
{
	unsigned domain = hvo_sparse_domain(&mm->sparse, pfn);

	for (uint64_t i = 0; i < hvo_pages(order); i++)
		if (!hvo_page_is_fresh(hvo_page_at(mm, pfn + i), domain))
			return false;
	return true;
}

/*
 * May the offline range become a folio? Its descriptors are fresh, or those
 * of an optimized folio of that order.
 */
static bool is_claimable(const struct hvo_mm *mm, hvo_pfn_t pfn, unsigned order)
{
	struct hvo_range_state state = hvo_vmemmap_state(mm->map, pfn);
	const struct hvo_page *head = hvo_page_at(mm, pfn);

	if (state.state == HVO_FULL)
		return all_fresh(mm, pfn, order);
	return state.state == HVO_OPTIMIZED && state.order == order &&
	       !(hvo_page_flags(head) & HVO_PAGE_MARKS);
}

/* Fresh pages that nobody else has, or an optimized folio without mark. */
static void make_frozen(struct hvo_mm *mm, hvo_pfn_t pfn, unsigned order,
			enum hvo_owner from)
{
	struct hvo_page *head = hvo_page_at(mm, pfn);

	if (order && !hvo_folio_optimized(mm, head))
		hvo_prep_compound_page(head, order);
	hvo_folio_mark(head, order, 0);
	hvo_account(hvo_zone_of(mm, pfn), from, HVO_OWNER_FOLIO,
		    hvo_pages(order));
}

/* To others the pages are nobody's, or all of them a folio's, at any time. */
static bool claim_offline(struct hvo_mm *mm, hvo_pfn_t pfn, unsigned order)
{
	struct hvo_zone *zone = hvo_zone_lock(mm, pfn);
	bool claimed;

	if (!zone)
		return false;
	claimed =
	    !hvo_range_of_zone(mm, pfn, hvo_pages(order)) &&
	    !hvo_sparse_any_online(&mm->sparse, pfn, hvo_pages(order), true) &&
	    is_claimable(mm, pfn, order);
	if (claimed)
		make_frozen(mm, pfn, order, HVO_OWNER_OFFLINE);
	hvo_mm_unlock(&zone->lock);
	return claimed;
}

static bool claim(struct hvo_mm *mm, hvo_pfn_t pfn, unsigned order)
{
	if (!hvo_sparse_online(&mm->sparse, pfn))
		return claim_offline(mm, pfn, order);
	if (!hvo_contig_claim(mm, pfn, pfn + hvo_pages(order)))
		return false;
	make_frozen(mm, pfn, order, HVO_OWNER_ISOLATED);
	return true;
}

/* ---- adopting --------------------------------------------------------- */

static int refused(const struct hvo_mm *mm, hvo_pfn_t pfn,
		   const struct hvo_alloc *alloc)
{
	int err = hvo_folio_order_refused(mm, alloc);

	if (err)
		return err;
	if (pfn & (hvo_pages(alloc->order) - 1))
		return -HVO_EALIGN;
	return hvo_range_of_zone(mm, pfn, hvo_pages(alloc->order));
}

/* Back and optimize a frozen folio as asked. */
static int equip(struct hvo_mm *mm, struct hvo_page *folio,
		 const struct hvo_alloc *alloc)
{
	int err = hvo_folio_back(mm, hvo_page_pfn(mm, folio), alloc);

	if (err || !hvo_folio_wants_hvo(mm, alloc))
		return err;
	err = hvo_folio_optimize(mm, &folio, 1, NULL);
	return alloc->flags & HVO_ALLOC_HVO ? err : 0;
}

int hvo_folio_adopt(struct hvo_mm *mm, hvo_pfn_t pfn,
		    const struct hvo_alloc *alloc, struct hvo_page **folio)
{
	struct hvo_page *head = hvo_page_at(mm, pfn);
	int err = refused(mm, pfn, alloc);

	if (err)
		return err;
	if (!claim(mm, pfn, alloc->order))
		return -HVO_ESTATE;
	err = equip(mm, head, alloc);
	if (err) {
		hvo_folio_disown(mm, head);
		return err;
	}
	*folio = head;
	if (!(alloc->flags & HVO_ALLOC_FROZEN))
		hvo_page_set_count(head, 1);
	return 0;
}
