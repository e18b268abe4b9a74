/* SPDX-License-Identifier: MIT */
/*
 * From memblock to a running manager, and back to nothing.
 *
 *   1. Memory is cut into ranges of one zone, by whole subsections.
 *   2. Each range is described; boot pages in it as optimized folios. Frames
 *      come from memblock. Everything that can fail is over then.
 *   3. Marks: what memblock has not free is reserved; of that, what the
 *      vmemmap leads to holds descriptors; boot pages are folios.
 *   4. All goes online: what has no mark is free.
 */

#include "hvo/memblock.h"
#include "layout.h"

struct boot {
	struct hvo_mm *mm;
	struct hvo_memblock *mb;
	struct hvo_mm_boot_page *pages;
	size_t count;
	size_t next; /* first page that is not wholly behind us */
};

/* ---- tables ----------------------------------------------------------- */

static unsigned distance(const struct hvo_mm_config *config, unsigned from,
			 unsigned to)
{
	if (config->distance)
		return config->distance[from * config->nodes + to];
	return from == to ? 10 : 20;
}

/* Sort the nodes by distance from one, itself first; few: by insertion. */
static void sort_nodes(const struct hvo_mm_config *config, unsigned from,
		       uint8_t *nearest)
{
	nearest[0] = (uint8_t)from;
	for (unsigned node = 0, n = 1; node < config->nodes; node++) {
		unsigned at = n;

		if (node == from)
			continue;
		for (; at > 1 && distance(config, from, nearest[at - 1]) >
				     distance(config, from, node);
		     at--)
			nearest[at] = nearest[at - 1];
		nearest[at] = (uint8_t)node;
		n++;
	}
}

static void copy_config(struct hvo_mm *mm, unsigned char *memory,
			const struct hvo_mm_layout *l)
{
	struct hvo_mm_config *c = &mm->config;
	uint8_t *to = memory + l->distance;
	hvo_pfn_t *movable = (hvo_pfn_t *)(void *)(memory + l->movable);

	mm->nearest = memory + l->nearest;
	for (unsigned from = 0; from < c->nodes; from++) {
		sort_nodes(c, from, mm->nearest + (size_t)from * c->nodes);
		for (unsigned n = 0; n < c->nodes; n++)
			to[from * c->nodes + n] = (uint8_t)distance(c, from, n);
	}
	for (unsigned n = 0; n < c->nodes; n++)
		movable[n] =
		    c->movable_first ? c->movable_first[n] : UINT64_MAX;
	c->distance = to;
	c->movable_first = movable;
}

static void make_works(struct hvo_mm *mm, unsigned char *memory,
		       const struct hvo_mm_layout *l)
{
	struct hvo_run *runs =
	    (struct hvo_run *)(void *)(memory + l->work_runs);

	mm->works = (struct hvo_mm_work *)(void *)(memory + l->works);
	for (unsigned i = 0; i < mm->config.cpus; i++)
		mm->works[i].work = HVO_WORK(runs + i * l->runs, l->runs);
}

/* All tables, with nothing in them. */
static int make(struct hvo_mm *mm, const struct hvo_mm_config *config)
{
	unsigned char *memory = (unsigned char *)mm;
	struct hvo_mm_layout l = hvo_mm_lay_out(config);
	struct hvo_vmemmap_config vmemmap = hvo_mm_vmemmap_config(config);
	int err;

	/* Sections and the engine's tables are cleared by their own. */
	memset(memory, 0, l.sections);
	mm->config = *config;
	mm->table_bytes = l.size;
	mm->domains = vmemmap.domains;
	mm->zones = (struct hvo_zone *)(void *)(memory + l.zones);
	mm->caches = (struct hvo_cache *)(void *)(memory + l.caches);
	for (unsigned d = 0; d < mm->domains; d++)
		mm->zones[d].domain = d;
	copy_config(mm, memory, &l);
	make_works(mm, memory, &l);
	vmemmap.frames = hvo_mm_frames(mm);
	err = hvo_vmemmap_init(&mm->map, memory + l.map, &vmemmap);
	if (err)
		return err;
	mm->geometry = *hvo_vmemmap_geometry(mm->map);
	return hvo_sparse_init(&mm->sparse, memory + l.sections, &mm->geometry,
			       config->pfn_first, config->pfn_end);
}

/* ---- ranges of one zone ----------------------------------------------- */

static enum hvo_zone_type type_at(const struct hvo_mm *mm, unsigned node,
				  hvo_pfn_t pfn)
{
	if (pfn < mm->config.dma32_end)
		return HVO_ZONE_DMA32;
	return pfn < mm->config.movable_first[node] ? HVO_ZONE_NORMAL
						    : HVO_ZONE_MOVABLE;
}

/* The first pfn from which on the zone is another. */
static hvo_pfn_t type_end(const struct hvo_mm *mm, unsigned node, hvo_pfn_t pfn)
{
	if (pfn < mm->config.dma32_end)
		return mm->config.dma32_end;
	return pfn < mm->config.movable_first[node]
		   ? mm->config.movable_first[node]
		   : UINT64_MAX;
}

struct range {
	hvo_pfn_t pfn;
	hvo_pfn_t end; /* empty: pfn == end */
	unsigned domain;
};

/* Populate a piece of a range; nothing if it is empty. */
static int populate(struct hvo_mm *mm, hvo_pfn_t pfn, hvo_pfn_t end,
		    unsigned domain, unsigned order)
{
	return pfn < end ? hvo_populate(mm, pfn, end - pfn, domain, order) : 0;
}

static void described(struct hvo_mm *mm, hvo_pfn_t pfn, hvo_pfn_t end,
		      unsigned domain, unsigned order)
{
	if (pfn < end)
		hvo_described(mm, pfn, end - pfn, domain, order);
}

static hvo_pfn_t page_end(const struct hvo_mm_boot_page *page)
{
	return page->pfn + hvo_pages(page->order);
}

/*
 * Describe a range, boot pages that lie wholly in it as optimized folios.
 * Those that fill subsections are entered as such into the sections.
 */
static int describe_range(struct boot *b, const struct range *r)
{
	hvo_pfn_t at = r->pfn; /* populated so far */
	hvo_pfn_t behind = at; /* entered so far */
	int err = 0;

	for (; b->next < b->count; b->next++) {
		struct hvo_mm_boot_page *page = &b->pages[b->next];
		hvo_pfn_t end = page_end(page);

		if (page->pfn >= r->end)
			break;
		page->error =
		    page->pfn < r->pfn || end > r->end ? -HVO_EDOMAIN : 0;
		if (end > r->end)
			break;
		if (page->error)
			continue;
		err = populate(b->mm, at, page->pfn, r->domain, 0);
		if (!err)
			err = populate(b->mm, page->pfn, end, r->domain,
				       page->order);
		if (err)
			return err;
		at = end;
		if (page->order < b->mm->sparse.subsection_order)
			continue;
		described(b->mm, behind, page->pfn, r->domain, 0);
		described(b->mm, page->pfn, end, r->domain, page->order);
		behind = end;
	}
	err = populate(b->mm, at, r->end, r->domain, 0);
	if (!err)
		described(b->mm, behind, r->end, r->domain, 0);
	return err;
}

/* Describe what was gathered, unless [pfn, end) only makes it longer. */
static int next_range(struct boot *b, struct range *r, hvo_pfn_t pfn,
		      hvo_pfn_t end, unsigned domain)
{
	int err = 0;

	if (r->end == pfn && r->domain == domain && r->pfn < r->end) {
		r->end = end;
		return 0;
	}
	if (r->pfn < r->end)
		err = describe_range(b, r);
	*r = (struct range){pfn, end, domain};
	return err;
}

static bool is_usable(const struct hvo_memblock_region *region)
{
	return !(region->flags &
		 (HVO_MEMBLOCK_NOMAP | HVO_MEMBLOCK_DRIVER_MANAGED));
}

/* The node of a region; nodes if there is none. */
static unsigned node_of(const struct hvo_mm *mm,
			const struct hvo_memblock_region *region)
{
	if (region->nid == HVO_NUMA_NO_NODE && mm->config.nodes == 1)
		return 0;
	if (region->nid < 0 || region->nid >= mm->config.nodes)
		return mm->config.nodes;
	return (unsigned)region->nid;
}

/* Add a region, from `from` on where another has its first subsection. */
static int add_region(struct boot *b, struct range *r, hvo_pfn_t from,
		      const struct hvo_memblock_region *region)
{
	const struct hvo_mm *mm = b->mm;
	uint64_t mask = hvo_pages(mm->sparse.subsection_order) - 1;
	hvo_pfn_t pfn = hvo_memblock_memory_base_pfn(b->mb, region);
	hvo_pfn_t end = hvo_memblock_memory_end_pfn(b->mb, region);
	unsigned node = node_of(mm, region);
	int err = 0;

	if (pfn >= end)
		return 0;
	if (node == mm->config.nodes)
		return -HVO_ENODE;
	if (pfn < mm->config.pfn_first || end > mm->config.pfn_end)
		return -HVO_ERANGE;
	pfn &= ~mask;
	end = (end + mask) & ~mask;
	if (pfn < from)
		pfn = from;
	while (pfn < end && !err) {
		hvo_pfn_t to = hvo_least(end, type_end(mm, node, pfn));

		err = next_range(b, r, pfn, to,
				 hvo_zone_domain(node, type_at(mm, node, pfn)));
		pfn = to;
	}
	return err;
}

/* Describe all memory. Only `reserved` changes meanwhile. */
static int describe_memory(struct boot *b)
{
	const struct hvo_memblock_region *region;
	struct range r = {0};
	int err = 0;

	hvo_memblock_for_each_region(&b->mb->memory, region)
	{
		if (is_usable(region))
			err = add_region(b, &r, r.end, region);
		if (err)
			return err;
	}
	return r.pfn < r.end ? describe_range(b, &r) : -HVO_ERANGE;
}

/* ---- boot pages --------------------------------------------------------- */

/* Bytes of a range that usable regions of a type have. */
static uint64_t covered(const struct hvo_memblock_type *type, hvo_phys_t base,
			hvo_phys_t size)
{
	const struct hvo_memblock_region *region;
	uint64_t bytes = 0;

	hvo_memblock_for_each_region(type, region)
	{
		hvo_phys_t from = region->base > base ? region->base : base;
		hvo_phys_t to =
		    hvo_least(hvo_memblock_region_end(region), base + size);

		if (from < to && is_usable(region))
			bytes += to - from;
	}
	return bytes;
}

static int page_refused(const struct boot *b, size_t i)
{
	const struct hvo_mm *mm = b->mm;
	const struct hvo_mm_boot_page *page = &b->pages[i];
	unsigned shift = mm->geometry.page_shift;
	uint64_t size;

	if (!hvo_order_optimizable(&mm->geometry, page->order))
		return -HVO_EORDER;
	if (page->pfn & (hvo_pages(page->order) - 1))
		return -HVO_EALIGN;
	if (page->pfn < mm->config.pfn_first ||
	    page->pfn >= mm->config.pfn_end ||
	    hvo_pages(page->order) > mm->config.pfn_end - page->pfn)
		return -HVO_ERANGE;
	if (i && page->pfn < page_end(page - 1))
		return -HVO_EEXIST;
	size = hvo_pages(page->order) << shift;
	if (covered(&b->mb->memory, page->pfn << shift, size) != size)
		return -HVO_ERANGE;
	if (covered(&b->mb->reserved, page->pfn << shift, size) != size)
		return -HVO_ESTATE;
	return 0;
}

static int validate_pages(const struct boot *b)
{
	int err = 0;

	for (size_t i = 0; i < b->count && !err; i++)
		err = page_refused(b, i);
	return err;
}

/* ---- marks -------------------------------------------------------------- */

/* Boot pages are frozen folios; what was refused has no mark. */
static void mark_pages(struct boot *b)
{
	for (size_t i = 0; i < b->count; i++) {
		const struct hvo_mm_boot_page *page = &b->pages[i];

		if (page->error)
			continue;
		hvo_folio_mark(hvo_page_at(b->mm, page->pfn), page->order, 0);
		hvo_account(hvo_zone_of(b->mm, page->pfn), HVO_OWNER_OFFLINE,
			    HVO_OWNER_FOLIO, hvo_pages(page->order));
	}
}

/* Is pfn in a boot page that was refused? Asked with pfns that rise. */
static bool in_refused(struct boot *b, hvo_pfn_t pfn)
{
	while (b->next < b->count && page_end(&b->pages[b->next]) <= pfn)
		b->next++;
	return b->next < b->count && b->pages[b->next].error &&
	       b->pages[b->next].pfn <= pfn;
}

static void reserve_page(struct boot *b, hvo_pfn_t pfn)
{
	if (in_refused(b, pfn))
		return;
	hvo_page_mark(hvo_page_at(b->mm, pfn), HVO_PAGE_RESERVED);
	hvo_account(hvo_zone_of(b->mm, pfn), HVO_OWNER_OFFLINE,
		    HVO_OWNER_RESERVED, 1);
}

/* Pages that memblock has not free, but boot pages, are reserved. */
static void mark_reserved(struct boot *b, hvo_pfn_t pfn, hvo_pfn_t end)
{
	struct hvo_mm *mm = b->mm;
	uint64_t step = hvo_pages(mm->sparse.subsection_order);

	while (pfn < end) {
		struct hvo_range_state s = hvo_vmemmap_state(mm->map, pfn);

		if (s.state == HVO_ABSENT)
			pfn = (pfn & ~(step - 1)) + step;
		else if (s.state == HVO_OPTIMIZED)
			pfn += hvo_pages(s.order);
		else
			reserve_page(b, pfn++);
	}
}

static void mark_memory(struct boot *b)
{
	unsigned shift = b->mm->geometry.page_shift;
	hvo_pfn_t behind = b->mm->config.pfn_first;
	hvo_phys_t start;
	hvo_phys_t end;
	uint64_t i;

	b->next = 0;
	hvo_memblock_for_each_free_range(b->mb, i, HVO_NUMA_NO_NODE,
					 HVO_MEMBLOCK_HOTPLUG, &start, &end,
					 NULL)
	{
		hvo_pfn_t from =
		    (start + hvo_page_size(&b->mm->geometry) - 1) >> shift;
		hvo_pfn_t to = end >> shift;

		if (from >= to)
			continue;
		mark_reserved(b, behind, from);
		behind = to;
	}
	mark_reserved(b, behind, b->mm->config.pfn_end);
}

/* The frame behind a page of the vmemmap; home: that page + 1, or 0. */
static void mark_frame(struct hvo_mm *mm, hvo_frame_t frame, uint64_t home)
{
	hvo_pfn_t pfn = hvo_mm_frame_pfn(mm, frame);
	struct hvo_page *page = hvo_page_at(mm, pfn);

	if (hvo_page_flags(page) & HVO_PAGE_BOOT)
		return;
	hvo_page_unmark(page, HVO_PAGE_RESERVED);
	page->data = home;
	hvo_page_mark(page, HVO_PAGE_BOOT);
	hvo_account(hvo_zone_of(mm, pfn), HVO_OWNER_RESERVED, HVO_OWNER_BOOT,
		    1);
}

/* The frames behind the descriptors of a range, shared tails among them. */
static void mark_frames(struct hvo_mm *mm, hvo_pfn_t pfn, uint64_t count)
{
	uint64_t size = hvo_page_size(&mm->geometry);
	uintptr_t window = (uintptr_t)hvo_page_at(mm, mm->config.pfn_first);
	uint64_t page = ((uintptr_t)hvo_page_at(mm, pfn) - window) / size;
	uint64_t end = page + count * sizeof(struct hvo_page) / size;

	for (; page < end; page++) {
		struct hvo_translation t = hvo_port_translate(
		    mm->config.port, (void *)(window + page * size));

		mark_frame(mm, t.frame,
			   t.prot == HVO_PROT_WRITE ? page + 1 : 0);
	}
}

static void mark_all_frames(struct hvo_mm *mm)
{
	struct hvo_span span;

	for (hvo_pfn_t pfn = mm->config.pfn_first;
	     hvo_vmemmap_span(mm->map, pfn, &span); pfn += span.count)
		if (span.state.state != HVO_ABSENT)
			mark_frames(mm, pfn, span.count);
}

/* ---- going online ------------------------------------------------------- */

/* A zone keeps 1/256 of its memory, at most 8 MiB of 4 KiB pages, for those
 * who cannot wait. */
static void set_watermarks(struct hvo_mm *mm, struct hvo_zone *zone)
{
	uint64_t min = hvo_least(hvo_read(&zone->present) / 256, 2048);

	if (hvo_domain_type(zone->domain) != HVO_ZONE_DEVICE)
		hvo_zone_set_watermarks(mm, hvo_domain_node(zone->domain),
					hvo_domain_type(zone->domain), min,
					min + min / 4, min + min / 2);
}

static void go_online(struct hvo_mm *mm)
{
	struct hvo_sparse_span span;

	for (hvo_pfn_t pfn = mm->config.pfn_first;
	     hvo_sparse_span(&mm->sparse, pfn, &span); pfn += span.count)
		if (span.present)
			hvo_online(mm, pfn, span.count);
	for (unsigned d = 0; d < mm->domains; d++)
		set_watermarks(mm, &mm->zones[d]);
}

/* ---- beginning and end -------------------------------------------------- */

/* Give up all descriptors, whatever state they are in. */
static int depopulate_all(struct hvo_mm *mm)
{
	struct hvo_work *work = hvo_mm_work_take(mm);
	hvo_pfn_t pfn = mm->config.pfn_first;
	struct hvo_span span;
	int err = 0;

	while (!err && hvo_vmemmap_span(mm->map, pfn, &span)) {
		hvo_pfn_t from = pfn;

		for (; hvo_vmemmap_span(mm->map, pfn, &span) &&
		       span.state.state != HVO_ABSENT;
		     pfn += span.count)
			;
		if (pfn > from)
			err = hvo_vmemmap_depopulate(mm->map, from, pfn - from,
						     work, NULL);
		else
			pfn += span.count;
	}
	hvo_mm_work_give(mm, work);
	return err ? err : hvo_vmemmap_fini(mm->map);
}

/* What folios of a span are backed with; *pfn goes on behind the last. */
static void uncommit_span(struct hvo_mm *mm, hvo_pfn_t *pfn, hvo_pfn_t end)
{
	while (*pfn < end) {
		struct hvo_page *page = hvo_page_at(mm, *pfn);
		uint64_t flags = hvo_page_flags(page);
		uint64_t pages = 1;

		if (flags & HVO_PAGE_FOLIO)
			pages = hvo_pages(hvo_folio_order(page));
		else if (flags & HVO_PAGE_BLOCKS)
			pages = hvo_pages(page->order);
		/* Tails of what is nobody's are read-only: look first. */
		if (flags & HVO_PAGE_COMMIT) {
			hvo_page_unmark(page, HVO_PAGE_COMMIT);
			hvo_uncommit(mm, hvo_pages_run(mm, *pfn, pages));
		}
		*pfn += pages;
	}
}

static void uncommit_folios(struct hvo_mm *mm)
{
	hvo_pfn_t behind = mm->config.pfn_first;
	struct hvo_sparse_span span;

	for (hvo_pfn_t pfn = behind; hvo_sparse_span(&mm->sparse, pfn, &span);
	     pfn += span.count) {
		if (behind < pfn)
			behind = pfn;
		if (span.present)
			uncommit_span(mm, &behind, pfn + span.count);
	}
}

/*
 * Give up the folios that hold their own descriptors, and these pages, which
 * the engine takes for the folios' affair. They may be unbacked only when
 * nothing leads to them any more.
 */
static int leave_homes(struct hvo_mm *mm)
{
	struct hvo_work *work = hvo_mm_work_take(mm);
	int err = 0;

	while (mm->first_host && !err) {
		hvo_pfn_t host = mm->first_host - 1;
		unsigned order = hvo_page_at(mm, host)->order;
		hvo_pfn_t next = hvo_page_at(mm, host)->data;
		uint64_t hosts = hvo_host_pages(mm, order);
		hvo_pfn_t pfn = host + hosts - hvo_pages(order);

		err = hvo_vmemmap_depopulate(mm->map, pfn, hvo_pages(order),
					     work, NULL);
		if (err)
			break;
		hvo_uncommit(mm, hvo_pages_run(mm, host, hosts));
		mm->first_host = next;
		mm->hosts--;
	}
	hvo_mm_work_give(mm, work);
	return err;
}

int hvo_mm_fini(struct hvo_mm *mm)
{
	int err;

	if (mm->phase == HVO_MM_RUNNING)
		uncommit_folios(mm);
	mm->phase = HVO_MM_LEAVING;
	err = leave_homes(mm);
	return err ? err : depopulate_all(mm);
}

int hvo_mm_init(struct hvo_mm **mm_out, void *memory,
		const struct hvo_mm_config *config,
		struct hvo_memblock *memblock, struct hvo_mm_boot_page *pages,
		size_t n)
{
	struct hvo_mm *mm = memory;
	struct boot boot = {
	    .mm = mm,
	    .mb = memblock,
	    .pages = pages,
	    .count = n,
	};
	int err = hvo_mm_validate(config);

	if (err)
		return err;
	err = make(mm, config);
	mm->memblock = memblock;
	if (!err)
		err = validate_pages(&boot);
	if (err)
		return err;
	err = describe_memory(&boot);
	if (err) {
		for (unsigned i = 0; i < HVO_PATIENCE && depopulate_all(mm);
		     i++)
			hvo_port_relax(config->port);
		return err;
	}
	mm->phase = HVO_MM_RUNNING;
	mark_pages(&boot);
	mark_memory(&boot);
	mark_all_frames(mm);
	go_online(mm);
	*mm_out = mm;
	return 0;
}
