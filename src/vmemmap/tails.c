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

struct hvo_run hvo_tails_run(const struct hvo_vmemmap *map, unsigned domain,
			     unsigned order)
{
	struct hvo_port *port = map->config.port;

	hvo_port_lock(port);
	uint64_t first = hvo_tails_slot(map, domain, order)->first;
	hvo_port_unlock(port);
	return (struct hvo_run){{first - 1}, hvo_tails_pages(map, order)};
}

/* Use what is there; false when nothing is. */
static bool join_tails(struct hvo_vmemmap *map, struct hvo_tails *slot,
		       uint64_t users, struct hvo_run *run)
{
	hvo_port_lock(map->config.port);
	bool there = slot->first != 0;
	if (there) {
		run->first.nr = slot->first - 1;
		slot->users += users;
	}
	hvo_port_unlock(map->config.port);
	return there;
}

/* Publish *run unless another CPU was faster; then *run is that one's. */
static bool publish_tails(struct hvo_vmemmap *map, struct hvo_tails *slot,
			  uint64_t users, struct hvo_run *run)
{
	hvo_port_lock(map->config.port);
	bool first = slot->first == 0;
	if (first)
		slot->first = run->first.nr + 1;
	run->first.nr = slot->first - 1;
	slot->users += users;
	hvo_port_unlock(map->config.port);
	return first;
}

void hvo_tails_write(const struct hvo_vmemmap *map, struct hvo_work *work,
		     unsigned order, unsigned domain, struct hvo_run run)
{
	hvo_make_tail(map, work, order, domain);
	for (uint64_t i = 0; i < run.count; i++)
		hvo_write_tails(map, work, hvo_frame_add(run.first, i), i + 1,
				0);
}

int hvo_tails_get(struct hvo_vmemmap *map, struct hvo_work *work,
		  unsigned domain, unsigned order, uint64_t users,
		  struct hvo_run *run, bool *made)
{
	struct hvo_tails *slot = hvo_tails_slot(map, domain, order);
	struct hvo_frames *frames = &map->config.frames;
	uint64_t pages = hvo_tails_pages(map, order);
	struct hvo_frame_request request = {
	    .count = pages,
	    .least = pages,
	    .align = 1,
	    .home = UINT64_MAX,
	    .domain = domain,
	};

	*made = false;
	run->count = pages;
	if (join_tails(map, slot, users, run))
		return 0;

	struct hvo_run mine;
	int err = frames->alloc(frames->ctx, &request, &mine);

	if (err)
		return err;
	hvo_tails_write(map, work, order, domain, mine);
	*run = mine;
	*made = publish_tails(map, slot, users, run);
	if (*made)
		hvo_count(&map->counters.frames_shared, pages);
	else
		frames->free(frames->ctx, mine);
	return 0;
}

void hvo_tails_share(struct hvo_vmemmap *map, unsigned domain, unsigned order,
		     uint64_t users)
{
	hvo_port_lock(map->config.port);
	hvo_tails_slot(map, domain, order)->users += users;
	hvo_port_unlock(map->config.port);
}

void hvo_tails_put(struct hvo_vmemmap *map, unsigned domain, unsigned order,
		   uint64_t users, bool drop)
{
	struct hvo_tails *slot = hvo_tails_slot(map, domain, order);
	struct hvo_run run = {HVO_NO_FRAME, hvo_tails_pages(map, order)};

	hvo_port_lock(map->config.port);
	slot->users -= users;
	if (drop && !slot->users) {
		run.first.nr = slot->first - 1;
		slot->first = 0;
	} else {
		drop = false;
	}
	hvo_port_unlock(map->config.port);
	if (!drop)
		return;
	hvo_uncount(&map->counters.frames_shared, run.count);
	map->config.frames.free(map->config.frames.ctx, run);
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
