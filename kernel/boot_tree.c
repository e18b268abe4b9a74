/* SPDX-License-Identifier: MIT */
#include "boot_tree.h"
#include "tables.h"

/* Of a tree, as Linux's boot protocol for arm64 demands
 * (Documentation/arch/arm64/booting.rst). */
#define MOST_BYTES UINT64_C(0x200000)

struct boot_tree boot_tree;

/* Devicetree Specification 0.4, 5.2: magic and totalsize, big-endian. */
static uint64_t bytes_of(uint64_t physical)
{
	const uint32_t *header = (const uint32_t *)physical;
	uint64_t bytes;

	if (!physical || physical % 8 ||
	    header[0] != __builtin_bswap32(0xd00dfeed))
		return 0;
	bytes = __builtin_bswap32(header[1]);
	return bytes < MOST_BYTES ? bytes : MOST_BYTES;
}

void boot_tree_map(uint64_t physical, uintptr_t va)
{
	uint64_t offset = physical % KERNEL_PAGE;
	uint64_t bytes = bytes_of(physical);
	struct table_range range = {
	    .va = va,
	    .physical = physical - offset,
	    .size = (offset + bytes + KERNEL_PAGE - 1) & -KERNEL_PAGE,
	};

	boot_tree = (struct boot_tree){
	    .physical = physical,
	    .at = (const void *)(va + offset),
	    .bytes = bytes,
	};
	if (bytes)
		table_map(table_root(), range, TABLE_CONSTANT);
}
