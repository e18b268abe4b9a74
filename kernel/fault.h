/* SPDX-License-Identifier: MIT */
/*
 * Faults: what is said of one, and, for tests, what was found out about the
 * last probe's on each CPU.
 */
#ifndef KERNEL_FAULT_H
#define KERNEL_FAULT_H

#include "memory.h"

/* From now on faults are told apart by this memory's vmemmap. */
void kernel_fault_about(struct kernel_memory *memory);

struct kernel_shared_tail_fault {
	bool shared_tail; /* a write to one */
	hvo_pfn_t pfn;
	unsigned order, node, zone, cpu;
};

const struct kernel_shared_tail_fault *kernel_last_fault(unsigned cpu);

#endif
