/* SPDX-License-Identifier: MIT */
/*
 * What is RISC-V's own in the kernel's tables. Runs with the MMU off as well.
 */
#include "tables.h"

/* 512 GiB: with Sv48 the root's entries may be leaves. */
unsigned arch_table_largest(const struct table_range *range)
{
	(void)range;
	return HVO_ENTRY_LEVELS - 1;
}

/* Devices are such by their physical addresses. */
entry_t arch_table_entry(entry_t entry, enum table_kind kind)
{
	return kind == TABLE_CODE ? entry | ENTRY_EXECUTE : entry;
}
