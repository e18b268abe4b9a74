/* SPDX-License-Identifier: MIT */
/* The port's check of the manual's rules, shown to fire. */
#ifndef KERNEL_BREAK_H
#define KERNEL_BREAK_H

#include "memory.h"

/*
 * Lead a writable page of live descriptors to another frame, which
 * architectures that need break-before-make forbid: the check stops the kernel
 * with the rule. Returns KERNEL_EXIT_FAILED if it does not, and
 * KERNEL_EXIT_USAGE where there is no such rule.
 */
int kernel_break(struct kernel_memory *memory);

#endif
