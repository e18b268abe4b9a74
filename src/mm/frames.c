/* SPDX-License-Identifier: MIT */
/*
 * Where the engine's frames come from and go to: an altmap if what they
 * describe has one; memblock while booting; the zones afterwards, never
 * MOVABLE ones, and below the watermarks if need be, since descriptors are
 * what other memory is freed with.
 *
 * A folio that is restored has its frames behind its head's, if these are free.
 *
 * A frame is a base page; its descriptor says that it holds others and, in
 * `data`, which page of the vmemmap (counted from the window's start, + 1; 0
 * for shared tails). The engine returns frames in any division, so a run may
 * mix pages of all origins: each is looked at.
 *
 * Frames whose own descriptor is gone already belonged to an altmap inside the
 * range that is being undescribed; they go with it.
 */

#include "hvo/memblock.h"
#include "internal.h"

/* ---- memblock --------------------------------------------------------- */

static unsigned shift_of(const struct hvo_mm *mm)
{
	return mm->geometry.page_shift;
}

/* 0 if there is no such run. The only node has what is of no node, too. */
static hvo_phys_t boot_take(struct hvo_mm *mm, uint64_t frames, uint64_t align,
			    unsigned node)
{
	const hvo_pfn_t *movable = mm->config.movable_first;
	hvo_pfn_t end = movable ? movable[node] : mm->config.pfn_end;
	int nid = mm->config.nodes == 1 ? HVO_NUMA_NO_NODE : (int)node;

	end = hvo_least(end, mm->config.pfn_end);
	if (!end)
		return 0;
	return hvo_memblock_alloc_range_nid(
	    mm->memblock, frames << shift_of(mm), align << shift_of(mm), 0,
	    end << shift_of(mm), nid, true);
}

/* As many frames in a row as there are, down to `least`; from near nodes. */
static int boot_alloc(struct hvo_mm *mm,
		      const struct hvo_frame_request *request,
		      struct hvo_run *run)
{
	unsigned home = hvo_domain_node(request->domain);

	for (unsigned i = 0; i < mm->config.nodes; i++) {
		unsigned node = hvo_mm_nearest(mm, home, i);

		for (uint64_t n = request->count; n >= request->least; n /= 2) {
			hvo_phys_t phys =
			    boot_take(mm, n, request->align, node);

			if (!phys)
				continue;
			*run = hvo_pages_run(mm, phys >> shift_of(mm), n);
			return 0;
		}
	}
	return -HVO_ENOMEM;
}

static void boot_free(struct hvo_mm *mm, struct hvo_run run)
{
	hvo_pfn_t pfn = hvo_mm_frame_pfn(mm, run.first);

	hvo_memblock_phys_free(mm->memblock, pfn << shift_of(mm),
			       run.count << shift_of(mm));
}

/* ---- zones ------------------------------------------------------------ */

static unsigned order_for(uint64_t count)
{
	unsigned order = 0;

	while (hvo_pages(order) < count)
		order++;
	return order;
}

static void mark_frames(struct hvo_mm *mm, hvo_pfn_t pfn, uint64_t count,
			uint64_t home)
{
	for (uint64_t i = 0; i < count; i++) {
		struct hvo_page *page = hvo_page_at(mm, pfn + i);

		page->data = home == UINT64_MAX ? 0 : home + i + 1;
		hvo_page_mark(page, HVO_PAGE_VMEMMAP);
	}
}

/*
 * The reverse, for the pages from pfn on, before end, that have these flags;
 * returns where they end. All else in a frame's descriptor is fresh.
 */
static hvo_pfn_t unmark_frames(struct hvo_mm *mm, hvo_pfn_t pfn, hvo_pfn_t end,
			       uint64_t flags, unsigned domain)
{
	struct hvo_page *page = hvo_page_at(mm, pfn);

	for (; pfn < end && hvo_page_flags(page) == flags; pfn++, page++) {
		page->data = 0;
		atomic_store_explicit(&page->flags, hvo_fresh_flags(domain),
				      memory_order_release);
	}
	return pfn;
}

/* The largest run that is to be had from some nodes. */
static int take_run(struct hvo_mm *mm, const struct hvo_frame_request *request,
		    uint32_t nodes, struct hvo_run *run)
{
	struct hvo_want want = {
	    .order = order_for(request->count),
	    .node = hvo_domain_node(request->domain),
	    .nodes = nodes,
	    .limit = HVO_ZONE_NORMAL,
	    .reserve = true,
	    .owner = HVO_OWNER_VMEMMAP,
	};
	hvo_pfn_t pfn;

	if (want.order > mm->geometry.max_order)
		want.order = mm->geometry.max_order;
	for (;; want.order--) {
		uint64_t n = hvo_least(hvo_pages(want.order), request->count);

		if (n < request->least || n < request->align)
			return -HVO_ENOMEM;
		if (!hvo_block_take(mm, &want, &pfn)) {
			mark_frames(mm, pfn, n, request->home);
			hvo_give_range(mm, pfn + n, pfn + hvo_pages(want.order),
				       HVO_OWNER_VMEMMAP);
			*run = hvo_pages_run(mm, pfn, n);
			return 0;
		}
		if (!want.order)
			return -HVO_ENOMEM;
	}
}

/*
 * The page behind the frame of a folio's head, if this is for the tails of one
 * that is being restored: its owner is the caller, so the head stays put.
 */
static bool behind_head(const struct hvo_mm *mm, uint64_t home, hvo_pfn_t *pfn)
{
	uint64_t size = hvo_page_size(&mm->geometry);
	unsigned char *window =
	    (unsigned char *)hvo_page_at(mm, mm->config.pfn_first);
	struct hvo_range_state state;
	hvo_pfn_t head;

	if (!home || home == UINT64_MAX)
		return false;
	head =
	    mm->config.pfn_first + (home - 1) * size / sizeof(struct hvo_page);
	state = hvo_vmemmap_state(mm->map, head);
	if (state.state != HVO_OPTIMIZED || head & (hvo_pages(state.order) - 1))
		return false;
	*pfn =
	    hvo_mm_frame_pfn(mm, hvo_port_translate(mm->config.port,
						    window + (home - 1) * size)
				     .frame) +
	    1;
	return hvo_pfn_valid(mm->map, *pfn) &&
	       hvo_domain_type(hvo_zone_of(mm, *pfn)->domain) <=
		   HVO_ZONE_NORMAL;
}

/*
 * Frames that follow the head's, as far as they are free: where optimizing
 * took them from, mostly. The vmemmap is then in one piece again, which takes
 * fewer mappings and can be a block.
 */
static bool take_behind_head(struct hvo_mm *mm,
			     const struct hvo_frame_request *request,
			     struct hvo_run *run)
{
	struct hvo_zone *zone;
	hvo_pfn_t pfn;
	uint64_t pages;

	if (request->least > 1 || request->align > 1 ||
	    !behind_head(mm, request->home, &pfn))
		return false;
	zone = hvo_zone_lock(mm, pfn);
	if (!zone)
		return false;
	pages = hvo_buddy_take_at(mm, zone, pfn, pfn + request->count) - pfn;
	hvo_account(zone, HVO_OWNER_FREE, HVO_OWNER_VMEMMAP, pages);
	hvo_zone_mark(zone, HVO_MARK_ALL); /* it may be under pressure now */
	hvo_mm_unlock(&zone->lock);
	mark_frames(mm, pfn, pages, request->home);
	*run = hvo_pages_run(mm, pfn, pages);
	return pages;
}

static int zone_alloc(struct hvo_mm *mm,
		      const struct hvo_frame_request *request,
		      struct hvo_run *run)
{
	unsigned node = hvo_domain_node(request->domain);

	if (take_behind_head(mm, request, run))
		return 0;
	if (!take_run(mm, request, UINT32_C(1) << node, run))
		return 0;
	return take_run(mm, request, UINT32_MAX, run);
}

static enum hvo_owner owner_of(uint64_t flags)
{
	return flags & HVO_PAGE_BOOT ? HVO_OWNER_BOOT : HVO_OWNER_VMEMMAP;
}

/*
 * Free the pages from pfn on, before end, that are alike: of one subsection,
 * which is of one zone, of one origin, and not bad. Lock held. Returns where
 * they end.
 */
static hvo_pfn_t free_alike(struct hvo_mm *mm, struct hvo_zone *zone,
			    hvo_pfn_t pfn, hvo_pfn_t end)
{
	hvo_pfn_t last = pfn | (hvo_pages(mm->sparse.subsection_order) - 1);
	uint64_t flags = hvo_page_flags(hvo_page_at(mm, pfn));
	hvo_pfn_t at = unmark_frames(mm, pfn, hvo_least(end, last + 1), flags,
				     zone->domain);

	hvo_buddy_insert_range(mm, zone, pfn, at);
	hvo_account(zone, owner_of(flags), HVO_OWNER_FREE, at - pfn);
	return at;
}

/* Take back what begins at pfn; returns where the next thing begins. */
static hvo_pfn_t zone_free_some(struct hvo_mm *mm, hvo_pfn_t pfn, hvo_pfn_t end)
{
	struct hvo_zone *zone;
	hvo_pfn_t next = pfn + 1;
	uint64_t flags;

	if (!hvo_pfn_valid(mm->map, pfn) ||
	    (hvo_page_flags(hvo_page_at(mm, pfn)) & HVO_PAGE_ALTMAP)) {
		hvo_altmap_free(mm, pfn);
		return next;
	}
	zone = hvo_zone_of(mm, pfn);
	hvo_mm_lock(mm, &zone->lock);
	flags = hvo_page_flags(hvo_page_at(mm, pfn));
	if (flags & HVO_PAGE_POISON) {
		hvo_retire(mm, pfn, owner_of(flags));
		hvo_sub(&mm->unrecoverable, 1);
	} else {
		next = free_alike(mm, zone, pfn, end);
	}
	hvo_mm_unlock(&zone->lock);
	return next;
}

static void zone_free(struct hvo_mm *mm, struct hvo_run run)
{
	hvo_pfn_t pfn = hvo_mm_frame_pfn(mm, run.first);
	hvo_pfn_t end = pfn + run.count;

	while (pfn < end)
		pfn = zone_free_some(mm, pfn, end);
}

/* ---- the engine's callbacks ------------------------------------------- */

static void give_back(struct hvo_mm *mm, struct hvo_run run)
{
	if (mm->phase == HVO_MM_BOOTING)
		boot_free(mm, run);
	else if (mm->phase == HVO_MM_RUNNING)
		zone_free(mm, run);
}

static int alloc_frames(void *ctx, const struct hvo_frame_request *request,
			struct hvo_run *run)
{
	struct hvo_mm *mm = ctx;
	int err = 0;

	if (!hvo_altmap_alloc(mm, request, run))
		err = mm->phase == HVO_MM_BOOTING
			  ? boot_alloc(mm, request, run)
			  : zone_alloc(mm, request, run);
	if (err)
		return err;
	err = hvo_commit(mm, *run);
	if (err) {
		give_back(mm, *run);
		return err;
	}
	if (request->zero)
		memset(hvo_port_frame(mm->config.port, run->first), 0,
		       run->count << shift_of(mm));
	return 0;
}

static void free_frames(void *ctx, struct hvo_run run)
{
	struct hvo_mm *mm = ctx;

	hvo_uncommit(mm, run);
	give_back(mm, run);
}

struct hvo_frames hvo_mm_frames(struct hvo_mm *mm)
{
	return (struct hvo_frames){
	    .ctx = mm,
	    .alloc = alloc_frames,
	    .free = free_frames,
	};
}
