/* SPDX-License-Identifier: MIT */
/*
 * Runs with the MMU off: nothing here may hold a pointer in data, and memory
 * is accessed in aligned words only (the file is compiled so).
 */
#include "boot.h"
#include "arch.h"
#include "boot_tree.h"
#include "image.h"
#include "layout.h"
#include "registers.h"
#include "semihosting.h"
#include "tables.h"

struct boot_registers boot_registers;

/* For low addresses, where boot code finds itself. */
static _Alignas(HVO_GRANULE) uint64_t low_root[HVO_GRANULE / sizeof(uint64_t)];

/* ---- the granule --------------------------------------------------------- */

/* ID_AA64MMFR0_EL1.TGran4, .TGran16, .TGran64. */
static bool has_granule(uint64_t features)
{
	switch (HVO_GRANULE) {
	case 4096:
		return (features >> 28 & 15) != 15;
	case 16384:
		return (features >> 20 & 15) != 0;
	default:
		return (features >> 24 & 15) != 15;
	}
}

static _Noreturn void refuse(const char *text)
{
	volatile uint32_t *uart = (volatile uint32_t *)LAYOUT_UART;

	while (*text)
		*uart = (unsigned char)*text++;
	semihosting_exit(KERNEL_EXIT_PANIC);
}

/* ---- registers ----------------------------------------------------------- */

/* MAIR_EL1: attribute 0, normal memory, write-back; attribute 1, Device-
 * nGnRnE. */
#define MAIR UINT64_C(0x00ff)

/* TCR_EL1: both halves alike, walks write-back inner shareable. */
#define TCR_HALF     (UINT64_C(1) << 8 | UINT64_C(1) << 10 | UINT64_C(3) << 12)
#define TCR_EPD0     (UINT64_C(1) << 7)
#define SCTLR_RES1   UINT64_C(0x30d00800)
#define SCTLR_MMU    (UINT64_C(1) << 0)
#define SCTLR_CACHES (UINT64_C(1) << 2 | UINT64_C(1) << 12)
#define SCTLR_STACK  (UINT64_C(1) << 3)  /* SP must be aligned */
#define SCTLR_WXN    (UINT64_C(1) << 19) /* what is writable is no code */

#if HVO_GRANULE == 4096
#define TCR_GRANULE (UINT64_C(0) << 14 | UINT64_C(2) << 30)
#define UNUSED_BITS 16
#define TOP_UNUSED  0
#elif HVO_GRANULE == 16384
#define TCR_GRANULE (UINT64_C(2) << 14 | UINT64_C(1) << 30)
#define UNUSED_BITS 17
#define TOP_UNUSED  0
#else
#define TCR_GRANULE (UINT64_C(1) << 14 | UINT64_C(3) << 30)
#define UNUSED_BITS 16
#define TOP_UNUSED  (8192 - 64) /* entries that have no addresses */
#endif

static uint64_t translation_control(uint64_t features)
{
	uint64_t physical_size = features & 15; /* PARange, as in IPS */
	uint64_t half = TCR_HALF | UNUSED_BITS;

	if (physical_size > 5)
		physical_size = 5; /* 48 bits */
	return half | half << 16 | TCR_GRANULE | physical_size << 32;
}

static void set_registers(uint64_t features)
{
	boot_registers = (struct boot_registers){
	    .mair = MAIR,
	    .tcr = translation_control(features),
	    .ttbr0 = (uintptr_t)low_root,
	    .ttbr1 = (uintptr_t)(table_root() + TOP_UNUSED),
	    .sctlr =
		SCTLR_RES1 | SCTLR_MMU | SCTLR_CACHES | SCTLR_STACK | SCTLR_WXN,
	};
}

void boot_leave(void)
{
	write_register(tcr_el1, boot_registers.tcr | TCR_EPD0);
	__asm__ volatile("isb\n\ttlbi vmalle1\n\tdsb nsh\n\tisb" ::: "memory");
}

/* ---- tables -------------------------------------------------------------- */

/* At the same address. Sections are whole pages of any granule. */
static void map_code_low(void)
{
	struct table_range range = {
	    .va = (uintptr_t)image_start,
	    .physical = image_physical(image_start),
	    .size = (uint64_t)(image_constant - image_start),
	};

	table_map(low_root, range, TABLE_CODE);
}

static void map_uart(void)
{
	struct table_range range = {
	    .va = LAYOUT_DIRECT_MAP + LAYOUT_UART,
	    .physical = LAYOUT_UART,
	    .size = KERNEL_PAGE,
	};

	table_map(table_root(), range, TABLE_DEVICE);
}

void boot_tables(uint64_t tree)
{
	uint64_t features = read_register(id_aa64mmfr0_el1);

	if (!has_granule(features))
		refuse("hvo: panic: this CPU does not have the granule that "
		       "the kernel was built for: choose another -cpu, such "
		       "as max, or another granule\n");
	image_is_at((uintptr_t)image_start);
	map_code_low();
	table_map_image(LAYOUT_IMAGE);
	map_uart();
	/* QEMU says nothing of the tree to an ELF file. */
	boot_tree_map(tree ? tree : LAYOUT_RAM, LAYOUT_TREE);
	set_registers(features);
}
