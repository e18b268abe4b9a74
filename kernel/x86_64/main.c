/* SPDX-License-Identifier: MIT */
/*
 * The machine: CPUs' set-up, the direct map, firmware's tables, the console,
 * time and the end.
 */
#include "arch.h"
#include <string.h>
#include "entry.h"
#include "layout.h"
#include "machine.h"

#define GIB         (UINT64_C(1) << 30)
#define MSR_GS_BASE 0xc0000101
#define SERIAL      0x3f8 /* 16550 */
#define SERIAL_LINE (SERIAL + 5)
#define DEBUG_EXIT  0x501 /* isa-debug-exit */
#define PM_CONTROL  0x604 /* q35's PM1a_CNT */

static uint64_t ns_per_tick_32; /* 2^-32 ns */

/* ---- time ---------------------------------------------------------------- */

/* ACPI 4.8.3.3: 3.579545 MHz, 24 bits; where QEMU's q35 has it. */
static uint32_t pm_timer(void)
{
	uint32_t ticks;

	__asm__ volatile("inl %1, %0" : "=a"(ticks) : "Nd"((uint16_t)0x608));
	return ticks & 0xffffff;
}

static uint64_t ticks(void)
{
	uint32_t low, high;

	__asm__ volatile("lfence\n\trdtsc" : "=a"(low), "=d"(high)::"memory");
	return (uint64_t)high << 32 | low;
}

/* For a millisecond, 3580 ticks of the timer. */
static void calibrate(void)
{
	uint32_t from = pm_timer(), passed;
	uint64_t begin = ticks();

	do
		passed = (pm_timer() - from) & 0xffffff;
	while (passed < 3580);
	ns_per_tick_32 =
	    (passed * UINT64_C(1000000000) / 3579545 << 32) / (ticks() - begin);
}

uint64_t arch_nanoseconds(void)
{
	return (uint64_t)((unsigned __int128)ticks() * ns_per_tick_32 >> 32);
}

/* ---- the console --------------------------------------------------------- */

void arch_console(const char *text, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		while (!(port_in8(SERIAL_LINE) & 0x20))
			arch_relax();
		port_out8(SERIAL, (uint8_t)text[i]);
	}
}

/* ACPI 4.8.3.2.1: SLP_EN with SLP_TYP 0, q35's S5. isa-debug-exit cannot make
 * QEMU end with 0. */
_Noreturn void arch_exit(int code)
{
	if (code)
		port_out8(DEBUG_EXIT, (uint8_t)code);
	else
		port_out16(PM_CONTROL, 1 << 13);
	for (;;)
		__asm__ volatile("cli\n\thlt");
}

/* ---- CPUs ---------------------------------------------------------------- */

unsigned arch_cpu(void)
{
	return (unsigned)read_msr(MSR_GS_BASE);
}

/* The two 8259s, which are on when firmware has not run: all masked. */
static void mask_old_interrupts(void)
{
	port_out8(0x21, 0xff);
	port_out8(0xa1, 0xff);
}

_Noreturn void arch_main(void)
{
	mask_old_interrupts();
	trap_set_up(0);
	apic_set_up();
	calibrate();
	__asm__ volatile("sti");
	kernel_main();
}

_Noreturn void arch_cpu_main(unsigned number)
{
	trap_set_up(number);
	apic_set_up();
	__asm__ volatile("sti");
	kernel_cpu_main(number);
}

/* ---- firmware ------------------------------------------------------------ */

/* What the first tables map: 4 GiB. */
static const void *at(void *context, uint64_t address, size_t bytes)
{
	(void)context;
	if (address >= 4 * GIB || bytes > 4 * GIB - address)
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

static void read_nodes(uint64_t rsdp, struct kernel_machine *machine)
{
	struct hvo_firmware_fault fault;
	struct hvo_acpi_table table;
	enum hvo_firmware_error error;

	error = hvo_acpi_find(&physical, rsdp, "SRAT", &table, &fault);
	if (error == HVO_FIRMWARE_ABSENT)
		return;
	require(error, &fault);
	require(hvo_acpi_srat(table.bytes, table.size, &machine->nodes,
			      &machine->memory, &machine->cpus, &fault),
		&fault);
	error = hvo_acpi_find(&physical, rsdp, "SLIT", &table, &fault);
	if (error == HVO_FIRMWARE_ABSENT)
		return;
	require(error, &fault);
	require(hvo_acpi_slit(table.bytes, table.size, &machine->nodes,
			      machine->distance, sizeof(machine->distance),
			      &fault),
		&fault);
	machine->has_distance = true;
}

static uint64_t end_of_ram(const struct hvo_memory_map *map)
{
	uint64_t end = 0;

	for (size_t i = 0; i < map->count; i++)
		if (map->range[i].type == HVO_MEMORY_RAM &&
		    hvo_memory_range_end(&map->range[i]) > end)
			end = hvo_memory_range_end(&map->range[i]);
	return end;
}

/* Blocks of 1 GiB; the first 4 are there. */
static void map_ram(uint64_t end)
{
	if (end > 512 * GIB)
		kernel_panic("there is RAM past 512 GiB: give the machine "
			     "less");
	for (uint64_t i = 4; i * GIB < end; i++)
		boot_l3[i] = entry_leaf(i * GIB, HVO_PROT_WRITE, 2);
}

void arch_discover(struct kernel_machine *machine)
{
	struct hvo_firmware_fault fault;
	struct hvo_acpi_table madt;
	struct hvo_pvh pvh;

	require(hvo_pvh_read(&physical, boot_start_info, &pvh, &fault), &fault);
	require(hvo_pvh_command_line(&physical, &pvh, machine->line,
				     sizeof(machine->line), &fault),
		&fault);
	require(hvo_pvh_memory(&physical, &pvh, &machine->memory, &fault),
		&fault);
	require(hvo_acpi_find(&physical, pvh.rsdp, "APIC", &madt, &fault),
		&fault);
	require(
	    hvo_acpi_madt(madt.bytes, madt.size, &machine->cpus, NULL, &fault),
	    &fault);
	read_nodes(pvh.rsdp, machine);
	machine->boot_cpu = apic_id();
	map_ram(end_of_ram(&machine->memory));
	reserve(machine, 0, 1 << 20);
	reserve(machine, LAYOUT_LOAD, (uint64_t)(image_end - image_start));
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
	return (uint64_t *)(LAYOUT_DIRECT_MAP + (uintptr_t)boot_l4 -
			    LAYOUT_IMAGE);
}
