/* SPDX-License-Identifier: MIT */
/*
 * The memory map itself: making it, the range table, and the steps that all
 * transitions share (claims, the workspace, flushes).
 *
 * Locking: units are compared and claimed under the port's lock, so that of
 * two transitions that overlap one gets everything and the other nothing.
 */

#include "hvo/mem.h"
#include "engine.h"

/* ---- making and unmaking ---------------------------------------------- */

/* Do the descriptors of all pfns have addresses that do not wrap around? */
static bool addressable(const struct hvo_vmemmap_config *config)
{
	return config->pfn_end <=
	       (UINTPTR_MAX - config->base) / config->record.size;
}

int hvo_vmemmap_validate(const struct hvo_vmemmap_config *config)
{
	const struct hvo_record *record = &config->record;
	struct hvo_geometry g;
	int err = hvo_geometry_init(&g, config->page_shift, record->size);

	if (err)
		return err;
	if (record->info_offset % sizeof(uint64_t) ||
	    record->info_offset > record->size - sizeof(uint64_t))
		return -HVO_ERECORD;
	if (!config->domains || config->domains > HVO_DOMAINS_MAX)
		return -HVO_EDOMAIN;

	uint64_t unit = UINT64_C(1) << g.unit_order;

	if (config->pfn_first % unit || config->pfn_end % unit ||
	    config->base % hvo_base_alignment(&g))
		return -HVO_EALIGN;
	if (config->pfn_first >= config->pfn_end || !addressable(config))
		return -HVO_ERANGE;
	return 0;
}

static uint64_t unit_count(const struct hvo_vmemmap_config *config,
			   const struct hvo_geometry *g)
{
	return (config->pfn_end - config->pfn_first) >> g->unit_order;
}

size_t hvo_vmemmap_size(const struct hvo_vmemmap_config *config)
{
	struct hvo_geometry g;

	if (hvo_vmemmap_validate(config))
		return 0;
	hvo_geometry_init(&g, config->page_shift, config->record.size);
	return sizeof(struct hvo_vmemmap) +
	       config->domains * HVO_ORDERS * sizeof(struct hvo_tails) +
	       unit_count(config, &g) * sizeof(uint16_t);
}

int hvo_vmemmap_init(struct hvo_vmemmap **map_out, void *memory,
		     const struct hvo_vmemmap_config *config)
{
	struct hvo_vmemmap *map = memory;
	int err = hvo_vmemmap_validate(config);

	if (err)
		return err;
	memset(memory, 0, hvo_vmemmap_size(config));
	map->config = *config;
	hvo_geometry_init(&map->geometry, config->page_shift,
			  config->record.size);
	map->traits = hvo_port_traits(config->port);
	map->units = unit_count(config, &map->geometry);
	map->tails = (struct hvo_tails *)(map + 1);
	map->unit =
	    (_Atomic uint16_t *)(map->tails + config->domains * HVO_ORDERS);
	*map_out = map;
	return 0;
}

int hvo_vmemmap_fini(struct hvo_vmemmap *map)
{
	for (uint64_t i = 0; i < map->units; i++)
		if (atomic_load(&map->unit[i]))
			return -HVO_ESTATE;
	for (unsigned domain = 0; domain < map->config.domains; domain++)
		for (unsigned order = 0; order < HVO_ORDERS; order++) {
			struct hvo_tails *slot =
			    hvo_tails_slot(map, domain, order);

			if (!slot->first)
				continue;
			hvo_tails_put(map, domain, order, 0, true);
		}
	return 0;
}

/* ---- looking ----------------------------------------------------------- */

const struct hvo_geometry *hvo_vmemmap_geometry(const struct hvo_vmemmap *map)
{
	return &map->geometry;
}

void *hvo_vmemmap_record(const struct hvo_vmemmap *map, hvo_pfn_t pfn)
{
	return (void *)(map->config.base +
			(uintptr_t)(pfn * map->geometry.record));
}

static bool in_map(const struct hvo_vmemmap *map, hvo_pfn_t pfn)
{
	return pfn >= map->config.pfn_first && pfn < map->config.pfn_end;
}

struct hvo_range_state hvo_vmemmap_state(const struct hvo_vmemmap *map,
					 hvo_pfn_t pfn)
{
	uint16_t unit = in_map(map, pfn) ? hvo_unit(map, pfn) : 0;

	return (struct hvo_range_state){
	    .state = !(unit & UNIT_PRESENT)    ? HVO_ABSENT
		     : (unit & UNIT_OPTIMIZED) ? HVO_OPTIMIZED
					       : HVO_FULL,
	    .order = unit & UNIT_ORDER,
	    .domain = (uint8_t)hvo_unit_domain(unit),
	    .busy = unit & UNIT_BUSY,
	};
}

bool hvo_pfn_valid(const struct hvo_vmemmap *map, hvo_pfn_t pfn)
{
	return in_map(map, pfn) &&
	       (hvo_unit(map, pfn) & (UNIT_PRESENT | UNIT_LEAVING)) ==
		   UNIT_PRESENT;
}

static uint64_t counter(const _Atomic uint64_t *value)
{
	return atomic_load_explicit(value, memory_order_relaxed);
}

void hvo_vmemmap_stats(const struct hvo_vmemmap *map,
		       struct hvo_vmemmap_stats *stats)
{
	const struct hvo_counters *c = &map->counters;

	*stats = (struct hvo_vmemmap_stats){
	    .pages_present = counter(&c->pages_present),
	    .frames_owned = counter(&c->frames_owned),
	    .frames_hosted = counter(&c->frames_hosted),
	    .frames_shared = counter(&c->frames_shared),
	    .pages_optimized = counter(&c->pages_optimized),
	    .grace_periods = counter(&c->grace_periods),
	    .flushes = counter(&c->flushes),
	};
	for (unsigned order = 0; order < HVO_ORDERS; order++)
		stats->folios[order] = counter(&c->folios[order]);
}

bool hvo_vmemmap_span(const struct hvo_vmemmap *map, hvo_pfn_t pfn,
		      struct hvo_span *span)
{
	uint64_t unit_pfns = UINT64_C(1) << map->geometry.unit_order;

	if (!in_map(map, pfn) || pfn % unit_pfns)
		return false;

	uint64_t first = hvo_pfn_unit(map, pfn);
	uint16_t unit = atomic_load(&map->unit[first]);
	uint64_t end = first + 1;

	while (end < map->units && atomic_load(&map->unit[end]) == unit)
		end++;
	span->pfn = pfn;
	span->count = (end - first) * unit_pfns;
	span->state = hvo_vmemmap_state(map, pfn);
	return true;
}

/* ---- ranges and claims ------------------------------------------------- */

int hvo_range_validate(const struct hvo_vmemmap *map, hvo_pfn_t pfn,
		       uint64_t count, unsigned order)
{
	uint64_t mask = (UINT64_C(1) << order) - 1;

	if ((pfn | count) & mask)
		return -HVO_EALIGN;
	if (!count || !in_map(map, pfn) || count > map->config.pfn_end - pfn)
		return -HVO_ERANGE;
	return 0;
}

/* Why a unit that is `unit` cannot start a transition from `state`; or 0. */
static int unit_refuses(uint16_t unit, uint16_t state)
{
	uint16_t kind = unit & (UNIT_PRESENT | UNIT_OPTIMIZED);
	/* The order of a full unit names its host, of no concern here. */
	uint16_t order = unit & UNIT_OPTIMIZED ? unit & UNIT_ORDER : 0;

	if (unit & UNIT_BUSY)
		return -HVO_EBUSY;
	if ((kind | order) == state)
		return 0;
	if (!(unit & UNIT_PRESENT))
		return -HVO_EABSENT;
	return state ? -HVO_ESTATE : -HVO_EEXIST;
}

/* The units of a range. */
struct units {
	_Atomic uint16_t *first, *end;
};

static struct units units_of(const struct hvo_vmemmap *map, hvo_pfn_t pfn,
			     uint64_t count)
{
	_Atomic uint16_t *first = &map->unit[hvo_pfn_unit(map, pfn)];

	return (struct units){first,
			      first + (count >> map->geometry.unit_order)};
}

static uint16_t unit_at(const _Atomic uint16_t *unit)
{
	return atomic_load_explicit(unit, memory_order_acquire);
}

/* With the lock held, so that a unit that is not busy stays what it is. */
static int units_refuse(struct units units, uint16_t state)
{
	uint16_t like = unit_at(units.first);
	int err = unit_refuses(like, state);

	for (_Atomic uint16_t *at = units.first + 1; at < units.end && !err;
	     at++) {
		uint16_t unit = unit_at(at);

		if (unit == like)
			continue;
		err = unit_refuses(unit, state);
		if (!err && (unit ^ like) & UNIT_DOMAIN)
			err = -HVO_EDOMAIN;
	}
	return err;
}

int hvo_claim(struct hvo_vmemmap *map, hvo_pfn_t pfn, uint64_t count,
	      uint16_t state, unsigned *domain)
{
	struct units units = units_of(map, pfn, count);

	hvo_port_lock(map->config.port);
	int err = units_refuse(units, state);
	if (!err) {
		*domain = hvo_unit_domain(unit_at(units.first));
		for (_Atomic uint16_t *at = units.first; at < units.end; at++)
			atomic_store_explicit(at, unit_at(at) | UNIT_BUSY,
					      memory_order_relaxed);
	}
	hvo_port_unlock(map->config.port);
	return err;
}

void hvo_settle(struct hvo_vmemmap *map, hvo_pfn_t pfn, uint64_t count,
		uint16_t unit)
{
	struct units units = units_of(map, pfn, count);

	for (_Atomic uint16_t *at = units.first; at < units.end; at++)
		atomic_store_explicit(at, unit, memory_order_release);
}

void hvo_release(struct hvo_vmemmap *map, hvo_pfn_t pfn, uint64_t count)
{
	struct units units = units_of(map, pfn, count);

	for (_Atomic uint16_t *at = units.first; at < units.end; at++)
		atomic_fetch_and_explicit(
		    at, (uint16_t) ~(UNIT_BUSY | UNIT_LEAVING),
		    memory_order_release);
}

bool hvo_page_beyond_first(const struct hvo_vmemmap *map, unsigned host,
			   uint64_t page)
{
	/* Folios are aligned in the pfn space, not in the window. */
	uint64_t before = map->config.pfn_first * map->geometry.record >>
			  map->geometry.page_shift;

	return (before + page) % hvo_folio_pages(&map->geometry, host) != 0;
}

/* ---- the workspace ----------------------------------------------------- */

int hvo_work_add(struct hvo_work *work, struct hvo_run run, bool join)
{
	if (join && work->used) {
		struct hvo_run *last = &work->runs[work->used - 1];

		if (last->first.nr + last->count == run.first.nr) {
			last->count += run.count;
			return 0;
		}
	}
	if (work->used == work->capacity)
		return -HVO_EWORK;
	work->runs[work->used++] = run;
	return 0;
}

/* Forget what was added since there were `used` runs, the last of `count`. */
static void work_reset(struct hvo_work *work, size_t used, uint64_t count)
{
	work->used = used;
	if (used)
		work->runs[used - 1].count = count;
}

/* Pages from `page` on, before end, until one that is hosted. */
static uint64_t owned_pages(const struct hvo_vmemmap *map, uint64_t page,
			    uint64_t end)
{
	uint64_t at = page;

	while (at < end && !hvo_page_hosted(map, hvo_page_unit(map, at), at))
		at++;
	return at - page;
}

int hvo_work_collect(struct hvo_vmemmap *map, struct hvo_work *work,
		     uint64_t page, uint64_t n, uint64_t *hosted)
{
	struct hvo_port *port = map->config.port;
	uint64_t end = page + n;
	size_t used = work->used;
	uint64_t count = used ? work->runs[used - 1].count : 0;

	while (page < end) {
		uint64_t own = owned_pages(map, page, end);
		struct hvo_run run;
		int err;

		if (!own) {
			page++;
			++*hosted;
			continue;
		}
		run = hvo_port_frames(port, hvo_page_address(map, page), own);
		err = hvo_work_add(work, run, true);
		if (err) {
			work_reset(work, used, count);
			return err;
		}
		page += run.count;
	}
	return 0;
}

int hvo_work_alloc(struct hvo_vmemmap *map, struct hvo_work *work,
		   uint64_t page, uint64_t n, unsigned domain)
{
	struct hvo_frames *frames = &map->config.frames;
	size_t start = work->used;
	struct hvo_frame_request request = {
	    .least = 1,
	    .align = 1,
	    .domain = domain,
	};
	int err = 0;

	for (uint64_t at = 0; at < n && !err;) {
		struct hvo_run run;

		request.home = page + at;
		request.count = n - at;
		if (work->used == work->capacity)
			err = -HVO_EWORK;
		else
			err = frames->alloc(frames->ctx, &request, &run);
		if (!err) {
			hvo_work_add(work, run, work->used > start);
			at += run.count;
		}
	}
	if (err) {
		hvo_work_free(map, work, start, work->used);
		work->used = start;
	}
	return err;
}

void hvo_work_free(struct hvo_vmemmap *map, struct hvo_work *work, size_t from,
		   size_t to)
{
	for (size_t i = from; i < to; i++)
		map->config.frames.free(map->config.frames.ctx, work->runs[i]);
}

/* ---- flushes ------------------------------------------------------------ */

void hvo_flush_pages(struct hvo_vmemmap *map, uint64_t page, uint64_t n)
{
	hvo_count(&map->counters.flushes, 1);
	hvo_port_flush(map->config.port, hvo_page_address(map, page), n);
}

void hvo_flush_folios(struct hvo_vmemmap *map, const hvo_pfn_t *pfns, size_t n,
		      unsigned order)
{
	hvo_pfn_t low = UINT64_MAX;
	hvo_pfn_t high = 0;

	if (!n)
		return;
	for (size_t i = 0; i < n; i++) {
		low = pfns[i] < low ? pfns[i] : low;
		high = pfns[i] > high ? pfns[i] : high;
	}

	uint64_t page = hvo_pfn_page(map, low);

	hvo_flush_pages(map, page,
			hvo_pfn_page(map, high) - page +
			    hvo_folio_pages(&map->geometry, order));
}

void hvo_grace(struct hvo_vmemmap *map)
{
	hvo_count(&map->counters.grace_periods, 1);
	hvo_port_synchronize(map->config.port);
}
