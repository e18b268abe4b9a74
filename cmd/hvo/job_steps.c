/* SPDX-License-Identifier: MIT */
/*
 * The transitions that `hvo run` makes, in bulk, with progress shown.
 */
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include "cmd.h"
#include "hvo/page.h"
#include "job.h"
#include "room.h"
#include "size.h"

/* ---- interrupts, time, measuring ------------------------------------ */

/* Set by the handler, read by all threads. */
static atomic_int interrupted;

static void on_interrupt(int signal)
{
	(void)signal;
	interrupted = 1;
}

void hvo_job_catch_interrupt(void)
{
	struct sigaction action = {.sa_handler = on_interrupt};

	sigemptyset(&action.sa_mask);
	/* Only once: a second one ends the process in any case. */
	action.sa_flags = SA_RESTART | (int)SA_RESETHAND;
	sigaction(SIGINT, &action, NULL);
}

bool hvo_job_interrupted(void)
{
	return interrupted;
}

static double now_s(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

/* Bytes that one account has and the other has not: lost frames. */
static void compare(struct hvo_job *job, uint64_t a, uint64_t b)
{
	uint64_t apart =
	    (a > b ? a - b : b - a) >> job->map.geometry.page_shift;

	if (job->checked.lost_frames < apart)
		job->checked.lost_frames = apart;
}

void hvo_job_measure(struct hvo_job *job, struct hvo_moment *m)
{
	struct hvo_map *map = &job->map;
	unsigned shift = map->geometry.page_shift;
	uint64_t reused = (uint64_t)job->reused_count << shift;

	m->measured = hvo_linux_measured(map->linux_port);
	m->counted = hvo_map_counted(map);
	m->mappings = hvo_linux_mappings(map->linux_port);
	m->free = job->machine ? hvo_job_machine_free(job) : 0;
	compare(job, m->measured, m->counted + reused);
	compare(job,
		job->machine ? hvo_machine_backed(job->machine) << shift
			     : hvo_linux_handed_out(map->linux_port),
		m->counted + reused);
}

int hvo_job_error(const struct hvo_job *job, const char *doing, int error)
{
	char message[1024];

	if (!job->machine)
		return hvo_map_error(&job->map, doing, error);
	hvo_machine_explain(job->machine, error, message, sizeof(message));
	hvo_error("%s: %s", doing, message);
	return HVO_EXIT_FAILED;
}

/* ---- populating ----------------------------------------------------- */

/*
 * Make the piece what the job wants: a huge page's tails tails, unless they
 * are already, and its head, or each page that is in none, marked.
 */
static int write_piece(struct hvo_job *job, const struct hvo_map_piece *piece)
{
	struct hvo_map *map = &job->map;
	unsigned char *record = hvo_vmemmap_record(map->vmemmap, piece->pfn);
	uint64_t n = piece->folios ? 1 : piece->count;
	int error = 0;

	for (uint64_t i = 0; i < n; i++)
		*hvo_map_pattern(map, record + i * map->record.size) =
		    hvo_map_pattern_of(piece->pfn + i);
	if (!piece->folios)
		return 0;
	if (map->record.size == HVO_PAGE_BYTES)
		hvo_prep_compound_head((struct hvo_page *)record, map->order);
	if (piece->folio >= job->optimized)
		error = hvo_vmemmap_prepare(map->vmemmap, piece->pfn,
					    map->order, &map->work);
	return error;
}

static int write_all(struct hvo_job *job, struct hvo_progress *progress)
{
	struct hvo_map_piece piece = {0};
	uint64_t done = job->map.pages;
	int error = 0;

	while (!error && !interrupted && hvo_map_next(&job->map, &piece, 1)) {
		error = write_piece(job, &piece);
		done += piece.count;
		hvo_progress_step(progress, done);
	}
	return error;
}

static int populate_full(struct hvo_job *job, struct hvo_progress *progress)
{
	struct hvo_map *map = &job->map;
	struct hvo_map_piece piece = {0};
	uint64_t done = 0;
	int error = 0;

	while (!error && !interrupted && hvo_map_next(map, &piece, 1)) {
		error = hvo_vmemmap_populate(map->vmemmap, piece.pfn,
					     piece.count, 0, false, &map->work);
		done += piece.count;
		hvo_progress_step(progress, done);
	}
	return error;
}

/*
 * There was no mapping for another optimized huge page, but the regions still
 * to be described in full take one each: make room for these.
 */
static int give_way(struct hvo_job *job)
{
	struct hvo_map *map = &job->map;
	uint64_t n = map->region_count + 1;
	size_t done = 0;
	int error;

	if (n > job->optimized)
		n = job->optimized;
	if (!n)
		return 0;
	error =
	    hvo_vmemmap_restore(map->vmemmap, &map->pfns[job->optimized - n], n,
				map->order, 0, &map->work, &done);
	job->optimized -= done;
	return error;
}

static int populate_piece(struct hvo_job *job, struct hvo_map_piece piece)
{
	struct hvo_map *map = &job->map;
	uint64_t done = 0;
	int error;

	if (piece.folios && !job->limited) {
		error = hvo_vmemmap_populate_optimized(map->vmemmap, piece.pfn,
						       piece.count, map->order,
						       0, &map->work, &done);
		job->optimized += done >> map->order;
		if (error != -HVO_EMAPPINGS)
			return error;
		job->limited = true;
		error = give_way(job);
		if (error)
			return error;
	}
	return hvo_vmemmap_populate(map->vmemmap, piece.pfn + done,
				    piece.count - done, 0, false, &map->work);
}

static int populate_optimized(struct hvo_job *job,
			      struct hvo_progress *progress)
{
	struct hvo_map_piece piece = {0};
	uint64_t done = 0;
	int error = 0;

	while (!error && !interrupted &&
	       hvo_map_next(&job->map, &piece, HVO_JOB_BULK)) {
		error = populate_piece(job, piece);
		done += piece.count;
		hvo_progress_step(progress, done);
	}
	return error;
}

static void remember_tail(struct hvo_job *job)
{
	struct hvo_map *map = &job->map;

	if (map->folios && map->optimizable)
		memcpy(job->tail,
		       hvo_vmemmap_record(map->vmemmap, map->pfns[0] + 1),
		       map->record.size);
}

static int populate_engine(struct hvo_job *job, struct hvo_progress *progress)
{
	int error = job->from_start ? populate_optimized(job, progress)
				    : populate_full(job, progress);

	return error ? error : write_all(job, progress);
}

int hvo_job_populate(struct hvo_job *job)
{
	struct hvo_progress progress;
	double start = now_s();
	int error;
	int code;

	hvo_progress_wait(&progress, "making the map");
	code = job->engine_why ? hvo_map_open(&job->map)
			       : hvo_job_machine_open(job);
	hvo_progress_end(&progress);
	if (code)
		return code;
	hvo_job_catch_interrupt();
	hvo_progress_start(&progress, "populating", 2 * job->map.pages);
	error = job->engine_why ? populate_engine(job, &progress)
				: hvo_job_machine_populate(job, &progress);
	job->populate_s = now_s() - start;
	hvo_progress_end(&progress);
	if (error)
		return hvo_job_error(job, "populating", error);
	if (!interrupted)
		remember_tail(job);
	return interrupted ? HVO_EXIT_FAILED : HVO_EXIT_OK;
}

/* ---- optimizing and restoring --------------------------------------- */

static int optimize_engine(struct hvo_job *job, struct hvo_progress *progress)
{
	struct hvo_map *map = &job->map;
	int error = 0;

	while (!error && !interrupted && job->optimized < map->folios) {
		uint64_t n = map->folios - job->optimized;
		size_t done = 0;

		error = hvo_vmemmap_optimize(
		    map->vmemmap, &map->pfns[job->optimized],
		    n < HVO_JOB_BULK ? n : HVO_JOB_BULK, map->order,
		    HVO_PREPARED, &map->work, &done);
		job->optimized += done;
		hvo_progress_step(progress, job->optimized);
	}
	return error;
}

int hvo_job_optimize(struct hvo_job *job)
{
	struct hvo_progress progress;
	double start = now_s();
	int error;

	hvo_progress_start(&progress, "optimizing", job->map.folios);
	error = job->machine ? hvo_job_machine_optimize(job, &progress)
			     : optimize_engine(job, &progress);
	job->optimize_s = now_s() - start;
	hvo_progress_end(&progress);
	if (error == -HVO_EMAPPINGS)
		job->limited = true;
	else if (error)
		return hvo_job_error(job, "optimizing", error);
	return interrupted ? HVO_EXIT_FAILED : HVO_EXIT_OK;
}

/* Frames that were never allocated may be more than there is. */
static bool room_to_restore(const struct hvo_job *job)
{
	const struct hvo_map *map = &job->map;
	uint64_t room = hvo_room();
	uint64_t need =
	    job->optimized * (hvo_folio_bytes(&map->geometry, map->order) -
			      hvo_page_size(&map->geometry));
	char need_text[HVO_SIZE_TEXT], room_text[HVO_SIZE_TEXT];

	/* Some is left for the page tables, and for everyone else. */
	if (need <= room - room / 16)
		return true;
	hvo_error("note: restoring is left out: it takes %s, and there are "
		  "%s of memory to be had",
		  hvo_size_format(need, need_text),
		  hvo_size_format(room, room_text));
	return false;
}

static int restore_engine(struct hvo_job *job, struct hvo_progress *progress)
{
	struct hvo_map *map = &job->map;
	uint64_t restored = 0;
	int error = 0;

	while (!error && !interrupted && restored < job->optimized) {
		uint64_t n = job->optimized - restored;
		size_t done = 0;

		error = hvo_vmemmap_restore(map->vmemmap, &map->pfns[restored],
					    n < HVO_JOB_BULK ? n : HVO_JOB_BULK,
					    map->order, 0, &map->work, &done);
		restored += done;
		hvo_progress_step(progress, restored);
	}
	return error;
}

int hvo_job_restore(struct hvo_job *job)
{
	struct hvo_progress progress;
	double start = now_s();
	int error;

	job->skipped_restore = job->no_restore || !room_to_restore(job);
	if (job->skipped_restore)
		return HVO_EXIT_OK;
	hvo_progress_start(&progress, "restoring", job->optimized);
	error = job->machine ? hvo_job_machine_restore(job, &progress)
			     : restore_engine(job, &progress);
	job->restore_s = now_s() - start;
	hvo_progress_end(&progress);
	if (error)
		return hvo_job_error(job, "restoring", error);
	return interrupted ? HVO_EXIT_FAILED : HVO_EXIT_OK;
}

/* ---- the end -------------------------------------------------------- */

/* The whole machine at once: what it then still has in use is lost. */
static int end_machine(struct hvo_job *job)
{
	if (hvo_job_machine_close(job))
		snprintf(job->checked.violation, sizeof(job->checked.violation),
			 "the machine gave up everything, and pages of it are "
			 "in use");
	return HVO_EXIT_OK;
}

int hvo_job_depopulate(struct hvo_job *job)
{
	struct hvo_map *map = &job->map;
	int error = 0;

	if (job->machine)
		return end_machine(job);
	for (size_t i = 0; !error && i < map->region_count; i++) {
		const struct hvo_map_region *region = &map->regions[i];

		error = hvo_vmemmap_depopulate(map->vmemmap, region->pfn,
					       region->end - region->pfn,
					       &map->work, NULL);
	}
	if (!error)
		error = hvo_vmemmap_fini(map->vmemmap);
	if (error)
		return hvo_map_error(map, "giving everything back", error);
	job->checked.lost_frames +=
	    hvo_linux_measured(map->linux_port) >> map->geometry.page_shift;
	return HVO_EXIT_OK;
}
