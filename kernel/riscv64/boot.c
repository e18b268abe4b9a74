/* SPDX-License-Identifier: MIT */
/*
 * Runs with the MMU off: nothing here may hold a pointer in data or need a
 * jump table (the file is compiled so).
 */
#include "boot.h"
#include "arch.h"
#include "boot_tree.h"
#include "finisher.h"
#include "image.h"
#include "layout.h"
#include "sbi.h"
#include "tables.h"

/* satp.MODE, Privileged ISA, "Encoding of satp MODE field". */
#define SATP_SV48 (UINT64_C(9) << 60)

uint64_t boot_satp;
uint64_t boot_hart;

static void map_finisher(void)
{
	struct table_range range = {
	    .va = LAYOUT_FINISHER,
	    .physical = LAYOUT_FINISHER_PHYSICAL,
	    .size = KERNEL_PAGE,
	};

	table_map(table_root(), range, TABLE_DEVICE);
}

void boot_tables(uint64_t hart, uint64_t tree)
{
	image_is_at((uintptr_t)image_start);
	boot_hart = hart;
	boot_satp = SATP_SV48 | (uintptr_t)table_root() / KERNEL_PAGE;
	table_map_image(LAYOUT_IMAGE);
	map_finisher();
	boot_tree_map(tree, LAYOUT_TREE);
}

_Noreturn void boot_refuse(void)
{
	static const char text[] =
	    "hvo: panic: this hart does not have Sv48: choose another -cpu\n";

	arch_console(text, sizeof(text) - 1);
	finisher_exit(LAYOUT_FINISHER_PHYSICAL, KERNEL_EXIT_PANIC);
}
