/* SPDX-License-Identifier: MIT */
/*
 * Bulk calls: folios are planned one by one until the workspace is full, the
 * domain changes or one is refused; what was planned is committed together.
 * What transitions do alike is here: claims, users of shared tails, counters
 * and the frames that come or go. What a transition is, its states before and
 * after say; how translations get from one to the other is its own.
 */

#include "engine.h"

/* ---- steps --------------------------------------------------------------- */

int hvo_batch_share(struct hvo_batch *b, size_t i, struct hvo_run run,
		    enum hvo_urgency urgency)
{
	return hvo_port_repoint(
	    b->map->config.port,
	    hvo_page_address(b->map, hvo_batch_page(b, i) + 1), b->pages - 1,
	    run, HVO_PROT_READ, urgency);
}

int hvo_batch_protect(struct hvo_batch *b, size_t i, enum hvo_prot prot,
		      enum hvo_urgency urgency)
{
	return hvo_port_protect(
	    b->map->config.port,
	    hvo_page_address(b->map, hvo_batch_page(b, i) + 1), b->pages - 1,
	    prot, urgency);
}

void hvo_batch_flush(struct hvo_batch *b)
{
	hvo_flush_pages(b->map, b->low, b->high - b->low + b->pages);
}

/* ---- planning ------------------------------------------------------------ */

/* Pages of a folio's range that have a frame of their own in that state. */
static uint64_t own_pages(const struct hvo_batch *b, uint16_t unit)
{
	if (!(unit & UNIT_OPTIMIZED))
		return b->pages;
	return UINT64_C(1) << (b->order - (unit & UNIT_ORDER));
}

/* Tails to lead to; or those to lead away from, which have users. */
static int get_tails(struct hvo_batch *b)
{
	if (b->kind->after & UNIT_OPTIMIZED)
		return hvo_tails_get(b->map, b->work, b->domain,
				     b->kind->after & UNIT_ORDER, &b->tails,
				     &b->made);
	b->tails = hvo_tails_run(b->map, b->domain, b->order);
	return 0;
}

/* Everything that can refuse a claimed folio. Changes no translation. */
static int plan_claimed(struct hvo_batch *b, uint64_t page, unsigned domain)
{
	int err = 0;

	if (!b->count) {
		b->domain = domain;
		b->low = b->high = page;
		err = get_tails(b);
	} else if (domain != b->domain) {
		err = -HVO_EDOMAIN;
	}
	if (!err)
		err = b->kind->plan(b, page);
	if (err && b->takes)
		hvo_work_free(b->map, b->work, b->count * b->frames,
			      UINT64_MAX);
	return err;
}

static int plan(struct hvo_batch *b, hvo_pfn_t pfn)
{
	uint64_t count = UINT64_C(1) << b->order;
	size_t used = b->work->used;
	unsigned domain;
	int err =
	    hvo_claim(b->map, pfn, count, b->order, b->kind->before, &domain);

	if (err)
		return err;

	uint64_t page = hvo_pfn_page(b->map, pfn);

	err = plan_claimed(b, page, domain);
	if (err) {
		b->work->used = used;
		hvo_release(b->map, pfn, count);
		return err;
	}
	b->low = page < b->low ? page : b->low;
	b->high = page > b->high ? page : b->high;
	b->count++;
	return 0;
}

/* ---- the end of a batch -------------------------------------------------- */

/* End all claims; returns how many frames of those done were hosted. */
static uint64_t settle(struct hvo_batch *b, size_t done)
{
	uint64_t count = UINT64_C(1) << b->order;
	uint64_t hosted = 0;
	uint16_t unit =
	    b->kind->after | (uint16_t)(b->domain << UNIT_DOMAIN_SHIFT);

	for (size_t i = 0; i < b->count; i++) {
		if (i >= done) {
			hvo_release(b->map, b->pfns[i], count);
			continue;
		}
		if (!(b->kind->before & UNIT_OPTIMIZED))
			hosted += hvo_hosted_pages(b->map, hvo_batch_page(b, i),
						   b->pages);
		hvo_settle(b->map, b->pfns[i], count, unit);
	}
	return hosted;
}

/* Optimized folios that there were, and that there are. */
static void count_folios(struct hvo_batch *b, size_t done)
{
	struct hvo_counters *c = &b->map->counters;
	uint16_t before = b->kind->before, after = b->kind->after;

	if (before & UNIT_OPTIMIZED) {
		uint64_t gone = done * own_pages(b, before);

		hvo_uncount(&c->folios[before & UNIT_ORDER], gone);
		hvo_tails_use(b->map, b->domain, before & UNIT_ORDER, 0 - gone,
			      false);
	}
	if (after & UNIT_OPTIMIZED) {
		uint64_t come = done * own_pages(b, after);

		/* The batch itself was one user. */
		hvo_count(&c->folios[after & UNIT_ORDER], come);
		hvo_tails_use(b->map, b->domain, after & UNIT_ORDER, come - 1,
			      b->made);
	}
}

/* The first folios have made the transition, the others none. */
static void end(struct hvo_batch *b, size_t done)
{
	struct hvo_counters *c = &b->map->counters;
	uint64_t frames = done * b->frames;
	uint64_t hosted;

	/* A folio's tails have their user before another call can meet it. */
	count_folios(b, done);
	if (b->takes) {
		/* What the described memory hosts is nobody's to free. */
		if (hvo_unit_host(b->kind->after))
			hvo_count(&c->frames_hosted, frames);
		else if (done < b->count)
			hvo_work_free(b->map, b->work, frames, UINT64_MAX);
		hvo_count(&c->frames_owned, frames);
		hvo_uncount(&c->pages_optimized, frames);
		settle(b, done);
	} else {
		hosted = settle(b, done);
		hvo_uncount(&c->frames_hosted, hosted);
		hvo_uncount(&c->frames_owned, frames);
		hvo_count(&c->pages_optimized, frames);
		hvo_work_free(b->map, b->work, 0, frames - hosted);
	}
}

/* ---- batches ------------------------------------------------------------- */

/* Another domain, and a workspace that others have filled, do no more. */
static bool ends_batch(int refused)
{
	return refused == -HVO_EDOMAIN || refused == -HVO_EWORK;
}

/* Returns how many of n folios, from the first on, made the transition. */
static size_t run_batch(struct hvo_vmemmap *map, const hvo_pfn_t *pfns,
			size_t n, const struct hvo_transition *kind,
			struct hvo_work *work, int *err)
{
	struct hvo_batch b = {
	    .map = map,
	    .work = work,
	    .kind = kind,
	    .pfns = pfns,
	    .order = kind->order,
	    .other = kind->other,
	    .pages = hvo_folio_pages(&map->geometry, kind->order),
	    .part_pages = hvo_folio_pages(&map->geometry, kind->other),
	};
	uint64_t before = own_pages(&b, kind->before);
	uint64_t after = own_pages(&b, kind->after);
	size_t done = 0;
	int refused = 0;

	b.takes = after > before;
	b.frames = b.takes ? after - before : before - after;
	work->used = 0;
	while (b.count < n && !refused)
		refused = plan(&b, pfns[b.count]);
	if (b.count)
		done = kind->commit(&b, err);
	if (!*err && !(b.count && ends_batch(refused)))
		*err = refused;
	if (b.tails.count)
		end(&b, done);
	work->used = 0;
	return done;
}

static bool orders_possible(const struct hvo_vmemmap *map,
			    const struct hvo_transition *kind)
{
	bool reshape = kind->before & kind->after & UNIT_OPTIMIZED;

	return hvo_order_optimizable(&map->geometry, kind->order) &&
	       hvo_order_optimizable(&map->geometry, kind->other) &&
	       (!reshape || kind->other < kind->order);
}

int hvo_batches(struct hvo_vmemmap *map, const hvo_pfn_t *pfns, size_t n,
		const struct hvo_transition *kind, struct hvo_work *work,
		size_t *done)
{
	int err = orders_possible(map, kind) ? 0 : -HVO_EORDER;
	size_t at = 0;

	while (at < n && !err)
		at += run_batch(map, pfns + at, n - at, kind, work, &err);
	if (done)
		*done = at;
	return err;
}
