/* SPDX-License-Identifier: MIT */
/*
 * What the device tree says, and the direct map of the RAM that it lists.
 */
#include "arch.h"
#include "boot.h"
#include "entry.h"
#include "devicetree.h"
#include "image.h"
#include "layout.h"
#include "psci.h"
#include "registers.h"
#include "tables.h"

/* Affinity fields of MPIDR_EL1, as the tree's cpu nodes have them in reg. */
#define MPIDR_AFFINITY UINT64_C(0xff00ffffff)

/* ---- the direct map ------------------------------------------------------ */

static bool is_mapped(const struct hvo_memory_range *range)
{
	return (range->type == HVO_MEMORY_RAM ||
		range->flags & HVO_MEMORY_ON_RAM) &&
	       !(range->flags & HVO_MEMORY_NOMAP);
}

static void map_ram(uint64_t base, uint64_t end)
{
	if (end > LAYOUT_DIRECT_MAP_SIZE)
		kernel_panic("there is RAM at %#llx, past the direct map's "
			     "%llu TiB: give the machine less",
			     (unsigned long long)end - 1,
			     (unsigned long long)LAYOUT_DIRECT_MAP_SIZE >> 40);
	table_map(
	    table_kernel(),
	    (struct table_range){LAYOUT_DIRECT_MAP + base, base, end - base},
	    TABLE_DATA);
}

/* Ranges that touch are mapped as one, by larger blocks. */
static void map_all(const struct hvo_memory_map *map)
{
	uint64_t base = 0, end = 0;

	for (size_t i = 0; i < map->count; i++) {
		const struct hvo_memory_range *range = &map->range[i];

		if (!is_mapped(range))
			continue;
		if (range->base != end) {
			map_ram(base, end);
			base = range->base;
		}
		end = hvo_memory_range_end(range);
	}
	map_ram(base, end);
}

static void make_direct_map(struct kernel_machine *machine)
{
	static struct hvo_memory_range range[2 * KERNEL_RANGES];
	struct hvo_memory_map map = {
	    .range = range,
	    .capacity = 2 * KERNEL_RANGES,
	};
	struct hvo_firmware_fault fault;
	char text[HVO_FIRMWARE_LINE];

	if (hvo_memory_normalise(&machine->memory, &map, HVO_GRANULE, &fault))
		kernel_panic("%s",
			     hvo_firmware_describe(&fault, text, sizeof(text)));
	map_all(&map);
}

/* ---- the tree ------------------------------------------------------------ */

void arch_discover(struct kernel_machine *machine)
{
	struct hvo_fdt fdt;

	if (!boot_tree.bytes)
		kernel_panic("no device tree at %#llx: start this with QEMU's "
			     "-machine virt, or by a loader that passes one",
			     (unsigned long long)boot_tree.physical);
	kernel_fdt_read((const void *)(uintptr_t)boot_tree.physical,
			boot_tree.physical, boot_tree.bytes, machine, &fdt);
	psci_find(&fdt);
	machine->boot_cpu = read_register(mpidr_el1) & MPIDR_AFFINITY;
	kernel_reserve(machine, image_physical(start),
		       (uint64_t)(image_end - start));
	make_direct_map(machine);
	boot_leave();
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

uintptr_t arch_direct_map(void)
{
	return LAYOUT_DIRECT_MAP;
}

uint64_t arch_direct_map_size(void)
{
	return LAYOUT_DIRECT_MAP_SIZE;
}

uintptr_t arch_vmemmap(void)
{
	return LAYOUT_VMEMMAP;
}

uint64_t arch_vmemmap_size(void)
{
	return LAYOUT_VMEMMAP_SIZE;
}

uint64_t *arch_root_table(void)
{
	return (uint64_t *)(LAYOUT_DIRECT_MAP + image_physical(table_kernel()));
}
