/* SPDX-License-Identifier: MIT */
/*
 * The free areas of zones: a binary buddy system (Knuth, The Art of Computer
 * Programming, vol. 1, 2.5) up to the largest folio. A block of order k at pfn
 * has its buddy at pfn ^ 2^k; two free buddies are always joined, so a zone
 * never has both.
 *
 * Whether a buddy is free is asked of its own descriptor: it must be online
 * and of the same zone, both of which its subsection tells, so that no
 * descriptor is touched that another zone's lock protects, or that is not
 * there.
 */

#include "internal.h"

void hvo_page_renew(struct hvo_page *page, unsigned domain, uint64_t keep)
{
	page->data = 0;
	atomic_store_explicit(&page->refcount, 0, memory_order_relaxed);
	page->order = 0;
#if HVO_PAGE_BYTES > 32
	for (size_t i = 0; i < sizeof(page->owner) / sizeof(*page->owner); i++)
		page->owner[i] = 0;
#endif
	keep &= hvo_page_flags(page);
	atomic_store_explicit(&page->flags, hvo_fresh_flags(domain) | keep,
			      memory_order_release);
	atomic_store_explicit(&page->compound_info, 0, memory_order_release);
}

bool hvo_page_is_fresh(const struct hvo_page *page, unsigned domain)
{
	bool fresh =
	    hvo_page_flags(page) == hvo_fresh_flags(domain) &&
	    !atomic_load_explicit(&page->compound_info, memory_order_relaxed) &&
	    !page->data && !hvo_page_count(page) && !page->order;

#if HVO_PAGE_BYTES > 32
	for (size_t i = 0; i < sizeof(page->owner) / sizeof(*page->owner); i++)
		fresh = fresh && !page->owner[i];
#endif
	return fresh;
}

/* ---- lists ------------------------------------------------------------ */

static void link_prev(struct hvo_page *page, hvo_pfn_t prev_plus_1)
{
	atomic_store_explicit(&page->compound_info, prev_plus_1 << 1,
			      memory_order_relaxed);
}

static hvo_pfn_t prev_link(const struct hvo_page *page)
{
	return atomic_load_explicit(&page->compound_info,
				    memory_order_relaxed) >>
	       1;
}

static void list_add(struct hvo_mm *mm, struct hvo_zone *zone, hvo_pfn_t pfn,
		     unsigned order)
{
	struct hvo_free_area *area = &zone->area[order];
	struct hvo_page *page = hvo_page_at(mm, pfn);

	page->data = area->first;
	page->order = order;
	if (area->first)
		link_prev(hvo_page_at(mm, area->first - 1), pfn + 1);
	area->first = pfn + 1;
	area->blocks++;
	hvo_page_mark(page, HVO_PAGE_FREE);
}

void hvo_buddy_remove(struct hvo_mm *mm, struct hvo_zone *zone, hvo_pfn_t pfn,
		      unsigned order)
{
	struct hvo_free_area *area = &zone->area[order];
	struct hvo_page *page = hvo_page_at(mm, pfn);
	hvo_pfn_t prev = prev_link(page);

	if (page->data)
		link_prev(hvo_page_at(mm, page->data - 1), prev);
	if (prev)
		hvo_page_at(mm, prev - 1)->data = page->data;
	else
		area->first = page->data;
	area->blocks--;
	hvo_page_reset(page, zone->domain);
}

/* ---- blocks ----------------------------------------------------------- */

/* Is pfn a page of the zone that is online? */
static bool is_ours(const struct hvo_mm *mm, const struct hvo_zone *zone,
		    hvo_pfn_t pfn)
{
	return hvo_sparse_online(&mm->sparse, pfn) &&
	       hvo_sparse_domain(&mm->sparse, pfn) == zone->domain;
}

/* Does a block with this mark, of this order or larger, begin at the page? */
static bool is_block(const struct hvo_page *page, enum hvo_page_flag mark,
		     unsigned order)
{
	return (hvo_page_flags(page) & mark) && page->order >= order;
}

/* May this block be joined with its buddy, that is, is that free? */
static inline bool is_joinable(const struct hvo_mm *mm,
			       const struct hvo_zone *zone, hvo_pfn_t pfn,
			       unsigned order)
{
	hvo_pfn_t buddy = pfn ^ hvo_pages(order);

	if (order >= mm->geometry.max_order)
		return false;
	/* Within a subsection all pages are of one zone. */
	if (order >= mm->sparse.subsection_order && !is_ours(mm, zone, buddy))
		return false;
	/* A larger one there would have to contain this block. */
	return is_block(hvo_page_at(mm, buddy), HVO_PAGE_FREE, order);
}

void hvo_buddy_insert(struct hvo_mm *mm, struct hvo_zone *zone, hvo_pfn_t pfn,
		      unsigned order)
{
	for (; is_joinable(mm, zone, pfn, order); order++) {
		hvo_buddy_remove(mm, zone, pfn ^ hvo_pages(order), order);
		pfn &= ~hvo_pages(order);
	}
	list_add(mm, zone, pfn, order);
}

void hvo_buddy_insert_range(struct hvo_mm *mm, struct hvo_zone *zone,
			    hvo_pfn_t pfn, hvo_pfn_t end)
{
	while (pfn < end) {
		unsigned order = hvo_block_order(mm, pfn, end);

		/* Most have a buddy that is in use: no call for those. */
		if (is_joinable(mm, zone, pfn, order))
			hvo_buddy_insert(mm, zone, pfn, order);
		else
			list_add(mm, zone, pfn, order);
		pfn += hvo_pages(order);
	}
}

bool hvo_buddy_take(struct hvo_mm *mm, struct hvo_zone *zone, unsigned order,
		    hvo_pfn_t *pfn)
{
	unsigned have = order;

	while (have <= mm->geometry.max_order && !zone->area[have].first)
		have++;
	if (have > mm->geometry.max_order)
		return false;
	*pfn = zone->area[have].first - 1;
	hvo_buddy_remove(mm, zone, *pfn, have);
	while (have > order) {
		have--;
		list_add(mm, zone, *pfn + hvo_pages(have), have);
	}
	return true;
}

hvo_pfn_t hvo_buddy_take_at(struct hvo_mm *mm, struct hvo_zone *zone,
			    hvo_pfn_t pfn, hvo_pfn_t end)
{
	while (pfn < end && is_ours(mm, zone, pfn) &&
	       is_block(hvo_page_at(mm, pfn), HVO_PAGE_FREE, 0)) {
		unsigned order = hvo_page_at(mm, pfn)->order;
		hvo_pfn_t next = pfn + hvo_pages(order);

		hvo_buddy_remove(mm, zone, pfn, order);
		if (next > end)
			hvo_buddy_insert_range(mm, zone, end, next);
		pfn = hvo_least(next, end);
	}
	return pfn;
}

bool hvo_buddy_find(const struct hvo_mm *mm, const struct hvo_zone *zone,
		    hvo_pfn_t pfn, enum hvo_page_flag mark, hvo_pfn_t *first,
		    unsigned *order)
{
	for (unsigned k = 0; k <= mm->geometry.max_order; k++) {
		hvo_pfn_t at = pfn & ~(hvo_pages(k) - 1);

		if (!is_ours(mm, zone, at) ||
		    !is_block(hvo_page_at(mm, at), mark, k))
			continue;
		*first = at;
		*order = hvo_page_at(mm, at)->order;
		return true;
	}
	return false;
}

void hvo_give_range(struct hvo_mm *mm, hvo_pfn_t pfn, hvo_pfn_t end,
		    enum hvo_owner from)
{
	struct hvo_zone *zone;

	if (pfn >= end)
		return;
	zone = hvo_zone_of(mm, pfn);
	hvo_mm_lock(mm, &zone->lock);
	hvo_buddy_insert_range(mm, zone, pfn, end);
	hvo_account(zone, from, HVO_OWNER_FREE, end - pfn);
	hvo_mm_unlock(&zone->lock);
}

void hvo_retire(struct hvo_mm *mm, hvo_pfn_t pfn, enum hvo_owner from)
{
	struct hvo_zone *zone = hvo_zone_of(mm, pfn);
	struct hvo_page *page = hvo_page_at(mm, pfn);

	hvo_page_reset(page, zone->domain);
	hvo_page_mark(page, HVO_PAGE_POISON | HVO_PAGE_RETIRED);
	hvo_account(zone, from, HVO_OWNER_POISON, 1);
}

void hvo_unretire(struct hvo_mm *mm, struct hvo_zone *zone, hvo_pfn_t pfn)
{
	if (hvo_page_unmark(hvo_page_at(mm, pfn), HVO_PAGE_RETIRED) &
	    HVO_PAGE_RETIRED)
		hvo_account(zone, HVO_OWNER_POISON, HVO_OWNER_OFFLINE, 1);
}
