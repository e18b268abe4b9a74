/* SPDX-License-Identifier: MIT */
/*
 * The naive reference for memblock: one cell for each unit of a small address
 * space, once for memory and once for reserved. Regions are what runs of equal
 * cells look like; everything is found by going through all cells.
 */
#ifndef MEMBLOCK_REF_H
#define MEMBLOCK_REF_H

#include "memblock_fixture.h"

#define UNIT  KIB(1)
#define UNITS 192

struct cell {
	bool present;
	int nid;
	unsigned flags;
};

struct ref {
	struct cell memory[UNITS];
	struct cell reserved[UNITS];
	bool mirrored;
};

static inline bool same_cell(const struct cell *a, const struct cell *b)
{
	return a->present == b->present &&
	       (!a->present || (a->nid == b->nid && a->flags == b->flags));
}

/* First unit after `at` whose cell differs. */
static inline unsigned run_end(const struct cell *cells, unsigned at)
{
	unsigned end = at + 1;

	while (end < UNITS && same_cell(&cells[end], &cells[at]))
		end++;
	return end;
}

/* ---- changes ---------------------------------------------------------- */

static inline void ref_add(struct cell *cells, unsigned from, unsigned to,
			   int nid, unsigned flags)
{
	for (unsigned i = from; i < to; i++)
		if (!cells[i].present)
			cells[i] = (struct cell){true, nid, flags};
}

static inline void ref_remove(struct cell *cells, unsigned from, unsigned to)
{
	for (unsigned i = from; i < to; i++)
		cells[i].present = false;
}

static inline void ref_flags(struct cell *cells, unsigned from, unsigned to,
			     unsigned set, unsigned clear)
{
	for (unsigned i = from; i < to; i++)
		cells[i].flags = (cells[i].flags | set) & ~clear;
}

static inline void ref_node(struct cell *cells, unsigned from, unsigned to,
			    int nid)
{
	for (unsigned i = from; i < to; i++)
		cells[i].nid = nid;
}

static inline void ref_trim(struct ref *ref, unsigned align)
{
	for (unsigned at = 0, end; at < UNITS; at = end) {
		unsigned from = (at + align - 1) / align * align;
		unsigned to;

		end = run_end(ref->memory, at);
		to = end / align * align;
		if (!ref->memory[at].present)
			continue;
		if (from >= to)
			from = to = end;
		ref_remove(ref->memory, at, from < end ? from : end);
		ref_remove(ref->memory, to, end);
	}
}

/* Where the lowest n units of memory end; UNITS if there are fewer. */
static inline unsigned ref_lowest(const struct ref *ref, unsigned n)
{
	for (unsigned i = 0; i < UNITS; i++)
		if (ref->memory[i].present && !--n)
			return i + 1;
	return UNITS;
}

static inline void ref_cap(struct ref *ref, unsigned from, unsigned to)
{
	bool any = false;

	for (unsigned i = 0; i < UNITS; i++)
		any = any || ref->memory[i].present;
	for (unsigned i = 0; any && i < UNITS; i++) {
		if (i >= from && i < to)
			continue;
		ref->reserved[i].present = false;
		if (!(ref->memory[i].flags & HVO_MEMBLOCK_NOMAP))
			ref->memory[i].present = false;
	}
}

/* ---- free memory ------------------------------------------------------ */

static inline bool ref_selected(const struct cell *cell, bool movable_node,
				int nid, unsigned flags)
{
	unsigned skip = HVO_MEMBLOCK_NOMAP | HVO_MEMBLOCK_DRIVER_MANAGED |
			(movable_node ? HVO_MEMBLOCK_HOTPLUG : 0);

	if (!cell->present || (cell->flags & skip & ~flags))
		return false;
	if (flags & HVO_MEMBLOCK_MIRROR && !(cell->flags & HVO_MEMBLOCK_MIRROR))
		return false;
	return !hvo_numa_valid_node(nid) || cell->nid == nid;
}

/* Units [at, at + n) are free, and in one region of memory. */
static inline bool ref_free(const struct ref *ref, unsigned at, unsigned n)
{
	for (unsigned i = at; i < at + n; i++)
		if (ref->reserved[i].present ||
		    !same_cell(&ref->memory[i], &ref->memory[at]))
			return false;
	return ref->memory[at].present;
}

struct ref_request {
	unsigned n;     /* units */
	unsigned align; /* units */
	unsigned from;  /* the range allowed */
	unsigned to;
	int nid;
	unsigned flags;
};

/* The unit where a block goes; UNITS if nowhere. */
static inline unsigned ref_find(const struct ref *ref,
				const struct hvo_memblock *mb,
				const struct ref_request *r)
{
	unsigned found = UNITS;
	unsigned page_0 = PAGE / UNIT;

	for (unsigned at = page_0; at + r->n <= UNITS; at++) {
		if (at < r->from || at + r->n > r->to || at % r->align ||
		    !ref_selected(&ref->memory[at], mb->movable_node, r->nid,
				  r->flags) ||
		    !ref_free(ref, at, r->n))
			continue;
		found = at;
		if (mb->bottom_up)
			break;
	}
	return found;
}

/* With all that is tried in turn; *nid is what is recorded. */
static inline unsigned ref_alloc(const struct ref *ref,
				 const struct hvo_memblock *mb,
				 struct ref_request r, bool exact, int *nid)
{
	for (int mirror = ref->mirrored; mirror >= 0; mirror--)
		for (int any = 0; any < 2; any++) {
			struct ref_request now = r;
			unsigned found;

			if (any && exact)
				continue;
			now.flags = mirror ? HVO_MEMBLOCK_MIRROR : 0;
			now.nid = any ? ANY : r.nid;
			found = ref_find(ref, mb, &now);
			*nid = hvo_numa_valid_node(now.nid) ? now.nid : ANY;
			if (found < UNITS)
				return found;
		}
	return UNITS;
}

/* ---- comparing -------------------------------------------------------- */

/* type's regions below UNITS units are the runs of present cells. */
static inline void assert_runs(const struct hvo_memblock_type *type,
			       const struct cell *cells)
{
	unsigned long n = 0;

	for (unsigned at = 0, end; at < UNITS; at = end) {
		struct hvo_memblock_region run;

		end = run_end(cells, at);
		if (!cells[at].present)
			continue;
		run = region(at * UNIT, (end - at) * UNIT, cells[at].nid,
			     cells[at].flags);
		assert_true(n < type->cnt);
		assert_region(&type->regions[n++], &run);
	}
	if (n < type->cnt)
		assert_true(type->regions[n].base >= UNITS * UNIT);
}

/* Free ranges below UNITS units are these, in both directions. */
static inline void assert_free_runs(const struct hvo_memblock *mb,
				    const struct ref *ref, int nid,
				    unsigned flags)
{
	enum hvo_memblock_flags named = (enum hvo_memblock_flags)flags;
	uint64_t up = 0;
	uint64_t down = HVO_MEMBLOCK_END;
	struct free_run {
		hvo_phys_t start, end;
	} e, runs[UNITS];
	unsigned n = 0;
	int found;

	for (unsigned at = 0, end; at < UNITS; at = end) {
		end = at + 1;
		if (!ref_selected(&ref->memory[at], mb->movable_node, nid,
				  flags) ||
		    !ref_free(ref, at, 1))
			continue;
		while (end < UNITS && ref_free(ref, at, end + 1 - at))
			end++;
		runs[n].start = at * UNIT;
		runs[n++].end = end * UNIT;
		assert_true(hvo_memblock_next_free_range(
		    mb, &up, nid, named, &e.start, &e.end, &found));
		assert_int_equal(e.start, at * UNIT);
		assert_int_equal(e.end, end * UNIT);
		assert_int_equal(found, ref->memory[at].nid);
	}
	while (hvo_memblock_next_free_range(mb, &up, nid, named, &e.start, NULL,
					    NULL))
		assert_true(e.start >= UNITS * UNIT);
	while (hvo_memblock_next_free_range_rev(mb, &down, nid, named, &e.start,
						&e.end, NULL)) {
		if (e.start >= UNITS * UNIT)
			continue;
		assert_true(n > 0);
		assert_int_equal(e.start, runs[--n].start);
		assert_int_equal(e.end, runs[n].end);
	}
	assert_int_equal(n, 0);
}

/* ---- room ------------------------------------------------------------- */

/* Runs of absent cells in a range: what adding it adds. */
static inline unsigned ref_gaps(const struct cell *cells, unsigned from,
				unsigned to)
{
	unsigned gaps = 0;

	for (unsigned i = from; i < to; i++)
		gaps +=
		    !cells[i].present && (i == from || cells[i - 1].present);
	return gaps;
}

/* Does unit boundary `at` lie inside a region? */
static inline bool ref_inside(const struct cell *cells, unsigned at)
{
	return at > 0 && at < UNITS && cells[at].present &&
	       same_cell(&cells[at - 1], &cells[at]);
}

/* Does a range lie inside one region, clear of its ends? */
static inline bool ref_punches(const struct cell *cells, unsigned from,
			       unsigned to)
{
	return from < to && ref_inside(cells, from) && ref_inside(cells, to) &&
	       run_end(cells, from) > to;
}

#endif
