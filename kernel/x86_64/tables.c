/* SPDX-License-Identifier: MIT */
#include "tables.h"
#include <stdbool.h>
#include "arch.h"
#include "entry.h"
#include "image.h"
#include "layout.h"

#define TABLES  64
#define ENTRIES (1u << HVO_ENTRY_INDEX_BITS)
#define TOP     (HVO_ENTRY_LEVELS - 1)
#define GIB     (UINT64_C(1) << 30)

/* PCD and PWT: entry 3 of the PAT, uncacheable (SDM 3A, 11.12.4). */
#define ENTRY_UNCACHED UINT64_C(0x18)

typedef entry_t table_t[ENTRIES];

static _Alignas(LAYOUT_PAGE) table_t root, tables[TABLES];
static unsigned used; /* of tables[] */

uint64_t *table_root(void)
{
	return root;
}

static entry_t *pointer(uint64_t physical)
{
	return (entry_t *)(LAYOUT_IMAGE + physical);
}

static uint64_t bytes_of(unsigned level)
{
	return UINT64_C(1) << (HVO_ENTRY_PAGE_SHIFT +
			       HVO_ENTRY_INDEX_BITS * level);
}

static unsigned index_of(uintptr_t va, unsigned level)
{
	return va / bytes_of(level) & (ENTRIES - 1);
}

static entry_t new_table(void)
{
	if (used == TABLES)
		kernel_panic("no room to map all RAM: give the machine less, "
			     "or a CPU that has pages of 1 GiB");
	return entry_table(image_physical(tables[used++]));
}

/* The entry for va at the level; tables on the way are made. */
static entry_t *find(uintptr_t va, unsigned level)
{
	entry_t *table = root;

	for (unsigned at = TOP;; at--) {
		entry_t *entry = &table[index_of(va, at)];

		if (at == level)
			return entry;
		if (!entry_present(*entry))
			entry_write(entry, new_table());
		table = pointer(entry_address(*entry, at));
	}
}

/* CPUID 80000001h, EDX: Page1GB. */
static bool has_1_gib(void)
{
	uint32_t eax = 0x80000001, ebx, ecx, edx;

	__asm__("cpuid" : "+a"(eax), "=b"(ebx), "=c"(ecx), "=d"(edx));
	return edx >> 26 & 1;
}

/*
 * SDM 3A, 11.11.9: a large page must not span memory of several types. Below
 * 4 GiB there are devices, RAM above.
 */
static unsigned largest(const struct table_range *range)
{
	return range->physical >= 4 * GIB && has_1_gib() ? 2 : 1;
}

/* The highest level, up to this one, whose entry could map the beginning of the
 * range. */
static unsigned level_of(const struct table_range *range, unsigned level)
{
	while (level && ((range->va | range->physical) % bytes_of(level) ||
			 range->size < bytes_of(level)))
		level--;
	return level;
}

static entry_t leaf(uint64_t physical, enum table_kind kind, unsigned level)
{
	bool writable = kind == TABLE_DATA || kind == TABLE_DEVICE;
	entry_t e = entry_leaf(
	    physical, writable ? HVO_PROT_WRITE : HVO_PROT_READ, level);

	if (kind == TABLE_CODE)
		e &= ~ENTRY_NO_EXEC;
	if (kind == TABLE_DEVICE)
		e |= ENTRY_UNCACHED;
	return e;
}

void table_map(struct table_range range, enum table_kind kind)
{
	unsigned most = largest(&range);

	while (range.size) {
		unsigned level = level_of(&range, most);
		uint64_t bytes = bytes_of(level);

		entry_write(find(range.va, level),
			    leaf(range.physical, kind, level));
		range.va += bytes;
		range.physical += bytes;
		range.size -= bytes;
	}
}
