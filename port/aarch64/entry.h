/* SPDX-License-Identifier: MIT */
/*
 * Translation table entries of AArch64, VMSAv8-64, stage 1 at EL1.
 *
 * Source: Arm Architecture Reference Manual for A-profile, DDI 0487, issue J.a;
 * chapter D8 "The AArch64 Virtual Memory System Architecture". Sections are
 * cited by title, because numbers differ between issues. The granule is fixed
 * when the program is built. All CPUs agree on FEAT_BBM.
 *
 * Addresses have 48 bits at most, virtual and physical: neither FEAT_LPA nor
 * FEAT_LVA is used. All mappings are global, of normal memory, inner
 * shareable, write-back, attribute 0 of MAIR_EL1; their Access flag is set.
 */
#ifndef HVO_AARCH64_ENTRY_H
#define HVO_AARCH64_ENTRY_H

#include "radix.h"

#define HVO_ENTRY_BLOCK       1
#define HVO_ENTRY_EQUAL_BYTES 1

/*
 * "Translation process": a table fills a page and has 8 bytes for each
 * entry. With 64 KiB the uppermost table has but 64 entries in use, which are
 * the last ones when it is indexed by all bits of a kernel's address.
 */
#if HVO_GRANULE == 4096
#define HVO_ENTRY_PAGE_SHIFT  12
#define HVO_ENTRY_HUGE_ORDERS 4, 9, 13, 18 /* 64K 2M 32M 1G */
#define HVO_ENTRY_HUGE_USUAL  1
#define HVO_ENTRY_LEVELS      4
#elif HVO_GRANULE == 16384
#define HVO_ENTRY_PAGE_SHIFT  14
#define HVO_ENTRY_HUGE_ORDERS 7, 11, 16 /* 2M 32M 1G */
#define HVO_ENTRY_HUGE_USUAL  1
#define HVO_ENTRY_LEVELS      3
#elif HVO_GRANULE == 65536
#define HVO_ENTRY_PAGE_SHIFT  16
#define HVO_ENTRY_HUGE_ORDERS 5, 13, 18 /* 2M 512M 16G */
#define HVO_ENTRY_HUGE_USUAL  1
#define HVO_ENTRY_LEVELS      3
#else
#error "HVO_GRANULE must be 4096, 16384 or 65536"
#endif

#define HVO_ENTRY_INDEX_BITS (HVO_ENTRY_PAGE_SHIFT - 3)

/* "VMSAv8-64 descriptor formats". */
#define ENTRY_VALID       (UINT64_C(1) << 0)
#define ENTRY_TABLE       (UINT64_C(1) << 1) /* level 0: a page */
#define ENTRY_ATTRIBUTE   (UINT64_C(7) << 2) /* AttrIndx */
#define ENTRY_READ_ONLY   (UINT64_C(1) << 7) /* AP[2] */
#define ENTRY_INNER       (UINT64_C(3) << 8) /* SH: inner shareable */
#define ENTRY_ACCESSED    (UINT64_C(1) << 10)
#define ENTRY_NOT_GLOBAL  (UINT64_C(1) << 11)
#define ENTRY_CONTIGUOUS  (UINT64_C(1) << 52)
#define ENTRY_NO_EXEC_EL1 (UINT64_C(1) << 53) /* PXN */
#define ENTRY_NO_EXEC_EL0 (UINT64_C(1) << 54) /* UXN */
#define ENTRY_ADDRESS     ((UINT64_C(1) << 48) - HVO_GRANULE)

/* ---- encoding ------------------------------------------------------------ */

static inline bool entry_present(entry_t e)
{
	return e & ENTRY_VALID;
}

static inline bool entry_is_leaf(entry_t e, unsigned level)
{
	return entry_present(e) && (level == 0 || !(e & ENTRY_TABLE));
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
	return e & ENTRY_READ_ONLY ? HVO_PROT_READ : HVO_PROT_WRITE;
}

static inline entry_t entry_table(uint64_t address)
{
	return address | ENTRY_TABLE | ENTRY_VALID;
}

static inline entry_t entry_leaf(uint64_t address, enum hvo_prot prot,
				 unsigned level)
{
	entry_t e = address | ENTRY_VALID | ENTRY_INNER | ENTRY_ACCESSED |
		    ENTRY_NO_EXEC_EL1 | ENTRY_NO_EXEC_EL0;

	if (prot == HVO_PROT_NONE)
		return 0;
	if (level == 0)
		e |= ENTRY_TABLE;
	if (prot == HVO_PROT_READ)
		e |= ENTRY_READ_ONLY;
	return e;
}

/* ---- changing ------------------------------------------------------------ */

/* B2 "Memory barriers": the walkers are observers as any other. */
static inline void entry_write(entry_t *at, entry_t e)
{
	__asm__ volatile("dmb ishst\n\tstr %1, [%0]" ::"r"(at), "r"(e)
			 : "memory");
}

/*
 * "Ordering of memory accesses from translation table walks": a walk is sure to
 * see an entry after the DSB that follows its store; ISB stops what was read
 * ahead.
 */
static inline void entry_published(void)
{
	__asm__ volatile("dsb ishst\n\tisb" ::: "memory");
}

/*
 * ID_AA64MMFR2_EL1.BBM: with level 2 the size of what an entry maps may change
 * live. A CPU may answer with a TLB conflict abort until the flush: its handler
 * has to drop the TLB and go on.
 */
static inline bool entry_has_bbm2(void)
{
	uint64_t features;

	__asm__("mrs %0, S3_0_C0_C7_2" : "=r"(features));
	return (features >> 52 & 15) >= 2;
}

static inline bool entry_may_split(void)
{
	return entry_has_bbm2();
}

static inline bool entry_may_collapse(void)
{
	return entry_has_bbm2();
}

/* ---- flushing ------------------------------------------------------------ */

/* Above this many pages, everything is dropped. */
#define ENTRY_FLUSH_PAGES 256

/*
 * "TLB maintenance": the first DSB has all CPUs' walkers see the stores, the
 * TLBI is broadcast, the second DSB waits until it has been carried out and
 * until accesses that used the old entries are done.
 */
static inline void entry_flush(uintptr_t va, uint64_t pages)
{
	__asm__ volatile("dsb ishst" ::: "memory");
	if (pages > ENTRY_FLUSH_PAGES) {
		__asm__ volatile("tlbi vmalle1is" ::: "memory");
	} else {
		for (uint64_t i = 0; i < pages; i++, va += HVO_GRANULE)
			/* Bits 43:0 are VA[55:12], with any granule. */
			__asm__ volatile("tlbi vaae1is, %0" ::"r"(va << 8 >> 20)
					 : "memory");
	}
	__asm__ volatile("dsb ish\n\tisb" ::: "memory");
}

/* ---- the rule ------------------------------------------------------------ */

static inline const uint64_t *entry_words(const struct entry_change *change,
					  entry_t e)
{
	return (const uint64_t *)(change->direct_map +
				  entry_address(e, change->level));
}

static inline bool entry_same_words(const uint64_t *a, const uint64_t *b,
				    uint64_t bytes)
{
	for (uint64_t i = 0; i < bytes / sizeof(*a); i++)
		if (a[i] != b[i])
			return false;
	return true;
}

/* Bytes that an entry of this level translates. */
static inline uint64_t entry_bytes(unsigned level)
{
	return UINT64_C(1) << (HVO_ENTRY_PAGE_SHIFT +
			       HVO_ENTRY_INDEX_BITS * level);
}

/* Does the level 1 block lead where the table's pages lead, with the same
 * permission and attributes? */
static inline bool entry_same_pages(const struct entry_change *change,
				    entry_t block, entry_t table)
{
	const uint64_t *page = entry_words(change, table);
	entry_t expected = block | ENTRY_TABLE;

	for (unsigned i = 0; i < 1u << HVO_ENTRY_INDEX_BITS; i++)
		if (page[i] != expected + (uint64_t)i * HVO_GRANULE)
			return false;
	return true;
}

static inline const char *
entry_broken_size_rule(const struct entry_change *change)
{
	bool splits = entry_is_leaf(change->from, change->level);
	entry_t block = splits ? change->from : change->to;
	entry_t table = splits ? change->to : change->from;

	if (!entry_has_bbm2())
		return "D8.16.1: a block's size was changed without "
		       "FEAT_BBM level 2";
	if (change->level != 1 || !entry_same_pages(change, block, table))
		return "D8.16.1: a block and the table that takes its place "
		       "differ in more than size";
	return NULL;
}

/* D8.16.1 "Using break-before-make when updating translation table entries" */
static inline const char *entry_broken_rule(const struct entry_change *change)
{
	entry_t differ = change->from ^ change->to;
	bool leaf = entry_is_leaf(change->to, change->level);

	if (!entry_present(change->from) || !entry_present(change->to))
		return NULL;
	if (entry_is_leaf(change->from, change->level) != leaf)
		return entry_broken_size_rule(change);
	if (differ & (ENTRY_ATTRIBUTE | ENTRY_INNER))
		return "D8.16.1: the memory type of a live entry was changed";
	if (differ & (ENTRY_NOT_GLOBAL | ENTRY_CONTIGUOUS))
		return "D8.16.1: a live entry's extent in the TLB was changed";
	if (!(differ & ENTRY_ADDRESS))
		return NULL;
	if (!leaf)
		return "D8.16.1: a live table was replaced by another one";
	if (!(change->from & change->to & ENTRY_READ_ONLY))
		return "D8.16.1: a live entry's output address was changed "
		       "while the page may be written to";
	if (!entry_same_words(entry_words(change, change->from),
			      entry_words(change, change->to),
			      entry_bytes(change->level)))
		return "D8.16.1: a live entry's output address was changed to "
		       "one with other bytes";
	return NULL;
}

#endif
