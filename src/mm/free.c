/* SPDX-License-Identifier: MIT */
/*
 * Freeing folios. A folio is claimed by taking its mark away, which only one
 * can do, so that a double free is an error and nothing else. An optimized one
 * is restored; then its descriptors are made fresh and its pages go to the
 * free areas, bad ones excepted.
 */

#include "internal.h"

/* The folio's writable descriptors beside the head; see record.c. */
static uint64_t spares(const struct hvo_mm *mm, unsigned order)
{
	return hvo_least(hvo_page_size(&mm->geometry) / sizeof(struct hvo_page),
			 hvo_pages(order));
}

uint64_t hvo_folio_clear(struct hvo_mm *mm, hvo_pfn_t pfn, unsigned order)
{
	unsigned domain = hvo_sparse_domain(&mm->sparse, pfn);
	struct hvo_page *page = hvo_page_at(mm, pfn);
	uint64_t bad = 0;

	for (uint64_t i = 0; i < hvo_pages(order); i++) {
		if (i < spares(mm, order))
			hvo_page_renew(&page[i], domain, HVO_PAGE_POISON);
		else
			atomic_store_explicit(&page[i].compound_info, 0,
					      memory_order_release);
		bad += (hvo_page_flags(&page[i]) & HVO_PAGE_POISON) != 0;
	}
	return bad;
}

/* The end of the pages from pfn on that are not bad. */
static hvo_pfn_t good_end(const struct hvo_mm *mm, hvo_pfn_t pfn, hvo_pfn_t end)
{
	while (pfn < end &&
	       !(hvo_page_flags(hvo_page_at(mm, pfn)) & HVO_PAGE_POISON))
		pfn++;
	return pfn;
}

void hvo_folio_release(struct hvo_mm *mm, hvo_pfn_t pfn, hvo_pfn_t end)
{
	while (pfn < end) {
		hvo_pfn_t at = good_end(mm, pfn, end);

		hvo_give_range(mm, pfn, at, HVO_OWNER_FOLIO);
		if (at < end)
			hvo_retire(mm, at, HVO_OWNER_FOLIO);
		pfn = at + 1;
	}
}

static void uncommit(struct hvo_mm *mm, hvo_pfn_t pfn, unsigned order)
{
	if (hvo_page_flags(hvo_page_at(mm, pfn)) & HVO_PAGE_COMMIT)
		hvo_uncommit(mm, hvo_pages_run(mm, pfn, hvo_pages(order)));
}

uint64_t hvo_folio_finish(struct hvo_mm *mm, hvo_pfn_t pfn, unsigned order)
{
	uint64_t bad;

	uncommit(mm, pfn, order);
	bad = hvo_folio_clear(mm, pfn, order);
	if (bad)
		hvo_folio_release(mm, pfn, pfn + hvo_pages(order));
	else
		hvo_block_give(mm, pfn, order, HVO_OWNER_FOLIO);
	return hvo_pages(order) - bad;
}

/*
 * A claimed folio that is not online: its pages are offline as they are, all at
 * once for those who report bad pages: hence the lock. O(pages) under it.
 */
static void go_offline(struct hvo_mm *mm, hvo_pfn_t pfn, unsigned order)
{
	struct hvo_page *head = hvo_page_at(mm, pfn);
	struct hvo_zone *zone = hvo_zone_of(mm, pfn);

	uncommit(mm, pfn, order);
	hvo_mm_lock(mm, &zone->lock);
	if (hvo_folio_optimized(mm, head))
		hvo_page_renew(head, zone->domain,
			       HVO_PAGE_RECORDS | HVO_PAGE_POISON);
	else
		hvo_folio_clear(mm, pfn, order);
	hvo_account(zone, HVO_OWNER_FOLIO, HVO_OWNER_OFFLINE, hvo_pages(order));
	hvo_mm_unlock(&zone->lock);
}

/* ---- freeing ---------------------------------------------------------- */

/*
 * Take the mark away from a frozen folio: it is ours. Offline pages without
 * mark are nobody's, and might go away under our hands: those look isolated.
 */
static bool claim(struct hvo_page *folio, bool online)
{
	uint64_t mark = online ? 0 : HVO_PAGE_ISOLATED;
	uint64_t flags = hvo_page_flags(folio);

	do {
		if (!(flags & HVO_PAGE_FOLIO) || !hvo_folio_is_frozen(folio))
			return false;
	} while (!atomic_compare_exchange_weak_explicit(
	    &folio->flags, &flags, (flags & ~(uint64_t)HVO_PAGE_FOLIO) | mark,
	    memory_order_acq_rel, memory_order_acquire));
	return true;
}

/* Folios that are freed in the same way: how many, and how. */
struct kind {
	unsigned order;
	bool optimized;
	bool online;
};

static struct kind kind_of(const struct hvo_mm *mm,
			   const struct hvo_page *folio)
{
	return (struct kind){
	    .order = hvo_folio_order(folio),
	    .optimized = hvo_folio_optimized(mm, folio),
	    .online = hvo_sparse_online(&mm->sparse, hvo_page_pfn(mm, folio)),
	};
}

/* Claim folios of one kind, from the first of n on; their pfns. */
static size_t claim_batch(struct hvo_mm *mm, struct hvo_page *const *folios,
			  size_t n, struct kind *kind, hvo_pfn_t *pfns)
{
	size_t count = 0;

	for (; count < n && count < HVO_MM_BATCH; count++) {
		struct kind k = kind_of(mm, folios[count]);

		if (!count)
			*kind = k;
		else if (k.order != kind->order ||
			 k.optimized != kind->optimized ||
			 k.online != kind->online)
			break;
		if (!claim(folios[count], k.online))
			break;
		pfns[count] = hvo_page_pfn(mm, folios[count]);
	}
	return count;
}

int hvo_folio_own_frames(struct hvo_mm *mm, const hvo_pfn_t *pfns, size_t n,
			 unsigned order, size_t *done)
{
	struct hvo_work *work = hvo_mm_work_take(mm);
	int err = hvo_vmemmap_restore(mm->map, pfns, n, order, 0, work, done);

	hvo_mm_work_give(mm, work);
	for (size_t i = 0; i < *done; i++)
		hvo_record_apply(mm, pfns[i]);
	return err;
}

/*
 * Free claimed, optimized folios. With HVO_FREE_NO_HOST those that cannot be
 * restored are folios again.
 */
static int free_optimized(struct hvo_mm *mm, const hvo_pfn_t *pfns, size_t n,
			  unsigned order, unsigned flags, size_t *done)
{
	int err = 0;

	for (*done = 0; *done < n && !err;) {
		size_t some;
		int refused = hvo_folio_own_frames(mm, pfns + *done, n - *done,
						   order, &some);

		/* What these free may be the frames that the next ones lack. */
		if (some)
			refused = 0;
		for (; some; some--)
			hvo_folio_finish(mm, pfns[(*done)++], order);
		if (refused && (flags & HVO_FREE_NO_HOST))
			err = refused;
		else if (refused)
			hvo_host_or_defer(mm, pfns[(*done)++], order);
	}
	for (size_t i = *done; i < n; i++)
		hvo_page_mark(hvo_page_at(mm, pfns[i]), HVO_PAGE_FOLIO);
	return err;
}

static int free_batch(struct hvo_mm *mm, const hvo_pfn_t *pfns, size_t n,
		      const struct kind *kind, unsigned flags, size_t *done)
{
	if (kind->online && kind->optimized)
		return free_optimized(mm, pfns, n, kind->order, flags, done);
	for (*done = 0; *done < n; ++*done) {
		if (kind->online)
			hvo_folio_finish(mm, pfns[*done], kind->order);
		else
			go_offline(mm, pfns[*done], kind->order);
	}
	return 0;
}

int hvo_folio_free(struct hvo_mm *mm, struct hvo_page *const *folios, size_t n,
		   unsigned flags, size_t *done)
{
	hvo_pfn_t pfns[HVO_MM_BATCH];
	size_t at = 0;
	int err = 0;

	while (at < n && !err) {
		struct kind kind;
		size_t some = 0;
		size_t count =
		    claim_batch(mm, folios + at, n - at, &kind, pfns);

		if (count)
			err = free_batch(mm, pfns, count, &kind, flags, &some);
		else
			err = -HVO_ESTATE;
		at += some;
	}
	if (done)
		*done = at;
	return err;
}

int hvo_folio_disown(struct hvo_mm *mm, struct hvo_page *folio)
{
	hvo_pfn_t pfn = hvo_page_pfn(mm, folio);
	struct kind kind = kind_of(mm, folio);
	hvo_pfn_t end = pfn + hvo_pages(kind.order);
	struct hvo_zone *zone = hvo_zone_of(mm, pfn);

	if ((kind.online && kind.optimized) || !claim(folio, kind.online))
		return -HVO_ESTATE;
	if (!kind.online) {
		go_offline(mm, pfn, kind.order);
		return 0;
	}
	uncommit(mm, pfn, kind.order);
	hvo_folio_clear(mm, pfn, kind.order);
	hvo_mm_lock(mm, &zone->lock);
	while (pfn < end) {
		hvo_pfn_t at = good_end(mm, pfn, end);

		hvo_contig_mark(mm, pfn, at);
		hvo_account(zone, HVO_OWNER_FOLIO, HVO_OWNER_ISOLATED,
			    at - pfn);
		if (at < end)
			hvo_retire(mm, at, HVO_OWNER_FOLIO);
		pfn = at + 1;
	}
	hvo_mm_unlock(&zone->lock);
	return 0;
}
