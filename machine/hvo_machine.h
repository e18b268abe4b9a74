/* SPDX-License-Identifier: MIT */
/*
 * A machine in a process: the memory manager on the Linux port. One memfd is
 * its RAM, and the frames of the vmemmap are pages of that same RAM, so that
 * descriptors that are freed become pages that can be allocated. Where the
 * host has several NUMA nodes, the machine's nodes are bound to them in turn.
 *
 * Memory costs nothing until it is used: pages that hold descriptors, and
 * folios allocated with HVO_ALLOC_COMMIT, are backed by the host; all others
 * are holes of the memfd. The machine keeps an account of which pages are
 * backed, which hvo_machine_check() holds against the operating system's.
 *
 * Concurrency: opening, closing and the check want the machine for themselves,
 * and so do hvo_machine_fail() and hvo_machine_fail_often(). Everything else
 * may be called on any thread, as may the manager's calls.
 */
#ifndef HVO_MACHINE_H
#define HVO_MACHINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "hvo/memblock.h"
#include "hvo/mm.h"
#include "hvo_linux.h"

#define HVO_MACHINE_RANGES 32

/* Memory of a node, at physical addresses, in bytes. */
struct hvo_machine_range {
	uint64_t base;
	uint64_t size;
	unsigned node;
};

/* Boot pages, as hvo_mm_init() wants them; they stay the caller's. */
struct hvo_machine_boot {
	struct hvo_mm_boot_page *pages;
	size_t count;
};

struct hvo_machine_config {
	/* By rising address; whole base pages. */
	struct hvo_machine_range range[HVO_MACHINE_RANGES];
	unsigned ranges;
	uint64_t spare;     /* bytes of absent memory behind the last range */
	uint64_t base_page; /* bytes; 0: 4096 */
	uint64_t dma32;     /* bytes: memory below is DMA32; 0: none is */
	/* Bytes at the end of each node's last range that are MOVABLE. */
	uint64_t movable;
	unsigned cpus; /* 0: 1 */
	/* See hvo_mm_config; 0: what a folio as large as a range can need. */
	size_t work_runs;
	bool no_watermarks; /* all 0: the last page can be allocated */
	/*
	 * Called when memblock knows all memory, before there is a manager: to
	 * reserve some, and to name boot pages. Returns 0 or an error, with
	 * which opening fails. May be NULL.
	 */
	int (*prepare)(void *ctx, struct hvo_memblock *memblock,
		       struct hvo_machine_boot *boot);
	void *ctx;
};

struct hvo_machine;

/*
 * Make a machine. Returns it in *machine and 0, or an error of hvo_mm_init()
 * (-HVO_ENOMEM also for want of the host's memory) with a sentence that says
 * what to do about it in message.
 */
int hvo_machine_open(struct hvo_machine **machine,
		     const struct hvo_machine_config *config, char *message,
		     size_t size);

/*
 * Give everything back, whatever is allocated. NULL is no machine. Returns 0,
 * or -HVO_ECORRUPT: the manager gave up everything and yet pages are backed.
 */
int hvo_machine_close(struct hvo_machine *machine);

struct hvo_mm *hvo_machine_mm(const struct hvo_machine *machine);
struct hvo_linux *hvo_machine_port(const struct hvo_machine *machine);

/* Host nodes that the machine's are bound to; 0: there is only one. */
unsigned hvo_machine_bound(const struct hvo_machine *machine);

/* Base pages backed by the host, by the machine's own account; and bytes of
 * the memfd in use, by the operating system's. */
uint64_t hvo_machine_backed(const struct hvo_machine *machine);
uint64_t hvo_machine_measured(const struct hvo_machine *machine);

/*
 * Check everything: hvo_mm_check(), the port's table against the kernel's, and
 * the two accounts above. Nothing else may be under way. Returns 0, or
 * -HVO_ECORRUPT with a sentence in message.
 */
int hvo_machine_check(struct hvo_machine *machine, char *message, size_t size);

/* ---- failures to order ------------------------------------------------- */

/*
 * From now on let the nth request to back pages fail as if the host had no
 * memory, and if sticky all behind it. 0: none.
 */
void hvo_machine_fail(struct hvo_machine *machine, uint64_t nth, bool sticky);

/*
 * The same for calls of the port that change mappings, and may fail: as if
 * there were no room for more (-HVO_EMAPPINGS).
 */
void hvo_machine_fail_mappings(struct hvo_machine *machine, uint64_t nth,
			       bool sticky);

/* From now on let about one in so many of either fail; 0: none. */
void hvo_machine_fail_often(struct hvo_machine *machine, uint64_t one_in);

/* How many have failed so since one of these was called, of either kind. */
uint64_t hvo_machine_failed(const struct hvo_machine *machine);

/* ---- saying what happened ----------------------------------------------- */

/* "ENOMEM" for -HVO_ENOMEM, and the reverse: 0 for a name that is none. */
const char *hvo_machine_error_name(int error);
int hvo_machine_error(const char *name);

/*
 * A sentence or two for an error that a call of the manager returned: what
 * happened and what to do.
 */
void hvo_machine_explain(const struct hvo_machine *machine, int error,
			 char *message, size_t size);

#endif
