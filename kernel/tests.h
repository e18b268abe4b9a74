/* SPDX-License-Identifier: MIT */
/*
 * What the tests share. A test leaves the machine as it found it, but for how
 * many pages the pools have.
 */
#ifndef KERNEL_TESTS_H
#define KERNEL_TESTS_H

#include "memory.h"

/* One line of TAP. */
void kernel_report(bool good, const char *name);

/* The same for what cannot be tried on this machine. */
void kernel_skip(const char *name, const char *why);

/* The check of everything; says on the console what it found. */
bool kernel_fine(struct kernel_memory *memory);

/*
 * Run change() on this CPU while all others walk over all pages and take
 * references. Returns what it returned, and whether walkers saw only heads.
 */
bool kernel_walk_while(struct kernel_memory *memory,
		       bool (*change)(struct kernel_memory *memory));

/* Free pages of a size, and of these optimized ones. */
struct hvo_hugetlb_stats kernel_pool(struct kernel_memory *memory,
				     unsigned order);

/* Tests by subject; each prints its lines. */
void kernel_test_image(void);
void kernel_test_reshape(struct kernel_memory *memory);
void kernel_test_poison(struct kernel_memory *memory);
void kernel_test_hotplug(struct kernel_memory *memory);
void kernel_test_no_memory(struct kernel_memory *memory);

#endif
