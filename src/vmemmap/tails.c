/* SPDX-License-Identifier: MIT */
/*
 * Shared tails: for each domain and order the frames that the tails of all
 * optimized folios lead to, made when the first folio needs them and kept
 * until the map is given up.
 *
 * Page j of a folio, j >= 1, leads to member (j - 1) % n of the n pages of
 * its shared tails, which holds the bytes of tail page (j - 1) % n + 1. One
 * period of G pages would do (geometry.h); where the port maps runs of frames
 * cheaper than single pages, periods are repeated to fill its window, so that
 * all tails of a small folio are one run.
 *
 * Locking: the table is read and written under the port's lock; frames are
 * taken, filled and given back outside it. Two CPUs may therefore make the
 * same tails at once: the second to finish gives its frames back.
 */

#include "engine.h"

uint64_t hvo_tails_pages(const struct hvo_vmemmap *map, unsigned order)
{
	uint64_t tails = hvo_folio_pages(&map->geometry, order) - 1;
	uint64_t group = map->geometry.group;
	uint64_t window = map->traits->window_pages;

	if (tails <= group || tails <= window)
		return tails;
	return window > group ? window - window % group : group;
}

/*
 * Take what is there, with some users more; when nothing is, what is offered
 * is from now on: the number of its first frame + 1, or 0. Returns likewise
 * what is there now.
 */
static uint64_t take_tails(const struct hvo_vmemmap *map, unsigned domain,
			   unsigned order, uint64_t offer, uint64_t users)
{
	struct hvo_tails *slot = hvo_tails_slot(map, domain, order);

	hvo_port_lock(map->config.port);
	if (!slot->first)
		slot->first = offer;
	uint64_t first = slot->first;
	if (first)
		slot->users += users;
	hvo_port_unlock(map->config.port);
	return first;
}

struct hvo_run hvo_tails_run(const struct hvo_vmemmap *map, unsigned domain,
			     unsigned order)
{
	uint64_t first = take_tails(map, domain, order, 0, 0);

	return (struct hvo_run){{first - 1}, hvo_tails_pages(map, order)};
}

void hvo_tails_write(const struct hvo_vmemmap *map, struct hvo_work *work,
		     unsigned order, unsigned domain, struct hvo_run run)
{
	hvo_make_tail(map, work, order, domain);
	for (uint64_t i = 0; i < run.count; i++)
		hvo_tail_bytes(map, work, hvo_frame_add(run.first, i), i + 1, 0,
			       HVO_WRITE);
}

int hvo_tails_make(struct hvo_vmemmap *map, struct hvo_work *work,
		   unsigned domain, unsigned order, uint64_t pages,
		   struct hvo_run *run)
{
	int err = hvo_frames_alloc(map, UINT64_MAX, pages, pages, domain, run);

	if (!err)
		hvo_tails_write(map, work, order, domain, *run);
	return err;
}

int hvo_tails_get(struct hvo_vmemmap *map, struct hvo_work *work,
		  unsigned domain, unsigned order, struct hvo_run *run,
		  bool *made)
{
	uint64_t pages = hvo_tails_pages(map, order);
	uint64_t first = take_tails(map, domain, order, 0, 1);

	*made = false;
	if (!first) {
		struct hvo_run mine;
		int err =
		    hvo_tails_make(map, work, domain, order, pages, &mine);

		if (err)
			return err;
		first = take_tails(map, domain, order, mine.first.nr + 1, 1);
		*made = first == mine.first.nr + 1;
		if (*made)
			hvo_count(&map->counters.frames_shared, pages);
		else
			hvo_frames_free(map, mine);
	}
	*run = (struct hvo_run){{first - 1}, pages};
	return 0;
}

void hvo_tails_use(struct hvo_vmemmap *map, unsigned domain, unsigned order,
		   uint64_t users, bool drop)
{
	struct hvo_tails *slot = hvo_tails_slot(map, domain, order);
	struct hvo_run run = {HVO_NO_FRAME, hvo_tails_pages(map, order)};

	hvo_port_lock(map->config.port);
	slot->users += users;
	if (drop && !slot->users) {
		run.first.nr = slot->first - 1;
		slot->first = 0;
	}
	hvo_port_unlock(map->config.port);
	if (run.first.nr == HVO_NO_FRAME.nr)
		return;
	hvo_uncount(&map->counters.frames_shared, run.count);
	hvo_frames_free(map, run);
}

void hvo_tails_copy(struct hvo_vmemmap *map, struct hvo_run tails, uint64_t j,
		    struct hvo_run dst)
{
	size_t record = map->geometry.record;
	size_t period = record & (record - 1) ? 0 : record;

	while (dst.count) {
		uint64_t member = (j - 1) % tails.count;
		uint64_t n = tails.count - member;

		if (n > dst.count)
			n = dst.count;
		/* From member 0 on, the port repeats the tails itself. */
		if (!member)
			n = dst.count;
		hvo_port_copy(
		    map->config.port, (struct hvo_run){dst.first, n},
		    (struct hvo_run){hvo_frame_add(tails.first, member),
				     tails.count - member},
		    period);
		dst.first = hvo_frame_add(dst.first, n);
		dst.count -= n;
		j += n;
	}
}
