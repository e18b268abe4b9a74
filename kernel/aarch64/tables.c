/* SPDX-License-Identifier: MIT */
#include "tables.h"
#include "arch.h"
#include "entry.h"
#include "image.h"
#include "layout.h"

#define TABLES  64
#define ENTRIES (1u << HVO_ENTRY_INDEX_BITS)
#define TOP     (HVO_ENTRY_LEVELS - 1)

/* The largest blocks (DDI 0487, "VMSAv8-64 descriptor formats"): 1 GiB with
 * pages of 4 KiB, 32 MiB with 16 KiB, 512 MiB with 64 KiB. */
#define LARGEST (HVO_GRANULE == 4096 ? 2 : 1)

typedef entry_t table_t[ENTRIES];

static _Alignas(HVO_GRANULE) table_t kernel_root, low_root, tables[TABLES];
static unsigned used; /* of tables[] */
static uint64_t physical_start;

uint64_t *table_kernel(void)
{
	return kernel_root;
}

uint64_t *table_low(void)
{
	return low_root;
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
static entry_t *find(entry_t *table, uintptr_t va, unsigned level)
{
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
	unsigned level = LARGEST;

	while (level && ((range->va | range->physical) % entry_bytes(level) ||
			 range->size < entry_bytes(level)))
		level--;
	return level;
}

static entry_t leaf(uint64_t physical, enum table_kind kind, unsigned level)
{
	bool writable = kind == TABLE_DATA || kind == TABLE_DEVICE;
	entry_t e = entry_leaf(
	    physical, writable ? HVO_PROT_WRITE : HVO_PROT_READ, level);

	if (kind == TABLE_CODE)
		e &= ~ENTRY_NO_EXEC_EL1;
	if (kind == TABLE_DEVICE)
		e |= ENTRY_ATTRIBUTE & -ENTRY_ATTRIBUTE; /* number 1 */
	return e;
}

void table_map(uint64_t *root, struct table_range range, enum table_kind kind)
{
	while (range.size) {
		unsigned level = level_of(&range);
		uint64_t bytes = entry_bytes(level);

		entry_write(find(root, range.va, level),
			    leaf(range.physical, kind, level));
		range.va += bytes;
		range.physical += bytes;
		range.size -= bytes;
	}
	entry_published();
}
