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

/* The folio's own last base pages as frames, so many as it has tail pages. */
static int take_host(struct hvo_batch *b, hvo_pfn_t pfn)
{
	const struct hvo_vmemmap_config *config = &b->map->config;
	uint64_t offset =
	    pfn - config->pfn_first + (UINT64_C(1) << b->order) - b->frames;

	if (config->described.nr == HVO_NO_FRAME.nr)
		return -HVO_ENOHOST;
	return hvo_work_add(
	    b->work,
	    (struct hvo_run){hvo_frame_add(config->described, offset),
			     b->frames},
	    false);
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

static int plan(struct hvo_batch *b, uint64_t page)
{
	size_t used = b->work->used;
	int err;

	if (b->kind->flags & HVO_SELF_HOST)
		err = take_host(b, b->pfns[b->count]);
	else
		err = hvo_work_alloc(b->map, b->work, page + 1, b->frames,
				     b->domain);
	if (!err)
		fill_tails(b, used);
	return err;
}

/*
 * Lead folio i's tails to their new frames, the runs from *run on, and move
 * *run past them; on an error nothing is changed.
 */
static int to_own_frames(struct hvo_batch *b, size_t i, enum hvo_prot prot,
			 size_t *run)
{
	uint64_t page = hvo_batch_page(b, i) + 1;
	uint64_t end = page + b->frames;
	const struct hvo_run *at = b->work->runs + *run;

	for (; page < end; page += at->count, at++) {
		int err = hvo_port_repoint(b->map->config.port,
					   hvo_page_address(b->map, page),
					   at->count, *at, prot, HVO_MAY_FAIL);

		if (err && page > end - b->frames)
			hvo_batch_share(b, i, b->tails, HVO_MUST);
		if (err)
			return err;
	}
	*run = (size_t)(at - b->work->runs);
	return 0;
}

/* A step of its own only where it is a store, which cannot fail (port.h). */
static void make_writable(struct hvo_batch *b, size_t n)
{
	for (size_t i = 0; i < n; i++)
		hvo_batch_protect(b, i, HVO_PROT_WRITE, HVO_MUST);
	hvo_batch_flush(b);
}

static size_t commit(struct hvo_batch *b, int *err)
{
	bool two_steps = b->map->traits->equal_bytes;
	enum hvo_prot prot = two_steps ? HVO_PROT_READ : HVO_PROT_WRITE;
	size_t moved = 0;
	size_t run = 0;

	for (; moved < b->count; moved++) {
		*err = to_own_frames(b, moved, prot, &run);
		if (*err)
			break;
	}
	hvo_batch_flush(b);
	if (two_steps)
		make_writable(b, moved);
	return moved;
}

int hvo_vmemmap_restore(struct hvo_vmemmap *map, const hvo_pfn_t *pfns,
			size_t n, unsigned order, unsigned flags,
			struct hvo_work *work, size_t *done)
{
	unsigned host = flags & HVO_SELF_HOST ? order : 0;
	const struct hvo_transition restore = {
	    .order = order,
	    .other = order,
	    .flags = flags,
	    .before = UNIT_PRESENT | UNIT_OPTIMIZED | (uint16_t)order,
	    .after = UNIT_PRESENT | (uint16_t)host,
	    .plan = plan,
	    .commit = commit,
	};

	return hvo_batches(map, pfns, n, &restore, work, done);
}
