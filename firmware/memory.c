/* SPDX-License-Identifier: MIT */
/*
 * Maps of memory: gathering ranges, and making one list of them.
 *
 * Normalising is a sweep over the ranges sorted by base. Between two
 * neighbouring boundaries (a range's base or end) the same ranges cover every
 * byte: that is a segment, and it is decided once. After the sweep the list
 * is sorted and without overlaps at the granularity of bytes; rounding to
 * pages comes last, because RAM that two entries describe half a page each is
 * a whole page of RAM.
 *
 * Belongs to whoever owns the arrays; no locks.
 */
#include "fault.h"

static const char *const type_texts[HVO_MEMORY_TYPES] = {
    [HVO_MEMORY_NODE] = "node",         [HVO_MEMORY_RAM] = "RAM",
    [HVO_MEMORY_SPECIAL] = "special",   [HVO_MEMORY_ACPI] = "ACPI",
    [HVO_MEMORY_NVS] = "ACPI NVS",      [HVO_MEMORY_PERSISTENT] = "persistent",
    [HVO_MEMORY_RESERVED] = "reserved", [HVO_MEMORY_UNUSABLE] = "unusable",
};

const char *hvo_memory_type_text(enum hvo_memory_type type)
{
	return (unsigned)type < HVO_MEMORY_TYPES ? type_texts[type]
						 : "unknown type";
}

uint64_t hvo_memory_bytes(const struct hvo_memory_map *map,
			  enum hvo_memory_type type)
{
	uint64_t bytes = 0;

	for (size_t i = 0; i < map->count; i++)
		if (map->range[i].type == type)
			bytes += map->range[i].size;
	return bytes;
}

static enum hvo_firmware_error valid(const struct hvo_memory_range *range)
{
	if (range->size > UINT64_MAX - range->base)
		return HVO_FIRMWARE_RANGE;
	if ((unsigned)range->type >= HVO_MEMORY_TYPES)
		return HVO_FIRMWARE_TYPE;
	return HVO_FIRMWARE_OK;
}

enum hvo_firmware_error hvo_memory_add(struct hvo_memory_map *map,
				       const struct hvo_memory_range *range)
{
	enum hvo_firmware_error error = valid(range);

	if (error || !range->size)
		return error;
	if (map->count == map->capacity)
		return HVO_FIRMWARE_ROOM;
	map->range[map->count++] = *range;
	return HVO_FIRMWARE_OK;
}

/* ---- sorting ------------------------------------------------------------ */

/* Let the range at the root of a heap of count ranges sink to its place. */
static void sift_down(struct hvo_memory_range *heap, size_t root, size_t count)
{
	for (;;) {
		size_t child = 2 * root + 1;
		struct hvo_memory_range range = heap[root];

		if (child >= count)
			return;
		if (child + 1 < count &&
		    heap[child + 1].base > heap[child].base)
			child++;
		if (heap[child].base <= range.base)
			return;
		heap[root] = heap[child];
		heap[child] = range;
		root = child;
	}
}

/*
 * By base, in place, and never slower than n log n. The order among equal
 * bases does not matter: what covers a segment is decided without regard to
 * the order.
 */
static void sort(struct hvo_memory_map *map)
{
	struct hvo_memory_range *range = map->range;

	for (size_t i = map->count / 2; i-- > 0;)
		sift_down(range, i, map->count);
	for (size_t n = map->count; n-- > 1;) {
		struct hvo_memory_range largest = range[0];

		range[0] = range[n];
		range[n] = largest;
		sift_down(range, 0, n);
	}
}

/* ---- the sweep ---------------------------------------------------------- */

struct segment {
	struct hvo_memory_range range;
	bool covered;  /* by any range at all */
	bool ram;      /* by RAM among others */
	bool disputed; /* by ranges of two nodes */
};

static void cover(struct segment *segment, const struct hvo_memory_range *by)
{
	struct hvo_memory_range *range = &segment->range;

	segment->covered = true;
	if (by->type == HVO_MEMORY_RAM)
		segment->ram = true;
	if (by->type > range->type)
		range->type = by->type;
	range->flags |= by->flags;
	if (by->node == HVO_NO_NODE)
		return;
	if (range->node != HVO_NO_NODE && range->node != by->node)
		segment->disputed = true;
	range->node = by->node;
}

/*
 * Make the segment that begins at base. *first is the first range that may
 * still matter, those before it have ended. False when nothing is left.
 */
static bool next_segment(const struct hvo_memory_map *raw, size_t *first,
			 uint64_t base, struct segment *segment)
{
	uint64_t end = UINT64_MAX;
	size_t i;

	*segment = (struct segment){
	    .range = {.base = base, .node = HVO_NO_NODE},
	};
	for (i = *first; i < raw->count; i++) {
		const struct hvo_memory_range *range = &raw->range[i];
		uint64_t range_end = hvo_memory_range_end(range);

		if (range->base > base) {
			if (range->base < end)
				end = range->base;
			break;
		}
		if (range_end > base) {
			cover(segment, range);
			if (range_end < end)
				end = range_end;
		} else if (i == *first) {
			++*first;
		}
	}
	segment->range.size = end - base;
	return segment->covered || i < raw->count;
}

/* Whether b goes on where a ends, and says the same. */
static bool continues(const struct hvo_memory_range *a,
		      const struct hvo_memory_range *b)
{
	return hvo_memory_range_end(a) == b->base && a->type == b->type &&
	       a->flags == b->flags && a->node == b->node;
}

static struct hvo_memory_range *last_of(struct hvo_memory_map *map)
{
	return map->count ? &map->range[map->count - 1] : NULL;
}

static enum hvo_firmware_error append(struct hvo_memory_map *map,
				      const struct hvo_memory_range *range)
{
	struct hvo_memory_range *last = last_of(map);

	if (!last || !continues(last, range))
		return hvo_memory_add(map, range);
	last->size += range->size;
	return HVO_FIRMWARE_OK;
}

static enum hvo_firmware_error emit(struct hvo_memory_map *out,
				    struct segment *segment)
{
	struct hvo_memory_range *range = &segment->range;

	if (!segment->covered || range->type == HVO_MEMORY_NODE)
		return HVO_FIRMWARE_OK;
	if (segment->disputed)
		return HVO_FIRMWARE_NODES;
	if (range->type == HVO_MEMORY_RAM)
		range->flags &= ~HVO_MEMORY_ON_RAM;
	else if (segment->ram)
		range->flags |= HVO_MEMORY_ON_RAM;
	return append(out, range);
}

/* Returns an error with *where being its address. */
static enum hvo_firmware_error sweep(const struct hvo_memory_map *raw,
				     struct hvo_memory_map *out,
				     uint64_t *where)
{
	struct segment segment;
	size_t first = 0;

	*where = raw->count ? raw->range[0].base : 0;
	while (next_segment(raw, &first, *where, &segment)) {
		enum hvo_firmware_error error = emit(out, &segment);

		if (error)
			return error;
		*where = hvo_memory_range_end(&segment.range);
	}
	return HVO_FIRMWARE_OK;
}

/* ---- pages -------------------------------------------------------------- */

/* RAM shrinks to whole pages, the rest grows. False when nothing is left. */
static bool round_range(struct hvo_memory_range *range, uint64_t page)
{
	uint64_t mask = page - 1;
	uint64_t end = hvo_memory_range_end(range);

	if (range->type == HVO_MEMORY_RAM) {
		if (range->base > UINT64_MAX - mask)
			return false;
		range->base = (range->base + mask) & ~mask;
		end &= ~mask;
	} else {
		range->base &= ~mask;
		end = end > UINT64_MAX - mask ? ~mask : (end + mask) & ~mask;
	}
	if (range->base >= end)
		return false;
	range->size = end - range->base;
	return true;
}

/* Whether a page that both touch goes to a. */
static bool outranks(const struct hvo_memory_range *a,
		     const struct hvo_memory_range *b)
{
	bool a_nomap = a->flags & HVO_MEMORY_NOMAP;
	bool b_nomap = b->flags & HVO_MEMORY_NOMAP;

	return a_nomap != b_nomap ? a_nomap : a->type > b->type;
}

/*
 * Put next behind the ranges of a map that is in whole pages, next being so
 * too. Both grew by less than a page, so they share one page at most. There
 * is room: the map is the beginning of the one that next was taken from.
 */
static void append_pages(struct hvo_memory_map *map,
			 struct hvo_memory_range next, uint64_t page)
{
	struct hvo_memory_range *last = last_of(map);

	if (last && next.base < hvo_memory_range_end(last)) {
		if (outranks(&next, last)) {
			last->size -= page;
			if (!last->size)
				map->count--;
		} else {
			next.base += page;
			next.size -= page;
		}
	}
	append(map, &next);
}

static void round_map(struct hvo_memory_map *map, uint64_t page)
{
	size_t count = map->count;

	map->count = 0;
	for (size_t i = 0; i < count; i++) {
		struct hvo_memory_range next = map->range[i];

		if (round_range(&next, page))
			append_pages(map, next, page);
	}
}

/* ---- all of it ---------------------------------------------------------- */

enum hvo_firmware_error hvo_memory_normalise(struct hvo_memory_map *raw,
					     struct hvo_memory_map *out,
					     uint64_t page,
					     struct hvo_firmware_fault *fault)
{
	enum hvo_firmware_error error = HVO_FIRMWARE_OK;
	uint64_t where = 0;

	out->count = 0;
	if (!page || page & (page - 1))
		error = HVO_FIRMWARE_PAGE;
	for (size_t i = 0; !error && i < raw->count; i++) {
		error = valid(&raw->range[i]);
		where = raw->range[i].base;
	}
	if (!error) {
		sort(raw);
		error = sweep(raw, out, &where);
	}
	if (error) {
		out->count = 0;
		return hvo_fault(fault, error, "memory map",
				 HVO_FIRMWARE_AT_ADDRESS, where);
	}
	round_map(out, page);
	return HVO_FIRMWARE_OK;
}
