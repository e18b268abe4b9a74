/* SPDX-License-Identifier: MIT */
/* Zones' names, counters and watermarks. */

#include "internal.h"

const char *hvo_zone_name(enum hvo_zone_type type)
{
	static const char *const names[HVO_ZONES] = {
	    [HVO_ZONE_DMA32] = "DMA32",
	    [HVO_ZONE_NORMAL] = "Normal",
	    [HVO_ZONE_MOVABLE] = "Movable",
	    [HVO_ZONE_DEVICE] = "Device",
	};

	return (unsigned)type < HVO_ZONES ? names[type] : "unknown";
}

const char *hvo_owner_name(enum hvo_owner owner)
{
	static const char *const names[HVO_OWNERS] = {
	    [HVO_OWNER_OFFLINE] = "offline",
	    [HVO_OWNER_FREE] = "free",
	    [HVO_OWNER_CACHE] = "cached",
	    [HVO_OWNER_FOLIO] = "folios",
	    [HVO_OWNER_ISOLATED] = "isolated",
	    [HVO_OWNER_VMEMMAP] = "descriptors",
	    [HVO_OWNER_BOOT] = "boot-descriptors",
	    [HVO_OWNER_ALTMAP] = "altmap",
	    [HVO_OWNER_HOST] = "hosting",
	    [HVO_OWNER_RESERVED] = "reserved",
	    [HVO_OWNER_POISON] = "poisoned",
	};

	return (unsigned)owner < HVO_OWNERS ? names[owner] : "unknown";
}

struct hvo_zone *hvo_zone_lock(struct hvo_mm *mm, hvo_pfn_t pfn)
{
	for (;;) {
		struct hvo_zone *zone = hvo_zone_of(mm, pfn);

		bool present;

		hvo_mm_lock(mm, &zone->lock);
		present = hvo_sparse_present(&mm->sparse, pfn);
		if (present && hvo_zone_of(mm, pfn) == zone)
			return zone;
		hvo_mm_unlock(&zone->lock);
		if (!present)
			return NULL;
	}
}

static struct hvo_zone *find_zone(struct hvo_mm *mm, unsigned node,
				  enum hvo_zone_type type)
{
	if (node >= mm->config.nodes || (unsigned)type >= HVO_ZONES)
		return NULL;
	return &mm->zones[hvo_zone_domain(node, type)];
}

int hvo_zone_stats(struct hvo_mm *mm, unsigned node, enum hvo_zone_type type,
		   struct hvo_zone_stats *stats)
{
	struct hvo_zone *zone = find_zone(mm, node, type);

	if (!zone)
		return -HVO_ENODE;
	hvo_mm_lock(mm, &zone->lock);
	*stats = (struct hvo_zone_stats){
	    .node = node,
	    .type = type,
	    .present = hvo_read(&zone->present),
	    .min = zone->min,
	    .low = zone->low,
	    .high = zone->high,
	};
	for (unsigned i = 0; i < HVO_OWNERS; i++)
		stats->owner[i] = hvo_zone_owned(mm, zone, (enum hvo_owner)i);
	for (unsigned i = 0; i < HVO_ORDERS; i++)
		stats->blocks[i] = zone->area[i].blocks;
	hvo_mm_unlock(&zone->lock);
	return 0;
}

/*
 * Pages become bad before they are retired, under the lock where nobody owns
 * them; of two numbers read while others change them the difference is at
 * worst too large.
 */
static bool has_bad(struct hvo_mm *mm, struct hvo_zone *zone)
{
	hvo_mm_lock(mm, &zone->lock);
	uint64_t retired = hvo_read(&zone->owner[HVO_OWNER_POISON]);
	uint64_t bad = hvo_read(&zone->poisoned);
	hvo_mm_unlock(&zone->lock);
	return bad != retired;
}

bool hvo_any_bad(struct hvo_mm *mm)
{
	bool any = false;

	for (unsigned d = 0; d < mm->domains && !any; d++)
		any = has_bad(mm, &mm->zones[d]);
	return any;
}

int hvo_zone_set_watermarks(struct hvo_mm *mm, unsigned node,
			    enum hvo_zone_type type, uint64_t min, uint64_t low,
			    uint64_t high)
{
	/* Far from where adding an allocation's size could overflow. */
	const uint64_t most = UINT64_C(1) << 52;
	struct hvo_zone *zone = find_zone(mm, node, type);

	if (!zone)
		return -HVO_ENODE;
	if (min > low || low > high || high > most)
		return -HVO_ERANGE;
	hvo_mm_lock(mm, &zone->lock);
	zone->min = min;
	zone->low = low;
	zone->high = high;
	zone->pressed = false;
	hvo_mm_unlock(&zone->lock);
	return 0;
}
