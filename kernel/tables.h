/* SPDX-License-Identifier: MIT */
/*
 * The kernel's own translation tables: its image, the direct map, and what an
 * architecture needs besides. They only grow, on the boot CPU, in addresses
 * that nobody uses yet.
 *
 * Table pages come from a fixed number of them in the image, and these
 * functions work before the MMU is on as well as after.
 */
#ifndef KERNEL_TABLES_H
#define KERNEL_TABLES_H

#include <stdint.h>
#include "entry.h"

#define KERNEL_PAGE ((uint64_t)1 << HVO_ENTRY_PAGE_SHIFT)

enum table_kind {
	TABLE_DATA,     /* read and write */
	TABLE_CONSTANT, /* read */
	TABLE_CODE,     /* read and execute */
	TABLE_DEVICE,   /* read and write, uncached, in the program's order */
};

struct table_range {
	uintptr_t va; /* all three are multiples of a page */
	uint64_t physical;
	uint64_t size;
};

/* The table for all of the kernel's addresses. */
entry_t *table_root(void);

/* Which entry of a table is for an address. Pages' tables are at level 0. */
unsigned table_index(uintptr_t va, unsigned level);

/* Map a range in a root table by the largest blocks that fit; this CPU can use
 * it then. Panics when the pages of the image are used up. */
void table_map(entry_t *table, struct table_range range, enum table_kind kind);

/* Map the image at va, none of it both writable and executable. */
void table_map_image(uintptr_t va);

/* ---- what an architecture does for them ---------------------------------- */

/* The highest level at which blocks may map this range. */
unsigned arch_table_largest(const struct table_range *range);

/* Complete a leaf entry, which allows reading, or reading and writing, as the
 * kind does: with execution, or with the memory type of devices. */
entry_t arch_table_entry(entry_t entry, enum table_kind kind);

#endif
