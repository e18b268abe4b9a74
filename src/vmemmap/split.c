/* SPDX-License-Identifier: MIT */
/*
 * optimized(k) -> optimized(j), j < k: one folio becomes 2^(k - j).
 *
 *   before   page 0                  -> frame 0, writable
 *            all others              -> shared tails of order k, read-only
 *   after    page 0                  -> frame 0, writable, new infos
 *            page 0 of other parts   -> a new frame each, writable
 *            all others              -> shared tails of order j, read-only
 *
 * It takes 2^(k - j) - 1 frames, where restoring and optimizing again would
 * take all the folio's pages at its peak.
 *
 * The bytes of every tail change: they lead to another head. Where the port
 * may not repoint to other bytes (equal_bytes), bytes change only by being
 * written: the tails are led to a spare group that holds what they see, the
 * group is rewritten, once for all of them, and they are led on to the shared
 * tails of order j, which now hold the same. Two flushes, one spare group,
 * however many folios.
 */

#include "reshape.h"

/* The first pages of folio i's new parts hold what the parts' must. */
static void write_heads(struct hvo_batch *b, size_t i)
{
	for (uint64_t s = 1; s < hvo_parts(b); s++)
		hvo_head_bytes(b->map, b->work, hvo_part_frame(b, i, s).first,
			       b->pfns[i] + (s << b->other), b->other,
			       b->domain, HVO_WRITE);
}

static int plan(struct hvo_batch *b, uint64_t page)
{
	int err = 0;

	for (uint64_t s = 1; s < hvo_parts(b) && !err; s++)
		err = hvo_work_alloc(b->map, b->work, page + s * b->part_pages,
				     1, b->domain);
	if (err)
		return err;
	/* What it holds when it is mapped. */
	if (b->map->traits->equal_bytes) {
		hvo_make_tail(b->map, b->work, b->order, b->domain);
		hvo_write_part_tails(b, b->count);
	} else {
		write_heads(b, b->count);
	}
	return 0;
}

/* Lead the first pages of folio i's new parts to their frames. */
static int repoint_heads(struct hvo_batch *b, size_t i, enum hvo_prot prot)
{
	int err = 0;

	for (uint64_t s = 1; s < hvo_parts(b) && !err; s++)
		err = hvo_port_repoint(
		    b->map->config.port, hvo_part_address(b, i, s), 1,
		    hvo_part_frame(b, i, s), prot, HVO_MAY_FAIL);
	return err;
}

/* In one go, new bytes and all; returns how many folios could be split. */
static size_t split_directly(struct hvo_batch *b, int *err)
{
	struct hvo_run whole = hvo_tails_run(b->map, b->domain, b->order);
	size_t i = 0;

	for (; i < b->count; i++) {
		*err = repoint_heads(b, i, HVO_PROT_WRITE);
		if (!*err)
			*err = hvo_repoint_parts(b, i, b->tails, HVO_MAY_FAIL);
		if (*err) {
			hvo_batch_share(b, i, whole, HVO_MUST);
			break;
		}
		hvo_rewrite_first_page(b, i, b->other);
	}
	return i;
}

/* By way of a spare group; changes here are stores and cannot fail. */
static size_t split_by_spare(struct hvo_batch *b, int *err)
{
	struct hvo_run spare;

	*err = hvo_spare_alloc(b, b->order, &spare);
	if (*err)
		return 0;
	for (size_t i = 0; i < b->count; i++) {
		repoint_heads(b, i, HVO_PROT_READ);
		hvo_repoint_parts(b, i, spare, HVO_MUST);
	}
	hvo_batch_flush(b);
	/* The bytes that everybody sees become the parts', by writing. */
	hvo_tails_write(b->map, b->work, b->other, b->domain, spare);
	for (size_t i = 0; i < b->count; i++) {
		hvo_rewrite_first_page(b, i, b->other);
		write_heads(b, i);
		hvo_protect_heads(b, i, HVO_PROT_WRITE, HVO_MUST);
		hvo_repoint_parts(b, i, b->tails, HVO_MUST);
	}
	hvo_batch_flush(b);
	hvo_frames_free(b->map, spare);
	return b->count;
}

static size_t commit(struct hvo_batch *b, int *err)
{
	size_t split;

	if (b->map->traits->equal_bytes)
		return split_by_spare(b, err);
	split = split_directly(b, err);
	hvo_batch_flush(b);
	return split;
}

int hvo_vmemmap_split(struct hvo_vmemmap *map, const hvo_pfn_t *pfns, size_t n,
		      unsigned from, unsigned to, struct hvo_work *work,
		      size_t *done)
{
	const struct hvo_transition split = {
	    .order = from,
	    .other = to,
	    .before = UNIT_PRESENT | UNIT_OPTIMIZED | (uint16_t)from,
	    .after = UNIT_PRESENT | UNIT_OPTIMIZED | (uint16_t)to,
	    .plan = plan,
	    .commit = commit,
	};

	return hvo_batches(map, pfns, n, &split, work, done);
}
