/* SPDX-License-Identifier: MIT */
/*
 * What the parts of memblock share. A collection is changed in two steps:
 * hvo_memblock_room() makes room or fails, then insert, delete and split work
 * in the room there is and cannot fail. Only the first may move arrays and
 * regions, so indices and pointers are taken after it.
 */
#ifndef HVO_MM_MEMBLOCK_H
#define HVO_MM_MEMBLOCK_H

#include "hvo/memblock.h"

/* Declared here (C11, 7.1.4) since a freestanding compiler has no string.h. */
void *memcpy(void *restrict to, const void *restrict from, size_t n);
void *memmove(void *to, const void *from, size_t n);
void *memset(void *to, int byte, size_t n);

/* Most regions a collection can have: walks count them in 32 bits. */
#define HVO_REGIONS_MAX (1UL << 31)

/* Addresses [base, end). */
struct hvo_extent {
	hvo_phys_t base;
	hvo_phys_t end;
};

/* A base and a size, cut where they would overflow. */
static inline struct hvo_extent hvo_extent(hvo_phys_t base, hvo_phys_t size)
{
	hvo_phys_t most = HVO_PHYS_MAX - base;

	return (struct hvo_extent){base, base + (size < most ? size : most)};
}

static inline bool hvo_extent_empty(struct hvo_extent e)
{
	return e.base >= e.end;
}

static inline struct hvo_extent hvo_extent_and(struct hvo_extent a,
					       struct hvo_extent b)
{
	return (struct hvo_extent){a.base > b.base ? a.base : b.base,
				   a.end < b.end ? a.end : b.end};
}

static inline struct hvo_extent
hvo_region_extent(const struct hvo_memblock_region *region)
{
	return (struct hvo_extent){region->base,
				   hvo_memblock_region_end(region)};
}

/* Index of the first region that ends after addr; cnt if none. O(log n). */
unsigned long hvo_memblock_index(const struct hvo_memblock_type *type,
				 hvo_phys_t addr);

/* The regions with an address in an extent: [first, last). */
struct hvo_indices {
	unsigned long first;
	unsigned long last;
};

struct hvo_indices hvo_memblock_within(const struct hvo_memblock_type *type,
				       struct hvo_extent e);

/*
 * Room for n more regions in type, which may move both arrays to memory
 * outside `avoid`, changing `reserved` accordingly, but for no more than the n
 * asked for. Returns 0 or -HVO_ENOMEM, then nothing has changed.
 */
int hvo_memblock_room(struct hvo_memblock *mb, struct hvo_memblock_type *type,
		      unsigned long n, struct hvo_extent avoid);

/* How many regions insert adds, before merging. */
unsigned long hvo_memblock_gaps(const struct hvo_memblock_type *type,
				struct hvo_extent e);

/* Add what is missing of an extent; needs room for its gaps. */
void hvo_memblock_insert(struct hvo_memblock_type *type, struct hvo_extent e,
			 int nid, enum hvo_memblock_flags flags);

/* Take an extent away; needs room for one if it lies inside one region. */
void hvo_memblock_delete(struct hvo_memblock_type *type, struct hvo_extent e);

/* Drop regions [at.first, at.last), which are empty or taken over. */
void hvo_memblock_close(struct hvo_memblock_type *type, struct hvo_indices at);

/* Split regions at an extent's ends. Returns 0 or -HVO_ENOMEM. */
int hvo_memblock_isolate(struct hvo_memblock *mb,
			 struct hvo_memblock_type *type, struct hvo_extent e);

/* Make regions [at.first, at.last) and their neighbours minimal. */
void hvo_memblock_merge(struct hvo_memblock_type *type, struct hvo_indices at);

/* What to look for free memory for. */
struct hvo_search {
	hvo_phys_t size;          /* bytes, not 0 */
	hvo_phys_t align;         /* bytes, not 0 */
	struct hvo_extent within; /* addresses allowed */
	int nid;
	enum hvo_memblock_flags flags;
};

/*
 * Free memory for a search, the highest or lowest by mb->bottom_up; 0 if there
 * is none. Not page 0. O(n).
 */
hvo_phys_t hvo_memblock_find(const struct hvo_memblock *mb,
			     const struct hvo_search *search);

#endif
