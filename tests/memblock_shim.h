/* SPDX-License-Identifier: MIT */
/*
 * A thin shim of names: Linux's memblock over one struct hvo_memblock, for
 * test-suites that were written for Linux's. One file of a suite says
 * DEFINE_MEMBLOCK(); all include this header in place of linux/memblock.h.
 *
 * Pointers are physical addresses, as where a suite's memory is malloc'ed and
 * given to memblock_add() by its address. A suite for a Linux before 6.16,
 * where allocations left no mark on what they reserved, sets
 * memblock.plain_alloc first.
 */
#ifndef MEMBLOCK_SHIM_H
#define MEMBLOCK_SHIM_H

#include <errno.h>
#include <stdio.h>

#include "hvo/memblock.h"

typedef hvo_phys_t phys_addr_t;

#define memblock_region hvo_memblock_region
#define memblock_type   hvo_memblock_type
#define memblock_flags  hvo_memblock_flags

#define MEMBLOCK_NONE           HVO_MEMBLOCK_NONE
#define MEMBLOCK_HOTPLUG        HVO_MEMBLOCK_HOTPLUG
#define MEMBLOCK_MIRROR         HVO_MEMBLOCK_MIRROR
#define MEMBLOCK_NOMAP          HVO_MEMBLOCK_NOMAP
#define MEMBLOCK_DRIVER_MANAGED HVO_MEMBLOCK_DRIVER_MANAGED
#define MEMBLOCK_RSRV_NOINIT    HVO_MEMBLOCK_RSRV_NOINIT
#define MEMBLOCK_RSRV_KERN      HVO_MEMBLOCK_RSRV_KERN

#define MEMBLOCK_ALLOC_ANYWHERE        HVO_MEMBLOCK_ANYWHERE
#define MEMBLOCK_ALLOC_ACCESSIBLE      HVO_MEMBLOCK_ACCESSIBLE
#define MEMBLOCK_ALLOC_NOLEAKTRACE     HVO_MEMBLOCK_ACCESSIBLE
#define MEMBLOCK_LOW_LIMIT             0
#define INIT_MEMBLOCK_REGIONS          HVO_MEMBLOCK_REGIONS
#define INIT_MEMBLOCK_MEMORY_REGIONS   INIT_MEMBLOCK_REGIONS
#define INIT_MEMBLOCK_RESERVED_REGIONS INIT_MEMBLOCK_REGIONS

/* What else a suite finds in other headers of Linux's, if it does not. */
#ifndef PHYS_ADDR_MAX
#define PHYS_ADDR_MAX HVO_PHYS_MAX
#endif
#ifndef NUMA_NO_NODE
#define NUMA_NO_NODE HVO_NUMA_NO_NODE
#endif
#ifndef SMP_CACHE_BYTES
#define SMP_CACHE_BYTES HVO_MEMBLOCK_ALIGN
#endif

extern struct hvo_memblock memblock;

void *memblock_shim_map(void *ctx, hvo_phys_t phys, hvo_phys_t size);

/* Linux's is initialized when the program starts; so is this. */
#define DEFINE_MEMBLOCK()                                                      \
	static struct memblock_region                                          \
	    shim_memory[INIT_MEMBLOCK_MEMORY_REGIONS];                         \
	static struct memblock_region                                          \
	    shim_reserved[INIT_MEMBLOCK_RESERVED_REGIONS];                     \
	struct hvo_memblock memblock = {                                       \
	    .current_limit = MEMBLOCK_ALLOC_ANYWHERE,                          \
	    .memory = {.max = INIT_MEMBLOCK_MEMORY_REGIONS,                    \
		       .regions = shim_memory,                                 \
		       .name = "memory"},                                      \
	    .reserved = {.max = INIT_MEMBLOCK_RESERVED_REGIONS,                \
			 .regions = shim_reserved,                             \
			 .name = "reserved"},                                  \
	    .page_shift = 12,                                                  \
	    .default_align = SMP_CACHE_BYTES,                                  \
	    .map = memblock_shim_map,                                          \
	    .initial = {shim_memory, shim_reserved},                           \
	};                                                                     \
	void *memblock_shim_map(void *ctx, hvo_phys_t phys, hvo_phys_t size)   \
	{                                                                      \
		(void)ctx;                                                     \
		(void)size;                                                    \
		return (void *)(uintptr_t)phys;                                \
	}

/* hvo's error codes are its own. */
static inline int shim_errno(int err)
{
	return err == -HVO_ENOMEM ? -ENOMEM : err;
}

static inline void *shim_pointer(phys_addr_t phys)
{
	return (void *)(uintptr_t)phys;
}

/* ---- the same call with &memblock first ------------------------------- */

/* int memblock_NAME(base, size) */
#define SHIM_CHANGE(name)                                                      \
	static inline int memblock_##name(phys_addr_t base, phys_addr_t size)  \
	{                                                                      \
		return shim_errno(hvo_memblock_##name(&memblock, base, size)); \
	}

SHIM_CHANGE(add)
SHIM_CHANGE(remove)
SHIM_CHANGE(reserve)
SHIM_CHANGE(reserve_kern)
SHIM_CHANGE(phys_free)
SHIM_CHANGE(mark_hotplug)
SHIM_CHANGE(clear_hotplug)
SHIM_CHANGE(mark_mirror)
SHIM_CHANGE(mark_nomap)
SHIM_CHANGE(clear_nomap)
SHIM_CHANGE(reserved_mark_noinit)
SHIM_CHANGE(reserved_mark_kern)
#undef SHIM_CHANGE

static inline int memblock_add_node(phys_addr_t base, phys_addr_t size, int nid,
				    enum memblock_flags flags)
{
	return shim_errno(
	    hvo_memblock_add_node(&memblock, base, size, nid, flags));
}

static inline int __memblock_reserve(phys_addr_t base, phys_addr_t size,
				     int nid, enum memblock_flags flags)
{
	return shim_errno(
	    hvo_memblock_reserve_node(&memblock, base, size, nid, flags));
}

static inline int memblock_set_node(phys_addr_t base, phys_addr_t size,
				    struct memblock_type *type, int nid)
{
	return shim_errno(
	    hvo_memblock_set_node(&memblock, base, size, type, nid));
}

static inline void memblock_free(void *ptr, size_t size)
{
	if (ptr)
		memblock_phys_free((uintptr_t)ptr, size);
}

#define memblock_allow_resize() hvo_memblock_allow_resize(&memblock)
#define memblock_set_bottom_up(enable)                                         \
	hvo_memblock_set_bottom_up(&memblock, enable)
#define memblock_bottom_up() hvo_memblock_bottom_up(&memblock)
#define memblock_set_current_limit(l)                                          \
	hvo_memblock_set_current_limit(&memblock, l)
#define memblock_get_current_limit() hvo_memblock_get_current_limit(&memblock)
#define memblock_trim_memory(align)  hvo_memblock_trim_memory(&memblock, align)
#define memblock_enforce_memory_limit(l)                                       \
	hvo_memblock_enforce_memory_limit(&memblock, l)
#define memblock_cap_memory_range(b, s)                                        \
	hvo_memblock_cap_memory_range(&memblock, b, s)
#define memblock_mem_limit_remove_map(l)                                       \
	hvo_memblock_mem_limit_remove_map(&memblock, l)

#define memblock_phys_mem_size() hvo_memblock_phys_mem_size(&memblock)
#define memblock_reserved_size() hvo_memblock_reserved_size(&memblock)
#define memblock_reserved_kern_size(l, nid)                                    \
	hvo_memblock_reserved_kern_size(&memblock, l, nid)
#define memblock_start_of_DRAM()     hvo_memblock_start_of_dram(&memblock)
#define memblock_end_of_DRAM()       hvo_memblock_end_of_dram(&memblock)
#define memblock_is_memory(addr)     hvo_memblock_is_memory(&memblock, addr)
#define memblock_is_map_memory(addr) hvo_memblock_is_map_memory(&memblock, addr)
#define memblock_is_reserved(addr)   hvo_memblock_is_reserved(&memblock, addr)
#define memblock_is_region_memory(b, s)                                        \
	hvo_memblock_is_region_memory(&memblock, b, s)
#define memblock_is_region_reserved(b, s)                                      \
	hvo_memblock_is_region_reserved(&memblock, b, s)
#define memblock_overlaps_region(type, b, s)                                   \
	hvo_memblock_overlaps_region(type, b, s)
#define memblock_search_pfn_nid(pfn, s, e)                                     \
	hvo_memblock_search_pfn_nid(&memblock, pfn, s, e)
#define memblock_validate_numa_coverage(t)                                     \
	hvo_memblock_validate_numa_coverage(&memblock, t)

static inline void memblock_shim_put(void *ctx, const char *line)
{
	(void)ctx;
	printf("# %s\n", line);
}

static inline void memblock_dump_all(void)
{
	hvo_memblock_dump(&memblock, memblock_shim_put, NULL);
}

/* ---- allocations: physical ones give addresses, others pointers ------- */

#define memblock_phys_alloc(size, align)                                       \
	hvo_memblock_phys_alloc(&memblock, size, align)
#define memblock_phys_alloc_range(size, align, start, end)                     \
	hvo_memblock_phys_alloc_range(&memblock, size, align, start, end)
#define memblock_phys_alloc_try_nid(size, align, nid)                          \
	hvo_memblock_phys_alloc_try_nid(&memblock, size, align, nid)
#define memblock_alloc_range_nid(size, align, start, end, nid, exact)          \
	hvo_memblock_alloc_range_nid(&memblock, size, align, start, end, nid,  \
				     exact)

#define memblock_alloc(size, align)                                            \
	shim_pointer(hvo_memblock_alloc(&memblock, size, align))
#define memblock_alloc_raw(size, align)                                        \
	shim_pointer(hvo_memblock_alloc_raw(&memblock, size, align))
#define memblock_alloc_from(size, align, min)                                  \
	shim_pointer(hvo_memblock_alloc_from(&memblock, size, align, min))
#define memblock_alloc_low(size, align)                                        \
	shim_pointer(hvo_memblock_alloc_low(&memblock, size, align))
#define memblock_alloc_node(size, align, nid)                                  \
	shim_pointer(hvo_memblock_alloc_node(&memblock, size, align, nid))
#define memblock_alloc_try_nid(size, align, min, max, nid)                     \
	shim_pointer(                                                          \
	    hvo_memblock_alloc_try_nid(&memblock, size, align, min, max, nid))
#define memblock_alloc_try_nid_raw(size, align, min, max, nid)                 \
	shim_pointer(hvo_memblock_alloc_try_nid_raw(&memblock, size, align,    \
						    min, max, nid))
#define memblock_alloc_exact_nid_raw(size, align, min, max, nid)               \
	shim_pointer(hvo_memblock_alloc_exact_nid_raw(&memblock, size, align,  \
						      min, max, nid))

/* ---- regions ---------------------------------------------------------- */

static inline int memblock_get_region_node(const struct memblock_region *r)
{
	return r->nid;
}

static inline void memblock_set_region_node(struct memblock_region *r, int nid)
{
	r->nid = nid;
}

#define memblock_is_hotpluggable(r) (((r)->flags & MEMBLOCK_HOTPLUG) != 0)
#define memblock_is_mirror(r)       (((r)->flags & MEMBLOCK_MIRROR) != 0)
#define memblock_is_nomap(r)        (((r)->flags & MEMBLOCK_NOMAP) != 0)
#define memblock_is_driver_managed(r)                                          \
	(((r)->flags & MEMBLOCK_DRIVER_MANAGED) != 0)
#define memblock_is_reserved_noinit(r)                                         \
	(((r)->flags & MEMBLOCK_RSRV_NOINIT) != 0)

#define memblock_region_memory_base_pfn(r)                                     \
	hvo_memblock_memory_base_pfn(&memblock, r)
#define memblock_region_memory_end_pfn(r)                                      \
	hvo_memblock_memory_end_pfn(&memblock, r)
#define memblock_region_reserved_base_pfn(r)                                   \
	hvo_memblock_reserved_base_pfn(&memblock, r)
#define memblock_region_reserved_end_pfn(r)                                    \
	hvo_memblock_reserved_end_pfn(&memblock, r)

/* ---- walks ------------------------------------------------------------ */

#define for_each_mem_region(r) hvo_memblock_for_each_region(&memblock.memory, r)
#define for_each_reserved_mem_region(r)                                        \
	hvo_memblock_for_each_region(&memblock.reserved, r)
#define for_each_mem_range(i, start, end)                                      \
	hvo_memblock_for_each_mem_range(&memblock, i, start, end)
#define for_each_mem_range_rev(i, start, end)                                  \
	hvo_memblock_for_each_mem_range_rev(&memblock, i, start, end)
#define for_each_reserved_mem_range(i, start, end)                             \
	hvo_memblock_for_each_reserved_range(&memblock, i, start, end)
#define for_each_free_mem_range(i, nid, flags, start, end, out)                \
	hvo_memblock_for_each_free_range(&memblock, i, nid, flags, start, end, \
					 out)
#define for_each_free_mem_range_reverse(i, nid, flags, start, end, out)        \
	hvo_memblock_for_each_free_range_rev(&memblock, i, nid, flags, start,  \
					     end, out)
#define for_each_mem_pfn_range(i, nid, start, end, out)                        \
	hvo_memblock_for_each_mem_pfn_range(&memblock, i, nid, start, end, out)

static inline void
__next_mem_range(uint64_t *i, int nid, enum memblock_flags flags,
		 struct memblock_type *in, struct memblock_type *not_in,
		 phys_addr_t *start, phys_addr_t *end, int *out)
{
	struct hvo_memblock_select select = {in, not_in, nid, flags};

	hvo_memblock_next_range(&memblock, i, &select, start, end, out);
}

static inline void
__next_mem_range_rev(uint64_t *i, int nid, enum memblock_flags flags,
		     struct memblock_type *in, struct memblock_type *not_in,
		     phys_addr_t *start, phys_addr_t *end, int *out)
{
	struct hvo_memblock_select select = {in, not_in, nid, flags};

	hvo_memblock_next_range_rev(&memblock, i, &select, start, end, out);
}

#define __for_each_mem_range(i, in, not_in, nid, flags, start, end, out)       \
	for ((i) = 0,                                                          \
	    __next_mem_range(&(i), nid, flags, in, not_in, start, end, out);   \
	     (i) != HVO_MEMBLOCK_END;                                          \
	     __next_mem_range(&(i), nid, flags, in, not_in, start, end, out))

#define __for_each_mem_range_rev(i, in, not_in, nid, flags, start, end, out)   \
	for ((i) = HVO_MEMBLOCK_END,                                           \
	    __next_mem_range_rev(&(i), nid, flags, in, not_in, start, end,     \
				 out);                                         \
	     (i) != HVO_MEMBLOCK_END; __next_mem_range_rev(                    \
		 &(i), nid, flags, in, not_in, start, end, out))

#endif
