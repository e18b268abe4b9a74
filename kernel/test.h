/* SPDX-License-Identifier: MIT */
#ifndef KERNEL_TEST_H
#define KERNEL_TEST_H

#include "memory.h"

/* Run all tests, as TAP on the console. Returns an exit code. */
int kernel_test(struct kernel_memory *memory);

/* Print the instructions (under -icount shift=0) that optimizing and restoring
 * take for each huge page. */
void kernel_bench(struct kernel_memory *memory);

#endif
