/* SPDX-License-Identifier: MIT */
/*
 * The walk over the tables, and the making of tables on the way.
 *
 * Tables appear under the lock and, but for those that a block takes the place
 * of, never go; so a walk needs no lock.
 */
#include "state.h"

struct radix_place radix_walk(const struct hvo_port *port, uintptr_t va)
{
	entry_t *at = port->config.root + radix_index(va, RADIX_TOP);

	for (unsigned level = RADIX_TOP;;) {
		entry_t e = radix_load(at);

		if (!level || !entry_present(e) || entry_is_leaf(e, level))
			return (struct radix_place){at, level};
		at = radix_below(port, e, --level, va);
	}
}

/* ---- the check ----------------------------------------------------------- */

#ifdef HVO_RADIX_CHECK
void radix_check(const struct hvo_port *port, struct radix_place place,
		 uintptr_t va, entry_t e)
{
	const struct entry_change change = {
	    .va = va,
	    .level = place.level,
	    .from = radix_load(place.entry),
	    .to = e,
	    .direct_map = port->config.direct_map,
	};
	const char *rule = entry_broken_rule(&change);

	if (rule)
		hvo_radix_broken(va, rule);
}
#endif

/* ---- tables -------------------------------------------------------------- */

entry_t *radix_take_table(struct hvo_port *port)
{
	struct radix_spare *page = port->spare;

	if (!page)
		return NULL;
	port->spare = page->next;
	page->next = NULL;
	return (entry_t *)page;
}

void radix_give_table(struct hvo_port *port, entry_t *table)
{
	struct radix_spare *page = (struct radix_spare *)table;

	memset(table, 0, RADIX_PAGE);
	hvo_lock_acquire(&port->lock, port);
	page->next = port->spare;
	port->spare = page;
	hvo_lock_release(&port->lock);
}

/* Another CPU may have been first. */
static entry_t make_table(struct hvo_port *port, struct radix_place place,
			  uintptr_t va)
{
	entry_t e, *table;

	hvo_lock_acquire(&port->lock, port);
	e = radix_load(place.entry);
	if (!entry_present(e)) {
		table = radix_take_table(port);
		if (table) {
			e = entry_table(radix_physical(port, table));
			radix_store(port, place, va, e);
		}
	}
	hvo_lock_release(&port->lock);
	return e;
}

entry_t *radix_make(struct hvo_port *port, uintptr_t va, unsigned level)
{
	entry_t *at = port->config.root + radix_index(va, RADIX_TOP);

	for (unsigned i = RADIX_TOP; i > level; i--) {
		struct radix_place place = {at, i};
		entry_t e = radix_load(at);

		if (!entry_present(e))
			e = make_table(port, place, va & -radix_span(i));
		if (!entry_present(e))
			return NULL;
		at = radix_below(port, e, i - 1, va);
	}
	return at;
}
