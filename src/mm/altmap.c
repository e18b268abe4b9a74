/* SPDX-License-Identifier: MIT */
/*
 * Altmaps: base pages set aside for the descriptors of one range. There are
 * few, so they are a list.
 *
 * An altmap hands its pages out in order and counts those that come back; a
 * freed page may hold nothing (its memory is about to go), so there is nowhere
 * to keep a list of free ones.
 */

#include "internal.h"

static bool overlap(hvo_pfn_t a, uint64_t a_count, hvo_pfn_t b,
		    uint64_t b_count)
{
	return a < b + b_count && b < a + a_count;
}

static bool inside(const struct hvo_mm *mm, hvo_pfn_t pfn, uint64_t count)
{
	return count && pfn >= mm->config.pfn_first &&
	       pfn < mm->config.pfn_end && count <= mm->config.pfn_end - pfn;
}

static bool any_present(const struct hvo_mm *mm, hvo_pfn_t pfn, uint64_t count)
{
	for (hvo_pfn_t at = pfn; at < pfn + count; at++)
		if (hvo_sparse_present(&mm->sparse, at))
			return true;
	return false;
}

int hvo_mm_altmap_add(struct hvo_mm *mm, struct hvo_altmap *altmap)
{
	int err = 0;

	if (!inside(mm, altmap->pfn, altmap->count) ||
	    !inside(mm, altmap->first, altmap->pages))
		return -HVO_ERANGE;
	if (any_present(mm, altmap->first, altmap->pages))
		return -HVO_EEXIST;
	hvo_mm_lock(mm, &mm->altmap_lock);
	for (const struct hvo_altmap *a = mm->altmaps; a; a = a->next)
		if (overlap(a->pfn, a->count, altmap->pfn, altmap->count) ||
		    overlap(a->first, a->pages, altmap->first, altmap->pages))
			err = -HVO_EEXIST;
	if (!err) {
		altmap->used = altmap->back = 0;
		altmap->next = mm->altmaps;
		mm->altmaps = altmap;
	}
	hvo_mm_unlock(&mm->altmap_lock);
	return err;
}

int hvo_mm_altmap_remove(struct hvo_mm *mm, struct hvo_altmap *altmap)
{
	struct hvo_altmap **at = &mm->altmaps;
	int err = 0;

	if (any_present(mm, altmap->first, altmap->pages))
		return -HVO_EBUSY;
	hvo_mm_lock(mm, &mm->altmap_lock);
	while (*at && *at != altmap)
		at = &(*at)->next;
	if (!*at)
		err = -HVO_ESTATE;
	else if (altmap->used != altmap->back)
		err = -HVO_EBUSY;
	else
		*at = altmap->next;
	hvo_mm_unlock(&mm->altmap_lock);
	return err;
}

/* ---- handing out -------------------------------------------------------- */

static hvo_pfn_t page_pfn(const struct hvo_mm *mm, uint64_t page)
{
	return mm->config.pfn_first +
	       (page << mm->geometry.page_shift) / sizeof(struct hvo_page);
}

bool hvo_altmap_alloc(struct hvo_mm *mm,
		      const struct hvo_frame_request *request,
		      struct hvo_run *run)
{
	hvo_pfn_t pfn;
	bool found = false;

	if (request->home == UINT64_MAX || request->align > 1)
		return false;
	pfn = page_pfn(mm, request->home);
	hvo_mm_lock(mm, &mm->altmap_lock);
	for (struct hvo_altmap *a = mm->altmaps; a && !found; a = a->next) {
		uint64_t n = hvo_least(request->count, a->pages - a->used);

		if (pfn - a->pfn >= a->count || n < request->least)
			continue;
		*run = hvo_pages_run(mm, a->first + a->used, n);
		a->used += n;
		found = true;
	}
	hvo_mm_unlock(&mm->altmap_lock);
	return found;
}

void hvo_altmap_free(struct hvo_mm *mm, hvo_pfn_t pfn)
{
	hvo_mm_lock(mm, &mm->altmap_lock);
	for (struct hvo_altmap *a = mm->altmaps; a; a = a->next) {
		if (pfn - a->first >= a->pages)
			continue;
		a->back++;
		if (a->back == a->used)
			a->back = a->used = 0;
		break;
	}
	hvo_mm_unlock(&mm->altmap_lock);
}

/* ---- looking ---------------------------------------------------------- */

uint64_t hvo_altmap_used(struct hvo_mm *mm)
{
	uint64_t used = 0;

	hvo_mm_lock(mm, &mm->altmap_lock);
	for (struct hvo_altmap *a = mm->altmaps; a; a = a->next)
		used += a->used - a->back;
	hvo_mm_unlock(&mm->altmap_lock);
	return used;
}

/*
 * By address, and not by place in the list, which others may add to and take
 * from between two calls.
 */
bool hvo_altmap_within(struct hvo_mm *mm, hvo_pfn_t pfn, hvo_pfn_t end,
		       hvo_pfn_t *first, hvo_pfn_t *last)
{
	*first = end;
	hvo_mm_lock(mm, &mm->altmap_lock);
	for (struct hvo_altmap *a = mm->altmaps; a && pfn < end; a = a->next) {
		hvo_pfn_t at = a->first > pfn ? a->first : pfn;

		if (!overlap(a->first, a->pages, pfn, end - pfn) ||
		    at >= *first)
			continue;
		*first = at;
		*last = hvo_least(a->first + a->pages, end);
	}
	hvo_mm_unlock(&mm->altmap_lock);
	return *first < end;
}

/* Frames of [first, first + pages) behind the descriptors of a range. */
static uint64_t describing(const struct hvo_mm *mm, hvo_pfn_t pfn,
			   hvo_pfn_t end, hvo_pfn_t first, uint64_t pages)
{
	uintptr_t at = (uintptr_t)hvo_page_at(mm, pfn);
	uintptr_t last = (uintptr_t)hvo_page_at(mm, end);
	uint64_t count = 0;

	for (; at < last; at += hvo_page_size(&mm->geometry)) {
		struct hvo_translation t =
		    hvo_port_translate(mm->config.port, (void *)at);

		count += t.prot == HVO_PROT_WRITE &&
			 hvo_mm_frame_pfn(mm, t.frame) - first < pages;
	}
	return count;
}

bool hvo_altmap_self(struct hvo_mm *mm, hvo_pfn_t pfn, hvo_pfn_t end)
{
	bool self = true;

	hvo_mm_lock(mm, &mm->altmap_lock);
	for (const struct hvo_altmap *a = mm->altmaps; a; a = a->next)
		if (overlap(a->first, a->pages, pfn, end - pfn) &&
		    a->used - a->back !=
			describing(mm, pfn, end, a->first, a->pages))
			self = false;
	hvo_mm_unlock(&mm->altmap_lock);
	return self;
}
