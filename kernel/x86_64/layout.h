/* SPDX-License-Identifier: MIT */
/*
 * Where things are. The image runs in the uppermost 2 GiB (-mcmodel=kernel),
 * as far above their beginning as it is above physical address 0; the stacks
 * are above it. Each of the windows has entries of the uppermost table to
 * itself; the low half stays empty, but while a CPU starts.
 */
#ifndef X86_64_LAYOUT_H
#define X86_64_LAYOUT_H

#define LAYOUT_DIRECT_MAP      0xffff800000000000
#define LAYOUT_DIRECT_MAP_SIZE 0x0000010000000000 /* 1 TiB */
#define LAYOUT_VMEMMAP         0xffffa00000000000
#define LAYOUT_VMEMMAP_SIZE    0x0000010000000000
#define LAYOUT_IMAGE           0xffffffff80200000
#define LAYOUT_STACKS          0xffffffffc0000000

#define LAYOUT_PAGE       0x1000
#define LAYOUT_SECTION    LAYOUT_PAGE /* where sections begin */
#define LAYOUT_LOAD       0x200000    /* physical */
#define LAYOUT_TRAMPOLINE 0x8000      /* physical; other CPUs begin here */
#define LAYOUT_APIC       0xfee00000  /* physical */

/* A stack ends where its slot ends; what is below it in the slot is not
 * mapped. Slots are numbered from LAYOUT_STACKS on. */
#define LAYOUT_STACK      0x8000 /* bytes, of the boot CPU */
#define LAYOUT_STACK_SLOT 0x10000

/* Ports of QEMU's q35: the first 16550, isa-debug-exit as scripts/boot has
 * it. */
#define LAYOUT_SERIAL      0x3f8
#define LAYOUT_SERIAL_LINE 0x3fd /* its line status */
#define LAYOUT_DEBUG_EXIT  0x501

#define SELECTOR_CODE 0x08
#define SELECTOR_DATA 0x10
#define SELECTOR_TSS  0x18 /* of CPU 0; two entries for each CPU */

/* Interrupt vectors. */
#define VECTOR_FORGET   0xf0
#define VECTOR_WAKE     0xf1
#define VECTOR_SPURIOUS 0xff

#endif
