/* SPDX-License-Identifier: MIT */
/*
 * What the older generations have in common: a map's life, taking and giving
 * frames, leading pages to one frame and back.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "lab.h"

int lab_open(struct lab_map *map, const struct lab_scheme *scheme,
	     uint64_t folios, unsigned order, char *message, size_t size)
{
	struct hvo_linux_config config = {
	    .page_shift = LAB_PAGE_SHIFT,
	    .record = scheme->record,
	    .pfn_end = folios << order,
	    .domains = 1,
	    .window_pages = scheme->window,
	    .apart_order = scheme->apart ? order : 0,
	};
	int error = 0;

	*map = (struct lab_map){
	    .scheme = scheme,
	    .folios = folios,
	    .order = order,
	    .pages = ((uint64_t)scheme->record << order) >> LAB_PAGE_SHIFT,
	};
	map->scratch = calloc(map->pages, sizeof(*map->scratch));
	map->linux_port = hvo_linux_open(&config, message, size);
	if (!map->linux_port || !map->scratch) {
		if (map->linux_port)
			snprintf(message, size, "out of memory");
		lab_close(map);
		return -HVO_ENOMEM;
	}
	map->port = hvo_linux_port(map->linux_port);
	map->frames = hvo_linux_frames(map->linux_port);
	map->base = hvo_linux_base(map->linux_port);
	if (scheme->open)
		error = scheme->open(map);
	if (error) {
		snprintf(message, size, "%s", hvo_strerror(error));
		lab_close(map);
	}
	return error;
}

void lab_close(struct lab_map *map)
{
	if (map->scheme && map->scheme->close && map->own)
		map->scheme->close(map);
	if (map->linux_port)
		hvo_linux_close(map->linux_port);
	free(map->scratch);
	*map = (struct lab_map){0};
}

uint64_t lab_wrong_heads(const struct lab_map *map, uint64_t first,
			 uint64_t pfns)
{
	uint64_t wrong = 0;

	for (uint64_t pfn = first; pfn < first + pfns; pfn++) {
		uintptr_t head =
		    (uintptr_t)lab_record(map, pfn >> map->order << map->order);

		wrong += lab_walk_one(map->scheme->walk,
				      (uintptr_t)lab_record(map, pfn)) != head;
	}
	return wrong;
}

void *lab_va(const struct lab_map *map, uint64_t folio, uint64_t page)
{
	return (char *)map->base +
	       ((folio * map->pages + page) << LAB_PAGE_SHIFT);
}

hvo_frame_t lab_frame(const struct lab_map *map, uint64_t folio, uint64_t page)
{
	return hvo_port_translate(map->port, lab_va(map, folio, page)).frame;
}

void lab_write_tails(struct lab_page *page, uint64_t n,
		     const struct lab_page *head)
{
	for (uint64_t i = 0; i < n; i++)
		atomic_store_explicit(&page[i].compound_head,
				      (uintptr_t)head | 1,
				      memory_order_relaxed);
}

void lab_write_head(const struct lab_map *map, struct lab_page *page)
{
	page->order = map->order;
	atomic_store_explicit(&page->flags, LAB_HEAD, memory_order_relaxed);
}

/* ---- frames ----------------------------------------------------------- */

static int take_run(struct lab_map *map, uint64_t folio, uint64_t page,
		    uint64_t count, struct hvo_run *run)
{
	struct hvo_frame_request request = {
	    .count = count,
	    .least = 1,
	    .align = 1,
	    .home = folio * map->pages + page,
	    .zero = true,
	};

	return map->frames.alloc(map->frames.ctx, &request, run);
}

int lab_take_frames(struct lab_map *map, uint64_t folio, uint64_t page,
		    uint64_t count)
{
	uint64_t taken = 0;

	while (taken < count) {
		struct hvo_run run;
		int error =
		    take_run(map, folio, page + taken, count - taken, &run);

		if (error) {
			lab_free_frames(map, taken);
			return error;
		}
		for (uint64_t i = 0; i < run.count; i++)
			map->scratch[taken++] = hvo_frame_add(run.first, i);
	}
	return 0;
}

/* The run of scratch that begins at i and ends before count. */
static struct hvo_run scratch_run(const struct lab_map *map, uint64_t i,
				  uint64_t count)
{
	struct hvo_run run = {map->scratch[i], 1};

	while (i + run.count < count &&
	       map->scratch[i + run.count].nr == run.first.nr + run.count)
		run.count++;
	return run;
}

void lab_free_frames(struct lab_map *map, uint64_t count)
{
	for (uint64_t i = 0; i < count;) {
		struct hvo_run run = scratch_run(map, i, count);

		map->frames.free(map->frames.ctx, run);
		i += run.count;
	}
}

/* ---- absent and full -------------------------------------------------- */

/* One run of frames for vmemmap pages at `at`, counted over all folios. */
static int populate_run(struct lab_map *map, uint64_t at, uint64_t count,
			uint64_t *mapped)
{
	struct hvo_run run;
	int error = take_run(map, 0, at, count, &run);

	if (error)
		return error;
	error = hvo_port_map(map->port, lab_va(map, 0, at), run.count, run,
			     HVO_PROT_WRITE, false);
	if (error)
		map->frames.free(map->frames.ctx, run);
	*mapped = run.count;
	return error;
}

int lab_populate(struct lab_map *map, uint64_t first, uint64_t n)
{
	uint64_t end = (first + n) * map->pages;
	uint64_t mapped;

	for (uint64_t at = first * map->pages; at < end; at += mapped) {
		int error = populate_run(map, at, end - at, &mapped);

		if (error)
			return error;
	}
	for (uint64_t i = first; i < first + n; i++) {
		struct lab_page *head = lab_folio(map, i);

		lab_write_head(map, head);
		lab_write_tails(head + 1, (UINT64_C(1) << map->order) - 1,
				head);
	}
	return 0;
}

/*
 * The folio's own frames into scratch; returns how many. Pages beyond the
 * first two have a frame of their own unless they share one of those.
 */
static uint64_t own_frames(struct lab_map *map, uint64_t folio)
{
	hvo_frame_t zero = lab_frame(map, folio, 0);
	hvo_frame_t one = lab_frame(map, folio, 1);
	uint64_t count = 0;

	for (uint64_t page = 0; page < map->pages; page++) {
		hvo_frame_t frame = lab_frame(map, folio, page);

		if ((page && frame.nr == zero.nr) ||
		    (page > 1 && frame.nr == one.nr))
			continue;
		map->scratch[count++] = frame;
	}
	return count;
}

int lab_depopulate(struct lab_map *map, uint64_t first, uint64_t n)
{
	for (uint64_t i = first; i < first + n; i++) {
		uint64_t owned = own_frames(map, i);
		int error = hvo_port_unmap(map->port, lab_va(map, i, 0),
					   map->pages, HVO_MAY_FAIL);

		if (error)
			return error;
		hvo_port_flush(map->port, lab_va(map, i, 0), map->pages);
		lab_free_frames(map, owned);
	}
	return 0;
}

/* ---- full and optimized ----------------------------------------------- */

int lab_collapse_folio(struct lab_map *map, uint64_t folio, uint64_t kept)
{
	struct hvo_run last = {lab_frame(map, folio, kept - 1), 1};
	void *va = lab_va(map, folio, kept);
	uint64_t tails = map->pages - kept;
	int error;

	for (uint64_t i = 0; i < tails; i++)
		map->scratch[i] = lab_frame(map, folio, kept + i);
	/* before: each page its own frame; after: all page kept - 1's */
	error = hvo_port_repoint(map->port, va, tails, last, HVO_PROT_READ,
				 HVO_MAY_FAIL);
	if (error)
		return error;
	hvo_port_flush(map->port, va, tails);
	lab_free_frames(map, tails);
	return 0;
}

/* Repoint run by run; on an error all that were done are taken back. */
static int repoint_tails(struct lab_map *map, uint64_t folio, uint64_t kept)
{
	struct hvo_run last = {lab_frame(map, folio, kept - 1), 1};
	uint64_t tails = map->pages - kept;
	void *va = lab_va(map, folio, kept);

	for (uint64_t i = 0; i < tails;) {
		struct hvo_run run = scratch_run(map, i, tails);
		/* before: page kept - 1's frame; after: frames in a row */
		int error = hvo_port_repoint(
		    map->port, lab_va(map, folio, kept + i), run.count, run,
		    HVO_PROT_WRITE, HVO_MAY_FAIL);

		if (error) {
			if (i)
				hvo_port_repoint(map->port, va, i, last,
						 HVO_PROT_READ, HVO_MUST);
			return error;
		}
		i += run.count;
	}
	hvo_port_flush(map->port, va, tails);
	return 0;
}

int lab_expand_folio(struct lab_map *map, uint64_t folio, uint64_t kept,
		     void (*fill)(struct lab_map *map, uint64_t folio,
				  hvo_frame_t frame))
{
	uint64_t tails = map->pages - kept;
	int error = lab_take_frames(map, folio, kept, tails);

	if (error)
		return error;
	for (uint64_t i = 0; i < tails; i++)
		fill(map, folio, map->scratch[i]);
	error = repoint_tails(map, folio, kept);
	if (error)
		lab_free_frames(map, tails);
	return error;
}
