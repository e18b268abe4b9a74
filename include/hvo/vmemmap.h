/* SPDX-License-Identifier: MIT */
/*
 * The engine: a vmemmap whose folios' tails can share one read-only frame.
 *
 * A range of descriptors is absent, full (every vmemmap page has a frame of
 * its own) or optimized(order) (the folio's first vmemmap page has a frame of
 * its own, all others are led, read-only, to the shared tails of their domain
 * and order). Each function below is one transition:
 *
 *   absent       -> full          hvo_vmemmap_populate()
 *   absent       -> optimized(k)  hvo_vmemmap_populate_optimized()
 *   full         -> optimized(k)  hvo_vmemmap_optimize()
 *   optimized(k) -> full          hvo_vmemmap_restore()
 *   optimized(k) -> optimized(j)  hvo_vmemmap_split(), hvo_vmemmap_join()
 *   any          -> absent        hvo_vmemmap_depopulate()
 *
 * Ownership. The caller of a transition owns the base pages of the range: no
 * one else writes to their descriptors, and no one can take a new reference
 * on them (their counts are zero). Others may read any present descriptor at
 * any moment: they never fault, and see of each word its old or its new
 * value. A walker that has read a non-zero count inside a read-side section
 * (hvo_port_synchronize()) may still compare-and-swap it before it leaves.
 *
 * Concurrency. Transitions on disjoint ranges may run on several CPUs at
 * once, each with a workspace of its own; one that meets a range held by
 * another returns -HVO_EBUSY. Every call plans, then commits: on an error
 * nothing has changed. The bulk calls do that folio by folio, in the order
 * given: on an error the first *done folios have made the transition, the
 * others are as they were.
 *
 * Flushes. Folios are taken in batches as large as the workspace remembers
 * (a run of frames per folio where frames lie in a row); each batch costs at
 * most three flushes and one grace period, however many folios it has.
 */
#ifndef HVO_VMEMMAP_H
#define HVO_VMEMMAP_H

#include "hvo/error.h"
#include "hvo/frames.h"
#include "hvo/geometry.h"
#include "hvo/port.h"
#include "hvo/types.h"

#define HVO_DOMAINS_MAX 128
#define HVO_ORDERS      (HVO_MAX_FOLIO_SHIFT - HVO_PAGE_SHIFT_MIN + 1)

/*
 * What the engine has to know of a descriptor. The callbacks fill in a record
 * of zeros and must always give the same bytes for the same arguments; NULL
 * leaves the zeros.
 */
struct hvo_record {
	uint32_t size;        /* bytes, a multiple of 8, HVO_RECORD_MIN.._MAX */
	uint32_t info_offset; /* where compound_info is, a multiple of 8 */
	/* A base page that is in no folio. Bit 0 of compound_info is 0. */
	void (*fresh)(void *record, hvo_pfn_t pfn, unsigned domain);
	/* A tail. The engine then stores compound_info. */
	void (*tail)(void *record, unsigned order, unsigned domain);
};

struct hvo_vmemmap_config {
	struct hvo_port *port;
	struct hvo_frames frames;
	struct hvo_record record;
	/*
	 * Address of pfn 0's descriptor, whether or not it is described: a
	 * multiple of hvo_base_alignment(). The window that the port manages
	 * is base + pfn_first * size to base + pfn_end * size.
	 */
	uintptr_t base;
	hvo_pfn_t pfn_first; /* multiple of 2^unit_order */
	hvo_pfn_t pfn_end;   /* first pfn after the map, likewise */
	uint32_t domains;    /* 1 to HVO_DOMAINS_MAX */
	uint8_t page_shift;
	/*
	 * The frame that is base page pfn_first of the described memory, where
	 * that memory can hold descriptors itself (base page pfn_first + n is
	 * then frame described + n); HVO_NO_FRAME where it cannot.
	 */
	hvo_frame_t described;
};

struct hvo_vmemmap;

/*
 * Where one call remembers the frames in flight; one per thread. The caller
 * gives the memory for `runs`. capacity bounds the batch; a folio of order k
 * whose frames are scattered needs hvo_folio_pages(k) - 1.
 */
struct hvo_work {
	struct hvo_run *runs;
	size_t capacity;                                  /* runs */
	size_t used;                                      /* the engine's */
	_Alignas(8) unsigned char record[HVO_RECORD_MAX]; /* the engine's */
};

#define HVO_WORK(runs_, capacity_)                                             \
	((struct hvo_work){.runs = (runs_), .capacity = (capacity_)})

/* ---- making and unmaking a memory map -------------------------------- */

/*
 * Is the configuration sound? Returns 0, -HVO_EPAGE, -HVO_ERECORD,
 * -HVO_ERANGE (pfns), -HVO_EALIGN (base or pfns), -HVO_EDOMAIN.
 */
int hvo_vmemmap_validate(const struct hvo_vmemmap_config *config);

/*
 * Bytes that the map's own tables take: 2 for each 2^unit_order base pages
 * (8 MiB for 1 TiB of 4 KiB pages and 64-byte records), and 8 for each domain
 * and order. 0 if the configuration is not sound.
 */
size_t hvo_vmemmap_size(const struct hvo_vmemmap_config *config);

/*
 * Make a memory map in which everything is absent, in `memory` (8-byte
 * aligned, hvo_vmemmap_size() bytes, any contents). Returns the map in *map,
 * and 0 or what hvo_vmemmap_validate() says.
 */
int hvo_vmemmap_init(struct hvo_vmemmap **map, void *memory,
		     const struct hvo_vmemmap_config *config);

/*
 * Give back the shared tails; afterwards the memory given to init is the
 * caller's again. Returns 0, or -HVO_ESTATE if anything is still present.
 */
int hvo_vmemmap_fini(struct hvo_vmemmap *map);

/* ---- looking ---------------------------------------------------------- */

const struct hvo_geometry *hvo_vmemmap_geometry(const struct hvo_vmemmap *map);

/* The descriptor of a pfn: an address, whether or not anything is there. */
void *hvo_vmemmap_record(const struct hvo_vmemmap *map, hvo_pfn_t pfn);

enum hvo_state { HVO_ABSENT, HVO_FULL, HVO_OPTIMIZED };

struct hvo_range_state {
	enum hvo_state state;
	uint8_t order;  /* of the folio; HVO_FULL: of the host, or 0 */
	uint8_t domain; /* unless HVO_ABSENT */
	bool busy;      /* a transition is under way */
};

/*
 * What is at pfn now. One load; may be out of date when it returns, unless
 * the caller owns the range. A pfn outside the map is absent.
 */
struct hvo_range_state hvo_vmemmap_state(const struct hvo_vmemmap *map,
					 hvo_pfn_t pfn);

/* A pfn's descriptor may be read. O(1), any CPU, any moment. */
bool hvo_pfn_valid(const struct hvo_vmemmap *map, hvo_pfn_t pfn);

struct hvo_vmemmap_stats {
	uint64_t pages_present;   /* vmemmap pages with a translation */
	uint64_t frames_owned;    /* frames that back one vmemmap page each */
	uint64_t frames_hosted;   /* of these, the described memory's own */
	uint64_t frames_shared;   /* shared tails */
	uint64_t pages_optimized; /* vmemmap pages led to shared tails */
	uint64_t folios[HVO_ORDERS]; /* optimized folios by order */
	uint64_t grace_periods;
	uint64_t flushes;
};

/* Counters as they stand; consistent when no transition is under way. */
void hvo_vmemmap_stats(const struct hvo_vmemmap *map,
		       struct hvo_vmemmap_stats *stats);

/*
 * Frames that hold descriptors now, not counting the described memory's own:
 * what the frame source has handed out.
 */
static inline uint64_t hvo_stats_frames(const struct hvo_vmemmap_stats *s)
{
	return s->frames_owned - s->frames_hosted + s->frames_shared;
}

/* ---- transitions ------------------------------------------------------ */

/*
 * All of these may return -HVO_EALIGN, -HVO_ERANGE, -HVO_EBUSY,
 * -HVO_EMAPPINGS, -HVO_ENOMEM, -HVO_EWORK besides what is named.
 */

/*
 * Describe base pages pfn to pfn + count: each vmemmap page gets a frame, each
 * record is fresh. Both arguments are multiples of 2^unit_order. With blocks,
 * whole blocks of vmemmap are mapped as such where the port has them and the
 * frame source gives frames in a row; optimizing there then needs the port to
 * split live blocks, so ask for it only for memory that never will be, or
 * where that is allowed. -HVO_EEXIST, -HVO_EDOMAIN. O(count).
 */
int hvo_vmemmap_populate(struct hvo_vmemmap *map, hvo_pfn_t pfn, uint64_t count,
			 unsigned domain, bool blocks, struct hvo_work *work);

/*
 * Describe base pages that form folios of one order, optimized from the
 * start: one frame a folio, none that would be freed again. The head record
 * is fresh, all others are tails; the caller makes the head what it wants
 * before it publishes the folio. -HVO_EEXIST, -HVO_EDOMAIN, -HVO_EORDER.
 * On an error, *done (may be NULL) base pages have been described.
 */
int hvo_vmemmap_populate_optimized(struct hvo_vmemmap *map, hvo_pfn_t pfn,
				   uint64_t count, unsigned order,
				   unsigned domain, struct hvo_work *work,
				   uint64_t *done);

/*
 * Give up the descriptors of base pages pfn to pfn + count, whatever their
 * state; optimized folios must lie in the range whole. Walkers must not be
 * able to find the pages any more; the call waits a grace period for those
 * that have. -HVO_EABSENT, -HVO_ESTATE (a folio sticks out), -HVO_EBLOCK.
 * On an error, *done (may be NULL) base pages have been given up.
 */
int hvo_vmemmap_depopulate(struct hvo_vmemmap *map, hvo_pfn_t pfn,
			   uint64_t count, struct hvo_work *work,
			   uint64_t *done);

/*
 * Write the tails of a full range as the tails of a folio of that order: all
 * records but the first. What a caller that keeps its own record of compound
 * pages does itself. -HVO_EABSENT, -HVO_EORDER, -HVO_ESTATE.
 */
int hvo_vmemmap_prepare(struct hvo_vmemmap *map, hvo_pfn_t pfn, unsigned order,
			struct hvo_work *work);

enum hvo_optimize_flags {
	/*
	 * The caller vouches that every tail holds the bytes that
	 * hvo_vmemmap_prepare() writes. Without it they are compared.
	 */
	HVO_PREPARED = 1,
};

/*
 * Optimize n full folios of one order: their tails' frames go back to the
 * frame source. No byte that anyone can read changes: tails must be prepared
 * first, and one that is not (a count, a poison mark, anything) makes the
 * call return -HVO_EDIRTY instead of losing it.
 * -HVO_EABSENT, -HVO_ESTATE (not full, or the descriptors of the first pages
 * are hosted by a larger folio), -HVO_EORDER, -HVO_EDOMAIN, -HVO_EBLOCK.
 * Frames: frees hvo_folio_pages() - 1 a folio; the first folio of a domain
 * and order takes the shared tails.
 */
int hvo_vmemmap_optimize(struct hvo_vmemmap *map, const hvo_pfn_t *pfns,
			 size_t n, unsigned order, unsigned flags,
			 struct hvo_work *work, size_t *done);

/*
 * With HVO_SELF_HOST, restore takes no frame from the source: the folio's own
 * last hvo_folio_pages() - 1 base pages become the frames of its descriptors.
 * Their contents are lost and they are in use until the folio is optimized
 * again or depopulated. -HVO_ENOHOST where the map has no such memory.
 */
enum hvo_restore_flags { HVO_SELF_HOST = 1 };

/*
 * Give n optimized folios of one order all their frames back; afterwards the
 * descriptors are writable and hold what they held before.
 * -HVO_EABSENT, -HVO_ESTATE (not optimized at this order).
 */
int hvo_vmemmap_restore(struct hvo_vmemmap *map, const hvo_pfn_t *pfns,
			size_t n, unsigned order, unsigned flags,
			struct hvo_work *work, size_t *done);

/*
 * Split n optimized folios of order `from` into folios of order `to`, all
 * optimized. Takes 2^(from - to) - 1 frames a folio. The new heads are fresh
 * records; the old head keeps its own, and the writable tails beside it keep
 * all but compound_info. -HVO_EABSENT, -HVO_ESTATE, -HVO_EORDER.
 */
int hvo_vmemmap_split(struct hvo_vmemmap *map, const hvo_pfn_t *pfns, size_t n,
		      unsigned from, unsigned to, struct hvo_work *work,
		      size_t *done);

/*
 * The reverse: pfns[i] is the first of 2^(to - from) optimized folios that
 * become one. Frees 2^(to - from) - 1 frames a folio. All heads but the first
 * must be fresh records again, and the writable tails beside them tails of
 * order `from`; anything else there makes the call return -HVO_EDIRTY.
 * -HVO_EABSENT, -HVO_ESTATE, -HVO_EORDER.
 */
int hvo_vmemmap_join(struct hvo_vmemmap *map, const hvo_pfn_t *pfns, size_t n,
		     unsigned from, unsigned to, struct hvo_work *work,
		     size_t *done);

/*
 * Map the descriptors of pfn to pfn + count by blocks again where whole blocks
 * are full and their frames consecutive and aligned. *blocks counts those
 * made. Needs no ownership. -HVO_EABSENT.
 */
int hvo_vmemmap_collapse(struct hvo_vmemmap *map, hvo_pfn_t pfn, uint64_t count,
			 uint64_t *blocks);

/* ---- the check -------------------------------------------------------- */

enum hvo_violation {
	HVO_CHECK_OK,
	HVO_CHECK_BUSY,        /* a transition is under way */
	HVO_CHECK_UNMAPPED,    /* a present page has no translation */
	HVO_CHECK_MAPPED,      /* an absent page has one */
	HVO_CHECK_READ_ONLY,   /* a page that should be writable is not */
	HVO_CHECK_WRITABLE,    /* a shared tail can be written */
	HVO_CHECK_NOT_SHARED,  /* a tail page leads to another frame */
	HVO_CHECK_FRAME_TWICE, /* a frame has two owners */
	HVO_CHECK_FRAME_RANGE, /* a frame number that cannot be */
	HVO_CHECK_TAIL_BYTES,  /* a shared tail lost the bytes it had */
	HVO_CHECK_WRONG_HEAD,  /* a descriptor leads to a wrong head */
	HVO_CHECK_COUNTER,     /* a counter is not what the walk found */
	HVO_CHECK_STATE,       /* the range table contradicts itself */
	HVO_VIOLATIONS
};

/* The first violation: where, what should be, what is. */
struct hvo_finding {
	enum hvo_violation violation;
	hvo_pfn_t pfn;     /* first pfn whose descriptor is concerned */
	uint64_t page;     /* vmemmap page, counted from the window's start */
	uint64_t expected; /* frame, address or count, by kind */
	uint64_t found;
	const char *what; /* the counter's name, else NULL */
};

/* One sentence, without full stop, for a violation. Never NULL. */
const char *hvo_violation_text(enum hvo_violation violation);

struct hvo_check_options {
	/* One bit for each frame below frame_end, or NULL: then frames owned
	 * twice are not looked for. Any contents. */
	unsigned char *seen;
	uint64_t frame_end; /* frames are numbered below it */
	/* Called now and then with base pages walked; may be NULL. */
	void (*progress)(void *ctx, hvo_pfn_t walked);
	void *ctx;
};

/*
 * Walk the whole map through the port's translations and compare everything
 * with everything. Writes to nothing but *finding and seen. No transition may
 * be under way. Returns 0 or -HVO_ECORRUPT with *finding filled in.
 * O(base pages).
 */
int hvo_vmemmap_check(struct hvo_vmemmap *map,
		      const struct hvo_check_options *options,
		      struct hvo_finding *finding);

/* A maximal run of base pages in one state. */
struct hvo_span {
	hvo_pfn_t pfn;
	uint64_t count; /* base pages */
	struct hvo_range_state state;
};

/*
 * The span that begins at pfn, which is a multiple of 2^unit_order: false at
 * the end of the map. Walk a map with for (pfn = first; span(...); pfn +=
 * span.count). O(span / unit).
 */
bool hvo_vmemmap_span(const struct hvo_vmemmap *map, hvo_pfn_t pfn,
		      struct hvo_span *span);

/*
 * Print the map's configuration, counters, shared tails and spans as lines of
 * text (without newline) through put, for people and for logs.
 */
void hvo_vmemmap_dump(struct hvo_vmemmap *map,
		      void (*put)(void *ctx, const char *line), void *ctx);

#endif
