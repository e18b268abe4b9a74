/* SPDX-License-Identifier: MIT */
/*
 * Contiguous areas before and after: reserved in memblock, made active once
 * there is a manager, given to the zones at the end; and their check.
 */

#include "hvo/cma.h"
#include "hvo/contig.h"
#include "hvo/memblock.h"
#include "internal.h"

int hvo_cma_reserve(struct hvo_cma *cma, struct hvo_memblock *memblock,
		    unsigned node, uint64_t pages, unsigned order,
		    unsigned unit_order)
{
	unsigned shift = memblock->page_shift;
	hvo_phys_t phys;

	if (order + shift > HVO_MAX_FOLIO_SHIFT || unit_order > order)
		return -HVO_EORDER;
	if (!pages || pages >> (64 - shift))
		return -HVO_ERANGE;
	if (pages & (hvo_pages(order) - 1))
		return -HVO_EALIGN;
	phys = hvo_memblock_alloc_range_nid(
	    memblock, pages << shift, hvo_pages(order) << shift, 0,
	    HVO_MEMBLOCK_ACCESSIBLE, (int)node, true);
	if (!phys)
		return -HVO_ENOMEM;
	*cma = (struct hvo_cma){
	    .pfn = phys >> shift,
	    .pages = pages,
	    .unit_order = unit_order,
	    .node = node,
	    .boot = (phys >> shift) + pages,
	};
	return 0;
}

int hvo_cma_boot_take(struct hvo_cma *cma, unsigned order, hvo_pfn_t *pfn)
{
	uint64_t size = hvo_pages(order);

	if (order < cma->unit_order)
		return -HVO_EORDER;
	if (size > cma->boot - cma->pfn ||
	    ((cma->boot - size) & ~(size - 1)) < cma->pfn)
		return -HVO_ENOMEM;
	cma->boot = (cma->boot - size) & ~(size - 1);
	*pfn = cma->boot;
	return 0;
}

size_t hvo_cma_size(const struct hvo_cma *cma)
{
	return (size_t)(cma->pages >> cma->unit_order);
}

/* ---- beginning and end ---------------------------------------------- */

static bool all_reserved(const struct hvo_mm *mm, hvo_pfn_t pfn, hvo_pfn_t end)
{
	for (; pfn < end; pfn++)
		if (!(hvo_page_flags(hvo_page_at(mm, pfn)) & HVO_PAGE_RESERVED))
			return false;
	return true;
}

/* Reserved pages of one zone become isolated ones. */
static void isolate_reserved(struct hvo_mm *mm, hvo_pfn_t pfn, hvo_pfn_t end)
{
	struct hvo_zone *zone = hvo_zone_of(mm, pfn);

	hvo_mm_lock(mm, &zone->lock);
	for (hvo_pfn_t at = pfn; at < end; at++)
		hvo_page_reset(hvo_page_at(mm, at), zone->domain);
	hvo_contig_mark(mm, pfn, end);
	hvo_account(zone, HVO_OWNER_RESERVED, HVO_OWNER_ISOLATED, end - pfn);
	hvo_mm_unlock(&zone->lock);
}

/* A unit that crosses zones is no area's: its pages are the zones'. */
static void give_reserved(struct hvo_mm *mm, hvo_pfn_t pfn, hvo_pfn_t end)
{
	uint64_t step = hvo_pages(mm->sparse.subsection_order);

	for (; pfn < end; pfn += step) {
		isolate_reserved(mm, pfn, pfn + step);
		hvo_contig_release(mm, pfn, step);
	}
}

static unsigned activate_unit(struct hvo_mm *mm, hvo_pfn_t pfn, hvo_pfn_t end)
{
	const struct hvo_page *head = hvo_compound_head(hvo_page_at(mm, pfn));

	if (hvo_page_flags(head) & HVO_PAGE_FOLIO)
		return HVO_CMA_USED;
	if (!all_reserved(mm, pfn, end))
		return HVO_CMA_GONE;
	if (hvo_range_of_zone(mm, pfn, end - pfn)) {
		give_reserved(mm, pfn, end);
		return HVO_CMA_GONE;
	}
	isolate_reserved(mm, pfn, end);
	return HVO_CMA_IDLE;
}

int hvo_cma_activate(struct hvo_cma *cma, struct hvo_mm *mm, void *memory)
{
	uint64_t size = hvo_pages(cma->unit_order);
	hvo_pfn_t end = cma->pfn + cma->pages;

	if (cma->pfn < mm->config.pfn_first || end > mm->config.pfn_end)
		return -HVO_ERANGE;
	for (hvo_pfn_t pfn = cma->pfn; pfn < end; pfn++)
		if (!hvo_sparse_present(&mm->sparse, pfn))
			return -HVO_ERANGE;
	cma->mm = mm;
	cma->unit = memory;
	for (uint64_t i = 0; i < hvo_cma_size(cma); i++) {
		hvo_pfn_t pfn = cma->pfn + i * size;
		unsigned state = activate_unit(mm, pfn, pfn + size);

		cma->unit[i] = (uint8_t)state;
		cma->count[state]++;
	}
	return 0;
}

static void give_up(struct hvo_cma *cma, uint64_t unit)
{
	hvo_pfn_t pfn = cma->pfn + (unit << cma->unit_order);
	struct hvo_page *folio = hvo_page_at(cma->mm, pfn);

	if (cma->unit[unit] == HVO_CMA_IDLE)
		hvo_contig_release(cma->mm, pfn, hvo_pages(cma->unit_order));
	else if (cma->unit[unit] == HVO_CMA_PARKED && !hvo_page_is_tail(folio))
		hvo_folio_free(cma->mm, &folio, 1, 0, NULL);
}

int hvo_cma_fini(struct hvo_cma *cma)
{
	if (cma->count[HVO_CMA_USED] || cma->count[HVO_CMA_LENT] ||
	    cma->count[HVO_CMA_BUSY])
		return -HVO_EBUSY;
	/* From the end: a parked folio's tails lead to its head till then. */
	for (uint64_t i = hvo_cma_size(cma); i-- > 0;)
		give_up(cma, i);
	for (uint64_t i = 0; i < hvo_cma_size(cma); i++)
		cma->unit[i] = HVO_CMA_GONE;
	for (unsigned s = 0; s < HVO_CMA_STATES; s++)
		cma->count[s] = 0;
	cma->count[HVO_CMA_GONE] = hvo_cma_size(cma);
	return 0;
}

/* ---- the check ------------------------------------------------------ */

static bool all_isolated(const struct hvo_mm *mm, hvo_pfn_t pfn, hvo_pfn_t end)
{
	hvo_pfn_t first;
	unsigned order;

	while (pfn < end) {
		if (!hvo_buddy_find(mm, hvo_zone_of(mm, pfn), pfn,
				    HVO_PAGE_ISOLATED, &first, &order))
			return false;
		pfn = first + hvo_pages(order);
	}
	return true;
}

/* What is wrong with a unit, or NULL. */
static const char *unit_wrong(const struct hvo_cma *cma, uint64_t unit)
{
	const struct hvo_mm *mm = cma->mm;
	hvo_pfn_t pfn = cma->pfn + (unit << cma->unit_order);
	const struct hvo_page *head = hvo_compound_head(hvo_page_at(mm, pfn));
	bool folio = (hvo_page_flags(head) &
		      (HVO_PAGE_FOLIO | HVO_PAGE_DEFERRED)) == HVO_PAGE_FOLIO;

	switch (cma->unit[unit]) {
	case HVO_CMA_IDLE:
		return all_isolated(mm, pfn, pfn + hvo_pages(cma->unit_order))
			   ? NULL
			   : "an idle unit has a page that is not isolated";
	case HVO_CMA_USED:
	case HVO_CMA_LENT:
		return folio ? NULL : "a unit that was given is in no folio";
	case HVO_CMA_PARKED:
		return folio && !hvo_page_count(head) &&
			       hvo_folio_optimized(mm, head) &&
			       !(hvo_page_flags(head) & HVO_PAGE_COMMIT)
			   ? NULL
			   : "a parked unit is in no frozen, optimized folio "
			     "without backing";
	case HVO_CMA_GONE:
		return NULL;
	default:
		return "a call has a unit, or its state is none";
	}
}

int hvo_cma_check(struct hvo_cma *cma, struct hvo_cma_finding *finding)
{
	uint64_t count[HVO_CMA_STATES] = {0};

	*finding = (struct hvo_cma_finding){0};
	for (uint64_t i = 0; i < hvo_cma_size(cma) && !finding->what; i++) {
		finding->what = unit_wrong(cma, i);
		finding->pfn = cma->pfn + (i << cma->unit_order);
		finding->state = (enum hvo_cma_state)cma->unit[i];
		if (!finding->what)
			count[cma->unit[i]]++;
	}
	for (unsigned s = 0; s < HVO_CMA_STATES && !finding->what; s++)
		if (count[s] != cma->count[s])
			*finding = (struct hvo_cma_finding){
			    .what = "a counter is not what the walk found",
			    .state = (enum hvo_cma_state)s,
			    .expected = count[s],
			    .found = cma->count[s],
			};
	return finding->what ? -HVO_ECORRUPT : 0;
}
