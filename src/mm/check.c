/* SPDX-License-Identifier: MIT */
/*
 * The check of the manager: after the engine's own, walk all descriptors of
 * all sections, then all lists, then compare the counters. It believes the
 * descriptors; everything else must agree with them.
 *
 * What holds in a sound manager:
 *   - a subsection is present if and only if the engine describes it;
 *   - each online page is in a block, or has exactly one mark of its own;
 *   - blocks are aligned, in one zone, and fresh behind their first page;
 *     no two buddies are both free;
 *   - tails of full folios lead to their heads;
 *   - bad pages are in folios, retired, or marked frames: never in a block
 *     that could be given out;
 *   - what is marked as a frame is one, and every frame is so marked;
 *   - lists and counters are what the walk has seen.
 */

#include "internal.h"

const char *hvo_mm_violation_text(enum hvo_mm_violation violation)
{
	static const char *const texts[HVO_MM_VIOLATIONS] = {
	    [HVO_MM_OK] = "no violation",
	    [HVO_MM_ENGINE] = "the engine's own check found a violation",
	    [HVO_MM_NO_OWNER] = "an online page belongs to nobody",
	    [HVO_MM_TWO_OWNERS] = "a page has the marks of two owners",
	    [HVO_MM_BLOCK] = "a block has a wrong order or place",
	    [HVO_MM_NOT_FRESH] = "a page in a block is not as it should be",
	    [HVO_MM_ZONE] = "a descriptor names a zone that it is not in",
	    [HVO_MM_LIST] = "a list of blocks does not hold together",
	    [HVO_MM_NOT_LISTED] = "a list does not have the blocks there are",
	    [HVO_MM_FRAME] = "a page is a frame and not marked, or the reverse",
	    [HVO_MM_COUNTER] = "a counter is not what the walk found",
	    [HVO_MM_POISON_LOST] = "a bad page could be given out",
	    [HVO_MM_SECTION] = "the sections say what the engine does not",
	};

	return (unsigned)violation < HVO_MM_VIOLATIONS ? texts[violation]
						       : "unknown violation";
}

struct walk {
	struct hvo_mm *mm;
	const struct hvo_check_options *options;
	struct hvo_mm_finding *finding;
	uint64_t unrecoverable;
	uint64_t deferred;
	uint64_t host_pages; /* by the list of hosts */
};

/* Note a violation; always false, for callers that stop then. */
static bool found(struct walk *w, enum hvo_mm_violation violation,
		  hvo_pfn_t pfn, uint64_t expected, uint64_t is)
{
	w->finding->violation = violation;
	w->finding->pfn = pfn;
	w->finding->expected = expected;
	w->finding->found = is;
	return false;
}

static bool same(struct walk *w, const char *what, uint64_t expected,
		 uint64_t is)
{
	if (expected == is)
		return true;
	w->finding->what = what;
	return found(w, HVO_MM_COUNTER, 0, expected, is);
}

/* ---- pages ------------------------------------------------------------ */

/* What a page, or the block or folio that begins with it, is. */
struct item {
	hvo_pfn_t pfn;
	uint64_t flags;
	struct hvo_zone_walk *zone;
	unsigned domain;
	unsigned order;
	bool online;
};

static void own(const struct item *item, enum hvo_owner owner, uint64_t pages)
{
	item->zone->owner[owner] += pages;
	item->zone->present += pages;
}

/* The place of a block: aligned, all of one zone, all online or not. */
static bool check_place(struct walk *w, const struct item *item)
{
	const struct hvo_sparse *sparse = &w->mm->sparse;
	uint64_t pages = hvo_pages(item->order);
	uint64_t step = hvo_pages(sparse->subsection_order);

	if (item->order > w->mm->geometry.max_order ||
	    item->pfn & (pages - 1) || pages > sparse->pfn_end - item->pfn)
		return found(w, HVO_MM_BLOCK, item->pfn, 0, item->order);
	for (hvo_pfn_t at = item->pfn; at < item->pfn + pages; at += step)
		if (!hvo_sparse_present(sparse, at) ||
		    hvo_sparse_domain(sparse, at) != item->domain ||
		    hvo_sparse_online(sparse, at) != item->online)
			return found(w, HVO_MM_BLOCK, at, item->domain,
				     item->order);
	return true;
}

static bool check_fresh(struct walk *w, const struct item *item, hvo_pfn_t pfn)
{
	const struct hvo_page *page = hvo_page_at(w->mm, pfn);

	if (hvo_page_flags(page) & HVO_PAGE_POISON)
		return found(w, HVO_MM_POISON_LOST, pfn, 0,
			     hvo_page_flags(page));
	if (!hvo_page_is_fresh(page, item->domain))
		return found(w, HVO_MM_NOT_FRESH, pfn, 0, hvo_page_flags(page));
	return true;
}

static bool buddy_is_free(const struct hvo_mm *mm, const struct item *item)
{
	hvo_pfn_t buddy = item->pfn ^ hvo_pages(item->order);
	const struct hvo_page *page = hvo_page_at(mm, buddy);

	return item->order < mm->geometry.max_order &&
	       hvo_sparse_online(&mm->sparse, buddy) &&
	       hvo_sparse_domain(&mm->sparse, buddy) == item->domain &&
	       (hvo_page_flags(page) & HVO_PAGE_FREE) &&
	       page->order == item->order;
}

/* A block that is free, cached or isolated. */
static bool check_block(struct walk *w, const struct item *item)
{
	const struct hvo_page *head = hvo_page_at(w->mm, item->pfn);

	if (!item->online)
		return found(w, HVO_MM_BLOCK, item->pfn, 0, item->flags);
	if (!check_place(w, item))
		return false;
	if (item->flags & HVO_PAGE_POISON)
		return found(w, HVO_MM_POISON_LOST, item->pfn, 0, item->flags);
	if (hvo_page_count(head))
		return found(w, HVO_MM_NOT_FRESH, item->pfn, 0,
			     hvo_page_count(head));
	for (uint64_t i = 1; i < hvo_pages(item->order); i++)
		if (!check_fresh(w, item, item->pfn + i))
			return false;
	if (item->flags & HVO_PAGE_CACHE) {
		if (item->order >= HVO_CACHE_ORDERS)
			return found(w, HVO_MM_BLOCK, item->pfn, 0,
				     item->order);
		item->zone->cached[item->order]++;
		own(item, HVO_OWNER_CACHE, hvo_pages(item->order));
	} else if (item->flags & HVO_PAGE_ISOLATED) {
		own(item, HVO_OWNER_ISOLATED, hvo_pages(item->order));
	} else {
		if (buddy_is_free(w->mm, item))
			return found(w, HVO_MM_BLOCK, item->pfn, 0,
				     item->order);
		item->zone->blocks[item->order]++;
		own(item, HVO_OWNER_FREE, hvo_pages(item->order));
	}
	return true;
}

/* A tail of a full folio; the engine looks after those of optimized ones. */
static bool check_tail(struct walk *w, const struct item *item, hvo_pfn_t pfn)
{
	const struct hvo_page *page = hvo_page_at(w->mm, pfn);
	uint64_t flags = hvo_page_flags(page);
	uint64_t info = hvo_compound_info(sizeof(struct hvo_page), item->order);

	item->zone->poisoned += (flags & HVO_PAGE_POISON) != 0;
	if ((flags & ~(uint64_t)HVO_PAGE_POISON) !=
		(uint64_t)item->domain << HVO_PAGE_DOMAIN_SHIFT ||
	    hvo_page_count(page))
		return found(w, HVO_MM_NOT_FRESH, pfn, 0, flags);
	if (atomic_load(&page->compound_info) != info)
		return found(w, HVO_MM_NOT_FRESH, pfn, info,
			     atomic_load(&page->compound_info));
	return true;
}

static bool check_folio(struct walk *w, struct item *item)
{
	const struct hvo_page *head = hvo_page_at(w->mm, item->pfn);
	struct hvo_range_state state = hvo_vmemmap_state(w->mm->map, item->pfn);

	item->order = hvo_folio_order(head);
	if (!check_place(w, item))
		return false;
	own(item, HVO_OWNER_FOLIO, hvo_pages(item->order));
	w->deferred += (item->flags & HVO_PAGE_DEFERRED) != 0;
	if (hvo_page_is_tail(head))
		return found(w, HVO_MM_NOT_FRESH, item->pfn, 0,
			     atomic_load(&head->compound_info));
	if (state.state == HVO_OPTIMIZED) {
		item->zone->poisoned += hvo_record_count(
		    w->mm, item->pfn, 0, hvo_pages(item->order));
		return state.order == item->order ||
		       found(w, HVO_MM_BLOCK, item->pfn, state.order,
			     item->order);
	}
	item->zone->poisoned += (item->flags & HVO_PAGE_POISON) != 0;
	for (uint64_t i = 1; i < hvo_pages(item->order); i++)
		if (!check_tail(w, item, item->pfn + i))
			return false;
	return true;
}

/* A page that nobody has. */
static bool check_unowned(struct walk *w, struct item *item)
{
	struct hvo_range_state state = hvo_vmemmap_state(w->mm->map, item->pfn);

	if (item->online)
		return found(w, HVO_MM_NO_OWNER, item->pfn, 0, item->flags);
	if (state.state == HVO_OPTIMIZED) {
		item->order = state.order;
		item->zone->poisoned += hvo_record_count(
		    w->mm, item->pfn, 0, hvo_pages(item->order));
	} else {
		item->zone->poisoned += (item->flags & HVO_PAGE_POISON) != 0;
	}
	own(item, HVO_OWNER_OFFLINE, hvo_pages(item->order));
	return true;
}

/* A page with a mark of its own. */
static bool check_single(struct walk *w, const struct item *item)
{
	static const struct {
		enum hvo_page_flag flag;
		enum hvo_owner owner;
	} owners[] = {
	    {HVO_PAGE_RESERVED, HVO_OWNER_RESERVED},
	    {HVO_PAGE_VMEMMAP, HVO_OWNER_VMEMMAP},
	    {HVO_PAGE_BOOT, HVO_OWNER_BOOT},
	    {HVO_PAGE_ALTMAP, HVO_OWNER_ALTMAP},
	    {HVO_PAGE_HOST, HVO_OWNER_HOST},
	    {HVO_PAGE_RETIRED, HVO_OWNER_POISON},
	};
	const struct hvo_page *page = hvo_page_at(w->mm, item->pfn);
	bool bad = item->flags & HVO_PAGE_POISON;

	for (size_t i = 0; i < sizeof(owners) / sizeof(*owners); i++)
		if (item->flags & owners[i].flag)
			own(item, owners[i].owner, 1);
	item->zone->poisoned += bad;
	if ((item->flags & HVO_PAGE_RETIRED) && !bad)
		return found(w, HVO_MM_POISON_LOST, item->pfn, HVO_PAGE_POISON,
			     item->flags);
	if (bad &&
	    (item->flags & (HVO_PAGE_VMEMMAP | HVO_PAGE_BOOT | HVO_PAGE_HOST)))
		w->unrecoverable++;
	if (atomic_load(&page->compound_info) || hvo_page_count(page))
		return found(w, HVO_MM_NOT_FRESH, item->pfn, 0, item->flags);
	return true;
}

/* Check what begins at *pfn, and go on behind it. */
static bool check_item(struct walk *w, const struct hvo_sparse_span *span,
		       hvo_pfn_t *pfn)
{
	const struct hvo_page *page = hvo_page_at(w->mm, *pfn);
	uint64_t flags = hvo_page_flags(page);
	uint64_t marks = flags & HVO_PAGE_MARKS;
	struct item item = {
	    .pfn = *pfn,
	    .flags = flags,
	    .zone = &w->mm->zones[span->domain].walk,
	    .domain = span->domain,
	    .online = span->online,
	};
	bool sound;

	if (hvo_page_domain(page) != span->domain)
		return found(w, HVO_MM_ZONE, *pfn, span->domain,
			     hvo_page_domain(page));
	if (marks & (marks - 1))
		return found(w, HVO_MM_TWO_OWNERS, *pfn, 0, marks);
	if (marks & HVO_PAGE_FOLIO) {
		sound = check_folio(w, &item);
	} else if (marks & HVO_PAGE_BLOCKS) {
		item.order = page->order;
		sound = check_block(w, &item);
	} else {
		sound =
		    marks ? check_single(w, &item) : check_unowned(w, &item);
	}
	*pfn += hvo_pages(item.order);
	return sound;
}

/* Do a span's sections say what the engine does? */
static bool check_section(struct walk *w, const struct hvo_sparse_span *span)
{
	uint64_t unit = hvo_pages(w->mm->geometry.unit_order);

	for (hvo_pfn_t at = span->pfn; at < span->pfn + span->count;
	     at += unit) {
		struct hvo_range_state s = hvo_vmemmap_state(w->mm->map, at);

		if ((s.state != HVO_ABSENT) != span->present ||
		    (span->online && !span->present) ||
		    (span->present && s.domain != span->domain))
			return found(w, HVO_MM_SECTION, at, span->present,
				     s.state != HVO_ABSENT);
	}
	return true;
}

static bool check_pages(struct walk *w)
{
	struct hvo_sparse_span span;
	hvo_pfn_t next = w->mm->config.pfn_first; /* behind the last item */

	for (hvo_pfn_t pfn = next; hvo_sparse_span(&w->mm->sparse, pfn, &span);
	     pfn += span.count) {
		if (!check_section(w, &span))
			return false;
		if (next < pfn || !span.present)
			next = pfn;
		while (span.present && next < pfn + span.count)
			if (!check_item(w, &span, &next))
				return false;
	}
	return true;
}

/* ---- frames ----------------------------------------------------------- */

static bool is_seen(const struct walk *w, hvo_pfn_t pfn)
{
	uint64_t nr = hvo_mm_frame(w->mm, pfn).nr;

	return nr < w->options->frame_end &&
	       (w->options->seen[nr / 8] >> nr % 8 & 1);
}

/* Is what is marked as a frame one, and the reverse? */
static bool check_frame(struct walk *w, hvo_pfn_t pfn)
{
	const uint64_t frames =
	    HVO_PAGE_VMEMMAP | HVO_PAGE_BOOT | HVO_PAGE_HOST;
	uint64_t flags;

	if (!hvo_sparse_present(&w->mm->sparse, pfn))
		return true;
	flags = hvo_page_flags(hvo_page_at(w->mm, pfn));
	if (flags & HVO_PAGE_ALTMAP || !(flags & frames) == !is_seen(w, pfn))
		return true;
	return found(w, HVO_MM_FRAME, pfn, is_seen(w, pfn), flags);
}

static uint64_t owned(const struct hvo_mm *mm, enum hvo_owner owner)
{
	uint64_t pages = 0;

	for (unsigned d = 0; d < mm->domains; d++)
		pages += mm->zones[d].walk.owner[owner];
	return pages;
}

static bool check_frames(struct walk *w)
{
	struct hvo_mm *mm = w->mm;
	struct hvo_vmemmap_stats stats;

	for (hvo_pfn_t pfn = mm->config.pfn_first;
	     w->options->seen && pfn < mm->config.pfn_end; pfn++)
		if (!check_frame(w, pfn))
			return false;
	hvo_vmemmap_stats(mm->map, &stats);
	return same(w, "frames",
		    owned(mm, HVO_OWNER_VMEMMAP) + owned(mm, HVO_OWNER_BOOT) +
			hvo_altmap_used(mm),
		    hvo_stats_frames(&stats)) &&
	       same(w, "hosted frames", owned(mm, HVO_OWNER_HOST),
		    stats.frames_hosted);
}

/* ---- lists ------------------------------------------------------------ */

/* Is there a descriptor of this zone with this mark and order at pfn? */
static bool is_listed_block(const struct hvo_mm *mm, unsigned domain,
			    hvo_pfn_t pfn, enum hvo_page_flag mark,
			    unsigned order)
{
	return hvo_sparse_present(&mm->sparse, pfn) &&
	       hvo_sparse_domain(&mm->sparse, pfn) == domain &&
	       (hvo_page_flags(hvo_page_at(mm, pfn)) & mark) &&
	       hvo_page_at(mm, pfn)->order == order;
}

static bool check_area(struct walk *w, const struct hvo_zone *zone,
		       unsigned order)
{
	const struct hvo_free_area *area = &zone->area[order];
	uint64_t blocks = 0;
	hvo_pfn_t prev = 0;

	for (hvo_pfn_t at = area->first; at; blocks++) {
		const struct hvo_page *page = hvo_page_at(w->mm, at - 1);

		if (blocks == area->blocks ||
		    !is_listed_block(w->mm, zone->domain, at - 1, HVO_PAGE_FREE,
				     order) ||
		    atomic_load(&page->compound_info) != prev << 1)
			return found(w, HVO_MM_LIST, at - 1, order, blocks);
		prev = at;
		at = page->data;
	}
	if (blocks != area->blocks || blocks != zone->walk.blocks[order])
		return found(w, HVO_MM_NOT_LISTED, 0, zone->walk.blocks[order],
			     blocks);
	return true;
}

/* All CPUs' caches of one zone and order. */
static bool check_caches(struct walk *w, const struct hvo_zone *zone,
			 unsigned order)
{
	uint64_t all = 0;

	for (unsigned cpu = 0; cpu < w->mm->config.cpus; cpu++) {
		const struct hvo_cache *cache =
		    &w->mm->caches[cpu * w->mm->domains + zone->domain];
		uint64_t blocks = 0;

		for (hvo_pfn_t at = cache->first[order]; at;
		     at = hvo_page_at(w->mm, at - 1)->data)
			if (blocks++ == cache->blocks[order] ||
			    !is_listed_block(w->mm, zone->domain, at - 1,
					     HVO_PAGE_CACHE, order))
				return found(w, HVO_MM_LIST, at - 1, order,
					     blocks);
		if (blocks != cache->blocks[order])
			return found(w, HVO_MM_NOT_LISTED, 0,
				     cache->blocks[order], blocks);
		all += blocks;
	}
	if (all != zone->walk.cached[order])
		return found(w, HVO_MM_NOT_LISTED, 0, zone->walk.cached[order],
			     all);
	return true;
}

static bool check_hosts(struct walk *w)
{
	struct hvo_mm *mm = w->mm;
	uint64_t hosts = 0;
	uint64_t deferred = 0;

	for (hvo_pfn_t at = mm->first_host; at; hosts++) {
		const struct hvo_page *page = hvo_page_at(mm, at - 1);

		if (hosts == mm->hosts ||
		    !hvo_sparse_present(&mm->sparse, at - 1) ||
		    !(hvo_page_flags(page) & HVO_PAGE_HOST))
			return found(w, HVO_MM_LIST, at - 1, mm->hosts, hosts);
		w->host_pages += hvo_host_pages(mm, page->order);
		at = page->data;
	}
	for (hvo_pfn_t at = mm->first_deferred; at; deferred++) {
		const struct hvo_page *page = hvo_page_at(mm, at - 1);

		if (deferred == mm->deferred ||
		    !hvo_sparse_present(&mm->sparse, at - 1) ||
		    !(hvo_page_flags(page) & HVO_PAGE_DEFERRED))
			return found(w, HVO_MM_LIST, at - 1, mm->deferred,
				     deferred);
		at = page->data;
	}
	return same(w, "hosts", hosts, mm->hosts) &&
	       same(w, "deferred", deferred, mm->deferred) &&
	       same(w, "deferred folios", w->deferred, mm->deferred) &&
	       same(w, "hosting pages", owned(mm, HVO_OWNER_HOST),
		    w->host_pages);
}

static bool check_lists(struct walk *w)
{
	for (unsigned d = 0; d < w->mm->domains; d++) {
		const struct hvo_zone *zone = &w->mm->zones[d];

		for (unsigned k = 0; k < HVO_ORDERS; k++)
			if (!check_area(w, zone, k))
				return false;
		for (unsigned k = 0; k < HVO_CACHE_ORDERS; k++)
			if (!check_caches(w, zone, k))
				return false;
	}
	return check_hosts(w);
}

/* ---- counters --------------------------------------------------------- */

static bool check_counters(struct walk *w)
{
	for (unsigned d = 0; d < w->mm->domains; d++) {
		const struct hvo_zone *zone = &w->mm->zones[d];
		bool sound = same(w, "present", zone->walk.present,
				  hvo_read(&zone->present)) &&
			     same(w, "bad pages", zone->walk.poisoned,
				  hvo_read(&zone->poisoned));

		for (unsigned i = 0; sound && i < HVO_OWNERS; i++)
			sound = same(
			    w, hvo_owner_name((enum hvo_owner)i),
			    zone->walk.owner[i],
			    hvo_zone_owned(w->mm, zone, (enum hvo_owner)i));
		if (!sound)
			return false;
	}
	return same(w, "unrecoverable", w->unrecoverable,
		    hvo_read(&w->mm->unrecoverable));
}

int hvo_mm_check(struct hvo_mm *mm, const struct hvo_check_options *options,
		 struct hvo_mm_finding *finding)
{
	static const struct hvo_check_options defaults;
	struct walk w = {
	    .mm = mm,
	    .options = options ? options : &defaults,
	    .finding = finding,
	};

	*finding = (struct hvo_mm_finding){.violation = HVO_MM_OK};
	for (unsigned d = 0; d < mm->domains; d++)
		mm->zones[d].walk = (struct hvo_zone_walk){0};
	if (hvo_vmemmap_check(mm->map, w.options, &finding->engine)) {
		found(&w, HVO_MM_ENGINE, finding->engine.pfn,
		      finding->engine.expected, finding->engine.found);
		return -HVO_ECORRUPT;
	}
	return check_pages(&w) && check_frames(&w) && check_lists(&w) &&
		       check_counters(&w)
		   ? 0
		   : -HVO_ECORRUPT;
}
