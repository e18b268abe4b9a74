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
	return (
	    void *)(map->config.base +
		    (uintptr_t)(map->config.pfn_first * map->geometry.record) +
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

/* Vmemmap pages that the records of a unit fill. */
static inline uint64_t hvo_unit_pages(const struct hvo_vmemmap *map)
{
	return hvo_folio_pages(&map->geometry, map->geometry.unit_order);
}

static inline uint16_t hvo_page_unit(const struct hvo_vmemmap *map,
				     uint64_t page)
{
	return atomic_load_explicit(&map->unit[page / hvo_unit_pages(map)],
				    memory_order_acquire);
}

static inline unsigned hvo_unit_domain(uint16_t unit)
{
	return (unit & UNIT_DOMAIN) >> UNIT_DOMAIN_SHIFT;
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
 * Claim a range whose units must all be `state` (its bits below
 * UNIT_DOMAIN_SHIFT, hosts of full units aside) and of one domain, which goes
 * into *domain. Returns 0, -HVO_EBUSY, -HVO_EABSENT, -HVO_EEXIST,
 * -HVO_ESTATE, -HVO_EDOMAIN.
 */
int hvo_claim(struct hvo_vmemmap *map, hvo_pfn_t pfn, uint64_t count,
	      uint16_t state, unsigned *domain);

/* End a claim: the range is `unit` from now on. */
void hvo_settle(struct hvo_vmemmap *map, hvo_pfn_t pfn, uint64_t count,
		uint16_t unit);

/* End a claim: the range is what it was. */
void hvo_release(struct hvo_vmemmap *map, hvo_pfn_t pfn, uint64_t count);

/* Is this page of a range with a host not the first of that folio? */
bool hvo_page_beyond_first(const struct hvo_vmemmap *map, unsigned host,
			   uint64_t page);

/*
 * Is this page of a full range backed by the described memory itself? The
 * first page of the hosting folio is not: its head's frame never moved.
 */
static inline bool hvo_page_hosted(const struct hvo_vmemmap *map, uint16_t unit,
				   uint64_t page)
{
	unsigned host = unit & UNIT_OPTIMIZED ? 0 : unit & UNIT_ORDER;

	return host && hvo_page_beyond_first(map, host, page);
}

/* ---- map.c: steps ------------------------------------------------------ */

/* Add a run to the workspace, joined to the one before when `join`. */
int hvo_work_add(struct hvo_work *work, struct hvo_run run, bool join);

/*
 * Remember the frames behind n pages from page on; those hosted by the
 * described memory, which nobody frees, are left out and counted.
 * Returns 0, or -HVO_EWORK and remembers none.
 */
int hvo_work_collect(struct hvo_vmemmap *map, struct hvo_work *work,
		     uint64_t page, uint64_t n, uint64_t *hosted);

/* Frames for n pages from page on, as runs in the workspace. */
int hvo_work_alloc(struct hvo_vmemmap *map, struct hvo_work *work,
		   uint64_t page, uint64_t n, unsigned domain);

/* Free the runs from..to of the workspace. */
void hvo_work_free(struct hvo_vmemmap *map, struct hvo_work *work, size_t from,
		   size_t to);

/* One flush for the pages of n folios of an order, wherever they are. */
void hvo_flush_folios(struct hvo_vmemmap *map, const hvo_pfn_t *pfns, size_t n,
		      unsigned order);
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

/*
 * Write the bytes from `from` to the page's end of page j of a folio with the
 * record in work->record, word by word, so that a reader of the frame sees
 * old or new words only. j counts from the folio's first page.
 */
void hvo_write_tails(const struct hvo_vmemmap *map, const struct hvo_work *work,
		     hvo_frame_t frame, uint64_t j, size_t from);

/* Are the same bytes there? */
bool hvo_are_tails(const struct hvo_vmemmap *map, const struct hvo_work *work,
		   hvo_frame_t frame, uint64_t j, size_t from);

/*
 * Write, word by word, the first page of a folio of that order: a fresh head,
 * then tails.
 */
void hvo_write_head_page(const struct hvo_vmemmap *map, struct hvo_work *work,
			 hvo_frame_t frame, hvo_pfn_t pfn, unsigned order,
			 unsigned domain);
bool hvo_is_head_page(const struct hvo_vmemmap *map, struct hvo_work *work,
		      hvo_frame_t frame, hvo_pfn_t pfn, unsigned order,
		      unsigned domain);

/* Do the tails in a folio's first page lead to the head of that order? */
bool hvo_are_infos(const struct hvo_vmemmap *map, hvo_frame_t frame,
		   unsigned order);

/* Lead the tails in a folio's first page to the head of another order. */
void hvo_write_infos(const struct hvo_vmemmap *map, hvo_frame_t frame,
		     unsigned order);

/* ---- tails.c: shared tails -------------------------------------------- */

/* Pages of the shared tails of an order; tail page j uses (j - 1) % it. */
uint64_t hvo_tails_pages(const struct hvo_vmemmap *map, unsigned order);

/*
 * The shared tails of a domain and order, made if there are none, with some
 * users more. *made says whether this call made them.
 * Returns 0 or -HVO_ENOMEM.
 */
int hvo_tails_get(struct hvo_vmemmap *map, struct hvo_work *work,
		  unsigned domain, unsigned order, uint64_t users,
		  struct hvo_run *run, bool *made);

/* More users of tails that have some. */
void hvo_tails_share(struct hvo_vmemmap *map, unsigned domain, unsigned order,
		     uint64_t users);

/*
 * Some users less. With drop, tails without users are freed: a transition
 * that made them and failed leaves none behind.
 */
void hvo_tails_put(struct hvo_vmemmap *map, unsigned domain, unsigned order,
		   uint64_t users, bool drop);

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

/*
 * Folios that make a transition together: of one order and one domain, and as
 * many as the workspace remembers. The frames in the workspace are theirs, in
 * their order.
 */
struct hvo_batch {
	struct hvo_vmemmap *map;
	struct hvo_work *work;
	const hvo_pfn_t *pfns;
	size_t count;         /* planned so far */
	unsigned order;       /* of the folios at pfns */
	unsigned other;       /* reshape: of the parts they have or get */
	unsigned flags;       /* the public call's */
	unsigned domain;      /* of all, once count > 0 */
	struct hvo_run tails; /* led to (restore: from), once count > 0 */
	bool made;            /* this batch made them */
	uint64_t hosted;      /* optimize: of the pages planned to be led away,
			       * those that the described memory hosts */
	/*
	 * Claim the folio at pfn and get all that it needs; change no
	 * translation. Returns 0, an error with nothing changed, or
	 * HVO_NEXT_BATCH.
	 */
	int (*plan)(struct hvo_batch *batch, hvo_pfn_t pfn);
	/*
	 * Make the transition for the planned folios, in order, and end their
	 * claims; on an error *completed of them made it.
	 */
	int (*commit)(struct hvo_batch *batch, size_t *completed);
};

#define HVO_NEXT_BATCH 1

/*
 * Run n folios through plan and commit, batch by batch; none when the call as a
 * whole is refused already (err).
 */
int hvo_batches(struct hvo_batch *batch, int err, const hvo_pfn_t *pfns,
		size_t n, size_t *done);

/*
 * Claim the folio at pfn, which must be in `state`, for the batch. Returns 0,
 * what hvo_claim() returns, or HVO_NEXT_BATCH for another domain's.
 */
int hvo_batch_claim(struct hvo_batch *batch, hvo_pfn_t pfn, unsigned order,
		    uint16_t state);

/* Vmemmap page of folio i, and its pages but the first. */
static inline uint64_t hvo_batch_page(const struct hvo_batch *b, size_t i)
{
	return hvo_pfn_page(b->map, b->pfns[i]);
}

static inline uint64_t hvo_batch_tails(const struct hvo_batch *b)
{
	return hvo_folio_pages(&b->map->geometry, b->order) - 1;
}

static inline void *hvo_batch_tails_address(const struct hvo_batch *b, size_t i)
{
	return hvo_page_address(b->map, hvo_batch_page(b, i) + 1);
}

/* The unit of a range of the batch's domain in a state. */
static inline uint16_t hvo_batch_unit(const struct hvo_batch *b, unsigned flags,
				      unsigned order)
{
	return (uint16_t)(UNIT_PRESENT | flags | order |
			  b->domain << UNIT_DOMAIN_SHIFT);
}

static inline struct hvo_tails *hvo_tails_slot(const struct hvo_vmemmap *map,
					       unsigned domain, unsigned order)
{
	return &map->tails[domain * HVO_ORDERS + order];
}

#endif
