/* SPDX-License-Identifier: MIT */
/*
 * What a boot shows when nothing else is asked for: the vmemmap's frames by
 * the page tables and by the manager, before, optimized, restored.
 */
#ifndef KERNEL_SHOW_H
#define KERNEL_SHOW_H

#include "memory.h"

/* Returns an exit code. */
int kernel_show(struct kernel_memory *memory);

/* Frames that hold descriptors: distinct ones that the tables lead to. */
uint64_t kernel_walked_frames(struct kernel_memory *memory);

/* The same, by the engine's counters. */
uint64_t kernel_counted_frames(struct kernel_memory *memory);

#endif
