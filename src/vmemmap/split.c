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

/* What a new part's first page must hold when it is mapped. */
static void fill_parts(struct hvo_batch *b, hvo_pfn_t pfn, size_t first_run)
{
	struct hvo_vmemmap *map = b->map;

	if (map->traits->equal_bytes)
		hvo_make_tail(map, b->work, b->order, b->domain);
	for (uint64_t s = 1; s < hvo_parts(b); s++) {
		hvo_frame_t frame = b->work->runs[first_run + s - 1].first;

		if (map->traits->equal_bytes)
			hvo_write_tails(map, b->work, frame,
					s * hvo_part_pages(b), 0);
		else
			hvo_write_head_page(map, b->work, frame,
					    pfn + (s << b->other), b->other,
					    b->domain);
	}
}

static int alloc_parts(struct hvo_batch *b, hvo_pfn_t pfn)
{
	uint64_t page = hvo_pfn_page(b->map, pfn);
	size_t used = b->work->used;
	int err = 0;

	for (uint64_t s = 1; s < hvo_parts(b) && !err; s++)
		err =
		    hvo_work_alloc(b->map, b->work,
				   page + s * hvo_part_pages(b), 1, b->domain);
	if (err) {
		hvo_work_free(b->map, b->work, used, b->work->used);
		b->work->used = used;
	}
	return err;
}

static int plan(struct hvo_batch *b, hvo_pfn_t pfn)
{
	struct hvo_vmemmap *map = b->map;
	size_t used = b->work->used;
	bool made = false;
	int err =
	    hvo_batch_claim(b, pfn, b->order,
			    UNIT_PRESENT | UNIT_OPTIMIZED | (uint16_t)b->order);

	if (err)
		return err;
	err = alloc_parts(b, pfn);
	if (!err) {
		err = hvo_tails_get(map, b->work, b->domain, b->other,
				    hvo_parts(b), &b->tails, &made);
		if (err)
			hvo_work_free(map, b->work, used, b->work->used);
	}
	if (err) {
		b->work->used = used;
		hvo_release(map, pfn, UINT64_C(1) << b->order);
		return err;
	}
	b->made |= made;
	fill_parts(b, pfn, used);
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
			hvo_port_repoint(
			    b->map->config.port, hvo_batch_tails_address(b, i),
			    hvo_batch_tails(b), whole, HVO_PROT_READ, HVO_MUST);
			break;
		}
		hvo_rewrite_first_page(b, i, b->other);
	}
	return i;
}

/* The bytes that everybody sees become those of the parts, by writing. */
static void rewrite(struct hvo_batch *b, struct hvo_run spare)
{
	hvo_tails_write(b->map, b->work, b->other, b->domain, spare);
	for (size_t i = 0; i < b->count; i++) {
		hvo_rewrite_first_page(b, i, b->other);
		for (uint64_t s = 1; s < hvo_parts(b); s++)
			hvo_write_head_page(
			    b->map, b->work, hvo_part_frame(b, i, s).first,
			    b->pfns[i] + (s << b->other), b->other, b->domain);
	}
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
	hvo_flush_folios(b->map, b->pfns, b->count, b->order);
	rewrite(b, spare);
	for (size_t i = 0; i < b->count; i++) {
		hvo_protect_parts(b, i, hvo_parts(b) - 1, HVO_PROT_WRITE,
				  HVO_MUST);
		hvo_repoint_parts(b, i, b->tails, HVO_MUST);
	}
	hvo_flush_folios(b->map, b->pfns, b->count, b->order);
	b->map->config.frames.free(b->map->config.frames.ctx, spare);
	return b->count;
}

static void finish(struct hvo_batch *b, size_t i)
{
	struct hvo_counters *c = &b->map->counters;
	uint64_t parts = hvo_parts(b);

	hvo_count(&c->frames_owned, parts - 1);
	hvo_uncount(&c->pages_optimized, parts - 1);
	hvo_uncount(&c->folios[b->order], 1);
	hvo_count(&c->folios[b->other], parts);
	hvo_tails_put(b->map, b->domain, b->order, 1, false);
	hvo_settle(b->map, b->pfns[i], UINT64_C(1) << b->order,
		   hvo_batch_unit(b, UNIT_OPTIMIZED, b->other));
}

static int commit(struct hvo_batch *b, size_t *completed)
{
	int err = 0;
	bool direct = !b->map->traits->equal_bytes;
	size_t split =
	    direct ? split_directly(b, &err) : split_by_spare(b, &err);

	if (direct)
		hvo_flush_folios(b->map, b->pfns, b->count, b->order);
	for (size_t i = 0; i < split; i++)
		finish(b, i);
	hvo_free_parts(b, split, b->count);
	for (size_t i = split; i < b->count; i++) {
		hvo_tails_put(b->map, b->domain, b->other, hvo_parts(b),
			      b->made);
		hvo_release(b->map, b->pfns[i], UINT64_C(1) << b->order);
	}
	*completed = split;
	return err;
}

int hvo_vmemmap_split(struct hvo_vmemmap *map, const hvo_pfn_t *pfns, size_t n,
		      unsigned from, unsigned to, struct hvo_work *work,
		      size_t *done)
{
	struct hvo_batch batch = {
	    .map = map,
	    .work = work,
	    .order = from,
	    .other = to,
	    .plan = plan,
	    .commit = commit,
	};

	return hvo_batches(&batch, hvo_reshape_validate(map, from, to), pfns, n,
			   done);
}
