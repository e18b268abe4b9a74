/* SPDX-License-Identifier: MIT */
/*
 * Finding the vmemmap. Newer kernels name it in VMCOREINFO. Others show it: for
 * each range of RAM the core has a segment with a physical address, and one
 * without for the range's descriptors, in whole pages. At the edges of a
 * range, a page of descriptors may be left to its neighbour. There is one
 * place from which all of these fit, and it is aligned to more than a page.
 */
#include <stdlib.h>
#include "kernel_vmemmap.h"

/* So many pages, at least: what is a page off is not taken for it. */
#define ALIGNED 16

struct search {
	const struct hvo_kcore *kcore;
	const struct hvo_vmcoreinfo *info;
	/* Descriptors of the ranges of RAM: offsets in the vmemmap. */
	struct extent {
		uint64_t first, end;
	} * ram;
	size_t n;
};

static bool is_ram(const struct hvo_kcore_segment *segment)
{
	return segment->physical != HVO_KCORE_NOWHERE;
}

/*
 * Does the range lie in another one? The kernel's image does, as a segment of
 * its own; it has no further descriptors.
 */
static bool is_inside(const struct hvo_kcore *kcore,
		      const struct hvo_kcore_segment *s)
{
	for (size_t i = 0; i < kcore->n; i++) {
		const struct hvo_kcore_segment *other = &kcore->segments[i];

		if (is_ram(other) && other->bytes > s->bytes &&
		    s->physical >= other->physical &&
		    s->physical - other->physical <= other->bytes - s->bytes)
			return true;
	}
	return false;
}

static struct extent extent_of(const struct hvo_vmcoreinfo *info,
			       const struct hvo_kcore_segment *ram)
{
	uint64_t mask = info->page_bytes - 1;
	uint64_t first = ram->physical / info->page_bytes;
	uint64_t last = (ram->physical + ram->bytes - 1) / info->page_bytes;

	return (struct extent){
	    .first = first * info->record_bytes & ~mask,
	    .end = ((last + 1) * info->record_bytes + mask) & ~mask,
	};
}

static void list_ram(struct search *s)
{
	for (size_t i = 0; i < s->kcore->n; i++) {
		const struct hvo_kcore_segment *ram = &s->kcore->segments[i];

		if (is_ram(ram) && !is_inside(s->kcore, ram))
			s->ram[s->n++] = extent_of(s->info, ram);
	}
}

/* Has an extent its segment, if the vmemmap is there? */
static bool has_segment(const struct search *s, const struct extent *extent,
			uint64_t vmemmap)
{
	uint64_t page = s->info->page_bytes;

	if (extent->end - extent->first <= page)
		return true;
	for (size_t i = 0; i < s->kcore->n; i++) {
		const struct hvo_kcore_segment *found = &s->kcore->segments[i];
		uint64_t end = found->address + found->bytes;

		if (!is_ram(found) &&
		    found->address - (vmemmap + extent->first) <= page &&
		    vmemmap + extent->end - end <= page)
			return true;
	}
	return false;
}

static bool fits(const struct search *s, uint64_t vmemmap)
{
	if (vmemmap % (ALIGNED * s->info->page_bytes))
		return false;
	for (size_t i = 0; i < s->n; i++)
		if (!has_segment(s, &s->ram[i], vmemmap))
			return false;
	return true;
}

static const struct extent *largest(const struct search *s)
{
	const struct extent *best = &s->ram[0];

	for (size_t i = 1; i < s->n; i++)
		if (s->ram[i].end - s->ram[i].first > best->end - best->first)
			best = &s->ram[i];
	return best;
}

/* Lay the largest extent at the beginning and the end of each segment. */
static bool search(const struct search *s, uint64_t *vmemmap)
{
	const struct extent *extent = s->n ? largest(s) : NULL;
	bool found = false;

	for (size_t i = 0; extent && i < 2 * s->kcore->n; i++) {
		const struct hvo_kcore_segment *at = &s->kcore->segments[i / 2];
		uint64_t start = i % 2 ? at->address + at->bytes - extent->end
				       : at->address - extent->first;

		if (is_ram(at) || (found && start == *vmemmap) ||
		    !fits(s, start))
			continue;
		if (found)
			return false; /* it could be in two places */
		*vmemmap = start;
		found = true;
	}
	return found;
}

bool hvo_kernel_vmemmap_find(const struct hvo_kcore *kcore,
			     const struct hvo_vmcoreinfo *info,
			     uint64_t *vmemmap)
{
	struct search s = {.kcore = kcore, .info = info};
	bool found;

	*vmemmap = info->vmemmap;
	if (*vmemmap)
		return true;
	s.ram = calloc(kcore->n ? kcore->n : 1, sizeof(*s.ram));
	if (!s.ram)
		return false;
	list_ram(&s);
	found = search(&s, vmemmap);
	free(s.ram);
	return found;
}
