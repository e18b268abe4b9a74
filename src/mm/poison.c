/* SPDX-License-Identifier: MIT */
/*
 * Reports of bad pages. What is in use as part of a folio is pinned, or its
 * owner reports it; everything else is settled under its zone's lock, where
 * pages neither leave nor enter free areas. A page found in none of them is in
 * somebody's hands for a moment, or in a cache: caches are drained, and then
 * the caller is told to try again.
 */

#include "hvo/poison.h"
#include "internal.h"

/* ---- in folios -------------------------------------------------------- */

static bool in_folio(const struct hvo_mm *mm, const struct hvo_page *folio,
		     hvo_pfn_t pfn)
{
	return pfn - hvo_page_pfn(mm, folio) <
	       hvo_pages(hvo_folio_order(folio));
}

/* Mark a descriptor that can be written; true if it was already. */
static bool mark_bad(struct hvo_page *page)
{
	bool known = hvo_page_flags(page) & HVO_PAGE_POISON;

	hvo_page_mark(page, HVO_PAGE_POISON);
	return known;
}

/* Write down that a page of the folio at head, or it itself, is bad. */
static int note_bad(struct hvo_mm *mm, hvo_pfn_t head, hvo_pfn_t pfn)
{
	bool known = false;
	int err = 0;

	hvo_mm_lock(mm, &mm->poison_lock);
	if (pfn != head && hvo_folio_optimized(mm, hvo_page_at(mm, head)))
		err = hvo_record_add(mm, head, pfn - head, &known);
	else
		known = mark_bad(hvo_page_at(mm, pfn));
	if (!err && !known)
		hvo_add(&hvo_zone_of(mm, pfn)->poisoned, 1);
	hvo_mm_unlock(&mm->poison_lock);
	return err;
}

/* The reverse. */
static int note_good(struct hvo_mm *mm, hvo_pfn_t head, hvo_pfn_t pfn)
{
	int err = 0;

	hvo_mm_lock(mm, &mm->poison_lock);
	if (pfn != head && hvo_folio_optimized(mm, hvo_page_at(mm, head)))
		err = hvo_record_drop(mm, head, pfn - head);
	else if (!(hvo_page_unmark(hvo_page_at(mm, pfn), HVO_PAGE_POISON) &
		   HVO_PAGE_POISON))
		err = -HVO_ESTATE;
	if (!err)
		hvo_sub(&hvo_zone_of(mm, pfn)->poisoned, 1);
	hvo_mm_unlock(&mm->poison_lock);
	return err;
}

int hvo_folio_poison(struct hvo_mm *mm, struct hvo_page *folio, hvo_pfn_t pfn)
{
	return in_folio(mm, folio, pfn)
		   ? note_bad(mm, hvo_page_pfn(mm, folio), pfn)
		   : -HVO_ERANGE;
}

int hvo_folio_unpoison(struct hvo_mm *mm, struct hvo_page *folio, hvo_pfn_t pfn)
{
	return in_folio(mm, folio, pfn)
		   ? note_good(mm, hvo_page_pfn(mm, folio), pfn)
		   : -HVO_ERANGE;
}

/* ---- elsewhere -------------------------------------------------------- */

/* Frames that hold descriptors and can be freed one by one. */
#define FRAMES ((uint64_t)(HVO_PAGE_VMEMMAP | HVO_PAGE_BOOT | HVO_PAGE_HOST))

/* Take a page out of the free block that has it. Zone's lock held. */
static bool take_out(struct hvo_mm *mm, struct hvo_zone *zone, hvo_pfn_t pfn)
{
	hvo_pfn_t first;
	unsigned order;

	if (!hvo_buddy_find(mm, zone, pfn, HVO_PAGE_FREE, &first, &order))
		return false;
	hvo_buddy_remove(mm, zone, first, order);
	hvo_buddy_insert_range(mm, zone, first, pfn);
	hvo_buddy_insert_range(mm, zone, pfn + 1, first + hvo_pages(order));
	hvo_retire(mm, pfn, HVO_OWNER_FREE);
	return true;
}

/*
 * Settle what becomes of a page that is in no folio, with the zone's lock held,
 * under which memory goes online and offline and away: as long as `settler`
 * looks, the page stays there.
 */
static int settle(struct hvo_mm *mm, hvo_pfn_t pfn,
		  int (*settler)(struct hvo_mm *mm, struct hvo_zone *zone,
				 hvo_pfn_t pfn))
{
	struct hvo_zone *zone = hvo_zone_lock(mm, pfn);
	int err;

	if (!zone)
		return -HVO_EABSENT;
	err = settler(mm, zone, pfn);
	hvo_mm_unlock(&zone->lock);
	return err;
}

/*
 * Is it part of an optimized folio that nobody has, offline? Its head is as
 * good as ours. Zone's lock held.
 */
static bool is_nobodys(const struct hvo_mm *mm, hvo_pfn_t pfn, hvo_pfn_t *head)
{
	struct hvo_range_state state = hvo_vmemmap_state(mm->map, pfn);

	*head = pfn & ~(hvo_pages(state.order) - 1);
	return state.state == HVO_OPTIMIZED &&
	       !hvo_sparse_online(&mm->sparse, pfn) &&
	       !(hvo_page_flags(hvo_page_at(mm, *head)) & HVO_PAGE_MARKS);
}

/* Zone's lock held. -HVO_EBUSY: the page is in transit. */
static int poison_locked(struct hvo_mm *mm, struct hvo_zone *zone,
			 hvo_pfn_t pfn)
{
	struct hvo_page *page = hvo_page_at(mm, pfn);
	uint64_t flags = hvo_page_flags(page);
	bool offline = !hvo_sparse_online(&mm->sparse, pfn);
	hvo_pfn_t head;

	if (is_nobodys(mm, pfn, &head))
		return note_bad(mm, head, pfn);
	if (flags & (HVO_PAGE_FOLIO | HVO_PAGE_ISOLATED | HVO_PAGE_CACHE) ||
	    hvo_page_is_tail(page))
		return -HVO_EBUSY;
	if (take_out(mm, zone, pfn)) {
		hvo_add(&zone->poisoned, 1);
		return 0;
	}
	if (!(flags & HVO_PAGE_MARKS) && !offline)
		return -HVO_EBUSY;
	if (mark_bad(page))
		return 0;
	hvo_add(&zone->poisoned, 1);
	if (flags & FRAMES)
		hvo_add(&mm->unrecoverable, 1);
	return 0;
}

/* 0 if the page has gone since. */
static uint64_t flags_of(const struct hvo_mm *mm, hvo_pfn_t pfn)
{
	uint64_t flags = 0;

	hvo_port_read_begin(mm->config.port);
	if (hvo_pfn_valid(mm->map, pfn))
		flags = hvo_page_flags(hvo_page_at(mm, pfn));
	hvo_port_read_end(mm->config.port);
	return flags;
}

/* It is marked; if it holds descriptors, can they live elsewhere? */
static bool is_stuck(struct hvo_mm *mm, hvo_pfn_t pfn)
{
	if ((flags_of(mm, pfn) & (HVO_PAGE_VMEMMAP | HVO_PAGE_BOOT)) &&
	    hvo_frame_replace(mm, pfn))
		return false;
	/* Look again: the frame may have been freed, and retired, by now. */
	return flags_of(mm, pfn) & (FRAMES | HVO_PAGE_ALTMAP);
}

int hvo_mm_poison(struct hvo_mm *mm, hvo_pfn_t pfn, bool *unrecoverable)
{
	struct hvo_page *folio;
	bool stuck;
	int err;

	if (unrecoverable)
		*unrecoverable = false;
	if (!hvo_pfn_valid(mm->map, pfn) ||
	    !hvo_sparse_present(&mm->sparse, pfn))
		return -HVO_EABSENT;
	folio = hvo_folio_try_get(mm, pfn);
	if (folio) {
		err = hvo_folio_poison(mm, folio, pfn);
		hvo_folio_put(mm, folio);
		return err;
	}
	err = settle(mm, pfn, poison_locked);
	if (err == -HVO_EBUSY && hvo_cache_drain(mm, hvo_zone_of(mm, pfn)))
		err = settle(mm, pfn, poison_locked);
	if (err)
		return err;
	stuck = is_stuck(mm, pfn);
	if (unrecoverable)
		*unrecoverable = stuck;
	return 0;
}

/* ---- good again ------------------------------------------------------- */

/* Zone's lock held. */
static int unpoison_locked(struct hvo_mm *mm, struct hvo_zone *zone,
			   hvo_pfn_t pfn)
{
	struct hvo_page *page = hvo_page_at(mm, pfn);
	uint64_t flags = hvo_page_flags(page);
	bool offline = !hvo_sparse_online(&mm->sparse, pfn);
	hvo_pfn_t head;

	if (is_nobodys(mm, pfn, &head))
		return note_good(mm, head, pfn);
	if (flags & HVO_PAGE_FOLIO || hvo_page_is_tail(page))
		return -HVO_EBUSY;
	if (!(flags & HVO_PAGE_POISON))
		return -HVO_ESTATE;
	if (!(flags & HVO_PAGE_MARKS) && !offline)
		return -HVO_EBUSY;
	if (flags & HVO_PAGE_RETIRED) {
		hvo_page_reset(page, zone->domain);
		hvo_buddy_insert(mm, zone, pfn, 0);
		hvo_account(zone, HVO_OWNER_POISON, HVO_OWNER_FREE, 1);
	} else {
		hvo_page_unmark(page, HVO_PAGE_POISON);
	}
	hvo_sub(&zone->poisoned, 1);
	if (flags & FRAMES)
		hvo_sub(&mm->unrecoverable, 1);
	return 0;
}

int hvo_mm_unpoison(struct hvo_mm *mm, hvo_pfn_t pfn)
{
	struct hvo_page *folio;
	int err;

	if (!hvo_pfn_valid(mm->map, pfn) ||
	    !hvo_sparse_present(&mm->sparse, pfn))
		return -HVO_EABSENT;
	folio = hvo_folio_try_get(mm, pfn);
	if (folio) {
		err = hvo_folio_unpoison(mm, folio, pfn);
		hvo_folio_put(mm, folio);
		return err;
	}
	return settle(mm, pfn, unpoison_locked);
}

/* Inside a read-side section. */
static bool is_bad(struct hvo_mm *mm, hvo_pfn_t pfn)
{
	const struct hvo_page *page = hvo_page_at(mm, pfn);
	const struct hvo_page *head = hvo_compound_head(page);
	bool bad;

	if (!hvo_folio_optimized(mm, head))
		return hvo_page_flags(page) & HVO_PAGE_POISON;
	hvo_mm_lock(mm, &mm->poison_lock);
	bad = hvo_record_has(mm, hvo_page_pfn(mm, head),
			     pfn - hvo_page_pfn(mm, head));
	hvo_mm_unlock(&mm->poison_lock);
	return bad;
}

bool hvo_mm_poisoned(struct hvo_mm *mm, hvo_pfn_t pfn)
{
	bool bad;

	hvo_port_read_begin(mm->config.port);
	bad = hvo_pfn_valid(mm->map, pfn) && is_bad(mm, pfn);
	hvo_port_read_end(mm->config.port);
	return bad;
}
