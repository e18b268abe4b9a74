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
static int collect_parts(struct hvo_batch *b, hvo_pfn_t pfn)
{
	struct hvo_vmemmap *map = b->map;
	uint64_t page = hvo_pfn_page(map, pfn);
	int err = 0;

	for (uint64_t s = 1; s < hvo_parts(b) && !err; s++) {
		void *address =
		    hvo_page_address(map, page + s * hvo_part_pages(b));
		hvo_frame_t frame =
		    hvo_port_translate(map->config.port, address).frame;

		err = hvo_work_add(b->work, (struct hvo_run){frame, 1}, false);
		if (!err && !hvo_is_head_page(map, b->work, frame,
					      pfn + (s << b->other), b->other,
					      b->domain))
			err = -HVO_EDIRTY;
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
			    UNIT_PRESENT | UNIT_OPTIMIZED | (uint16_t)b->other);

	if (err)
		return err;
	err = collect_parts(b, pfn);
	if (!err)
		err = hvo_tails_get(map, b->work, b->domain, b->order, 1,
				    &b->tails, &made);
	if (err) {
		b->work->used = used;
		hvo_release(map, pfn, UINT64_C(1) << b->order);
	}
	b->made |= made;
	return err;
}

/* Make the heads that end read-only; returns for how many folios. */
static size_t lock_heads(struct hvo_batch *b, int *err)
{
	size_t i = 0;

	for (; i < b->count; i++) {
		*err = hvo_protect_parts(b, i, hvo_parts(b) - 1, HVO_PROT_READ,
					 HVO_MAY_FAIL);
		if (*err)
			break;
	}
	return i;
}

/* Lead folio i from the second page on to the shared tails of order k. */
static int share_whole(struct hvo_batch *b, size_t i)
{
	return hvo_port_repoint(
	    b->map->config.port, hvo_batch_tails_address(b, i),
	    hvo_batch_tails(b), b->tails, HVO_PROT_READ, HVO_MAY_FAIL);
}

/* In one go, new bytes and all; returns how many folios could be joined. */
static size_t join_directly(struct hvo_batch *b, int *err)
{
	size_t locked = lock_heads(b, err);
	size_t i = 0;

	hvo_flush_folios(b->map, b->pfns, b->count, b->order);
	for (; i < locked; i++) {
		int failed = share_whole(b, i);

		if (failed) {
			*err = failed;
			break;
		}
		hvo_rewrite_first_page(b, i, b->order);
	}
	for (size_t j = i; j < locked; j++)
		hvo_protect_parts(b, j, hvo_parts(b) - 1, HVO_PROT_WRITE,
				  HVO_MUST);
	return i;
}

/* The bytes that everybody sees become the whole's, by writing. */
static void rewrite(struct hvo_batch *b, struct hvo_run spare)
{
	hvo_tails_write(b->map, b->work, b->order, b->domain, spare);
	for (size_t i = 0; i < b->count; i++) {
		hvo_rewrite_first_page(b, i, b->order);
		for (uint64_t s = 1; s < hvo_parts(b); s++)
			hvo_write_tails(b->map, b->work,
					hvo_part_frame(b, i, s).first,
					s * hvo_part_pages(b), 0);
	}
}

/* By way of a spare group; changes here are stores and cannot fail. */
static size_t join_by_spare(struct hvo_batch *b, struct hvo_run spare)
{
	int err;

	lock_heads(b, &err);
	for (size_t i = 0; i < b->count; i++)
		hvo_repoint_parts(b, i, spare, HVO_MUST);
	hvo_flush_folios(b->map, b->pfns, b->count, b->order);
	rewrite(b, spare);
	for (size_t i = 0; i < b->count; i++)
		share_whole(b, i);
	return b->count;
}

static void finish(struct hvo_batch *b, size_t i)
{
	struct hvo_counters *c = &b->map->counters;
	uint64_t parts = hvo_parts(b);

	hvo_uncount(&c->frames_owned, parts - 1);
	hvo_count(&c->pages_optimized, parts - 1);
	hvo_uncount(&c->folios[b->other], parts);
	hvo_count(&c->folios[b->order], 1);
	hvo_tails_put(b->map, b->domain, b->other, parts, false);
	hvo_settle(b->map, b->pfns[i], UINT64_C(1) << b->order,
		   hvo_batch_unit(b, UNIT_OPTIMIZED, b->order));
}

static int commit(struct hvo_batch *b, size_t *completed)
{
	struct hvo_frames *frames = &b->map->config.frames;
	struct hvo_run spare = {.count = 0};
	size_t joined = 0;
	int err = 0;

	if (b->map->traits->equal_bytes)
		err = hvo_spare_alloc(b, b->other, &spare);
	if (!err) {
		hvo_grace(b->map);
		joined = spare.count ? join_by_spare(b, spare)
				     : join_directly(b, &err);
		hvo_flush_folios(b->map, b->pfns, b->count, b->order);
	}
	if (spare.count && joined)
		frames->free(frames->ctx, spare);
	for (size_t i = 0; i < joined; i++)
		finish(b, i);
	hvo_free_parts(b, 0, joined);
	for (size_t i = joined; i < b->count; i++) {
		hvo_tails_put(b->map, b->domain, b->order, 1, b->made);
		hvo_release(b->map, b->pfns[i], UINT64_C(1) << b->order);
	}
	*completed = joined;
	return err;
}

int hvo_vmemmap_join(struct hvo_vmemmap *map, const hvo_pfn_t *pfns, size_t n,
		     unsigned from, unsigned to, struct hvo_work *work,
		     size_t *done)
{
	struct hvo_batch batch = {
	    .map = map,
	    .work = work,
	    .order = to,
	    .other = from,
	    .plan = plan,
	    .commit = commit,
	};

	return hvo_batches(&batch, hvo_reshape_validate(map, to, from), pfns, n,
			   done);
}
