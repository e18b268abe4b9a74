/* SPDX-License-Identifier: MIT */
#include "boot.h"
#include "entry.h"
#include "image.h"
#include "layout.h"
#include "stacks.h"
#include "symbols.h"
#include "tables.h"

#define FIRST_MIB (UINT64_C(1) << 20)

uint64_t boot_start_info, boot_root;

static void map_direct(uint64_t from, uint64_t to, enum table_kind kind)
{
	table_map(
	    table_root(),
	    (struct table_range){LAYOUT_DIRECT_MAP + from, from, to - from},
	    kind);
}

/*
 * Firmware's tables may be anywhere here. The first MiB has memory types of its
 * own (SDM 3A, 11.11.2.2), so no block includes it. Code and constants are not
 * writable by these addresses either.
 */
static void map_first_4_gib(void)
{
	uint64_t code = image_physical(image_start);
	uint64_t data = image_physical(image_data);

	map_direct(0, FIRST_MIB, TABLE_DATA);
	map_direct(FIRST_MIB, code, TABLE_DATA);
	map_direct(code, data, TABLE_CONSTANT);
	map_direct(data, LAYOUT_APIC, TABLE_DATA);
	map_direct(LAYOUT_APIC, LAYOUT_APIC + LAYOUT_PAGE, TABLE_DEVICE);
	map_direct(LAYOUT_APIC + LAYOUT_PAGE, BOOT_MAPPED, TABLE_DATA);
}

void boot_tables(void)
{
	image_is_at(LAYOUT_LOAD);
	table_map_image(LAYOUT_IMAGE);
	map_first_4_gib();
	stack_map(0, STACK_USUAL, image_physical(boot_stack), LAYOUT_STACK);
	boot_root = image_physical(table_root());
}

/* SDM 3A, 4.6.1: an upper entry without R/W forbids writes to all below. */
void boot_leave(void)
{
	start_l4[0] &= ~ENTRY_WRITE;
	start_l4[511] &= ~ENTRY_WRITE;
}
