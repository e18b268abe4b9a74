/* SPDX-License-Identifier: MIT */
#include "layout.h"

OUTPUT_ARCH(riscv)
ENTRY(physical_start)

PHDRS
{
	code PT_LOAD FLAGS(5);
	constant PT_LOAD FLAGS(4);
	data PT_LOAD FLAGS(6);
}

SECTIONS
{
	. = LAYOUT_IMAGE;
	physical_start = LAYOUT_LOAD;

	.text : AT(LAYOUT_LOAD) {
		KEEP(*(.text.head))
		*(.text .text.*)
		. = ALIGN(LAYOUT_PAGE);
	} :code
	image_constant = .;
	.rodata : {
		*(.rodata .rodata.* .srodata .srodata.*)
		*(.data.rel.ro .data.rel.ro.*)
		. = ALIGN(LAYOUT_PAGE);
	} :constant
	image_data = .;
	.data : {
		*(.data .data.* .sdata .sdata.* .got .got.*)
		. = ALIGN(16);
	} :data
	.bss : {
		image_bss = .;
		*(.sbss .sbss.* .bss .bss.* COMMON)
		. = ALIGN(LAYOUT_PAGE);
	} :data
	image_end = .;

	/DISCARD/ : { *(.comment) *(.note .note.*) *(.eh_frame*) *(.riscv.*) }
}
