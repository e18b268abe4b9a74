/* SPDX-License-Identifier: MIT */
/*
 * VMCOREINFO, the note in which a kernel describes itself to readers of its
 * memory: lines KEY=VALUE (Linux's Documentation/admin-guide/kdump/
 * vmcoreinfo.rst). Pure functions; private to this library.
 */
#ifndef HVO_HOST_VMCOREINFO_H
#define HVO_HOST_VMCOREINFO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct hvo_vmcoreinfo {
	char release[80];
	uint64_t page_bytes;   /* of a base page: a power of two from 4096 on */
	uint64_t record_bytes; /* sizeof(struct page) */
	uint64_t tables;       /* address of the kernel's top table */
	uint64_t vmemmap;      /* address of frame 0's descriptor; 0: untold */
	/* x86-64 */
	bool five_levels;
	uint64_t encrypted; /* bits of table entries that are no address */
	/* arm64: bits of an address, as set in the hardware; 0: untold */
	unsigned address_bits;
	unsigned table_bits; /* what the kernel was made for: as many, or 52 */
};

/*
 * Parse it; false if a line that every kernel writes is missing or makes no
 * sense: its key is in *missing then.
 */
bool hvo_vmcoreinfo_parse(struct hvo_vmcoreinfo *info, const char *text,
			  const char **missing);

#endif
