/* SPDX-License-Identifier: MIT */
/*
 * Zones: each node's memory by what it can be used for. A zone is a domain of
 * the engine, since descriptors name their zone and so tails must not be
 * shared across zones. Each has free areas by order up to the largest folio,
 * per-CPU caches for small orders, and watermarks.
 *
 * Accounting. Each present base page has exactly one owner at any time, and
 * each zone counts its pages by owner; hvo_mm_check() walks all descriptors
 * and compares.
 */
#ifndef HVO_ZONE_H
#define HVO_ZONE_H

#include <stdbool.h>
#include "hvo/types.h"
#include "hvo/vmemmap.h"

struct hvo_mm;

enum hvo_zone_type {
	HVO_ZONE_DMA32,   /* below the limit of 32-bit devices */
	HVO_ZONE_NORMAL,  /* anything */
	HVO_ZONE_MOVABLE, /* nothing that must stay: no descriptors */
	HVO_ZONE_DEVICE,  /* devices' own memory, never the allocator's */
	HVO_ZONES
};

#define HVO_NODES_MAX (HVO_DOMAINS_MAX / HVO_ZONES)

static inline unsigned hvo_zone_domain(unsigned node, enum hvo_zone_type type)
{
	return node * HVO_ZONES + (unsigned)type;
}

static inline unsigned hvo_domain_node(unsigned domain)
{
	return domain / HVO_ZONES;
}

static inline enum hvo_zone_type hvo_domain_type(unsigned domain)
{
	return (enum hvo_zone_type)(domain % HVO_ZONES);
}

/* "DMA32", "Normal", "Movable", "Device". Never NULL. */
const char *hvo_zone_name(enum hvo_zone_type type);

/* Who has a base page. */
enum hvo_owner {
	HVO_OWNER_OFFLINE,  /* nobody: present, not online */
	HVO_OWNER_FREE,     /* the zone's free areas */
	HVO_OWNER_CACHE,    /* a CPU's cache */
	HVO_OWNER_FOLIO,    /* a folio: whoever allocated it */
	HVO_OWNER_ISOLATED, /* whoever isolated the range (contig.h) */
	HVO_OWNER_VMEMMAP,  /* descriptors: taken from the free areas */
	HVO_OWNER_BOOT,     /* descriptors: taken before there were any */
	HVO_OWNER_ALTMAP,   /* descriptors: from an altmap; and its reserve */
	HVO_OWNER_HOST,     /* descriptors of the freed folio it was part of */
	HVO_OWNER_RESERVED, /* firmware, the kernel's image: never free */
	HVO_OWNER_POISON,   /* bad, and in nothing else */
	HVO_OWNERS
};

/* One word for each. Never NULL. */
const char *hvo_owner_name(enum hvo_owner owner);

struct hvo_zone_stats {
	unsigned node;
	enum hvo_zone_type type;
	uint64_t present;            /* base pages with descriptors */
	uint64_t owner[HVO_OWNERS];  /* base pages; they add up to present */
	uint64_t min, low, high;     /* watermarks, base pages */
	uint64_t blocks[HVO_ORDERS]; /* free blocks by order */
};

/*
 * A zone's counters. Consistent when nothing else is under way. Returns 0 or
 * -HVO_ENODE.
 */
int hvo_zone_stats(struct hvo_mm *mm, unsigned node, enum hvo_zone_type type,
		   struct hvo_zone_stats *stats);

/*
 * Set a zone's watermarks, in base pages, min <= low <= high. An allocation
 * first looks for a zone that stays above low (high, if it has been below
 * low since it last was above high), then for one that stays above min;
 * HVO_ALLOC_RESERVE, and descriptors, may take all. Returns 0, -HVO_ENODE,
 * -HVO_ERANGE.
 */
int hvo_zone_set_watermarks(struct hvo_mm *mm, unsigned node,
			    enum hvo_zone_type type, uint64_t min, uint64_t low,
			    uint64_t high);

/* Return what all CPUs' caches hold to the free areas. Any CPU. */
void hvo_mm_drain_caches(struct hvo_mm *mm);

#endif
