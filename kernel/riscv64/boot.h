/* SPDX-License-Identifier: MIT */
/*
 * Between the first instruction and arch_main(): the tables with which the
 * MMU is switched on, and what boot code hands to the rest of the kernel.
 */
#ifndef RISCV64_BOOT_H
#define RISCV64_BOOT_H

#include <stdint.h>

extern uint64_t boot_satp;
extern uint64_t boot_hart;

/* Called with the MMU off, with the hart id and the tree's address. */
void boot_tables(uint64_t hart, uint64_t tree);

/* Called with the MMU off, because it cannot be switched on. */
_Noreturn void boot_refuse(void);

/* Where start_cpu in head.S finds what it needs; in this order. */
struct boot_cpu {
	void *stack_top;
	uint64_t number;
	uint64_t satp;
};

/* head.S goes on here, at virtual addresses, tp holding the CPU's number. */
_Noreturn void arch_main(void);
_Noreturn void arch_cpu_main(void);

#endif
