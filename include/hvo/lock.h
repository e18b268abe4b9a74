/* SPDX-License-Identifier: MIT */
/*
 * A spinlock of one word, for the memory manager's own tables. Held for a short
 * while, never across a call of the engine that changes anything, of the port
 * but to look at a translation, or of a callback.
 *
 * Order: a page cache's lock before a zone's, and a zone's before that of the
 * records of bad pages; no other two are held at once.
 */
#ifndef HVO_LOCK_H
#define HVO_LOCK_H

#include <stdatomic.h>
#include <stdbool.h>
#include "hvo/port.h"

struct hvo_lock {
	_Atomic uint32_t held; /* 0 or 1; all zeros is a free lock */
};

/* Take the lock if nobody has it. */
static inline bool hvo_lock_try(struct hvo_lock *lock)
{
	return !atomic_load_explicit(&lock->held, memory_order_relaxed) &&
	       !atomic_exchange_explicit(&lock->held, 1, memory_order_acquire);
}

/* Take the lock, waiting for it. */
static inline void hvo_lock_acquire(struct hvo_lock *lock,
				    struct hvo_port *port)
{
	while (!hvo_lock_try(lock))
		hvo_port_relax(port);
}

static inline void hvo_lock_release(struct hvo_lock *lock)
{
	atomic_store_explicit(&lock->held, 0, memory_order_release);
}

#endif
