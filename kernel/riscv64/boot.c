/* SPDX-License-Identifier: MIT */
/*
 * Runs with the MMU off: nothing here may hold a pointer in data or need a
 * jump table (the file is compiled so).
 */
#include "boot.h"
#include "arch.h"
#include "finisher.h"
#include "image.h"
#include "layout.h"
#include "sbi.h"
#include "tables.h"

/* satp.MODE, Privileged ISA, "Encoding of satp MODE field". */
#define SATP_SV48 (UINT64_C(9) << 60)

uint64_t boot_satp;
uint64_t boot_hart;
struct boot_tree boot_tree;

static void map_image(const char *from, const char *to, enum table_kind kind)
{
	table_map(
	    (struct table_range){
		.va = LAYOUT_IMAGE + (uintptr_t)(from - start),
		.physical = (uintptr_t)from,
		.size = (uint64_t)(to - from),
	    },
	    kind);
}

static uint64_t whole_pages(uint64_t bytes)
{
	return (bytes + LAYOUT_PAGE - 1) / LAYOUT_PAGE * LAYOUT_PAGE;
}

/*
 * Devicetree Specification 0.4, 5.2: magic and totalsize, big-endian. Only as
 * much is looked at as has to be mapped.
 */
static void find_tree(uint64_t tree)
{
	const uint32_t *header = (const uint32_t *)tree;
	uint64_t offset = tree % LAYOUT_PAGE;

	boot_tree.physical = tree;
	if (!tree || tree % 8 || header[0] != __builtin_bswap32(0xd00dfeed))
		return;
	boot_tree.bytes = __builtin_bswap32(header[1]);
	if (boot_tree.bytes > LAYOUT_TREE_BYTES)
		boot_tree.bytes = LAYOUT_TREE_BYTES;
	boot_tree.at = (const void *)(LAYOUT_TREE + offset);
	table_map(
	    (struct table_range){
		.va = LAYOUT_TREE,
		.physical = tree - offset,
		.size = whole_pages(offset + boot_tree.bytes),
	    },
	    TABLE_CONSTANT);
}

void boot_tables(uint64_t hart, uint64_t tree)
{
	image_is_at((uintptr_t)start);
	boot_hart = hart;
	boot_satp = SATP_SV48 | (uintptr_t)table_root() / LAYOUT_PAGE;
	map_image(start, image_constant, TABLE_CODE);
	map_image(image_constant, image_data, TABLE_CONSTANT);
	map_image(image_data, image_end, TABLE_DATA);
	table_map((struct table_range){LAYOUT_FINISHER,
				       LAYOUT_FINISHER_PHYSICAL, LAYOUT_PAGE},
		  TABLE_DATA);
	find_tree(tree);
}

_Noreturn void boot_refuse(void)
{
	static const char text[] =
	    "hvo: panic: this hart does not have Sv48: choose another -cpu\n";

	arch_console(text, sizeof(text) - 1);
	finisher_exit(LAYOUT_FINISHER_PHYSICAL, KERNEL_EXIT_PANIC);
}
