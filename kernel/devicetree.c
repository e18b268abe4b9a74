/* SPDX-License-Identifier: MIT */
#include "devicetree.h"
#include <libfdt.h>
#include <string.h>
#include "boot_tree.h"
#include "discover.h"

static void read_distances(const struct hvo_fdt *fdt,
			   struct kernel_machine *machine)
{
	struct hvo_firmware_fault fault;
	enum hvo_firmware_error error =
	    hvo_fdt_distances(fdt, &machine->nodes, machine->distance,
			      sizeof(machine->distance), &fault);

	machine->has_distance = !error;
	if (error != HVO_FIRMWARE_ABSENT)
		kernel_require(error, &fault);
}

static void read_command_line(const struct hvo_fdt *fdt,
			      struct kernel_machine *machine)
{
	struct hvo_firmware_fault fault;
	struct hvo_fdt_chosen chosen;
	size_t bytes;

	kernel_require(hvo_fdt_chosen(fdt, &chosen, &fault), &fault);
	machine->line[0] = 0;
	if (!chosen.bootargs)
		return;
	bytes = strlen(chosen.bootargs) + 1;
	if (bytes > sizeof(machine->line))
		kernel_panic("the command line has %zu bytes: shorten it to %u",
			     bytes - 1, KERNEL_LINE - 1);
	memcpy(machine->line, chosen.bootargs, bytes);
}

void kernel_fdt_read(struct kernel_machine *machine, struct hvo_fdt *fdt)
{
	const struct boot_tree *tree = &boot_tree;
	struct hvo_firmware_fault fault;

	if (!tree->bytes)
		kernel_panic("no device tree at %#llx: start this with QEMU's "
			     "-machine virt, or by a loader that passes one",
			     (unsigned long long)tree->physical);
	kernel_require(hvo_fdt_open(tree->at, tree->bytes, fdt, &fault),
		       &fault);
	kernel_require(hvo_fdt_nodes(fdt, &machine->nodes, &fault), &fault);
	kernel_require(
	    hvo_fdt_memory(fdt, &machine->nodes, &machine->listed, &fault),
	    &fault);
	kernel_require(
	    hvo_fdt_cpus(fdt, &machine->nodes, &machine->cpus, &fault), &fault);
	read_distances(fdt, machine);
	read_command_line(fdt, machine);
	kernel_reserve(machine, tree->physical, fdt_totalsize(tree->at));
}
