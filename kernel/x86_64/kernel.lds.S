/* SPDX-License-Identifier: MIT */
#include "layout.h"

ENTRY(pvh_start)

PHDRS
{
	image PT_LOAD FLAGS(7);
	note PT_NOTE FLAGS(4);
}

SECTIONS
{
	. = LAYOUT_IMAGE + LAYOUT_LOAD;
	image_start = .;
	.text : AT(LAYOUT_LOAD) { KEEP(*(.text.head)) *(.text .text.*) } :image
	.note.pvh : { KEEP(*(.note.pvh)) } :image :note
	.rodata : { *(.rodata .rodata.*) } :image
	.data : { *(.data .data.*) } :image
	.bss : { *(.bss .bss.* COMMON) . = ALIGN(4096); } :image
	image_end = .;
	/DISCARD/ : { *(.comment) *(.note.GNU*) *(.eh_frame*) }
}
