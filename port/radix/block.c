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

/* With the lock held. *split: the entry was a block. */
static int split_locked(struct hvo_port *port, uintptr_t va, bool *split)
{
	struct radix_place place = radix_walk(port, va);
	entry_t block = radix_load(place.entry);
	entry_t *table;

	*split = place.level == 1 && entry_present(block);
	if (!*split)
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

static int split_block(struct hvo_port *port, uintptr_t va)
{
	bool split;
	int err;

	hvo_lock_acquire(&port->lock, port);
	err = split_locked(port, va, &split);
	hvo_lock_release(&port->lock);
	if (!err && split)
		hvo_port_flush(port, (void *)va, RADIX_ENTRIES);
	return err;
}

int hvo_port_split(struct hvo_port *port, void *va, uint64_t pages)
{
	uintptr_t end = (uintptr_t)va + pages * RADIX_PAGE;
	uintptr_t at = (uintptr_t)va & -radix_span(1);
	int err = 0;

	for (; !err && at < end; at += radix_span(1))
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
	struct radix_place place = {radix_make(port, va, 1), 1};
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
