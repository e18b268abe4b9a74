/* SPDX-License-Identifier: MIT */
#include "devicetree.h"
#include <libfdt.h>
#include <string.h>

static void require(enum hvo_firmware_error error,
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

	if (hvo_memory_add(&machine->memory, &range))
		kernel_panic("no room to reserve memory at %#llx: firmware "
			     "lists more than %u ranges",
			     (unsigned long long)physical, KERNEL_RANGES);
}

static void read_distances(const struct hvo_fdt *fdt,
			   struct kernel_machine *machine)
{
	struct hvo_firmware_fault fault;
	enum hvo_firmware_error error =
	    hvo_fdt_distances(fdt, &machine->nodes, machine->distance,
			      sizeof(machine->distance), &fault);

	machine->has_distance = !error;
	if (error != HVO_FIRMWARE_ABSENT)
		require(error, &fault);
}

static void read_command_line(const struct hvo_fdt *fdt,
			      struct kernel_machine *machine)
{
	struct hvo_firmware_fault fault;
	struct hvo_fdt_chosen chosen;
	size_t bytes;

	require(hvo_fdt_chosen(fdt, &chosen, &fault), &fault);
	machine->line[0] = 0;
	if (!chosen.bootargs)
		return;
	bytes = strlen(chosen.bootargs) + 1;
	if (bytes > sizeof(machine->line))
		kernel_panic("the command line has %zu bytes: shorten it to %u",
			     bytes - 1, KERNEL_LINE - 1);
	memcpy(machine->line, chosen.bootargs, bytes);
}

void kernel_fdt_read(const void *tree, uint64_t physical, size_t bytes,
		     struct kernel_machine *machine, struct hvo_fdt *fdt)
{
	struct hvo_firmware_fault fault;

	require(hvo_fdt_open(tree, bytes, fdt, &fault), &fault);
	require(hvo_fdt_nodes(fdt, &machine->nodes, &fault), &fault);
	require(hvo_fdt_memory(fdt, &machine->nodes, &machine->memory, &fault),
		&fault);
	require(hvo_fdt_cpus(fdt, &machine->nodes, &machine->cpus, &fault),
		&fault);
	read_distances(fdt, machine);
	read_command_line(fdt, machine);
	kernel_reserve(machine, physical, fdt_totalsize(tree));
}
