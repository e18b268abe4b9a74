/* SPDX-License-Identifier: MIT */
/*
 * The device tree, on the architectures whose firmware passes one: where it is.
 * It is found, and mapped for good, before the MMU is on; devicetree.h reads
 * it.
 */
#ifndef KERNEL_BOOT_TREE_H
#define KERNEL_BOOT_TREE_H

#include <stdint.h>

struct boot_tree {
	uint64_t physical; /* where firmware says it is */
	const void *at;    /* where it is mapped */
	uint64_t bytes;    /* that are mapped; 0 if there is no tree */
};

extern struct boot_tree boot_tree;

/* Fill in boot_tree, and map what it describes, for reading, at va and
 * upwards; va is a multiple of a page. Called with the MMU off. */
void boot_tree_map(uint64_t physical, uintptr_t va);

#endif
