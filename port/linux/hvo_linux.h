/* SPDX-License-Identifier: MIT */
/*
 * The Linux port: a vmemmap in the address space of a process.
 *
 * Frames are pages of a memfd; a translation is a mapping of it. The memfd's
 * pages are numbered
 *   0 ...                        the described memory itself, a sparse area
 *                                that costs nothing until written; frame n is
 *                                base page pfn_first + n
 *   described ...                home frames: one for each vmemmap page
 *   described + vmemmap pages ... frames for shared tails and spares
 * A frame is really allocated when the engine asks for it (fallocate, so that
 * want of memory is an error and not a signal) and really given back when it
 * is freed (punched out): what fstat() reports is what is in use.
 *
 * Home frames are in the order of their pages, so that a full range, however
 * long, is one mapping. To optimize a folio then cuts its tails out of that
 * mapping, and to free their frames takes a call for each folio, because the
 * homes of first pages, which are kept, lie between them. Where folios of one
 * order are optimized and restored all the time (a pool of huge pages), set
 * that order apart (apart_order): the home frames are then
 *   the first vmemmap page of each folio of that order, by pfn;
 *   all other vmemmap pages, in their order.
 * Tails of neighbouring folios are frames in a row, which the engine gives
 * back in one call, and each folio's are a mapping of their own from the
 * start, so that nothing is cut. The price:
 *   - two mappings a folio while it is full, too: a full map of many folios
 *     needs vm.max_map_count raised just as an optimized one does;
 *   - to populate takes two runs of frames and two mappings a folio, and more
 *     than twice the time;
 *   - a folio of a larger order has its frames in two runs for each folio of
 *     that order inside it, and the workspace must have room for them
 *     (struct hvo_work). For smaller orders nothing changes.
 * It pays for folios of a few vmemmap pages (2 MiB: 8); with gigantic ones the
 * pages themselves take the time.
 *
 * Works without root. Needs Linux 3.17 (memfd_create). Base pages may be any
 * multiple of the host's page size.
 */
#ifndef HVO_LINUX_H
#define HVO_LINUX_H

#include <stdbool.h>
#include "hvo/frames.h"
#include "hvo/port.h"
#include "hvo/types.h"

struct hvo_linux;

struct hvo_linux_config {
	unsigned page_shift;
	size_t record;
	hvo_pfn_t pfn_first;
	hvo_pfn_t pfn_end;
	unsigned domains;
	/*
	 * Most pages of shared tails that one mapping repeats; 0 for the
	 * default, 2 MiB worth. 1 makes the port map page by page.
	 */
	uint32_t window_pages;
	/*
	 * Lay home frames out for a pool of folios of this order, one that can
	 * be optimized; see above. 0: in the order of pages.
	 */
	unsigned apart_order;
};

/*
 * Reserve the addresses and make the memfd. On an error returns NULL and puts
 * a sentence that says what to do about it into message.
 */
struct hvo_linux *hvo_linux_open(const struct hvo_linux_config *config,
				 char *message, size_t size);
void hvo_linux_close(struct hvo_linux *linux_port);

/* What hvo_vmemmap_config wants to know. */
struct hvo_port *hvo_linux_port(struct hvo_linux *linux_port);
struct hvo_frames hvo_linux_frames(struct hvo_linux *linux_port);
/*
 * Frames of described memory, for whoever manages that memory itself: allocate
 * them for real, and give them back (their contents are lost). Both may be
 * asked for what is so already. ctx is the struct hvo_linux, so that they fit
 * struct hvo_mm_backing. commit returns 0 or -HVO_ENOMEM.
 */
int hvo_linux_commit(void *ctx, struct hvo_run run);
void hvo_linux_uncommit(void *ctx, struct hvo_run run);
uintptr_t hvo_linux_base(const struct hvo_linux *linux_port);
hvo_frame_t hvo_linux_described(const struct hvo_linux *linux_port);
/* Frames are numbered below this (hvo_check_options.frame_end). */
uint64_t hvo_linux_frame_end(const struct hvo_linux *linux_port);

/*
 * For tests of what is above the port: ask `refuse` at each call that changes
 * mappings and may fail, on the calling thread; where it says true the call
 * fails, with nothing changed, -HVO_EMAPPINGS (splitting: -HVO_ENOMEM). NULL
 * asks nobody. Nothing else may be under way.
 */
void hvo_linux_ask(struct hvo_linux *linux_port, bool (*refuse)(void *ctx),
		   void *ctx);

/* Bytes of the memfd in use, as the operating system has it (st_blocks). */
uint64_t hvo_linux_measured(const struct hvo_linux *linux_port);
/* Frames the port has handed out and not got back, times the page size. */
uint64_t hvo_linux_handed_out(const struct hvo_linux *linux_port);
/* Mappings in the window, as /proc/self/maps has it; 0 if unreadable. */
uint64_t hvo_linux_mappings(const struct hvo_linux *linux_port);
/* The same by the port's own count; O(1). */
uint64_t hvo_linux_mappings_counted(const struct hvo_linux *linux_port);
/* vm.max_map_count now, and what it should be for `mappings` in the window. */
uint64_t hvo_linux_mappings_limit(const struct hvo_linux *linux_port);
uint64_t hvo_linux_mappings_needed(const struct hvo_linux *linux_port,
				   uint64_t mappings);

/*
 * Hold the port's own table against /proc/self/maps: number of vmemmap pages
 * whose mapping (frame, permission) the kernel knows otherwise; 0 is right.
 * The first one's page goes into *first. -1 when maps cannot be read.
 */
int64_t hvo_linux_audit(const struct hvo_linux *linux_port, uint64_t *first);

/*
 * A paragraph for an error that a call on this map returned: what happened
 * and what to do, with the figures (for -HVO_EMAPPINGS: vm.max_map_count, what
 * it is and what it should be).
 */
void hvo_linux_explain(const struct hvo_linux *linux_port, int error,
		       char *message, size_t size);

/*
 * Read-side sections of page-frame walkers (liburcu); may nest. Any thread,
 * no registration.
 */
void hvo_linux_read_lock(void);
void hvo_linux_read_unlock(void);

/*
 * Write the byte that is at va back to it and say whether the MMU let the
 * write pass: a SIGSEGV is caught. hvo_linux_catch_faults() must have been
 * called once (it installs the handler; -1 on error); faults at other times
 * go to whoever had the handler before. One thread at a time per va.
 */
int hvo_linux_catch_faults(void);
bool hvo_linux_write_faults(void *va);

#endif
