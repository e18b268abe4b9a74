/* SPDX-License-Identifier: MIT */
/* The steps that splitting and joining share; see reshape.h. */

#include "reshape.h"

int hvo_reshape_validate(const struct hvo_vmemmap *map, unsigned whole,
			 unsigned part)
{
	if (!hvo_order_optimizable(&map->geometry, whole) ||
	    !hvo_order_optimizable(&map->geometry, part) || part >= whole)
		return -HVO_EORDER;
	return 0;
}

int hvo_repoint_parts(struct hvo_batch *b, size_t i, struct hvo_run run,
		      enum hvo_urgency urgency)
{
	uint64_t pages = hvo_part_pages(b);

	for (uint64_t s = 0; s < hvo_parts(b); s++) {
		uint64_t page = hvo_batch_page(b, i) + s * pages + 1;
		int err = hvo_port_repoint(
		    b->map->config.port, hvo_page_address(b->map, page),
		    pages - 1, run, HVO_PROT_READ, urgency);

		if (err)
			return err;
	}
	return 0;
}

int hvo_protect_parts(struct hvo_batch *b, size_t i, uint64_t n,
		      enum hvo_prot prot, enum hvo_urgency urgency)
{
	int err = 0;

	for (uint64_t s = 1; s <= n && !err; s++) {
		err = hvo_port_protect(b->map->config.port,
				       hvo_part_address(b, i, s), 1, prot,
				       urgency);
		if (err)
			hvo_protect_parts(b, i, s - 1, HVO_PROT_WRITE,
					  HVO_MUST);
	}
	return err;
}

void hvo_rewrite_first_page(struct hvo_batch *b, size_t i, unsigned order)
{
	hvo_frame_t frame =
	    hvo_port_translate(b->map->config.port, hvo_part_address(b, i, 0))
		.frame;

	hvo_write_infos(b->map, frame, order);
}

int hvo_spare_alloc(struct hvo_batch *b, unsigned order, struct hvo_run *spare)
{
	struct hvo_frames *frames = &b->map->config.frames;
	uint64_t pages = hvo_tails_pages(b->map, b->other);
	struct hvo_frame_request request = {
	    .count = pages,
	    .least = pages,
	    .align = 1,
	    .home = UINT64_MAX,
	    .domain = b->domain,
	};
	int err = frames->alloc(frames->ctx, &request, spare);

	if (!err)
		hvo_tails_write(b->map, b->work, order, b->domain, *spare);
	return err;
}

void hvo_free_parts(struct hvo_batch *b, size_t from, size_t to)
{
	uint64_t heads = hvo_parts(b) - 1;

	hvo_work_free(b->map, b->work, from * heads, to * heads);
}
