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

int hvo_folio_poison(struct hvo_mm *mm, struct hvo_page *folio, hvo_pfn_t pfn)
{
	hvo_pfn_t head = hvo_page_pfn(mm, folio);
	bool known = false;
	int err = 0;

	if (!in_folio(mm, folio, pfn))
		return -HVO_ERANGE;
	hvo_mm_lock(mm, &mm->poison_lock);
	if (pfn != head && hvo_folio_optimized(mm, folio))
		err = hvo_record_add(mm, head, pfn - head, &known);
	else
		known = mark_bad(hvo_page_at(mm, pfn));
	if (!err && !known)
		hvo_add(&hvo_zone_of(mm, pfn)->poisoned, 1);
	hvo_mm_unlock(&mm->poison_lock);
	return err;
}

int hvo_folio_unpoison(struct hvo_mm *mm, struct hvo_page *folio, hvo_pfn_t pfn)
{
	hvo_pfn_t head = hvo_page_pfn(mm, folio);
	int err = 0;

	if (!in_folio(mm, folio, pfn))
		return -HVO_ERANGE;
	hvo_mm_lock(mm, &mm->poison_lock);
	if (pfn != head && hvo_folio_optimized(mm, folio))
		err = hvo_record_drop(mm, head, pfn - head);
	else if (!(hvo_page_unmark(hvo_page_at(mm, pfn), HVO_PAGE_POISON) &
		   HVO_PAGE_POISON))
		err = -HVO_ESTATE;
	if (!err)
		hvo_sub(&hvo_zone_of(mm, pfn)->poisoned, 1);
	hvo_mm_unlock(&mm->poison_lock);
	return err;
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

/* A page in no folio. Zone's lock held. -HVO_EBUSY: it is in transit. */
static int poison_locked(struct hvo_mm *mm, struct hvo_zone *zone,
			 hvo_pfn_t pfn)
{
	struct hvo_page *page = hvo_page_at(mm, pfn);
	uint64_t flags = hvo_page_flags(page);
	bool offline = !hvo_sparse_online(&mm->sparse, pfn);

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

/* An optimized folio that nobody has, offline: its head is as good as ours. */
static bool poison_offline(struct hvo_mm *mm, hvo_pfn_t pfn, int *err)
{
	struct hvo_range_state state = hvo_vmemmap_state(mm->map, pfn);
	hvo_pfn_t head = pfn & ~(hvo_pages(state.order) - 1);
	bool known = false;

	if (hvo_sparse_online(&mm->sparse, pfn) ||
	    state.state != HVO_OPTIMIZED ||
	    (hvo_page_flags(hvo_page_at(mm, head)) & HVO_PAGE_MARKS))
		return false;
	hvo_mm_lock(mm, &mm->poison_lock);
	if (pfn == head)
		known = mark_bad(hvo_page_at(mm, pfn));
	else
		*err = hvo_record_add(mm, head, pfn - head, &known);
	if (!*err && !known)
		hvo_add(&hvo_zone_of(mm, pfn)->poisoned, 1);
	hvo_mm_unlock(&mm->poison_lock);
	return true;
}

/* It is marked; if it holds descriptors, can they live elsewhere? */
static bool is_stuck(struct hvo_mm *mm, hvo_pfn_t pfn)
{
	uint64_t flags = hvo_page_flags(hvo_page_at(mm, pfn));

	if ((flags & (HVO_PAGE_VMEMMAP | HVO_PAGE_BOOT)) &&
	    hvo_frame_replace(mm, pfn)) {
		hvo_sub(&mm->unrecoverable, 1);
		return false;
	}
	/* Look again: the frame may have been freed, and retired, by now. */
	flags = hvo_page_flags(hvo_page_at(mm, pfn));
	return flags & (FRAMES | HVO_PAGE_ALTMAP);
}

static int poison_page(struct hvo_mm *mm, hvo_pfn_t pfn)
{
	struct hvo_zone *zone = hvo_zone_of(mm, pfn);
	int err;

	hvo_mm_lock(mm, &zone->lock);
	err = poison_locked(mm, zone, pfn);
	hvo_mm_unlock(&zone->lock);
	return err;
}

int hvo_mm_poison(struct hvo_mm *mm, hvo_pfn_t pfn, bool *unrecoverable)
{
	struct hvo_page *folio;
	bool stuck;
	int err = 0;

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
	if (poison_offline(mm, pfn, &err))
		return err;
	err = poison_page(mm, pfn);
	if (err && hvo_cache_drain(mm, hvo_zone_of(mm, pfn)))
		err = poison_page(mm, pfn);
	if (err)
		return err;
	stuck = is_stuck(mm, pfn);
	if (unrecoverable)
		*unrecoverable = stuck;
	return 0;
}

/* ---- good again ------------------------------------------------------- */

/* A page in no folio. Zone's lock held. */
static int unpoison_locked(struct hvo_mm *mm, struct hvo_zone *zone,
			   hvo_pfn_t pfn)
{
	struct hvo_page *page = hvo_page_at(mm, pfn);
	uint64_t flags = hvo_page_flags(page);
	bool offline = !hvo_sparse_online(&mm->sparse, pfn);

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

/* An optimized folio that nobody has, offline. */
static bool unpoison_offline(struct hvo_mm *mm, hvo_pfn_t pfn, int *err)
{
	struct hvo_range_state state = hvo_vmemmap_state(mm->map, pfn);
	hvo_pfn_t head = pfn & ~(hvo_pages(state.order) - 1);

	if (hvo_sparse_online(&mm->sparse, pfn) || pfn == head ||
	    state.state != HVO_OPTIMIZED ||
	    (hvo_page_flags(hvo_page_at(mm, head)) & HVO_PAGE_MARKS))
		return false;
	hvo_mm_lock(mm, &mm->poison_lock);
	*err = hvo_record_drop(mm, head, pfn - head);
	if (!*err)
		hvo_sub(&hvo_zone_of(mm, pfn)->poisoned, 1);
	hvo_mm_unlock(&mm->poison_lock);
	return true;
}

int hvo_mm_unpoison(struct hvo_mm *mm, hvo_pfn_t pfn)
{
	struct hvo_page *folio;
	struct hvo_zone *zone;
	int err = 0;

	if (!hvo_pfn_valid(mm->map, pfn) ||
	    !hvo_sparse_present(&mm->sparse, pfn))
		return -HVO_EABSENT;
	folio = hvo_folio_try_get(mm, pfn);
	if (folio) {
		err = hvo_folio_unpoison(mm, folio, pfn);
		hvo_folio_put(mm, folio);
		return err;
	}
	if (unpoison_offline(mm, pfn, &err))
		return err;
	zone = hvo_zone_of(mm, pfn);
	hvo_mm_lock(mm, &zone->lock);
	err = unpoison_locked(mm, zone, pfn);
	hvo_mm_unlock(&zone->lock);
	return err;
}

bool hvo_mm_poisoned(const struct hvo_mm *mm, hvo_pfn_t pfn)
{
	const struct hvo_page *head;

	if (!hvo_pfn_valid(mm->map, pfn))
		return false;
	head = hvo_compound_head(hvo_page_at(mm, pfn));
	if (hvo_folio_optimized(mm, head))
		return hvo_record_has(mm, hvo_page_pfn(mm, head),
				      pfn - hvo_page_pfn(mm, head));
	return hvo_page_flags(hvo_page_at(mm, pfn)) & HVO_PAGE_POISON;
}
