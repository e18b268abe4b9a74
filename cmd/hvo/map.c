/* SPDX-License-Identifier: MIT */
/*
 * Planning, making and unmaking the command's memory maps. A map belongs to
 * one thread.
 */
#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include "cmd.h"
#include "hvo/page.h"
#include "iomem.h"
#include "map.h"
#include "size.h"

/* ---- planning ------------------------------------------------------- */

static uint64_t round_up(uint64_t n, unsigned order)
{
	uint64_t mask = (UINT64_C(1) << order) - 1;

	return (n + mask) & ~mask;
}

static int check_sizes(struct hvo_map *map, const char *argv0)
{
	const struct hvo_map_options *o = &map->options;
	int error = -HVO_EPAGE;

	if (hvo_is_power_of_2(o->base_page))
		error = hvo_geometry_init(
		    &map->geometry, (unsigned)__builtin_ctzll(o->base_page),
		    o->record);
	if (error == -HVO_EPAGE)
		return hvo_usage_error(argv0, "--base-page: base pages have "
					      "4K, 8K, 16K, 32K or 64K");
	if (error)
		return hvo_usage_error(argv0,
				       "--record: %" PRIu64 " is not a "
				       "multiple of 8 from 8 to 512",
				       o->record);
	if (!hvo_is_power_of_2(o->page_size))
		return hvo_usage_error(argv0, "--page-size: huge pages have a "
					      "power of two, as 2M or 1G");
	if (o->page_size < o->base_page)
		return hvo_usage_error(
		    argv0, "--page-size: a huge page is not smaller than a "
			   "base page");
	if (o->page_size > UINT64_C(1) << HVO_MAX_FOLIO_SHIFT)
		return hvo_usage_error(argv0, "--page-size: the largest huge "
					      "page has 16G");
	return HVO_EXIT_OK;
}

static int read_ram(struct hvo_map *map, const char *path)
{
	struct hvo_iomem iomem;
	char message[512];
	enum hvo_iomem_result result =
	    hvo_iomem_load(path, &iomem, message, sizeof(message));
	unsigned shift = map->geometry.page_shift;

	if (result != HVO_IOMEM_OK) {
		hvo_error("%s", message);
		return result == HVO_IOMEM_DENIED ? HVO_EXIT_DENIED
						  : HVO_EXIT_FAILED;
	}
	map->ram = calloc(iomem.count, sizeof(*map->ram));
	if (!map->ram) {
		hvo_error("no memory for the list of RAM ranges");
		return HVO_EXIT_FAILED;
	}
	for (size_t i = 0; i < iomem.count; i++) {
		/* Base pages that are RAM only in part do not count. */
		hvo_pfn_t pfn = round_up(iomem.range[i].start, shift) >> shift;
		hvo_pfn_t end = iomem.range[i].end >> shift;

		if (pfn < end)
			map->ram[map->ram_count++] =
			    (struct hvo_map_region){pfn, end};
	}
	if (map->ram_count)
		return HVO_EXIT_OK;
	hvo_error("%s: no RAM range holds a whole base page", path);
	return HVO_EXIT_FAILED;
}

static int one_range(struct hvo_map *map, const char *argv0)
{
	uint64_t memory = map->options.memory;
	uint64_t page = map->options.base_page;

	if (!memory || memory % page)
		return hvo_usage_error(argv0,
				       "--memory: %" PRIu64 " bytes are not a "
				       "whole number of base pages of %" PRIu64
				       " bytes, or none",
				       memory, page);
	map->ram = calloc(1, sizeof(*map->ram));
	if (!map->ram) {
		hvo_error("no memory for the list of RAM ranges");
		return HVO_EXIT_FAILED;
	}
	map->ram[0].end = memory / page;
	map->ram_count = 1;
	return HVO_EXIT_OK;
}

/*
 * Descriptors come in whole vmemmap pages, so each range is rounded outward,
 * and ranges that then touch are one.
 */
static int make_regions(struct hvo_map *map)
{
	unsigned unit = map->geometry.unit_order;
	struct hvo_map_region *last = NULL;

	map->regions = calloc(map->ram_count, sizeof(*map->regions));
	if (!map->regions) {
		hvo_error("no memory for the list of regions");
		return HVO_EXIT_FAILED;
	}
	for (size_t i = 0; i < map->ram_count; i++) {
		hvo_pfn_t pfn = map->ram[i].pfn >> unit << unit;
		hvo_pfn_t end = round_up(map->ram[i].end, unit);

		if (last && pfn <= last->end) {
			last->end = end > last->end ? end : last->end;
			continue;
		}
		last = &map->regions[map->region_count++];
		*last = (struct hvo_map_region){pfn, end};
	}
	for (size_t i = 0; i < map->region_count; i++)
		map->pages += map->regions[i].end - map->regions[i].pfn;
	return HVO_EXIT_OK;
}

static void count_folios(struct hvo_map *map)
{
	for (size_t i = 0; i < map->ram_count; i++) {
		hvo_pfn_t pfn = round_up(map->ram[i].pfn, map->order);

		map->ram_bytes += (map->ram[i].end - map->ram[i].pfn)
				  << map->geometry.page_shift;
		if (pfn < map->ram[i].end)
			map->folios += (map->ram[i].end - pfn) >> map->order;
	}
	if (map->folios > map->options.count)
		map->folios = map->options.count;
}

int hvo_map_plan(struct hvo_map *map, const struct hvo_map_options *options,
		 const char *argv0)
{
	int code;

	memset(map, 0, sizeof(*map));
	map->options = *options;
	code = check_sizes(map, argv0);
	if (code)
		return code;
	map->order = (unsigned)__builtin_ctzll(options->page_size) -
		     map->geometry.page_shift;
	map->optimizable = hvo_order_optimizable(&map->geometry, map->order);
	code = options->iomem ? read_ram(map, options->iomem)
			      : one_range(map, argv0);
	if (!code)
		code = make_regions(map);
	if (code)
		hvo_map_close(map);
	else
		count_folios(map);
	return code;
}

/* What the tables take: the engine's, the port's, the kernel's, the check's.
 * Some go by what is described, some by how far it is spread. */
static uint64_t table_bytes(const struct hvo_map *map)
{
	const struct hvo_geometry *g = &map->geometry;
	uint64_t pages = map->pages * g->record >> g->page_shift;
	uint64_t spread =
	    map->regions[map->region_count - 1].end - map->regions[0].pfn;

	return (UINT64_C(16) << 20) + 32 * pages + spread / 8 +
	       (2 * spread >> g->unit_order);
}

uint64_t hvo_map_bytes_full(const struct hvo_map *map)
{
	return table_bytes(map) + map->pages * map->geometry.record;
}

uint64_t hvo_map_bytes_optimized(const struct hvo_map *map)
{
	uint64_t in_folios = map->folios << map->order;

	if (!map->optimizable)
		return hvo_map_bytes_full(map);
	return table_bytes(map) +
	       (map->pages - in_folios) * map->geometry.record +
	       (map->folios << map->geometry.page_shift);
}

/* ---- opening and closing -------------------------------------------- */

/* Runs of frames in flight, and so folios, that one batch may have. */
#define WORK_RUNS 16384

static struct hvo_record make_record(uint64_t size)
{
	if (size == HVO_PAGE_BYTES)
		return hvo_page_record();
	return (struct hvo_record){
	    .size = (uint32_t)size,
	    .info_offset = size > 8 ? 8 : 0,
	};
}

/* A word of the record that nothing else uses; see hvo_map_pattern(). */
static uint32_t pattern_offset(uint64_t size)
{
	static_assert(offsetof(struct hvo_page, data) == 16,
		      "the pattern of our own record is in its data");
	return size > 16 ? 16 : 0;
}

static int open_port(struct hvo_map *map)
{
	struct hvo_linux_config config = {
	    .page_shift = map->geometry.page_shift,
	    .record = map->geometry.record,
	    .pfn_first = map->regions[0].pfn,
	    .pfn_end = map->regions[map->region_count - 1].end,
	    .domains = 1,
	    .window_pages = map->options.window,
	};
	char message[512];

	map->linux_port = hvo_linux_open(&config, message, sizeof(message));
	if (map->linux_port)
		return HVO_EXIT_OK;
	hvo_error("%s", message);
	return HVO_EXIT_DENIED;
}

static int open_engine(struct hvo_map *map)
{
	struct hvo_vmemmap_config config = {
	    .port = hvo_linux_port(map->linux_port),
	    .frames = hvo_linux_frames(map->linux_port),
	    .record = map->record,
	    .base = hvo_linux_base(map->linux_port),
	    .pfn_first = map->regions[0].pfn,
	    .pfn_end = map->regions[map->region_count - 1].end,
	    .domains = 1,
	    .page_shift = map->geometry.page_shift,
	    .described = hvo_linux_described(map->linux_port),
	};
	size_t size = hvo_vmemmap_size(&config);

	map->tables = size ? malloc(size) : NULL;
	if (size && !map->tables)
		return hvo_map_error(map, "making the memory map", -HVO_ENOMEM);
	int error = hvo_vmemmap_init(&map->vmemmap, map->tables, &config);

	return error ? hvo_map_error(map, "making the memory map", error)
		     : HVO_EXIT_OK;
}

static void list_folios(struct hvo_map *map)
{
	uint64_t n = 0;

	for (size_t i = 0; i < map->ram_count; i++) {
		hvo_pfn_t pfn = round_up(map->ram[i].pfn, map->order);
		uint64_t pages = UINT64_C(1) << map->order;

		for (; pfn + pages <= map->ram[i].end && n < map->folios;
		     pfn += pages)
			map->pfns[n++] = pfn;
	}
}

/* All memory is taken now: later there may be no mapping left for it. */
static int open_lists(struct hvo_map *map)
{
	uint64_t folio_pages = hvo_folio_pages(&map->geometry, map->order);
	uint64_t runs = folio_pages > WORK_RUNS ? folio_pages : WORK_RUNS;
	uint64_t frames = hvo_linux_frame_end(map->linux_port);

	map->pfns = calloc(map->folios + 1, sizeof(*map->pfns));
	map->seen = malloc(frames / 8 + 1);
	map->work =
	    HVO_WORK(calloc(runs, sizeof(struct hvo_run)), (size_t)runs);
	if (!map->pfns || !map->seen || !map->work.runs) {
		hvo_error("no memory for the list of huge pages");
		return HVO_EXIT_FAILED;
	}
	list_folios(map);
	return HVO_EXIT_OK;
}

int hvo_map_open(struct hvo_map *map)
{
	int code;

	map->record = make_record(map->options.record);
	map->pattern_offset = pattern_offset(map->options.record);
	code = open_port(map);
	if (!code)
		code = open_engine(map);
	if (!code)
		code = open_lists(map);
	if (code)
		hvo_map_close(map);
	return code;
}

void hvo_map_close(struct hvo_map *map)
{
	if (map->linux_port)
		hvo_linux_close(map->linux_port);
	free(map->tables);
	free(map->pfns);
	free(map->seen);
	free(map->work.runs);
	free(map->regions);
	free(map->ram);
	memset(map, 0, sizeof(*map));
}

/* ---- walking -------------------------------------------------------- */

/* The first described pfn from pfn on, and where its region ends. */
static bool find_region(const struct hvo_map *map, hvo_pfn_t *pfn,
			hvo_pfn_t *end)
{
	for (size_t i = 0; i < map->region_count; i++) {
		const struct hvo_map_region *region = &map->regions[i];

		if (*pfn >= region->end)
			continue;
		if (*pfn < region->pfn)
			*pfn = region->pfn;
		*end = region->end;
		return true;
	}
	return false;
}

/* Huge pages in a row from the piece's first on. */
static void take_folios(const struct hvo_map *map, struct hvo_map_piece *piece,
			uint64_t most)
{
	uint64_t pages = UINT64_C(1) << map->order;

	while (piece->folios < most &&
	       piece->folio + piece->folios < map->folios &&
	       map->pfns[piece->folio + piece->folios] ==
		   piece->pfn + piece->count) {
		piece->folios++;
		piece->count += pages;
	}
}

bool hvo_map_next(const struct hvo_map *map, struct hvo_map_piece *piece,
		  uint64_t most_folios)
{
	hvo_pfn_t end;

	piece->pfn += piece->count;
	piece->folio += piece->folios;
	piece->count = 0;
	piece->folios = 0;
	if (!find_region(map, &piece->pfn, &end))
		return false;
	if (map->optimizable && piece->folio < map->folios) {
		take_folios(map, piece, most_folios);
		if (piece->folios)
			return true;
		if (map->pfns[piece->folio] < end)
			end = map->pfns[piece->folio];
	}
	piece->count = end - piece->pfn < HVO_MAP_STRETCH ? end - piece->pfn
							  : HVO_MAP_STRETCH;
	return true;
}

/* ---- what is in it -------------------------------------------------- */

uint64_t hvo_map_counted(const struct hvo_map *map)
{
	struct hvo_vmemmap_stats stats;

	hvo_vmemmap_stats(map->vmemmap, &stats);
	return hvo_stats_frames(&stats) << map->geometry.page_shift;
}

int hvo_map_error(const struct hvo_map *map, const char *doing, int error)
{
	char message[1024];

	hvo_linux_explain(map->linux_port, error, message, sizeof(message));
	hvo_error("%s: %s", doing, message);
	return HVO_EXIT_FAILED;
}
