/* SPDX-License-Identifier: MIT */
/* The steps that splitting and joining share; see reshape.h. */

#include "reshape.h"

void *hvo_part_address(const struct hvo_batch *b, size_t i, uint64_t s)
{
	return hvo_page_address(b->map,
				hvo_batch_page(b, i) + s * b->part_pages);
}

int hvo_repoint_parts(struct hvo_batch *b, size_t i, struct hvo_run run,
		      enum hvo_urgency urgency)
{
	uint64_t page = hvo_batch_page(b, i) + 1;
	int err = 0;

	for (uint64_t s = 0; s < hvo_parts(b) && !err; s++)
		err = hvo_port_repoint(
		    b->map->config.port,
		    hvo_page_address(b->map, page + s * b->part_pages),
		    b->part_pages - 1, run, HVO_PROT_READ, urgency);
	return err;
}

int hvo_protect_heads(struct hvo_batch *b, size_t i, enum hvo_prot prot,
		      enum hvo_urgency urgency)
{
	int err = 0;

	for (uint64_t s = 1; s < hvo_parts(b) && !err; s++)
		err = hvo_port_protect(b->map->config.port,
				       hvo_part_address(b, i, s), 1, prot,
				       urgency);
	return err;
}

void hvo_write_part_tails(struct hvo_batch *b, size_t i)
{
	for (uint64_t s = 1; s < hvo_parts(b); s++)
		hvo_tail_bytes(b->map, b->work, hvo_part_frame(b, i, s).first,
			       s * b->part_pages, 0, HVO_WRITE);
}

void hvo_rewrite_first_page(struct hvo_batch *b, size_t i, unsigned order)
{
	hvo_info_words(b->map, hvo_page_frame(b->map, hvo_batch_page(b, i)),
		       order, HVO_WRITE);
}

int hvo_spare_alloc(struct hvo_batch *b, unsigned order, struct hvo_run *spare)
{
	return hvo_tails_make(b->map, b->work, b->domain, order,
			      hvo_tails_pages(b->map, b->other), spare);
}
