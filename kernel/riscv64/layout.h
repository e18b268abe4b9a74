/* SPDX-License-Identifier: MIT */
/*
 * Where things are: virtual addresses of the kernel, the devices of QEMU's
 * "virt" machine. Read by C, by the assembler and by the link script.
 *
 * With Sv48 the upper half begins at 0xffff800000000000, and an entry of the
 * root table maps 512 GiB. The low half stays empty.
 */
#ifndef RISCV64_LAYOUT_H
#define RISCV64_LAYOUT_H

#define LAYOUT_DIRECT_MAP      0xffff800000000000
#define LAYOUT_DIRECT_MAP_SIZE 0x0000400000000000 /* 64 TiB */
#define LAYOUT_VMEMMAP         0xffffc00000000000
#define LAYOUT_VMEMMAP_SIZE    0x0000080000000000 /* 8 TiB */
#define LAYOUT_IMAGE           0xffffffff80000000
#define LAYOUT_TREE            0xffffffffc0000000
#define LAYOUT_FINISHER        0xffffffffd0000000

#define LAYOUT_SECTION 0x1000 /* where sections begin: a page */

/* Where OpenSBI's payload goes, and docs/specs of QEMU: the test finisher. */
#define LAYOUT_LOAD              0x80200000
#define LAYOUT_FINISHER_PHYSICAL 0x00100000

#define LAYOUT_STACK 0x10000 /* bytes, of the boot hart */

#endif
