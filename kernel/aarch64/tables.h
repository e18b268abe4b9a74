/* SPDX-License-Identifier: MIT */
/*
 * The kernel's own translation tables: its image and the direct map. They
 * only grow, on the boot CPU, in addresses that nobody uses yet.
 *
 * Table pages come from a fixed number of them in the image, and these
 * functions work before the MMU is on as well as after.
 */
#ifndef AARCH64_TABLES_H
#define AARCH64_TABLES_H

#include <stdint.h>

enum table_kind {
	TABLE_DATA,     /* read and write */
	TABLE_CONSTANT, /* read */
	TABLE_CODE,     /* read and execute */
	TABLE_DEVICE,   /* read and write, in the order of the program */
};

struct table_range {
	uintptr_t va; /* all three are multiples of a page */
	uint64_t physical;
	uint64_t size;
};

/* Of MAIR_EL1: attribute 0, normal memory, write-back; attribute 1, Device-
 * nGnRnE. */
#define TABLE_MAIR UINT64_C(0x00ff)

/* The table for all of the kernel's addresses, indexed by all their bits; and
 * the one for low addresses, where boot code finds itself. */
uint64_t *table_kernel(void);
uint64_t *table_low(void);

/* Map a range by the largest blocks that fit. Panics when the pages of the
 * image are used up. */
void table_map(uint64_t *root, struct table_range range, enum table_kind kind);

/* Where an address inside the image is in memory. */
uint64_t image_physical(const void *address);

/* To be told before anything else: where `start` is in memory. */
void image_is_at(uint64_t physical);

#endif
