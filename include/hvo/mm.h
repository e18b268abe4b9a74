/* SPDX-License-Identifier: MIT */
/*
 * The memory manager: sections, zones, a buddy allocator and folios over the
 * engine, whose frames are the managed memory's own base pages: descriptors
 * that are freed become pages that can be allocated.
 *
 * All state is in the memory given to hvo_mm_init(); descriptors are struct
 * hvo_page (page.h) and are reached through the vmemmap itself, so that the
 * manager runs only where that can be loaded and stored (not on a model).
 *
 * Concurrency: all calls may be made on several CPUs at once unless their
 * comment says otherwise. No call may be made inside a read-side section
 * (hvo_port_read_begin()), since many wait for a grace period.
 *
 * Errors: a call that returns one has changed nothing, unless its comment
 * says how much it did (`done`).
 */
#ifndef HVO_MM_H
#define HVO_MM_H

#include <stdbool.h>
#include "hvo/page.h"
#include "hvo/sparse.h"
#include "hvo/vmemmap.h"
#include "hvo/zone.h"

struct hvo_memblock;

/*
 * What the machine does when base pages begin or cease to be used. A hosted
 * machine allocates the memory behind a page and gives it back; a real one
 * has nothing to do and leaves both NULL. Runs are in frames, of described
 * memory. Called with no lock held.
 */
struct hvo_mm_backing {
	void *ctx;
	/* Returns 0 or -HVO_ENOMEM. */
	int (*commit)(void *ctx, struct hvo_run run);
	/* The contents may be lost. Never fails. */
	void (*uncommit)(void *ctx, struct hvo_run run);
};

struct hvo_mm_config {
	struct hvo_port *port;
	uintptr_t base;        /* as in hvo_vmemmap_config */
	hvo_pfn_t pfn_first;   /* multiple of a subsection; likewise */
	hvo_pfn_t pfn_end;     /* first pfn after all there can ever be */
	hvo_frame_t described; /* frame of base page pfn_first */
	uint8_t page_shift;
	uint8_t nodes; /* 1 to HVO_NODES_MAX */
	uint16_t cpus; /* 1 to 1024: caches and workspaces, one each */
	/* [from * nodes + to], 10 is here; NULL: 10 and 20. Copied. */
	const uint8_t *distance;
	/* Pages below it are DMA32; a multiple of a subsection; 0: none. */
	hvo_pfn_t dma32_end;
	/* For each node, the pfn from which on its memory is MOVABLE, a
	 * multiple of a subsection; NULL: none is. Copied. */
	const hvo_pfn_t *movable_first;
	/*
	 * Runs that a workspace remembers: bounds the batches, and must hold
	 * the scattered frames of the largest folio that is to be restored
	 * (4095 for 1 GiB); at most 2^20. 0: 4096.
	 */
	size_t work_runs;
	struct hvo_mm_backing backing;
};

/*
 * Bytes that hvo_mm_init() needs, 64-byte aligned; 0 if the configuration is
 * not sound (hvo_mm_validate() says why).
 */
size_t hvo_mm_size(const struct hvo_mm_config *config);

/*
 * Returns 0, -HVO_EPAGE, -HVO_EALIGN, -HVO_ERANGE, -HVO_ENODE (number of
 * nodes), -HVO_ENOHOST (no `described`).
 */
int hvo_mm_validate(const struct hvo_mm_config *config);

/*
 * A large page that was taken from memblock (reserved there) before there was
 * a memory manager. It becomes a frozen folio of the caller's (count 0), whose
 * descriptors are optimized from the start.
 */
struct hvo_mm_boot_page {
	hvo_pfn_t pfn;
	unsigned order;
	/*
	 * Out: 0; or -HVO_EDOMAIN when the page crosses zones: then it is no
	 * folio and its memory was handed to the buddy allocator.
	 */
	int error;
};

/*
 * Make a memory manager in `memory` from what memblock knows: each range of
 * memory, by whole subsections, is described, in the zone that its node and
 * pfn make it, and put online. Pages that memblock has reserved stay so; all
 * others are free. Frames for descriptors are taken from memblock, from the
 * top of the same node where there is room. Memory that is no whole
 * subsection is described where its subsection is, and the holes in it are
 * reserved pages, as is memory that memblock has as NOMAP or DRIVER_MANAGED.
 * Memory of no node is node 0's if that is the only one. Two nodes or zones
 * never share a subsection: it is the first one's, and the other's memory in it
 * is reserved.
 *
 * Boot pages are given by rising pfn. memblock is used up: afterwards the
 * manager alone says what is free.
 *
 * Returns the manager in *mm, and 0, what validate says, -HVO_ENOMEM,
 * -HVO_EMAPPINGS, -HVO_ENODE (memory of an unknown node), -HVO_ERANGE (no
 * memory, or a boot page outside it), -HVO_ESTATE (a boot page that is not
 * reserved), -HVO_EEXIST (boot pages overlap), -HVO_EORDER, -HVO_EALIGN. On an
 * error memblock is as it was. One CPU.
 */
int hvo_mm_init(struct hvo_mm **mm, void *memory,
		const struct hvo_mm_config *config,
		struct hvo_memblock *memblock, struct hvo_mm_boot_page *pages,
		size_t n);

/*
 * Give up everything: all descriptors, whatever state they are in, and what
 * folios are backed with. The memory given to init is the caller's again. One
 * CPU. Returns 0, or -HVO_EMAPPINGS when the port refuses; it may be called
 * again then.
 */
int hvo_mm_fini(struct hvo_mm *mm);

/* ---- looking ----------------------------------------------------------- */

/* The engine's map, for its look-ups and statistics. */
struct hvo_vmemmap *hvo_mm_vmemmap(const struct hvo_mm *mm);
const struct hvo_sparse *hvo_mm_sparse(const struct hvo_mm *mm);
const struct hvo_mm_config *hvo_mm_config(const struct hvo_mm *mm);

/* The descriptor of a pfn, an address whether or not anything is there. */
struct hvo_page *hvo_mm_page(const struct hvo_mm *mm, hvo_pfn_t pfn);
hvo_pfn_t hvo_mm_pfn(const struct hvo_mm *mm, const struct hvo_page *page);
/* Between a base page and the frame it is. */
hvo_frame_t hvo_mm_frame(const struct hvo_mm *mm, hvo_pfn_t pfn);
hvo_pfn_t hvo_mm_frame_pfn(const struct hvo_mm *mm, hvo_frame_t frame);

struct hvo_mm_stats {
	uint64_t present;           /* base pages, of all zones */
	uint64_t owner[HVO_OWNERS]; /* base pages by owner */
	uint64_t poisoned;          /* bad base pages, whoever owns them */
	uint64_t unrecoverable;     /* of these, descriptors' frames in use */
	uint64_t hosts;        /* freed folios that host their descriptors */
	uint64_t deferred;     /* freed folios that could not be restored */
	uint64_t table_bytes;  /* what hvo_mm_size() said */
	uint64_t sparse_bytes; /* of these, the tables of sections */
};

/* Counters, of all nodes or of one. Returns 0 or -HVO_ENODE. */
void hvo_mm_stats(struct hvo_mm *mm, struct hvo_mm_stats *stats);
int hvo_mm_node_stats(struct hvo_mm *mm, unsigned node,
		      struct hvo_mm_stats *stats);

/* Nodes by distance from `node`: the nearest, itself, is number 0. */
unsigned hvo_mm_nearest(const struct hvo_mm *mm, unsigned node, unsigned i);

/* ---- memory that comes and goes ---------------------------------------- */

/*
 * An altmap: base pages set aside for the descriptors of one range, which may
 * contain them. They are used once each, from the first on; when all that
 * were used are back, it starts over. What it cannot give comes from the
 * zones, and so do shared tails. The caller fills in the first four fields,
 * keeps the struct while it is registered, and touches it no more.
 */
struct hvo_altmap {
	hvo_pfn_t pfn;           /* range served */
	uint64_t count;          /* base pages */
	hvo_pfn_t first;         /* the altmap's own base pages */
	uint64_t pages;          /* how many */
	uint64_t used;           /* (m) handed out since it was empty */
	uint64_t back;           /* (m) of these, come back */
	struct hvo_altmap *next; /* (m) the manager's altmap lock */
};

/*
 * Register an altmap before its range is described. Its own pages are absent
 * yet: when they are described, in full, HVO_OWNER_ALTMAP has them. Returns 0,
 * -HVO_ERANGE (empty, or outside the map), -HVO_EEXIST (its pages, or its
 * range, overlap another's, or the pages are described already).
 */
int hvo_mm_altmap_add(struct hvo_mm *mm, struct hvo_altmap *altmap);

/*
 * Unregister one that holds no descriptors and whose pages are absent again.
 * Returns 0, -HVO_EBUSY, -HVO_ESTATE (not registered).
 */
int hvo_mm_altmap_remove(struct hvo_mm *mm, struct hvo_altmap *altmap);

/*
 * Describe memory that was absent: whole subsections, in a zone, in full
 * (order 0) or as optimized folios of an order, of which count is a multiple.
 * All pages are HVO_OWNER_OFFLINE, but those of altmaps; optimized ones have
 * heads and tails that are nobody's folio yet (hvo_folio_adopt()). After an
 * error, shared tails made for them may stay.
 * Returns 0, -HVO_EALIGN, -HVO_ERANGE, -HVO_EEXIST, -HVO_EBUSY, -HVO_ENODE,
 * -HVO_EORDER, -HVO_ESTATE (an altmap's pages would be optimized),
 * -HVO_ENOMEM, -HVO_EMAPPINGS.
 */
int hvo_mm_describe(struct hvo_mm *mm, hvo_pfn_t pfn, uint64_t count,
		    unsigned domain, unsigned order);

/*
 * The reverse. No page may be owned by anyone but OFFLINE, or an altmap that
 * describes nothing outside the range. Poison is forgotten.
 * Returns 0, -HVO_EALIGN, -HVO_ERANGE, -HVO_EABSENT, -HVO_EBUSY (online, or
 * owned), -HVO_ESTATE (a folio sticks out), -HVO_EWORK, -HVO_EMAPPINGS; on
 * the last two *done (may be NULL) base pages are gone.
 */
int hvo_mm_undescribe(struct hvo_mm *mm, hvo_pfn_t pfn, uint64_t count,
		      uint64_t *done);

/*
 * Put described memory online: its OFFLINE pages become free. The range is
 * whole subsections of one zone, described in full, all offline.
 * Returns 0, -HVO_EALIGN, -HVO_ERANGE, -HVO_EABSENT, -HVO_EDOMAIN (zones, or
 * DEVICE), -HVO_ESTATE (online, optimized, or in a folio).
 */
int hvo_mm_online(struct hvo_mm *mm, hvo_pfn_t pfn, uint64_t count);

/*
 * The reverse: all pages must be free, cached, poisoned or the altmap's.
 * Returns 0, -HVO_EALIGN, -HVO_ERANGE, -HVO_EABSENT, -HVO_EBUSY (a page in
 * use).
 */
int hvo_mm_offline(struct hvo_mm *mm, hvo_pfn_t pfn, uint64_t count);

/*
 * The same in steps, for who has folios in the range that can go with it.
 *
 * begin isolates what is free there; nothing enters the free areas there but
 * what others free. The caller brings the rest: frozen, full folios, of which
 * it says how many base pages are `brought`. ready says whether all of the
 * range is here now (-HVO_EBUSY: a page is in use). If so the caller disowns
 * its folios (hvo_folio_disown(), which isolates them; what of them lies
 * outside is released) and finish, which cannot fail, puts the range offline.
 * cancel undoes begin, at any time before the first folio is disowned.
 * begin returns 0, -HVO_EALIGN, -HVO_ERANGE, -HVO_EABSENT, -HVO_EDOMAIN,
 * -HVO_ESTATE (offline already).
 */
struct hvo_offlining {
	hvo_pfn_t pfn;
	uint64_t count;
	hvo_pfn_t blocks; /* pfn + 1 of the first isolated block */
	uint64_t pages;   /* isolated base pages */
};

int hvo_mm_offline_begin(struct hvo_mm *mm, struct hvo_offlining *o,
			 hvo_pfn_t pfn, uint64_t count);
int hvo_mm_offline_ready(struct hvo_mm *mm, struct hvo_offlining *o,
			 uint64_t brought);
void hvo_mm_offline_finish(struct hvo_mm *mm, struct hvo_offlining *o);
void hvo_mm_offline_cancel(struct hvo_mm *mm, struct hvo_offlining *o);

/* ---- calling the engine directly --------------------------------------- */

/*
 * A workspace for a call of the engine; waits for one if all are in use. Take
 * one at a time, with no lock held, and call nothing of the manager meanwhile.
 */
struct hvo_work *hvo_mm_work_take(struct hvo_mm *mm);
void hvo_mm_work_give(struct hvo_mm *mm, struct hvo_work *work);

/* ---- the check --------------------------------------------------------- */

enum hvo_mm_violation {
	HVO_MM_OK,
	HVO_MM_ENGINE,      /* the engine's own check: see .engine */
	HVO_MM_NO_OWNER,    /* an online page that nobody owns */
	HVO_MM_TWO_OWNERS,  /* a page with the marks of two */
	HVO_MM_BLOCK,       /* a block with a wrong order or place */
	HVO_MM_NOT_FRESH,   /* a page in a block is not as it should be */
	HVO_MM_ZONE,        /* a descriptor names another zone */
	HVO_MM_LIST,        /* a list that does not hold together */
	HVO_MM_NOT_LISTED,  /* listed blocks are not those the walk found */
	HVO_MM_FRAME,       /* marked as a frame and is none, or reverse */
	HVO_MM_COUNTER,     /* a counter is not what the walk found */
	HVO_MM_POISON_LOST, /* a bad page that could be given out */
	HVO_MM_SECTION,     /* sections and the engine do not agree */
	HVO_MM_VIOLATIONS
};

struct hvo_mm_finding {
	enum hvo_mm_violation violation;
	hvo_pfn_t pfn;     /* where; of the first page concerned */
	uint64_t expected; /* count, order or flags, by kind */
	uint64_t found;
	const char *what;          /* the counter's name, else NULL */
	struct hvo_finding engine; /* HVO_MM_ENGINE: what it found */
};

/* One sentence, without full stop, for a violation. Never NULL. */
const char *hvo_mm_violation_text(enum hvo_mm_violation violation);

/*
 * Check everything: the engine's map, that each base page has exactly one
 * owner, that lists and counters are what the descriptors say, and that no
 * bad page can be given out. options as for hvo_vmemmap_check(), may be NULL;
 * with `seen`, marks of frames are compared with the engine's too. Nothing
 * else may be under way. Returns 0 or -HVO_ECORRUPT with *finding filled in.
 * O(base pages).
 */
int hvo_mm_check(struct hvo_mm *mm, const struct hvo_check_options *options,
		 struct hvo_mm_finding *finding);

/*
 * Print nodes, zones, free areas, owners and sections as lines of text
 * (without newline) through put, for people and for logs.
 */
void hvo_mm_dump(struct hvo_mm *mm, void (*put)(void *ctx, const char *line),
		 void *ctx);

#endif
