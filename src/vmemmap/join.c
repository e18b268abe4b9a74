/* SPDX-License-Identifier: MIT */
/*
 * optimized(j) -> optimized(k), k > j: 2^(k - j) folios become one.
 *
 *   before   page 0 of each part   -> a frame of its own, writable
 *            all others            -> shared tails of order j, read-only
 *   after    page 0                -> frame 0, writable, new infos
 *            all others            -> shared tails of order k, read-only
 *
 * It frees 2^(k - j) - 1 frames: those of the other parts' first pages, which
 * become tails. What those pages hold must be nothing but a fresh head and
 * tails, or it would be lost. A grace period comes first, as in optimizing: a
 * walker may be about to write to one of those heads.
 *
 * Where bytes may change only by writing (equal_bytes), tails travel by way
 * of a spare group, as in splitting.
 */

#include "reshape.h"

/*
 * Remember the frames of the other parts' first pages; -HVO_EDIRTY when one
 * holds what a join would lose.
 */
static int plan(struct hvo_batch *b, uint64_t page)
{
	hvo_pfn_t pfn = b->pfns[b->count];
	int err = 0;

	for (uint64_t s = 1; s < hvo_parts(b) && !err; s++) {
		hvo_frame_t frame =
		    hvo_page_frame(b->map, page + s * b->part_pages);

		err = hvo_work_add(b->work, (struct hvo_run){frame, 1}, false);
		if (!err && !hvo_head_bytes(b->map, b->work, frame,
					    pfn + (s << b->other), b->other,
					    b->domain, HVO_COMPARE))
			err = -HVO_EDIRTY;
	}
	return err;
}

/* Make the heads that end read-only; returns for how many folios. */
static size_t lock_heads(struct hvo_batch *b, int *err)
{
	size_t i = 0;

	for (; i < b->count; i++) {
		*err = hvo_protect_heads(b, i, HVO_PROT_READ, HVO_MAY_FAIL);
		if (*err) {
			hvo_protect_heads(b, i, HVO_PROT_WRITE, HVO_MUST);
			break;
		}
	}
	return i;
}

/* In one go, new bytes and all; returns how many folios could be joined. */
static size_t join_directly(struct hvo_batch *b, int *err)
{
	size_t locked = lock_heads(b, err);
	size_t i = 0;

	hvo_batch_flush(b);
	for (; i < locked; i++) {
		int failed = hvo_batch_share(b, i, b->tails, HVO_MAY_FAIL);

		if (failed) {
			*err = failed;
			break;
		}
		hvo_rewrite_first_page(b, i, b->order);
	}
	for (size_t j = i; j < locked; j++)
		hvo_protect_heads(b, j, HVO_PROT_WRITE, HVO_MUST);
	return i;
}

/* By way of a spare group; changes here are stores and cannot fail. */
static size_t join_by_spare(struct hvo_batch *b, int *err, struct hvo_run spare)
{
	lock_heads(b, err);
	for (size_t i = 0; i < b->count; i++)
		hvo_repoint_parts(b, i, spare, HVO_MUST);
	hvo_batch_flush(b);
	/* The bytes that everybody sees become the whole's, by writing. */
	hvo_tails_write(b->map, b->work, b->order, b->domain, spare);
	for (size_t i = 0; i < b->count; i++) {
		hvo_rewrite_first_page(b, i, b->order);
		hvo_write_part_tails(b, i);
		hvo_batch_share(b, i, b->tails, HVO_MUST);
	}
	return b->count;
}

static size_t commit(struct hvo_batch *b, int *err)
{
	bool direct = !b->map->traits->equal_bytes;
	struct hvo_run spare;
	size_t joined;

	if (!direct)
		*err = hvo_spare_alloc(b, b->other, &spare);
	if (*err)
		return 0;
	hvo_grace(b->map);
	joined = direct ? join_directly(b, err) : join_by_spare(b, err, spare);
	hvo_batch_flush(b);
	if (!direct)
		hvo_frames_free(b->map, spare);
	return joined;
}

int hvo_vmemmap_join(struct hvo_vmemmap *map, const hvo_pfn_t *pfns, size_t n,
		     unsigned from, unsigned to, struct hvo_work *work,
		     size_t *done)
{
	const struct hvo_transition join = {
	    .order = to,
	    .other = from,
	    .before = UNIT_PRESENT | UNIT_OPTIMIZED | (uint16_t)from,
	    .after = UNIT_PRESENT | UNIT_OPTIMIZED | (uint16_t)to,
	    .plan = plan,
	    .commit = commit,
	};

	return hvo_batches(map, pfns, n, &join, work, done);
}
