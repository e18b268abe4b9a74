/* SPDX-License-Identifier: MIT */
/*
 * What the kernel learns from the device tree, on the architectures whose
 * firmware passes one. The tree is only read. The name fdt.h is libfdt's.
 */
#ifndef KERNEL_DEVICETREE_H
#define KERNEL_DEVICETREE_H

#include "arch.h"

/*
 * Open boot_tree and fill in everything of *machine but boot_cpu. The tree
 * becomes reserved. *fdt, which is the caller's, stays of use.
 * Does not return if the tree is missing or broken: kernel_panic().
 */
void kernel_fdt_read(struct kernel_machine *machine, struct hvo_fdt *fdt);

#endif
