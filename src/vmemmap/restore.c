/* SPDX-License-Identifier: MIT */
/*
 * optimized(k) -> full: the tails' pages get frames of their own again.
 *
 *   before             page j > 0 -> shared tails, read-only
 *   after repointing   page j > 0 -> new frame j, same bytes, read-only
 *   at the end         page j > 0 -> new frame j, writable
 *
 * Readers see the same bytes throughout. Where the port allows it (no
 * `equal_bytes` rule) the new frames are mapped writable at once, which saves
 * one change a folio: nobody writes before the owner has the range back, and
 * one flush comes before that. No frame that readers may use is freed, so no
 * grace period is needed.
 *
 * The new frames come from the frame source or, when self-hosted, from the
 * end of the folio itself, so that restoring cannot fail for want of memory.
 */

#include "engine.h"

/* The folio's own last base pages as frames. */
static struct hvo_run host_run(const struct hvo_batch *b, hvo_pfn_t pfn)
{
	uint64_t pages = hvo_batch_tails(b);
	uint64_t offset =
	    pfn - b->map->config.pfn_first + (UINT64_C(1) << b->order) - pages;

	return (struct hvo_run){hvo_frame_add(b->map->config.described, offset),
				pages};
}

/* Fill the runs from `run` on with the tails' bytes. */
static void fill_tails(struct hvo_batch *b, size_t run)
{
	uint64_t j = 1;

	for (; run < b->work->used; run++) {
		hvo_tails_copy(b->map, b->tails, j, b->work->runs[run]);
		j += b->work->runs[run].count;
	}
}

static int plan(struct hvo_batch *b, hvo_pfn_t pfn)
{
	struct hvo_vmemmap *map = b->map;
	size_t used = b->work->used;
	int err =
	    hvo_batch_claim(b, pfn, b->order,
			    UNIT_PRESENT | UNIT_OPTIMIZED | (uint16_t)b->order);

	if (err)
		return err;
	if (b->flags & HVO_SELF_HOST)
		err = hvo_work_add(b->work, host_run(b, pfn), false);
	else
		err = hvo_work_alloc(map, b->work, hvo_pfn_page(map, pfn) + 1,
				     hvo_batch_tails(b), b->domain);
	if (err) {
		hvo_release(map, pfn, UINT64_C(1) << b->order);
		return err;
	}
	if (!b->count)
		b->tails = hvo_tails_run(map, b->domain, b->order);
	fill_tails(b, used);
	return 0;
}

/*
 * Lead folio i's tails to their new frames, the runs from *run on, and move
 * *run past them; on an error nothing is changed.
 */
static int to_own_frames(struct hvo_batch *b, size_t i, enum hvo_prot prot,
			 size_t *run)
{
	struct hvo_port *port = b->map->config.port;
	uint64_t first = hvo_batch_page(b, i) + 1;
	uint64_t end = first + hvo_batch_tails(b);
	size_t at = *run;

	for (uint64_t page = first; page < end; at++) {
		struct hvo_run frames = b->work->runs[at];
		int err =
		    hvo_port_repoint(port, hvo_page_address(b->map, page),
				     frames.count, frames, prot, HVO_MAY_FAIL);

		if (err && page > first)
			hvo_port_repoint(port, hvo_batch_tails_address(b, i),
					 end - first, b->tails, HVO_PROT_READ,
					 HVO_MUST);
		if (err)
			return err;
		page += frames.count;
	}
	*run = at;
	return 0;
}

/* A step of its own only where it is a store, which cannot fail (port.h). */
static void make_writable(struct hvo_batch *b, size_t n)
{
	for (size_t i = 0; i < n; i++)
		hvo_port_protect(b->map->config.port,
				 hvo_batch_tails_address(b, i),
				 hvo_batch_tails(b), HVO_PROT_WRITE, HVO_MUST);
	hvo_flush_folios(b->map, b->pfns, n, b->order);
}

/* The first n folios are full. */
static void finish(struct hvo_batch *b, size_t n)
{
	struct hvo_counters *c = &b->map->counters;
	uint64_t pages = n * hvo_batch_tails(b);
	bool hosted = b->flags & HVO_SELF_HOST;

	hvo_count(&c->frames_owned, pages);
	hvo_count(&c->frames_hosted, hosted ? pages : 0);
	hvo_uncount(&c->pages_optimized, pages);
	hvo_uncount(&c->folios[b->order], n);
	hvo_tails_put(b->map, b->domain, b->order, n, false);
	for (size_t i = 0; i < n; i++)
		hvo_settle(b->map, b->pfns[i], UINT64_C(1) << b->order,
			   hvo_batch_unit(b, 0, hosted ? b->order : 0));
}

static int commit(struct hvo_batch *b, size_t *completed)
{
	struct hvo_vmemmap *map = b->map;
	bool two_steps = map->traits->equal_bytes;
	enum hvo_prot prot = two_steps ? HVO_PROT_READ : HVO_PROT_WRITE;
	size_t moved = 0;
	size_t run = 0;
	int err = 0;

	while (moved < b->count && !err) {
		err = to_own_frames(b, moved, prot, &run);
		moved += !err;
	}
	hvo_flush_folios(map, b->pfns, b->count, b->order);
	if (two_steps)
		make_writable(b, moved);
	finish(b, moved);
	for (size_t i = moved; i < b->count; i++)
		hvo_release(map, b->pfns[i], UINT64_C(1) << b->order);
	if (!(b->flags & HVO_SELF_HOST))
		hvo_work_free(map, b->work, run, b->work->used);
	*completed = moved;
	return err;
}

int hvo_vmemmap_restore(struct hvo_vmemmap *map, const hvo_pfn_t *pfns,
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
	int err = 0;

	if (!hvo_order_optimizable(&map->geometry, order))
		err = -HVO_EORDER;
	else if ((flags & HVO_SELF_HOST) &&
		 map->config.described.nr == HVO_NO_FRAME.nr)
		err = -HVO_ENOHOST;
	return hvo_batches(&batch, err, pfns, n, done);
}
