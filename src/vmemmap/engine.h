/* SPDX-License-Identifier: MIT */
/*
 * What the engine's files share: the memory map itself and the few steps that
 * every transition is made of.
 *
 * Vmemmap pages are numbered from the window's start ("page"); the engine
 * never dereferences a vmemmap address but reaches the bytes through the
 * frames (hvo_port_frame()), so that it runs the same over a software MMU.
 *
 * Range table. One 16-bit word for each unit (2^unit_order base pages, whose
 * records fill whole pages). A transition claims its units by setting
 * UNIT_BUSY under the port's lock; from then on only it changes them, and
 * only it calls the port on their pages. Everybody may load them.
 */
#ifndef HVO_ENGINE_H
#define HVO_ENGINE_H

#include <stdatomic.h>
#include "hvo/vmemmap.h"

#define UNIT_ORDER        0x001fu /* of the folio; full: of the host, or 0 */
#define UNIT_LEAVING      0x0020u /* about to be absent: not valid any more */
#define UNIT_OPTIMIZED    0x0040u
#define UNIT_PRESENT      0x0080u
#define UNIT_DOMAIN_SHIFT 8
#define UNIT_DOMAIN       0x7f00u
#define UNIT_BUSY         0x8000u

/* A domain's shared tails of one order. */
struct hvo_tails {
	uint64_t first; /* (l) frame number + 1; 0 when there are none */
	uint64_t users; /* (l) folios led to them, transitions included */
};

struct hvo_counters {
	_Atomic uint64_t pages_present;
	_Atomic uint64_t frames_owned;
	_Atomic uint64_t frames_hosted;
	_Atomic uint64_t frames_shared;
	_Atomic uint64_t pages_optimized;
	_Atomic uint64_t folios[HVO_ORDERS];
	_Atomic uint64_t grace_periods;
	_Atomic uint64_t flushes;
};

/*
 * Protection: (c) constant after init, (a) atomic, (l) the port's lock,
 * (b) claimed units: changed only by the transition that holds them.
 */
struct hvo_vmemmap {
	struct hvo_vmemmap_config config;     /* (c) */
	struct hvo_geometry geometry;         /* (c) */
	const struct hvo_port_traits *traits; /* (c) */
	uintptr_t window;                     /* (c) address of page 0 */
	uint64_t unit_pages;                  /* (c) of a unit */
	uint64_t units;                       /* (c) entries of unit[] */
	struct hvo_counters counters;         /* (a) */
	struct hvo_tails *tails;              /* [domain][order] */
	_Atomic uint16_t *unit;               /* (b) */
};

/* ---- addresses and numbers ------------------------------------------- */

static inline uint64_t hvo_pfn_page(const struct hvo_vmemmap *map,
				    hvo_pfn_t pfn)
{
	return (pfn - map->config.pfn_first) * map->geometry.record >>
	       map->geometry.page_shift;
}

static inline void *hvo_page_address(const struct hvo_vmemmap *map,
				     uint64_t page)
{
	return (void *)(map->window +
			((uintptr_t)page << map->geometry.page_shift));
}

static inline uint64_t hvo_pfn_unit(const struct hvo_vmemmap *map,
				    hvo_pfn_t pfn)
{
	return (pfn - map->config.pfn_first) >> map->geometry.unit_order;
}

static inline uint16_t hvo_unit(const struct hvo_vmemmap *map, hvo_pfn_t pfn)
{
	return atomic_load_explicit(&map->unit[hvo_pfn_unit(map, pfn)],
				    memory_order_acquire);
}

static inline uint16_t hvo_page_unit(const struct hvo_vmemmap *map,
				     uint64_t page)
{
	return atomic_load_explicit(&map->unit[page / map->unit_pages],
				    memory_order_acquire);
}

static inline unsigned hvo_unit_domain(uint16_t unit)
{
	return (unit & UNIT_DOMAIN) >> UNIT_DOMAIN_SHIFT;
}

/* The order of the folio that hosts a full range's frames, or 0. */
static inline unsigned hvo_unit_host(uint16_t unit)
{
	return unit & UNIT_OPTIMIZED ? 0 : unit & UNIT_ORDER;
}

static inline void hvo_count(_Atomic uint64_t *counter, uint64_t n)
{
	atomic_fetch_add_explicit(counter, n, memory_order_relaxed);
}

static inline void hvo_uncount(_Atomic uint64_t *counter, uint64_t n)
{
	atomic_fetch_sub_explicit(counter, n, memory_order_relaxed);
}

/* ---- map.c: ranges and claims ----------------------------------------- */

/* Are pfn and count multiples of 2^order, inside the map and not empty? */
int hvo_range_validate(const struct hvo_vmemmap *map, hvo_pfn_t pfn,
		       uint64_t count, unsigned order);

/*
 * Claim a range that hvo_range_validate() finds right for the order. Its units
 * must all be `state` (its bits below UNIT_DOMAIN_SHIFT, hosts of full units
 * aside) and of one domain, which goes into *domain; with UNIT_LEAVING in
 * `state` any that are present will do, and are not valid from then on.
 * Returns 0, what hvo_range_validate() returns, -HVO_EBUSY, -HVO_EABSENT,
 * -HVO_EEXIST, -HVO_ESTATE, -HVO_EDOMAIN.
 */
int hvo_claim(struct hvo_vmemmap *map, hvo_pfn_t pfn, uint64_t count,
	      unsigned order, uint16_t state, unsigned *domain);

/* End a claim: the range is `unit` from now on. */
void hvo_settle(struct hvo_vmemmap *map, hvo_pfn_t pfn, uint64_t count,
		uint16_t unit);

/* End a claim: the range is what it was. */
void hvo_release(struct hvo_vmemmap *map, hvo_pfn_t pfn, uint64_t count);

/*
 * Is this page of a full range backed by the described memory itself? The
 * first page of the hosting folio is not: its head's frame never moved.
 */
bool hvo_page_hosted(const struct hvo_vmemmap *map, uint16_t unit,
		     uint64_t page);

/* How many of n pages of claimed full ranges are, when any page is? */
uint64_t hvo_count_hosted(const struct hvo_vmemmap *map, uint64_t page,
			  uint64_t n);

/* How many of n pages of claimed full ranges are? */
static inline uint64_t hvo_hosted_pages(const struct hvo_vmemmap *map,
					uint64_t page, uint64_t n)
{
	/* The claim came after whoever hosted pages here had counted them. */
	return atomic_load_explicit(&map->counters.frames_hosted,
				    memory_order_relaxed)
		   ? hvo_count_hosted(map, page, n)
		   : 0;
}

/* ---- map.c: frames ----------------------------------------------------- */

/* The frame behind a mapped page. */
hvo_frame_t hvo_page_frame(const struct hvo_vmemmap *map, uint64_t page);

/* Frames in a row, as struct hvo_frame_request has it. */
int hvo_frames_alloc(struct hvo_vmemmap *map, uint64_t home, uint64_t count,
		     uint64_t least, unsigned domain, struct hvo_run *run);
void hvo_frames_free(struct hvo_vmemmap *map, struct hvo_run run);

/* Add a run to the workspace, joined to the one before when `join`. */
int hvo_work_add(struct hvo_work *work, struct hvo_run run, bool join);

/*
 * Remember the frames behind n pages from page on; those hosted by the
 * described memory, which nobody frees, are left out. Returns 0, or
 * -HVO_EWORK, having remembered some.
 */
int hvo_work_collect(struct hvo_vmemmap *map, struct hvo_work *work,
		     uint64_t page, uint64_t n);

/*
 * Frames for n pages from page on, as runs in the workspace; on an error some
 * of them are there.
 */
int hvo_work_alloc(struct hvo_vmemmap *map, struct hvo_work *work,
		   uint64_t page, uint64_t n, unsigned domain);

/*
 * Free the workspace's frames but the first `skip`, which are whole runs: n of
 * them, or all.
 */
void hvo_work_free(struct hvo_vmemmap *map, const struct hvo_work *work,
		   uint64_t skip, uint64_t n);

/* ---- map.c: waiting ---------------------------------------------------- */

void hvo_flush_pages(struct hvo_vmemmap *map, uint64_t page, uint64_t n);

/* One grace period. */
void hvo_grace(struct hvo_vmemmap *map);

/* ---- bytes.c: what descriptors hold ----------------------------------- */

/* work->record becomes a tail of that order. */
void hvo_make_tail(const struct hvo_vmemmap *map, struct hvo_work *work,
		   unsigned order, unsigned domain);

/*
 * Write page `page`, whose frame is all zeros, full of fresh records.
 * Clobbers work->record.
 */
void hvo_write_fresh(const struct hvo_vmemmap *map, struct hvo_work *work,
		     uint64_t page, hvo_frame_t frame, unsigned domain);

/* Tell whether bytes are there, or write them, word by word. */
enum hvo_doing { HVO_COMPARE, HVO_WRITE };

/*
 * The bytes from `from` to the end of page j of a folio: the record in
 * work->record over and over. j counts from the folio's first page. These three
 * return whether the frame holds the bytes, as it does when they are written;
 * a reader of the frame sees old or new words only.
 */
bool hvo_tail_bytes(const struct hvo_vmemmap *map, const struct hvo_work *work,
		    hvo_frame_t frame, uint64_t j, size_t from,
		    enum hvo_doing doing);

/* The first page of a folio of that order: a fresh head, then tails. */
bool hvo_head_bytes(const struct hvo_vmemmap *map, struct hvo_work *work,
		    hvo_frame_t frame, hvo_pfn_t pfn, unsigned order,
		    unsigned domain, enum hvo_doing doing);

/* The words by which tails in a folio's first page lead to its head. */
bool hvo_info_words(const struct hvo_vmemmap *map, hvo_frame_t frame,
		    unsigned order, enum hvo_doing doing);

/* ---- tails.c: shared tails -------------------------------------------- */

/* Pages of the shared tails of an order; tail page j uses (j - 1) % it. */
uint64_t hvo_tails_pages(const struct hvo_vmemmap *map, unsigned order);

/*
 * The shared tails of a domain and order, made if there are none, with one user
 * more. *made says whether this call made them. Returns 0 or -HVO_ENOMEM.
 */
int hvo_tails_get(struct hvo_vmemmap *map, struct hvo_work *work,
		  unsigned domain, unsigned order, struct hvo_run *run,
		  bool *made);

/*
 * More users of tails that have some, or, modulo 2^64, less. With drop, tails
 * without users are freed: a transition that made them and failed leaves none
 * behind.
 */
void hvo_tails_use(struct hvo_vmemmap *map, unsigned domain, unsigned order,
		   uint64_t users, bool drop);

/* Some new pages of such tails, which nobody is led to yet. */
int hvo_tails_make(struct hvo_vmemmap *map, struct hvo_work *work,
		   unsigned domain, unsigned order, uint64_t pages,
		   struct hvo_run *run);

/* Write the bytes of tail pages 1, 2, ... of a folio into a run of frames. */
void hvo_tails_write(const struct hvo_vmemmap *map, struct hvo_work *work,
		     unsigned order, unsigned domain, struct hvo_run run);

/* The shared tails that a user holds. */
struct hvo_run hvo_tails_run(const struct hvo_vmemmap *map, unsigned domain,
			     unsigned order);

/* Copy the bytes of tail pages j, j + 1, ... into a run of frames. */
void hvo_tails_copy(struct hvo_vmemmap *map, struct hvo_run tails, uint64_t j,
		    struct hvo_run dst);

/* ---- batch.c: bulk calls ---------------------------------------------- */

struct hvo_batch;

/* What a bulk call does to each folio. */
struct hvo_transition {
	unsigned order;  /* of the folios at pfns: of the whole */
	unsigned other;  /* reshape: of the parts; else the same */
	unsigned flags;  /* the public call's */
	uint16_t before; /* what its units must be, as for hvo_claim() */
	uint16_t after;  /* what they are to be, but for the domain */
	/*
	 * Get what the claimed folio whose first page is `page`, the batch's
	 * next, needs besides tails; change no translation. Returns 0 or an
	 * error, having taken at most what is in the workspace.
	 */
	int (*plan)(struct hvo_batch *batch, uint64_t page);
	/*
	 * Change the translations of the planned folios, in order. Returns for
	 * how many; the others' are what they were, and *err says why.
	 */
	size_t (*commit)(struct hvo_batch *batch, int *err);
};

/*
 * Folios that make a transition together: of one order and one domain, and as
 * many as the workspace remembers. The frames in the workspace are theirs, in
 * their order: of each folio `frames`, taken from the source or to be given
 * back (optimize: but for those that the described memory hosts).
 */
struct hvo_batch {
	struct hvo_vmemmap *map;
	struct hvo_work *work;
	const struct hvo_transition *kind;
	const hvo_pfn_t *pfns;
	size_t count;         /* planned so far */
	unsigned order;       /* the transition's */
	unsigned other;       /* likewise */
	uint64_t pages;       /* of a folio */
	uint64_t part_pages;  /* of a part */
	uint64_t frames;      /* of a folio, that come or go */
	bool takes;           /* they come */
	bool made;            /* this batch made the tails */
	unsigned domain;      /* of all */
	struct hvo_run tails; /* led to (restore: from) */
	uint64_t low, high;   /* first pages of the outermost folios */
};

/* Run n folios through a transition, batch by batch. */
int hvo_batches(struct hvo_vmemmap *map, const hvo_pfn_t *pfns, size_t n,
		const struct hvo_transition *kind, struct hvo_work *work,
		size_t *done);

/* Vmemmap page of folio i. */
static inline uint64_t hvo_batch_page(const struct hvo_batch *b, size_t i)
{
	return hvo_pfn_page(b->map, b->pfns[i]);
}

/* Lead all pages of folio i but the first to a run, read-only. */
int hvo_batch_share(struct hvo_batch *b, size_t i, struct hvo_run run,
		    enum hvo_urgency urgency);

/* Change the permission of all pages of folio i but the first. */
int hvo_batch_protect(struct hvo_batch *b, size_t i, enum hvo_prot prot,
		      enum hvo_urgency urgency);

/* One flush for the pages of all folios planned, wherever they are. */
void hvo_batch_flush(struct hvo_batch *b);

static inline struct hvo_tails *hvo_tails_slot(const struct hvo_vmemmap *map,
					       unsigned domain, unsigned order)
{
	return &map->tails[domain * HVO_ORDERS + order];
}

#endif
