/* SPDX-License-Identifier: MIT */
#ifndef KERNEL_BENCH_H
#define KERNEL_BENCH_H

#include "memory.h"

/*
 * Print what optimizing and restoring take for each huge page of every size
 * that has a pool: through the pools, and by the engine alone, with the frames
 * coming from the free areas and going there. Nanoseconds, which are
 * instructions under QEMU's -icount shift=0. The pools are empty afterwards.
 */
void kernel_bench(struct kernel_memory *memory);

#endif
