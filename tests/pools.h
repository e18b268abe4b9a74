/* SPDX-License-Identifier: MIT */
/*
 * The harness of the tests of pools: a machine (mm.h) with pools on it. Its
 * pages of 4 KiB make sizes of 64 KiB, 2 MiB and 1 GiB; the first cannot be
 * optimized.
 */
#ifndef TESTS_POOLS_H
#define TESTS_POOLS_H

#include "hvo/hugetlb.h"
#include "mm.h"

#define SMALL  4 /* orders */
#define MEDIUM 9
#define LARGE  18

#define MIB(n) ((uint64_t)(n) << 8) /* in base pages of 4 KiB */

/* Frames that optimizing a page saves. */
#define SAVED(order) (((uint64_t)HVO_PAGE_BYTES << (order) >> 12) - 1)

struct pools {
	struct machine *m;
	struct hvo_hugetlb *h;
	void *memory;
};

/* All three sizes, the switch on, pages backed. */
struct hvo_hugetlb_config pools_config(void);

/* config may be NULL: pools_config(). */
struct pools pools_open(const struct machine_config *machine,
			const struct hvo_hugetlb_config *config);
/* The checks must find nothing before; free pages are given up. */
void pools_close(struct pools *p);

/* What is wrong with the pools or the machine, or NULL. */
const char *pools_wrong(struct pools *p);
#define pools_assert(p) assert_null(pools_wrong(p))

struct hvo_hugetlb_stats pools_stats(struct pools *p, unsigned order);
struct hvo_hugetlb_stats pools_node(struct pools *p, unsigned order,
				    unsigned node);

/* Frames of shared tails: each zone and order takes some, once. */
uint64_t pools_shared(struct pools *p);

/* Resize over all nodes; the test fails if that is not reached. */
void pools_resize(struct pools *p, unsigned order, uint64_t pages);
/* Allocate one; the test fails if it cannot. */
struct hvo_page *pools_take(struct pools *p, unsigned order, unsigned flags);
/* Give one back. */
void pools_give(struct pools *p, struct hvo_page *folio);

/*
 * A number for all that a failed call must leave alone: the machine's, and
 * all counters of the pools.
 */
uint64_t pools_digest(struct pools *p);

/* Use up all memory that no pool has, page by page; returns how much. */
struct hvo_page **pools_starve(struct pools *p, size_t *count);
void pools_feed(struct pools *p, struct hvo_page **pages, size_t count);

#endif
