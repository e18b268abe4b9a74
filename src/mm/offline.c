/* SPDX-License-Identifier: MIT */
/*
 * Taking memory offline in steps. What is free in the range is isolated and
 * linked through the first pages of its blocks (`data`: the next one's pfn +
 * 1); what else is in it the caller brings. Once all is there nobody else has a
 * page of the range, and the rest cannot fail.
 */

#include "hvo/contig.h"
#include "internal.h"

static hvo_pfn_t end_of(const struct hvo_offlining *o)
{
	return o->pfn + o->count;
}

/* ---- gathering ------------------------------------------------------ */

/* Isolate [pfn, end), which is taken out already. Zone's lock held. */
static void keep(struct hvo_mm *mm, struct hvo_offlining *o,
		 struct hvo_zone *zone, hvo_pfn_t pfn, hvo_pfn_t end)
{
	o->pages += end - pfn;
	hvo_account(zone, HVO_OWNER_FREE, HVO_OWNER_ISOLATED, end - pfn);
	hvo_contig_mark(mm, pfn, end);
	while (pfn < end) {
		struct hvo_page *page = hvo_page_at(mm, pfn);

		page->data = o->blocks;
		o->blocks = pfn + 1;
		pfn += hvo_pages(page->order);
	}
}

/* Isolate what is free in the range now. Zone's lock held. */
static void sweep(struct hvo_mm *mm, struct hvo_offlining *o,
		  struct hvo_zone *zone)
{
	hvo_pfn_t pfn = o->pfn;

	while (pfn < end_of(o)) {
		hvo_pfn_t first;
		hvo_pfn_t last;
		unsigned order;

		if (!hvo_buddy_find(mm, zone, pfn, HVO_PAGE_FREE, &first,
				    &order)) {
			pfn++;
			continue;
		}
		last = hvo_least(first + hvo_pages(order), end_of(o));
		hvo_buddy_remove(mm, zone, first, order);
		hvo_buddy_insert_range(mm, zone, first, pfn);
		hvo_buddy_insert_range(mm, zone, last,
				       first + hvo_pages(order));
		keep(mm, o, zone, pfn, last);
		pfn = last;
	}
}

/* Pages that go with the range as they are: bad ones, the altmap's. */
static uint64_t count_others(const struct hvo_mm *mm,
			     const struct hvo_offlining *o)
{
	uint64_t n = 0;

	for (hvo_pfn_t at = o->pfn; at < end_of(o); at++)
		n += (hvo_page_flags(hvo_page_at(mm, at)) &
		      (HVO_PAGE_RETIRED | HVO_PAGE_ALTMAP)) != 0;
	return n;
}

int hvo_mm_offline_begin(struct hvo_mm *mm, struct hvo_offlining *o,
			 hvo_pfn_t pfn, uint64_t count)
{
	int err = hvo_sparse_validate(&mm->sparse, pfn, count);
	struct hvo_zone *zone;

	if (!err)
		err = hvo_range_of_zone(mm, pfn, count);
	if (err)
		return err;
	*o = (struct hvo_offlining){.pfn = pfn, .count = count};
	hvo_cache_drain(mm, hvo_zone_of(mm, pfn));
	zone = hvo_zone_lock(mm, pfn);
	if (!zone)
		return -HVO_EABSENT;
	err = hvo_range_of_zone(mm, pfn, count);
	if (!err && hvo_sparse_any_online(&mm->sparse, pfn, count, false))
		err = -HVO_ESTATE;
	if (!err)
		sweep(mm, o, zone);
	hvo_mm_unlock(&zone->lock);
	return err;
}

int hvo_mm_offline_ready(struct hvo_mm *mm, struct hvo_offlining *o,
			 uint64_t brought)
{
	const unsigned tries = 4; /* a page may slip into a cache again */
	struct hvo_zone *zone = hvo_zone_of(mm, o->pfn);
	bool all = false;

	for (unsigned i = 0; i < tries && !all; i++) {
		hvo_cache_drain(mm, zone);
		hvo_mm_lock(mm, &zone->lock);
		sweep(mm, o, zone);
		all = o->pages + brought + count_others(mm, o) == o->count;
		hvo_mm_unlock(&zone->lock);
	}
	return all ? 0 : -HVO_EBUSY;
}

/* ---- the end -------------------------------------------------------- */

void hvo_mm_offline_finish(struct hvo_mm *mm, struct hvo_offlining *o)
{
	struct hvo_zone *zone = hvo_zone_of(mm, o->pfn);
	hvo_pfn_t pfn = o->pfn;

	hvo_mm_lock(mm, &zone->lock);
	sweep(mm, o, zone); /* a bad page may be good again, and free */
	while (pfn < end_of(o)) {
		struct hvo_page *page = hvo_page_at(mm, pfn);
		uint64_t pages = 1;

		if (hvo_page_flags(page) & HVO_PAGE_ISOLATED) {
			pages = hvo_pages(page->order);
			hvo_page_reset(page, zone->domain);
			hvo_account(zone, HVO_OWNER_ISOLATED, HVO_OWNER_OFFLINE,
				    pages);
		} else {
			hvo_unretire(mm, zone, pfn);
		}
		pfn += pages;
	}
	hvo_sparse_set_online(&mm->sparse, o->pfn, o->count, false);
	hvo_mm_unlock(&zone->lock);
}

void hvo_mm_offline_cancel(struct hvo_mm *mm, struct hvo_offlining *o)
{
	while (o->blocks) {
		hvo_pfn_t pfn = o->blocks - 1;
		struct hvo_page *page = hvo_page_at(mm, pfn);

		o->blocks = page->data;
		hvo_contig_release(mm, pfn, hvo_pages(page->order));
	}
	o->pages = 0;
}
