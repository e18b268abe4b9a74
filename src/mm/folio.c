/* SPDX-License-Identifier: MIT */
/*
 * Folios: allocating them, references, and their state while frozen.
 *
 * A block in transit is fresh. It becomes a folio by being backed, by having
 * its tails written, then, if it is to be optimized, by the engine, and last by
 * its mark, after which it can be seen. Freeing (free.c) goes the other way.
 */

#include "internal.h"

/* ---- marks -------------------------------------------------------------- */

void hvo_folio_mark(struct hvo_page *head, unsigned order, uint64_t flags)
{
	head->order = order;
	hvo_page_mark(head, HVO_PAGE_FOLIO | flags |
				(order ? (uint64_t)HVO_PAGE_HEAD : 0));
}

bool hvo_folio_is_frozen(const struct hvo_page *head)
{
	uint64_t flags = hvo_page_flags(head);

	return (flags & (HVO_PAGE_FOLIO | HVO_PAGE_DEFERRED)) ==
		   HVO_PAGE_FOLIO &&
	       !hvo_page_count(head);
}

bool hvo_folio_optimized(const struct hvo_mm *mm, const struct hvo_page *folio)
{
	return hvo_vmemmap_state(mm->map, hvo_page_pfn(mm, folio)).state ==
	       HVO_OPTIMIZED;
}

/* ---- allocating --------------------------------------------------------- */

static uint32_t permitted(const struct hvo_mm *mm,
			  const struct hvo_alloc *alloc)
{
	uint32_t all = UINT32_MAX >> (32 - mm->config.nodes);
	uint32_t nodes = alloc->nodes ? alloc->nodes & all : all;

	if (alloc->flags & HVO_ALLOC_THIS_NODE)
		nodes &= UINT32_C(1) << alloc->node;
	return nodes;
}

int hvo_folio_order_refused(const struct hvo_mm *mm,
			    const struct hvo_alloc *alloc)
{
	if (alloc->order > mm->geometry.max_order)
		return -HVO_EORDER;
	if ((alloc->flags & HVO_ALLOC_HVO) &&
	    !hvo_order_optimizable(&mm->geometry, alloc->order))
		return -HVO_EORDER;
	return 0;
}

static int alloc_refused(const struct hvo_mm *mm, const struct hvo_alloc *alloc)
{
	int err = hvo_folio_order_refused(mm, alloc);

	if (err)
		return err;
	if (alloc->node >= mm->config.nodes ||
	    (unsigned)alloc->limit > HVO_ZONE_MOVABLE || !permitted(mm, alloc))
		return -HVO_ENODE;
	return 0;
}

int hvo_folio_back(struct hvo_mm *mm, hvo_pfn_t pfn,
		   const struct hvo_alloc *alloc)
{
	struct hvo_run run = hvo_pages_run(mm, pfn, hvo_pages(alloc->order));
	int err;

	if (!(alloc->flags & (HVO_ALLOC_COMMIT | HVO_ALLOC_ZERO)))
		return 0;
	err = hvo_commit(mm, run);
	if (err)
		return err;
	hvo_page_mark(hvo_page_at(mm, pfn), HVO_PAGE_COMMIT);
	if (alloc->flags & HVO_ALLOC_ZERO)
		memset(hvo_port_frame(mm->config.port, run.first), 0,
		       run.count << mm->geometry.page_shift);
	return 0;
}

/* A folio that nobody sees yet becomes a block in transit again. */
static void unmake(struct hvo_mm *mm, hvo_pfn_t pfn, unsigned order)
{
	if (hvo_page_flags(hvo_page_at(mm, pfn)) & HVO_PAGE_COMMIT)
		hvo_uncommit(mm, hvo_pages_run(mm, pfn, hvo_pages(order)));
	hvo_folio_clear(mm, pfn, order);
}

bool hvo_folio_wants_hvo(const struct hvo_mm *mm, const struct hvo_alloc *alloc)
{
	return (alloc->flags & (HVO_ALLOC_HVO | HVO_ALLOC_TRY_HVO)) &&
	       hvo_order_optimizable(&mm->geometry, alloc->order);
}

/*
 * A block for a folio. Those that cannot be optimized, because their
 * descriptors are hosted, are set aside while others are looked at, a few.
 */
static int take_block(struct hvo_mm *mm, const struct hvo_alloc *alloc,
		      hvo_pfn_t *pfn)
{
	const struct hvo_want want = {
	    .order = alloc->order,
	    .node = alloc->node,
	    .nodes = permitted(mm, alloc),
	    .limit = alloc->limit,
	    .reserve = alloc->flags & HVO_ALLOC_RESERVE,
	    .owner = HVO_OWNER_FOLIO,
	};
	hvo_pfn_t hosted[8];
	unsigned n = 0;
	int err = hvo_block_take(mm, &want, pfn);

	while (!err && (alloc->flags & HVO_ALLOC_HVO) &&
	       hvo_is_hosted(mm, *pfn)) {
		hosted[n++] = *pfn;
		err = n < sizeof(hosted) / sizeof(*hosted)
			  ? hvo_block_take(mm, &want, pfn)
			  : -HVO_ENOMEM;
	}
	while (n)
		hvo_block_give(mm, hosted[--n], alloc->order, HVO_OWNER_FOLIO);
	return err;
}

/* A folio that nobody sees yet: backed, tails written, no mark. */
static int take_folio(struct hvo_mm *mm, const struct hvo_alloc *alloc,
		      struct hvo_page **folio)
{
	hvo_pfn_t pfn;
	int err = take_block(mm, alloc, &pfn);

	if (err)
		return err;
	err = hvo_folio_back(mm, pfn, alloc);
	if (err) {
		hvo_block_give(mm, pfn, alloc->order, HVO_OWNER_FOLIO);
		return err;
	}
	*folio = hvo_page_at(mm, pfn);
	if (alloc->order)
		hvo_prep_compound_page(*folio, alloc->order);
	return 0;
}

/* The reverse. */
static void untake_folios(struct hvo_mm *mm, struct hvo_page *const *folios,
			  size_t n, unsigned order)
{
	for (size_t i = 0; i < n; i++) {
		hvo_pfn_t pfn = hvo_page_pfn(mm, folios[i]);

		unmake(mm, pfn, order);
		hvo_block_give(mm, pfn, order, HVO_OWNER_FOLIO);
	}
}

/*
 * Optimize folios that are full, as many as the engine can; *done says which,
 * from the first on. flags as for hvo_vmemmap_optimize().
 */
static int optimize(struct hvo_mm *mm, const hvo_pfn_t *pfns, size_t n,
		    unsigned order, unsigned flags, size_t *done)
{
	struct hvo_work *work;
	size_t most = 0;
	int err;

	while (most < n && !hvo_is_hosted(mm, pfns[most]))
		most++;
	work = hvo_mm_work_take(mm);
	err =
	    hvo_vmemmap_optimize(mm->map, pfns, most, order, flags, work, done);
	hvo_mm_work_give(mm, work);
	return !err && most < n ? -HVO_EBUSY : err;
}

/* The same for folios whose tails we have just written. */
static int optimize_new(struct hvo_mm *mm, struct hvo_page *const *folios,
			size_t n, unsigned order, size_t *done)
{
	hvo_pfn_t pfns[HVO_MM_BATCH];

	for (size_t i = 0; i < n; i++)
		pfns[i] = hvo_page_pfn(mm, folios[i]);
	return optimize(mm, pfns, n, order, HVO_PREPARED, done);
}

/* Allocate at most HVO_MM_BATCH folios; *done of them exist at the end. */
static int alloc_batch(struct hvo_mm *mm, const struct hvo_alloc *alloc,
		       size_t n, struct hvo_page **folios, size_t *done)
{
	size_t optimized = 0;
	int err = 0;
	int refused = 0;

	for (*done = 0; *done < n && !err; *done += !err)
		err = take_folio(mm, alloc, &folios[*done]);
	if (*done && hvo_folio_wants_hvo(mm, alloc))
		refused =
		    optimize_new(mm, folios, *done, alloc->order, &optimized);
	if (refused && (alloc->flags & HVO_ALLOC_HVO)) {
		untake_folios(mm, folios + optimized, *done - optimized,
			      alloc->order);
		*done = optimized;
		err = refused;
	}
	for (size_t i = 0; i < *done; i++) {
		hvo_folio_mark(folios[i], alloc->order, 0);
		if (!(alloc->flags & HVO_ALLOC_FROZEN))
			hvo_page_set_count(folios[i], 1);
	}
	return err;
}

int hvo_folio_alloc_bulk(struct hvo_mm *mm, const struct hvo_alloc *alloc,
			 size_t n, struct hvo_page **folios, size_t *done)
{
	int err = alloc_refused(mm, alloc);

	*done = 0;
	while (*done < n && !err) {
		size_t some;

		err = alloc_batch(mm, alloc, hvo_least(n - *done, HVO_MM_BATCH),
				  folios + *done, &some);
		*done += some;
	}
	return err;
}

int hvo_folio_alloc(struct hvo_mm *mm, const struct hvo_alloc *alloc,
		    struct hvo_page **folio)
{
	size_t done;

	return hvo_folio_alloc_bulk(mm, alloc, 1, folio, &done);
}

/* ---- references ---------------------------------------------------------- */

/* Inside a read-side section. *spurious: a reference to give back. */
static struct hvo_page *try_get(struct hvo_mm *mm, hvo_pfn_t pfn,
				struct hvo_page **spurious)
{
	struct hvo_page *page = hvo_page_at(mm, pfn);
	struct hvo_page *head;

	if (!hvo_pfn_valid(mm->map, pfn))
		return NULL;
	head = hvo_compound_head(page);
	if (!(hvo_page_flags(head) & HVO_PAGE_FOLIO) || !hvo_page_try_get(head))
		return NULL;
	/* Now it stays; but it may have been split since we looked. */
	if (hvo_compound_head(page) == head)
		return head;
	*spurious = head;
	return NULL;
}

struct hvo_page *hvo_folio_try_get(struct hvo_mm *mm, hvo_pfn_t pfn)
{
	struct hvo_page *spurious = NULL;
	struct hvo_page *head;

	hvo_port_read_begin(mm->config.port);
	head = try_get(mm, pfn, &spurious);
	hvo_port_read_end(mm->config.port);
	if (spurious)
		hvo_folio_put(mm, spurious);
	return head;
}

int hvo_folio_put(struct hvo_mm *mm, struct hvo_page *folio)
{
	uint32_t count = hvo_page_count(folio);

	do {
		if (!count || !(hvo_page_flags(folio) & HVO_PAGE_FOLIO))
			return -HVO_ESTATE;
	} while (!atomic_compare_exchange_weak_explicit(
	    &folio->refcount, &count, count - 1, memory_order_acq_rel,
	    memory_order_relaxed));
	return count == 1 ? hvo_folio_free(mm, &folio, 1, 0, NULL) : 0;
}

/* ---- frozen folios: optimized or full ------------------------------------ */

/*
 * A batch of folios from i on that are frozen, of one order, and to be
 * changed: their pfns. *skip counts those before it that need no change.
 */
static size_t gather(const struct hvo_mm *mm, struct hvo_page *const *folios,
		     size_t n, bool optimized, hvo_pfn_t *pfns, size_t *skip)
{
	size_t count = 0;

	*skip = 0;
	for (size_t i = 0; i < n && count < HVO_MM_BATCH; i++) {
		if (!hvo_folio_is_frozen(folios[i]))
			break;
		if (hvo_folio_optimized(mm, folios[i]) == optimized) {
			if (count)
				break;
			++*skip;
			continue;
		}
		if (count && hvo_folio_order(folios[i]) !=
				 hvo_folio_order(folios[*skip]))
			break;
		pfns[count++] = hvo_page_pfn(mm, folios[i]);
	}
	return count;
}

static int change_batch(struct hvo_mm *mm, const hvo_pfn_t *pfns, size_t n,
			bool optimized, size_t *done)
{
	unsigned order = hvo_folio_order(hvo_page_at(mm, pfns[0]));
	int err;

	if (!optimized)
		return hvo_folio_own_frames(mm, pfns, n, order, done);
	/* Only bad pages make a tail other than we wrote it. */
	if (!hvo_any_bad(mm))
		return optimize(mm, pfns, n, order, HVO_PREPARED, done);
	err = optimize(mm, pfns, n, order, 0, done);
	for (size_t i = 0; i < *done; i++)
		hvo_record_collect(mm, pfns[i]);
	return err;
}

/* Bring folios into a state; those that are in it already count as done. */
static int change(struct hvo_mm *mm, struct hvo_page *const *folios, size_t n,
		  bool optimized, size_t *done)
{
	hvo_pfn_t pfns[HVO_MM_BATCH];
	size_t at = 0;
	int err = 0;

	while (at < n && !err) {
		size_t some = 0;
		size_t skip;
		size_t count =
		    gather(mm, folios + at, n - at, optimized, pfns, &skip);

		at += skip;
		if (count)
			err = change_batch(mm, pfns, count, optimized, &some);
		else if (!skip)
			err = -HVO_ESTATE;
		at += some;
	}
	if (done)
		*done = at;
	return err;
}

int hvo_folio_optimize(struct hvo_mm *mm, struct hvo_page *const *folios,
		       size_t n, size_t *done)
{
	return change(mm, folios, n, true, done);
}

int hvo_folio_restore(struct hvo_mm *mm, struct hvo_page *const *folios,
		      size_t n, size_t *done)
{
	return change(mm, folios, n, false, done);
}
