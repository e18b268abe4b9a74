/* SPDX-License-Identifier: MIT */
/*
 * What the device tree says, and where addresses are.
 */
#include "arch.h"
#include "devicetree.h"
#include "layout.h"
#include "psci.h"
#include "registers.h"

/* Affinity fields of MPIDR_EL1, as the tree's cpu nodes have them in reg. */
#define MPIDR_AFFINITY UINT64_C(0xff00ffffff)

/* ---- the tree ------------------------------------------------------------ */

void arch_discover(struct kernel_machine *machine)
{
	struct hvo_fdt fdt;

	kernel_fdt_read(machine, &fdt);
	psci_find(&fdt);
	machine->boot_cpu = read_register(mpidr_el1) & MPIDR_AFFINITY;
}

const char *arch_name(void)
{
	switch (HVO_GRANULE) {
	case 4096:
		return "aarch64, 4 KiB granule";
	case 16384:
		return "aarch64, 16 KiB granule";
	default:
		return "aarch64, 64 KiB granule";
	}
}

/* ---- addresses ----------------------------------------------------------- */

const struct kernel_addresses arch_addresses = {
    .direct_map = LAYOUT_DIRECT_MAP,
    .direct_map_size = LAYOUT_DIRECT_MAP_SIZE,
    .vmemmap = LAYOUT_VMEMMAP,
    .vmemmap_size = LAYOUT_VMEMMAP_SIZE,
};
