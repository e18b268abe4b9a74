/* SPDX-License-Identifier: MIT */
/*
 * A bad frame under the vmemmap is replaced while others read through it:
 *
 *   before      page -> bad frame, writable
 *   meanwhile   page -> bad frame, read-only; then the new one, same bytes
 *   afterwards  page -> new frame, writable
 *
 * Nobody may write to those descriptors meanwhile, so all pages described by
 * the unit around are isolated first, and a grace period lets walkers that
 * have seen a reference on one of them leave. Where that cannot be had, or
 * the frame is a shared tail's, which a whole zone's folios lead to, the
 * frame stays.
 */

#include "hvo/contig.h"
#include "internal.h"

/* A page of the vmemmap and the unit of base pages that it helps describe. */
struct site {
	void *va;
	uint64_t home; /* vmemmap page, from the window's start */
	hvo_pfn_t pfn;
	uint64_t count;
};

/* Inside a read-side section. */
static bool look(const struct hvo_mm *mm, hvo_pfn_t frame, struct site *site)
{
	const struct hvo_page *page = hvo_page_at(mm, frame);
	uint64_t size = hvo_page_size(&mm->geometry);
	unsigned char *window =
	    (unsigned char *)hvo_page_at(mm, mm->config.pfn_first);
	uint64_t first;

	if (!hvo_pfn_valid(mm->map, frame) || !page->data)
		return false;
	site->home = page->data - 1;
	site->va = window + site->home * size;
	first = site->home * size / sizeof(struct hvo_page);
	site->count = hvo_pages(mm->geometry.unit_order);
	site->pfn = mm->config.pfn_first + first / site->count * site->count;
	return hvo_vmemmap_state(mm->map, site->pfn).state == HVO_FULL &&
	       hvo_port_translate(mm->config.port, site->va).frame.nr ==
		   hvo_mm_frame(mm, frame).nr;
}

/* Where the frame is in use; false where nothing can be done about it. */
static bool find_site(const struct hvo_mm *mm, hvo_pfn_t frame,
		      struct site *site)
{
	bool found;

	hvo_port_read_begin(mm->config.port);
	found = look(mm, frame, site);
	hvo_port_read_end(mm->config.port);
	return found;
}

static int take_frame(struct hvo_mm *mm, hvo_pfn_t near, hvo_pfn_t *pfn)
{
	const struct hvo_want want = {
	    .node = hvo_domain_node(hvo_sparse_domain(&mm->sparse, near)),
	    .nodes = UINT32_MAX,
	    .limit = HVO_ZONE_NORMAL,
	    .reserve = true,
	    .owner = HVO_OWNER_VMEMMAP,
	};
	int err = hvo_block_take(mm, &want, pfn);

	if (err)
		return err;
	err = hvo_commit(mm, hvo_pages_run(mm, *pfn, 1));
	if (err)
		hvo_block_give(mm, *pfn, 0, HVO_OWNER_VMEMMAP);
	return err;
}

/* Lead one isolated page of the vmemmap to another frame. */
static int move(struct hvo_mm *mm, void *va, struct hvo_run from,
		struct hvo_run to)
{
	struct hvo_port *port = mm->config.port;
	int err;

	hvo_port_synchronize(port);
	err = hvo_port_split(port, va, 1);
	if (!err)
		err =
		    hvo_port_protect(port, va, 1, HVO_PROT_READ, HVO_MAY_FAIL);
	if (err)
		return err;
	hvo_port_flush(port, va, 1);
	hvo_port_copy(port, to, from, 0);
	err = hvo_port_repoint(port, va, 1, to, HVO_PROT_READ, HVO_MAY_FAIL);
	hvo_port_flush(port, va, 1);
	hvo_port_protect(port, va, 1, HVO_PROT_WRITE, HVO_MUST);
	hvo_port_flush(port, va, 1);
	return err;
}

/* Move an isolated site from a bad frame, which is freed. */
static int move_site(struct hvo_mm *mm, const struct site *site, hvo_pfn_t bad)
{
	const struct hvo_frames frames = hvo_mm_frames(mm);
	struct hvo_run from = hvo_pages_run(mm, bad, 1);
	hvo_pfn_t pfn;
	int err = take_frame(mm, site->pfn, &pfn);

	if (err)
		return err;
	err = move(mm, site->va, from, hvo_pages_run(mm, pfn, 1));
	if (err) {
		hvo_uncommit(mm, hvo_pages_run(mm, pfn, 1));
		hvo_block_give(mm, pfn, 0, HVO_OWNER_VMEMMAP);
		return err;
	}
	hvo_page_at(mm, pfn)->data = site->home + 1;
	hvo_page_mark(hvo_page_at(mm, pfn), HVO_PAGE_VMEMMAP);
	/* Retired, unless it was found good meanwhile. */
	frames.free(frames.ctx, from);
	return 0;
}

bool hvo_frame_replace(struct hvo_mm *mm, hvo_pfn_t pfn)
{
	struct site site, now;
	bool moved;

	if (!find_site(mm, pfn, &site) ||
	    hvo_contig_isolate(mm, site.pfn, site.count))
		return false;
	/* It may have been freed, and be in use elsewhere. */
	moved = find_site(mm, pfn, &now) && now.va == site.va &&
		!move_site(mm, &site, pfn);
	hvo_contig_release(mm, site.pfn, site.count);
	return moved;
}
