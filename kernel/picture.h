/* SPDX-License-Identifier: MIT */
/*
 * Where the descriptors of one huge page lead, as the live tables have it:
 * drawn beside what it was before.
 */
#ifndef KERNEL_PICTURE_H
#define KERNEL_PICTURE_H

#include "memory.h"

#define KERNEL_PICTURE_ROWS 9

struct kernel_picture {
	unsigned rows;
	struct kernel_picture_row {
		uint64_t page;  /* of the folio's descriptors */
		uint64_t count; /* more than one: these are left out */
		struct hvo_translation to;
	} row[KERNEL_PICTURE_ROWS];
};

/* The first pages of the folio at pfn, and the last. */
void kernel_picture_take(struct kernel_picture *picture,
			 struct kernel_memory *memory, hvo_pfn_t pfn,
			 unsigned order);

/* Print two pictures of one folio, side by side. */
void kernel_picture_draw(const struct kernel_picture *before,
			 const struct kernel_picture *now);

#endif
