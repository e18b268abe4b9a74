/* SPDX-License-Identifier: MIT */
/*
 * The memory manager made from what firmware said and the command line asks
 * for: memblock, tables for the vmemmap, boot pages, pools. Panics when that
 * cannot be done.
 */
#ifndef KERNEL_MEMORY_H
#define KERNEL_MEMORY_H

#include "arch.h"
#include "hvo/error.h"
#include "hvo/hugetlb.h"
#include "hvo_radix.h"
#include "tables.h"

struct kernel_memory {
	struct hvo_mm_config config;
	struct hvo_port *port;
	struct hvo_mm *mm;
	struct hvo_hugetlb *pools;
	struct hvo_bootparam param;
	unsigned orders[HVO_HUGETLB_SIZES_MAX]; /* of huge pages, rising */
	unsigned sizes;                         /* how many */
	unsigned char *stacks;                  /* KERNEL_STACK bytes a CPU */
	unsigned char *seen;                    /* a bit for each frame */
	uint64_t frame_end;
	uint64_t ram; /* bytes */
};

void kernel_memory_make(struct kernel_memory *memory,
			const struct kernel_machine *machine);

/* hvo_mm_check() and hvo_hugetlb_check(): NULL, or what they found. */
const char *kernel_memory_check(struct kernel_memory *memory);

/* Huge page sizes that the command line can name. */
void kernel_memory_sizes(struct kernel_memory *memory);

/* Read the command line: panics, with KERNEL_EXIT_USAGE, at what is wrong. */
void kernel_memory_parameters(struct kernel_memory *memory,
			      const struct kernel_machine *machine);

#endif
