/* SPDX-License-Identifier: MIT */
/*
 * What the kernel learns from a device tree, on the architectures whose
 * firmware passes one. The tree is only read. The name fdt.h is
 * libfdt's.
 */
#ifndef KERNEL_DEVICETREE_H
#define KERNEL_DEVICETREE_H

#include "arch.h"

/*
 * Open the tree at `tree`, of which `bytes` can be read at most, and fill in
 * everything of *machine but boot_cpu. The tree is at `physical` and becomes
 * reserved. *fdt is of use for as long as the tree is mapped.
 * Does not return if the tree is missing or broken: kernel_panic().
 */
void kernel_fdt_read(const void *tree, uint64_t physical, size_t bytes,
		     struct kernel_machine *machine, struct hvo_fdt *fdt);

/* Reserve [physical, physical + bytes), or panic if there is no room. */
void kernel_reserve(struct kernel_machine *machine, uint64_t physical,
		    uint64_t bytes);

#endif
