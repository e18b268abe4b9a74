/* SPDX-License-Identifier: MIT */
/*
 * The contract: all that a port implements.
 *
 * A port gives the engine one window of virtual addresses, the vmemmap, whose
 * translations it can change while other CPUs read through them. The port
 * defines struct hvo_port; the engine only passes it on. Functions are bound
 * when the program is linked, so that a port costs no indirection.
 *
 * Addresses are page-aligned and inside the window; `pages` counts base pages
 * of the size the port was made for and is never 0. Calls on disjoint ranges
 * may run at the same time; the engine never makes two calls on overlapping
 * ranges at once.
 *
 * Failure. A call that returns an error has changed nothing. A call made with
 * HVO_MUST may not fail: the engine uses it to return a range to translations
 * that it had earlier in the same operation, which needs no resource that is
 * not already there, and where changes cannot fail anyway (below).
 *
 * Ports of two kinds exist. Where a translation is a table entry (bare
 * metal), hvo_port_repoint() and hvo_port_protect() are stores and never
 * fail once hvo_port_split() has succeeded on the range. Where it is the
 * property of a host (mmap), each call may fail. A port that sets
 * `equal_bytes` must be of the first kind: the engine writes to descriptors
 * between its calls there and has no way back.
 */
#ifndef HVO_PORT_H
#define HVO_PORT_H

#include <stdbool.h>
#include <stddef.h>
#include "hvo/types.h"

struct hvo_port;

enum hvo_prot {
	HVO_PROT_NONE,  /* no translation: an access faults */
	HVO_PROT_READ,  /* reads succeed, writes fault */
	HVO_PROT_WRITE, /* reads and writes succeed */
};

enum hvo_urgency { HVO_MAY_FAIL, HVO_MUST };

/* Where an address leads, as the port's own tables have it. */
struct hvo_translation {
	hvo_frame_t frame;  /* HVO_NO_FRAME when prot is HVO_PROT_NONE */
	enum hvo_prot prot; /* what the MMU lets pass */
	bool block;         /* one entry maps the whole block around it */
};

struct hvo_port_traits {
	/*
	 * A live entry's frame may change only from read-only to read-only
	 * and to a frame with the same bytes; otherwise break-before-make
	 * would be needed (Arm ARM DDI 0487, D8.16.1 "Using
	 * break-before-make when updating translation table entries").
	 */
	bool equal_bytes;
	/*
	 * The port maps runs of consecutive frames cheaper than single
	 * pages: shared tails are repeated to fill up to this many pages.
	 * 1 where every page has an entry of its own.
	 */
	uint32_t window_pages;
	/* Pages that one block entry maps; 0 where there are no blocks. */
	uint32_t block_pages;
};

/* What the port is like. Constant for the port's life. */
const struct hvo_port_traits *hvo_port_traits(const struct hvo_port *port);

/*
 * What va maps to now, according to the real tables (not to what the engine
 * asked for). Concurrent readers see nothing of it.
 */
struct hvo_translation hvo_port_translate(struct hvo_port *port, void *va);

/*
 * The frames behind the pages from va on, all mapped, as far as each is the
 * one before it + 1: at least 1, at most `pages`.
 */
struct hvo_run hvo_port_frames(struct hvo_port *port, void *va, uint64_t pages);

/*
 * Map an absent range: page i to frame first + i % period. May take memory
 * for tables. With block, the range is one or more whole blocks, first is
 * aligned to a block, period == pages, and the port may use block entries.
 * Readers fault before it and may fault until the next flush (RISC-V may
 * cache the absence, Privileged ISA 12.2.1 SFENCE.VMA), so the engine
 * publishes the range only after one.
 * Returns 0, -HVO_ENOMEM, -HVO_EMAPPINGS.
 */
int hvo_port_map(struct hvo_port *port, void *va, uint64_t pages,
		 struct hvo_run run, enum hvo_prot prot, bool block);

/*
 * Point a mapped range at other frames: page i to run.first + i % run.count,
 * with prot. Each reader, at each instant, is led to the old frame or to the
 * new one, never to a fault; which of the two is certain only after a flush.
 * Returns 0, -HVO_ENOMEM, -HVO_EMAPPINGS.
 */
int hvo_port_repoint(struct hvo_port *port, void *va, uint64_t pages,
		     struct hvo_run run, enum hvo_prot prot,
		     enum hvo_urgency urgency);

/*
 * Change what a mapped range permits, between READ and WRITE. Readers notice
 * nothing. A write may still pass, or still fault, until the next flush.
 * Returns 0, -HVO_ENOMEM, -HVO_EMAPPINGS.
 */
int hvo_port_protect(struct hvo_port *port, void *va, uint64_t pages,
		     enum hvo_prot prot, enum hvo_urgency urgency);

/*
 * Remove the translations of a range; accesses fault after the next flush.
 * Returns 0, -HVO_ENOMEM, -HVO_EMAPPINGS.
 */
int hvo_port_unmap(struct hvo_port *port, void *va, uint64_t pages,
		   enum hvo_urgency urgency);

/*
 * See to it that every page of a mapped range has an entry of its own, at the
 * same frame and permission, so that later changes need no memory. Readers
 * notice nothing. Succeeds at once where that is so already. A block may reach
 * beyond the range; the port sees to it that two CPUs can split one at once.
 * Returns 0, -HVO_ENOMEM, or -HVO_EBLOCK where the architecture forbids to
 * split a live block (Arm without FEAT_BBM level 2).
 */
int hvo_port_split(struct hvo_port *port, void *va, uint64_t pages);

/*
 * The reverse: map one whole block, whose pages lead to consecutive frames
 * aligned to a block with the same permission, by one entry. Readers notice
 * nothing. Returns 0, or -HVO_EBLOCK where it cannot be done live, the frames
 * do not fit, or the port has no blocks.
 */
int hvo_port_collapse(struct hvo_port *port, void *va);

/*
 * After it, no CPU uses a translation of the range that was replaced before
 * it, and writes before it are seen by all that follow it.
 */
void hvo_port_flush(struct hvo_port *port, void *va, uint64_t pages);

/*
 * An address at which the engine reads and writes the frame itself, whatever
 * the vmemmap's permissions (the direct map). Valid for one base page; the
 * pages of a run are consecutive there too.
 */
void *hvo_port_frame(struct hvo_port *port, hvo_frame_t frame);

/*
 * Fill frames nobody is led to yet: frame i of dst with the bytes of frame
 * src.first + i % src.count. The ranges do not overlap. If `period` is not 0
 * the source's bytes repeat after so many, a power of two: a port need not
 * read them all.
 */
void hvo_port_copy(struct hvo_port *port, struct hvo_run dst,
		   struct hvo_run src, size_t period);

/*
 * Do the pages from va on, all mapped, hold the bytes of the run's frames:
 * page i those of frame run.first + i % run.count?
 */
bool hvo_port_equal(struct hvo_port *port, void *va, uint64_t pages,
		    struct hvo_run run);

/*
 * A grace period: returns when every page-frame walker that was inside its
 * read-side section when the call began has left it. May sleep; called with
 * no lock held.
 */
void hvo_port_synchronize(struct hvo_port *port);

/*
 * A read-side section of a page-frame walker, which hvo_port_synchronize()
 * waits for. May nest; inside, nothing is called that may wait for a grace
 * period. The engine has none; the memory manager's look-ups do.
 */
void hvo_port_read_begin(struct hvo_port *port);
void hvo_port_read_end(struct hvo_port *port);

/* Somebody else has to get on first: what a waiting loop does each time. */
void hvo_port_relax(struct hvo_port *port);

/*
 * A small number for the CPU that this runs on, or for the thread. It may
 * change, and two may share it: it only spreads them over caches.
 */
unsigned hvo_port_cpu(struct hvo_port *port);

/* One lock for the engine's tables; never held across another port call. */
void hvo_port_lock(struct hvo_port *port);
void hvo_port_unlock(struct hvo_port *port);

#endif
