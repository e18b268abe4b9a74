/* SPDX-License-Identifier: MIT */
/*
 * Ranges by address. A range is taken in two steps, both under its zone's
 * lock: look whether every page is in a free block, then take those blocks
 * out, giving back what of them lies outside. Pages in caches look as if they
 * were in use, so caches are drained before; a page that slips into one again
 * makes it all start over, a few times.
 */

#include "hvo/contig.h"
#include "internal.h"

#define TRIES 4

int hvo_range_of_zone(const struct hvo_mm *mm, hvo_pfn_t pfn, uint64_t count)
{
	uint64_t step = hvo_pages(mm->sparse.subsection_order);
	hvo_pfn_t end = pfn + count;

	if (!count || pfn < mm->config.pfn_first || pfn >= mm->config.pfn_end ||
	    count > mm->config.pfn_end - pfn)
		return -HVO_ERANGE;
	for (hvo_pfn_t at = pfn & ~(step - 1); at < end; at += step)
		if (!hvo_sparse_present(&mm->sparse, at))
			return -HVO_EABSENT;
	for (hvo_pfn_t at = pfn & ~(step - 1); at < end; at += step)
		if (hvo_sparse_domain(&mm->sparse, at) !=
		    hvo_sparse_domain(&mm->sparse, pfn))
			return -HVO_EDOMAIN;
	return 0;
}

/* A page in no block that may go with its range all the same. */
static bool is_other(const struct hvo_page *page)
{
	return hvo_page_flags(page) & (HVO_PAGE_RETIRED | HVO_PAGE_ALTMAP);
}

static bool all_free(const struct hvo_mm *mm, const struct hvo_zone *zone,
		     hvo_pfn_t pfn, hvo_pfn_t end, bool others)
{
	hvo_pfn_t first;
	unsigned order;

	while (pfn < end) {
		if (hvo_buddy_find(mm, zone, pfn, HVO_PAGE_FREE, &first,
				   &order))
			pfn = first + hvo_pages(order);
		else if (others && is_other(hvo_page_at(mm, pfn)))
			pfn++;
		else
			return false;
	}
	return true;
}

bool hvo_contig_capture(struct hvo_mm *mm, struct hvo_zone *zone, hvo_pfn_t pfn,
			hvo_pfn_t end, bool others, uint64_t *pages)
{
	hvo_pfn_t first;
	unsigned order;

	*pages = 0;
	if (!all_free(mm, zone, pfn, end, others))
		return false;
	while (pfn < end) {
		hvo_pfn_t last = pfn + 1;

		if (hvo_buddy_find(mm, zone, pfn, HVO_PAGE_FREE, &first,
				   &order)) {
			hvo_buddy_remove(mm, zone, first, order);
			hvo_buddy_insert_range(mm, zone, first, pfn);
			last = hvo_least(first + hvo_pages(order), end);
			hvo_buddy_insert_range(mm, zone, last,
					       first + hvo_pages(order));
			*pages += last - pfn;
		}
		pfn = last;
	}
	return true;
}

void hvo_contig_mark(struct hvo_mm *mm, hvo_pfn_t pfn, hvo_pfn_t end)
{
	while (pfn < end) {
		unsigned order = hvo_block_order(mm, pfn, end);
		struct hvo_page *page = hvo_page_at(mm, pfn);

		page->order = order;
		hvo_page_mark(page, HVO_PAGE_ISOLATED);
		pfn += hvo_pages(order);
	}
}

int hvo_contig_isolate(struct hvo_mm *mm, hvo_pfn_t pfn, uint64_t count)
{
	int err = hvo_range_of_zone(mm, pfn, count);
	hvo_pfn_t end = pfn + count;
	struct hvo_zone *zone;
	bool taken = false;
	uint64_t pages;

	if (err)
		return err;
	for (unsigned i = 0; i < TRIES && !taken; i++) {
		hvo_cache_drain(mm, hvo_zone_of(mm, pfn));
		zone = hvo_zone_lock(mm, pfn);
		if (!zone)
			return -HVO_EABSENT;
		err = hvo_range_of_zone(mm, pfn, count);
		if (!err)
			err = hvo_sparse_any_online(&mm->sparse, pfn, count,
						    false)
				  ? -HVO_EABSENT
				  : -HVO_EBUSY;
		taken = err == -HVO_EBUSY &&
			hvo_contig_capture(mm, zone, pfn, end, false, &pages);
		if (taken) {
			hvo_contig_mark(mm, pfn, end);
			hvo_account(zone, HVO_OWNER_FREE, HVO_OWNER_ISOLATED,
				    pages);
		}
		hvo_mm_unlock(&zone->lock);
	}
	return taken ? 0 : err;
}

static bool all_isolated(const struct hvo_mm *mm, const struct hvo_zone *zone,
			 hvo_pfn_t pfn, hvo_pfn_t end)
{
	hvo_pfn_t first;
	unsigned order;

	while (pfn < end) {
		if (!hvo_buddy_find(mm, zone, pfn, HVO_PAGE_ISOLATED, &first,
				    &order))
			return false;
		pfn = first + hvo_pages(order);
	}
	return true;
}

/* Unmark the isolated blocks of a range; what sticks out stays isolated. */
static bool unmark(struct hvo_mm *mm, struct hvo_zone *zone, hvo_pfn_t pfn,
		   hvo_pfn_t end)
{
	hvo_pfn_t first;
	unsigned order;

	if (!all_isolated(mm, zone, pfn, end))
		return false;
	for (hvo_pfn_t at = pfn; at < end; at = first + hvo_pages(order)) {
		hvo_buddy_find(mm, zone, at, HVO_PAGE_ISOLATED, &first, &order);
		hvo_page_reset(hvo_page_at(mm, first), zone->domain);
		hvo_contig_mark(mm, first, at);
		if (first + hvo_pages(order) > end)
			hvo_contig_mark(mm, end, first + hvo_pages(order));
	}
	return true;
}

bool hvo_contig_claim(struct hvo_mm *mm, hvo_pfn_t pfn, hvo_pfn_t end)
{
	struct hvo_zone *zone = hvo_zone_of(mm, pfn);
	bool claimed;

	hvo_mm_lock(mm, &zone->lock);
	claimed = unmark(mm, zone, pfn, end);
	hvo_mm_unlock(&zone->lock);
	return claimed;
}

int hvo_contig_release(struct hvo_mm *mm, hvo_pfn_t pfn, uint64_t count)
{
	int err = hvo_range_of_zone(mm, pfn, count);
	hvo_pfn_t end = pfn + count;
	struct hvo_zone *zone;

	if (err)
		return err;
	zone = hvo_zone_of(mm, pfn);
	hvo_mm_lock(mm, &zone->lock);
	if (unmark(mm, zone, pfn, end)) {
		hvo_buddy_insert_range(mm, zone, pfn, end);
		hvo_account(zone, HVO_OWNER_ISOLATED, HVO_OWNER_FREE, count);
	} else {
		err = -HVO_ESTATE;
	}
	hvo_mm_unlock(&zone->lock);
	return err;
}

int hvo_contig_alloc(struct hvo_mm *mm, unsigned order, unsigned node,
		     enum hvo_zone_type limit, hvo_pfn_t *pfn)
{
	struct hvo_want want = {
	    .order = order,
	    .node = node,
	    .limit = limit,
	    .owner = HVO_OWNER_ISOLATED,
	};
	struct hvo_zone *zone;
	int err;

	if (order > mm->geometry.max_order)
		return -HVO_EORDER;
	if (node >= mm->config.nodes || (unsigned)limit >= HVO_ZONE_DEVICE)
		return -HVO_ENODE;
	want.nodes = UINT32_C(1) << node;
	err = hvo_block_take(mm, &want, pfn);
	if (err)
		return err;
	zone = hvo_zone_of(mm, *pfn);
	hvo_mm_lock(mm, &zone->lock);
	hvo_contig_mark(mm, *pfn, *pfn + hvo_pages(order));
	hvo_mm_unlock(&zone->lock);
	return 0;
}
