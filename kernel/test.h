/* SPDX-License-Identifier: MIT */
#ifndef KERNEL_TEST_H
#define KERNEL_TEST_H

#include "memory.h"

/* Run all tests, as TAP on the console. Returns an exit code. */
int kernel_test(struct kernel_memory *memory);

#endif
