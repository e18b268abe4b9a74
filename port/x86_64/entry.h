/* SPDX-License-Identifier: MIT */
/*
 * Paging-structure entries of x86-64, 4-level paging.
 *
 * Source: Intel 64 and IA-32 Architectures Software Developer's Manual, volume
 * 3A (SDM): 4.5 "4-Level Paging and 5-Level Paging", 4.6 "Access Rights", 4.10
 * "Caching Translation Information". CR0.WP is set, so that entries without
 * R/W cannot be written through by the kernel either (4.6.1); CR4.PGE and
 * EFER.NXE are set. Accessed and Dirty are set from the start.
 */
#ifndef HVO_X86_64_ENTRY_H
#define HVO_X86_64_ENTRY_H

#include "hvo_radix.h"
#include "radix.h"

#define HVO_ENTRY_PAGE_SHIFT  12
#define HVO_ENTRY_INDEX_BITS  9
#define HVO_ENTRY_LEVELS      4
#define HVO_ENTRY_BLOCK       1
#define HVO_ENTRY_EQUAL_BYTES 0
#define HVO_ENTRY_HUGE_ORDERS 9, 18 /* 2M 1G */
#define HVO_ENTRY_HUGE_USUAL  0

/* SDM 4.5.4, tables 4-15 to 4-20. */
#define ENTRY_PRESENT  (UINT64_C(1) << 0)
#define ENTRY_WRITE    (UINT64_C(1) << 1)
#define ENTRY_ACCESSED (UINT64_C(1) << 5)
#define ENTRY_DIRTY    (UINT64_C(1) << 6)
#define ENTRY_BLOCK    (UINT64_C(1) << 7) /* PS, above level 0 */
#define ENTRY_GLOBAL   (UINT64_C(1) << 8)
#define ENTRY_NO_EXEC  (UINT64_C(1) << 63)
#define ENTRY_ADDRESS  UINT64_C(0x000ffffffffff000)

static inline bool entry_present(entry_t e)
{
	return e & ENTRY_PRESENT;
}

static inline bool entry_is_leaf(entry_t e, unsigned level)
{
	return entry_present(e) && (level == 0 || e & ENTRY_BLOCK);
}

static inline uint64_t entry_address(entry_t e, unsigned level)
{
	(void)level;
	return e & ENTRY_ADDRESS;
}

static inline enum hvo_prot entry_prot(entry_t e)
{
	if (!entry_present(e))
		return HVO_PROT_NONE;
	return e & ENTRY_WRITE ? HVO_PROT_WRITE : HVO_PROT_READ;
}

static inline entry_t entry_table(uint64_t address)
{
	return address | ENTRY_ACCESSED | ENTRY_WRITE | ENTRY_PRESENT;
}

static inline entry_t entry_leaf(uint64_t address, enum hvo_prot prot,
				 unsigned level)
{
	entry_t e = address | ENTRY_PRESENT | ENTRY_ACCESSED | ENTRY_GLOBAL |
		    ENTRY_NO_EXEC;

	if (prot == HVO_PROT_NONE)
		return 0;
	if (level)
		e |= ENTRY_BLOCK;
	if (prot == HVO_PROT_WRITE)
		e |= ENTRY_WRITE | ENTRY_DIRTY;
	return e;
}

/* Stores are seen in their order (SDM 8.2.2). */
static inline void entry_write(entry_t *at, entry_t e)
{
	__atomic_store_n(at, e, __ATOMIC_RELEASE);
}

/* SDM 4.10.2.3: absence is not cached. */
static inline void entry_published(void)
{
}

/* SDM 4.10.2.3 allows translations of both sizes at once; both lead to the
 * same place until the flush. */
static inline bool entry_may_split(void)
{
	return true;
}

static inline bool entry_may_collapse(void)
{
	return true;
}

/* SDM 4.10.4.2: nothing that was changed is sure to be forgotten, by any CPU,
 * until it has been invalidated there. */
static inline void entry_flush(uintptr_t va, uint64_t pages)
{
	hvo_radix_forget(va, pages);
	hvo_radix_shootdown(va, pages);
}

/*
 * An entry may become any other one live. But a block's physical address is
 * aligned, bits below it being reserved (4.5.4): an entry with them set faults.
 */
static inline const char *entry_broken_rule(const struct entry_change *change)
{
	uint64_t block = UINT64_C(1) << (HVO_ENTRY_PAGE_SHIFT +
					 HVO_ENTRY_INDEX_BITS * change->level);

	if (entry_is_leaf(change->to, change->level) &&
	    entry_address(change->to, change->level) & (block - 1))
		return "SDM 4.5.4: a block's address is not aligned";
	return NULL;
}

#endif
