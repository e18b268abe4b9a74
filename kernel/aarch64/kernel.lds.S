/* SPDX-License-Identifier: MIT */
#include "layout.h"

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
	image_start = .;
	physical_start = LAYOUT_LOAD;

	.text : AT(LAYOUT_LOAD) {
		KEEP(*(.text.head))
		*(.text .text.*)
		. = ALIGN(LAYOUT_SECTION);
	} :code
	image_constant = .;
	.rodata : {
		*(.rodata .rodata.*)
		*(.data.rel.ro .data.rel.ro.*)
		. = ALIGN(LAYOUT_SECTION);
	} :constant
	image_data = .;
	.data : {
		*(.data .data.* .got .got.*)
		. = ALIGN(16);
	} :data
	.bss : {
		image_bss = .;
		*(.bss .bss.* COMMON)
		. = ALIGN(LAYOUT_SECTION);
	} :data
	image_end = .;

	/DISCARD/ : { *(.comment) *(.note .note.*) *(.ARM.*) *(.eh_frame*) }
}
