/* SPDX-License-Identifier: MIT */
/*
 * What the PVH start info and ACPI's tables say, and where addresses are.
 */
#include "apic.h"
#include "arch.h"
#include "boot.h"
#include "clock.h"
#include "discover.h"
#include "layout.h"
#include "power.h"

/* ---- reading ------------------------------------------------------------- */

static const void *at(void *context, uint64_t address, size_t bytes)
{
	(void)context;
	if (address >= BOOT_MAPPED || bytes > BOOT_MAPPED - address)
		return NULL;
	return (const void *)(LAYOUT_DIRECT_MAP + address);
}

static const struct hvo_physical physical = {at, NULL};

static struct hvo_acpi_table find(uint64_t rsdp, const char *signature)
{
	struct hvo_firmware_fault fault;
	struct hvo_acpi_table table;

	kernel_require(
	    hvo_acpi_find(&physical, rsdp, signature, &table, &fault), &fault);
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
	kernel_require(error, &fault);
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

	kernel_require(hvo_acpi_fadt(table.bytes, table.size, &fadt, &fault),
		       &fault);
	power_is(port_of(&fadt.pm1a_control, "PM1a control register"));
	clock_start(port_of(&fadt.pm_timer, "PM timer"));
}

static void read_cpus(uint64_t rsdp, struct kernel_machine *machine)
{
	struct hvo_acpi_table table = find(rsdp, "APIC");
	struct hvo_firmware_fault fault;

	kernel_require(hvo_acpi_madt(table.bytes, table.size, &machine->cpus,
				     NULL, &fault),
		       &fault);
	machine->boot_cpu = apic_id();
}

static void read_nodes(uint64_t rsdp, struct kernel_machine *machine)
{
	struct hvo_firmware_fault fault;
	struct hvo_acpi_table table;

	if (!find_if_there(rsdp, "SRAT", &table))
		return;
	kernel_require(hvo_acpi_srat(table.bytes, table.size, &machine->nodes,
				     &machine->listed, &machine->cpus, &fault),
		       &fault);
	if (!find_if_there(rsdp, "SLIT", &table))
		return;
	kernel_require(hvo_acpi_slit(table.bytes, table.size, &machine->nodes,
				     machine->distance,
				     sizeof(machine->distance), &fault),
		       &fault);
	machine->has_distance = true;
}

/* ---- all of it ----------------------------------------------------------- */

void arch_discover(struct kernel_machine *machine)
{
	struct hvo_firmware_fault fault;
	struct hvo_pvh pvh;

	kernel_require(hvo_pvh_read(&physical, boot_start_info, &pvh, &fault),
		       &fault);
	kernel_require(hvo_pvh_command_line(&physical, &pvh, machine->line,
					    sizeof(machine->line), &fault),
		       &fault);
	kernel_require(
	    hvo_pvh_memory(&physical, &pvh, &machine->listed, &fault), &fault);
	read_fixed(pvh.rsdp);
	read_cpus(pvh.rsdp, machine);
	read_nodes(pvh.rsdp, machine);
	kernel_reserve(machine, 0, 1 << 20);
}

/* ---- addresses ----------------------------------------------------------- */

const char *arch_name(void)
{
	return "x86_64";
}

const struct kernel_addresses arch_addresses = {
    .direct_map = LAYOUT_DIRECT_MAP,
    .direct_map_size = LAYOUT_DIRECT_MAP_SIZE,
    .direct_mapped = BOOT_MAPPED,
    .vmemmap = LAYOUT_VMEMMAP,
    .vmemmap_size = LAYOUT_VMEMMAP_SIZE,
};
