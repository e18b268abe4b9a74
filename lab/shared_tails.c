/* SPDX-License-Identifier: MIT */
/*
 * Shared tails (2026): the engine behind the laboratory's interface, with a
 * record as large as the others', or another. Batches are the engine's own.
 */
#include <stdlib.h>
#include "hvo/page.h"
#include "lab.h"

/* Runs that a call may remember: folios a batch, when frames lie in a row. */
#define WORK_RUNS 8192

struct shared {
	struct hvo_vmemmap *engine;
	void *memory; /* the engine's */
	struct hvo_work work;
	hvo_pfn_t *pfns; /* heads, for the bulk calls */
};

static void close_engine(struct lab_map *map)
{
	struct shared *own = map->own;

	free(own->memory);
	free(own->work.runs);
	free(own->pfns);
	free(own);
	map->own = NULL;
}

static int start_engine(struct lab_map *map, struct shared *own)
{
	struct hvo_vmemmap_config config = {
	    .port = map->port,
	    .frames = map->frames,
	    .record = {.size = map->scheme->record,
		       .info_offset = offsetof(struct lab_page, compound_head)},
	    .base = map->base,
	    .pfn_end = map->folios << map->order,
	    .domains = 1,
	    .page_shift = LAB_PAGE_SHIFT,
	    .described = hvo_linux_described(map->linux_port),
	};
	size_t size = hvo_vmemmap_size(&config);

	own->memory = size ? malloc(size) : NULL;
	if (size && !own->memory)
		return -HVO_ENOMEM;
	return hvo_vmemmap_init(&own->engine, own->memory, &config);
}

static int open_engine(struct lab_map *map)
{
	/* One folio whose frames are scattered must fit. */
	size_t runs = map->pages > WORK_RUNS ? map->pages : WORK_RUNS;
	struct shared *own = calloc(1, sizeof(*own));
	int error = -HVO_ENOMEM;

	if (!own)
		return error;
	map->own = own;
	own->work = HVO_WORK(malloc(runs * sizeof(struct hvo_run)), runs);
	own->pfns = malloc(map->folios * sizeof(*own->pfns));
	if (own->work.runs && own->pfns)
		error = start_engine(map, own);
	for (uint64_t i = 0; i < map->folios && !error; i++)
		own->pfns[i] = i << map->order;
	if (error)
		close_engine(map);
	return error;
}

static int populate(struct lab_map *map, uint64_t first, uint64_t n)
{
	struct shared *own = map->own;
	int error = hvo_vmemmap_populate(own->engine, first << map->order,
					 n << map->order, 0, false, &own->work);

	for (uint64_t i = first; i < first + n && !error; i++) {
		lab_write_head(map, lab_folio(map, i));
		error = hvo_vmemmap_prepare(own->engine, i << map->order,
					    map->order, &own->work);
	}
	return error;
}

static int build(struct lab_map *map, uint64_t first, uint64_t n)
{
	struct shared *own = map->own;
	int error = hvo_vmemmap_populate_optimized(
	    own->engine, first << map->order, n << map->order, map->order, 0,
	    &own->work, NULL);

	for (uint64_t i = first; i < first + n && !error; i++)
		lab_write_head(map, lab_folio(map, i));
	return error;
}

static int optimize(struct lab_map *map, uint64_t first, uint64_t n)
{
	struct shared *own = map->own;
	size_t done;

	return hvo_vmemmap_optimize(own->engine, own->pfns + first, n,
				    map->order, HVO_PREPARED, &own->work,
				    &done);
}

static int restore(struct lab_map *map, uint64_t first, uint64_t n)
{
	struct shared *own = map->own;
	size_t done;

	return hvo_vmemmap_restore(own->engine, own->pfns + first, n,
				   map->order, 0, &own->work, &done);
}

static int depopulate(struct lab_map *map, uint64_t first, uint64_t n)
{
	struct shared *own = map->own;

	return hvo_vmemmap_depopulate(own->engine, first << map->order,
				      n << map->order, &own->work, NULL);
}

#define SHARED_TAILS                                                           \
	.year = 2026, .kept = 1, .read_only = true, .populate = populate,      \
	.build = build, .optimize = optimize, .restore = restore,              \
	.depopulate = depopulate, .open = open_engine, .close = close_engine

const struct lab_scheme lab_shared_tails = {
    .name = "shared tails",
    .key = "shared-tails",
    .record = sizeof(struct lab_page),
    .walk = LAB_WALK_MASK,
    SHARED_TAILS,
};

const struct lab_scheme lab_shared_tails_by_page = {
    .name = "shared tails, page by page",
    .key = "shared-tails-by-page",
    .record = sizeof(struct lab_page),
    .window = 1,
    .walk = LAB_WALK_MASK,
    SHARED_TAILS,
};

const struct lab_scheme lab_shared_tails_pool = {
    .name = "shared tails, laid out for a pool",
    .key = "shared-tails-pool",
    .record = sizeof(struct lab_page),
    .apart = true,
    .walk = LAB_WALK_MASK,
    SHARED_TAILS,
};

const struct lab_scheme lab_shared_tails_order = {
    .name = "shared tails, by order",
    .key = "shared-tails-order",
    .record = LAB_ORDER_RECORD,
    .walk = LAB_WALK_ORDER,
    SHARED_TAILS,
};

const struct lab_scheme lab_shared_tails_built = {
    .name = "shared tails, struct hvo_page",
    .key = "shared-tails-built",
    .record = sizeof(struct hvo_page),
    .walk = LAB_WALK_BUILT,
    SHARED_TAILS,
};
