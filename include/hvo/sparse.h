/* SPDX-License-Identifier: MIT */
/*
 * What memory there is: sections of 64 subsections, the unit in which memory
 * comes and goes. A subsection is present (its descriptors exist), online
 * (its pages are the allocator's), and records its zone and the order of the
 * folios that it was described as.
 *
 * Locking: whoever adds or removes a subsection owns it. Its zone and order
 * are written before its present bit, and do not change while that is set, so
 * anyone who has seen the bit may read them. All look-ups are O(1), from any
 * CPU, at any moment; they may be out of date when they return.
 */
#ifndef HVO_SPARSE_H
#define HVO_SPARSE_H

#include <stdatomic.h>
#include <stdbool.h>
#include "hvo/geometry.h"
#include "hvo/types.h"

#define HVO_SUBSECTION_ORDER_MIN 9  /* 2 MiB of 4 KiB pages */
#define HVO_SUBSECTIONS          64 /* in a section */

struct hvo_section {
	_Atomic uint64_t present; /* one bit for each subsection */
	_Atomic uint64_t online;  /* only where present */
	_Atomic uint8_t domain[HVO_SUBSECTIONS];
	_Atomic uint8_t order[HVO_SUBSECTIONS]; /* 0: described in full */
};

struct hvo_sparse {
	hvo_pfn_t pfn_first;         /* (c) multiple of a subsection */
	hvo_pfn_t pfn_end;           /* (c) likewise */
	uint64_t first_section;      /* (c) number of section[0] */
	uint64_t sections;           /* (c) */
	unsigned subsection_order;   /* (c) */
	struct hvo_section *section; /* (c) the table */
};

/* Order of a subsection: at least 9, and whole units of descriptors. */
static inline unsigned hvo_subsection_order(const struct hvo_geometry *g)
{
	return g->unit_order > HVO_SUBSECTION_ORDER_MIN
		   ? g->unit_order
		   : HVO_SUBSECTION_ORDER_MIN;
}

/*
 * Bytes of the table for pfn_first to pfn_end: 144 for each section, that is
 * 1.1 MiB for 1 TiB of 4 KiB pages.
 */
size_t hvo_sparse_size(const struct hvo_geometry *g, hvo_pfn_t pfn_first,
		       hvo_pfn_t pfn_end);

/*
 * Make a table in which nothing is present, in `memory` (8-byte aligned,
 * hvo_sparse_size() bytes). Returns 0, -HVO_EALIGN (not whole subsections),
 * -HVO_ERANGE.
 */
int hvo_sparse_init(struct hvo_sparse *sparse, void *memory,
		    const struct hvo_geometry *g, hvo_pfn_t pfn_first,
		    hvo_pfn_t pfn_end);

/*
 * Are pfn and count whole subsections inside the table, and not empty?
 * Returns 0, -HVO_EALIGN, -HVO_ERANGE.
 */
int hvo_sparse_validate(const struct hvo_sparse *sparse, hvo_pfn_t pfn,
			uint64_t count);

/*
 * Record subsections as present, in a zone and described as folios of order.
 * Returns 0, what validate says, or -HVO_EEXIST (one is there).
 */
int hvo_sparse_add(struct hvo_sparse *sparse, hvo_pfn_t pfn, uint64_t count,
		   unsigned domain, unsigned order);

/* The reverse. -HVO_EABSENT, -HVO_EBUSY (one is online). */
int hvo_sparse_remove(struct hvo_sparse *sparse, hvo_pfn_t pfn, uint64_t count);

/* Take back a removal that nobody has followed up: present as before. */
void hvo_sparse_readd(struct hvo_sparse *sparse, hvo_pfn_t pfn, uint64_t count);

/* Mark subsections online or not. -HVO_EABSENT. */
int hvo_sparse_set_online(struct hvo_sparse *sparse, hvo_pfn_t pfn,
			  uint64_t count, bool online);

/*
 * Is any subsection that a range, not empty and inside the table, touches
 * online, or, with false, not? O(subsections).
 */
bool hvo_sparse_any_online(const struct hvo_sparse *sparse, hvo_pfn_t pfn,
			   uint64_t count, bool online);

/* Neighbouring subsections that are alike. */
struct hvo_sparse_span {
	hvo_pfn_t pfn;
	uint64_t count; /* base pages */
	bool present;
	bool online;
	uint8_t domain; /* where present */
	uint8_t order;  /* where present */
};

/* The span that begins at pfn, a multiple of a subsection; false at the end. */
bool hvo_sparse_span(const struct hvo_sparse *sparse, hvo_pfn_t pfn,
		     struct hvo_sparse_span *span);

/* ---- look-ups ---------------------------------------------------------- */

/* The section of a pfn and its bit in it; NULL outside the table. */
static inline struct hvo_section *
hvo_sparse_section(const struct hvo_sparse *sparse, hvo_pfn_t pfn,
		   unsigned *index)
{
	if (pfn < sparse->pfn_first || pfn >= sparse->pfn_end)
		return NULL;

	uint64_t subsection = pfn >> sparse->subsection_order;

	*index = (unsigned)(subsection % HVO_SUBSECTIONS);
	return &sparse->section[subsection / HVO_SUBSECTIONS -
				sparse->first_section];
}

/* Is there memory with descriptors at pfn? */
static inline bool hvo_sparse_present(const struct hvo_sparse *sparse,
				      hvo_pfn_t pfn)
{
	unsigned index;
	const struct hvo_section *s = hvo_sparse_section(sparse, pfn, &index);

	return s && atomic_load_explicit(&s->present, memory_order_acquire) >>
			    index &
			1;
}

/* Are the pages there the allocator's? */
static inline bool hvo_sparse_online(const struct hvo_sparse *sparse,
				     hvo_pfn_t pfn)
{
	unsigned index;
	const struct hvo_section *s = hvo_sparse_section(sparse, pfn, &index);

	return s &&
	       atomic_load_explicit(&s->online, memory_order_acquire) >> index &
		   1;
}

/* Zone of a pfn inside the table that is, or was, present. */
static inline unsigned hvo_sparse_domain(const struct hvo_sparse *sparse,
					 hvo_pfn_t pfn)
{
	uint64_t subsection = pfn >> sparse->subsection_order;
	const struct hvo_section *s =
	    &sparse->section[subsection / HVO_SUBSECTIONS -
			     sparse->first_section];

	return atomic_load_explicit(&s->domain[subsection % HVO_SUBSECTIONS],
				    memory_order_relaxed);
}

#endif
