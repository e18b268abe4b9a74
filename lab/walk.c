/* SPDX-License-Identifier: MIT */
/*
 * The look-ups and the loops around them.
 *
 * The fake heads' test is the one published with that scheme: a record with
 * the head's flag is a head only if the record after it points to it. Both
 * records lie in one folio, and so in descriptors that are there, because
 * only folios of more than one page have the flag.
 */
#include "hvo/page.h"
#include "lab.h"

static inline uint64_t load(const _Atomic uint64_t *word)
{
	return atomic_load_explicit(word, memory_order_relaxed);
}

static inline uintptr_t head_empty(uintptr_t record)
{
	return record;
}

static inline uintptr_t head_pointer(uintptr_t record)
{
	uint64_t head = load(&((struct lab_page *)record)->compound_head);

	return head & 1 ? head - 1 : record;
}

static inline uintptr_t head_fake(uintptr_t record)
{
	const struct lab_page *page = (const struct lab_page *)record;
	uint64_t head = load(&page->compound_head);

	if (head & 1)
		return head - 1;
	if (load(&page->flags) & LAB_HEAD) {
		head = load(&page[1].compound_head);
		if (head & 1)
			return head - 1;
	}
	return record;
}

static inline uintptr_t head_mask(uintptr_t record)
{
	uint64_t info = load(&((struct lab_page *)record)->compound_head);

	return hvo_head_address(sizeof(struct lab_page), record, info);
}

static inline uintptr_t head_order(uintptr_t record)
{
	uint64_t info = load((_Atomic uint64_t *)(record + sizeof(info)));

	return hvo_head_address(LAB_ORDER_RECORD, record, info);
}

static inline uintptr_t head_built(uintptr_t record)
{
	return (uintptr_t)hvo_compound_head((struct hvo_page *)record);
}

/* Inlined into each of the loops below with its own `head`. */
static inline __attribute__((always_inline)) uint64_t
loop(const uintptr_t *records, size_t n, uintptr_t (*head)(uintptr_t))
{
	uint64_t all = 0;

	for (size_t i = 0; i < n; i++) {
		uintptr_t found = head(records[i]);

		/* One at a time: no vectors, in no loop. */
		__asm__ volatile("" : "+r"(found));
		all ^= found;
	}
	return all;
}

#define LOOP(way)                                                              \
	static __attribute__((noinline))                                       \
	uint64_t loop_##way(const uintptr_t *records, size_t n)                \
	{                                                                      \
		return loop(records, n, head_##way);                           \
	}

LOOP(empty)
LOOP(pointer)
LOOP(fake)
LOOP(mask)
LOOP(order)
LOOP(built)

static uint64_t (*const loops[LAB_WALKS])(const uintptr_t *, size_t) = {
    [LAB_WALK_EMPTY] = loop_empty, [LAB_WALK_POINTER] = loop_pointer,
    [LAB_WALK_FAKE] = loop_fake,   [LAB_WALK_MASK] = loop_mask,
    [LAB_WALK_ORDER] = loop_order, [LAB_WALK_BUILT] = loop_built,
};

uint64_t lab_walk(enum lab_walk how, const uintptr_t *records, size_t n)
{
	return loops[how](records, n);
}

uintptr_t lab_walk_one(enum lab_walk how, uintptr_t record)
{
	return (uintptr_t)lab_walk(how, &record, 1);
}
