/* SPDX-License-Identifier: MIT */
/*
 * The parts of `hvo plan`.
 */
#ifndef HVO_PLAN_H
#define HVO_PLAN_H

#include <stdbool.h>
#include <stdint.h>
#include "hvo/geometry.h"

/* Pages of one size, and what their descriptors take. */
struct hvo_plan {
	uint64_t page_size; /* bytes, of one huge page */
	uint64_t count;     /* of them; for all of them together: */
	unsigned order;
	bool optimizable;
	uint64_t descriptors;
	uint64_t pages_before; /* vmemmap pages, full */
	uint64_t pages_after;  /* optimized; as before if not optimizable */
	uint64_t shared;       /* of pages_after: the shared tails */
	uint64_t restore;      /* frames needed to give all pages back */
};

/*
 * Fill in all of *plan from its page_size and count. Returns NULL or what is
 * wrong with the size, to be printed after it.
 */
const char *hvo_plan_fill(struct hvo_plan *plan, const struct hvo_geometry *g);

/* Print `hvo plan --table`. Returns an exit code. */
int hvo_plan_table(unsigned record, bool json);

#endif
