/* SPDX-License-Identifier: MIT */
/*
 * What the device tree says, and where addresses are.
 */
#include "arch.h"
#include "boot.h"
#include "clock.h"
#include "devicetree.h"
#include "layout.h"
#include <libfdt.h>

/* ---- the tree ------------------------------------------------------------ */

/* Devicetree Specification 0.4, 3.7 "/cpus Node Properties": one cell or two;
 * RISC-V's binding has one. */
static void read_timebase(const void *tree)
{
	int size;
	const fdt32_t *hz = fdt_getprop(tree, fdt_path_offset(tree, "/cpus"),
					"timebase-frequency", &size);

	if (!hz || size != sizeof(*hz) || !fdt32_ld(hz))
		kernel_panic("the device tree's /cpus has no "
			     "timebase-frequency: use a tree that says how "
			     "fast time runs");
	clock_is(fdt32_ld(hz));
}

void arch_discover(struct kernel_machine *machine)
{
	struct hvo_fdt fdt;

	kernel_fdt_read(machine, &fdt);
	read_timebase(fdt.tree);
	machine->boot_cpu = boot_hart;
}

const char *arch_name(void)
{
	return "riscv64, Sv48";
}

/* ---- addresses ----------------------------------------------------------- */

const struct kernel_addresses arch_addresses = {
    .direct_map = LAYOUT_DIRECT_MAP,
    .direct_map_size = LAYOUT_DIRECT_MAP_SIZE,
    .vmemmap = LAYOUT_VMEMMAP,
    .vmemmap_size = LAYOUT_VMEMMAP_SIZE,
};
