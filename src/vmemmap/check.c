/* SPDX-License-Identifier: MIT */
/*
 * The check: walks the whole map through the port's translations, trusting
 * nothing that the engine remembers but the range table, and stops at the
 * first contradiction.
 *
 * What holds in a sound map:
 *   - a present page has a translation, an absent one has none;
 *   - pages of full ranges and first pages of optimized folios are writable,
 *     and each has a frame that nothing else has;
 *   - all other pages of optimized folios are read-only and lead to the right
 *     page of the shared tails of their domain and order;
 *   - shared tails hold the bytes they were made with;
 *   - every descriptor of an optimized folio leads to the folio's head;
 *   - counters are what the walk counts.
 */

#include "hvo/mem.h"
#include "engine.h"

/* One walk; the engine's other files never see it. */
struct walk {
	struct hvo_vmemmap *map;
	const struct hvo_check_options *options;
	struct hvo_finding *finding;
	struct hvo_vmemmap_stats stats; /* as counted on the way */
};

static hvo_pfn_t page_pfn(const struct hvo_vmemmap *map, uint64_t page)
{
	return map->config.pfn_first +
	       (page << map->geometry.page_shift) / map->geometry.record;
}

/* Note a violation; always false, for callers that stop then. */
static bool found(struct walk *w, enum hvo_violation violation, uint64_t page,
		  uint64_t expected, uint64_t is)
{
	*w->finding = (struct hvo_finding){
	    .violation = violation,
	    .pfn = page_pfn(w->map, page),
	    .page = page,
	    .expected = expected,
	    .found = is,
	};
	return false;
}

static struct hvo_translation translate(const struct walk *w, uint64_t page)
{
	return hvo_port_translate(w->map->config.port,
				  hvo_page_address(w->map, page));
}

/* A frame that may have one owner has it now. */
static bool own_frame(struct walk *w, uint64_t page, hvo_frame_t frame)
{
	unsigned char *seen = w->options->seen;

	if (!seen)
		return true;
	if (frame.nr >= w->options->frame_end)
		return found(w, HVO_CHECK_FRAME_RANGE, page,
			     w->options->frame_end, frame.nr);
	if (seen[frame.nr / 8] & 1u << frame.nr % 8)
		return found(w, HVO_CHECK_FRAME_TWICE, page, 0, frame.nr);
	seen[frame.nr / 8] |= (unsigned char)(1u << frame.nr % 8);
	return true;
}

/* A page with a frame of its own. */
static bool check_own_page(struct walk *w, uint64_t page)
{
	struct hvo_translation t = translate(w, page);

	if (t.prot == HVO_PROT_NONE)
		return found(w, HVO_CHECK_UNMAPPED, page, HVO_PROT_WRITE,
			     t.prot);
	if (t.prot != HVO_PROT_WRITE)
		return found(w, HVO_CHECK_READ_ONLY, page, HVO_PROT_WRITE,
			     t.prot);
	w->stats.pages_present++;
	w->stats.frames_owned++;
	return own_frame(w, page, t.frame);
}

/* A page that leads to shared tails, of which it must be `frame`. */
static bool check_shared_page(struct walk *w, uint64_t page, hvo_frame_t frame)
{
	struct hvo_translation t = translate(w, page);

	if (t.prot == HVO_PROT_NONE)
		return found(w, HVO_CHECK_UNMAPPED, page, HVO_PROT_READ,
			     t.prot);
	if (t.prot != HVO_PROT_READ)
		return found(w, HVO_CHECK_WRITABLE, page, HVO_PROT_READ,
			     t.prot);
	if (t.frame.nr != frame.nr)
		return found(w, HVO_CHECK_NOT_SHARED, page, frame.nr,
			     t.frame.nr);
	w->stats.pages_present++;
	w->stats.pages_optimized++;
	return true;
}

/* Every descriptor whose compound_info is on this page leads to head. */
static bool check_heads(struct walk *w, uint64_t page, hvo_pfn_t head)
{
	const struct hvo_vmemmap *map = w->map;
	uint64_t record = map->geometry.record;
	uint64_t info_offset = map->config.record.info_offset;
	uint64_t start = page << map->geometry.page_shift;
	uint64_t end = start + hvo_page_size(&map->geometry);
	uintptr_t window = (uintptr_t)hvo_page_address(map, 0);
	uintptr_t expected = (uintptr_t)hvo_vmemmap_record(map, head);
	const _Atomic uint64_t *words =
	    hvo_port_frame(map->config.port, translate(w, page).frame);
	/* The first record whose word is not before the page. */
	uint64_t i = start > info_offset
			 ? (start - info_offset + record - 1) / record
			 : 0;

	for (; i * record + info_offset < end; i++) {
		uint64_t at = (i * record + info_offset - start) / 8;
		uintptr_t address = window + i * record;
		uintptr_t is = hvo_head_address(
		    record, address,
		    atomic_load_explicit(&words[at], memory_order_relaxed));

		if (is == expected)
			continue;
		found(w, HVO_CHECK_WRONG_HEAD, page, expected, is);
		w->finding->pfn = map->config.pfn_first + i;
		return false;
	}
	return true;
}

static bool check_optimized(struct walk *w, hvo_pfn_t pfn, uint16_t unit)
{
	struct hvo_vmemmap *map = w->map;
	unsigned order = unit & UNIT_ORDER;
	struct hvo_run tails = hvo_tails_run(map, hvo_unit_domain(unit), order);
	uint64_t page = hvo_pfn_page(map, pfn);
	uint64_t pages = hvo_folio_pages(&map->geometry, order);

	w->stats.folios[order]++;
	if (!check_own_page(w, page) || !check_heads(w, page, pfn))
		return false;
	for (uint64_t j = 1; j < pages; j++) {
		hvo_frame_t frame =
		    hvo_frame_add(tails.first, (j - 1) % tails.count);

		if (!check_shared_page(w, page + j, frame) ||
		    !check_heads(w, page + j, pfn))
			return false;
	}
	return true;
}

static bool check_full(struct walk *w, hvo_pfn_t pfn, uint16_t unit)
{
	uint64_t page = hvo_pfn_page(w->map, pfn);

	for (uint64_t i = page; i < page + w->map->unit_pages; i++) {
		if (!check_own_page(w, i))
			return false;
		w->stats.frames_hosted += hvo_page_hosted(w->map, unit, i);
	}
	return true;
}

static bool check_absent(struct walk *w, hvo_pfn_t pfn)
{
	uint64_t page = hvo_pfn_page(w->map, pfn);

	for (uint64_t i = page; i < page + w->map->unit_pages; i++) {
		struct hvo_translation t = translate(w, i);

		if (t.prot != HVO_PROT_NONE)
			return found(w, HVO_CHECK_MAPPED, i, HVO_PROT_NONE,
				     t.frame.nr);
	}
	return true;
}

/* Are all units of the folio at pfn what its first unit is? */
static bool check_units(struct walk *w, hvo_pfn_t pfn, uint64_t count,
			uint16_t unit)
{
	uint64_t unit_pfns = UINT64_C(1) << w->map->geometry.unit_order;

	if (pfn % count || count > w->map->config.pfn_end - pfn ||
	    hvo_unit_domain(unit) >= w->map->config.domains)
		return found(w, HVO_CHECK_STATE, hvo_pfn_page(w->map, pfn),
			     count, unit);
	for (uint64_t at = 0; at < count; at += unit_pfns) {
		uint16_t is = hvo_unit(w->map, pfn + at);

		if (is != unit)
			return found(w, HVO_CHECK_STATE,
				     hvo_pfn_page(w->map, pfn + at), unit, is);
	}
	return true;
}

/* Check what begins at pfn; *count says how many base pages it was. */
static bool check_item(struct walk *w, hvo_pfn_t pfn, uint64_t *count)
{
	uint16_t unit = hvo_unit(w->map, pfn);

	*count = UINT64_C(1) << w->map->geometry.unit_order;
	if (unit & UNIT_BUSY)
		return found(w, HVO_CHECK_BUSY, hvo_pfn_page(w->map, pfn), 0,
			     unit);
	if (!(unit & UNIT_PRESENT))
		return check_absent(w, pfn);
	if (unit & UNIT_OPTIMIZED)
		*count = UINT64_C(1) << (unit & UNIT_ORDER);
	if (!check_units(w, pfn, *count, unit))
		return false;
	return unit & UNIT_OPTIMIZED ? check_optimized(w, pfn, unit)
				     : check_full(w, pfn, unit);
}

/* Shared tails of one domain and order: their bytes, frames, users. */
static bool check_tails(struct walk *w, unsigned domain, unsigned order)
{
	struct hvo_vmemmap *map = w->map;
	const struct hvo_tails *slot = hvo_tails_slot(map, domain, order);

	if (!slot->first)
		return true;

	struct hvo_run run = hvo_tails_run(map, domain, order);
	struct hvo_work work; /* for its record only, which is filled here */

	hvo_make_tail(map, &work, order, domain);
	for (uint64_t i = 0; i < run.count; i++) {
		hvo_frame_t frame = hvo_frame_add(run.first, i);

		if (!own_frame(w, 0, frame))
			return false;
		if (!hvo_tail_bytes(map, &work, frame, i + 1, 0, HVO_COMPARE))
			return found(w, HVO_CHECK_TAIL_BYTES, 0, order,
				     frame.nr);
	}
	w->stats.frames_shared += run.count;
	return true;
}

static bool same(struct walk *w, const char *what, uint64_t expected,
		 uint64_t is)
{
	if (expected == is)
		return true;
	found(w, HVO_CHECK_COUNTER, 0, expected, is);
	w->finding->what = what;
	return false;
}

/* Do the users of all shared tails add up to the optimized folios? */
static bool check_users(struct walk *w)
{
	for (unsigned order = 0; order < HVO_ORDERS; order++) {
		uint64_t users = 0;

		for (unsigned d = 0; d < w->map->config.domains; d++)
			users += hvo_tails_slot(w->map, d, order)->users;
		if (!same(w, "users of shared tails", w->stats.folios[order],
			  users))
			return false;
	}
	return true;
}

static bool check_counters(struct walk *w)
{
	struct hvo_vmemmap_stats is;

	hvo_vmemmap_stats(w->map, &is);
	for (unsigned order = 0; order < HVO_ORDERS; order++)
		if (!same(w, "folios", w->stats.folios[order],
			  is.folios[order]))
			return false;
	return same(w, "pages_present", w->stats.pages_present,
		    is.pages_present) &&
	       same(w, "pages_optimized", w->stats.pages_optimized,
		    is.pages_optimized) &&
	       same(w, "frames_owned", w->stats.frames_owned,
		    is.frames_owned) &&
	       same(w, "frames_hosted", w->stats.frames_hosted,
		    is.frames_hosted) &&
	       same(w, "frames_shared", w->stats.frames_shared,
		    is.frames_shared) &&
	       check_users(w);
}

static bool check_all_tails(struct walk *w)
{
	for (unsigned d = 0; d < w->map->config.domains; d++)
		for (unsigned order = 0; order < HVO_ORDERS; order++)
			if (!check_tails(w, d, order))
				return false;
	return true;
}

static bool check_ranges(struct walk *w)
{
	const uint64_t progress_step = 1 << 20; /* base pages */
	const struct hvo_vmemmap_config *config = &w->map->config;
	hvo_pfn_t next = config->pfn_first + progress_step;
	uint64_t count;

	for (hvo_pfn_t pfn = config->pfn_first; pfn < config->pfn_end;
	     pfn += count) {
		if (!check_item(w, pfn, &count))
			return false;
		if (w->options->progress && pfn + count >= next) {
			w->options->progress(w->options->ctx,
					     pfn + count - config->pfn_first);
			next = pfn + count + progress_step;
		}
	}
	return true;
}

int hvo_vmemmap_check(struct hvo_vmemmap *map,
		      const struct hvo_check_options *options,
		      struct hvo_finding *finding)
{
	static const struct hvo_check_options defaults;
	struct walk w = {
	    .map = map,
	    .options = options ? options : &defaults,
	    .finding = finding,
	};

	*finding = (struct hvo_finding){.violation = HVO_CHECK_OK};
	if (w.options->seen)
		memset(w.options->seen, 0, (w.options->frame_end + 7) / 8);
	return check_all_tails(&w) && check_ranges(&w) && check_counters(&w)
		   ? 0
		   : -HVO_ECORRUPT;
}
