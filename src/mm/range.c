/* SPDX-License-Identifier: MIT */
/*
 * Memory comes and goes: absent -> described (offline) -> online, and back.
 *
 * Descriptors are the engine's: populate and depopulate. Their pages belong to
 * nobody (HVO_OWNER_OFFLINE) until they go online, and have no mark, so that
 * no free area can have them: a subsection's online bit is set before its
 * first page becomes free and cleared when none is free any more. That, and
 * going away, happens with the zone's lock held: offline pages are nobody's,
 * so those who report bad ones rely on it (poison.c).
 */

#include "internal.h"

/* ---- describing ------------------------------------------------------- */

/*
 * Give descriptors up that nothing uses. A port may refuse for a moment, while
 * others have what it needs; one that goes on refusing to unmap is broken, and
 * the engine then keeps them.
 */
static void undo_populate(struct hvo_mm *mm, hvo_pfn_t pfn, uint64_t count,
			  struct hvo_work *work)
{
	uint64_t done = 0;

	for (unsigned i = 0; count && i < HVO_PATIENCE; i++) {
		if (!hvo_vmemmap_depopulate(mm->map, pfn, count, work, &done))
			break;
		pfn += done;
		count -= done;
		hvo_port_relax(mm->config.port);
	}
}

int hvo_populate(struct hvo_mm *mm, hvo_pfn_t pfn, uint64_t count,
		 unsigned domain, unsigned order)
{
	struct hvo_work *work = hvo_mm_work_take(mm);
	uint64_t done = 0;
	int err;

	if (!order) {
		err = hvo_vmemmap_populate(mm->map, pfn, count, domain, false,
					   work);
	} else {
		err = hvo_vmemmap_populate_optimized(mm->map, pfn, count, order,
						     domain, work, &done);
		if (err)
			undo_populate(mm, pfn, done, work);
	}
	hvo_mm_work_give(mm, work);
	return err;
}

/* The altmaps' pages in a range that has descriptors now. */
static void mark_altmaps(struct hvo_mm *mm, hvo_pfn_t pfn, hvo_pfn_t end)
{
	struct hvo_zone *zone = hvo_zone_of(mm, pfn);
	hvo_pfn_t first;
	hvo_pfn_t last;

	for (; hvo_altmap_within(mm, pfn, end, &first, &last); pfn = last) {
		for (hvo_pfn_t i = first; i < last; i++)
			hvo_page_mark(hvo_page_at(mm, i), HVO_PAGE_ALTMAP);
		hvo_account(zone, HVO_OWNER_OFFLINE, HVO_OWNER_ALTMAP,
			    last - first);
	}
}

static int describe_refuses(struct hvo_mm *mm, hvo_pfn_t pfn, uint64_t count,
			    unsigned domain, unsigned order)
{
	int err = hvo_sparse_validate(&mm->sparse, pfn, count);
	hvo_pfn_t first;
	hvo_pfn_t last;

	if (err)
		return err;
	if (domain >= mm->domains)
		return -HVO_ENODE;
	if (order && hvo_altmap_within(mm, pfn, pfn + count, &first, &last))
		return -HVO_ESTATE;
	return 0;
}

void hvo_described(struct hvo_mm *mm, hvo_pfn_t pfn, uint64_t count,
		   unsigned domain, unsigned order)
{
	struct hvo_zone *zone = &mm->zones[domain];

	hvo_add(&zone->present, count);
	hvo_add(&zone->owner[HVO_OWNER_OFFLINE], count);
	/* The engine has it, so nobody else does: it cannot fail. */
	hvo_sparse_add(&mm->sparse, pfn, count, domain, order);
	mark_altmaps(mm, pfn, pfn + count);
}

int hvo_mm_describe(struct hvo_mm *mm, hvo_pfn_t pfn, uint64_t count,
		    unsigned domain, unsigned order)
{
	int err = describe_refuses(mm, pfn, count, domain, order);

	if (!err)
		err = hvo_populate(mm, pfn, count, domain, order);
	if (!err)
		hvo_described(mm, pfn, count, domain, order);
	return err;
}

/* ---- undescribing ----------------------------------------------------- */

/* What goes with a range. */
struct goods {
	uint64_t offline;
	uint64_t altmap;
	uint64_t poisoned;
};

/* Look at the page, or optimized folio, at *pfn and go on behind it. */
static int inspect(const struct hvo_mm *mm, hvo_pfn_t *pfn, hvo_pfn_t end,
		   struct goods *goods)
{
	struct hvo_range_state state = hvo_vmemmap_state(mm->map, *pfn);
	uint64_t flags = hvo_page_flags(hvo_page_at(mm, *pfn));
	uint64_t count = 1;

	if (state.state == HVO_OPTIMIZED) {
		count = hvo_pages(state.order);
		if (*pfn & (count - 1) || count > end - *pfn)
			return -HVO_ESTATE;
	}
	if (flags & HVO_PAGE_MARKS & ~(uint64_t)HVO_PAGE_ALTMAP)
		return -HVO_EBUSY;
	if (flags & HVO_PAGE_ALTMAP)
		goods->altmap++;
	else
		goods->offline += count;
	*pfn += count;
	return 0;
}

/* Bad pages of the page, or optimized folio, at pfn. Zone's lock held. */
static uint64_t count_bad(const struct hvo_mm *mm, hvo_pfn_t pfn)
{
	struct hvo_range_state state = hvo_vmemmap_state(mm->map, pfn);

	if (state.state == HVO_OPTIMIZED)
		return hvo_record_count(mm, pfn, 0, hvo_pages(state.order));
	return (hvo_page_flags(hvo_page_at(mm, pfn)) & HVO_PAGE_POISON) != 0;
}

static int undescribe_refuses(struct hvo_mm *mm, hvo_pfn_t pfn, uint64_t count)
{
	uint64_t step = hvo_pages(mm->sparse.subsection_order);
	hvo_pfn_t end = pfn + count;
	struct goods goods = {0};
	int err = hvo_sparse_validate(&mm->sparse, pfn, count);

	for (hvo_pfn_t at = pfn; !err && at < end; at += step) {
		if (!hvo_sparse_present(&mm->sparse, at))
			err = -HVO_EABSENT;
		else if (hvo_sparse_online(&mm->sparse, at))
			err = -HVO_EBUSY;
	}
	for (hvo_pfn_t at = pfn; !err && at < end;)
		err = inspect(mm, &at, end, &goods);
	if (!err && goods.altmap && !hvo_altmap_self(mm, pfn, end))
		err = -HVO_EBUSY;
	return err;
}

/*
 * Base pages from pfn on, of one zone, whose descriptors the engine gives up
 * in one step: so many that it makes it whole or not at all.
 */
static uint64_t step_pages(const struct hvo_mm *mm, hvo_pfn_t pfn,
			   hvo_pfn_t end, const struct hvo_work *work)
{
	unsigned order = mm->sparse.subsection_order;
	unsigned domain = hvo_sparse_domain(&mm->sparse, pfn);
	uint64_t most = work->capacity / hvo_folio_pages(&mm->geometry, order);
	hvo_pfn_t at = pfn;

	while (at < end && hvo_sparse_domain(&mm->sparse, at) == domain &&
	       (at == pfn || (at - pfn) >> order < most)) {
		struct hvo_range_state s = hvo_vmemmap_state(mm->map, at);
		bool large = s.state == HVO_OPTIMIZED && s.order > order;

		at += hvo_pages(large ? s.order : order);
	}
	return at - pfn;
}

/*
 * Nobody has the range: from now on it is absent to all but the engine, and no
 * report of a bad page changes any more what goes with it.
 */
static int leave(struct hvo_mm *mm, hvo_pfn_t pfn, uint64_t count,
		 struct goods *goods)
{
	struct hvo_zone *zone = hvo_zone_lock(mm, pfn);
	hvo_pfn_t at = pfn;
	int err = 0;

	if (!zone)
		return -HVO_EABSENT;
	while (!err && at < pfn + count) {
		goods->poisoned += count_bad(mm, at);
		err = inspect(mm, &at, pfn + count, goods);
	}
	if (!err)
		err = hvo_sparse_remove(&mm->sparse, pfn, count);
	hvo_mm_unlock(&zone->lock);
	return err;
}

static int undescribe_step(struct hvo_mm *mm, hvo_pfn_t pfn, uint64_t count,
			   struct hvo_work *work)
{
	struct hvo_zone *zone = hvo_zone_of(mm, pfn);
	struct goods goods = {0};
	int err = leave(mm, pfn, count, &goods);

	if (err)
		return err;
	err = hvo_vmemmap_depopulate(mm->map, pfn, count, work, NULL);
	if (err) {
		hvo_sparse_readd(&mm->sparse, pfn, count);
		return err;
	}
	hvo_sub(&zone->present, count);
	hvo_sub(&zone->owner[HVO_OWNER_OFFLINE], goods.offline);
	hvo_sub(&zone->owner[HVO_OWNER_ALTMAP], goods.altmap);
	hvo_sub(&zone->poisoned, goods.poisoned);
	return 0;
}

int hvo_mm_undescribe(struct hvo_mm *mm, hvo_pfn_t pfn, uint64_t count,
		      uint64_t *done)
{
	int err = undescribe_refuses(mm, pfn, count);
	hvo_pfn_t end = pfn + count;
	hvo_pfn_t at = pfn;
	struct hvo_work *work;

	if (done)
		*done = 0;
	if (err)
		return err;
	work = hvo_mm_work_take(mm);
	while (at < end && !err) {
		uint64_t step = step_pages(mm, at, end, work);

		err = undescribe_step(mm, at, step, work);
		at += err ? 0 : step;
	}
	hvo_mm_work_give(mm, work);
	if (done)
		*done = at - pfn;
	return err;
}

/* ---- online -------------------------------------------------------------- */

/* The end of the pages from pfn on that nobody has and that are not bad. */
static hvo_pfn_t unowned_end(const struct hvo_mm *mm, hvo_pfn_t pfn,
			     hvo_pfn_t end)
{
	while (pfn < end && !(hvo_page_flags(hvo_page_at(mm, pfn)) &
			      (HVO_PAGE_MARKS | HVO_PAGE_POISON)))
		pfn++;
	return pfn;
}

/* What begins at pfn goes online; returns where the next thing begins. */
static hvo_pfn_t online_some(struct hvo_mm *mm, hvo_pfn_t pfn, hvo_pfn_t end)
{
	struct hvo_range_state state = hvo_vmemmap_state(mm->map, pfn);
	hvo_pfn_t next;

	if (state.state == HVO_OPTIMIZED)
		return pfn + hvo_pages(state.order);
	next = unowned_end(mm, pfn, end);
	hvo_give_range(mm, pfn, next, HVO_OWNER_OFFLINE);
	if (next == end)
		return end;
	if (!(hvo_page_flags(hvo_page_at(mm, next)) & HVO_PAGE_MARKS))
		hvo_retire(mm, next, HVO_OWNER_OFFLINE);
	return next + 1;
}

/* Pages that nobody has are free from now on. Their online bits are set. */
static void give_pages(struct hvo_mm *mm, hvo_pfn_t pfn, uint64_t count)
{
	hvo_pfn_t end = pfn + count;

	while (pfn < end)
		pfn = online_some(mm, pfn, end);
}

void hvo_online(struct hvo_mm *mm, hvo_pfn_t pfn, uint64_t count)
{
	hvo_sparse_set_online(&mm->sparse, pfn, count, true);
	give_pages(mm, pfn, count);
}

/* Is an offline page part of a folio, be it one that is just being freed? */
static bool in_folio(const struct hvo_mm *mm, hvo_pfn_t pfn)
{
	const struct hvo_page *page = hvo_page_at(mm, pfn);

	return hvo_page_is_tail(page) ||
	       (hvo_page_flags(page) & (HVO_PAGE_FOLIO | HVO_PAGE_ISOLATED)) ||
	       hvo_vmemmap_state(mm->map, pfn).state != HVO_FULL;
}

static int online_refuses(const struct hvo_mm *mm, hvo_pfn_t pfn,
			  uint64_t count)
{
	int err = hvo_range_of_zone(mm, pfn, count);

	if (!err && hvo_domain_type(hvo_sparse_domain(&mm->sparse, pfn)) ==
			HVO_ZONE_DEVICE)
		err = -HVO_EDOMAIN;
	for (hvo_pfn_t at = pfn; !err && at < pfn + count; at++)
		if (hvo_sparse_online(&mm->sparse, at) || in_folio(mm, at))
			err = -HVO_ESTATE;
	return err;
}

int hvo_mm_online(struct hvo_mm *mm, hvo_pfn_t pfn, uint64_t count)
{
	int err = hvo_sparse_validate(&mm->sparse, pfn, count);
	struct hvo_zone *zone;

	if (err)
		return err;
	zone = hvo_zone_lock(mm, pfn);
	if (!zone)
		return -HVO_EABSENT;
	err = online_refuses(mm, pfn, count);
	if (!err)
		hvo_sparse_set_online(&mm->sparse, pfn, count, true);
	hvo_mm_unlock(&zone->lock);
	if (!err)
		give_pages(mm, pfn, count);
	return err;
}

/* ---- offline ---------------------------------------------------------- */

/* All pages are free or of no concern: nobody's from now on. Lock held. */
static bool capture(struct hvo_mm *mm, struct hvo_zone *zone, hvo_pfn_t pfn,
		    hvo_pfn_t end)
{
	uint64_t pages;

	if (!hvo_contig_capture(mm, zone, pfn, end, true, &pages))
		return false;
	hvo_sparse_set_online(&mm->sparse, pfn, end - pfn, false);
	hvo_account(zone, HVO_OWNER_FREE, HVO_OWNER_OFFLINE, pages);
	for (; pfn < end; pfn++)
		hvo_unretire(mm, zone, pfn);
	return true;
}

int hvo_mm_offline(struct hvo_mm *mm, hvo_pfn_t pfn, uint64_t count)
{
	const unsigned tries = 4; /* a page may slip into a cache again */
	int err = hvo_sparse_validate(&mm->sparse, pfn, count);
	struct hvo_zone *zone;
	bool done = false;

	if (!err)
		err = hvo_range_of_zone(mm, pfn, count);
	for (unsigned i = 0; i < tries && !err && !done; i++) {
		hvo_cache_drain(mm, hvo_zone_of(mm, pfn));
		zone = hvo_zone_lock(mm, pfn);
		if (!zone)
			return -HVO_EABSENT;
		err = hvo_range_of_zone(mm, pfn, count);
		done = !err && capture(mm, zone, pfn, pfn + count);
		hvo_mm_unlock(&zone->lock);
	}
	return err || done ? err : -HVO_EBUSY;
}
