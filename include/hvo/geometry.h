/* SPDX-License-Identifier: MIT */
/*
 * Arithmetic of descriptors: how many pages they fill, from which order a
 * folio can be optimized, what a tail holds and how it leads to its head.
 * Pure functions of the base page's size and the record's.
 *
 * Records need not divide a page. The tail pages of a folio then repeat with
 * a period of G = record / gcd(record, page) pages, so the shared tail is a
 * group of G pages. Where the record's size is a power of two, G is 1.
 */
#ifndef HVO_GEOMETRY_H
#define HVO_GEOMETRY_H

#include <stdbool.h>
#include "hvo/types.h"

#define HVO_PAGE_SHIFT_MIN  12 /* 4 KiB */
#define HVO_PAGE_SHIFT_MAX  16 /* 64 KiB */
#define HVO_RECORD_MIN      8  /* bytes; a record is a multiple of it */
#define HVO_RECORD_MAX      512
#define HVO_MAX_FOLIO_SHIFT 34 /* the largest folio: 16 GiB */

struct hvo_geometry {
	uint32_t record;    /* bytes of one descriptor */
	uint8_t page_shift; /* of the base page */
	uint8_t unit_order; /* smallest range whose records fill whole pages */
	uint8_t min_order;  /* OPTIMIZABLE_FOLIO_MIN_ORDER */
	uint8_t max_order;  /* MAX_FOLIO_ORDER */
	uint32_t group;     /* G: pages after which tail pages repeat */
};

/*
 * Fill in *g. Returns 0, -HVO_EPAGE (page size other than 2^12 to 2^16) or
 * -HVO_ERECORD (not a multiple of 8 from 8 to 512). When even the largest
 * folio's descriptors do not fill two whole pages, min_order exceeds
 * max_order: memory can be described, nothing can be optimized.
 */
int hvo_geometry_init(struct hvo_geometry *g, unsigned page_shift,
		      size_t record);

static inline uint64_t hvo_page_size(const struct hvo_geometry *g)
{
	return UINT64_C(1) << g->page_shift;
}

/* Bytes that the descriptors of 2^order base pages take. */
static inline uint64_t hvo_folio_bytes(const struct hvo_geometry *g,
				       unsigned order)
{
	return (uint64_t)g->record << order;
}

/*
 * Vmemmap pages that the descriptors of a folio fill; exact from unit_order
 * on, which every order from min_order on is.
 */
static inline uint64_t hvo_folio_pages(const struct hvo_geometry *g,
				       unsigned order)
{
	return hvo_folio_bytes(g, order) >> g->page_shift;
}

/* A folio of this order can be optimized. */
static inline bool hvo_order_optimizable(const struct hvo_geometry *g,
					 unsigned order)
{
	return order >= g->min_order && order <= g->max_order;
}

/* What the base address of a memory map must be a multiple of. */
static inline uint64_t hvo_base_alignment(const struct hvo_geometry *g)
{
	return (uint64_t)g->record << g->max_order;
}

static inline bool hvo_is_power_of_2(uint64_t n)
{
	return n && !(n & (n - 1));
}

/*
 * The word of a tail that leads to its head, bit 0 set. With a record whose
 * size is a power of two it is the mask that takes a tail's address to its
 * head's; with others it holds the order. Either way it depends on nothing
 * but the order, so all tails of an order are the same bytes.
 */
static inline uint64_t hvo_compound_info(uint64_t record, unsigned order)
{
	if (hvo_is_power_of_2(record))
		return ~((record << order) - 1) | 1;
	return (uint64_t)order << 1 | 1;
}

/*
 * The address of the head of the folio that the descriptor at `address`, with
 * the word `info`, belongs to; `address` itself when it is no tail. No
 * branch on info. Needs no base address: a memory map's base is a multiple of
 * the largest folio's descriptors, so a head lies at a multiple of its own.
 */
static inline uintptr_t hvo_head_address(uint64_t record, uintptr_t address,
					 uint64_t info)
{
	uint64_t tail = info & 1;

	if (hvo_is_power_of_2(record))
		return address & (uintptr_t)(info | (tail - 1));

	uint64_t order = (info >> 1) & 63 & (0 - tail);

	return (uintptr_t)((address / record >> order << order) * record);
}

#endif
