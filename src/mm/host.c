/* SPDX-License-Identifier: MIT */
/*
 * Freeing an optimized folio takes frames for its descriptors. When there are
 * none, its own last base pages become these frames, and all others are free:
 *
 *   pfn                     pfn + 2^order - n        pfn + 2^order
 *    |  free                 |  n HOST pages          |
 *
 * where n is the folio's vmemmap pages but one. The first HOST page stands for
 * all: its descriptor has the folio's order, and `data` links it to the next.
 * Once all the free pages can be isolated the folio can be made, optimized
 * (which gives the HOST pages up) and restored with frames from the zones.
 *
 * Where a port cannot map, or one of those base pages is bad, the folio is
 * deferred: still an optimized folio, frozen, marked HVO_PAGE_DEFERRED and
 * linked by its head's `data`.
 */

#include "hvo/contig.h"
#include "internal.h"

static int self_host(struct hvo_mm *mm, hvo_pfn_t pfn, unsigned order)
{
	struct hvo_work *work = hvo_mm_work_take(mm);
	int err = hvo_vmemmap_restore(mm->map, &pfn, 1, order, HVO_SELF_HOST,
				      work, NULL);

	hvo_mm_work_give(mm, work);
	return err;
}

/* ---- deferring ---------------------------------------------------------- */

static void defer(struct hvo_mm *mm, hvo_pfn_t pfn)
{
	struct hvo_page *head = hvo_page_at(mm, pfn);

	hvo_mm_lock(mm, &mm->host_lock);
	head->data = mm->first_deferred;
	mm->first_deferred = pfn + 1;
	mm->deferred++;
	hvo_page_mark(head, HVO_PAGE_FOLIO | HVO_PAGE_DEFERRED);
	hvo_mm_unlock(&mm->host_lock);
}

/* The next deferred folio, claimed; false when there is none. */
static bool pop_deferred(struct hvo_mm *mm, hvo_pfn_t *list, hvo_pfn_t *pfn)
{
	struct hvo_page *head;

	if (!*list)
		return false;
	*pfn = *list - 1;
	head = hvo_page_at(mm, *pfn);
	*list = head->data;
	head->data = 0;
	hvo_page_unmark(head, HVO_PAGE_FOLIO | HVO_PAGE_DEFERRED);
	return true;
}

/* ---- hosting ---------------------------------------------------------- */

static void push_host(struct hvo_mm *mm, hvo_pfn_t host)
{
	hvo_mm_lock(mm, &mm->host_lock);
	hvo_page_at(mm, host)->data = mm->first_host;
	mm->first_host = host + 1;
	mm->hosts++;
	hvo_mm_unlock(&mm->host_lock);
}

/* Fresh pages host the descriptors of the folio that they end. */
static void mark_hosts(struct hvo_mm *mm, hvo_pfn_t host, hvo_pfn_t end,
		       unsigned order)
{
	hvo_page_at(mm, host)->order = order;
	for (hvo_pfn_t at = host; at < end; at++)
		hvo_page_mark(hvo_page_at(mm, at), HVO_PAGE_HOST);
}

uint64_t hvo_host_or_defer(struct hvo_mm *mm, hvo_pfn_t pfn, unsigned order)
{
	bool committed = hvo_page_flags(hvo_page_at(mm, pfn)) & HVO_PAGE_COMMIT;
	uint64_t hosts = hvo_host_pages(mm, order);
	hvo_pfn_t end = pfn + hvo_pages(order);
	struct hvo_run run = hvo_pages_run(mm, end - hosts, hosts);
	uint64_t bad;

	if (hvo_record_count(mm, pfn, end - hosts - pfn, end - pfn) ||
	    (!committed && hvo_commit(mm, run))) {
		defer(mm, pfn);
		return 0;
	}
	if (self_host(mm, pfn, order)) {
		if (!committed)
			hvo_uncommit(mm, run);
		defer(mm, pfn);
		return 0;
	}
	hvo_record_apply(mm, pfn);
	if (committed)
		hvo_uncommit(mm, hvo_pages_run(mm, pfn, end - hosts - pfn));
	bad = hvo_folio_clear(mm, pfn, order);
	mark_hosts(mm, end - hosts, end, order);
	hvo_account(hvo_zone_of(mm, pfn), HVO_OWNER_FOLIO, HVO_OWNER_HOST,
		    hosts);
	push_host(mm, end - hosts);
	hvo_folio_release(mm, pfn, end - hosts);
	return hvo_pages(order) - hosts - bad;
}

/* ---- finding frames after all ----------------------------------------- */

/* A folio whose descriptors are hosted, and all of whose pages we own. */
struct home {
	hvo_pfn_t pfn;  /* the folio */
	hvo_pfn_t host; /* first page that hosts */
	hvo_pfn_t end;
	unsigned order;
};

/* Take the marks off the hosting pages; not if one is bad: it stays. */
static bool claim_hosts(struct hvo_mm *mm, const struct home *h)
{
	struct hvo_zone *zone = hvo_zone_of(mm, h->pfn);
	bool bad = false;

	hvo_mm_lock(mm, &zone->lock);
	for (hvo_pfn_t at = h->host; at < h->end; at++)
		bad = bad ||
		      (hvo_page_flags(hvo_page_at(mm, at)) & HVO_PAGE_POISON);
	for (hvo_pfn_t at = h->host; at < h->end && !bad; at++)
		hvo_page_reset(hvo_page_at(mm, at), zone->domain);
	hvo_mm_unlock(&zone->lock);
	return !bad;
}

/* Own all pages, fresh; false, and nothing done, if it cannot be. */
static bool claim_home(struct hvo_mm *mm, const struct home *h)
{
	if (hvo_contig_isolate(mm, h->pfn, h->host - h->pfn))
		return false;
	if (!claim_hosts(mm, h)) {
		hvo_contig_release(mm, h->pfn, h->host - h->pfn);
		return false;
	}
	hvo_contig_claim(mm, h->pfn, h->host);
	return true;
}

/* Fresh as in claim_home(), and hosted again: put everything back. */
static void unclaim_home(struct hvo_mm *mm, const struct home *h)
{
	mark_hosts(mm, h->host, h->end, h->order);
	push_host(mm, h->host);
	hvo_give_range(mm, h->pfn, h->host, HVO_OWNER_ISOLATED);
}

/* It is an optimized folio now, and nothing can be done with it. */
static void defer_home(struct hvo_mm *mm, const struct home *h)
{
	struct hvo_zone *zone = hvo_zone_of(mm, h->pfn);

	hvo_account(zone, HVO_OWNER_ISOLATED, HVO_OWNER_FOLIO,
		    h->host - h->pfn);
	hvo_account(zone, HVO_OWNER_HOST, HVO_OWNER_FOLIO, h->end - h->host);
	hvo_uncommit(mm, hvo_pages_run(mm, h->host, h->end - h->host));
	defer(mm, h->pfn);
}

/* Optimize and restore; returns pages freed. */
static uint64_t move_home(struct hvo_mm *mm, const struct home *h)
{
	struct hvo_work *work;
	size_t done;
	int err;

	hvo_prep_compound_page(hvo_page_at(mm, h->pfn), h->order);
	work = hvo_mm_work_take(mm);
	err = hvo_vmemmap_optimize(mm->map, &h->pfn, 1, h->order, HVO_PREPARED,
				   work, NULL);
	hvo_mm_work_give(mm, work);
	if (!err && hvo_folio_own_frames(mm, &h->pfn, 1, h->order, &done)) {
		err = self_host(mm, h->pfn, h->order);
		if (err) {
			defer_home(mm, h);
			return 0;
		}
		err = -HVO_ENOMEM;
	}
	hvo_folio_clear(mm, h->pfn, h->order);
	if (err) {
		unclaim_home(mm, h);
		return 0;
	}
	hvo_uncommit(mm, hvo_pages_run(mm, h->host, h->end - h->host));
	hvo_give_range(mm, h->pfn, h->host, HVO_OWNER_ISOLATED);
	hvo_give_range(mm, h->host, h->end, HVO_OWNER_HOST);
	return h->end - h->host;
}

static uint64_t rehome(struct hvo_mm *mm, hvo_pfn_t host)
{
	unsigned order = hvo_page_at(mm, host)->order;
	hvo_pfn_t end = host + hvo_host_pages(mm, order);
	struct home h = {end - hvo_pages(order), host, end, order};

	if (claim_home(mm, &h))
		return move_home(mm, &h);
	push_host(mm, host);
	return 0;
}

static uint64_t retry(struct hvo_mm *mm, hvo_pfn_t pfn)
{
	unsigned order = hvo_folio_order(hvo_page_at(mm, pfn));
	size_t done;

	if (hvo_folio_own_frames(mm, &pfn, 1, order, &done))
		return hvo_host_or_defer(mm, pfn, order);
	return hvo_folio_finish(mm, pfn, order);
}

uint64_t hvo_mm_rehome(struct hvo_mm *mm)
{
	hvo_pfn_t deferred;
	hvo_pfn_t hosts;
	hvo_pfn_t pfn;
	uint64_t freed = 0;

	hvo_mm_lock(mm, &mm->host_lock);
	deferred = mm->first_deferred;
	hosts = mm->first_host;
	mm->first_deferred = mm->first_host = 0;
	mm->deferred = mm->hosts = 0;
	hvo_mm_unlock(&mm->host_lock);
	while (pop_deferred(mm, &deferred, &pfn))
		freed += retry(mm, pfn);
	while (hosts) {
		pfn = hosts - 1;
		hosts = hvo_page_at(mm, pfn)->data;
		freed += rehome(mm, pfn);
	}
	return freed;
}
