/* SPDX-License-Identifier: MIT */
/*
 * Where things are. The image runs in the uppermost 2 GiB (-mcmodel=kernel).
 * Each of the windows has entries of the uppermost table to itself.
 */
#ifndef X86_64_LAYOUT_H
#define X86_64_LAYOUT_H

#define LAYOUT_DIRECT_MAP      0xffff800000000000
#define LAYOUT_DIRECT_MAP_SIZE 0x0000010000000000 /* 1 TiB */
#define LAYOUT_VMEMMAP         0xffffa00000000000
#define LAYOUT_VMEMMAP_SIZE    0x0000010000000000
#define LAYOUT_IMAGE           0xffffffff80000000
#define LAYOUT_LOAD            0x200000 /* physical */
#define LAYOUT_STACK           0x8000
#define LAYOUT_TRAMPOLINE      0x8000 /* physical; other CPUs begin here */

#define SELECTOR_CODE 0x08
#define SELECTOR_DATA 0x10

/* Interrupt vectors. */
#define VECTOR_FORGET   0xf0
#define VECTOR_WAKE     0xf1
#define VECTOR_SPURIOUS 0xff

#endif
