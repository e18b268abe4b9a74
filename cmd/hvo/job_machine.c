/* SPDX-License-Identifier: MIT */
/*
 * The steps of `hvo run` that differ on a machine: huge pages are a pool's,
 * frames are the machine's own memory, and what optimizing frees is allocated
 * and used, to show that it can be.
 */
#include <stdlib.h>
#include "cmd.h"
#include "hvo/page.h"
#include "job.h"

/* ---- can there be one? ------------------------------------------------- */

const char *hvo_job_engine_why(const struct hvo_job *job)
{
	const struct hvo_map *map = &job->map;
	uint64_t pages = map->options.memory >> map->geometry.page_shift;
	uint64_t subsection = UINT64_C(1)
			      << hvo_subsection_order(&map->geometry);

	if (map->options.iomem)
		return "--iomem";
	if (job->from_start)
		return "--populate optimized";
	if (map->options.record != HVO_PAGE_BYTES)
		return "--record";
	if (!map->optimizable)
		return "--page-size";
	if (pages % subsection)
		return "--memory";
	return NULL;
}

/* ---- making it --------------------------------------------------------- */

static int open_pool(struct hvo_job *job)
{
	struct hvo_mm *mm = hvo_machine_mm(job->machine);
	const struct hvo_hugetlb_config config = {
	    .orders = {job->map.order},
	    .sizes = 1,
	    .limit = HVO_ZONE_MOVABLE,
	};

	job->pool_tables = aligned_alloc(64, hvo_hugetlb_size(mm, &config));
	if (!job->pool_tables)
		return -HVO_ENOMEM;
	return hvo_hugetlb_init(&job->pools, job->pool_tables, mm, &config);
}

int hvo_job_machine_open(struct hvo_job *job)
{
	struct hvo_map *map = &job->map;
	const struct hvo_machine_config config = {
	    .range = {{.size = map->options.memory}},
	    .ranges = 1,
	    .base_page = map->options.base_page,
	};
	char message[512];
	int error;

	if (hvo_machine_open(&job->machine, &config, message,
			     sizeof(message))) {
		hvo_error("%s", message);
		return HVO_EXIT_DENIED;
	}
	map->linux_port = hvo_machine_port(job->machine);
	map->vmemmap = hvo_mm_vmemmap(hvo_machine_mm(job->machine));
	map->record = hvo_page_record();
	error = open_pool(job);
	return error ? hvo_job_error(job, "making the pool", error)
		     : HVO_EXIT_OK;
}

/* As many huge pages as were planned, or as there is room for. */
static int fill_pool(struct hvo_job *job, struct hvo_progress *progress)
{
	struct hvo_map *map = &job->map;
	uint64_t reached = 0;
	int error = 0;

	while (!error && !hvo_job_interrupted() && reached < map->folios) {
		uint64_t left = map->folios - reached;
		uint64_t n = left < HVO_JOB_BULK ? left : HVO_JOB_BULK;

		error = hvo_hugetlb_resize(job->pools, map->order, 0,
					   reached + n, &reached);
		hvo_progress_step(progress,
				  map->pages + (reached << map->order));
	}
	map->folios = reached;
	return error == -HVO_ENOMEM ? 0 : error;
}

/* Which ones they are. */
static int list_pool(struct hvo_job *job)
{
	struct hvo_map *map = &job->map;
	uint64_t n = 0;

	map->pfns = calloc(map->folios + 1, sizeof(*map->pfns));
	if (!map->pfns)
		return -HVO_ENOMEM;
	for (hvo_pfn_t pfn = 0; pfn < map->pages && n < map->folios;
	     pfn += UINT64_C(1) << map->order)
		if (hvo_hugetlb_state(job->pools, pfn) == HVO_HUGETLB_FREE)
			map->pfns[n++] = pfn;
	return 0;
}

int hvo_job_machine_populate(struct hvo_job *job, struct hvo_progress *progress)
{
	int error = fill_pool(job, progress);

	return error ? error : list_pool(job);
}

int hvo_job_machine_close(struct hvo_job *job)
{
	int error;

	if (!job->machine)
		return 0;
	error = hvo_machine_close(job->machine);
	job->map.linux_port = NULL;
	job->map.vmemmap = NULL;
	free(job->pool_tables);
	free(job->reused);
	job->machine = NULL;
	job->pools = NULL;
	job->pool_tables = NULL;
	job->reused = NULL;
	return error;
}

/* ---- optimizing and restoring ------------------------------------------ */

/* Switch all huge pages over. */
static int apply(struct hvo_job *job, bool optimize,
		 struct hvo_progress *progress)
{
	hvo_pfn_t from = 0;
	uint64_t all = 0;
	int error = 0;

	hvo_hugetlb_set_optimize(job->pools, optimize);
	while (!error && !hvo_job_interrupted() && from != HVO_HUGETLB_END) {
		uint64_t done;

		error = hvo_hugetlb_apply_some(job->pools, job->map.order,
					       HVO_JOB_BULK, &from, &done);
		all += done;
		hvo_progress_step(progress, all);
	}
	return error;
}

int hvo_job_machine_optimize(struct hvo_job *job, struct hvo_progress *progress)
{
	struct hvo_hugetlb_stats stats;
	int error = apply(job, true, progress);

	hvo_hugetlb_stats(job->pools, job->map.order, &stats);
	job->optimized = stats.optimized;
	return error;
}

int hvo_job_machine_restore(struct hvo_job *job, struct hvo_progress *progress)
{
	return apply(job, false, progress);
}

/* ---- freed pages are memory -------------------------------------------- */

uint64_t hvo_job_machine_free(const struct hvo_job *job)
{
	struct hvo_mm_stats stats;

	hvo_mm_stats(hvo_machine_mm(job->machine), &stats);
	return (stats.owner[HVO_OWNER_FREE] + stats.owner[HVO_OWNER_CACHE])
	       << job->map.geometry.page_shift;
}

/* The page that a descriptor describes, as words, by the direct map. */
static uint64_t *contents(const struct hvo_job *job,
			  const struct hvo_page *page, hvo_pfn_t *pfn)
{
	struct hvo_mm *mm = hvo_machine_mm(job->machine);

	*pfn = hvo_mm_pfn(mm, page);
	return hvo_port_frame(hvo_linux_port(job->map.linux_port),
			      hvo_mm_frame(mm, *pfn));
}

static void write_page(const struct hvo_job *job, const struct hvo_page *page)
{
	size_t n = hvo_page_size(&job->map.geometry) / sizeof(uint64_t);
	hvo_pfn_t pfn;
	uint64_t *word = contents(job, page, &pfn);

	for (size_t i = 0; i < n; i++)
		word[i] = hvo_map_pattern_of(pfn) + i;
}

static bool page_kept(const struct hvo_job *job, const struct hvo_page *page)
{
	size_t n = hvo_page_size(&job->map.geometry) / sizeof(uint64_t);
	hvo_pfn_t pfn;
	const uint64_t *word = contents(job, page, &pfn);
	bool kept = true;

	for (size_t i = 0; i < n; i++)
		kept &= word[i] == hvo_map_pattern_of(pfn) + i;
	return kept;
}

/* Backed by the host: committed pages are in what it measures. */
static int allocate(struct hvo_job *job, size_t pages,
		    struct hvo_progress *progress)
{
	const struct hvo_alloc alloc = {
	    .limit = HVO_ZONE_MOVABLE,
	    .flags = HVO_ALLOC_COMMIT,
	};
	int error = 0;

	while (!error && !hvo_job_interrupted() && job->reused_count < pages) {
		size_t left = pages - job->reused_count;
		struct hvo_page **to = &job->reused[job->reused_count];
		size_t done = 0;

		error = hvo_folio_alloc_bulk(
		    hvo_machine_mm(job->machine), &alloc,
		    left < HVO_JOB_BULK ? left : HVO_JOB_BULK, to, &done);
		for (size_t i = 0; i < done; i++)
			write_page(job, to[i]);
		job->reused_count += done;
		hvo_progress_step(progress, job->reused_count);
	}
	return error;
}

/* The pages are free: it is the host that has no memory for them. */
static int no_memory(void)
{
	hvo_error("using what was freed: the host has no memory left for it; "
		  "describe less (--memory), or do without (--engine)");
	return HVO_EXIT_FAILED;
}

int hvo_job_reuse(struct hvo_job *job)
{
	unsigned shift = job->map.geometry.page_shift;
	struct hvo_progress progress;
	struct hvo_moment used;
	uint64_t pages;
	int error;

	if (!job->machine || job->after.free <= job->before.free)
		return HVO_EXIT_OK;
	pages = (job->after.free - job->before.free) >> shift;
	job->reused = calloc(pages, sizeof(struct hvo_page *));
	if (!job->reused)
		return no_memory();
	hvo_progress_start(&progress, "using freed pages", pages);
	error = allocate(job, pages, &progress);
	hvo_progress_end(&progress);
	if (error == -HVO_ENOMEM)
		return no_memory();
	if (error)
		return hvo_job_error(job, "using what was freed", error);
	job->checked.reused = job->reused_count;
	hvo_job_measure(job, &used);
	return hvo_job_interrupted() ? HVO_EXIT_FAILED : HVO_EXIT_OK;
}

int hvo_job_unuse(struct hvo_job *job)
{
	while (job->reused_count) {
		struct hvo_page *page = job->reused[--job->reused_count];

		job->checked.wrong_reused += !page_kept(job, page);
		hvo_folio_put(hvo_machine_mm(job->machine), page);
	}
	return HVO_EXIT_OK;
}
