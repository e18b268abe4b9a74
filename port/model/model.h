/* SPDX-License-Identifier: MIT */
/*
 * The model port's own data, shared by its files and by nobody else.
 *
 *   model.c     opening and closing, what the model is asked and told
 *   mmu.c       the table: map, repoint, protect, unmap, split, collapse
 *   contract.c  whether a call is one that port.h allows
 *   tlb.c       what CPUs remember of the table, until flushed
 *   frames.c    the frame source, the frames' memory, the lock, grace periods
 *   access.c    loads and stores by CPUs
 *   rules.c     violations, and the rule of break-before-make
 *   digest.c    the state as one number
 *
 * Two invariants hold whenever no port call is under way: frames[f].mapped is
 * the number of table entries that lead to frame f, and frames[f].cached is
 * the number of TLB entries that do.
 *
 * Locking: none; the model is single-threaded. The lock that it gives the
 * engine is a flag whose wrong use is a violation.
 */
#ifndef HVO_MODEL_PRIVATE_H
#define HVO_MODEL_PRIVATE_H

#include "hvo/error.h"
#include "hvo_model.h"

#define MODEL_JUNK 0xa5 /* bytes of a frame that holds nothing */

/* Where a vmemmap page leads. A block is block_pages entries alike. */
struct model_entry {
	struct hvo_translation to;
	hvo_frame_t was[2]; /* where it led before that, the latest first */
};

/* What a TLB holds of a page. With HVO_PROT_NONE: that it is absent. */
struct model_cached {
	struct hvo_translation to;
	bool valid;
};

struct model_frame {
	uint32_t mapped; /* table entries */
	uint32_t cached; /* TLB entries */
	bool out;        /* handed out by the frame source */
};

/*
 * TLBs that belong to no CPU a test can act as. Hardware may walk the table
 * ahead of any access, so what was mapped may be cached whether or not a test
 * looked: of each page's translations since the last flush, one of these
 * holds the first that was replaced, the other the last.
 */
enum { MODEL_TLB_FIRST, MODEL_TLB_LAST, MODEL_TLB_CPUS };

/* What the engine is given. */
struct hvo_port {
	struct hvo_port_traits traits;
};

struct hvo_model {
	struct hvo_port port; /* first, so that one leads to the other */
	enum hvo_arch arch;
	unsigned page_shift;
	unsigned cpus;

	uintptr_t base;  /* of pfn 0's descriptor */
	uintptr_t start; /* of the window */
	uint64_t pages;  /* of the window */
	struct model_entry *table;
	struct model_cached *tlbs; /* MODEL_TLB_CPUS + cpus, pages each */

	/* Frames: 0 to described, then home to frame_end. */
	uint64_t described;
	uint64_t home; /* frame of vmemmap page 0; a few may be left out */
	uint64_t frame_end;
	uint64_t handed_out;
	struct model_frame *frames;
	unsigned char *memory; /* of all frames, and a page for strays */

	bool locked;
	bool in_hook;
	void (*hook)(void *ctx, struct hvo_model *model);
	void *hook_ctx;
	void (*grace)(void *ctx, struct hvo_model *model);
	void *grace_ctx;

	uint64_t fail_nth; /* fallible calls until one fails; 0: off */
	bool fail_sticky;
	uint64_t fallible;

	enum hvo_rule violation; /* the first */
	uintptr_t violation_va;
};

static inline struct hvo_model *model_of(struct hvo_port *port)
{
	return (struct hvo_model *)port;
}

static inline uintptr_t model_va(const struct hvo_model *m, uint64_t page)
{
	return m->start + (page << m->page_shift);
}

static inline size_t model_page_size(const struct hvo_model *m)
{
	return (size_t)1 << m->page_shift;
}

static inline bool model_is_mapped(const struct hvo_translation *to)
{
	return to->prot != HVO_PROT_NONE;
}

/* Record a violation, unless one has been. */
void model_violate(struct hvo_model *m, enum hvo_rule rule, uintptr_t va);
/* The same, at a place that leads to the frame, if there is one. */
void model_violate_frame(struct hvo_model *m, enum hvo_rule rule,
			 hvo_frame_t frame);
/* A page is about to lead to `to`: does Arm allow it? After speculation. */
void model_check_bbm(struct hvo_model *m, uint64_t page,
		     const struct hvo_translation *to);
/* A frame is used: somebody must have it. */
void model_check_frame(struct hvo_model *m, hvo_frame_t frame, uintptr_t va);

/*
 * Each is false after it has recorded a violation. `pages` table entries from
 * `page` on are meant, which must lie in the window.
 */
bool model_misuse(struct hvo_model *m, uintptr_t va);
/* The range lies in the window; *page is its first. */
bool model_is_range(struct hvo_model *m, const void *va, uint64_t pages,
		    uint64_t *page);
/* Pages can be led to the frames of a run. */
bool model_is_target(struct hvo_model *m, uint64_t page, uint64_t pages,
		     struct hvo_run run, enum hvo_prot prot);
/* All of them are mapped, or all absent. */
bool model_all(struct hvo_model *m, uint64_t page, uint64_t pages, bool mapped);
/* No block is changed in part. */
bool model_whole_blocks(struct hvo_model *m, uint64_t page, uint64_t pages);
/* There is no block. */
bool model_no_block(struct hvo_model *m, uint64_t page, uint64_t pages);
/* Blocks can be made of the pages and the run. */
bool model_is_block_run(struct hvo_model *m, uint64_t page, uint64_t pages,
			struct hvo_run run);
/* With HVO_MUST: this leads back to where the pages led before. */
bool model_is_return(struct hvo_model *m, uint64_t page, uint64_t pages,
		     struct hvo_run run, enum hvo_urgency urgency);

/* A block begins at this page. No violation. */
bool model_at_block(const struct hvo_model *m, uint64_t page);
/* One of the pages is mapped by a block. No violation. */
bool model_has_block(const struct hvo_model *m, uint64_t page, uint64_t pages);

/* A port call begins: the lock must be free. va may be 0. */
void model_enter(struct hvo_model *m, uintptr_t va);
/* Let the other CPUs act. */
void model_others_act(struct hvo_model *m);
/* A call that may fail: must it fail now? */
bool model_fails(struct hvo_model *m);

struct model_cached *model_tlb(const struct hvo_model *m, unsigned tlb,
			       uint64_t page);
void model_tlb_fill(struct hvo_model *m, unsigned tlb, uint64_t page,
		    const struct hvo_translation *to);
/* The page's entry is about to be replaced; it may have been cached. */
void model_tlb_speculate(struct hvo_model *m, uint64_t page);
void model_tlb_flush(struct hvo_model *m, uint64_t page, uint64_t pages);

/* The frame's memory, or a page for strays when there is no such frame. */
unsigned char *model_memory(const struct hvo_model *m, hvo_frame_t frame);
bool model_same_bytes(const struct hvo_model *m, hvo_frame_t a, hvo_frame_t b);

#endif
