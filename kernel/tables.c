/* SPDX-License-Identifier: MIT */
#include "tables.h"
#include "arch.h"
#include "image.h"

#define TABLES  64
#define ENTRIES (1u << HVO_ENTRY_INDEX_BITS)
#define TOP     (HVO_ENTRY_LEVELS - 1)

typedef entry_t table_t[ENTRIES]; /* fills a page */

static _Alignas(sizeof(table_t)) table_t root, tables[TABLES];
static unsigned used; /* of tables[] */

entry_t *table_root(void)
{
	return root;
}

/* ---- finding ------------------------------------------------------------- */

/* What an entry of the level translates. */
static uint64_t bytes_of(unsigned level)
{
	return UINT64_C(1) << (HVO_ENTRY_PAGE_SHIFT +
			       HVO_ENTRY_INDEX_BITS * level);
}

unsigned table_index(uintptr_t va, unsigned level)
{
	return va / bytes_of(level) & (ENTRIES - 1);
}

static entry_t new_table(void)
{
	if (used == TABLES)
		kernel_panic("no room to map all RAM: give the machine less, "
			     "in fewer pieces, or a CPU that has larger pages");
	return entry_table(image_physical(tables[used++]));
}

/* The entry for va at the level; tables on the way are made. */
static entry_t *find(entry_t *table, uintptr_t va, unsigned level)
{
	for (unsigned at = TOP;; at--) {
		entry_t *entry = &table[table_index(va, at)];

		if (at == level)
			return entry;
		if (!entry_present(*entry))
			entry_write(entry, new_table());
		table = image_pointer(entry_address(*entry, at));
	}
}

/* ---- mapping ------------------------------------------------------------- */

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
	enum hvo_prot prot = writable ? HVO_PROT_WRITE : HVO_PROT_READ;

	return arch_table_entry(entry_leaf(physical, prot, level), kind);
}

void table_map(entry_t *table, struct table_range range, enum table_kind kind)
{
	unsigned largest = arch_table_largest(&range);

	while (range.size) {
		unsigned level = level_of(&range, largest);
		uint64_t bytes = bytes_of(level);

		entry_write(find(table, range.va, level),
			    leaf(range.physical, kind, level));
		range.va += bytes;
		range.physical += bytes;
		range.size -= bytes;
	}
	entry_published();
}

static void map_section(uintptr_t va, const char *from, const char *to,
			enum table_kind kind)
{
	struct table_range range = {
	    .va = va + (uintptr_t)(from - image_start),
	    .physical = image_physical(from),
	    .size = (uint64_t)(to - from),
	};

	table_map(root, range, kind);
}

void table_map_image(uintptr_t va)
{
	map_section(va, image_start, image_constant, TABLE_CODE);
	map_section(va, image_constant, image_data, TABLE_CONSTANT);
	map_section(va, image_data, image_end, TABLE_DATA);
}
