/* SPDX-License-Identifier: MIT */
/*
 * Translations made, changed and removed. Nothing here can fail but the
 * making of tables, which comes before anything is changed.
 */
#include "state.h"

/* Where page `i` of a range that repeats a run leads. */
static uint64_t run_address(struct hvo_run run, uint64_t i)
{
	uint64_t member = run.count == 1 ? 0 : i % run.count;

	return (run.first.nr + member) << HVO_ENTRY_PAGE_SHIFT;
}

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

/* Entries to the end of their table. */
static uint64_t entries_left(uintptr_t va, unsigned level)
{
	uintptr_t span = radix_span(level + 1);

	return (span - (va & (span - 1))) / radix_span(level);
}

struct hvo_run hvo_port_frames(struct hvo_port *port, void *va, uint64_t pages)
{
	struct radix_place place = radix_walk(port, (uintptr_t)va);
	entry_t e = radix_load(place.entry);
	struct hvo_run run = {frame_of(e, place.level, (uintptr_t)va), 1};
	uint64_t left = entries_left((uintptr_t)va, 0);

	if (pages > left)
		pages = left;
	if (place.level)
		run.count = pages;
	while (run.count < pages &&
	       entry_address(radix_load(place.entry + run.count), 0) ==
		   (run.first.nr + run.count) << HVO_ENTRY_PAGE_SHIFT)
		run.count++;
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
 * The entries of a range, all of which are there. Inlined with what each caller
 * knows of level and run: this is what most calls of a port consist of.
 */
static inline __attribute__((always_inline)) void
change_all(struct hvo_port *port, uintptr_t va, uint64_t pages, unsigned level,
	   const struct hvo_run *run, enum hvo_prot prot)
{
	uint64_t step = radix_span(level) / RADIX_PAGE;

	for (uint64_t i = 0; i < pages;) {
		entry_t *at = radix_make(port, va, level);
		uint64_t left = entries_left(va, level);

		for (; left && i < pages; left--, i += step, at++) {
			struct radix_place place = {at, level};
			uint64_t to = run ? run_address(*run, i)
					  : entry_address(*at, level);

			radix_store(port, place, va,
				    entry_leaf(to, prot, level));
			va += radix_span(level);
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
