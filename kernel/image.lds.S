/* SPDX-License-Identifier: MIT */
/*
 * The image: linked for LAYOUT_IMAGE, loaded at LAYOUT_LOAD by what goes by the
 * ELF file. An architecture's kernel.lds.S includes this behind its layout.h
 * and a note for the loader, or none.
 */
ENTRY(physical_start)

PHDRS
{
	code PT_LOAD FLAGS(5);
	constant PT_LOAD FLAGS(4);
	data PT_LOAD FLAGS(6);
	NOTE_SEGMENT
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
	NOTE_SECTION
	.rodata : {
		*(.rodata .rodata.* .srodata .srodata.*)
		*(.data.rel.ro .data.rel.ro.*)
		. = ALIGN(LAYOUT_SECTION);
	} :constant
	image_data = .;
	.data : {
		*(.data .data.* .sdata .sdata.* .got .got.*)
		. = ALIGN(16);
	} :data
	.bss : {
		image_bss = .;
		*(.sbss .sbss.* .bss .bss.* COMMON)
		. = ALIGN(LAYOUT_SECTION);
	} :data
	image_end = .;

	/DISCARD/ : {
		*(.comment) *(.note .note.*) *(.eh_frame*)
		*(.ARM.*) *(.riscv.*)
	}
}
