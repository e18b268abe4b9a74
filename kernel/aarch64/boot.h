/* SPDX-License-Identifier: MIT */
/*
 * Between the first instruction and arch_main(): the tables with which the
 * MMU is switched on, and what boot code hands to the rest of the kernel.
 */
#ifndef AARCH64_BOOT_H
#define AARCH64_BOOT_H

#include <stdint.h>

/* All CPUs' registers; head.S knows the order. */
struct boot_registers {
	uint64_t mair, tcr, ttbr0, ttbr1, sctlr;
};

extern struct boot_registers boot_registers;

/* Called with the MMU off, x0 of the boot protocol as argument. */
void boot_tables(uint64_t tree);

/* This CPU uses low addresses no more: an access to them faults. */
void boot_leave(void);

/* Where start_cpu in head.S finds its stack; in this order. */
struct boot_cpu {
	void *stack_top;
	uint64_t number;
};

/* head.S goes on here, at virtual addresses; the boot CPU's number is 0. */
_Noreturn void arch_main(unsigned number);
_Noreturn void arch_cpu_main(unsigned number);

#endif
