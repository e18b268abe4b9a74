/* SPDX-License-Identifier: MIT */
/*
 * memblock's collections: sorted arrays of regions, and adding to and taking
 * from them. Slots after the last region are zero.
 */

#include "memblock.h"

static void init_type(struct hvo_memblock_type *type, const char *name,
		      struct hvo_memblock_region *regions, unsigned long max)
{
	memset(regions, 0, max * sizeof(*regions));
	*type = (struct hvo_memblock_type){
	    .max = max,
	    .regions = regions,
	    .name = name,
	};
}

int hvo_memblock_init(struct hvo_memblock *mb,
		      const struct hvo_memblock_config *config)
{
	if (!config->memory_max || config->memory_max > HVO_REGIONS_MAX ||
	    !config->reserved_max || config->reserved_max > HVO_REGIONS_MAX)
		return -HVO_ERANGE;
	if (config->page_shift < 12 || config->page_shift > 16)
		return -HVO_EPAGE;

	*mb = (struct hvo_memblock){
	    .current_limit = HVO_MEMBLOCK_ANYWHERE,
	    .page_shift = config->page_shift,
	    .default_align = HVO_MEMBLOCK_ALIGN,
	    .map = config->map,
	    .ctx = config->ctx,
	    .initial = {config->memory, config->reserved},
	};
	init_type(&mb->memory, "memory", config->memory, config->memory_max);
	init_type(&mb->reserved, "reserved", config->reserved,
		  config->reserved_max);
	return 0;
}

unsigned long hvo_memblock_index(const struct hvo_memblock_type *type,
				 hvo_phys_t addr)
{
	unsigned long low = 0;
	unsigned long high = type->cnt;

	while (low < high) {
		unsigned long middle = low + (high - low) / 2;

		if (hvo_memblock_region_end(&type->regions[middle]) > addr)
			high = middle;
		else
			low = middle + 1;
	}
	return low;
}

struct hvo_indices hvo_memblock_within(const struct hvo_memblock_type *type,
				       struct hvo_extent e)
{
	unsigned long first = hvo_memblock_index(type, e.base);
	unsigned long last;

	if (hvo_extent_empty(e))
		return (struct hvo_indices){first, first};
	last = hvo_memblock_index(type, e.end - 1);
	if (last < type->cnt && type->regions[last].base < e.end)
		last++;
	return (struct hvo_indices){first, last};
}

/* Make n empty slots at index `at`. */
static void open_slots(struct hvo_memblock_type *type, unsigned long at,
		       unsigned long n)
{
	memmove(&type->regions[at + n], &type->regions[at],
		(type->cnt - at) * sizeof(*type->regions));
	type->cnt += n;
}

void hvo_memblock_close(struct hvo_memblock_type *type, struct hvo_indices at)
{
	unsigned long n = at.last - at.first;

	memmove(&type->regions[at.first], &type->regions[at.last],
		(type->cnt - at.last) * sizeof(*type->regions));
	type->cnt -= n;
	memset(&type->regions[type->cnt], 0, n * sizeof(*type->regions));
}

static bool mergeable(const struct hvo_memblock_region *a,
		      const struct hvo_memblock_region *b)
{
	return hvo_memblock_region_end(a) == b->base && a->nid == b->nid &&
	       a->flags == b->flags;
}

void hvo_memblock_merge(struct hvo_memblock_type *type, struct hvo_indices at)
{
	unsigned long kept = at.first ? at.first - 1 : 0;
	unsigned long end = at.last < type->cnt ? at.last + 1 : type->cnt;

	if (kept >= end)
		return;
	for (unsigned long i = kept + 1; i < end; i++) {
		struct hvo_memblock_region *region = &type->regions[i];

		if (mergeable(&type->regions[kept], region))
			type->regions[kept].size += region->size;
		else
			type->regions[++kept] = *region;
	}
	hvo_memblock_close(type, (struct hvo_indices){kept + 1, end});
}

unsigned long hvo_memblock_gaps(const struct hvo_memblock_type *type,
				struct hvo_extent e)
{
	struct hvo_indices at = hvo_memblock_within(type, e);
	hvo_phys_t covered = e.base;
	unsigned long gaps = 0;

	for (unsigned long i = at.first; i < at.last; i++) {
		gaps += type->regions[i].base > covered;
		covered = hvo_memblock_region_end(&type->regions[i]);
	}
	return gaps + (covered < e.end);
}

static void put_region(struct hvo_memblock_type *type, unsigned long at,
		       struct hvo_extent e,
		       const struct hvo_memblock_region *like)
{
	type->regions[at] = *like;
	type->regions[at].base = e.base;
	type->regions[at].size = e.end - e.base;
	type->total_size += e.end - e.base;
}

/*
 * Slots are opened after the regions concerned, and these and the gaps between
 * them moved into place from the last to the first: each region moves once.
 */
void hvo_memblock_insert(struct hvo_memblock_type *type, struct hvo_extent e,
			 int nid, enum hvo_memblock_flags flags)
{
	struct hvo_memblock_region like = {.flags = flags, .nid = nid};
	struct hvo_indices at = hvo_memblock_within(type, e);
	unsigned long gaps = hvo_memblock_gaps(type, e);
	unsigned long to = at.last + gaps;
	hvo_phys_t bound = e.end; /* what lies above it is in place */

	if (!gaps)
		return;
	open_slots(type, at.last, gaps);
	for (unsigned long i = at.last; i-- > at.first;) {
		struct hvo_memblock_region region = type->regions[i];
		hvo_phys_t end = hvo_memblock_region_end(&region);

		if (end < bound)
			put_region(type, --to, (struct hvo_extent){end, bound},
				   &like);
		type->regions[--to] = region;
		bound = region.base;
	}
	if (e.base < bound)
		put_region(type, --to, (struct hvo_extent){e.base, bound},
			   &like);
	at.last += gaps;
	hvo_memblock_merge(type, at);
}

/* Split region i at addr, which lies inside it. */
static void split(struct hvo_memblock_type *type, unsigned long i,
		  hvo_phys_t addr)
{
	struct hvo_memblock_region *region = &type->regions[i];

	open_slots(type, i, 1);
	region[0].size = addr - region->base;
	region[1].size -= region[0].size;
	region[1].base = addr;
}

/* Does addr lie inside a region, neither at its base nor at its end? */
static bool inside(const struct hvo_memblock_type *type, hvo_phys_t addr)
{
	unsigned long i = hvo_memblock_index(type, addr);

	return i < type->cnt && type->regions[i].base < addr;
}

static void split_at(struct hvo_memblock_type *type, hvo_phys_t addr)
{
	if (inside(type, addr))
		split(type, hvo_memblock_index(type, addr), addr);
}

int hvo_memblock_isolate(struct hvo_memblock *mb,
			 struct hvo_memblock_type *type, struct hvo_extent e)
{
	unsigned long n =
	    (unsigned long)inside(type, e.base) + inside(type, e.end);
	int err;

	if (hvo_extent_empty(e))
		return 0;
	err = hvo_memblock_room(mb, type, n, e);
	if (err)
		return err;
	split_at(type, e.base);
	split_at(type, e.end);
	return 0;
}

/* Does e lie inside one region, so that taking it away leaves two? */
static bool punches(const struct hvo_memblock_type *type, struct hvo_extent e)
{
	unsigned long i = hvo_memblock_index(type, e.base);

	return i < type->cnt && type->regions[i].base < e.base &&
	       hvo_memblock_region_end(&type->regions[i]) > e.end;
}

void hvo_memblock_delete(struct hvo_memblock_type *type, struct hvo_extent e)
{
	struct hvo_indices at;

	if (punches(type, e))
		split_at(type, e.end);
	at = hvo_memblock_within(type, e);
	for (unsigned long i = at.first; i < at.last; i++) {
		struct hvo_memblock_region *region = &type->regions[i];
		hvo_phys_t end = hvo_memblock_region_end(region);
		struct hvo_extent cut =
		    hvo_extent_and(hvo_region_extent(region), e);

		type->total_size -= cut.end - cut.base;
		if (region->base < e.base) {
			region->size = e.base - region->base;
			at.first++;
		} else if (end > e.end) {
			region->base = e.end;
			region->size = end - e.end;
			at.last--;
		}
	}
	hvo_memblock_close(type, at);
}

static int add_range(struct hvo_memblock *mb, struct hvo_memblock_type *type,
		     struct hvo_extent e,
		     const struct hvo_memblock_region *like)
{
	struct hvo_extent avoid = {0, 0};
	int err;

	if (hvo_extent_empty(e))
		return 0;
	if (type == &mb->reserved)
		avoid = e;
	err = hvo_memblock_room(mb, type, hvo_memblock_gaps(type, e), avoid);
	if (!err)
		hvo_memblock_insert(type, e, like->nid, like->flags);
	return err;
}

static int remove_range(struct hvo_memblock *mb, struct hvo_memblock_type *type,
			struct hvo_extent e)
{
	int err;

	if (hvo_extent_empty(e))
		return 0;
	err = hvo_memblock_room(mb, type, punches(type, e), e);
	if (!err)
		hvo_memblock_delete(type, e);
	return err;
}

int hvo_memblock_add_node(struct hvo_memblock *mb, hvo_phys_t base,
			  hvo_phys_t size, int nid,
			  enum hvo_memblock_flags flags)
{
	struct hvo_memblock_region like = {.flags = flags, .nid = nid};
	int err = add_range(mb, &mb->memory, hvo_extent(base, size), &like);

	if (!err && size && flags & HVO_MEMBLOCK_MIRROR)
		mb->mirrored = true;
	return err;
}

int hvo_memblock_remove(struct hvo_memblock *mb, hvo_phys_t base,
			hvo_phys_t size)
{
	return remove_range(mb, &mb->memory, hvo_extent(base, size));
}

int hvo_memblock_reserve_node(struct hvo_memblock *mb, hvo_phys_t base,
			      hvo_phys_t size, int nid,
			      enum hvo_memblock_flags flags)
{
	struct hvo_memblock_region like = {.flags = flags, .nid = nid};

	return add_range(mb, &mb->reserved, hvo_extent(base, size), &like);
}

int hvo_memblock_phys_free(struct hvo_memblock *mb, hvo_phys_t base,
			   hvo_phys_t size)
{
	return remove_range(mb, &mb->reserved, hvo_extent(base, size));
}
