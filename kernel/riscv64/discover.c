/* SPDX-License-Identifier: MIT */
/*
 * What the device tree says, and the direct map of the RAM that it lists.
 */
#include "arch.h"
#include "boot.h"
#include "clock.h"
#include "devicetree.h"
#include "image.h"
#include "layout.h"
#include "tables.h"
#include <libfdt.h>

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

	if (hvo_memory_normalise(&machine->memory, &map, LAYOUT_PAGE, &fault))
		kernel_panic("%s",
			     hvo_firmware_describe(&fault, text, sizeof(text)));
	map_all(&map);
}

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

	if (!boot_tree.bytes)
		kernel_panic("no device tree at %#llx: start this with QEMU's "
			     "-machine virt, or by a loader that passes one",
			     (unsigned long long)boot_tree.physical);
	kernel_fdt_read(boot_tree.at, boot_tree.physical, boot_tree.bytes,
			machine, &fdt);
	read_timebase(boot_tree.at);
	machine->boot_cpu = boot_hart;
	kernel_reserve(machine, image_physical(start),
		       (uint64_t)(image_end - start));
	make_direct_map(machine);
}

const char *arch_name(void)
{
	return "riscv64, Sv48";
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
	return (uint64_t *)(LAYOUT_DIRECT_MAP + image_physical(table_root()));
}
