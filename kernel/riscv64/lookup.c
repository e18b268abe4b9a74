/* SPDX-License-Identifier: MIT */
#include "lookup.h"
#include "entry.h"
#include "image.h"
#include "layout.h"
#include "tables.h"

/* Tables are in the image, or are the port's: then they are in RAM. */
static const entry_t *table_at(uint64_t physical)
{
	if (physical - image_physical(image_start) < image_size())
		return image_pointer(physical);
	return (const entry_t *)(LAYOUT_DIRECT_MAP + physical);
}

bool lookup_finds(uintptr_t va)
{
	const entry_t *table = table_root();
	unsigned level = HVO_ENTRY_LEVELS - 1;
	entry_t e;

	/* 12.5.1: bits 63:48 must equal bit 47. */
	if ((uintptr_t)((intptr_t)(va << 16) >> 16) != va)
		return false;
	for (;;) {
		e = table[table_index(va, level)];
		if (!entry_present(e) || entry_is_leaf(e, level))
			return entry_present(e);
		if (level == 0)
			return false;
		table = table_at(entry_address(e, level--));
	}
}
