/* SPDX-License-Identifier: MIT */
/* Sizes and orders that follow from the base page's and the record's size. */

#include "hvo/error.h"
#include "hvo/geometry.h"

/* The largest power of two that divides n; n is not 0. */
static uint32_t power_of_2_in(uint32_t n)
{
	return n & (0 - n);
}

int hvo_geometry_init(struct hvo_geometry *g, unsigned page_shift,
		      size_t record)
{
	if (page_shift < HVO_PAGE_SHIFT_MIN || page_shift > HVO_PAGE_SHIFT_MAX)
		return -HVO_EPAGE;
	if (record < HVO_RECORD_MIN || record > HVO_RECORD_MAX ||
	    record % HVO_RECORD_MIN)
		return -HVO_ERECORD;

	uint32_t common = power_of_2_in((uint32_t)record); /* gcd with a page */
	unsigned unit = 0;

	while (common << unit < 1u << page_shift)
		unit++;
	*g = (struct hvo_geometry){
	    .record = (uint32_t)record,
	    .page_shift = (uint8_t)page_shift,
	    .unit_order = (uint8_t)unit,
	    .max_order = (uint8_t)(HVO_MAX_FOLIO_SHIFT - page_shift),
	    .group = (uint32_t)record / common,
	};
	/* One page of descriptors leaves nothing to share. */
	g->min_order =
	    (uint8_t)(hvo_folio_pages(g, unit) >= 2 ? unit : unit + 1);
	return 0;
}
