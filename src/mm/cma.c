/* SPDX-License-Identifier: MIT */
/*
 * Contiguous areas. An area's idle memory is isolated, so that nobody else can
 * have it; giving is adopting a folio there, and taking back disowning it. The
 * area itself only keeps which unit is in which state.
 *
 * Units change their state under the area's lock. A call that is about to do
 * something with units makes them busy first, so that they are its own.
 */

#include "hvo/cma.h"
#include "hvo/contig.h"
#include "hvo/poison.h"
#include "internal.h"

/* ---- units ---------------------------------------------------------- */

/* Units in a row. */
struct units {
	uint64_t first;
	uint64_t count;
};

static hvo_pfn_t unit_pfn(const struct hvo_cma *cma, uint64_t unit)
{
	return cma->pfn + (unit << cma->unit_order);
}

static hvo_pfn_t end_of(const struct hvo_cma *cma, struct units u)
{
	return unit_pfn(cma, u.first + u.count);
}

static void lock(struct hvo_cma *cma)
{
	hvo_mm_lock(cma->mm, &cma->lock);
}

static void unlock(struct hvo_cma *cma)
{
	hvo_mm_unlock(&cma->lock);
}

/* Lock held. */
static void set_one(struct hvo_cma *cma, uint64_t unit, unsigned state)
{
	cma->count[cma->unit[unit]]--;
	cma->count[state]++;
	cma->unit[unit] = (uint8_t)state;
}

/* Units that are ours go into a state. */
static void settle(struct hvo_cma *cma, struct units u, unsigned state)
{
	lock(cma);
	for (uint64_t i = 0; i < u.count; i++)
		set_one(cma, u.first + i, state);
	unlock(cma);
}

#define BIT(state) (1u << (state))

/* Are all units in one of the states of a mask? Lock held. */
static bool all_in(const struct hvo_cma *cma, struct units u, unsigned mask)
{
	for (uint64_t i = 0; i < u.count; i++)
		if (!(mask >> cma->unit[u.first + i] & 1))
			return false;
	return true;
}

/* Make units busy if all are in states of the mask; those gone stay so. */
static bool grab(struct hvo_cma *cma, struct units u, unsigned mask)
{
	bool ours;

	lock(cma);
	ours = all_in(cma, u, mask);
	for (uint64_t i = 0; ours && i < u.count; i++)
		if (cma->unit[u.first + i] != HVO_CMA_GONE)
			set_one(cma, u.first + i, HVO_CMA_BUSY);
	unlock(cma);
	return ours;
}

/* Units of a folio, which lies in the area and fills them; false if not. */
static bool units_of(const struct hvo_cma *cma, const struct hvo_page *folio,
		     struct units *u)
{
	hvo_pfn_t pfn = hvo_page_pfn(cma->mm, folio);
	unsigned order = hvo_folio_order(folio);

	if (order < cma->unit_order || pfn < cma->pfn ||
	    pfn - cma->pfn >= cma->pages ||
	    hvo_pages(order) > cma->pages - (pfn - cma->pfn))
		return false;
	u->first = (pfn - cma->pfn) >> cma->unit_order;
	u->count = hvo_pages(order - cma->unit_order);
	return true;
}

/* ---- giving back ---------------------------------------------------- */

/* Has a unit whose pages are isolated lost one, since it was bad? */
static bool has_bad(const struct hvo_cma *cma, hvo_pfn_t pfn)
{
	for (uint64_t i = 0; i < hvo_pages(cma->unit_order); i++)
		if (hvo_page_flags(hvo_page_at(cma->mm, pfn + i)) &
		    HVO_PAGE_RETIRED)
			return true;
	return false;
}

/* The isolated pages of a unit that is gone are the zones'. */
static void give_unit(struct hvo_cma *cma, hvo_pfn_t pfn)
{
	hvo_pfn_t end = pfn + hvo_pages(cma->unit_order);

	while (pfn < end) {
		hvo_pfn_t at = pfn;

		while (at < end && !(hvo_page_flags(hvo_page_at(cma->mm, at)) &
				     HVO_PAGE_RETIRED))
			at++;
		if (at > pfn)
			hvo_contig_release(cma->mm, pfn, at - pfn);
		pfn = at + 1;
	}
}

/* Busy units whose folio was disowned: idle, or gone, as some may have been. */
static void settle_disowned(struct hvo_cma *cma, struct units u)
{
	for (uint64_t i = u.first; i < u.first + u.count; i++) {
		struct units one = {i, 1};
		bool gone = cma->unit[i] == HVO_CMA_GONE;
		bool bad = has_bad(cma, unit_pfn(cma, i));

		if (gone || bad)
			give_unit(cma, unit_pfn(cma, i));
		/* Once it is settled it may be another's. */
		if (!gone)
			settle(cma, one, bad ? HVO_CMA_GONE : HVO_CMA_IDLE);
	}
}

/* Let go of what the folio was backed with, and of its user's data. */
static void park(struct hvo_cma *cma, struct hvo_page *folio, struct units u)
{
	struct hvo_mm *mm = cma->mm;

	if (hvo_page_unmark(folio, HVO_PAGE_COMMIT) & HVO_PAGE_COMMIT)
		hvo_uncommit(
		    mm, hvo_pages_run(mm, hvo_page_pfn(mm, folio),
				      end_of(cma, u) - unit_pfn(cma, u.first)));
	folio->data = 0;
#if HVO_PAGE_BYTES > 32
	memset(folio->owner, 0, sizeof(folio->owner));
#endif
	settle(cma, u, HVO_CMA_PARKED);
}

/* A folio whose units are busy: idle again if it can be restored. */
static int put_back(struct hvo_cma *cma, struct hvo_page *folio, struct units u)
{
	int err = hvo_folio_restore(cma->mm, &folio, 1, NULL);

	if (err) {
		park(cma, folio, u);
		return err;
	}
	hvo_folio_disown(cma->mm, folio);
	settle_disowned(cma, u);
	return 0;
}

int hvo_cma_release(struct hvo_cma *cma, struct hvo_page *folio)
{
	struct units u;

	if (!hvo_folio_is_frozen(folio) || !units_of(cma, folio, &u) ||
	    !grab(cma, u,
		  BIT(HVO_CMA_USED) | BIT(HVO_CMA_LENT) | BIT(HVO_CMA_GONE)))
		return -HVO_ESTATE;
	put_back(cma, folio, u);
	return 0;
}

/* ---- giving --------------------------------------------------------- */

/* What a call wants, and as what. */
struct want {
	const struct hvo_alloc *alloc;
	unsigned state;
};

/* Busy, isolated units become a folio; or idle again. */
static int give_idle(struct hvo_cma *cma, const struct want *want,
		     struct units u, struct hvo_page **folio)
{
	int err = hvo_folio_adopt(cma->mm, unit_pfn(cma, u.first), want->alloc,
				  folio);

	settle(cma, u, err ? HVO_CMA_IDLE : want->state);
	return err;
}

/* Is the folio parked at a unit one as it is wanted, without bad pages? */
static bool fits(const struct hvo_cma *cma, const struct want *want,
		 struct units u)
{
	const struct hvo_page *folio =
	    hvo_page_at(cma->mm, unit_pfn(cma, u.first));

	return (want->alloc->flags & (HVO_ALLOC_HVO | HVO_ALLOC_TRY_HVO)) &&
	       hvo_folio_is_frozen(folio) &&
	       hvo_folio_order(folio) == want->alloc->order &&
	       !(hvo_page_flags(folio) & (HVO_PAGE_RECORDS | HVO_PAGE_POISON));
}

/* Hand out a parked folio as it is. */
static int give_parked(struct hvo_cma *cma, const struct want *want,
		       struct units u, struct hvo_page **folio)
{
	hvo_pfn_t pfn = unit_pfn(cma, u.first);
	int err = hvo_folio_back(cma->mm, pfn, want->alloc);

	settle(cma, u, err ? HVO_CMA_PARKED : want->state);
	if (err)
		return err;
	*folio = hvo_page_at(cma->mm, pfn);
	if (!(want->alloc->flags & HVO_ALLOC_FROZEN))
		hvo_page_set_count(*folio, 1);
	return 0;
}

/* Restore folios that are parked in a range, as far as there are frames. */
static void unpark(struct hvo_cma *cma, struct units u)
{
	for (uint64_t i = u.first; i < u.first + u.count; i++) {
		struct units whole = {i, 1};
		struct hvo_page *folio;
		bool ours = grab(cma, whole, BIT(HVO_CMA_PARKED));

		if (!ours)
			continue;
		folio =
		    hvo_compound_head(hvo_page_at(cma->mm, unit_pfn(cma, i)));
		settle(cma, whole, HVO_CMA_PARKED);
		if (units_of(cma, folio, &whole) &&
		    grab(cma, whole, BIT(HVO_CMA_PARKED)))
			put_back(cma, folio, whole);
	}
}

/* One run of units; -HVO_ENOMEM: others may do. */
static int give_at(struct hvo_cma *cma, const struct want *want, struct units u,
		   struct hvo_page **folio)
{
	bool one_zone = !hvo_range_of_zone(cma->mm, unit_pfn(cma, u.first),
					   hvo_pages(want->alloc->order));

	if (!one_zone)
		return -HVO_ENOMEM;
	if (grab(cma, u, BIT(HVO_CMA_IDLE)))
		return give_idle(cma, want, u, folio);
	if (!grab(cma, u, BIT(HVO_CMA_PARKED)))
		return -HVO_ENOMEM;
	if (fits(cma, want, u))
		return give_parked(cma, want, u, folio);
	settle(cma, u, HVO_CMA_PARKED);
	return -HVO_ENOMEM;
}

/* The same after asking for it back; only where that may help. */
static int reclaim_at(struct hvo_cma *cma, const struct want *want,
		      struct units u, struct hvo_page **folio)
{
	const unsigned mask =
	    BIT(HVO_CMA_IDLE) | BIT(HVO_CMA_PARKED) |
	    (want->state == HVO_CMA_USED && cma->take_back ? BIT(HVO_CMA_LENT)
							   : 0);
	bool lent;
	bool hope;

	lock(cma);
	hope = all_in(cma, u, mask);
	lent = !all_in(cma, u, ~BIT(HVO_CMA_LENT));
	unlock(cma);
	if (!hope)
		return -HVO_ENOMEM;
	if (lent)
		cma->take_back(cma->ctx, unit_pfn(cma, u.first),
			       hvo_pages(want->alloc->order));
	unpark(cma, u);
	return give_at(cma, want, u, folio);
}

/* Run number i of those that are aligned, from the end that is preferred. */
static bool run_at(const struct hvo_cma *cma, const struct want *want,
		   uint64_t i, struct units *u)
{
	uint64_t size = hvo_pages(want->alloc->order);
	hvo_pfn_t first = (cma->pfn + size - 1) & ~(size - 1);
	hvo_pfn_t end = (cma->pfn + cma->pages) & ~(size - 1);
	uint64_t runs = first < end ? (end - first) / size : 0;

	if (i >= runs)
		return false;
	if (want->state == HVO_CMA_LENT)
		i = runs - 1 - i;
	u->first = (first + i * size - cma->pfn) >> cma->unit_order;
	u->count = size >> cma->unit_order;
	return true;
}

static int give(struct hvo_cma *cma, const struct want *want,
		struct hvo_page **folio)
{
	static int (*const passes[])(struct hvo_cma *, const struct want *,
				     struct units, struct hvo_page **) = {
	    give_at, reclaim_at};
	struct units u;

	if (want->alloc->order < cma->unit_order ||
	    want->alloc->order > cma->mm->geometry.max_order ||
	    ((want->alloc->flags & HVO_ALLOC_HVO) &&
	     !hvo_order_optimizable(&cma->mm->geometry, want->alloc->order)))
		return -HVO_EORDER;
	for (unsigned pass = 0; pass < 2; pass++)
		for (uint64_t i = 0; run_at(cma, want, i, &u); i++) {
			int err = passes[pass](cma, want, u, folio);

			if (err != -HVO_ENOMEM)
				return err;
		}
	return -HVO_ENOMEM;
}

int hvo_cma_alloc(struct hvo_cma *cma, const struct hvo_alloc *alloc,
		  struct hvo_page **folio)
{
	const struct want want = {alloc, HVO_CMA_USED};

	return give(cma, &want, folio);
}

int hvo_cma_lend(struct hvo_cma *cma, const struct hvo_alloc *alloc,
		 struct hvo_page **folio)
{
	const struct want want = {alloc, HVO_CMA_LENT};

	return give(cma, &want, folio);
}

/* ---- bad pages ------------------------------------------------------ */

/* In a folio that is parked: ours. */
static int poison_parked(struct hvo_cma *cma, struct units u, hvo_pfn_t pfn)
{
	struct hvo_page *folio = hvo_compound_head(hvo_page_at(cma->mm, pfn));
	int err = hvo_folio_poison(cma->mm, folio, pfn);

	settle(cma, u, HVO_CMA_PARKED);
	return err;
}

int hvo_cma_poison(struct hvo_cma *cma, hvo_pfn_t pfn, bool *unrecoverable)
{
	struct units u = {(pfn - cma->pfn) >> cma->unit_order, 1};

	if (pfn < cma->pfn || pfn - cma->pfn >= cma->pages)
		return -HVO_ERANGE;
	if (unrecoverable)
		*unrecoverable = false;
	if (grab(cma, u, BIT(HVO_CMA_PARKED)))
		return poison_parked(cma, u, pfn);
	if (grab(cma, u, BIT(HVO_CMA_IDLE))) {
		give_unit(cma, unit_pfn(cma, u.first));
		settle(cma, u, HVO_CMA_GONE);
	}
	return hvo_mm_poison(cma->mm, pfn, unrecoverable);
}

/* Who isolates its pages has the unit: it needs no state of its own meanwhile.
 */
uint64_t hvo_cma_regain(struct hvo_cma *cma)
{
	uint64_t units = cma->pages >> cma->unit_order;
	uint64_t regained = 0;

	for (struct units u = {0, 1}; u.first < units; u.first++) {
		bool gone;

		lock(cma);
		gone = cma->unit[u.first] == HVO_CMA_GONE;
		unlock(cma);
		if (!gone || hvo_contig_isolate(cma->mm, unit_pfn(cma, u.first),
						hvo_pages(cma->unit_order)))
			continue;
		settle(cma, u, HVO_CMA_IDLE);
		regained++;
	}
	return regained;
}

/* ---- looking -------------------------------------------------------- */

struct hvo_cma *hvo_cma_find(struct hvo_cma *first, hvo_pfn_t pfn,
			     uint64_t count)
{
	for (struct hvo_cma *c = first; c; c = c->next) {
		hvo_pfn_t from = pfn > c->pfn ? pfn : c->pfn;
		hvo_pfn_t to = hvo_least(pfn + count, c->pfn + c->pages);
		bool any;

		if (from >= to)
			continue;
		struct units u = {(from - c->pfn) >> c->unit_order,
				  ((to - 1 - c->pfn) >> c->unit_order) -
				      ((from - c->pfn) >> c->unit_order) + 1};
		lock(c);
		any = !all_in(c, u, BIT(HVO_CMA_GONE));
		unlock(c);
		if (any)
			return c;
	}
	return NULL;
}

void hvo_cma_stats(struct hvo_cma *cma, struct hvo_cma_stats *stats)
{
	stats->pages = cma->pages;
	lock(cma);
	for (unsigned s = 0; s < HVO_CMA_STATES; s++)
		stats->state[s] = cma->count[s] << cma->unit_order;
	unlock(cma);
}

const char *hvo_cma_state_name(enum hvo_cma_state state)
{
	static const char *const names[HVO_CMA_STATES] = {
	    [HVO_CMA_IDLE] = "idle", [HVO_CMA_USED] = "used",
	    [HVO_CMA_LENT] = "lent", [HVO_CMA_PARKED] = "parked",
	    [HVO_CMA_BUSY] = "busy", [HVO_CMA_GONE] = "gone",
	};

	return (unsigned)state < HVO_CMA_STATES ? names[state] : "unknown";
}
