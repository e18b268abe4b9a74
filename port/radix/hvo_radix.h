/* SPDX-License-Identifier: MIT */
/*
 * The port to bare metal: hvo/port.h over live page tables. What is the same
 * on all architectures is in this directory: the walk, tables taken and given
 * back, blocks split and collapsed, grace periods. What differs is in
 * port/ARCH/entry.h: how an entry is encoded, how one is replaced, and how
 * other CPUs are made to forget it.
 *
 * The window is a range of the live tables whose upper entries nobody else
 * changes. Frames are physical addresses divided by the page size, and are
 * reached through a direct map.
 *
 * Tables come from pages that hvo_radix_feed() gave. A port whose pages
 * suffice for all of its window (hvo_radix_tables()) never runs out.
 *
 * Locking: `lock` guards the list of unused table pages and the change of an
 * entry from block to table and back. All other changes are stores to single
 * entries, which the engine makes from one CPU at a time for each address.
 */
#ifndef HVO_RADIX_H
#define HVO_RADIX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "hvo/port.h"

struct hvo_radix_config {
	uint64_t *root;       /* the live top-level table, direct-mapped */
	uintptr_t direct_map; /* of physical address 0 */
	uintptr_t window;     /* virtual; a multiple of a block */
	uint64_t window_size; /* bytes; likewise */
	unsigned cpus;        /* most there can be */
};

/* Bytes that hvo_radix_init() needs, 64-byte aligned. */
size_t hvo_radix_size(const struct hvo_radix_config *config);

struct hvo_port *hvo_radix_init(void *memory,
				const struct hvo_radix_config *config);

/* Table pages that mapping the window page by page can take at most. */
uint64_t hvo_radix_tables(const struct hvo_radix_config *config);

/* Give a run of unused frames to be used as tables, for good. */
void hvo_radix_feed(struct hvo_port *port, struct hvo_run run);

struct hvo_radix_stats {
	uint64_t tables; /* pages in use as tables below the root */
	uint64_t spare;  /* pages given and not in use */
	uint64_t blocks; /* block entries in the window */
	uint64_t pages;  /* page entries in the window */
	uint64_t flushes;
};

/* From a walk over the window's tables; nothing may change meanwhile. */
void hvo_radix_stats(struct hvo_port *port, struct hvo_radix_stats *stats);

/* ---- what the kernel does for the port ----------------------------------- */

/* Number of this CPU, below config.cpus. Bound when the kernel is linked. */
unsigned hvo_radix_cpu(void);

/* What a waiting loop does each time round. */
void hvo_radix_relax(void);

/* In builds with HVO_RADIX_CHECK: the entry for va was about to be changed in
 * a way that breaks this rule of the manual. Nothing was stored. */
_Noreturn void hvo_radix_broken(uintptr_t va, const char *rule);

/*
 * Make every other CPU that is online run hvo_radix_forget(va, pages), and
 * return when all have. Called with interrupts on; two CPUs may call it at
 * once. Only where the architecture has no broadcast of its own.
 */
void hvo_radix_shootdown(uintptr_t va, uint64_t pages);

/* Drop this CPU's translations of a range. */
void hvo_radix_forget(uintptr_t va, uint64_t pages);

#endif
