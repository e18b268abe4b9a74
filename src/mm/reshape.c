/* SPDX-License-Identifier: MIT */
/*
 * Splitting and joining frozen folios. The engine reshapes optimized ones; the
 * descriptors of full ones are rewritten here, one word in each.
 */

#include "internal.h"

/* The tails of a full folio lead to its head, whose word is 0. */
static void write_tails(struct hvo_mm *mm, hvo_pfn_t pfn, unsigned order)
{
	uint64_t info = hvo_compound_info(sizeof(struct hvo_page), order);

	atomic_store_explicit(&hvo_page_at(mm, pfn)->compound_info, 0,
			      memory_order_release);
	for (uint64_t i = 1; i < hvo_pages(order); i++)
		atomic_store_explicit(&hvo_page_at(mm, pfn + i)->compound_info,
				      info, memory_order_release);
}

static uint64_t commit_flag(const struct hvo_page *head)
{
	return hvo_page_flags(head) & HVO_PAGE_COMMIT;
}

/* ---- splitting -------------------------------------------------------- */

/* The parts of a folio that is split are frozen folios. */
static void mark_parts(struct hvo_mm *mm, hvo_pfn_t pfn, unsigned from,
		       unsigned to)
{
	uint64_t commit = commit_flag(hvo_page_at(mm, pfn));

	if (!to)
		hvo_page_unmark(hvo_page_at(mm, pfn), HVO_PAGE_HEAD);
	for (uint64_t at = 0; at < hvo_pages(from); at += hvo_pages(to))
		hvo_folio_mark(hvo_page_at(mm, pfn + at), to, commit);
}

static void split_full(struct hvo_mm *mm, hvo_pfn_t pfn, unsigned from,
		       unsigned to)
{
	for (uint64_t at = 0; at < hvo_pages(from); at += hvo_pages(to))
		write_tails(mm, pfn + at, to);
	mark_parts(mm, pfn, from, to);
}

static int split_optimized(struct hvo_mm *mm, hvo_pfn_t pfn, unsigned from,
			   unsigned to)
{
	struct hvo_work *work = hvo_mm_work_take(mm);
	int err = hvo_vmemmap_split(mm->map, &pfn, 1, from, to, work, NULL);

	hvo_mm_work_give(mm, work);
	if (err)
		return err;
	hvo_record_split(mm, pfn, to);
	mark_parts(mm, pfn, from, to);
	return 0;
}

int hvo_folio_split(struct hvo_mm *mm, struct hvo_page *folio, unsigned order)
{
	unsigned from = hvo_folio_order(folio);
	hvo_pfn_t pfn = hvo_page_pfn(mm, folio);
	int err = 0;

	if (!hvo_folio_is_frozen(folio))
		return -HVO_ESTATE;
	if (order >= from)
		return -HVO_EORDER;
	if (hvo_folio_optimized(mm, folio) &&
	    hvo_order_optimizable(&mm->geometry, order))
		return split_optimized(mm, pfn, from, order);
	err = hvo_folio_restore(mm, &folio, 1, NULL);
	if (!err)
		split_full(mm, pfn, from, order);
	return err;
}

/* ---- joining ---------------------------------------------------------- */

/* Would joining lose nothing of this part's head and what is beside it? */
static bool is_clean(const struct hvo_mm *mm, hvo_pfn_t pfn, unsigned order,
		     bool optimized)
{
	const struct hvo_page *head = hvo_page_at(mm, pfn);
	bool clean = !head->data;

#if HVO_PAGE_BYTES > 32
	for (size_t i = 0; i < sizeof(head->owner) / sizeof(*head->owner); i++)
		clean = clean && !head->owner[i];
#endif
	return clean &&
	       !(optimized && hvo_record_count(mm, pfn, 0, hvo_pages(order)));
}

/* Why the parts of a folio to be cannot be joined; or 0. */
static int join_refused(const struct hvo_mm *mm, hvo_pfn_t pfn, unsigned from,
			unsigned to)
{
	bool optimized = hvo_folio_optimized(mm, hvo_page_at(mm, pfn));
	uint64_t commit = commit_flag(hvo_page_at(mm, pfn));
	int err;

	if (to <= from || to > mm->geometry.max_order)
		return -HVO_EORDER;
	if (pfn & (hvo_pages(to) - 1))
		return -HVO_EALIGN;
	err = hvo_range_of_zone(mm, pfn, hvo_pages(to));
	for (uint64_t at = 0; !err && at < hvo_pages(to);
	     at += hvo_pages(from)) {
		const struct hvo_page *part = hvo_page_at(mm, pfn + at);

		if (!hvo_folio_is_frozen(part) ||
		    hvo_folio_order(part) != from ||
		    hvo_folio_optimized(mm, part) != optimized ||
		    commit_flag(part) != commit)
			err = -HVO_ESTATE;
		else if (at && !is_clean(mm, pfn + at, from, optimized))
			err = -HVO_EDIRTY;
	}
	return err;
}

/* The heads of all parts but the first are no heads any more. */
static void unmark_parts(struct hvo_mm *mm, hvo_pfn_t pfn, unsigned from,
			 unsigned to)
{
	unsigned domain = hvo_sparse_domain(&mm->sparse, pfn);

	for (uint64_t at = hvo_pages(from); at < hvo_pages(to);
	     at += hvo_pages(from))
		hvo_page_renew(hvo_page_at(mm, pfn + at), domain,
			       HVO_PAGE_POISON);
}

static int join_optimized(struct hvo_mm *mm, hvo_pfn_t pfn, unsigned from,
			  unsigned to)
{
	struct hvo_work *work = hvo_mm_work_take(mm);
	int err = hvo_vmemmap_join(mm->map, &pfn, 1, from, to, work, NULL);

	hvo_mm_work_give(mm, work);
	return err;
}

int hvo_folio_join(struct hvo_mm *mm, struct hvo_page *folio, unsigned order)
{
	hvo_pfn_t pfn = hvo_page_pfn(mm, folio);
	unsigned from = hvo_folio_order(folio);
	int err = hvo_folio_is_frozen(folio) ? 0 : -HVO_ESTATE;

	if (!err)
		err = join_refused(mm, pfn, from, order);
	if (err)
		return err;
	unmark_parts(mm, pfn, from, order);
	if (!hvo_folio_optimized(mm, folio))
		write_tails(mm, pfn, order);
	else
		err = join_optimized(mm, pfn, from, order);
	if (err)
		mark_parts(mm, pfn, order, from);
	else
		hvo_folio_mark(folio, order, 0);
	return err;
}
