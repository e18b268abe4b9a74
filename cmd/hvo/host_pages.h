/* SPDX-License-Identifier: MIT */
/*
 * Huge pages of Linux in a process's hands: taking some out of a pool, and
 * looking at every base page of them through /proc/PID/pagemap and
 * /proc/kpageflags (Linux's Documentation/admin-guide/mm/pagemap.rst).
 */
#ifndef HVO_CMD_HOST_PAGES_H
#define HVO_CMD_HOST_PAGES_H

#include <stddef.h>
#include <stdint.h>
#include "hvo_host.h"

/* Pages of one size, mapped here: not free in their pool, and in memory. */
struct hvo_huge {
	void *at; /* NULL: none */
	uint64_t size, pages;
};

/*
 * Take pages from the pool of a node (-1: any). The kernel hands out first
 * what came into the pool last. Returns 0 or an errno, and then has none.
 */
int hvo_huge_take(struct hvo_huge *huge, uint64_t size, uint64_t pages,
		  int node);

/* Give them back to their pool. */
void hvo_huge_give(struct hvo_huge *huge);

/*
 * What a look at page flags came to.
 *
 * Where tails share the head's own page of descriptors (Linux 5.18 to 7.0),
 * the first descriptor of each shared page is a copy of the head's, a "fake
 * head". Linux 6.18 shows those as heads in /proc/kpageflags, and so which
 * pages are optimized; 6.1 and 6.12 tell them apart before they show them.
 */
struct hvo_huge_flags {
	uint64_t pages; /* huge pages looked at */
	/* Base pages that read as what they are, and fake heads. */
	uint64_t heads, tails, fakes;
	uint64_t optimized; /* huge pages with all fake heads they could have */
	uint64_t untold;    /* huge pages of which the kernel tells nothing */
	uint64_t wrong;
	/* The first that is wrong: its frame, flags and what it should be. */
	uint64_t pfn, flags;
	const char *should_be;
	/* Where to note the heads' frames, room for all pages; or NULL. */
	uint64_t *frames;
	const char *failed; /* the file that could not be read */
	int error;          /* and why; 0 if none */
};

/*
 * Look at `pages` huge pages from an address of this process on, those that are
 * in memory. vmemmap_pages: pages of descriptors that each has, 0 if unknown.
 * Adds up in *flags. Returns 0, or -1 with flags->failed and error.
 */
int hvo_huge_look(struct hvo_huge_flags *flags, struct hvo_host *host,
		  uint64_t vmemmap_pages, uint64_t address, uint64_t size,
		  uint64_t pages);

/*
 * The same for what a process has mapped of that size, `pages` at most.
 */
int hvo_huge_look_process(struct hvo_huge_flags *flags, struct hvo_host *host,
			  uint64_t vmemmap_pages, long pid, uint64_t size,
			  uint64_t pages);

/*
 * The frame behind an address of a process (0: this one), in base pages of so
 * many bytes. Returns 0 or an errno: EFAULT, there is nothing in memory;
 * EPERM, frames are for root.
 */
int hvo_huge_frame(struct hvo_host *host, long pid, uint64_t address,
		   uint64_t base_page, uint64_t *frame);

#endif
