/* SPDX-License-Identifier: MIT */
/*
 * full -> optimized(k): the tails' pages give up their frames.
 *
 *   before             page 0     -> frame 0, writable
 *                      page j > 0 -> frame j, writable, bytes of tails
 *   after read-only    page j > 0 -> frame j, read-only
 *   after repointing   page j > 0 -> shared tails, read-only, same bytes
 *
 * A grace period comes first: a walker that saw a page's count before its
 * owner froze it may still be about to compare-and-swap it, which on a
 * read-only page faults. Then the order is the one that Arm's rules on
 * break-before-make permit without breaking (port.h); every step is one for
 * the whole batch, with one flush behind it. Frames are freed only after the
 * second flush, when no CPU can be led to them any more.
 *
 * Nothing is written to any descriptor: where the port fails half-way, the
 * old frames still hold the old bytes, and putting the permissions back
 * undoes everything.
 */

#include "engine.h"

/*
 * Do the tails hold what tails of the order do? In the pages that are given
 * up, to the last bit; beside the head, where they stay writable and may hold
 * what the owner likes, as far as they lead to it.
 */
static bool are_prepared(struct hvo_batch *b, uint64_t page)
{
	struct hvo_port *port = b->map->config.port;
	void *first = hvo_page_address(b->map, page);
	void *tails = hvo_page_address(b->map, page + 1);

	return hvo_port_equal(port, tails, hvo_batch_tails(b), b->tails) &&
	       hvo_are_infos(b->map, hvo_port_translate(port, first).frame,
			     b->order);
}

/* The first folio of a batch gets the tails, for all of them. */
static int get_tails(struct hvo_batch *b)
{
	return b->count ? 0
			: hvo_tails_get(b->map, b->work, b->domain, b->order, 1,
					&b->tails, &b->made);
}

static void put_tails(struct hvo_batch *b)
{
	hvo_tails_put(b->map, b->domain, b->order, 1, b->made);
}

/* Everything that can refuse a claimed folio. Changes no translation. */
static int plan_claimed(struct hvo_batch *b, hvo_pfn_t pfn)
{
	struct hvo_vmemmap *map = b->map;
	struct hvo_port *port = map->config.port;
	uint64_t page = hvo_pfn_page(map, pfn);
	uint64_t tails = hvo_batch_tails(b);
	int err;

	/* The page that stays would be the described memory's for good. */
	if (hvo_page_hosted(map, hvo_page_unit(map, page), page))
		return -HVO_ESTATE;
	err = hvo_work_collect(map, b->work, page + 1, tails, &b->hosted);
	if (!err)
		err = hvo_port_split(port, hvo_page_address(map, page),
				     tails + 1);
	if (!err)
		err = get_tails(b);
	if (err)
		return err;
	if (!(b->flags & HVO_PREPARED) && !are_prepared(b, page)) {
		if (!b->count)
			put_tails(b);
		return -HVO_EDIRTY;
	}
	return 0;
}

static int plan(struct hvo_batch *b, hvo_pfn_t pfn)
{
	int err = hvo_batch_claim(b, pfn, b->order, UNIT_PRESENT);

	if (err)
		return err;
	/* What it has put into the workspace, behind the others', stays there:
	 * a refusal ends the batch, and commit frees from the front. */
	err = plan_claimed(b, pfn);
	if (err)
		hvo_release(b->map, pfn, UINT64_C(1) << b->order);
	return err;
}

/* The tails' pages of folio i that the described memory does not host. */
static uint64_t owned_tails(const struct hvo_batch *b, size_t i)
{
	struct hvo_vmemmap *map = b->map;
	uint64_t page = hvo_batch_page(b, i);
	uint64_t owned = 0;

	for (uint64_t j = 1; j <= hvo_batch_tails(b); j++)
		owned += !hvo_page_hosted(map, hvo_page_unit(map, page + j),
					  page + j);
	return owned;
}

/* The first n folios are optimized; returns how many frames that frees. */
static uint64_t finish(struct hvo_batch *b, size_t n)
{
	struct hvo_counters *c = &b->map->counters;
	uint64_t pages = n * hvo_batch_tails(b);
	uint64_t owned = 0;

	for (size_t i = 0; i < n; i++) {
		owned += b->hosted ? owned_tails(b, i) : hvo_batch_tails(b);
		hvo_settle(b->map, b->pfns[i], UINT64_C(1) << b->order,
			   hvo_batch_unit(b, UNIT_OPTIMIZED, b->order));
	}
	hvo_uncount(&c->frames_hosted, pages - owned);
	hvo_uncount(&c->frames_owned, pages);
	hvo_count(&c->pages_optimized, pages);
	hvo_count(&c->folios[b->order], n);
	return owned;
}

/* The folios from n on keep their frames: their claims end. */
static void abandon(struct hvo_batch *b, size_t n)
{
	for (size_t i = n; i < b->count; i++)
		hvo_release(b->map, b->pfns[i], UINT64_C(1) << b->order);
}

/* Free the first n frames that the workspace remembers. */
static void free_first(struct hvo_batch *b, uint64_t n)
{
	struct hvo_frames *frames = &b->map->config.frames;

	for (size_t i = 0; n; i++) {
		struct hvo_run run = b->work->runs[i];

		if (run.count > n)
			run.count = n;
		frames->free(frames->ctx, run);
		n -= run.count;
	}
}

/* Make the folios' tails read-only; returns how many folios could be. */
static size_t lock_tails(struct hvo_batch *b, int *err)
{
	size_t i = 0;

	for (; i < b->count; i++) {
		*err = hvo_port_protect(
		    b->map->config.port, hvo_batch_tails_address(b, i),
		    hvo_batch_tails(b), HVO_PROT_READ, HVO_MAY_FAIL);
		if (*err)
			break;
	}
	hvo_flush_folios(b->map, b->pfns, i, b->order);
	return i;
}

/*
 * Lead the tails of the first `locked` folios to the shared ones, those that
 * cannot be made writable again; returns how many could be.
 */
static size_t share_tails(struct hvo_batch *b, size_t locked, int *err)
{
	struct hvo_port *port = b->map->config.port;
	uint64_t tails = hvo_batch_tails(b);
	size_t shared = 0;

	for (; shared < locked; shared++) {
		int failed = hvo_port_repoint(
		    port, hvo_batch_tails_address(b, shared), tails, b->tails,
		    HVO_PROT_READ, HVO_MAY_FAIL);

		if (failed) {
			*err = failed;
			break;
		}
	}
	for (size_t i = shared; i < locked; i++)
		hvo_port_protect(port, hvo_batch_tails_address(b, i), tails,
				 HVO_PROT_WRITE, HVO_MUST);
	hvo_flush_folios(b->map, b->pfns, locked, b->order);
	return shared;
}

static int commit(struct hvo_batch *b, size_t *completed)
{
	int err = 0;
	size_t n;

	hvo_grace(b->map);
	n = share_tails(b, lock_tails(b, &err), &err);
	if (n)
		hvo_tails_share(b->map, b->domain, b->order, n - 1);
	else
		put_tails(b);
	free_first(b, finish(b, n));
	abandon(b, n);
	*completed = n;
	return err;
}

int hvo_vmemmap_optimize(struct hvo_vmemmap *map, const hvo_pfn_t *pfns,
			 size_t n, unsigned order, unsigned flags,
			 struct hvo_work *work, size_t *done)
{
	struct hvo_batch batch = {
	    .map = map,
	    .work = work,
	    .order = order,
	    .flags = flags,
	    .plan = plan,
	    .commit = commit,
	};

	bool possible = hvo_order_optimizable(&map->geometry, order);

	return hvo_batches(&batch, possible ? 0 : -HVO_EORDER, pfns, n, done);
}

int hvo_vmemmap_prepare(struct hvo_vmemmap *map, hvo_pfn_t pfn, unsigned order,
			struct hvo_work *work)
{
	struct hvo_port *port = map->config.port;
	uint64_t count = UINT64_C(1) << (order & 63);
	unsigned domain;
	int err;

	if (!hvo_order_optimizable(&map->geometry, order))
		return -HVO_EORDER;
	err = hvo_range_validate(map, pfn, count, order);
	if (!err)
		err = hvo_claim(map, pfn, count, UNIT_PRESENT, &domain);
	if (err)
		return err;

	uint64_t page = hvo_pfn_page(map, pfn);

	hvo_make_tail(map, work, order, domain);
	for (uint64_t j = 0; j < hvo_folio_pages(&map->geometry, order); j++) {
		void *address = hvo_page_address(map, page + j);

		hvo_write_tails(map, work,
				hvo_port_translate(port, address).frame, j,
				j ? 0 : map->geometry.record);
	}
	hvo_release(map, pfn, count);
	return 0;
}
