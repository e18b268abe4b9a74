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

/* Is it sound? Fills in *g, even if not, as far as page and record are. */
static int validate(const struct hvo_vmemmap_config *config,
		    struct hvo_geometry *g)
{
	const struct hvo_record *record = &config->record;
	int err = hvo_geometry_init(g, config->page_shift, record->size);

	if (err)
		return err;
	if (record->info_offset % sizeof(uint64_t) ||
	    record->info_offset > record->size - sizeof(uint64_t))
		return -HVO_ERECORD;
	if (!config->domains || config->domains > HVO_DOMAINS_MAX)
		return -HVO_EDOMAIN;

	uint64_t unit = UINT64_C(1) << g->unit_order;

	if ((config->pfn_first | config->pfn_end) & (unit - 1) ||
	    config->base % hvo_base_alignment(g))
		return -HVO_EALIGN;
	if (config->pfn_first >= config->pfn_end || !addressable(config))
		return -HVO_ERANGE;
	return 0;
}

int hvo_vmemmap_validate(const struct hvo_vmemmap_config *config)
{
	struct hvo_geometry g;

	return validate(config, &g);
}

static uint64_t unit_count(const struct hvo_vmemmap_config *config,
			   const struct hvo_geometry *g)
{
	return (config->pfn_end - config->pfn_first) >> g->unit_order;
}

size_t hvo_vmemmap_size(const struct hvo_vmemmap_config *config)
{
	struct hvo_geometry g;

	if (validate(config, &g))
		return 0;
	return sizeof(struct hvo_vmemmap) +
	       config->domains * HVO_ORDERS * sizeof(struct hvo_tails) +
	       unit_count(config, &g) * sizeof(uint16_t);
}

int hvo_vmemmap_init(struct hvo_vmemmap **map_out, void *memory,
		     const struct hvo_vmemmap_config *config)
{
	struct hvo_vmemmap *map = memory;
	struct hvo_geometry g;
	int err = validate(config, &g);

	if (err)
		return err;
	memset(memory, 0, hvo_vmemmap_size(config));
	map->config = *config;
	map->geometry = g;
	map->traits = hvo_port_traits(config->port);
	map->window = (uintptr_t)hvo_vmemmap_record(map, config->pfn_first);
	map->unit_pages = hvo_folio_pages(&g, g.unit_order);
	map->units = unit_count(config, &g);
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
		for (unsigned order = 0; order < HVO_ORDERS; order++)
			hvo_tails_use(map, domain, order, 0, true);
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

	stats->pages_present = counter(&c->pages_present);
	stats->frames_owned = counter(&c->frames_owned);
	stats->frames_hosted = counter(&c->frames_hosted);
	stats->frames_shared = counter(&c->frames_shared);
	stats->pages_optimized = counter(&c->pages_optimized);
	for (unsigned order = 0; order < HVO_ORDERS; order++)
		stats->folios[order] = counter(&c->folios[order]);
	stats->grace_periods = counter(&c->grace_periods);
	stats->flushes = counter(&c->flushes);
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
	if (state & UNIT_LEAVING)
		return 0;
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

/* The same of one that is not like the first. */
static int other_refuses(uint16_t unit, uint16_t like, uint16_t state)
{
	int err = unit_refuses(unit, state);

	if (!err && !(state & UNIT_LEAVING) && (unit ^ like) & UNIT_DOMAIN)
		err = -HVO_EDOMAIN;
	return err;
}

/* With the lock held, so that a unit that is not busy stays what it is. */
static int units_refuse(struct units units, uint16_t state)
{
	uint16_t like = unit_at(units.first);
	int err = unit_refuses(like, state);

	if (err)
		return err;
	for (_Atomic uint16_t *at = units.first + 1; at < units.end; at++) {
		if (unit_at(at) == like)
			continue;
		err = other_refuses(unit_at(at), like, state);
		if (err)
			return err;
	}
	return 0;
}

int hvo_claim(struct hvo_vmemmap *map, hvo_pfn_t pfn, uint64_t count,
	      unsigned order, uint16_t state, unsigned *domain)
{
	uint16_t claim = UNIT_BUSY | (state & UNIT_LEAVING);
	int err = hvo_range_validate(map, pfn, count, order);

	if (err)
		return err;

	struct units units = units_of(map, pfn, count);

	hvo_port_lock(map->config.port);
	err = units_refuse(units, state);
	if (!err) {
		*domain = hvo_unit_domain(unit_at(units.first));
		for (_Atomic uint16_t *at = units.first; at < units.end; at++)
			atomic_store_explicit(
			    at,
			    atomic_load_explicit(at, memory_order_relaxed) |
				claim,
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

/* ---- pages and frames --------------------------------------------------- */

hvo_frame_t hvo_page_frame(const struct hvo_vmemmap *map, uint64_t page)
{
	return hvo_port_translate(map->config.port, hvo_page_address(map, page))
	    .frame;
}

bool hvo_page_hosted(const struct hvo_vmemmap *map, uint16_t unit,
		     uint64_t page)
{
	unsigned host = hvo_unit_host(unit);
	uintptr_t address = (uintptr_t)hvo_page_address(map, page);

	/* A folio's descriptors begin at a multiple of their own size. */
	return host && address % hvo_folio_bytes(&map->geometry, host);
}

uint64_t hvo_count_hosted(const struct hvo_vmemmap *map, uint64_t page,
			  uint64_t n)
{
	uint64_t hosted = 0;

	for (uint64_t end = page + n; page < end; page++)
		hosted += hvo_page_hosted(map, hvo_page_unit(map, page), page);
	return hosted;
}

int hvo_frames_alloc(struct hvo_vmemmap *map, uint64_t home, uint64_t count,
		     uint64_t least, unsigned domain, struct hvo_run *run)
{
	const struct hvo_frame_request request = {
	    .count = count,
	    .least = least,
	    .align = 1,
	    .home = home,
	    .domain = domain,
	};

	return map->config.frames.alloc(map->config.frames.ctx, &request, run);
}

void hvo_frames_free(struct hvo_vmemmap *map, struct hvo_run run)
{
	map->config.frames.free(map->config.frames.ctx, run);
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

/* How many of n pages from `page` on come before one that is hosted? */
static uint64_t owned_pages(const struct hvo_vmemmap *map, uint64_t page,
			    uint64_t n)
{
	uint64_t owned = 0;

	if (!hvo_hosted_pages(map, page, n))
		return n;
	while (!hvo_hosted_pages(map, page + owned, 1))
		owned++;
	return owned;
}

int hvo_work_collect(struct hvo_vmemmap *map, struct hvo_work *work,
		     uint64_t page, uint64_t n)
{
	int err = 0;

	for (uint64_t end = page + n; page < end && !err;) {
		struct hvo_run run;

		if (hvo_hosted_pages(map, page, 1)) {
			page++;
			continue;
		}
		run = hvo_port_frames(map->config.port,
				      hvo_page_address(map, page), end - page);
		run.count = owned_pages(map, page, run.count);
		err = hvo_work_add(work, run, true);
		page += run.count;
	}
	return err;
}

int hvo_work_alloc(struct hvo_vmemmap *map, struct hvo_work *work,
		   uint64_t page, uint64_t n, unsigned domain)
{
	size_t start = work->used;
	int err = 0;

	for (uint64_t end = page + n; page < end && !err;) {
		struct hvo_run run;

		if (work->used == work->capacity)
			return -HVO_EWORK;
		err = hvo_frames_alloc(map, page, end - page, 1, domain, &run);
		if (!err) {
			hvo_work_add(work, run, work->used > start);
			page += run.count;
		}
	}
	return err;
}

void hvo_work_free(struct hvo_vmemmap *map, const struct hvo_work *work,
		   uint64_t skip, uint64_t n)
{
	for (size_t i = 0; i < work->used && n; i++) {
		struct hvo_run run = work->runs[i];

		if (skip) {
			skip -= run.count;
			continue;
		}
		if (run.count > n)
			run.count = n;
		hvo_frames_free(map, run);
		n -= run.count;
	}
}

/* ---- waiting ------------------------------------------------------------ */

void hvo_flush_pages(struct hvo_vmemmap *map, uint64_t page, uint64_t n)
{
	hvo_count(&map->counters.flushes, 1);
	hvo_port_flush(map->config.port, hvo_page_address(map, page), n);
}

void hvo_grace(struct hvo_vmemmap *map)
{
	hvo_count(&map->counters.grace_periods, 1);
	hvo_port_synchronize(map->config.port);
}
