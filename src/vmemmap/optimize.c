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
	struct hvo_vmemmap *map = b->map;

	return hvo_port_equal(map->config.port, hvo_page_address(map, page + 1),
			      b->pages - 1, b->tails) &&
	       hvo_info_words(map, hvo_page_frame(map, page), b->order,
			      HVO_COMPARE);
}

static int plan(struct hvo_batch *b, uint64_t page)
{
	struct hvo_vmemmap *map = b->map;
	int err;

	/* The page that stays would be the described memory's for good. */
	if (hvo_hosted_pages(map, page, 1))
		return -HVO_ESTATE;
	err = hvo_work_collect(map, b->work, page + 1, b->pages - 1);
	if (!err)
		err = hvo_port_split(map->config.port,
				     hvo_page_address(map, page), b->pages);
	if (!err && !(b->kind->flags & HVO_PREPARED) && !are_prepared(b, page))
		err = -HVO_EDIRTY;
	return err;
}

/* Make the folios' tails read-only; returns how many folios could be. */
static size_t lock_tails(struct hvo_batch *b, int *err)
{
	size_t i = 0;

	for (; i < b->count; i++) {
		*err = hvo_batch_protect(b, i, HVO_PROT_READ, HVO_MAY_FAIL);
		if (*err)
			break;
	}
	hvo_batch_flush(b);
	return i;
}

/*
 * Lead the tails of the first `locked` folios to the shared ones, those that
 * cannot be made writable again; returns how many could be.
 */
static size_t share_tails(struct hvo_batch *b, size_t locked, int *err)
{
	size_t shared = 0;

	for (; shared < locked; shared++) {
		int failed = hvo_batch_share(b, shared, b->tails, HVO_MAY_FAIL);

		if (failed) {
			*err = failed;
			break;
		}
	}
	for (size_t i = shared; i < locked; i++)
		hvo_batch_protect(b, i, HVO_PROT_WRITE, HVO_MUST);
	hvo_batch_flush(b);
	return shared;
}

static size_t commit(struct hvo_batch *b, int *err)
{
	hvo_grace(b->map);
	return share_tails(b, lock_tails(b, err), err);
}

int hvo_vmemmap_optimize(struct hvo_vmemmap *map, const hvo_pfn_t *pfns,
			 size_t n, unsigned order, unsigned flags,
			 struct hvo_work *work, size_t *done)
{
	const struct hvo_transition optimize = {
	    .order = order,
	    .other = order,
	    .flags = flags,
	    .before = UNIT_PRESENT,
	    .after = UNIT_PRESENT | UNIT_OPTIMIZED | (uint16_t)order,
	    .plan = plan,
	    .commit = commit,
	};

	return hvo_batches(map, pfns, n, &optimize, work, done);
}

int hvo_vmemmap_prepare(struct hvo_vmemmap *map, hvo_pfn_t pfn, unsigned order,
			struct hvo_work *work)
{
	uint64_t count = UINT64_C(1) << (order & 63);
	unsigned domain;
	int err;

	if (!hvo_order_optimizable(&map->geometry, order))
		return -HVO_EORDER;
	err = hvo_claim(map, pfn, count, order, UNIT_PRESENT, &domain);
	if (err)
		return err;

	uint64_t page = hvo_pfn_page(map, pfn);

	hvo_make_tail(map, work, order, domain);
	for (uint64_t j = 0; j < hvo_folio_pages(&map->geometry, order); j++)
		hvo_tail_bytes(map, work, hvo_page_frame(map, page + j), j,
			       j ? 0 : map->geometry.record, HVO_WRITE);
	hvo_release(map, pfn, count);
	return 0;
}
