/* SPDX-License-Identifier: MIT */
/*
 * Page table entries of RISC-V, Sv48.
 *
 * Source: The RISC-V Instruction Set Manual, Volume II: Privileged
 * Architecture, 12.2.1 "Supervisor Memory-Management Fence Instruction", 12.3
 * to 12.5 "Sv32", "Sv39", "Sv48" (entries work alike in all three).
 *
 * A and D are set beforehand, so neither hardware that updates them (Svadu)
 * nor a trap that does is needed. Read-only is no W. All mappings are global;
 * memory types are those of the physical addresses (Svpbmt is not used).
 */
#ifndef HVO_RISCV64_ENTRY_H
#define HVO_RISCV64_ENTRY_H

#include "radix.h"
#include "sbi.h"

#define HVO_ENTRY_PAGE_SHIFT  12
#define HVO_ENTRY_INDEX_BITS  9
#define HVO_ENTRY_LEVELS      4
#define HVO_ENTRY_BLOCK       1
#define HVO_ENTRY_EQUAL_BYTES 0
#define HVO_ENTRY_HUGE_ORDERS 9, 18 /* 2M 1G */
#define HVO_ENTRY_HUGE_USUAL  0

#define ENTRY_VALID    (UINT64_C(1) << 0)
#define ENTRY_READ     (UINT64_C(1) << 1)
#define ENTRY_WRITE    (UINT64_C(1) << 2)
#define ENTRY_EXECUTE  (UINT64_C(1) << 3)
#define ENTRY_USER     (UINT64_C(1) << 4)
#define ENTRY_GLOBAL   (UINT64_C(1) << 5)
#define ENTRY_ACCESSED (UINT64_C(1) << 6)
#define ENTRY_DIRTY    (UINT64_C(1) << 7)
#define ENTRY_NUMBER   (((UINT64_C(1) << 44) - 1) << 10) /* PPN */
#define ENTRY_RESERVED (UINT64_C(0x7f) << 54)

/* ---- encoding ------------------------------------------------------------ */

static inline bool entry_present(entry_t e)
{
	return e & ENTRY_VALID;
}

/* 12.3.1: one without R, W and X points to the next table. */
static inline bool entry_is_leaf(entry_t e, unsigned level)
{
	(void)level;
	return entry_present(e) &&
	       e & (ENTRY_READ | ENTRY_WRITE | ENTRY_EXECUTE);
}

static inline uint64_t entry_address(entry_t e, unsigned level)
{
	(void)level;
	return (e & ENTRY_NUMBER) << 2;
}

static inline enum hvo_prot entry_prot(entry_t e)
{
	if (!entry_present(e))
		return HVO_PROT_NONE;
	return e & ENTRY_WRITE ? HVO_PROT_WRITE : HVO_PROT_READ;
}

static inline entry_t entry_table(uint64_t address)
{
	return address >> 2 | ENTRY_VALID;
}

static inline entry_t entry_leaf(uint64_t address, enum hvo_prot prot,
				 unsigned level)
{
	entry_t e = address >> 2 | ENTRY_VALID | ENTRY_READ | ENTRY_GLOBAL |
		    ENTRY_ACCESSED | ENTRY_DIRTY;

	(void)level;
	if (prot == HVO_PROT_NONE)
		return 0;
	return prot == HVO_PROT_WRITE ? e | ENTRY_WRITE : e;
}

/* ---- changing ------------------------------------------------------------ */

/* 12.2.1: an entry is only ever changed by one store of its whole width. */
static inline void entry_write(entry_t *at, entry_t e)
{
	__asm__ volatile("fence rw, w\n\tsd %1, 0(%0)" ::"r"(at), "r"(e)
			 : "memory");
}

/*
 * 12.2.1: when a page is upgraded to a superpage without clearing the non-leaf
 * entry first, it is unpredictable until SFENCE.VMA which of the two is used,
 * "but the behavior is otherwise well defined". Both lead to the same frames
 * with the same permission; the reverse is the same case.
 */
static inline bool entry_may_split(void)
{
	return true;
}

static inline bool entry_may_collapse(void)
{
	return true;
}

/* ---- flushing ------------------------------------------------------------ */

/*
 * From this many pages on everything is dropped. It must be at most a block's:
 * SFENCE.VMA with an address orders leaf entries only (12.2.1), so a
 * table that a collapse took out is forgotten by a flush of all.
 */
#define ENTRY_FLUSH_ALL 64

static inline void entry_flush_here(uintptr_t va, uint64_t pages)
{
	if (pages >= ENTRY_FLUSH_ALL) {
		__asm__ volatile("sfence.vma" ::: "memory");
		return;
	}
	for (uint64_t i = 0; i < pages; i++)
		__asm__ volatile(
		    "sfence.vma %0" ::"r"(va + (i << HVO_ENTRY_PAGE_SHIFT))
		    : "memory");
}

/*
 * 12.2.1: SFENCE.VMA is local; others are told by a data fence and a message.
 * SBI, "RFENCE Extension": firmware sends it to all harts, and returns when
 * they have carried it out; start and size 0 are all addresses. A flush that
 * firmware refuses must not be passed over.
 */
static inline void entry_flush(uintptr_t va, uint64_t pages)
{
	bool all = pages >= ENTRY_FLUSH_ALL;
	uint64_t bytes = pages << HVO_ENTRY_PAGE_SHIFT;
	struct sbi_call call = {
	    .extension = SBI_RFENCE,
	    .function = SBI_RFENCE_VMA,
	    .argument = {0, SBI_ALL_HARTS, all ? 0 : va, all ? 0 : bytes},
	};

	__asm__ volatile("fence rw, rw" ::: "memory");
	entry_flush_here(va, pages);
	if (sbi_call(call).error)
		__builtin_trap();
}

/*
 * 12.2.1: absence may be cached, and a hart's own stores are seen by its own
 * walks only after SFENCE.VMA. New entries may have come with new tables, and
 * non-leaf entries are ordered only by a flush of all, so it is here that all
 * harts do it: hvo_port_flush() on a few pages would not be enough.
 */
static inline void entry_published(void)
{
	entry_flush(0, ENTRY_FLUSH_ALL);
}

/* ---- the rule ------------------------------------------------------------ */

/* Bytes that an entry of this level translates. */
static inline uint64_t entry_bytes(unsigned level)
{
	return UINT64_C(1) << (HVO_ENTRY_PAGE_SHIFT +
			       HVO_ENTRY_INDEX_BITS * level);
}

/* 12.3.1 and 12.3.2 "Virtual Address Translation Process". */
static inline const char *entry_broken_format(entry_t e, unsigned level)
{
	if (e & ENTRY_RESERVED)
		return "12.4.1: reserved bits are set";
	if (!entry_is_leaf(e, level))
		return e & (ENTRY_USER | ENTRY_ACCESSED | ENTRY_DIRTY)
			   ? "12.3.1: U, A or D is set in a non-leaf entry"
			   : NULL;
	if (e & ENTRY_WRITE && !(e & ENTRY_READ))
		return "12.3.1: a page is writable but not readable";
	if (entry_address(e, level) % entry_bytes(level))
		return "12.3.2: a superpage is misaligned";
	return NULL;
}

/* Does the level 1 block lead where the table's pages lead, with the same
 * permission? */
static inline bool entry_same_pages(const struct entry_change *change,
				    entry_t block, entry_t table)
{
	const uint64_t *page =
	    (const uint64_t *)(change->direct_map +
			       entry_address(table, change->level));

	for (uint64_t i = 0; i < 1u << HVO_ENTRY_INDEX_BITS; i++)
		if (page[i] != block + (i << 10))
			return false;
	return true;
}

static inline const char *entry_broken_rule(const struct entry_change *change)
{
	bool was_leaf = entry_is_leaf(change->from, change->level);
	bool is_leaf = entry_is_leaf(change->to, change->level);

	if (!entry_present(change->to))
		return NULL;
	if (entry_broken_format(change->to, change->level))
		return entry_broken_format(change->to, change->level);
	if (!entry_present(change->from) || (was_leaf && is_leaf))
		return NULL;
	if (!was_leaf && !is_leaf)
		return change->from == change->to
			   ? NULL
			   : "12.2.1: a live table was replaced by another one";
	if (change->level != 1 ||
	    !entry_same_pages(change, was_leaf ? change->from : change->to,
			      was_leaf ? change->to : change->from))
		return "12.2.1: a block and the table that takes its place "
		       "differ, and either may be used";
	return NULL;
}

#endif
