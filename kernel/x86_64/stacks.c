/* SPDX-License-Identifier: MIT */
#include "stacks.h"
#include "arch.h"
#include "layout.h"
#include "tables.h"

uintptr_t stack_map(unsigned cpu, enum stack stack, uint64_t physical,
		    uint64_t size)
{
	uintptr_t slot = cpu * (uintptr_t)STACKS + stack;
	uintptr_t top = LAYOUT_STACKS + (slot + 1) * LAYOUT_STACK_SLOT;

	table_map(table_root(),
		  (struct table_range){top - size, physical, size}, TABLE_DATA);
	return top;
}

bool stack_has(uintptr_t address)
{
	return address - LAYOUT_STACKS <
	       (uintptr_t)KERNEL_CPUS * STACKS * LAYOUT_STACK_SLOT;
}
