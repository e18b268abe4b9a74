/* SPDX-License-Identifier: MIT */
/*
 * The kernel's own page tables: its image and the direct map. They only grow,
 * on the boot hart, in addresses that nobody uses yet.
 *
 * Table pages come from a fixed number of them in the image, and these
 * functions work before the MMU is on as well as after.
 */
#ifndef RISCV64_TABLES_H
#define RISCV64_TABLES_H

#include <stdbool.h>
#include <stdint.h>

enum table_kind {
	TABLE_DATA,     /* read and write; devices too */
	TABLE_CONSTANT, /* read */
	TABLE_CODE,     /* read and execute */
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

/* Is there any translation for an address, the window of the port included?
 * (scause does not tell an absent page from a forbidden one.) */
bool table_has(uintptr_t va);

/* Where an address inside the image is in memory. */
uint64_t image_physical(const void *address);

/* To be told before anything else: where `start` is in memory. */
void image_is_at(uint64_t physical);

#endif
