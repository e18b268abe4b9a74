/* SPDX-License-Identifier: MIT */
/*
 * Our own struct page: one descriptor for each base page, and what is done
 * with it without a lock.
 *
 * HVO_PAGE_BYTES chooses the size: 64 by default, any multiple of 8 from 32 to
 * 512; with a power of two the way to the head is a mask, otherwise a
 * multiplication and a shift. All files of a program must agree on it.
 *
 * Protection: (a) atomic, any CPU at any moment; (o) the owner of the page,
 * which is whoever brought its count to zero, or who allocated it.
 *
 * The count: 0 means frozen or free, and nobody but the owner may write to the
 * descriptor. hvo_page_try_get() is how a stranger takes a reference; it must
 * sit in a read-side section of the port, since the descriptor of a page whose
 * count is zero may become read-only after the next grace period.
 */
#ifndef HVO_PAGE_H
#define HVO_PAGE_H

#include <stdatomic.h>
#include <stdbool.h>
#include "hvo/geometry.h"
#include "hvo/vmemmap.h"

#ifndef HVO_PAGE_BYTES
#define HVO_PAGE_BYTES 64
#endif

struct hvo_page {
	_Atomic uint64_t flags; /* (a) HVO_PAGE_*, domain in the top byte */
	/* (a) bit 0 set: a tail, see hvo_compound_info(); else the owner's,
	 * which may keep a pointer or anything with bit 0 clear here. */
	_Atomic uint64_t compound_info;
	uint64_t data;             /* (o) */
	_Atomic uint32_t refcount; /* (a) */
	uint32_t order;            /* (o) of the folio, in its head */
#if HVO_PAGE_BYTES > 32
	uint64_t owner[(HVO_PAGE_BYTES - 32) / 8]; /* (o) */
#endif
};

_Static_assert(sizeof(struct hvo_page) == HVO_PAGE_BYTES,
	       "a byte more costs 256 MiB per TiB of memory");
_Static_assert(HVO_PAGE_BYTES % 8 == 0 && HVO_PAGE_BYTES >= 32 &&
		   HVO_PAGE_BYTES <= HVO_RECORD_MAX,
	       "HVO_PAGE_BYTES is a multiple of 8 from 32 to 512");
_Static_assert(offsetof(struct hvo_page, compound_info) == 8,
	       "tools that read memory images look for it there");

/*
 * Those from RESERVED on say who has a base page, for the memory manager: at
 * most one of them is set. With FREE, CACHE, FOLIO and ISOLATED it is set in
 * the first page of a block, and speaks for the 2^order pages of it.
 */
enum hvo_page_flag {
	HVO_PAGE_HEAD = 1 << 0,      /* first page of a folio of order > 0 */
	HVO_PAGE_POISON = 1 << 1,    /* the hardware reported it as bad */
	HVO_PAGE_RECORDS = 1 << 2,   /* head: bad tails recorded beside it */
	HVO_PAGE_COMMIT = 1 << 3,    /* head: the folio's pages are backed */
	HVO_PAGE_DEFERRED = 1 << 4,  /* head: freed, not restored yet */
	HVO_PAGE_RESERVED = 1 << 8,  /* not the allocator's to give */
	HVO_PAGE_FREE = 1 << 9,      /* a block in a zone's free areas */
	HVO_PAGE_CACHE = 1 << 10,    /* a block in a CPU's cache */
	HVO_PAGE_FOLIO = 1 << 11,    /* a folio of any order */
	HVO_PAGE_ISOLATED = 1 << 12, /* a block of an isolated range */
	HVO_PAGE_VMEMMAP = 1 << 13,  /* holds descriptors */
	HVO_PAGE_BOOT = 1 << 14,     /* likewise, since before the buddy */
	HVO_PAGE_ALTMAP = 1 << 15,   /* likewise, or set aside for it */
	HVO_PAGE_HOST = 1 << 16,     /* likewise, of the folio it was part of */
	HVO_PAGE_RETIRED = 1 << 17,  /* bad, and in nothing else */
};

#define HVO_PAGE_DOMAIN_SHIFT 56

/* The record of this struct page, for hvo_vmemmap_config. */
struct hvo_record hvo_page_record(void);

static inline unsigned hvo_page_domain(const struct hvo_page *page)
{
	return (unsigned)(atomic_load_explicit(&page->flags,
					       memory_order_relaxed) >>
			  HVO_PAGE_DOMAIN_SHIFT);
}

/*
 * The head of the folio that page belongs to; page itself when it is a head
 * or in no folio. One load and no branch. Any CPU, any moment; what it
 * returns stays true only while the caller keeps the folio from changing.
 */
static inline struct hvo_page *hvo_compound_head(const struct hvo_page *page)
{
	uint64_t info =
	    atomic_load_explicit(&page->compound_info, memory_order_relaxed);

	return (struct hvo_page *)hvo_head_address(HVO_PAGE_BYTES,
						   (uintptr_t)page, info);
}

static inline bool hvo_page_is_tail(const struct hvo_page *page)
{
	return atomic_load_explicit(&page->compound_info,
				    memory_order_relaxed) &
	       1;
}

static inline bool hvo_page_is_head(const struct hvo_page *page)
{
	return atomic_load_explicit(&page->flags, memory_order_relaxed) &
	       HVO_PAGE_HEAD;
}

/* The order of the folio a page belongs to; 0 when it is in none. */
static inline unsigned hvo_compound_order(const struct hvo_page *page)
{
	const struct hvo_page *head = hvo_compound_head(page);

	return hvo_page_is_head(head) ? head->order : 0;
}

/*
 * Make the head of a folio: the caller owns all its pages, and its tails are
 * tails already (optimized from the start, split) or follow.
 */
static inline void hvo_prep_compound_head(struct hvo_page *page, unsigned order)
{
	page->order = order;
	atomic_fetch_or_explicit(&page->flags, HVO_PAGE_HEAD,
				 memory_order_release);
}

/* Undo hvo_prep_compound_head(): the record is fresh again. */
static inline void hvo_destroy_compound_head(struct hvo_page *page)
{
	page->order = 0;
	atomic_fetch_and_explicit(&page->flags, ~(uint64_t)HVO_PAGE_HEAD,
				  memory_order_release);
}

/*
 * Make 2^order pages from page on, all owned by the caller, all writable and
 * in no folio, one folio: what hvo_vmemmap_optimize() accepts. Readers of a
 * tail see it lead to itself or to the head. O(2^order).
 */
static inline void hvo_prep_compound_page(struct hvo_page *page, unsigned order)
{
	uint64_t info = hvo_compound_info(HVO_PAGE_BYTES, order);

	hvo_prep_compound_head(page, order);
	for (uint64_t i = 1; i < UINT64_C(1) << order; i++)
		atomic_store_explicit(&page[i].compound_info, info,
				      memory_order_release);
}

/*
 * The reverse, for a folio whose descriptors are all writable (full): its
 * pages are fresh, as far as prep changed them. O(2^order).
 */
static inline void hvo_destroy_compound_page(struct hvo_page *page)
{
	uint64_t pages = UINT64_C(1) << page->order;

	for (uint64_t i = 1; i < pages; i++)
		atomic_store_explicit(&page[i].compound_info, 0,
				      memory_order_release);
	hvo_destroy_compound_head(page);
}

/* Give an owned page (count 0) its first count references. */
static inline void hvo_page_set_count(struct hvo_page *page, uint32_t count)
{
	atomic_store_explicit(&page->refcount, count, memory_order_release);
}

static inline uint32_t hvo_page_count(const struct hvo_page *page)
{
	return atomic_load_explicit(&page->refcount, memory_order_relaxed);
}

/*
 * Take a reference unless the count is zero; true when taken. Writes only to
 * pages whose count it saw non-zero. Inside a read-side section.
 */
static inline bool hvo_page_try_get(struct hvo_page *page)
{
	uint32_t count = hvo_page_count(page);

	while (count)
		if (atomic_compare_exchange_weak_explicit(
			&page->refcount, &count, count + 1,
			memory_order_acquire, memory_order_relaxed))
			return true;
	return false;
}

/* Drop a reference; true when it was the last: the page is the caller's. */
static inline bool hvo_page_put(struct hvo_page *page)
{
	return atomic_fetch_sub_explicit(&page->refcount, 1,
					 memory_order_acq_rel) == 1;
}

/*
 * Become the owner of a page on which the caller holds exactly `expected`
 * references and nobody else any: its count goes to zero. False, and nothing
 * changed, when somebody else does hold one.
 */
static inline bool hvo_page_freeze(struct hvo_page *page, uint32_t expected)
{
	return atomic_compare_exchange_strong_explicit(
	    &page->refcount, &expected, 0, memory_order_acq_rel,
	    memory_order_relaxed);
}

/* End a freeze: give the page `count` references and the world access. */
static inline void hvo_page_unfreeze(struct hvo_page *page, uint32_t count)
{
	hvo_page_set_count(page, count);
}

#endif
