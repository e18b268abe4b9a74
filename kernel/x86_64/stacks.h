/* SPDX-License-Identifier: MIT */
/*
 * Stacks, each with unmapped addresses below it: running past its end is a page
 * fault, which has nowhere to be pushed, and so becomes a double fault.
 */
#ifndef X86_64_STACKS_H
#define X86_64_STACKS_H

#include <stdbool.h>
#include <stdint.h>

/* Of each CPU. All but the first are numbers of interrupt stacks (SDM 3A,
 * 6.14.5): the events that may come when the usual one is of no use. */
enum stack {
	STACK_USUAL,
	STACK_DOUBLE_FAULT,
	STACK_NMI,
	STACK_MACHINE_CHECK,
	STACKS /* how many there are */
};

/* Map memory as a CPU's stack; size is at most half a slot. Returns its top.
 * To be called once for each, on the boot CPU. */
uintptr_t stack_map(unsigned cpu, enum stack stack, uint64_t physical,
		    uint64_t size);

/* Is the address where stacks are? */
bool stack_has(uintptr_t address);

#endif
