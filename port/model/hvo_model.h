/* SPDX-License-Identifier: MIT */
/*
 * The model port: a software MMU for tests. Nothing measured on it counts.
 *
 * It has page tables (a frame and a permission for each vmemmap page, and
 * blocks), CPUs with TLBs that forget only when flushed, frames of real
 * memory, and the rules of an architecture. A step that real hardware would
 * punish now and then is here always noticed: the first violation is recorded
 * with the name of the rule. Tests read and write descriptors as a CPU does,
 * with hvo_model_load() and hvo_model_store(); vmemmap addresses are not real
 * addresses and must not be dereferenced.
 *
 * Besides the CPUs that tests act as, there is always one that could have used
 * a translation just before it was replaced, as speculation makes it happen
 * on hardware: a missing flush is noticed whether or not a test has looked.
 *
 * A violation does not stop anything. A call outside the contract of port.h is
 * refused (-HVO_ESTATE); all others are carried out as hardware would.
 *
 * Single-threaded by design, so that every run is the same; the hook makes
 * other CPUs act at every port call.
 */
#ifndef HVO_MODEL_H
#define HVO_MODEL_H

#include <stdbool.h>
#include "hvo/frames.h"
#include "hvo/port.h"
#include "hvo/types.h"

enum hvo_arch {
	HVO_ARCH_X86,      /* entries may change at any time, then flush */
	HVO_ARCH_ARM,      /* break-before-make, FEAT_BBM level 0 */
	HVO_ARCH_ARM_BBM2, /* blocks may be split and made live */
	HVO_ARCH_RISCV,    /* absence may be cached too */
};

/* The rules. Each has a text: hvo_rule_text(). */
enum hvo_rule {
	HVO_RULE_NONE,
	HVO_RULE_READ_FAULT,   /* a CPU read through no translation */
	HVO_RULE_WRITE_FAULT,  /* a CPU wrote through a read-only entry */
	HVO_RULE_BBM_WRITABLE, /* Arm: frame changed, one side writable */
	HVO_RULE_BBM_BYTES,    /* Arm: frame changed, bytes differ */
	HVO_RULE_BBM_BLOCK,    /* Arm level 0: block split or made live */
	HVO_RULE_FREED_MAPPED, /* frame freed while a table entry has it */
	HVO_RULE_FREED_IN_TLB, /* frame freed while a TLB has it */
	HVO_RULE_FREED_TWICE,  /* frame freed that was not handed out */
	HVO_RULE_LOST_WRITE,   /* a write reached a frame nobody maps */
	HVO_RULE_FRAME_STATE,  /* mapped a frame that is not handed out */
	HVO_RULE_MISUSE,       /* call outside the contract of port.h */
	HVO_RULES
};

const char *hvo_rule_text(enum hvo_rule rule);

struct hvo_model;

struct hvo_model_config {
	enum hvo_arch arch;
	unsigned page_shift;
	size_t record;
	hvo_pfn_t pfn_first;
	hvo_pfn_t pfn_end;
	unsigned cpus;
	uint64_t spare_frames; /* beyond one for each vmemmap page */
	uint32_t window_pages; /* hvo_port_traits; 0 means 1 */
	uint32_t block_pages;  /* hvo_port_traits; 0: no blocks */
};

/* NULL only for want of memory. */
struct hvo_model *hvo_model_open(const struct hvo_model_config *config);
void hvo_model_close(struct hvo_model *model);

struct hvo_port *hvo_model_port(struct hvo_model *model);
struct hvo_frames hvo_model_frames(struct hvo_model *model);
uintptr_t hvo_model_base(const struct hvo_model *model);
hvo_frame_t hvo_model_described(const struct hvo_model *model);
uint64_t hvo_model_frame_end(const struct hvo_model *model);
/* Frames handed out now, the described memory's own not counted. */
uint64_t hvo_model_handed_out(const struct hvo_model *model);

/*
 * A CPU's access to 8 bytes at va through its TLB, filling it from the table
 * as hardware would. A fault is a violation (and reads 0). va is 8-aligned.
 */
uint64_t hvo_model_load(struct hvo_model *model, unsigned cpu, uintptr_t va);
void hvo_model_store(struct hvo_model *model, unsigned cpu, uintptr_t va,
		     uint64_t value);
/* Would a write fault? Asks the TLB and the table; no violation. */
bool hvo_model_write_faults(struct hvo_model *model, unsigned cpu,
			    uintptr_t va);

/* The first violation since open or clear, and where. */
enum hvo_rule hvo_model_violation(const struct hvo_model *model);
uintptr_t hvo_model_violation_va(const struct hvo_model *model);
void hvo_model_clear(struct hvo_model *model);

/*
 * Make calls that may fail (alloc, map, split, and repoint, protect, unmap
 * with HVO_MAY_FAIL where the architecture's rule allows them to) fail: the
 * nth from now (1 is the next), only it or all from it on. 0 turns it off.
 * On Arm, repoint, protect and unmap never fail (port.h).
 */
void hvo_model_fail(struct hvo_model *model, uint64_t nth, bool sticky);
/* Calls that could have failed since open. */
uint64_t hvo_model_fallible_calls(const struct hvo_model *model);

/*
 * Called before and after every port call that changes or flushes anything,
 * and between the pages of one call; also around the freeing of frames. It may
 * load, store and lock as other CPUs do, and must not call the engine.
 */
void hvo_model_hook(struct hvo_model *model,
		    void (*hook)(void *ctx, struct hvo_model *model),
		    void *ctx);
/* Called by hvo_port_synchronize(): finish every read-side section here. */
void hvo_model_grace(struct hvo_model *model,
		     void (*grace)(void *ctx, struct hvo_model *model),
		     void *ctx);

/*
 * A digest of everything a failed call must leave alone: tables, bytes of all
 * mapped and handed-out frames, which frames are handed out. Block
 * granularity is not part of it.
 */
uint64_t hvo_model_digest(const struct hvo_model *model);

#endif
