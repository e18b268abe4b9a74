/* SPDX-License-Identifier: MIT */
/*
 * Descriptors come and go.
 *
 *   absent -> full:          no translation -> own frame each, writable
 *   absent -> optimized(k):  no translation -> page 0 of each folio its own
 *                            frame, writable; all others the shared tails,
 *                            read-only
 *   any -> absent:           whatever -> no translation
 *
 * Nobody reads a range before it is published and after it was left, so
 * translations appear and disappear here without regard for readers, except
 * that one flush comes before publishing (an absence may be cached) and one
 * before frames are freed.
 */

#include "engine.h"

/* ---- going -------------------------------------------------------------- */

/* What leaves in one step: base pages, and what the counters lose. */
struct leaving {
	uint64_t count;
	uint64_t owned;
	uint64_t hosted;
};

/* Base pages of what begins at this unit: a folio, or the unit alone. */
static uint64_t item_count(const struct hvo_vmemmap *map, uint16_t unit)
{
	return UINT64_C(1) << (unit & UNIT_OPTIMIZED
				   ? unit & UNIT_ORDER
				   : map->geometry.unit_order);
}

/*
 * Collect the frames of folios and units from pfn on, as many as the workspace
 * remembers; at least one, or -HVO_EWORK.
 */
static int collect_leaving(struct hvo_vmemmap *map, struct hvo_work *work,
			   hvo_pfn_t pfn, hvo_pfn_t end, struct leaving *step)
{
	*step = (struct leaving){0};
	work->used = 0;
	while (pfn + step->count < end) {
		uint16_t unit = hvo_unit(map, pfn + step->count);
		uint64_t page = hvo_pfn_page(map, pfn + step->count);
		uint64_t own = unit & UNIT_OPTIMIZED ? 1 : map->unit_pages;
		int err = hvo_work_collect(map, work, page, own);

		if (err)
			return step->count ? 0 : err;
		step->count += item_count(map, unit);
		step->owned += own;
		step->hosted += hvo_hosted_pages(map, page, own);
	}
	return 0;
}

/* Folios that are gone lead to shared tails no more. */
static void leave_tails(struct hvo_vmemmap *map, hvo_pfn_t pfn, hvo_pfn_t end)
{
	while (pfn < end) {
		uint16_t unit = hvo_unit(map, pfn);
		unsigned order = unit & UNIT_ORDER;

		if (unit & UNIT_OPTIMIZED) {
			hvo_uncount(&map->counters.folios[order], 1);
			hvo_tails_use(map, hvo_unit_domain(unit), order,
				      0 - UINT64_C(1), false);
		}
		pfn += item_count(map, unit);
	}
}

/* Does a folio, of this unit beside it, reach over the boundary before pfn? */
static bool cuts_folio(uint16_t unit, hvo_pfn_t pfn)
{
	return unit & UNIT_OPTIMIZED &&
	       pfn & ((UINT64_C(1) << (unit & UNIT_ORDER)) - 1);
}

/*
 * A block that reaches over the boundary before a page becomes base pages;
 * `inside` is the page beside it that leaves.
 */
static int split_edge(struct hvo_vmemmap *map, uint64_t boundary,
		      uint64_t inside)
{
	struct hvo_port *port = map->config.port;
	uint64_t bytes = (uint64_t)map->traits->block_pages
			 << map->geometry.page_shift;
	void *address = hvo_page_address(map, inside);

	if (!bytes || (uintptr_t)hvo_page_address(map, boundary) % bytes == 0 ||
	    !hvo_port_translate(port, address).block)
		return 0;
	return hvo_port_split(port, address, 1);
}

/* Blocks that stick out of a range at either end become base pages. */
static int split_edges(struct hvo_vmemmap *map, uint64_t page, uint64_t end)
{
	int err = split_edge(map, page, page);

	return err ? err : split_edge(map, end, end - 1);
}

/* One step: its pages are unmapped, their frames freed. */
static int leave(struct hvo_vmemmap *map, struct hvo_work *work, hvo_pfn_t pfn,
		 const struct leaving *step)
{
	struct hvo_counters *c = &map->counters;
	uint64_t page = hvo_pfn_page(map, pfn);
	uint64_t end = hvo_pfn_page(map, pfn + step->count);
	/* A step that a small workspace cut short may end in a block. */
	int err = split_edges(map, page, end);

	if (!err)
		err = hvo_port_unmap(map->config.port,
				     hvo_page_address(map, page), end - page,
				     HVO_MAY_FAIL);
	if (err)
		return err;
	hvo_flush_pages(map, page, end - page);
	hvo_work_free(map, work, 0, step->owned - step->hosted);
	leave_tails(map, pfn, pfn + step->count);
	hvo_settle(map, pfn, step->count, 0);
	hvo_uncount(&c->pages_present, end - page);
	hvo_uncount(&c->pages_optimized, end - page - step->owned);
	hvo_uncount(&c->frames_owned, step->owned);
	hvo_uncount(&c->frames_hosted, step->hosted);
	return 0;
}

/* Step by step, as far as it goes; *at moves to what has not left. */
static int leave_all(struct hvo_vmemmap *map, struct hvo_work *work,
		     hvo_pfn_t *at, hvo_pfn_t end)
{
	int err;

	if (cuts_folio(hvo_unit(map, *at), *at) ||
	    cuts_folio(hvo_unit(map, end - 1), end))
		return -HVO_ESTATE;
	err = split_edges(map, hvo_pfn_page(map, *at), hvo_pfn_page(map, end));
	if (err)
		return err;
	hvo_grace(map);
	while (*at < end) {
		struct leaving step;

		err = collect_leaving(map, work, *at, end, &step);
		if (!err)
			err = leave(map, work, *at, &step);
		if (err)
			return err;
		*at += step.count;
	}
	return 0;
}

int hvo_vmemmap_depopulate(struct hvo_vmemmap *map, hvo_pfn_t pfn,
			   uint64_t count, struct hvo_work *work,
			   uint64_t *done)
{
	hvo_pfn_t at = pfn;
	unsigned domain;
	int err = hvo_claim(map, pfn, count, map->geometry.unit_order,
			    UNIT_PRESENT | UNIT_LEAVING, &domain);

	if (!err) {
		err = leave_all(map, work, &at, pfn + count);
		hvo_release(map, at, pfn + count - at);
	}
	work->used = 0;
	if (done)
		*done = at - pfn;
	return err;
}

/* Undo mapping: n writable pages from page on, none shared, not published. */
static void unpopulate(struct hvo_vmemmap *map, uint64_t page, uint64_t n)
{
	struct hvo_port *port = map->config.port;

	for (uint64_t end = page + n; page < end;) {
		void *address = hvo_page_address(map, page);
		struct hvo_run run = hvo_port_frames(port, address, end - page);

		hvo_port_unmap(port, address, run.count, HVO_MUST);
		hvo_flush_pages(map, page, run.count);
		hvo_frames_free(map, run);
		page += run.count;
	}
}

/* ---- coming: full ------------------------------------------------------- */

/* Claim a range where there is nothing, for a domain that there is. */
static int claim_absent(struct hvo_vmemmap *map, hvo_pfn_t pfn, uint64_t count,
			unsigned order, unsigned domain,
			const struct hvo_work *work)
{
	unsigned none;

	if (domain >= map->config.domains)
		return -HVO_EDOMAIN;
	if (!work->capacity)
		return -HVO_EWORK;
	return hvo_claim(map, pfn, count, order, 0, &none);
}

/* Pages from `page` on up to the next place where a block can begin. */
static uint64_t until_block(const struct hvo_vmemmap *map, uint64_t page)
{
	uint64_t pages = map->traits->block_pages;
	uint64_t number =
	    (uintptr_t)hvo_page_address(map, page) >> map->geometry.page_shift;

	return pages - number % pages;
}

/* Frames for some pages from page on, at most left; *block: for a block. */
static int alloc_some(struct hvo_vmemmap *map, uint64_t page, uint64_t left,
		      unsigned domain, bool *block, struct hvo_run *run)
{
	struct hvo_frames *frames = &map->config.frames;
	struct hvo_frame_request request = {
	    .count = left,
	    .home = page,
	    .domain = domain,
	    .zero = true,
	};

	if (*block) {
		uint64_t pages = map->traits->block_pages;
		uint64_t until = until_block(map, page);

		if (until < left)
			request.count = until;
		request.least = request.align = pages;
		if (request.count == pages &&
		    !frames->alloc(frames->ctx, &request, run))
			return 0;
		*block = false;
	}
	request.least = request.align = 1;
	return frames->alloc(frames->ctx, &request, run);
}

/*
 * Give some pages from page on, at most left, frames of fresh records.
 * *mapped says how many.
 */
static int populate_some(struct hvo_vmemmap *map, struct hvo_work *work,
			 uint64_t page, uint64_t left, unsigned domain,
			 bool blocks, uint64_t *mapped)
{
	bool block = blocks && map->traits->block_pages;
	struct hvo_run run;
	int err = alloc_some(map, page, left, domain, &block, &run);

	if (err)
		return err;
	for (uint64_t i = 0; i < run.count; i++)
		hvo_write_fresh(map, work, page + i,
				hvo_frame_add(run.first, i), domain);
	err = hvo_port_map(map->config.port, hvo_page_address(map, page),
			   run.count, run, HVO_PROT_WRITE, block);
	if (err)
		hvo_frames_free(map, run);
	else
		*mapped += run.count;
	return err;
}

int hvo_vmemmap_populate(struct hvo_vmemmap *map, hvo_pfn_t pfn, uint64_t count,
			 unsigned domain, bool blocks, struct hvo_work *work)
{
	uint16_t unit = UNIT_PRESENT | (uint16_t)(domain << UNIT_DOMAIN_SHIFT);
	int err = claim_absent(map, pfn, count, map->geometry.unit_order,
			       domain, work);

	if (err)
		return err;

	uint64_t page = hvo_pfn_page(map, pfn);
	uint64_t pages = hvo_pfn_page(map, pfn + count) - page;
	uint64_t at = 0;

	while (at < pages && !err)
		err = populate_some(map, work, page + at, pages - at, domain,
				    blocks, &at);
	if (err) {
		unpopulate(map, page, at);
		hvo_settle(map, pfn, count, 0);
		return err;
	}
	hvo_flush_pages(map, page, pages);
	hvo_count(&map->counters.pages_present, pages);
	hvo_count(&map->counters.frames_owned, pages);
	hvo_settle(map, pfn, count, unit);
	return 0;
}

/* ---- coming: optimized -------------------------------------------------- */

/* Map one folio's page 0 to a frame of its own, the others to the tails. */
static int populate_folio(struct hvo_vmemmap *map, struct hvo_work *work,
			  hvo_pfn_t pfn, unsigned order, unsigned domain,
			  struct hvo_run tails)
{
	struct hvo_port *port = map->config.port;
	uint64_t page = hvo_pfn_page(map, pfn);
	struct hvo_run head;
	int err = hvo_frames_alloc(map, page, 1, 1, domain, &head);

	if (err)
		return err;
	hvo_head_bytes(map, work, head.first, pfn, order, domain, HVO_WRITE);
	err = hvo_port_map(port, hvo_page_address(map, page), 1, head,
			   HVO_PROT_WRITE, false);
	if (err) {
		hvo_frames_free(map, head);
		return err;
	}
	err = hvo_port_map(port, hvo_page_address(map, page + 1),
			   hvo_folio_pages(&map->geometry, order) - 1, tails,
			   HVO_PROT_READ, false);
	if (err)
		unpopulate(map, page, 1);
	return err;
}

/*
 * Populate folios one after the other; nothing is freed on the way, so one
 * flush at the end serves all. *at base pages have been done.
 */
static int populate_folios(struct hvo_vmemmap *map, struct hvo_work *work,
			   hvo_pfn_t pfn, uint64_t count, unsigned order,
			   unsigned domain, uint64_t *at)
{
	struct hvo_run tails;
	bool made;
	int err = hvo_tails_get(map, work, domain, order, &tails, &made);

	if (err)
		return err;
	while (*at < count && !err) {
		err =
		    populate_folio(map, work, pfn + *at, order, domain, tails);
		if (!err)
			*at += UINT64_C(1) << order;
	}
	/* They have one user so far. */
	hvo_tails_use(map, domain, order, (*at >> order) - 1, made);
	return err;
}

int hvo_vmemmap_populate_optimized(struct hvo_vmemmap *map, hvo_pfn_t pfn,
				   uint64_t count, unsigned order,
				   unsigned domain, struct hvo_work *work,
				   uint64_t *done)
{
	struct hvo_counters *c = &map->counters;
	uint16_t unit = UNIT_PRESENT | UNIT_OPTIMIZED | (uint16_t)order |
			(uint16_t)(domain << UNIT_DOMAIN_SHIFT);
	uint64_t at = 0;
	int err = -HVO_EORDER;

	if (done)
		*done = 0;
	if (hvo_order_optimizable(&map->geometry, order))
		err = claim_absent(map, pfn, count, order, domain, work);
	if (err)
		return err;
	err = populate_folios(map, work, pfn, count, order, domain, &at);

	uint64_t page = hvo_pfn_page(map, pfn);
	uint64_t pages = hvo_pfn_page(map, pfn + at) - page;
	uint64_t folios = at >> order;

	if (folios)
		hvo_flush_pages(map, page, pages);
	hvo_count(&c->pages_present, pages);
	hvo_count(&c->pages_optimized, pages - folios);
	hvo_count(&c->frames_owned, folios);
	hvo_count(&c->folios[order], folios);
	hvo_settle(map, pfn, at, unit);
	hvo_settle(map, pfn + at, count - at, 0);
	if (done)
		*done = at;
	return err;
}
