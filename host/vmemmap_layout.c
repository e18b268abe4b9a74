/* SPDX-License-Identifier: MIT */
/*
 * Which generation of HVO a huge page's vmemmap pages are mapped by. What
 * tells them apart is whose frame the tails lead to, and what may be written.
 * Sources: Linux's Documentation/mm/vmemmap_dedup.rst, as of 5.14 (the second
 * page's, read-only), 5.18 (the first page's), 5.19 (device DAX: the second
 * page's, writable) and 7.1 (one that huge pages share, read-only).
 */
#include <stdlib.h>
#include "hvo_host.h"

/* ---- looking at mappings ------------------------------------------------- */

static bool all_mapped(const struct hvo_host_mapping *pages, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!pages[i].mapped)
			return false;
	return true;
}

/* Do pages first.. of n have that permission? */
static bool all_writable(const struct hvo_host_mapping *pages, size_t first,
			 size_t n, bool writable)
{
	for (size_t i = first; i < n; i++)
		if (pages[i].writable != writable)
			return false;
	return true;
}

/* Do pages first.. of n lead to one frame? */
static bool one_frame(const struct hvo_host_mapping *pages, size_t first,
		      size_t n)
{
	for (size_t i = first; i < n; i++)
		if (pages[i].frame != pages[first].frame)
			return false;
	return true;
}

static int compare_frames(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

/* Does each lead to a frame of its own? No, for want of memory. */
static bool all_differ(const struct hvo_host_mapping *pages, size_t n)
{
	uint64_t *frames = calloc(n, sizeof(*frames));
	bool differ = frames;

	for (size_t i = 0; differ && i < n; i++)
		frames[i] = pages[i].frame;
	if (differ)
		qsort(frames, n, sizeof(*frames), compare_frames);
	for (size_t i = 1; differ && i < n; i++)
		differ = frames[i] != frames[i - 1];
	free(frames);
	return differ;
}

/* ---- the verdict --------------------------------------------------------- */

/* Page 1 and those behind it lead to one frame, page 0 to another. */
static enum hvo_host_layout second_frame(const struct hvo_host_mapping *pages,
					 size_t n)
{
	if (all_writable(pages, 1, n, false))
		return HVO_HOST_LAYOUT_SHARED_TAILS;
	if (all_writable(pages, 1, n, true))
		return HVO_HOST_LAYOUT_DEVICE_DAX;
	if (all_writable(pages, 2, n, false))
		return HVO_HOST_LAYOUT_RESERVE_TWO;
	return HVO_HOST_LAYOUT_OTHER;
}

enum hvo_host_layout hvo_host_layout_of(const struct hvo_host_mapping *pages,
					size_t n)
{
	if (!n || !all_mapped(pages, n))
		return HVO_HOST_LAYOUT_UNMAPPED;
	if (all_writable(pages, 0, n, true) && all_differ(pages, n))
		return HVO_HOST_LAYOUT_FULL;
	if (n == 1)
		return HVO_HOST_LAYOUT_OTHER;
	if (one_frame(pages, 0, n))
		return all_writable(pages, 1, n, false)
			   ? HVO_HOST_LAYOUT_FAKE_HEADS
			   : HVO_HOST_LAYOUT_OTHER;
	if (one_frame(pages, 1, n) && pages[0].frame != pages[1].frame)
		return second_frame(pages, n);
	return HVO_HOST_LAYOUT_OTHER;
}

const char *hvo_host_layout_name(enum hvo_host_layout layout)
{
	static const char *const names[] = {
	    [HVO_HOST_LAYOUT_UNMAPPED] = "unmapped",
	    [HVO_HOST_LAYOUT_FULL] = "full",
	    [HVO_HOST_LAYOUT_RESERVE_TWO] = "reserve-two",
	    [HVO_HOST_LAYOUT_DEVICE_DAX] = "device-dax",
	    [HVO_HOST_LAYOUT_FAKE_HEADS] = "fake-heads",
	    [HVO_HOST_LAYOUT_SHARED_TAILS] = "shared-tails",
	    [HVO_HOST_LAYOUT_OTHER] = "other",
	};

	return names[layout];
}

uint64_t hvo_host_layout_saves(enum hvo_host_layout layout, uint64_t n)
{
	switch (layout) {
	case HVO_HOST_LAYOUT_RESERVE_TWO:
	case HVO_HOST_LAYOUT_DEVICE_DAX:
		return n - 2;
	case HVO_HOST_LAYOUT_FAKE_HEADS:
	case HVO_HOST_LAYOUT_SHARED_TAILS:
		return n - 1;
	default:
		return 0;
	}
}

/* ---- of a huge page ------------------------------------------------------ */

/* The descriptors of 16 GiB in pages of 4 KiB fill a quarter of that. */
#define PAGES_MOST (UINT64_C(1) << 20)

int hvo_host_prove_layout(const struct hvo_host_tables *tables, uint64_t pfn,
			  uint64_t pages, struct hvo_host_proof *proof)
{
	struct hvo_host_mapping *mappings =
	    pages <= PAGES_MOST ? calloc(pages, sizeof(*mappings)) : NULL;
	int error = mappings ? 0 : -1;

	for (uint64_t i = 0; !error && i < pages; i++)
		error = hvo_host_tables_look(tables, pfn, i, &mappings[i]);
	if (!error) {
		proof->layout = hvo_host_layout_of(mappings, pages);
		proof->saves = hvo_host_layout_saves(proof->layout, pages);
	}
	free(mappings);
	return error;
}
