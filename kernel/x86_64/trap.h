/* SPDX-License-Identifier: MIT */
/*
 * Exceptions and interrupts: one table for all CPUs.
 */
#ifndef X86_64_TRAP_H
#define X86_64_TRAP_H

/* On the boot CPU, before trap_load() on any. */
void trap_make(void);

/* On each CPU, after its descriptors are loaded. */
void trap_load(void);

#endif
