/* SPDX-License-Identifier: MIT */
#include "layout.h"

ENTRY(pvh_start)

PHDRS
{
	code PT_LOAD FLAGS(5);
	constant PT_LOAD FLAGS(4);
	data PT_LOAD FLAGS(6);
	note PT_NOTE FLAGS(4);
}

SECTIONS
{
	. = LAYOUT_IMAGE + LAYOUT_LOAD;
	image_start = .;
	.text : AT(LAYOUT_LOAD) {
		KEEP(*(.text.head))
		*(.text .text.*)
		. = ALIGN(LAYOUT_PAGE);
	} :code
	image_constant = .;
	.note.pvh : { KEEP(*(.note.pvh)) } :constant :note
	.rodata : {
		*(.rodata .rodata.*)
		*(.data.rel.ro .data.rel.ro.*)
		. = ALIGN(LAYOUT_PAGE);
	} :constant
	image_data = .;
	.data : { *(.data .data.*) } :data
	.bss : { *(.bss .bss.* COMMON) . = ALIGN(LAYOUT_PAGE); } :data
	image_end = .;
	/DISCARD/ : { *(.comment) *(.note.GNU*) *(.eh_frame*) }
}
