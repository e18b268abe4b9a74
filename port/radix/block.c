/* SPDX-License-Identifier: MIT */
/*
 * Blocks that become tables, and tables that become blocks. Entries change
 * from one to the other under the lock; all CPUs have forgotten what was there
 * before the call returns.
 */
#include "state.h"

static void fill(entry_t *table, entry_t block)
{
	uint64_t address = entry_address(block, 1);
	enum hvo_prot prot = entry_prot(block);

	for (unsigned i = 0; i < RADIX_ENTRIES; i++)
		table[i] = entry_leaf(address + i * RADIX_PAGE, prot, 0);
}

/* With the lock held: somebody else may have been first. */
static int split_locked(struct hvo_port *port, struct radix_place place,
			uintptr_t va)
{
	entry_t block = radix_load(place.entry);
	entry_t *table;

	if (!entry_is_leaf(block, 1))
		return 0;
	if (!entry_may_split())
		return -HVO_EBLOCK;
	table = radix_take_table(port);
	if (!table)
		return -HVO_ENOMEM;
	fill(table, block);
	radix_store(port, place, va, entry_table(radix_physical(port, table)));
	return 0;
}

/* Rare, and kept apart from what finds a table. */
static __attribute__((noinline)) int split_block(struct hvo_port *port,
						 uintptr_t va)
{
	struct radix_place place = {radix_entry(port, va, 1), 1};
	int err;

	hvo_lock_acquire(&port->lock, port);
	err = split_locked(port, place, va);
	hvo_lock_release(&port->lock);
	if (!err)
		hvo_port_flush(port, (void *)va, RADIX_ENTRIES);
	return err;
}

/*
 * No lock is needed to find a table: only a collapse makes it a block, and only
 * whoever changes all of the block's pages, so ours too, may ask for that.
 */
int hvo_port_split(struct hvo_port *port, void *va, uint64_t pages)
{
	uintptr_t end = (uintptr_t)va + pages * RADIX_PAGE;
	uintptr_t at = (uintptr_t)va & -radix_span(1);
	int err = 0;

	for (; !err && at < end; at += radix_span(1))
		if (entry_is_leaf(radix_load(radix_entry(port, at, 1)), 1))
			err = split_block(port, at);
	return err;
}

/* ---- the reverse --------------------------------------------------------- */

static bool is_block(const entry_t *table)
{
	entry_t first = table[0];
	uint64_t address = entry_address(first, 0);

	if (!entry_present(first) || address & (radix_span(1) - 1))
		return false;
	for (unsigned i = 1; i < RADIX_ENTRIES; i++)
		if (!entry_present(table[i]) ||
		    entry_address(table[i], 0) != address + i * RADIX_PAGE ||
		    entry_prot(table[i]) != entry_prot(first))
			return false;
	return true;
}

/* With the lock held. The table that is no longer used, or NULL. */
static entry_t *collapse_locked(struct hvo_port *port, uintptr_t va)
{
	struct radix_place place = {radix_entry(port, va, 1), 1};
	entry_t e = radix_load(place.entry);
	entry_t *table = radix_pointer(port, entry_address(e, 1));

	if (entry_is_leaf(e, 1) || !is_block(table))
		return NULL;
	e = entry_leaf(entry_address(table[0], 0), entry_prot(table[0]), 1);
	radix_store(port, place, va, e);
	return table;
}

int hvo_port_collapse(struct hvo_port *port, void *va)
{
	entry_t *table;

	if (!HVO_ENTRY_BLOCK || !entry_may_collapse())
		return -HVO_EBLOCK;
	hvo_lock_acquire(&port->lock, port);
	table = collapse_locked(port, (uintptr_t)va);
	hvo_lock_release(&port->lock);
	if (!table)
		return -HVO_EBLOCK;
	hvo_port_flush(port, va, RADIX_ENTRIES);
	radix_give_table(port, table);
	return 0;
}
