/* SPDX-License-Identifier: MIT */
/*
 * Between the first instruction and arch_main(), and what boot code and the
 * rest of the kernel hand to each other.
 */
#ifndef X86_64_BOOT_H
#define X86_64_BOOT_H

#include <stdint.h>

extern uint64_t boot_start_info; /* physical address of the PVH start info */
extern uint64_t boot_root;       /* for CR3 */

/* What the CPU that is being started reads; one at a time. */
extern void *cpu_stack;
extern uint32_t cpu_number;

/* Called on the tables of head.S: make those that all CPUs will use. */
void boot_tables(void);

/* Called on the new tables: the old ones, which other CPUs start with, do not
 * let anything be written any more. */
void boot_leave(void);

/* Below 4 GiB of physical addresses everything is in the direct map. */
#define BOOT_MAPPED (UINT64_C(4) << 30)

/* head.S goes on here. */
_Noreturn void arch_main(void);
_Noreturn void arch_cpu_main(unsigned number);

#endif
