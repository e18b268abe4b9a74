/* SPDX-License-Identifier: MIT */
/*
 * The kernel's own page tables: its image, stacks and the direct map. They only
 * grow, on the boot CPU, in addresses that nobody uses yet; so nothing has to
 * be forgotten (SDM 3A, 4.10.2.3: absence is not cached).
 *
 * Table pages come from a fixed number of them in the image.
 */
#ifndef X86_64_TABLES_H
#define X86_64_TABLES_H

#include <stdint.h>

enum table_kind {
	TABLE_DATA,     /* read and write */
	TABLE_CONSTANT, /* read */
	TABLE_CODE,     /* read and execute */
	TABLE_DEVICE,   /* read and write, uncached */
};

struct table_range {
	uintptr_t va; /* all three are multiples of a page */
	uint64_t physical;
	uint64_t size;
};

uint64_t *table_root(void);

/* Map a range by the largest blocks that fit. Panics when the pages of the
 * image are used up. */
void table_map(struct table_range range, enum table_kind kind);

#endif
