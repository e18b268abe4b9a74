/* SPDX-License-Identifier: MIT */
/*
 * The manager itself: whether a configuration is sound, how its tables lie in
 * the memory given, look-ups, workspaces, counters.
 */

#include "layout.h"

#define CPUS_MAX 1024
#define RUNS_MAX (1 << 20) /* 16 times what a 16 GiB folio can need */

/* ---- is the configuration sound? -------------------------------------- */

/* Zones are cut at these, so they must not cut a subsection. */
static bool limits_aligned(const struct hvo_mm_config *config, uint64_t mask)
{
	if (config->dma32_end & mask)
		return false;
	for (unsigned i = 0; config->movable_first && i < config->nodes; i++)
		if (config->movable_first[i] & mask)
			return false;
	return true;
}

int hvo_mm_validate(const struct hvo_mm_config *config)
{
	struct hvo_geometry g;
	struct hvo_vmemmap_config vmemmap = hvo_mm_vmemmap_config(config);
	int err =
	    hvo_geometry_init(&g, config->page_shift, sizeof(struct hvo_page));
	uint64_t mask;

	if (err)
		return err;
	mask = hvo_pages(hvo_subsection_order(&g)) - 1;
	if (!config->nodes || config->nodes > HVO_NODES_MAX)
		return -HVO_ENODE;
	if (!config->cpus || config->cpus > CPUS_MAX ||
	    config->work_runs > RUNS_MAX)
		return -HVO_ERANGE;
	if (config->described.nr == HVO_NO_FRAME.nr)
		return -HVO_ENOHOST;
	if ((config->pfn_first | config->pfn_end) & mask ||
	    !limits_aligned(config, mask))
		return -HVO_EALIGN;
	return hvo_vmemmap_validate(&vmemmap);
}

struct hvo_vmemmap_config
hvo_mm_vmemmap_config(const struct hvo_mm_config *config)
{
	return (struct hvo_vmemmap_config){
	    .port = config->port,
	    .record = hvo_page_record(),
	    .base = config->base,
	    .pfn_first = config->pfn_first,
	    .pfn_end = config->pfn_end,
	    .domains = config->nodes * (uint32_t)HVO_ZONES,
	    .page_shift = config->page_shift,
	    .described = config->described,
	};
}

/* ---- where everything lies -------------------------------------------- */

/* Room for a table at the end; returns where it begins. */
static size_t place(size_t *size, size_t bytes)
{
	size_t at = *size;

	*size = (at + bytes + 63) & ~(size_t)63;
	return at;
}

struct hvo_mm_layout hvo_mm_lay_out(const struct hvo_mm_config *config)
{
	struct hvo_mm_layout l = {0};
	struct hvo_geometry g;
	struct hvo_vmemmap_config vmemmap = hvo_mm_vmemmap_config(config);
	size_t cpus = config->cpus;
	size_t nodes = config->nodes;
	size_t domains = nodes * HVO_ZONES;

	hvo_geometry_init(&g, config->page_shift, sizeof(struct hvo_page));
	l.runs = config->work_runs ? config->work_runs : 4096;
	place(&l.size, sizeof(struct hvo_mm));
	l.zones = place(&l.size, domains * sizeof(struct hvo_zone));
	l.caches = place(&l.size, cpus * domains * sizeof(struct hvo_cache));
	l.works = place(&l.size, cpus * sizeof(struct hvo_mm_work));
	l.work_runs = place(&l.size, cpus * l.runs * sizeof(struct hvo_run));
	l.distance = place(&l.size, nodes * nodes);
	l.nearest = place(&l.size, nodes * nodes);
	l.movable = place(&l.size, nodes * sizeof(hvo_pfn_t));
	l.sections = place(
	    &l.size, hvo_sparse_size(&g, config->pfn_first, config->pfn_end));
	l.map = place(&l.size, hvo_vmemmap_size(&vmemmap));
	return l;
}

size_t hvo_mm_size(const struct hvo_mm_config *config)
{
	return hvo_mm_validate(config) ? 0 : hvo_mm_lay_out(config).size;
}

/* ---- look-ups --------------------------------------------------------- */

struct hvo_vmemmap *hvo_mm_vmemmap(const struct hvo_mm *mm)
{
	return mm->map;
}

const struct hvo_sparse *hvo_mm_sparse(const struct hvo_mm *mm)
{
	return &mm->sparse;
}

const struct hvo_mm_config *hvo_mm_config(const struct hvo_mm *mm)
{
	return &mm->config;
}

struct hvo_page *hvo_mm_page(const struct hvo_mm *mm, hvo_pfn_t pfn)
{
	return hvo_page_at(mm, pfn);
}

hvo_pfn_t hvo_mm_pfn(const struct hvo_mm *mm, const struct hvo_page *page)
{
	return hvo_page_pfn(mm, page);
}

hvo_frame_t hvo_mm_frame(const struct hvo_mm *mm, hvo_pfn_t pfn)
{
	return hvo_frame_add(mm->config.described, pfn - mm->config.pfn_first);
}

hvo_pfn_t hvo_mm_frame_pfn(const struct hvo_mm *mm, hvo_frame_t frame)
{
	return mm->config.pfn_first + (frame.nr - mm->config.described.nr);
}

unsigned hvo_mm_nearest(const struct hvo_mm *mm, unsigned node, unsigned i)
{
	return mm->nearest[node * mm->config.nodes + i];
}

/* ---- workspaces ------------------------------------------------------- */

struct hvo_work *hvo_mm_work_take(struct hvo_mm *mm)
{
	unsigned at = hvo_port_cpu(mm->config.port);

	for (;; at++) {
		struct hvo_mm_work *w = &mm->works[at % mm->config.cpus];

		if (hvo_lock_try(&w->lock))
			return &w->work;
		if (at % mm->config.cpus == 0)
			hvo_port_relax(mm->config.port);
	}
}

void hvo_mm_work_give(struct hvo_mm *mm, struct hvo_work *work)
{
	unsigned char *at = (unsigned char *)work;

	(void)mm;
	at -= offsetof(struct hvo_mm_work, work);
	hvo_mm_unlock(&((struct hvo_mm_work *)(void *)at)->lock);
}

/* ---- counters --------------------------------------------------------- */

static void add_zone(const struct hvo_mm *mm, const struct hvo_zone *zone,
		     struct hvo_mm_stats *stats)
{
	stats->present += hvo_read(&zone->present);
	stats->poisoned += hvo_read(&zone->poisoned);
	for (unsigned i = 0; i < HVO_OWNERS; i++)
		stats->owner[i] += hvo_zone_owned(mm, zone, (enum hvo_owner)i);
}

int hvo_mm_node_stats(struct hvo_mm *mm, unsigned node,
		      struct hvo_mm_stats *stats)
{
	*stats = (struct hvo_mm_stats){0};
	if (node >= mm->config.nodes)
		return -HVO_ENODE;
	for (unsigned type = 0; type < HVO_ZONES; type++)
		add_zone(mm, &mm->zones[node * HVO_ZONES + type], stats);
	return 0;
}

void hvo_mm_stats(struct hvo_mm *mm, struct hvo_mm_stats *stats)
{
	*stats = (struct hvo_mm_stats){
	    .unrecoverable = hvo_read(&mm->unrecoverable),
	    .table_bytes = mm->table_bytes,
	    .sparse_bytes = mm->sparse.sections * sizeof(struct hvo_section),
	};
	for (unsigned d = 0; d < mm->domains; d++)
		add_zone(mm, &mm->zones[d], stats);
	hvo_mm_lock(mm, &mm->host_lock);
	stats->hosts = mm->hosts;
	stats->deferred = mm->deferred;
	hvo_mm_unlock(&mm->host_lock);
}
