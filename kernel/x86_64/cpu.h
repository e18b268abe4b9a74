/* SPDX-License-Identifier: MIT */
/*
 * How CPUs wait, arch_sleep(), as interrupts see it.
 */
#ifndef X86_64_CPU_H
#define X86_64_CPU_H

/* What VECTOR_WAKE asks for. */
void wake_answer(void);

#endif
