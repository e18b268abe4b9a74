/* SPDX-License-Identifier: MIT */
/*
 * The harness of the memory manager's tests: a machine on the Linux port, whose
 * memory is the port's described memory, frames of descriptors included.
 *
 * The harness keeps its own account of which pages are backed, page by page:
 * backing twice, or giving back what was not backed, ends the test. After each
 * check the operating system's account must be the same.
 */
#ifndef TESTS_MM_H
#define TESTS_MM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "hvo/contig.h"
#include "hvo/folio.h"
#include "hvo/memblock.h"
#include "hvo/mm.h"
#include "hvo/poison.h"
#include "hvo_linux.h"

#define MACHINE_NODES_MAX 4

struct machine_config {
	unsigned nodes;       /* 0: 1 */
	unsigned cpus;        /* 0: 2 */
	uint64_t node_pages;  /* base pages of each node; 0: 64 MiB */
	uint64_t spare_pages; /* absent ones behind the last node */
	hvo_pfn_t pfn_first;
	hvo_pfn_t dma32_end;
	/* This many pages at the end of each node are MOVABLE. */
	uint64_t movable_pages;
	const uint8_t *distance;
	size_t work_runs;
	unsigned page_shift; /* 0: 12 */
	bool watermarks;     /* keep the manager's own; else all 0 */
	/* Reserved before the manager is made; pfn_first at least. */
	struct hvo_mm_boot_page *pages;
	size_t page_count;
	/* What else the test does to memblock; may be NULL. */
	void (*prepare)(struct hvo_memblock *mb);
};

struct machine {
	struct hvo_mm *mm; /* NULL if hvo_mm_init() failed: see error */
	int error;
	struct hvo_mm_config config;
	struct hvo_memblock memblock;
	struct hvo_memblock_region memory[64];
	struct hvo_memblock_region reserved[256];
	hvo_pfn_t movable_first[MACHINE_NODES_MAX];
	struct hvo_linux *port;
	void *tables;
	unsigned char *seen;
	uint64_t frame_end;
};

/* Everything must succeed but hvo_mm_init(), which may fail. */
struct machine *machine_try(const struct machine_config *config);
/* hvo_mm_init() must succeed, too, and the check find nothing. */
struct machine *machine_open(const struct machine_config *config);
/* The check must find nothing, and hvo_mm_fini() give all frames back. */
void machine_close(struct machine *m);

/* What is wrong with the machine, or NULL. Prints a dump if so. */
const char *machine_wrong(struct machine *m);
#define machine_assert(m) assert_null(machine_wrong(m))

/* Base pages that an owner has, in all zones. */
uint64_t machine_owned(struct machine *m, enum hvo_owner owner);
/* Free ones, in caches or not. */
uint64_t machine_free(struct machine *m);

/*
 * A number for all that a failed call must leave alone: accounts, the
 * engine's state, and the descriptor of every page that is not free.
 */
uint64_t machine_digest(struct machine *m);

/* Does the MMU refuse a write there? */
bool machine_write_faults(void *va);

/* Allocate; the test fails if it cannot. */
struct hvo_page *machine_alloc(struct machine *m, unsigned order,
			       unsigned flags);
/* Allocate folios of an order until there is no room; returns how many. */
size_t machine_exhaust(struct machine *m, unsigned order, unsigned flags,
		       struct hvo_page **folios, size_t most);

/*
 * Let the nth call of the port or of the backing that may fail do so, and if
 * sticky all behind it. 0: none. Programs that use it wrap the port's calls
 * (see meson.build).
 */
void machine_fail(uint64_t nth, bool sticky);
uint64_t machine_failed(void);

/* From now on about one in so many of these calls fails; 0: none. */
void machine_fail_often(uint64_t one_in);

/* The smallest order that can be optimized, with 4 KiB pages. */
unsigned machine_min_order(void);

/* splitmix64: a random number, and the next state. */
uint64_t machine_random(uint64_t *state);

#endif
