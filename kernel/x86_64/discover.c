/* SPDX-License-Identifier: MIT */
/*
 * What the PVH start info and ACPI's tables say, and the direct map of the RAM
 * past the first 4 GiB.
 */
#include "apic.h"
#include "arch.h"
#include "boot.h"
#include "clock.h"
#include "image.h"
#include "layout.h"
#include "power.h"
#include "tables.h"

/* ---- reading ------------------------------------------------------------- */

static const void *at(void *context, uint64_t address, size_t bytes)
{
	(void)context;
	if (address >= BOOT_MAPPED || bytes > BOOT_MAPPED - address)
		return NULL;
	return (const void *)(LAYOUT_DIRECT_MAP + address);
}

static const struct hvo_physical physical = {at, NULL};

static void require(enum hvo_firmware_error error,
		    const struct hvo_firmware_fault *fault)
{
	char text[HVO_FIRMWARE_LINE];

	if (error)
		kernel_panic("%s",
			     hvo_firmware_describe(fault, text, sizeof(text)));
}

static struct hvo_acpi_table find(uint64_t rsdp, const char *signature)
{
	struct hvo_firmware_fault fault;
	struct hvo_acpi_table table;

	require(hvo_acpi_find(&physical, rsdp, signature, &table, &fault),
		&fault);
	return table;
}

static bool find_if_there(uint64_t rsdp, const char *signature,
			  struct hvo_acpi_table *table)
{
	struct hvo_firmware_fault fault;
	enum hvo_firmware_error error =
	    hvo_acpi_find(&physical, rsdp, signature, table, &fault);

	if (error == HVO_FIRMWARE_ABSENT)
		return false;
	require(error, &fault);
	return true;
}

/* ---- ACPI ---------------------------------------------------------------- */

static uint16_t port_of(const struct hvo_acpi_register *reg, const char *name)
{
	if (!reg->address || reg->space != HVO_ACPI_SPACE_IO)
		kernel_panic("the FADT names no port for the %s: use QEMU's "
			     "-machine q35 or pc",
			     name);
	return (uint16_t)reg->address;
}

static void read_fixed(uint64_t rsdp)
{
	struct hvo_acpi_table table = find(rsdp, "FACP");
	struct hvo_firmware_fault fault;
	struct hvo_acpi_fadt fadt;

	require(hvo_acpi_fadt(table.bytes, table.size, &fadt, &fault), &fault);
	power_is(port_of(&fadt.pm1a_control, "PM1a control register"));
	clock_start(port_of(&fadt.pm_timer, "PM timer"));
}

static void read_cpus(uint64_t rsdp, struct kernel_machine *machine)
{
	struct hvo_acpi_table table = find(rsdp, "APIC");
	struct hvo_firmware_fault fault;

	require(hvo_acpi_madt(table.bytes, table.size, &machine->cpus, NULL,
			      &fault),
		&fault);
	machine->boot_cpu = apic_id();
}

static void read_nodes(uint64_t rsdp, struct kernel_machine *machine)
{
	struct hvo_firmware_fault fault;
	struct hvo_acpi_table table;

	if (!find_if_there(rsdp, "SRAT", &table))
		return;
	require(hvo_acpi_srat(table.bytes, table.size, &machine->nodes,
			      &machine->memory, &machine->cpus, &fault),
		&fault);
	if (!find_if_there(rsdp, "SLIT", &table))
		return;
	require(hvo_acpi_slit(table.bytes, table.size, &machine->nodes,
			      machine->distance, sizeof(machine->distance),
			      &fault),
		&fault);
	machine->has_distance = true;
}

/* ---- memory -------------------------------------------------------------- */

static void reserve(struct kernel_machine *machine, uint64_t base,
		    uint64_t size)
{
	const struct hvo_memory_range range = {
	    .base = base,
	    .size = size,
	    .node = HVO_NO_NODE,
	    .type = HVO_MEMORY_RESERVED,
	};

	if (hvo_memory_add(&machine->memory, &range))
		kernel_panic("firmware lists more than %u ranges of memory",
			     KERNEL_RANGES);
}

static void map_ram(uint64_t base, uint64_t end)
{
	if (end > LAYOUT_DIRECT_MAP_SIZE)
		kernel_panic("there is RAM at %#llx, past the direct map's "
			     "%llu GiB: give the machine less",
			     (unsigned long long)end - 1,
			     (unsigned long long)LAYOUT_DIRECT_MAP_SIZE >> 30);
	if (base < BOOT_MAPPED)
		base = BOOT_MAPPED;
	if (base < end)
		table_map((struct table_range){LAYOUT_DIRECT_MAP + base, base,
					       end - base},
			  TABLE_DATA);
}

static bool is_ram(const struct hvo_memory_range *range)
{
	return range->type == HVO_MEMORY_RAM ||
	       range->flags & HVO_MEMORY_ON_RAM;
}

/* Ranges that touch are mapped as one, by larger blocks. */
static void map_all(const struct hvo_memory_map *map)
{
	uint64_t base = 0, end = 0;

	for (size_t i = 0; i < map->count; i++) {
		const struct hvo_memory_range *range = &map->range[i];

		if (!is_ram(range))
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

	require(
	    hvo_memory_normalise(&machine->memory, &map, LAYOUT_PAGE, &fault),
	    &fault);
	map_all(&map);
}

void arch_discover(struct kernel_machine *machine)
{
	struct hvo_firmware_fault fault;
	struct hvo_pvh pvh;

	require(hvo_pvh_read(&physical, boot_start_info, &pvh, &fault), &fault);
	require(hvo_pvh_command_line(&physical, &pvh, machine->line,
				     sizeof(machine->line), &fault),
		&fault);
	require(hvo_pvh_memory(&physical, &pvh, &machine->memory, &fault),
		&fault);
	read_fixed(pvh.rsdp);
	read_cpus(pvh.rsdp, machine);
	read_nodes(pvh.rsdp, machine);
	reserve(machine, 0, 1 << 20);
	reserve(machine, LAYOUT_LOAD, (uint64_t)(image_end - image_start));
	make_direct_map(machine);
}

/* ---- addresses ----------------------------------------------------------- */

const char *arch_name(void)
{
	return "x86_64";
}

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
