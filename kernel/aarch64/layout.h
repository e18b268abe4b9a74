/* SPDX-License-Identifier: MIT */
/*
 * Where things are: virtual addresses of the kernel, the devices of QEMU's
 * "virt" machine. Read by C, by the assembler and by the link script.
 *
 * The kernel's half begins at 0xffff800000000000 with every granule (16 KiB
 * has 47 bits in three tables, the others use half of their 48). A multiple
 * of 4 TiB begins an entry of the uppermost table with every granule.
 */
#ifndef AARCH64_LAYOUT_H
#define AARCH64_LAYOUT_H

#define LAYOUT_DIRECT_MAP      0xffff800000000000
#define LAYOUT_DIRECT_MAP_SIZE 0x0000400000000000 /* 64 TiB */
#define LAYOUT_VMEMMAP         0xffffc00000000000
#define LAYOUT_VMEMMAP_SIZE    0x0000080000000000 /* 8 TiB */
#define LAYOUT_IMAGE           0xfffff00000000000
#define LAYOUT_TREE            0xfffff00040000000

/* Sections of different permission begin at pages of the largest granule. */
#define LAYOUT_SECTION 0x10000

/* hw/arm/virt.rst of QEMU: RAM, and the tree at its beginning when an ELF
 * file is started. The image goes behind the tree, which has 2 MiB at most. */
#define LAYOUT_RAM  0x40000000
#define LAYOUT_LOAD 0x40200000
#define LAYOUT_UART 0x09000000

#define LAYOUT_STACK 0x10000 /* bytes, of the boot CPU */

#endif
