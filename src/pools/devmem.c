/* SPDX-License-Identifier: MIT */
/*
 * Device memory: up to three pieces that are described one after the other,
 * the altmap's in full, the others as optimized folios. All that holds state
 * is the manager; here is only how a range is divided.
 */

#include "hvo/devmem.h"
#include "hvo/error.h"
#include "hvo/mem.h"

static const struct hvo_geometry *geometry_of(const struct hvo_mm *mm)
{
	return hvo_vmemmap_geometry(hvo_mm_vmemmap(mm));
}

static uint64_t round_up(uint64_t n, uint64_t to)
{
	return (n + to - 1) & ~(to - 1);
}

/* ---- how a range is divided ----------------------------------------- */

struct piece {
	hvo_pfn_t pfn;
	hvo_pfn_t end; /* empty: pfn == end */
	unsigned order;
};

#define PIECES 3

/* A subsection's order if such folios can be optimized, else 0: in full. */
static unsigned fill_order(const struct hvo_mm *mm, unsigned order)
{
	unsigned sub = hvo_mm_sparse(mm)->subsection_order;

	return order && hvo_order_optimizable(geometry_of(mm), sub) ? sub : 0;
}

static void divide(const struct hvo_mm *mm, const struct hvo_devmem *dev,
		   struct piece *piece)
{
	piece[0] = (struct piece){dev->pfn, dev->fill, 0};
	piece[1] =
	    (struct piece){dev->fill, dev->data, fill_order(mm, dev->order)};
	piece[2] = (struct piece){dev->data, dev->pfn + dev->count, dev->order};
}

/* Frames for the descriptors of a piece, shared tails not counted. */
static uint64_t frames_of(const struct hvo_mm *mm, const struct piece *p)
{
	const struct hvo_geometry *g = geometry_of(mm);
	uint64_t pages = p->end - p->pfn;

	return p->order ? pages >> p->order
			: pages * g->record >> g->page_shift;
}

static uint64_t frames_needed(const struct hvo_mm *mm,
			      const struct hvo_devmem *dev)
{
	struct piece piece[PIECES];
	uint64_t frames = 0;

	divide(mm, dev, piece);
	for (unsigned i = 0; i < PIECES; i++)
		frames += frames_of(mm, &piece[i]);
	return frames;
}

/* Where the altmap ends and data begins: more pages hold more descriptors. */
static int lay_out(const struct hvo_mm *mm, struct hvo_devmem *dev)
{
	uint64_t step = UINT64_C(1) << hvo_mm_sparse(mm)->subsection_order;
	uint64_t size = dev->order ? UINT64_C(1) << dev->order : step;

	dev->altmap = (struct hvo_altmap){
	    .pfn = dev->pfn, .count = dev->count, .first = dev->pfn};
	for (uint64_t full = dev->on_device ? step : 0; full < dev->count;
	     full += step) {
		dev->fill = dev->pfn + full;
		dev->data = full ? round_up(dev->fill, size) : dev->pfn;
		if (dev->data - dev->pfn >= dev->count)
			break;
		dev->altmap.pages = frames_needed(mm, dev);
		if (!full || dev->altmap.pages <= full)
			return 0;
	}
	return -HVO_ERANGE;
}

static int refused(const struct hvo_mm *mm, const struct hvo_devmem *dev)
{
	uint64_t size = dev->order ? UINT64_C(1) << dev->order : 1;
	int err;

	if (dev->order && !hvo_order_optimizable(geometry_of(mm), dev->order))
		return -HVO_EORDER;
	if (dev->node >= hvo_mm_config(mm)->nodes)
		return -HVO_ENODE;
	err = hvo_sparse_validate(hvo_mm_sparse(mm), dev->pfn, dev->count);
	if (!err && ((dev->pfn | dev->count) & (size - 1)))
		err = -HVO_EALIGN;
	return err;
}

/* ---- adding and removing -------------------------------------------- */

/*
 * Describe again what was described a moment ago, backwards. A port may refuse
 * for a moment, while others have what it needs.
 */
static void undo(struct hvo_mm *mm, hvo_pfn_t pfn, hvo_pfn_t end)
{
	const unsigned patience = 1000;
	uint64_t done = 0;

	for (unsigned i = 0; pfn < end && i < patience; i++) {
		hvo_mm_undescribe(mm, pfn, end - pfn, &done);
		pfn += done;
		hvo_port_relax(hvo_mm_config(mm)->port);
	}
}

static int describe(struct hvo_mm *mm, const struct hvo_devmem *dev)
{
	unsigned domain = hvo_zone_domain(dev->node, HVO_ZONE_DEVICE);
	struct piece piece[PIECES];
	int err = 0;

	divide(mm, dev, piece);
	for (unsigned i = 0; i < PIECES && !err; i++) {
		if (piece[i].pfn < piece[i].end)
			err = hvo_mm_describe(mm, piece[i].pfn,
					      piece[i].end - piece[i].pfn,
					      domain, piece[i].order);
		if (err)
			undo(mm, dev->pfn, piece[i].pfn);
	}
	return err;
}

int hvo_devmem_add(struct hvo_mm *mm, struct hvo_devmem *dev)
{
	int err = refused(mm, dev);

	if (!err)
		err = lay_out(mm, dev);
	if (!err && dev->on_device)
		err = hvo_mm_altmap_add(mm, &dev->altmap);
	if (err)
		return err;
	err = describe(mm, dev);
	if (err && dev->on_device)
		hvo_mm_altmap_remove(mm, &dev->altmap);
	return err;
}

/* Where the part that is still described begins. */
static hvo_pfn_t left_of(const struct hvo_mm *mm, const struct hvo_devmem *dev)
{
	const struct hvo_sparse *sparse = hvo_mm_sparse(mm);
	hvo_pfn_t end = dev->pfn + dev->count;
	hvo_pfn_t at = dev->pfn;

	while (at < end && !hvo_sparse_present(sparse, at))
		at += UINT64_C(1) << sparse->subsection_order;
	return at;
}

int hvo_devmem_remove(struct hvo_mm *mm, struct hvo_devmem *dev)
{
	hvo_pfn_t end = dev->pfn + dev->count;
	hvo_pfn_t pfn = left_of(mm, dev);
	int err = 0;

	if (pfn < end)
		err = hvo_mm_undescribe(mm, pfn, end - pfn, NULL);
	if (!err && dev->on_device)
		err = hvo_mm_altmap_remove(mm, &dev->altmap);
	return err;
}

/* ---- looking -------------------------------------------------------- */

/* Writable frames behind the range's descriptors, on the device or not. */
static void count_frames(struct hvo_mm *mm, const struct hvo_devmem *dev,
			 struct hvo_devmem_stats *s)
{
	struct hvo_port *port = hvo_mm_config(mm)->port;
	uint64_t size = hvo_page_size(geometry_of(mm));
	unsigned char *at = (void *)hvo_mm_page(mm, dev->pfn);
	unsigned char *end = (void *)hvo_mm_page(mm, dev->pfn + dev->count);

	for (; at < end; at += size) {
		struct hvo_translation t = hvo_port_translate(port, at);

		if (t.prot != HVO_PROT_WRITE)
			continue;
		if (hvo_mm_frame_pfn(mm, t.frame) - dev->pfn < dev->count)
			s->on_device++;
		else
			s->off_device++;
	}
}

int hvo_devmem_stats(struct hvo_mm *mm, const struct hvo_devmem *dev,
		     struct hvo_devmem_stats *stats)
{
	const struct hvo_geometry *g = geometry_of(mm);

	if (left_of(mm, dev) != dev->pfn)
		return -HVO_EABSENT;
	*stats = (struct hvo_devmem_stats){
	    .full_bytes = dev->count * g->record,
	    .altmap_pages = dev->on_device ? dev->altmap.pages : 0,
	    .altmap_used = dev->altmap.used - dev->altmap.back,
	};
	if (dev->order)
		stats->folios =
		    (dev->pfn + dev->count - dev->data) >> dev->order;
	count_frames(mm, dev, stats);
	stats->bytes = (stats->on_device + stats->off_device) << g->page_shift;
	return 0;
}

/* ---- the check ------------------------------------------------------ */

static bool found(struct hvo_devmem_finding *finding, const char *what,
		  hvo_pfn_t pfn, uint64_t expected, uint64_t what_is)
{
	*finding = (struct hvo_devmem_finding){what, pfn, expected, what_is};
	return false;
}

/* Is a subsection, or an optimized folio, described as it should be? */
static bool check_piece(struct hvo_mm *mm, const struct piece *p,
			struct hvo_devmem_finding *finding)
{
	unsigned sub = hvo_mm_sparse(mm)->subsection_order;
	uint64_t step = UINT64_C(1) << (p->order ? p->order : sub);

	for (hvo_pfn_t at = p->pfn; at < p->end; at += step) {
		struct hvo_range_state s =
		    hvo_vmemmap_state(hvo_mm_vmemmap(mm), at);

		if (s.state != (p->order ? HVO_OPTIMIZED : HVO_FULL))
			return found(
			    finding, "a part of the range is not in its state",
			    at, p->order ? HVO_OPTIMIZED : HVO_FULL, s.state);
		if (p->order && s.order != p->order)
			return found(finding, "a folio has another order", at,
				     p->order, s.order);
	}
	return true;
}

static bool check_altmap(struct hvo_mm *mm, const struct hvo_devmem *dev,
			 struct hvo_devmem_finding *finding)
{
	struct hvo_devmem_stats s;

	hvo_devmem_stats(mm, dev, &s);
	for (uint64_t i = 0; i < s.altmap_pages; i++) {
		uint64_t flags =
		    atomic_load_explicit(&hvo_mm_page(mm, dev->pfn + i)->flags,
					 memory_order_relaxed);

		if (!(flags & HVO_PAGE_ALTMAP))
			return found(finding, "an altmap's page is not marked",
				     dev->pfn + i, HVO_PAGE_ALTMAP, flags);
	}
	if (s.altmap_used != s.on_device)
		return found(finding,
			     "an altmap does not count what the mappings show",
			     dev->pfn, s.on_device, s.altmap_used);
	return true;
}

int hvo_devmem_check(struct hvo_mm *mm, const struct hvo_devmem *dev,
		     struct hvo_devmem_finding *finding)
{
	struct piece piece[PIECES];
	bool sound = true;

	*finding = (struct hvo_devmem_finding){0};
	divide(mm, dev, piece);
	for (unsigned i = 0; i < PIECES && sound; i++)
		sound = check_piece(mm, &piece[i], finding);
	return sound && check_altmap(mm, dev, finding) ? 0 : -HVO_ECORRUPT;
}
