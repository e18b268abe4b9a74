/* SPDX-License-Identifier: MIT */
/*
 * A memory map as the command makes it: which base pages there are, which of
 * them form huge pages, and the engine on the Linux port that holds their
 * descriptors.
 *
 * A map is planned first (sizes, regions, how many huge pages; nothing is
 * allocated yet but the list of regions), then opened. Between the two the
 * caller can see whether there is memory for it.
 */
#ifndef HVO_MAP_H
#define HVO_MAP_H

#include <stdbool.h>
#include <stdint.h>
#include "hvo/vmemmap.h"
#include "hvo_linux.h"

struct hvo_map_options {
	uint64_t memory;    /* bytes from address 0 on, unless iomem is given */
	const char *iomem;  /* file like /proc/iomem, or NULL */
	uint64_t page_size; /* of the huge pages */
	uint64_t base_page;
	uint64_t record; /* bytes of a descriptor */
	uint64_t count;  /* most huge pages; UINT64_MAX for no limit */
	uint32_t window; /* see hvo_linux_config.window_pages */
};

/* The defaults: 32 GiB in pages of 2 MiB. */
#define HVO_MAP_DEFAULTS                                                       \
	((struct hvo_map_options){.memory = UINT64_C(32) << 30,                \
				  .page_size = UINT64_C(2) << 20,              \
				  .base_page = 4096,                           \
				  .record = 64,                                \
				  .count = UINT64_MAX})

/* Base pages in a row. */
struct hvo_map_region {
	hvo_pfn_t pfn;
	hvo_pfn_t end; /* first one after it */
};

struct hvo_map {
	/* From planning on. */
	struct hvo_map_options options;
	struct hvo_geometry geometry;
	unsigned order;   /* of the huge pages */
	bool optimizable; /* huge pages of that order */
	struct hvo_map_region *ram;
	size_t ram_count;
	/* What is described: the RAM, rounded outward to whole units. */
	struct hvo_map_region *regions;
	size_t region_count;
	uint64_t ram_bytes;
	uint64_t pages;  /* base pages described */
	uint64_t folios; /* huge pages: aligned, wholly RAM */

	/* While open. */
	struct hvo_linux *linux_port;
	struct hvo_vmemmap *vmemmap;
	hvo_pfn_t *pfns; /* of the huge pages, ascending */
	struct hvo_work work;
	struct hvo_record record;
	uint32_t pattern_offset; /* see hvo_map_pattern() */
	void *tables;
	unsigned char *seen; /* for hvo_vmemmap_check() */
};

/*
 * Plan a map. argv0 is the verb's, for messages about the command line.
 * Returns one of enum hvo_exit, with everything said that is to say; after
 * HVO_EXIT_OK, hvo_map_close() frees what was planned.
 */
int hvo_map_plan(struct hvo_map *map, const struct hvo_map_options *options,
		 const char *argv0);

/* Bytes that the descriptors take when full, and with all huge pages
 * optimized from the start, with what the tables for them take. */
uint64_t hvo_map_bytes_full(const struct hvo_map *map);
uint64_t hvo_map_bytes_optimized(const struct hvo_map *map);

/* Make it; everything is absent. Returns one of enum hvo_exit, likewise. */
int hvo_map_open(struct hvo_map *map);

/* Give everything back, however far it got; may be called twice. */
void hvo_map_close(struct hvo_map *map);

/* ---- walking -------------------------------------------------------- */

/*
 * Base pages in a row, of one kind: `folios` huge pages that can be optimized,
 * or, with 0, pages that are in none.
 */
struct hvo_map_piece {
	hvo_pfn_t pfn;
	uint64_t count; /* base pages */
	uint64_t folio; /* index in map->pfns of the first one */
	uint64_t folios;
};

/*
 * The piece that follows *piece (all zeros to begin with), with at most
 * most_folios huge pages or, outside of these, HVO_MAP_STRETCH base pages.
 * False after the last.
 */
bool hvo_map_next(const struct hvo_map *map, struct hvo_map_piece *piece,
		  uint64_t most_folios);

/* A multiple of every unit; its descriptors fill some MiB. */
#define HVO_MAP_STRETCH (UINT64_C(1) << 17)

/* ---- what is in it -------------------------------------------------- */

/* Bytes of frames that the engine says it holds. */
uint64_t hvo_map_counted(const struct hvo_map *map);

/* The word of a record that leads to its head. */
static inline uint64_t hvo_map_info(const struct hvo_map *map,
				    const unsigned char *record)
{
	return *(const volatile uint64_t *)(record + map->record.info_offset);
}

/*
 * Each descriptor that is no tail carries a word of its own, so that one that
 * is lost, or exchanged for another, shows. It is even, since in records of 8
 * bytes it takes the place of compound_info.
 */
static inline volatile uint64_t *hvo_map_pattern(const struct hvo_map *map,
						 void *record)
{
	return (volatile uint64_t *)((unsigned char *)record +
				     map->pattern_offset);
}

static inline uint64_t hvo_map_pattern_of(hvo_pfn_t pfn)
{
	/* Odd, so that no two pfns below 2^63 share a value. */
	return (pfn + 1) * UINT64_C(0x9e3779b97f4a7c15) << 1;
}

/*
 * Print an error that the engine or the port returned: what was being done,
 * what happened and what to do. Returns the exit code for it.
 */
int hvo_map_error(const struct hvo_map *map, const char *doing, int error);

#endif
