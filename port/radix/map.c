/* SPDX-License-Identifier: MIT */
/*
 * Translations made, changed and removed. Nothing here can fail but the
 * making of tables, which comes before anything is changed.
 */
#include "state.h"

const struct hvo_port_traits *hvo_port_traits(const struct hvo_port *port)
{
	return &port->traits;
}

/* The frame behind va, whose entry is e. */
static hvo_frame_t frame_of(entry_t e, unsigned level, uintptr_t va)
{
	uint64_t address =
	    entry_address(e, level) + (va & (radix_span(level) - 1));

	return (hvo_frame_t){address >> HVO_ENTRY_PAGE_SHIFT};
}

struct hvo_translation hvo_port_translate(struct hvo_port *port, void *va)
{
	struct radix_place place = radix_walk(port, (uintptr_t)va);
	entry_t e = radix_load(place.entry);

	if (!entry_present(e))
		return (struct hvo_translation){HVO_NO_FRAME, HVO_PROT_NONE,
						false};
	return (struct hvo_translation){
	    .frame = frame_of(e, place.level, (uintptr_t)va),
	    .prot = entry_prot(e),
	    .block = place.level != 0,
	};
}

/* Of n entries from that for va on, those that are in its table. */
static uint64_t in_table(uintptr_t va, unsigned level, uint64_t n)
{
	uint64_t left = RADIX_ENTRIES - radix_index(va, level);

	return n < left ? n : left;
}

struct hvo_run hvo_port_frames(struct hvo_port *port, void *va, uint64_t pages)
{
	struct radix_place place = radix_leaf(port, (uintptr_t)va);
	entry_t e = radix_load(place.entry);
	struct hvo_run run = {frame_of(e, place.level, (uintptr_t)va), 1};
	uint64_t next = entry_address(e, 0) + RADIX_PAGE;

	pages = in_table((uintptr_t)va, 0, pages);
	if (place.level)
		run.count = pages;
	for (; run.count < pages; run.count++, next += RADIX_PAGE)
		if (entry_address(radix_load(++place.entry), 0) != next)
			break;
	return run;
}

/* ---- all pages of a range ------------------------------------------------ */

/* See to it that all entries of the level exist. */
static int make_all(struct hvo_port *port, uintptr_t va, uint64_t pages,
		    unsigned level)
{
	uintptr_t end = va + pages * RADIX_PAGE;

	while (va < end) {
		if (!radix_make(port, va, level))
			return -HVO_ENOMEM;
		va = (va & -radix_span(level + 1)) + radix_span(level + 1);
	}
	return 0;
}

/*
 * Change the entries of a range, all of which are there: to lead to a run,
 * which is repeated, or, without one, to where each leads already. Inlined with
 * what each caller knows of level and run: this is what most calls of a port
 * consist of.
 */
static inline __attribute__((always_inline)) void
change_all(struct hvo_port *port, uintptr_t va, uint64_t pages, unsigned level,
	   const struct hvo_run *run, enum hvo_prot prot)
{
	uintptr_t span = radix_span(level);
	uint64_t entries = pages / (span / RADIX_PAGE);
	uint64_t first = run ? run->first.nr << HVO_ENTRY_PAGE_SHIFT : 0;
	uint64_t end = run ? first + run->count * RADIX_PAGE : 0;
	uint64_t to = first;

	while (entries) {
		struct radix_place place = {radix_entry(port, va, level),
					    level};
		uint64_t n = in_table(va, level, entries);

		entries -= n;
		for (; n; n--, place.entry++, va += span) {
			if (!run)
				to = entry_address(*place.entry, level);
			radix_store(port, place, va,
				    entry_leaf(to, prot, level));
			to = run && to + span == end ? first : to + span;
		}
	}
}

/* ---- the contract -------------------------------------------------------- */

int hvo_port_map(struct hvo_port *port, void *va, uint64_t pages,
		 struct hvo_run run, enum hvo_prot prot, bool block)
{
	unsigned level = block && HVO_ENTRY_BLOCK ? 1 : 0;
	int err = make_all(port, (uintptr_t)va, pages, level);

	if (err)
		return err;
	change_all(port, (uintptr_t)va, pages, level, &run, prot);
	entry_published();
	return 0;
}

int hvo_port_repoint(struct hvo_port *port, void *va, uint64_t pages,
		     struct hvo_run run, enum hvo_prot prot,
		     enum hvo_urgency urgency)
{
	(void)urgency;
	change_all(port, (uintptr_t)va, pages, 0, &run, prot);
	return 0;
}

int hvo_port_protect(struct hvo_port *port, void *va, uint64_t pages,
		     enum hvo_prot prot, enum hvo_urgency urgency)
{
	(void)urgency;
	change_all(port, (uintptr_t)va, pages, 0, NULL, prot);
	return 0;
}

/* Blocks go whole, entry by entry. */
int hvo_port_unmap(struct hvo_port *port, void *va, uint64_t pages,
		   enum hvo_urgency urgency)
{
	uintptr_t at = (uintptr_t)va, end = at + pages * RADIX_PAGE;

	(void)urgency;
	while (at < end) {
		struct radix_place place = radix_walk(port, at);

		radix_store(port, place, at & -radix_span(place.level), 0);
		at = (at & -radix_span(place.level)) + radix_span(place.level);
	}
	return 0;
}

void hvo_port_flush(struct hvo_port *port, void *va, uint64_t pages)
{
	atomic_fetch_add_explicit(&port->flushes, 1, memory_order_relaxed);
	entry_flush((uintptr_t)va, pages);
}
