/* SPDX-License-Identifier: MIT */
#include "entry.h"

/* Above this many pages, everything is dropped. */
#define FORGET_PAGES 32

#define CR4_PGE (UINT64_C(1) << 7)

/* SDM 4.10.4.1: a change of CR4.PGE drops everything, global pages too. */
static void forget_all(void)
{
	uint64_t cr4;

	__asm__ volatile("mov %%cr4, %0" : "=r"(cr4));
	__asm__ volatile("mov %0, %%cr4" ::"r"(cr4 & ~CR4_PGE) : "memory");
	__asm__ volatile("mov %0, %%cr4" ::"r"(cr4) : "memory");
}

/* SDM 4.10.4.1: INVLPG drops what it finds for the address, of any size, and
 * all that was cached of upper entries. */
void hvo_radix_forget(uintptr_t va, uint64_t pages)
{
	if (pages > FORGET_PAGES) {
		forget_all();
		return;
	}
	for (; pages; pages--, va += (uintptr_t)1 << HVO_ENTRY_PAGE_SHIFT)
		__asm__ volatile("invlpg (%0)" ::"r"(va) : "memory");
}
