/* SPDX-License-Identifier: MIT */
/*
 * Walking the kernel's page tables in its memory, as the processor does:
 * x86-64 with four or five levels (Intel SDM volume 3A, 4.5 "4-Level Paging
 * and 5-Level Paging"), arm64 with addresses of up to 52 bits (Arm ARM
 * DDI 0487, D8.3 "Translation table descriptor formats"). Private to this
 * library.
 *
 * The tables are live. Each entry is read at once, so a walk sees what some
 * walk of the processor's could have seen; two walks need not fit together
 * while something is being remapped.
 */
#ifndef HVO_HOST_KERNEL_TABLES_H
#define HVO_HOST_KERNEL_TABLES_H

#include "kcore.h"
#include "vmcoreinfo.h"

struct hvo_kernel_entry; /* what an entry says */

struct hvo_kernel_tables {
	const struct hvo_kcore *kcore;
	uint64_t top; /* virtual address of the top table */
	unsigned page_shift;
	unsigned address_bits; /* that the hardware translates */
	unsigned table_bits;   /* that the top table is made for */
	unsigned levels;
	uint64_t frame_mask; /* bits of an entry that are an address */
	uint64_t high_mask;  /* those that are its highest, shifted up by */
	unsigned high_shift;
	struct hvo_kernel_entry (*decode)(uint64_t entry, unsigned level);
};

/* Returns NULL, or why tables of this kernel cannot be walked. */
const char *hvo_kernel_tables_init(struct hvo_kernel_tables *tables,
				   const struct hvo_kcore *kcore,
				   const struct hvo_vmcoreinfo *info);

/* Where an address leads. False if a table cannot be read. */
bool hvo_kernel_tables_walk(const struct hvo_kernel_tables *tables,
			    uint64_t address, struct hvo_host_mapping *mapping);

#endif
