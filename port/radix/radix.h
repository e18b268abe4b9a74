/* SPDX-License-Identifier: MIT */
/*
 * Inside the port to bare metal: its state, and what an architecture's
 * port/ARCH/entry.h defines, all of it inline:
 *
 *   HVO_ENTRY_PAGE_SHIFT   of the base page
 *   HVO_ENTRY_INDEX_BITS   of the virtual address, for each table
 *   HVO_ENTRY_LEVELS       tables from the root to the pages, both counted;
 *                          level 0 is the table whose entries are pages
 *   HVO_ENTRY_BLOCK        1 if a level 1 entry may map a block, else 0
 *   HVO_ENTRY_EQUAL_BYTES  the trait of that name
 *   HVO_ENTRY_HUGE_ORDERS  of the huge pages that the MMU maps by one entry
 *                          or by a marked run of entries, rising
 *   HVO_ENTRY_HUGE_USUAL   the place among them of the usual size, which is a
 *                          level 1 block
 *
 *   bool entry_present(entry_t e);
 *   bool entry_is_leaf(entry_t e, unsigned level);
 *   uint64_t entry_address(entry_t e, unsigned level);
 *        physical: of the table below, of the page, or of the block
 *   enum hvo_prot entry_prot(entry_t e);
 *   entry_t entry_table(uint64_t address);
 *   entry_t entry_leaf(uint64_t address, enum hvo_prot prot, unsigned level);
 *   void entry_write(entry_t *at, entry_t e);
 *        one store, which all CPUs' walkers see after every earlier one
 *   void entry_published(void);
 *        after absent entries became present: this CPU's next access is sure
 *        to see them
 *   bool entry_may_split(void), entry_may_collapse(void);
 *        may a live block become a table, and the reverse, on this CPU model?
 *   void entry_flush(uintptr_t va, uint64_t pages);
 *        hvo_port_flush() itself
 *   const char *entry_broken_rule(const struct entry_change *change);
 *        NULL, or the rule of the manual that this change of a live entry
 *        breaks; asked before each change in builds with HVO_RADIX_CHECK
 *
 * and, after them, anything that only it needs. Each cites the manual's
 * section for the rule that it relies on.
 */
#ifndef RADIX_H
#define RADIX_H

#include <stdbool.h>
#include <stdint.h>
#include "hvo/port.h"

typedef uint64_t entry_t;

/* A live entry is about to become another one, with no flush in between. */
struct entry_change {
	uintptr_t va; /* the first address that it translates */
	unsigned level;
	entry_t from, to;
	uintptr_t direct_map; /* to compare what both lead to */
};

#endif
