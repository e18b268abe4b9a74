/* SPDX-License-Identifier: MIT */
/*
 * What is AArch64's own in the kernel's tables (DDI 0487, "VMSAv8-64 descriptor
 * formats"). Runs with the MMU off as well.
 */
#include "tables.h"

/* 1 GiB with pages of 4 KiB, 32 MiB with 16 KiB, 512 MiB with 64 KiB. */
unsigned arch_table_largest(const struct table_range *range)
{
	(void)range;
	return HVO_GRANULE == 4096 ? 2 : 1;
}

entry_t arch_table_entry(entry_t entry, enum table_kind kind)
{
	if (kind == TABLE_CODE)
		return entry & ~ENTRY_NO_EXEC_EL1;
	if (kind == TABLE_DEVICE) /* number 1, as boot.c sets MAIR_EL1 */
		return entry | (ENTRY_ATTRIBUTE & -ENTRY_ATTRIBUTE);
	return entry;
}
