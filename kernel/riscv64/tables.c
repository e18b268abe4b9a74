/* SPDX-License-Identifier: MIT */
#include "tables.h"
#include "arch.h"
#include "entry.h"
#include "image.h"
#include "layout.h"

#define TABLES  64
#define ENTRIES (1u << HVO_ENTRY_INDEX_BITS)
#define TOP     (HVO_ENTRY_LEVELS - 1) /* its entries map 512 GiB */

typedef entry_t table_t[ENTRIES];

static _Alignas(LAYOUT_PAGE) table_t root, tables[TABLES];
static unsigned used; /* of tables[] */
static uint64_t physical_start;

uint64_t *table_root(void)
{
	return root;
}

/* ---- the image's addresses ----------------------------------------------- */

void image_is_at(uint64_t physical)
{
	physical_start = physical;
}

uint64_t image_physical(const void *address)
{
	return (uintptr_t)address - (uintptr_t)start + physical_start;
}

/* `start` is found relative to the program counter: with the MMU off these two
 * are the identity. */
static entry_t *pointer(uint64_t physical)
{
	return (entry_t *)(physical - physical_start + (uintptr_t)start);
}

/* ---- mapping ------------------------------------------------------------- */

static unsigned index_of(uintptr_t va, unsigned level)
{
	return va >> (HVO_ENTRY_PAGE_SHIFT + HVO_ENTRY_INDEX_BITS * level) &
	       (ENTRIES - 1);
}

static entry_t new_table(void)
{
	if (used == TABLES)
		kernel_panic("no room to map all RAM: give the machine less, "
			     "or in fewer pieces");
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

/* The highest level whose entry could map the beginning of the range. */
static unsigned level_of(const struct table_range *range)
{
	unsigned level = TOP;

	while (level && ((range->va | range->physical) % entry_bytes(level) ||
			 range->size < entry_bytes(level)))
		level--;
	return level;
}

static entry_t leaf(uint64_t physical, enum table_kind kind, unsigned level)
{
	entry_t e = entry_leaf(
	    physical, kind == TABLE_DATA ? HVO_PROT_WRITE : HVO_PROT_READ,
	    level);

	return kind == TABLE_CODE ? e | ENTRY_EXECUTE : e;
}

void table_map(struct table_range range, enum table_kind kind)
{
	while (range.size) {
		unsigned level = level_of(&range);
		uint64_t bytes = entry_bytes(level);

		entry_write(find(range.va, level),
			    leaf(range.physical, kind, level));
		range.va += bytes;
		range.physical += bytes;
		range.size -= bytes;
	}
	/* No other hart runs. */
	entry_flush_here(0, ENTRY_FLUSH_ALL);
}

/* ---- looking up ---------------------------------------------------------- */

/* Tables are in the image, or are the port's: then they are in RAM. */
static const entry_t *table_at(uint64_t physical)
{
	if (physical - physical_start < (uint64_t)(image_end - start))
		return pointer(physical);
	return (const entry_t *)(LAYOUT_DIRECT_MAP + physical);
}

bool table_has(uintptr_t va)
{
	const entry_t *table = root;
	unsigned level = TOP;
	entry_t e;

	/* 12.5.1: bits 63:48 must equal bit 47. */
	if ((uintptr_t)((intptr_t)(va << 16) >> 16) != va)
		return false;
	for (;;) {
		e = table[index_of(va, level)];
		if (!entry_present(e) || entry_is_leaf(e, level))
			return entry_present(e);
		if (level == 0)
			return false;
		table = table_at(entry_address(e, level--));
	}
}
