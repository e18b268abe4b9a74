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

/*
 * Unmap n pages, flush, and free the frames that are in the workspace.
 */
static int drop_pages(struct hvo_vmemmap *map, struct hvo_work *work,
		      uint64_t page, uint64_t n, enum hvo_urgency urgency)
{
	int err = hvo_port_unmap(map->config.port, hvo_page_address(map, page),
				 n, urgency);

	if (err)
		return err;
	hvo_flush_pages(map, page, n);
	hvo_work_free(map, work, 0, work->used);
	work->used = 0;
	return 0;
}

/* What leaves in one step: pages, and what the counters lose. */
struct leaving {
	uint64_t units;
	uint64_t pages;
	uint64_t owned;
	uint64_t hosted;
};

/* Units of what begins at this unit: a folio, or the unit alone. */
static uint64_t item_units(const struct hvo_vmemmap *map, uint16_t unit)
{
	if (!(unit & UNIT_OPTIMIZED))
		return 1;
	return UINT64_C(1) << ((unit & UNIT_ORDER) - map->geometry.unit_order);
}

/*
 * Collect the frames of folios and units from `first` on, as many as the
 * workspace remembers; at least one, or -HVO_EWORK.
 */
static int collect_leaving(struct hvo_vmemmap *map, struct hvo_work *work,
			   uint64_t first, uint64_t end, struct leaving *step)
{
	uint64_t unit_pages = hvo_unit_pages(map);

	*step = (struct leaving){0};
	work->used = 0;
	while (first + step->units < end) {
		uint64_t at = first + step->units;
		uint16_t unit = atomic_load(&map->unit[at]);
		uint64_t units = item_units(map, unit);
		uint64_t own = unit & UNIT_OPTIMIZED ? 1 : unit_pages;
		uint64_t hosted = 0;
		int err =
		    hvo_work_collect(map, work, at * unit_pages, own, &hosted);

		if (err)
			return step->units ? 0 : err;
		step->units += units;
		step->pages += units * unit_pages;
		step->owned += own;
		step->hosted += hosted;
	}
	return 0;
}

static hvo_pfn_t unit_pfn(const struct hvo_vmemmap *map, uint64_t unit)
{
	return map->config.pfn_first + (unit << map->geometry.unit_order);
}

/* The units are gone: take them out of the table and the counters. */
static void settle_absent(struct hvo_vmemmap *map, uint64_t first,
			  const struct leaving *step)
{
	struct hvo_counters *c = &map->counters;

	for (uint64_t at = first; at < first + step->units;) {
		uint16_t unit = atomic_load(&map->unit[at]);
		uint64_t units = item_units(map, unit);

		if (unit & UNIT_OPTIMIZED) {
			unsigned order = unit & UNIT_ORDER;

			hvo_uncount(&c->folios[order], 1);
			hvo_tails_put(map, hvo_unit_domain(unit), order, 1,
				      false);
		}
		at += units;
	}
	hvo_settle(map, unit_pfn(map, first),
		   step->units << map->geometry.unit_order, 0);
	hvo_uncount(&c->pages_present, step->pages);
	hvo_uncount(&c->pages_optimized, step->pages - step->owned);
	hvo_uncount(&c->frames_owned, step->owned);
	hvo_uncount(&c->frames_hosted, step->hosted);
}

/* Do folios stick out of a range at either end? */
static bool cuts_folio(const struct hvo_vmemmap *map, uint64_t first,
		       uint64_t end)
{
	uint16_t unit = atomic_load(&map->unit[first]);
	hvo_pfn_t pfn = unit_pfn(map, first);

	if ((unit & UNIT_OPTIMIZED) &&
	    pfn & ((UINT64_C(1) << (unit & UNIT_ORDER)) - 1))
		return true;
	unit = atomic_load(&map->unit[end - 1]);
	pfn = unit_pfn(map, end);
	return (unit & UNIT_OPTIMIZED) &&
	       pfn & ((UINT64_C(1) << (unit & UNIT_ORDER)) - 1);
}

/* Claim units in whatever state, as long as they are there. */
static int claim_leaving(struct hvo_vmemmap *map, uint64_t first, uint64_t end)
{
	int err = 0;

	hvo_port_lock(map->config.port);
	for (uint64_t i = first; i < end && !err; i++) {
		uint16_t unit = atomic_load(&map->unit[i]);

		if (unit & UNIT_BUSY)
			err = -HVO_EBUSY;
		else if (!(unit & UNIT_PRESENT))
			err = -HVO_EABSENT;
	}
	if (!err && cuts_folio(map, first, end))
		err = -HVO_ESTATE;
	for (uint64_t i = first; i < end && !err; i++)
		atomic_fetch_or(&map->unit[i], UNIT_BUSY | UNIT_LEAVING);
	hvo_port_unlock(map->config.port);
	return err;
}

/* Does a block reach over the boundary before this page? */
static bool cuts_block(const struct hvo_vmemmap *map, uint64_t page)
{
	uint64_t bytes = (uint64_t)map->traits->block_pages
			 << map->geometry.page_shift;

	return bytes && (uintptr_t)hvo_page_address(map, page) % bytes;
}

/* Blocks that stick out of a range at either end become base pages. */
static int split_edges(struct hvo_vmemmap *map, uint64_t page, uint64_t n)
{
	struct hvo_port *port = map->config.port;
	void *first = hvo_page_address(map, page);
	void *last = hvo_page_address(map, page + n - 1);
	int err = 0;

	if (cuts_block(map, page) && hvo_port_translate(port, first).block)
		err = hvo_port_split(port, first, 1);
	if (!err && cuts_block(map, page + n) &&
	    hvo_port_translate(port, last).block)
		err = hvo_port_split(port, last, 1);
	return err;
}

int hvo_vmemmap_depopulate(struct hvo_vmemmap *map, hvo_pfn_t pfn,
			   uint64_t count, struct hvo_work *work,
			   uint64_t *done)
{
	unsigned unit_order = map->geometry.unit_order;
	int err = hvo_range_validate(map, pfn, count, unit_order);

	if (done)
		*done = 0;
	if (err)
		return err;

	uint64_t first = hvo_pfn_unit(map, pfn);
	uint64_t end = first + (count >> unit_order);
	uint64_t at = first;

	err = claim_leaving(map, first, end);
	if (err)
		return err;
	err = split_edges(map, first * hvo_unit_pages(map),
			  (end - first) * hvo_unit_pages(map));
	if (!err)
		hvo_grace(map);
	while (at < end && !err) {
		struct leaving step;

		err = collect_leaving(map, work, at, end, &step);
		/* A step that a small workspace cut short may end in a block.
		 */
		if (!err)
			err = split_edges(map, at * hvo_unit_pages(map),
					  step.pages);
		if (!err)
			err = drop_pages(map, work, at * hvo_unit_pages(map),
					 step.pages, HVO_MAY_FAIL);
		if (err)
			break;
		settle_absent(map, at, &step);
		at += step.units;
	}
	work->used = 0;
	if (at < end)
		hvo_release(map, unit_pfn(map, at), (end - at) << unit_order);
	if (done)
		*done = (at - first) << unit_order;
	return err;
}

/* ---- coming: full ------------------------------------------------------- */

/*
 * Undo mapping: n writable pages from page on, none shared, not published.
 * Frames in a row are freed as one run, as many as the workspace holds.
 */
static void unpopulate(struct hvo_vmemmap *map, struct hvo_work *work,
		       uint64_t page, uint64_t n)
{
	struct hvo_port *port = map->config.port;
	uint64_t end = page + n;

	while (page < end) {
		uint64_t at = page;

		work->used = 0;
		for (; at < end; at++) {
			hvo_frame_t frame =
			    hvo_port_translate(port, hvo_page_address(map, at))
				.frame;

			if (hvo_work_add(work, (struct hvo_run){frame, 1},
					 true))
				break;
		}
		drop_pages(map, work, page, at - page, HVO_MUST);
		page = at;
	}
}

/* Frames for a whole block at page; false when it is not to be had. */
static bool alloc_block(struct hvo_vmemmap *map,
			struct hvo_frame_request *request, uint64_t page,
			uint64_t left, struct hvo_run *run)
{
	uint64_t pages = map->traits->block_pages;
	uintptr_t address = (uintptr_t)hvo_page_address(map, page);

	if (!pages || left < pages ||
	    address % (pages << map->geometry.page_shift))
		return false;
	request->count = request->least = request->align = pages;
	return !map->config.frames.alloc(map->config.frames.ctx, request, run);
}

/* Pages up to the next place where a block could begin. */
static uint64_t until_block(const struct hvo_vmemmap *map, uint64_t page,
			    uint64_t left)
{
	uint64_t pages = map->traits->block_pages;

	if (!pages)
		return left;

	uint64_t number =
	    (uintptr_t)hvo_page_address(map, page) >> map->geometry.page_shift;
	uint64_t until = pages - number % pages;

	return until < left ? until : left;
}

/*
 * Give some pages from page on, at most left, frames of fresh records.
 * *mapped says how many.
 */
static int populate_some(struct hvo_vmemmap *map, struct hvo_work *work,
			 uint64_t page, uint64_t left, unsigned domain,
			 bool blocks, uint64_t *mapped)
{
	struct hvo_frames *frames = &map->config.frames;
	struct hvo_frame_request request = {
	    .home = page,
	    .domain = domain,
	    .zero = true,
	};
	struct hvo_run run;
	bool block = blocks && alloc_block(map, &request, page, left, &run);

	if (!block) {
		request.count = blocks ? until_block(map, page, left) : left;
		request.least = request.align = 1;
		int err = frames->alloc(frames->ctx, &request, &run);
		if (err)
			return err;
	}
	for (uint64_t i = 0; i < run.count; i++)
		hvo_write_fresh(map, work, page + i,
				hvo_frame_add(run.first, i), domain);

	int err = hvo_port_map(map->config.port, hvo_page_address(map, page),
			       run.count, run, HVO_PROT_WRITE, block);

	if (err)
		frames->free(frames->ctx, run);
	else
		*mapped = run.count;
	return err;
}

int hvo_vmemmap_populate(struct hvo_vmemmap *map, hvo_pfn_t pfn, uint64_t count,
			 unsigned domain, bool blocks, struct hvo_work *work)
{
	int err = hvo_range_validate(map, pfn, count, map->geometry.unit_order);
	unsigned none;

	if (!err && domain >= map->config.domains)
		err = -HVO_EDOMAIN;
	if (!err && !work->capacity)
		err = -HVO_EWORK;
	if (!err)
		err = hvo_claim(map, pfn, count, 0, &none);
	if (err)
		return err;

	uint64_t page = hvo_pfn_page(map, pfn);
	uint64_t pages =
	    count * map->geometry.record >> map->geometry.page_shift;
	uint64_t at = 0;

	while (at < pages && !err) {
		uint64_t mapped = 0;

		err = populate_some(map, work, page + at, pages - at, domain,
				    blocks, &mapped);
		at += mapped;
	}
	if (err) {
		unpopulate(map, work, page, at);
		hvo_settle(map, pfn, count, 0);
		return err;
	}
	hvo_flush_pages(map, page, pages);
	hvo_count(&map->counters.pages_present, pages);
	hvo_count(&map->counters.frames_owned, pages);
	hvo_settle(map, pfn, count,
		   UNIT_PRESENT | (uint16_t)(domain << UNIT_DOMAIN_SHIFT));
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
	uint64_t pages = hvo_folio_pages(&map->geometry, order);
	int err = hvo_work_alloc(map, work, page, 1, domain);

	if (err)
		return err;

	struct hvo_run head = work->runs[0];

	hvo_write_head_page(map, work, head.first, pfn, order, domain);
	err = hvo_port_map(port, hvo_page_address(map, page), 1, head,
			   HVO_PROT_WRITE, false);
	if (!err) {
		err = hvo_port_map(port, hvo_page_address(map, page + 1),
				   pages - 1, tails, HVO_PROT_READ, false);
		if (err)
			hvo_port_unmap(port, hvo_page_address(map, page), 1,
				       HVO_MUST);
	}
	if (err) {
		hvo_flush_pages(map, page, 1);
		hvo_work_free(map, work, 0, 1);
	}
	work->used = 0;
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

	for (*at = 0; *at < count; *at += UINT64_C(1) << order) {
		int err =
		    hvo_tails_get(map, work, domain, order, 1, &tails, &made);

		if (err)
			return err;
		err =
		    populate_folio(map, work, pfn + *at, order, domain, tails);
		if (err) {
			hvo_tails_put(map, domain, order, 1, made);
			return err;
		}
	}
	return 0;
}

int hvo_vmemmap_populate_optimized(struct hvo_vmemmap *map, hvo_pfn_t pfn,
				   uint64_t count, unsigned order,
				   unsigned domain, struct hvo_work *work,
				   uint64_t *done)
{
	struct hvo_counters *c = &map->counters;
	unsigned none;
	int err = 0;

	if (done)
		*done = 0;
	if (!hvo_order_optimizable(&map->geometry, order))
		return -HVO_EORDER;
	err = hvo_range_validate(map, pfn, count, order);
	if (!err && domain >= map->config.domains)
		err = -HVO_EDOMAIN;
	if (!err && !work->capacity)
		err = -HVO_EWORK;
	if (!err)
		err = hvo_claim(map, pfn, count, 0, &none);
	if (err)
		return err;

	uint64_t at;
	uint64_t pages = hvo_folio_pages(&map->geometry, order);

	work->used = 0;
	err = populate_folios(map, work, pfn, count, order, domain, &at);

	uint64_t folios = at >> order;

	if (folios)
		hvo_flush_pages(map, hvo_pfn_page(map, pfn), folios * pages);
	hvo_count(&c->pages_present, folios * pages);
	hvo_count(&c->pages_optimized, folios * (pages - 1));
	hvo_count(&c->frames_owned, folios);
	hvo_count(&c->folios[order], folios);
	hvo_settle(map, pfn, at,
		   UNIT_PRESENT | UNIT_OPTIMIZED | (uint16_t)order |
		       (uint16_t)(domain << UNIT_DOMAIN_SHIFT));
	hvo_settle(map, pfn + at, count - at, 0);
	if (done)
		*done = at;
	return err;
}
