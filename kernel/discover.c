/* SPDX-License-Identifier: MIT */
#include "discover.h"
#include "image.h"
#include "tables.h"

void kernel_require(enum hvo_firmware_error error,
		    const struct hvo_firmware_fault *fault)
{
	char text[HVO_FIRMWARE_LINE];

	if (error)
		kernel_panic("%s",
			     hvo_firmware_describe(fault, text, sizeof(text)));
}

void kernel_reserve(struct kernel_machine *machine, uint64_t physical,
		    uint64_t bytes)
{
	const struct hvo_memory_range range = {
	    .base = physical,
	    .size = bytes,
	    .node = HVO_NO_NODE,
	    .type = HVO_MEMORY_RESERVED,
	};

	if (hvo_memory_add(&machine->listed, &range))
		kernel_panic("no room to reserve memory at %#llx: firmware "
			     "lists more than %u ranges",
			     (unsigned long long)physical, KERNEL_RANGES);
}

/* ---- the direct map ------------------------------------------------------ */

bool kernel_is_ram(const struct hvo_memory_range *range)
{
	return range->type == HVO_MEMORY_RAM ||
	       range->flags & HVO_MEMORY_ON_RAM;
}

static void map_ram(uint64_t base, uint64_t end)
{
	const struct kernel_addresses *at = &arch_addresses;

	if (end > at->direct_map_size)
		kernel_panic("there is RAM at %#llx, past the direct map's "
			     "%llu TiB: give the machine less",
			     (unsigned long long)end - 1,
			     (unsigned long long)at->direct_map_size >> 40);
	if (base < at->direct_mapped)
		base = at->direct_mapped;
	if (base < end)
		table_map(table_root(),
			  (struct table_range){at->direct_map + base, base,
					       end - base},
			  TABLE_DATA);
}

/* Ranges that touch are mapped as one, by larger blocks. */
static void map_all(const struct hvo_memory_map *map)
{
	uint64_t base = 0, end = 0;

	for (size_t i = 0; i < map->count; i++) {
		const struct hvo_memory_range *range = &map->range[i];

		if (!kernel_is_ram(range) || range->flags & HVO_MEMORY_NOMAP)
			continue;
		if (range->base != end) {
			map_ram(base, end);
			base = range->base;
		}
		end = hvo_memory_range_end(range);
	}
	map_ram(base, end);
}

/* ---- all of it ----------------------------------------------------------- */

static void set_up(struct kernel_machine *machine)
{
	machine->listed.range = machine->listed_range;
	machine->listed.capacity = KERNEL_RANGES;
	machine->memory.range = machine->range;
	machine->memory.capacity = 2 * KERNEL_RANGES;
	machine->nodes.domain = machine->domain;
	machine->nodes.capacity = KERNEL_NODES;
	machine->cpus.cpu = machine->cpu;
	machine->cpus.capacity = KERNEL_CPUS;
}

void kernel_discover(struct kernel_machine *machine)
{
	struct hvo_firmware_fault fault;

	set_up(machine);
	arch_discover(machine);
	kernel_reserve(machine, image_physical(image_start), image_size());
	kernel_require(hvo_memory_normalise(&machine->listed, &machine->memory,
					    KERNEL_PAGE, &fault),
		       &fault);
	map_all(&machine->memory);
}
