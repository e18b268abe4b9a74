/* SPDX-License-Identifier: MIT */
/*
 * Pools of huge pages: folios of a few chosen orders, kept ready node by node,
 * reserved, handed out, taken back. The words and the rules are those of
 * Linux's HugeTLB as documented ("HugeTLB Pages"), without its global state.
 *
 * A size is one order's pool. Each of its pages is at any time
 *
 *   free   frozen, in the pool; those that are reserved among them, which
 *          says how many, not which
 *   used   the caller's who allocated it: frozen (count 0) when handed out.
 *          Its head's `data` and `owner` are the caller's; its descriptors
 *          must not be restored, optimized or split
 *   busy   in the hands of a call that is under way: freed, split, joined,
 *          optimized
 *
 * total = free + used + busy. Surplus pages are those above the size that was
 * set: a number, not certain pages; persistent = total - surplus. While a node
 * has surplus, what is freed there leaves the pool.
 *
 * Locking: one lock for each size, for its counters and its tables, never held
 * across a call of the manager. All calls may be made on several CPUs at once
 * unless their comment says otherwise; one that finds too few free pages while
 * others are busy waits for these, so none may be made where the CPU cannot
 * be given up, nor in a read-side section.
 *
 * Errors: a call that returns one has changed nothing, unless its comment
 * says how much it did.
 */
#ifndef HVO_HUGETLB_H
#define HVO_HUGETLB_H

#include <stdbool.h>
#include "hvo/bootparam.h"
#include "hvo/cma.h"
#include "hvo/folio.h"
#include "hvo/mm.h"

struct hvo_memblock;
struct hvo_hugetlb;

#define HVO_HUGETLB_SIZES_MAX 16
#define HVO_HUGETLB_ALL_NODES UINT32_MAX

/* Linux's: beyond 4 MiB of 4 KiB pages. */
#define HVO_HUGETLB_GIGANTIC 11

struct hvo_hugetlb_config {
	/* Each once, from 1 to the largest folio's; any sequence. Those that
	 * cannot be optimized are pools like any other. */
	unsigned orders[HVO_HUGETLB_SIZES_MAX];
	unsigned sizes; /* 1 to HVO_HUGETLB_SIZES_MAX */
	bool optimize;  /* pages allocated from now on; see set_optimize */
	enum hvo_zone_type limit; /* zones that pages may come from */
	/* Of HVO_ALLOC_ZERO, _COMMIT and _RESERVE. Boot pages, and what is
	 * made of them, are as the manager gave them. */
	unsigned alloc_flags;
	/*
	 * How pages leave when the pool shrinks or loses surplus: 0, which
	 * cannot fail, or HVO_FREE_NO_HOST: then pages that cannot be restored
	 * stay in the pool, free, as in Linux.
	 */
	unsigned free_flags;
	/*
	 * Contiguous areas, active, or NULL: gigantic pages come from them
	 * first, those of their own node before others', and with cma_only from
	 * nowhere else. What came from one goes back to it: such pages leave
	 * always, whatever free_flags says (they may be parked). The areas'
	 * units are no larger than any size. The list must outlive the pools.
	 */
	struct hvo_cma *cma;
	bool cma_only;
	unsigned gigantic_order; /* and larger; 0: HVO_HUGETLB_GIGANTIC */
};

/*
 * Bytes that hvo_hugetlb_init() needs, 64-byte aligned; 0 if the configuration
 * is not sound. For each order 2 bits for each folio of it that there could be
 * (128 KiB for 1 TiB of 2 MiB), and a 64th of these.
 */
size_t hvo_hugetlb_size(const struct hvo_mm *mm,
			const struct hvo_hugetlb_config *config);

/*
 * Make empty pools in `memory`, over mm, which must outlive them. Returns the
 * pools in *pools, and 0, -HVO_EORDER (none, too many, or one that no folio
 * can have), -HVO_EEXIST (an order given twice), -HVO_ENODE (limit),
 * -HVO_ERANGE (flags).
 */
int hvo_hugetlb_init(struct hvo_hugetlb **pools, void *memory,
		     struct hvo_mm *mm,
		     const struct hvo_hugetlb_config *config);

/*
 * Free all free pages, reserved or not; the memory given to init is the
 * caller's again. Cannot fail for want of memory. Returns 0, or -HVO_EBUSY if
 * a page is used: then nothing has happened. One CPU.
 */
int hvo_hugetlb_fini(struct hvo_hugetlb *pools);

/* ---- looking -------------------------------------------------------- */

struct hvo_hugetlb_stats {
	uint64_t total;     /* pages: free, used and busy */
	uint64_t free;      /* pages, reserved ones included */
	uint64_t busy;      /* pages */
	uint64_t surplus;   /* pages, of total */
	uint64_t optimized; /* pages, of free and used ones */
	/* Bytes of descriptors that optimized pages do without. The shared
	 * tails, a few frames for each zone and order, are not counted. */
	uint64_t bytes_saved;
	uint64_t restore_frames; /* that restoring all would take */
	/* These have no node; of all nodes, whatever was asked for. */
	uint64_t reserved;   /* pages */
	uint64_t overcommit; /* most surplus pages that may be allocated */
	uint64_t lost; /* reserved pages that went bad with none to replace */
};

/* One size, on all nodes or on one. Returns 0, -HVO_EORDER, -HVO_ENODE. */
int hvo_hugetlb_stats(struct hvo_hugetlb *pools, unsigned order,
		      struct hvo_hugetlb_stats *stats);
int hvo_hugetlb_node_stats(struct hvo_hugetlb *pools, unsigned order,
			   unsigned node, struct hvo_hugetlb_stats *stats);

/* Does a pool have this folio, and which state is it in? */
enum hvo_hugetlb_state {
	HVO_HUGETLB_NONE, /* in no pool, or busy */
	HVO_HUGETLB_FREE,
	HVO_HUGETLB_USED,
};

/* Of the folio whose head is pfn. May be out of date when it returns. */
enum hvo_hugetlb_state hvo_hugetlb_state(struct hvo_hugetlb *pools,
					 hvo_pfn_t pfn);

/* ---- how many ------------------------------------------------------- */

/*
 * Make `pages` the number of persistent pages of a size, over all nodes, by
 * changing only those in the mask `nodes` (one bit each; 0: all), round-robin.
 *
 * Growing turns surplus pages into persistent ones first, and then allocates;
 * nodes without room are passed over. Shrinking frees pages that are neither
 * used nor reserved; where those are too few, used ones become surplus, beyond
 * the overcommit limit if need be.
 *
 * *reached (may be NULL) is the number in the end, also on an error. Returns
 * 0; -HVO_EORDER, -HVO_ENODE; -HVO_EBUSY: another call sets this size, or
 * what is above `pages` is on other nodes; or why no more could be allocated
 * or, with HVO_FREE_NO_HOST, freed: -HVO_ENOMEM, -HVO_EMAPPINGS, -HVO_EWORK.
 */
int hvo_hugetlb_resize(struct hvo_hugetlb *pools, unsigned order,
		       uint32_t nodes, uint64_t pages, uint64_t *reached);

/* The same for the number on one node. */
int hvo_hugetlb_resize_node(struct hvo_hugetlb *pools, unsigned order,
			    unsigned node, uint64_t pages, uint64_t *reached);

/*
 * How many surplus pages may be allocated when free ones run out. Those there
 * are beyond a lower limit stay until they are freed. -HVO_EORDER.
 */
int hvo_hugetlb_set_overcommit(struct hvo_hugetlb *pools, unsigned order,
			       uint64_t pages);

/*
 * Promise n pages of a size: that many will be there for
 * HVO_HUGETLB_RESERVED. What free pages do not cover is allocated as surplus,
 * within overcommit. All or none. -HVO_EORDER, -HVO_ENOMEM, -HVO_EMAPPINGS,
 * -HVO_EWORK.
 */
int hvo_hugetlb_reserve(struct hvo_hugetlb *pools, unsigned order, uint64_t n);

/*
 * Give n reservations back, and free the surplus pages that nothing needs any
 * more: free ones on nodes with surplus. -HVO_EORDER, -HVO_ESTATE (so many are
 * not reserved).
 */
int hvo_hugetlb_unreserve(struct hvo_hugetlb *pools, unsigned order,
			  uint64_t n);

/* ---- pages ---------------------------------------------------------- */

enum hvo_hugetlb_flag {
	HVO_HUGETLB_RESERVED = 1 << 0, /* use up a reservation for each */
};

struct hvo_hugetlb_want {
	unsigned order;
	unsigned node;  /* preferred; others by distance */
	uint32_t nodes; /* permitted, one bit each; 0: all */
	unsigned flags; /* HVO_HUGETLB_* */
};

/*
 * Allocate n pages: free ones that are not reserved, then surplus ones within
 * overcommit. With HVO_HUGETLB_RESERVED from what is reserved, which can fail
 * only if `nodes` excludes the free pages, or some were lost. Pages come
 * frozen: hvo_folio_unfreeze() them to hand out references, and
 * hvo_folio_freeze() them before they come back; hvo_folio_put() with the last
 * reference would free them behind the pool's back.
 * Returns 0, -HVO_EORDER, -HVO_ENODE, -HVO_ENOMEM, -HVO_EMAPPINGS, -HVO_EWORK,
 * -HVO_ESTATE (nothing is reserved). On an error, the first *done pages have
 * been allocated.
 */
int hvo_hugetlb_alloc(struct hvo_hugetlb *pools,
		      const struct hvo_hugetlb_want *want, size_t n,
		      struct hvo_page **folios, size_t *done);

/*
 * Give used pages back, frozen: to the pool, or to the manager where there is
 * surplus. A page with a bad base page leaves the pool, and that base page is
 * never given out again. `data` and `owner` of the heads are cleared. Cannot
 * fail but for -HVO_ESTATE: not used, not frozen, or of no pool; the first
 * *done (may be NULL) are back then.
 */
int hvo_hugetlb_free(struct hvo_hugetlb *pools, struct hvo_page *const *folios,
		     size_t n, size_t *done);

/* ---- free pages ----------------------------------------------------- */

/*
 * Free up to n free pages of a size that are not reserved, on the nodes in the
 * mask (0: all). flags: HVO_FREE_NO_HOST, or 0, which cannot fail however
 * little memory there is. They count as surplus ones as far as their node has
 * any. Returns 0 when *done is n; -HVO_EORDER, -HVO_ENODE; -HVO_EBUSY (all
 * others are used or reserved); -HVO_ENOMEM, -HVO_EMAPPINGS, -HVO_EWORK.
 */
int hvo_hugetlb_dissolve(struct hvo_hugetlb *pools, unsigned order,
			 uint32_t nodes, uint64_t n, unsigned flags,
			 uint64_t *done);

/*
 * The same for all pages of all sizes that have a base page in a range: what
 * memory that is to go offline needs. *done (may be NULL) counts pages.
 * -HVO_EBUSY: one is used, in another call's hands, or reserved; the others are
 * dissolved. -HVO_ERANGE (empty, or not in the map).
 */
int hvo_hugetlb_dissolve_range(struct hvo_hugetlb *pools, hvo_pfn_t pfn,
			       uint64_t count, unsigned flags, uint64_t *done);

/*
 * Take whole subsections offline with the free pages in them, in one step that
 * happens or not: no page of the range may be used, reserved, in another call's
 * hands, or a contiguous area's. What of a page lies outside the range becomes
 * free memory. They count as surplus ones as for dissolving. Descriptors are
 * restored with frames from elsewhere. Returns 0, -HVO_EBUSY, what
 * hvo_mm_offline_begin() says, -HVO_ENOMEM, -HVO_EMAPPINGS, -HVO_EWORK. On an
 * error all pages are in their pools again; one that cannot be optimized again
 * is full.
 */
int hvo_hugetlb_offline(struct hvo_hugetlb *pools, hvo_pfn_t pfn,
			uint64_t count);

/*
 * Split n free pages that are not reserved into free pages of a smaller size.
 * Optimized ones stay so if the smaller order can be: 1 GiB into 512 x 2 MiB
 * takes 511 frames. *done (may be NULL) counts pages that were split. Returns
 * 0, -HVO_EORDER, -HVO_ENODE, -HVO_EBUSY (all others are used or reserved),
 * -HVO_ENOMEM, -HVO_EMAPPINGS, -HVO_EWORK.
 */
int hvo_hugetlb_demote(struct hvo_hugetlb *pools, unsigned from, unsigned to,
		       uint32_t nodes, uint64_t n, uint64_t *done);

/*
 * The reverse: make n pages of a larger size out of free neighbours that fill
 * one, none reserved, all optimized or all full. *done (may be NULL) counts
 * pages that were made. Returns 0, -HVO_EORDER, -HVO_ENODE, -HVO_EBUSY (no
 * more such neighbours), -HVO_ENOMEM, -HVO_EMAPPINGS, -HVO_EWORK.
 */
int hvo_hugetlb_promote(struct hvo_hugetlb *pools, unsigned from, unsigned to,
			uint32_t nodes, uint64_t n, uint64_t *done);

/*
 * The switch: are pages that come from the manager from now on optimized? A
 * page for which that cannot be done is full.
 */
void hvo_hugetlb_set_optimize(struct hvo_hugetlb *pools, bool optimize);
bool hvo_hugetlb_optimize(const struct hvo_hugetlb *pools);

/*
 * Bring all free pages of a size into the state that the switch says, in
 * batches. *done (may be NULL) counts those that were changed. Pages with
 * a bad base page are passed over (-HVO_EDIRTY in the end); anything else
 * stops it: -HVO_ENOMEM, -HVO_EMAPPINGS, -HVO_EWORK. -HVO_EORDER also
 * where the size cannot be optimized and the switch is on.
 */
int hvo_hugetlb_apply(struct hvo_hugetlb *pools, unsigned order,
		      uint64_t *done);

/*
 * The same in steps, between which the caller may do something else: at most
 * `most` pages that are to be changed, from pfn *from (0: the first) on.
 * *from moves behind what was looked at, also on an error, and is
 * HVO_HUGETLB_END when that was all. Between two steps anything may happen,
 * the switch included; pages that become free behind *from are not seen.
 */
#define HVO_HUGETLB_END UINT64_MAX
int hvo_hugetlb_apply_some(struct hvo_hugetlb *pools, unsigned order,
			   uint64_t most, hvo_pfn_t *from, uint64_t *done);

/*
 * Base page pfn is bad, whatever it is used for. A free page that has it
 * leaves the pool; if it was reserved, another one is allocated for it, and
 * counted as lost if that cannot be done. Everything else is left to
 * hvo_mm_poison(), whose errors these are (-HVO_EBUSY for a page that is used
 * and frozen: its owner calls hvo_folio_poison()).
 */
int hvo_hugetlb_poison(struct hvo_hugetlb *pools, hvo_pfn_t pfn,
		       bool *unrecoverable);

/* ---- pages from before there is a manager --------------------------- */

/* Large pages taken from memblock, by rising pfn, as hvo_mm_init() wants. */
struct hvo_hugetlb_boot {
	struct hvo_mm_boot_page *pages; /* the caller's */
	size_t capacity;                /* pages */
	size_t count;
};

/*
 * Take n pages of an order from memblock, of one node or, with
 * HVO_NUMA_NO_NODE, of any, as many in a row as there are. *done (may be NULL)
 * counts those taken. Returns 0, -HVO_EORDER (too large), -HVO_ENOMEM (no more
 * memory), -HVO_ERANGE (no more room in boot->pages).
 */
int hvo_hugetlb_boot_take(struct hvo_hugetlb_boot *boot,
			  struct hvo_memblock *memblock, unsigned order,
			  int node, size_t n, size_t *done);

/*
 * What hugetlb_cma= asks for, as Linux does it: bytes on each node, or an equal
 * share of the total, until it is reached, each rounded up to gigantic pages of
 * `order`. areas has room for `nodes`; areas[n] is node n's, with no pages
 * where there is none. Not linked. *reserved (may be NULL): bytes. On an error
 * those nodes that could be served are: -HVO_ENOMEM, -HVO_ERANGE, -HVO_EORDER.
 */
int hvo_hugetlb_cma_reserve(struct hvo_cma *areas, unsigned nodes,
			    struct hvo_memblock *memblock,
			    const struct hvo_bootparam_amount *amount,
			    unsigned order, unsigned unit_order,
			    uint64_t *reserved);

/*
 * As hvo_hugetlb_boot_take(), out of an area: what hugetlb_cma_only= demands
 * for gigantic sizes.
 */
int hvo_hugetlb_boot_take_cma(struct hvo_hugetlb_boot *boot,
			      struct hvo_cma *area, unsigned order, size_t n,
			      size_t *done);

/*
 * After hvo_mm_init(): the boot pages are free pages of the pool of their
 * order. Those that cross zones were no folios; *crossing (may be NULL) counts
 * them. -HVO_EORDER (there is no such size), -HVO_ESTATE (no frozen folio of
 * that order).
 */
int hvo_hugetlb_adopt(struct hvo_hugetlb *pools,
		      const struct hvo_mm_boot_page *pages, size_t n,
		      size_t *crossing);

/* ---- the check ------------------------------------------------------ */

enum hvo_hugetlb_violation {
	HVO_HUGETLB_OK,
	HVO_HUGETLB_TWICE,      /* a page both free and used */
	HVO_HUGETLB_TWO_POOLS,  /* a page that two sizes have */
	HVO_HUGETLB_NO_FOLIO,   /* not a folio of this order */
	HVO_HUGETLB_NOT_FROZEN, /* a free page with references */
	HVO_HUGETLB_NOT_CLEAN,  /* a free page's head is not as it should be */
	HVO_HUGETLB_BAD_PAGE,   /* a free page with a bad base page */
	HVO_HUGETLB_COUNTER,    /* a counter is not what the walk found */
	HVO_HUGETLB_HINT,       /* a free page that a search would miss */
	HVO_HUGETLB_BALANCE,    /* counters contradict each other */
	HVO_HUGETLB_VIOLATIONS
};

struct hvo_hugetlb_finding {
	enum hvo_hugetlb_violation violation;
	unsigned order;
	unsigned node; /* of counters; or HVO_HUGETLB_ALL_NODES */
	hvo_pfn_t pfn; /* of the page concerned, if one is */
	uint64_t expected;
	uint64_t found;
	const char *what; /* the counter's name, else NULL */
};

/* One sentence, without full stop, for a violation. Never NULL. */
const char *hvo_hugetlb_violation_text(enum hvo_hugetlb_violation violation);

/*
 * Check all sizes: that each page is a folio of its order, in one pool and in
 * one state, that no free one has references or a bad base page, and that all
 * counters are what the walk finds. hvo_mm_check() is not part of it. Nothing
 * else may be under way. Returns 0 or -HVO_ECORRUPT with *finding filled in.
 * O(base pages of free full pages + folios there could be / 64).
 */
int hvo_hugetlb_check(struct hvo_hugetlb *pools,
		      struct hvo_hugetlb_finding *finding);

/*
 * Print the counters of all sizes and nodes as lines of text (without newline)
 * through put, for people and for logs.
 */
void hvo_hugetlb_dump(struct hvo_hugetlb *pools,
		      void (*put)(void *ctx, const char *line), void *ctx);

#endif
