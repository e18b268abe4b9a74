/* SPDX-License-Identifier: MIT */
/*
 * What is x86-64's own in the kernel's tables.
 */
#include "tables.h"
#include <stdbool.h>

#define GIB (UINT64_C(1) << 30)

/* PCD and PWT: entry 3 of the PAT, uncacheable (SDM 3A, 11.12.4). */
#define ENTRY_UNCACHED UINT64_C(0x18)

/* CPUID 80000001h, EDX: Page1GB. */
static bool has_1_gib(void)
{
	uint32_t eax = 0x80000001, ebx, ecx, edx;

	__asm__("cpuid" : "+a"(eax), "=b"(ebx), "=c"(ecx), "=d"(edx));
	return edx >> 26 & 1;
}

/*
 * SDM 3A, 11.11.9: a large page must not span memory of several types. Below
 * 4 GiB there are devices, RAM above.
 */
unsigned arch_table_largest(const struct table_range *range)
{
	return range->physical >= 4 * GIB && has_1_gib() ? 2 : 1;
}

entry_t arch_table_entry(entry_t entry, enum table_kind kind)
{
	if (kind == TABLE_CODE)
		return entry & ~ENTRY_NO_EXEC;
	if (kind == TABLE_DEVICE)
		return entry | ENTRY_UNCACHED;
	return entry;
}
