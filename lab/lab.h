/* SPDX-License-Identifier: MIT */
/*
 * The laboratory: the older generations of vmemmap optimization, really
 * mapped through the Linux port, to hold the engine against. Not installed.
 *
 *   reserve two  (2020) keep vmemmap pages 0 and 1 of a folio and map the
 *                       others, read-only, to page 1's frame
 *   fake heads   (2021) keep page 0 alone and map the others, read-only, to
 *                       its frame; 63 of 64 tails read as they should, the
 *                       first of each page looks like a head
 *   device DAX   (2022) as reserve two, but writable, and done while
 *                       populating: nothing is converted, nor given back
 *   shared tails (2026) the engine
 *
 * The first three store the head's address in each tail, so the bytes of two
 * folios' tails differ and no frame can serve both. They convert folio by
 * folio, with a flush each, and take no care of concurrent writers; nor did
 * their models at first.
 *
 * A laboratory map is folios of one order from end to end. One thread.
 */
#ifndef LAB_H
#define LAB_H

#include <assert.h>
#include <stdatomic.h>
#include <stdbool.h>
#include "hvo/vmemmap.h"
#include "hvo_linux.h"
#include "walk.h"

#define LAB_PAGE_SHIFT 12

/* Flag of a folio's first record. */
#define LAB_HEAD UINT64_C(1)

struct lab_page {
	_Atomic uint64_t flags;
	/* In a tail: the head's address with bit 0 set (the engine's scheme
	 * keeps its mask here). In a head: 0. */
	_Atomic uint64_t compound_head;
	uint64_t order; /* in a head */
	uint64_t owner[5];
};

static_assert(sizeof(struct lab_page) == 64, "as large as Linux's");

struct lab_map;

/*
 * What a scheme can do. Calls take the folios first to first + n, and return
 * 0 or a negative enum hvo_error; a call that failed stays failed at the
 * folio it had come to, the ones before it are converted.
 */
struct lab_scheme {
	const char *name; /* for people */
	const char *key;  /* for programs */
	unsigned year;
	uint32_t record;    /* bytes; the second word is compound_head */
	uint32_t window;    /* hvo_linux_config.window_pages */
	bool apart;         /* hvo_linux_config.apart_order is the map's */
	uint64_t kept;      /* frames that an optimized folio keeps */
	bool read_only;     /* writes to optimized tails fault */
	enum lab_walk walk; /* how a head is looked up */

	/* absent -> full, all records prepared as folios */
	int (*populate)(struct lab_map *map, uint64_t first, uint64_t n);
	/* absent -> optimized; NULL where the scheme cannot */
	int (*build)(struct lab_map *map, uint64_t first, uint64_t n);
	/* full -> optimized, and back; NULL where it is only ever built */
	int (*optimize)(struct lab_map *map, uint64_t first, uint64_t n);
	int (*restore)(struct lab_map *map, uint64_t first, uint64_t n);
	/* any -> absent */
	int (*depopulate)(struct lab_map *map, uint64_t first, uint64_t n);
	/* What a map needs besides; NULL for nothing. */
	int (*open)(struct lab_map *map);
	void (*close)(struct lab_map *map);
};

extern const struct lab_scheme lab_reserve_two;
extern const struct lab_scheme lab_fake_heads;
extern const struct lab_scheme lab_device_dax;
extern const struct lab_scheme lab_shared_tails;
/* The same, one mapping for each vmemmap page as the others have. */
extern const struct lab_scheme lab_shared_tails_by_page;
/* The same, with frames laid out for a pool of one order. */
extern const struct lab_scheme lab_shared_tails_pool;
/* With records of LAB_ORDER_RECORD bytes, and of HVO_PAGE_BYTES. */
extern const struct lab_scheme lab_shared_tails_order;
extern const struct lab_scheme lab_shared_tails_built;

struct lab_map {
	const struct lab_scheme *scheme;
	struct hvo_linux *linux_port;
	struct hvo_port *port;
	struct hvo_frames frames;
	uintptr_t base;       /* the record of pfn 0 */
	uint64_t folios;      /* in the map */
	unsigned order;       /* of each */
	uint64_t pages;       /* vmemmap pages of each */
	hvo_frame_t *scratch; /* `pages` frames in flight */
	void *own;            /* the scheme's */
};

/*
 * Make an empty map of `folios` folios. Returns 0, or an error with a
 * sentence in message.
 */
int lab_open(struct lab_map *map, const struct lab_scheme *scheme,
	     uint64_t folios, unsigned order, char *message, size_t size);
/* Whatever the state of its folios: the port takes everything with it. */
void lab_close(struct lab_map *map);

static inline struct lab_page *lab_record(const struct lab_map *map,
					  uint64_t pfn)
{
	return (struct lab_page *)(map->base + pfn * map->scheme->record);
}

static inline struct lab_page *lab_folio(const struct lab_map *map,
					 uint64_t folio)
{
	return lab_record(map, folio << map->order);
}

/* Pfns below `pfns` from first on, whose head is not what it should be. */
uint64_t lab_wrong_heads(const struct lab_map *map, uint64_t first,
			 uint64_t pfns);

/* ---- shared by the three ---------------------------------------------- */

/* Address of a folio's vmemmap page. */
void *lab_va(const struct lab_map *map, uint64_t folio, uint64_t page);
/* The frame it leads to. */
hvo_frame_t lab_frame(const struct lab_map *map, uint64_t folio, uint64_t page);

/* As in struct lab_scheme. */
int lab_populate(struct lab_map *map, uint64_t first, uint64_t n);
int lab_depopulate(struct lab_map *map, uint64_t first, uint64_t n);

/*
 * Lead a folio's vmemmap pages from `kept` on to its page kept - 1,
 * read-only, and free their frames.
 */
int lab_collapse_folio(struct lab_map *map, uint64_t folio, uint64_t kept);

/*
 * The reverse: new frames, filled by fill(map, folio, frame), writable.
 */
int lab_expand_folio(struct lab_map *map, uint64_t folio, uint64_t kept,
		     void (*fill)(struct lab_map *map, uint64_t folio,
				  hvo_frame_t frame));

/*
 * count frames, in as few runs as there are, into map->scratch; page is the
 * folio's vmemmap page that the first is for.
 */
int lab_take_frames(struct lab_map *map, uint64_t folio, uint64_t page,
		    uint64_t count);
/* Free the first count of map->scratch. */
void lab_free_frames(struct lab_map *map, uint64_t count);

/* Write n tails of the folio at `page`. */
void lab_write_tails(struct lab_page *page, uint64_t n,
		     const struct lab_page *head);
/* Make a record the head of a folio of the map's order. */
void lab_write_head(const struct lab_map *map, struct lab_page *page);

#endif
