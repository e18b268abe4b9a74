/* SPDX-License-Identifier: MIT */
/*
 * The port's state, and what its files share: the walk, and the one function
 * that stores to an entry.
 */
#ifndef RADIX_STATE_H
#define RADIX_STATE_H

#include <stdatomic.h>
#include "entry.h"
#include "hvo/error.h"
#include "hvo/lock.h"
#include "hvo/mem.h"
#include "hvo_radix.h"

#define RADIX_PAGE    ((uintptr_t)1 << HVO_ENTRY_PAGE_SHIFT)
#define RADIX_ENTRIES (1u << HVO_ENTRY_INDEX_BITS)
#define RADIX_TOP     (HVO_ENTRY_LEVELS - 1)

/* A page that waits to be a table; all its other bytes are zeros. */
struct radix_spare {
	struct radix_spare *next;
};

/* One CPU's read-side section, alone in its cache line. */
struct radix_reader {
	_Alignas(64) _Atomic uint64_t since; /* period it began in; 0: none */
	unsigned nested;                     /* the CPU's own */
};

struct hvo_port {
	struct hvo_radix_config config;
	struct hvo_port_traits traits;
	struct hvo_lock engine;    /* hvo_port_lock() */
	struct hvo_lock lock;      /* spare, and blocks */
	struct radix_spare *spare; /* (lock) */
	_Atomic uint64_t flushes;
	_Atomic uint64_t period;      /* grace periods begun, from 1 on */
	struct radix_reader reader[]; /* config.cpus */
};

/* Bytes that an entry of this level translates. */
static inline uintptr_t radix_span(unsigned level)
{
	return RADIX_PAGE << (HVO_ENTRY_INDEX_BITS * level);
}

static inline entry_t radix_load(const entry_t *at)
{
	return __atomic_load_n(at, __ATOMIC_ACQUIRE);
}

static inline entry_t *radix_pointer(const struct hvo_port *port,
				     uint64_t physical)
{
	return (entry_t *)(port->config.direct_map + physical);
}

/* An entry, and where in the tables it is. */
struct radix_place {
	entry_t *entry;
	unsigned level;
};

static inline unsigned radix_index(uintptr_t va, unsigned level)
{
	return va >> (HVO_ENTRY_PAGE_SHIFT + HVO_ENTRY_INDEX_BITS * level) &
	       (RADIX_ENTRIES - 1);
}

/* The entry for va in the table that `e`, of the level above it, leads to. */
static inline entry_t *radix_below(const struct hvo_port *port, entry_t e,
				   unsigned level, uintptr_t va)
{
	return radix_pointer(port, entry_address(e, level + 1)) +
	       radix_index(va, level);
}

/* The entry of this level for va, to which tables lead. */
static inline entry_t *radix_entry(const struct hvo_port *port, uintptr_t va,
				   unsigned level)
{
	entry_t *at = port->config.root + radix_index(va, RADIX_TOP);

	for (unsigned i = RADIX_TOP; i-- > level;)
		at = radix_below(port, radix_load(at), i, va);
	return at;
}

/* The leaf that maps va, where something does. */
static inline struct radix_place radix_leaf(const struct hvo_port *port,
					    uintptr_t va)
{
	entry_t *at = radix_entry(port, va, 1);
	entry_t e = radix_load(at);

	if (entry_is_leaf(e, 1))
		return (struct radix_place){at, 1};
	return (struct radix_place){radix_below(port, e, 0, va), 0};
}

/* The entry that decides about va: a leaf, or absent. */
struct radix_place radix_walk(const struct hvo_port *port, uintptr_t va);

#ifdef HVO_RADIX_CHECK
void radix_check(const struct hvo_port *port, struct radix_place place,
		 uintptr_t va, entry_t e);
#else
static inline void radix_check(const struct hvo_port *port,
			       struct radix_place place, uintptr_t va,
			       entry_t e)
{
	(void)port, (void)place, (void)va, (void)e;
}
#endif

/*
 * The only store to an entry that may be live; va is the first address that
 * it translates. With HVO_RADIX_CHECK it asks for the architecture's rule.
 */
static inline void radix_store(const struct hvo_port *port,
			       struct radix_place place, uintptr_t va,
			       entry_t e)
{
	radix_check(port, place, va, e);
	entry_write(place.entry, e);
}

/* The entry of this level for va; tables on the way are made. NULL: no page
 * is left to make one of. */
entry_t *radix_make(struct hvo_port *port, uintptr_t va, unsigned level);

/* A page of zeros, or NULL; and back, when nothing walks through it. */
entry_t *radix_take_table(struct hvo_port *port);
void radix_give_table(struct hvo_port *port, entry_t *table);

static inline uint64_t radix_physical(const struct hvo_port *port,
				      const void *table)
{
	return (uintptr_t)table - port->config.direct_map;
}

#endif
