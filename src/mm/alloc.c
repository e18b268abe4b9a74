/* SPDX-License-Identifier: MIT */
/*
 * Which zone a block comes from: nodes from the preferred one outwards, in
 * each the zones from the limit down, so that what anyone can use is left for
 * those who can use nothing else.
 *
 * Three passes: zones that stay above their low watermark (high, once they
 * have fallen below low), then above min, then, for reserves, any. If all
 * fail while pages lie in caches, these are drained and it all starts over.
 */

#include "internal.h"

uint64_t hvo_zone_mark(struct hvo_zone *zone, enum hvo_mark mark)
{
	uint64_t free = hvo_read(&zone->owner[HVO_OWNER_FREE]);

	if (free < zone->low)
		zone->pressed = true;
	else if (free >= zone->high)
		zone->pressed = false;
	if (mark == HVO_MARK_LOW)
		return zone->pressed ? zone->high : zone->low;
	return mark == HVO_MARK_MIN ? zone->min : 0;
}

static bool take_locked(struct hvo_mm *mm, struct hvo_zone *zone,
			const struct hvo_want *want, enum hvo_mark mark,
			hvo_pfn_t *pfn)
{
	uint64_t pages = hvo_pages(want->order);

	if (hvo_read(&zone->owner[HVO_OWNER_FREE]) <
	    hvo_zone_mark(zone, mark) + pages)
		return false;
	if (!hvo_buddy_take(mm, zone, want->order, pfn))
		return false;
	hvo_account(zone, HVO_OWNER_FREE, want->owner, pages);
	hvo_zone_mark(zone, mark); /* it may be under pressure now */
	return true;
}

static bool take_from(struct hvo_mm *mm, struct hvo_zone *zone,
		      const struct hvo_want *want, enum hvo_mark mark,
		      hvo_pfn_t *pfn)
{
	bool found;

	if (!hvo_read(&zone->owner[HVO_OWNER_FREE]) &&
	    !hvo_zone_owned(mm, zone, HVO_OWNER_CACHE))
		return false;
	if (want->order < HVO_CACHE_ORDERS)
		return hvo_cache_take(mm, zone, want->order, want->owner, mark,
				      pfn);
	hvo_mm_lock(mm, &zone->lock);
	found = take_locked(mm, zone, want, mark, pfn);
	hvo_mm_unlock(&zone->lock);
	return found;
}

static unsigned limit_of(const struct hvo_want *want)
{
	return want->limit < HVO_ZONE_MOVABLE ? want->limit : HVO_ZONE_MOVABLE;
}

static bool take_pass(struct hvo_mm *mm, const struct hvo_want *want,
		      enum hvo_mark mark, hvo_pfn_t *pfn)
{
	for (unsigned i = 0; i < mm->config.nodes; i++) {
		unsigned node = hvo_mm_nearest(mm, want->node, i);

		if (!(want->nodes >> node & 1))
			continue;
		for (unsigned type = limit_of(want) + 1; type-- > 0;) {
			unsigned d =
			    hvo_zone_domain(node, (enum hvo_zone_type)type);

			if (take_from(mm, &mm->zones[d], want, mark, pfn))
				return true;
		}
	}
	return false;
}

static bool take(struct hvo_mm *mm, const struct hvo_want *want, hvo_pfn_t *pfn)
{
	return take_pass(mm, want, HVO_MARK_LOW, pfn) ||
	       take_pass(mm, want, HVO_MARK_MIN, pfn) ||
	       (want->reserve && take_pass(mm, want, HVO_MARK_ALL, pfn));
}

/* Drain the caches that could help; true if there was anything in them. */
static bool drain(struct hvo_mm *mm, const struct hvo_want *want)
{
	bool any = false;

	for (unsigned d = 0; d < mm->domains; d++)
		if ((want->nodes >> hvo_domain_node(d) & 1) &&
		    (unsigned)hvo_domain_type(d) <= limit_of(want) &&
		    hvo_cache_drain(mm, &mm->zones[d]))
			any = true;
	return any;
}

int hvo_block_take(struct hvo_mm *mm, const struct hvo_want *want,
		   hvo_pfn_t *pfn)
{
	if (take(mm, want, pfn) || (drain(mm, want) && take(mm, want, pfn)))
		return 0;
	return -HVO_ENOMEM;
}

void hvo_block_give(struct hvo_mm *mm, hvo_pfn_t pfn, unsigned order,
		    enum hvo_owner from)
{
	if (order < HVO_CACHE_ORDERS)
		hvo_cache_give(mm, hvo_zone_of(mm, pfn), pfn, order, from);
	else
		hvo_give_range(mm, pfn, pfn + hvo_pages(order), from);
}
