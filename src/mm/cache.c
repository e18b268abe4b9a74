/* SPDX-License-Identifier: MIT */
/*
 * Per-CPU caches of small blocks, so that most allocations touch no lock that
 * another CPU wants. A cache belongs to a number that hvo_port_cpu() gives;
 * since that may change at any moment each has a lock, which is hardly ever
 * contended.
 *
 * Blocks in a cache are marked HVO_PAGE_CACHE, linked forwards only, and in
 * nobody's way: they are not joined with buddies. So whoever finds no memory,
 * or wants a range by address, drains the caches first.
 */

#include "internal.h"

static struct hvo_cache *this_cache(const struct hvo_mm *mm,
				    const struct hvo_zone *zone)
{
	unsigned cpu = hvo_port_cpu(mm->config.port) % mm->config.cpus;

	return &mm->caches[cpu * mm->domains + zone->domain];
}

static void push(struct hvo_mm *mm, struct hvo_cache *cache, hvo_pfn_t pfn,
		 unsigned order)
{
	struct hvo_page *page = hvo_page_at(mm, pfn);

	page->data = cache->first[order];
	page->order = order;
	hvo_page_mark(page, HVO_PAGE_CACHE);
	cache->first[order] = pfn + 1;
	cache->blocks[order]++;
}

/* Pages, modulo 2^64, go from the cache to an owner. Lock held. */
static void account(struct hvo_zone *zone, struct hvo_cache *cache,
		    enum hvo_owner owner, uint64_t pages)
{
	if (owner == HVO_OWNER_FOLIO)
		atomic_store_explicit(&cache->folios,
				      hvo_read(&cache->folios) + pages,
				      memory_order_relaxed);
	else
		hvo_account(zone, HVO_OWNER_CACHE, owner, pages);
}

/* The block becomes fresh. */
static hvo_pfn_t pop(struct hvo_mm *mm, struct hvo_cache *cache, unsigned order,
		     unsigned domain)
{
	hvo_pfn_t pfn = cache->first[order] - 1;
	struct hvo_page *page = hvo_page_at(mm, pfn);

	cache->first[order] = page->data;
	cache->blocks[order]--;
	hvo_page_reset(page, domain);
	return pfn;
}

static void fill(struct hvo_mm *mm, struct hvo_zone *zone,
		 struct hvo_cache *cache, unsigned order, enum hvo_mark mark)
{
	uint64_t pages = hvo_pages(order);

	hvo_mm_lock(mm, &zone->lock);
	for (uint64_t n = 0; n < HVO_CACHE_BATCH; n += pages) {
		hvo_pfn_t pfn;

		if (hvo_read(&zone->owner[HVO_OWNER_FREE]) <
			hvo_zone_mark(zone, mark) + pages ||
		    !hvo_buddy_take(mm, zone, order, &pfn))
			break;
		hvo_account(zone, HVO_OWNER_FREE, HVO_OWNER_CACHE, pages);
		push(mm, cache, pfn, order);
	}
	hvo_zone_mark(zone, mark); /* it may be under pressure now */
	hvo_mm_unlock(&zone->lock);
}

/* Return `blocks` of the cache's blocks of an order to the zone. */
static void spill(struct hvo_mm *mm, struct hvo_zone *zone,
		  struct hvo_cache *cache, unsigned order, uint32_t blocks)
{
	uint64_t pages = (uint64_t)blocks << order;

	hvo_mm_lock(mm, &zone->lock);
	while (blocks--)
		hvo_buddy_insert(mm, zone, pop(mm, cache, order, zone->domain),
				 order);
	hvo_account(zone, HVO_OWNER_CACHE, HVO_OWNER_FREE, pages);
	hvo_mm_unlock(&zone->lock);
}

bool hvo_cache_take(struct hvo_mm *mm, struct hvo_zone *zone, unsigned order,
		    enum hvo_owner owner, enum hvo_mark mark, hvo_pfn_t *pfn)
{
	struct hvo_cache *cache = this_cache(mm, zone);
	bool found;

	hvo_mm_lock(mm, &cache->lock);
	if (!cache->blocks[order])
		fill(mm, zone, cache, order, mark);
	found = cache->blocks[order] != 0;
	if (found) {
		*pfn = pop(mm, cache, order, zone->domain);
		account(zone, cache, owner, hvo_pages(order));
	}
	hvo_mm_unlock(&cache->lock);
	return found;
}

void hvo_cache_give(struct hvo_mm *mm, struct hvo_zone *zone, hvo_pfn_t pfn,
		    unsigned order, enum hvo_owner owner)
{
	struct hvo_cache *cache = this_cache(mm, zone);
	uint32_t batch = HVO_CACHE_BATCH >> order;

	hvo_mm_lock(mm, &cache->lock);
	push(mm, cache, pfn, order);
	account(zone, cache, owner, 0 - hvo_pages(order));
	if (cache->blocks[order] > 2 * batch)
		spill(mm, zone, cache, order, batch);
	hvo_mm_unlock(&cache->lock);
}

bool hvo_cache_drain(struct hvo_mm *mm, struct hvo_zone *zone)
{
	bool any = false;

	for (unsigned cpu = 0; cpu < mm->config.cpus; cpu++) {
		struct hvo_cache *cache =
		    &mm->caches[cpu * mm->domains + zone->domain];

		hvo_mm_lock(mm, &cache->lock);
		for (unsigned k = 0; k < HVO_CACHE_ORDERS; k++) {
			uint32_t blocks = cache->blocks[k];

			if (blocks)
				spill(mm, zone, cache, k, blocks);
			any = any || blocks;
		}
		hvo_mm_unlock(&cache->lock);
	}
	return any;
}

void hvo_mm_drain_caches(struct hvo_mm *mm)
{
	for (unsigned d = 0; d < mm->domains; d++)
		hvo_cache_drain(mm, &mm->zones[d]);
}

/* What all caches of a zone have counted. */
static uint64_t gone_to_folios(const struct hvo_mm *mm,
			       const struct hvo_zone *zone)
{
	const struct hvo_cache *cache = &mm->caches[zone->domain];
	uint64_t pages = 0;

	for (unsigned cpu = 0; cpu < mm->config.cpus; cpu++)
		pages += hvo_read(&cache[(size_t)cpu * mm->domains].folios);
	return pages;
}

uint64_t hvo_zone_owned(const struct hvo_mm *mm, const struct hvo_zone *zone,
			enum hvo_owner owner)
{
	uint64_t pages = hvo_read(&zone->owner[owner]);

	if (owner == HVO_OWNER_FOLIO)
		pages += gone_to_folios(mm, zone);
	else if (owner == HVO_OWNER_CACHE)
		pages -= gone_to_folios(mm, zone);
	/* What was read at different moments need not add up. */
	return (int64_t)pages < 0 ? 0 : pages;
}
