/* SPDX-License-Identifier: MIT */
/*
 * memblock: what memory there is, and what of it is taken, before there is an
 * allocator. Semantics and names are those documented for Linux's memblock
 * ("Boot time memory management"), without its global state: everything hangs
 * off a struct hvo_memblock that the caller provides.
 *
 * Two collections of regions. `memory` is what firmware says there is, each
 * region with a NUMA node and flags. `reserved` is what is taken of it; it may
 * name addresses that are no memory. Free is what is in `memory` and not in
 * `reserved`.
 *
 * Invariants (hvo_memblock_is_valid()). In each collection regions are sorted
 * by base, none is empty, none overlap, and the collection is minimal: regions
 * that touch and have the same flags and node are one. total_size is the sum
 * of their sizes, and no region reaches past 2^64 - 2.
 *
 * Sizes. A range is [base, base + size) in bytes; a size that would take it
 * past 2^64 - 1 is cut there. A call for an empty range does nothing and
 * succeeds.
 *
 * The region arrays are the caller's to begin with. After
 * hvo_memblock_allow_resize() an array that is full doubles: it moves to
 * memory that memblock allocates from itself, page aligned, and what it leaves
 * goes back if it came from there. Calls that add or split regions return
 * -HVO_ENOMEM when there is no room, and then nothing has changed.
 *
 * Locking: none. One caller at a time, as there is one CPU at boot.
 *
 * Cost: n is the number of regions in the collections concerned. A lookup is
 * O(log n), a change O(n), finding free memory O(n).
 */
#ifndef HVO_MEMBLOCK_H
#define HVO_MEMBLOCK_H

#include <stdbool.h>
#include "hvo/error.h"
#include "hvo/types.h"

/* A physical address, or a size in bytes. */
typedef uint64_t hvo_phys_t;

#define HVO_PHYS_MAX UINT64_MAX

/* No node, or any node. Nodes are 0 to HVO_MAX_NUMNODES - 1. */
#define HVO_NUMA_NO_NODE (-1)
#define HVO_MAX_NUMNODES 1024

#define HVO_MEMBLOCK_REGIONS                                                   \
	128 /* what arrays are usually sized to at first                       \
	     */

/* Values for the end of the range to allocate from. */
#define HVO_MEMBLOCK_ACCESSIBLE ((hvo_phys_t)0) /* up to current_limit */
#define HVO_MEMBLOCK_ANYWHERE   HVO_PHYS_MAX

#define HVO_MEMBLOCK_LOW_LIMIT UINT64_C(0xffffffff) /* of alloc_low */
#define HVO_MEMBLOCK_ALIGN     64 /* bytes: default_align at first */

enum hvo_memblock_flags {
	HVO_MEMBLOCK_NONE = 0,
	HVO_MEMBLOCK_HOTPLUG = 0x1,        /* may be unplugged later */
	HVO_MEMBLOCK_MIRROR = 0x2,         /* mirrored: allocated from first */
	HVO_MEMBLOCK_NOMAP = 0x4,          /* not in the direct map: not used */
	HVO_MEMBLOCK_DRIVER_MANAGED = 0x8, /* added by a driver: not free */
	HVO_MEMBLOCK_RSRV_NOINIT = 0x10,   /* reserved: no descriptors made */
	HVO_MEMBLOCK_RSRV_KERN = 0x20,     /* reserved by an allocation */
};

struct hvo_memblock_region {
	hvo_phys_t base;
	hvo_phys_t size;
	enum hvo_memblock_flags flags;
	int nid; /* or HVO_NUMA_NO_NODE */
};

struct hvo_memblock_type {
	unsigned long cnt; /* regions in use; 0 when there are none */
	unsigned long max; /* regions that the array has room for */
	hvo_phys_t total_size;
	struct hvo_memblock_region *regions;
	const char *name;
};

/*
 * Gives a pointer to size bytes at a physical address, by the port's direct
 * map or whatever stands for it; NULL if they cannot be reached. The pointer
 * stays good for as long as memblock is used.
 */
typedef void *hvo_memblock_map_fn(void *ctx, hvo_phys_t phys, hvo_phys_t size);

struct hvo_memblock {
	bool bottom_up;
	hvo_phys_t current_limit; /* end of what can be accessed so far */
	struct hvo_memblock_type memory;
	struct hvo_memblock_type reserved;
	/* What Linux keeps beside its struct memblock: */
	bool can_resize;
	bool movable_node;        /* keep HVO_MEMBLOCK_HOTPLUG memory free */
	bool mirrored;            /* there is, or was, mirrored memory */
	bool plain_alloc;         /* see hvo_memblock_alloc_range_nid() */
	uint8_t page_shift;       /* of the base page */
	hvo_phys_t default_align; /* bytes, where align is given as 0 */
	hvo_memblock_map_fn *map; /* NULL: no zeroing, no growing */
	void *ctx;                /* passed to map */
	/* memory's and reserved's arrays: what init was given, and where the
	 * present one is, if it is another. */
	struct hvo_memblock_region *initial[2];
	hvo_phys_t array_phys[2];
};

struct hvo_memblock_config {
	struct hvo_memblock_region *memory;
	struct hvo_memblock_region *reserved;
	unsigned long memory_max; /* regions, 1 to 2^31 */
	unsigned long reserved_max;
	uint8_t page_shift; /* 12 to 16 */
	hvo_memblock_map_fn *map;
	void *ctx;
};

/*
 * Make *mb empty: top-down, no limit, arrays that do not grow. The arrays must
 * outlive it. Returns 0, -HVO_ERANGE (an array without room, or too large) or
 * -HVO_EPAGE. O(1).
 */
int hvo_memblock_init(struct hvo_memblock *mb,
		      const struct hvo_memblock_config *config);

/*
 * From now on full arrays grow. Tell memblock first of everything that must
 * not be overwritten (kernel, initrd, firmware's tables).
 */
static inline void hvo_memblock_allow_resize(struct hvo_memblock *mb)
{
	mb->can_resize = true;
}

static inline void hvo_memblock_set_bottom_up(struct hvo_memblock *mb,
					      bool enable)
{
	mb->bottom_up = enable;
}

static inline bool hvo_memblock_bottom_up(const struct hvo_memblock *mb)
{
	return mb->bottom_up;
}

/* Allocations that do not name an end stay below limit from now on. */
static inline void hvo_memblock_set_current_limit(struct hvo_memblock *mb,
						  hvo_phys_t limit)
{
	mb->current_limit = limit;
}

static inline hvo_phys_t
hvo_memblock_get_current_limit(const struct hvo_memblock *mb)
{
	return mb->current_limit;
}

/* ---- changing what there is ------------------------------------------- */

/*
 * All of these return 0 or -HVO_ENOMEM (the array is full and cannot grow),
 * and are O(n).
 */

/*
 * Add memory. What of the range is in `memory` already stays as it is, node
 * and flags too; only the missing parts are added.
 */
int hvo_memblock_add_node(struct hvo_memblock *mb, hvo_phys_t base,
			  hvo_phys_t size, int nid,
			  enum hvo_memblock_flags flags);

/* Take a range out of `memory`. Regions that cross its ends are cut. */
int hvo_memblock_remove(struct hvo_memblock *mb, hvo_phys_t base,
			hvo_phys_t size);

/* Add to `reserved`, as hvo_memblock_add_node() adds to `memory`. */
int hvo_memblock_reserve_node(struct hvo_memblock *mb, hvo_phys_t base,
			      hvo_phys_t size, int nid,
			      enum hvo_memblock_flags flags);

/* Take a range out of `reserved`, whoever put it there. */
int hvo_memblock_phys_free(struct hvo_memblock *mb, hvo_phys_t base,
			   hvo_phys_t size);

static inline int hvo_memblock_add(struct hvo_memblock *mb, hvo_phys_t base,
				   hvo_phys_t size)
{
	return hvo_memblock_add_node(mb, base, size, HVO_NUMA_NO_NODE,
				     HVO_MEMBLOCK_NONE);
}

static inline int hvo_memblock_reserve(struct hvo_memblock *mb, hvo_phys_t base,
				       hvo_phys_t size)
{
	return hvo_memblock_reserve_node(mb, base, size, HVO_NUMA_NO_NODE,
					 HVO_MEMBLOCK_NONE);
}

/* Reserve for the kernel's own use, as allocations do. */
static inline int hvo_memblock_reserve_kern(struct hvo_memblock *mb,
					    hvo_phys_t base, hvo_phys_t size)
{
	return hvo_memblock_reserve_node(mb, base, size, HVO_NUMA_NO_NODE,
					 HVO_MEMBLOCK_RSRV_KERN);
}

/*
 * Set or clear one flag, or several, of what of the range is in `memory`
 * (reserved_mark: in `reserved`). Regions that cross its ends are split.
 */
int hvo_memblock_mark_hotplug(struct hvo_memblock *mb, hvo_phys_t base,
			      hvo_phys_t size);
int hvo_memblock_clear_hotplug(struct hvo_memblock *mb, hvo_phys_t base,
			       hvo_phys_t size);
int hvo_memblock_mark_mirror(struct hvo_memblock *mb, hvo_phys_t base,
			     hvo_phys_t size);
int hvo_memblock_mark_nomap(struct hvo_memblock *mb, hvo_phys_t base,
			    hvo_phys_t size);
int hvo_memblock_clear_nomap(struct hvo_memblock *mb, hvo_phys_t base,
			     hvo_phys_t size);
int hvo_memblock_reserved_mark_noinit(struct hvo_memblock *mb, hvo_phys_t base,
				      hvo_phys_t size);
int hvo_memblock_reserved_mark_kern(struct hvo_memblock *mb, hvo_phys_t base,
				    hvo_phys_t size);

/* Set the node of what of the range is in type (mb's memory or reserved). */
int hvo_memblock_set_node(struct hvo_memblock *mb, hvo_phys_t base,
			  hvo_phys_t size, struct hvo_memblock_type *type,
			  int nid);

/* These take away and cannot fail. O(n). */

/*
 * Shrink each memory region to multiples of align (bytes, not 0); one that
 * spans none goes.
 */
void hvo_memblock_trim_memory(struct hvo_memblock *mb, hvo_phys_t align);

/*
 * Keep the lowest `limit` bytes of memory and forget all above them, reserved
 * regions too. 0, or more than there is, changes nothing.
 */
void hvo_memblock_enforce_memory_limit(struct hvo_memblock *mb,
				       hvo_phys_t limit);

/*
 * Keep only memory in the range; HVO_MEMBLOCK_NOMAP memory stays wherever it
 * is. Reserved regions are cut to the range. Size 0 changes nothing.
 */
void hvo_memblock_cap_memory_range(struct hvo_memblock *mb, hvo_phys_t base,
				   hvo_phys_t size);

/* hvo_memblock_enforce_memory_limit() that spares HVO_MEMBLOCK_NOMAP memory. */
void hvo_memblock_mem_limit_remove_map(struct hvo_memblock *mb,
				       hvo_phys_t limit);

/* ---- allocating --------------------------------------------------------- */

/*
 * Allocate size bytes, aligned to align (0: mb->default_align), in
 * [start, end) on node nid: the highest address that fits, or the lowest if
 * bottom-up. end may be HVO_MEMBLOCK_ACCESSIBLE or HVO_MEMBLOCK_ANYWHERE. The
 * block lies in one memory region. If the node cannot hold it and not
 * exact_nid, any node will do. Where there is mirrored memory, all of that is
 * tried in it first, then in all memory. HVO_MEMBLOCK_NOMAP and
 * HVO_MEMBLOCK_DRIVER_MANAGED memory is never given out,
 * HVO_MEMBLOCK_HOTPLUG memory not if mb->movable_node, and never page 0, for
 * an address of 0 means failure.
 *
 * The block is reserved as HVO_MEMBLOCK_RSRV_KERN, with nid if it came from
 * the node asked for. With mb->plain_alloc it is reserved as
 * hvo_memblock_reserve() does, as in Linux before 6.16; this shows in what
 * merges with what.
 *
 * Returns the physical address, or 0 (no such memory, size 0, or no room in
 * `reserved`). Memory is not touched. O(n).
 */
hvo_phys_t hvo_memblock_alloc_range_nid(struct hvo_memblock *mb,
					hvo_phys_t size, hvo_phys_t align,
					hvo_phys_t start, hvo_phys_t end,
					int nid, bool exact_nid);

/*
 * Allocate in [min_addr, max_addr), max_addr not above the current limit, as
 * hvo_memblock_alloc_range_nid() does; if that fails, again without min_addr.
 * The block is filled with zeros; what mb->map cannot reach is not given out.
 */
hvo_phys_t hvo_memblock_alloc_try_nid(struct hvo_memblock *mb, hvo_phys_t size,
				      hvo_phys_t align, hvo_phys_t min_addr,
				      hvo_phys_t max_addr, int nid);

/* The same, but memory is not touched. */
hvo_phys_t hvo_memblock_alloc_try_nid_raw(struct hvo_memblock *mb,
					  hvo_phys_t size, hvo_phys_t align,
					  hvo_phys_t min_addr,
					  hvo_phys_t max_addr, int nid);

/* The same, and no other node will do. */
hvo_phys_t hvo_memblock_alloc_exact_nid_raw(struct hvo_memblock *mb,
					    hvo_phys_t size, hvo_phys_t align,
					    hvo_phys_t min_addr,
					    hvo_phys_t max_addr, int nid);

/* Physical memory: not touched, start and end are kept to. */

static inline hvo_phys_t hvo_memblock_phys_alloc_range(struct hvo_memblock *mb,
						       hvo_phys_t size,
						       hvo_phys_t align,
						       hvo_phys_t start,
						       hvo_phys_t end)
{
	return hvo_memblock_alloc_range_nid(mb, size, align, start, end,
					    HVO_NUMA_NO_NODE, false);
}

static inline hvo_phys_t hvo_memblock_phys_alloc(struct hvo_memblock *mb,
						 hvo_phys_t size,
						 hvo_phys_t align)
{
	return hvo_memblock_phys_alloc_range(mb, size, align, 0,
					     HVO_MEMBLOCK_ACCESSIBLE);
}

static inline hvo_phys_t
hvo_memblock_phys_alloc_try_nid(struct hvo_memblock *mb, hvo_phys_t size,
				hvo_phys_t align, int nid)
{
	return hvo_memblock_alloc_range_nid(
	    mb, size, align, 0, HVO_MEMBLOCK_ACCESSIBLE, nid, false);
}

/* Zeroed memory, except for alloc_raw. */

static inline hvo_phys_t hvo_memblock_alloc(struct hvo_memblock *mb,
					    hvo_phys_t size, hvo_phys_t align)
{
	return hvo_memblock_alloc_try_nid(
	    mb, size, align, 0, HVO_MEMBLOCK_ACCESSIBLE, HVO_NUMA_NO_NODE);
}

static inline hvo_phys_t hvo_memblock_alloc_raw(struct hvo_memblock *mb,
						hvo_phys_t size,
						hvo_phys_t align)
{
	return hvo_memblock_alloc_try_nid_raw(
	    mb, size, align, 0, HVO_MEMBLOCK_ACCESSIBLE, HVO_NUMA_NO_NODE);
}

/* At min_addr or above if that can be had, else below. */
static inline hvo_phys_t hvo_memblock_alloc_from(struct hvo_memblock *mb,
						 hvo_phys_t size,
						 hvo_phys_t align,
						 hvo_phys_t min_addr)
{
	return hvo_memblock_alloc_try_nid(mb, size, align, min_addr,
					  HVO_MEMBLOCK_ACCESSIBLE,
					  HVO_NUMA_NO_NODE);
}

/* Below 4 GiB. */
static inline hvo_phys_t hvo_memblock_alloc_low(struct hvo_memblock *mb,
						hvo_phys_t size,
						hvo_phys_t align)
{
	return hvo_memblock_alloc_try_nid(
	    mb, size, align, 0, HVO_MEMBLOCK_LOW_LIMIT, HVO_NUMA_NO_NODE);
}

/* On nid if that can be had, else anywhere. */
static inline hvo_phys_t hvo_memblock_alloc_node(struct hvo_memblock *mb,
						 hvo_phys_t size,
						 hvo_phys_t align, int nid)
{
	return hvo_memblock_alloc_try_nid(mb, size, align, 0,
					  HVO_MEMBLOCK_ACCESSIBLE, nid);
}

/* ---- looking ---------------------------------------------------------- */

/* Bytes in `memory`, and in `reserved`. O(1). */
static inline hvo_phys_t
hvo_memblock_phys_mem_size(const struct hvo_memblock *m)
{
	return m->memory.total_size;
}

static inline hvo_phys_t
hvo_memblock_reserved_size(const struct hvo_memblock *m)
{
	return m->reserved.total_size;
}

/*
 * Bytes below limit reserved as HVO_MEMBLOCK_RSRV_KERN with that node
 * (HVO_NUMA_NO_NODE: with any or none). O(n).
 */
hvo_phys_t hvo_memblock_reserved_kern_size(const struct hvo_memblock *mb,
					   hvo_phys_t limit, int nid);

/* First byte of memory, and first after it; 0 if there is none. O(1). */
hvo_phys_t hvo_memblock_start_of_dram(const struct hvo_memblock *mb);
hvo_phys_t hvo_memblock_end_of_dram(const struct hvo_memblock *mb);

/* Is this byte in `memory`; and not HVO_MEMBLOCK_NOMAP; in `reserved`? */
bool hvo_memblock_is_memory(const struct hvo_memblock *mb, hvo_phys_t addr);
bool hvo_memblock_is_map_memory(const struct hvo_memblock *mb, hvo_phys_t addr);
bool hvo_memblock_is_reserved(const struct hvo_memblock *mb, hvo_phys_t addr);

/* Does one region of `memory` have all of the range? */
bool hvo_memblock_is_region_memory(const struct hvo_memblock *mb,
				   hvo_phys_t base, hvo_phys_t size);

/* Does any region of type have a byte of the range? */
bool hvo_memblock_overlaps_region(const struct hvo_memblock_type *type,
				  hvo_phys_t base, hvo_phys_t size);

static inline bool
hvo_memblock_is_region_reserved(const struct hvo_memblock *mb, hvo_phys_t base,
				hvo_phys_t size)
{
	return hvo_memblock_overlaps_region(&mb->reserved, base, size);
}

/*
 * The node of the memory region that pfn is in, and the pfns [*start, *end) of
 * that region; -1 if it is in none, then neither is written.
 */
int hvo_memblock_search_pfn_nid(const struct hvo_memblock *mb, hvo_pfn_t pfn,
				hvo_pfn_t *start, hvo_pfn_t *end);

/* No more than threshold bytes of memory are without a node. O(n). */
bool hvo_memblock_validate_numa_coverage(const struct hvo_memblock *mb,
					 hvo_phys_t threshold);

/* The invariants at the top hold. For assertions and tests. O(n). */
bool hvo_memblock_is_valid(const struct hvo_memblock *mb);

/*
 * Print sizes and all regions as lines of text (without newline) through put.
 */
void hvo_memblock_dump(const struct hvo_memblock *mb,
		       void (*put)(void *ctx, const char *line), void *ctx);

static inline hvo_phys_t
hvo_memblock_region_end(const struct hvo_memblock_region *region)
{
	return region->base + region->size;
}

static inline bool hvo_numa_valid_node(int nid)
{
	return nid >= 0 && nid < HVO_MAX_NUMNODES;
}

/*
 * A region as pfns: of memory the whole pages, [base_pfn, end_pfn), of
 * reserved memory every page that it touches.
 */
static inline hvo_pfn_t
hvo_memblock_memory_base_pfn(const struct hvo_memblock *mb,
			     const struct hvo_memblock_region *region)
{
	return region->base ? ((region->base - 1) >> mb->page_shift) + 1 : 0;
}

static inline hvo_pfn_t
hvo_memblock_memory_end_pfn(const struct hvo_memblock *mb,
			    const struct hvo_memblock_region *region)
{
	return hvo_memblock_region_end(region) >> mb->page_shift;
}

static inline hvo_pfn_t
hvo_memblock_reserved_base_pfn(const struct hvo_memblock *mb,
			       const struct hvo_memblock_region *region)
{
	return region->base >> mb->page_shift;
}

static inline hvo_pfn_t
hvo_memblock_reserved_end_pfn(const struct hvo_memblock *mb,
			      const struct hvo_memblock_region *region)
{
	return ((hvo_memblock_region_end(region) - 1) >> mb->page_shift) + 1;
}

/* ---- walking ---------------------------------------------------------- */

/*
 * A walk is a cursor: 0 before the first step forwards, HVO_MEMBLOCK_END
 * before the first step backwards. A step gives the next range in *start,
 * *end (bytes) and its region's node in *nid, each of which may be NULL, and
 * returns true; after the last one it returns false, writes none of them and
 * leaves the cursor HVO_MEMBLOCK_END. The collections must not change during a
 * walk. A whole walk is O(n), a step O(1) amortized.
 */
#define HVO_MEMBLOCK_END UINT64_MAX

/* What to walk over. */
struct hvo_memblock_select {
	const struct hvo_memblock_type *in;
	const struct hvo_memblock_type *not_in; /* taken away; may be NULL */
	int nid; /* HVO_NUMA_NO_NODE, or any number that is no node: all */
	/*
	 * Of `memory` only: with HVO_MEMBLOCK_MIRROR, mirrored memory alone;
	 * NOMAP and DRIVER_MANAGED memory, and with mb->movable_node HOTPLUG
	 * memory, only if named here.
	 */
	enum hvo_memblock_flags flags;
};

/*
 * Ranges of select->in without those of select->not_in, upwards or downwards.
 * The cursor's lower 32 bits count regions of `in`, the upper the gaps between
 * regions of `not_in`.
 */
bool hvo_memblock_next_range(const struct hvo_memblock *mb, uint64_t *cursor,
			     const struct hvo_memblock_select *select,
			     hvo_phys_t *start, hvo_phys_t *end, int *nid);
bool hvo_memblock_next_range_rev(const struct hvo_memblock *mb,
				 uint64_t *cursor,
				 const struct hvo_memblock_select *select,
				 hvo_phys_t *start, hvo_phys_t *end, int *nid);

static inline struct hvo_memblock_select
hvo_memblock_select_free(const struct hvo_memblock *mb, int nid,
			 enum hvo_memblock_flags flags)
{
	return (struct hvo_memblock_select){&mb->memory, &mb->reserved, nid,
					    flags};
}

/* All of `memory` that is in the direct map. */
static inline struct hvo_memblock_select
hvo_memblock_select_memory(const struct hvo_memblock *mb)
{
	return (struct hvo_memblock_select){
	    &mb->memory, NULL, HVO_NUMA_NO_NODE,
	    (enum hvo_memblock_flags)(HVO_MEMBLOCK_HOTPLUG |
				      HVO_MEMBLOCK_DRIVER_MANAGED)};
}

static inline struct hvo_memblock_select
hvo_memblock_select_reserved(const struct hvo_memblock *mb)
{
	return (struct hvo_memblock_select){
	    &mb->reserved, NULL, HVO_NUMA_NO_NODE, HVO_MEMBLOCK_NONE};
}

/* Free memory: in `memory` and not in `reserved`. */
static inline bool hvo_memblock_next_free_range(const struct hvo_memblock *mb,
						uint64_t *cursor, int nid,
						enum hvo_memblock_flags flags,
						hvo_phys_t *start,
						hvo_phys_t *end, int *out_nid)
{
	struct hvo_memblock_select select =
	    hvo_memblock_select_free(mb, nid, flags);

	return hvo_memblock_next_range(mb, cursor, &select, start, end,
				       out_nid);
}

static inline bool hvo_memblock_next_free_range_rev(
    const struct hvo_memblock *mb, uint64_t *cursor, int nid,
    enum hvo_memblock_flags flags, hvo_phys_t *start, hvo_phys_t *end,
    int *out_nid)
{
	struct hvo_memblock_select select =
	    hvo_memblock_select_free(mb, nid, flags);

	return hvo_memblock_next_range_rev(mb, cursor, &select, start, end,
					   out_nid);
}

/* Memory, whether free or not. */
static inline bool hvo_memblock_next_mem_range(const struct hvo_memblock *mb,
					       uint64_t *cursor,
					       hvo_phys_t *start,
					       hvo_phys_t *end)
{
	struct hvo_memblock_select select = hvo_memblock_select_memory(mb);

	return hvo_memblock_next_range(mb, cursor, &select, start, end, NULL);
}

static inline bool
hvo_memblock_next_mem_range_rev(const struct hvo_memblock *mb, uint64_t *cursor,
				hvo_phys_t *start, hvo_phys_t *end)
{
	struct hvo_memblock_select select = hvo_memblock_select_memory(mb);

	return hvo_memblock_next_range_rev(mb, cursor, &select, start, end,
					   NULL);
}

static inline bool
hvo_memblock_next_reserved_range(const struct hvo_memblock *mb,
				 uint64_t *cursor, hvo_phys_t *start,
				 hvo_phys_t *end)
{
	struct hvo_memblock_select select = hvo_memblock_select_reserved(mb);

	return hvo_memblock_next_range(mb, cursor, &select, start, end, NULL);
}

/*
 * Whole pages of each memory region of a node, whatever its flags, as pfns.
 * This cursor is an int, -1 before the first step and after the last.
 */
bool hvo_memblock_next_mem_pfn_range(const struct hvo_memblock *mb, int *cursor,
				     int nid, hvo_pfn_t *start, hvo_pfn_t *end,
				     int *out_nid);

/*
 * Loops over these: i is the cursor (uint64_t; int for pfn_range), the others
 * as above. After a loop that ran to its end i is HVO_MEMBLOCK_END (-1).
 */
#define hvo_memblock_for_each_free_range(mb, i, nid, flags, start, end, out)   \
	for ((i) = 0; hvo_memblock_next_free_range(mb, &(i), nid, flags,       \
						   start, end, out);)

#define hvo_memblock_for_each_free_range_rev(mb, i, nid, flags, start, end,    \
					     out)                              \
	for ((i) = HVO_MEMBLOCK_END; hvo_memblock_next_free_range_rev(         \
		 mb, &(i), nid, flags, start, end, out);)

#define hvo_memblock_for_each_mem_range(mb, i, start, end)                     \
	for ((i) = 0; hvo_memblock_next_mem_range(mb, &(i), start, end);)

#define hvo_memblock_for_each_mem_range_rev(mb, i, start, end)                 \
	for ((i) = HVO_MEMBLOCK_END;                                           \
	     hvo_memblock_next_mem_range_rev(mb, &(i), start, end);)

#define hvo_memblock_for_each_reserved_range(mb, i, start, end)                \
	for ((i) = 0; hvo_memblock_next_reserved_range(mb, &(i), start, end);)

#define hvo_memblock_for_each_mem_pfn_range(mb, i, nid, start, end, out)       \
	for ((i) = -1;                                                         \
	     hvo_memblock_next_mem_pfn_range(mb, &(i), nid, start, end, out);)

/* Regions themselves, r being a const struct hvo_memblock_region *. */
#define hvo_memblock_for_each_region(type, r)                                  \
	for ((r) = (type)->regions; (r) < (type)->regions + (type)->cnt; (r)++)

#endif
