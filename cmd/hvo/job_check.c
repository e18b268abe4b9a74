/* SPDX-License-Identifier: MIT */
/*
 * The checks of `hvo run`: with real loads and stores through the mapped
 * vmemmap, then with the engine's and the port's own walks.
 */
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "cmd.h"
#include "job.h"

/* ---- reading -------------------------------------------------------- */

static uint64_t head_of(const struct hvo_map *map, const unsigned char *record)
{
	return hvo_head_address(map->record.size, (uintptr_t)record,
				hvo_map_info(map, record));
}

/* What one pass over all descriptors finds. */
struct wrong {
	uint64_t heads;
	uint64_t bytes;
};

/* A head, or a page in no huge page: leads to itself, has its pattern. */
static void check_single(const struct hvo_job *job, hvo_pfn_t pfn,
			 unsigned char *record, struct wrong *wrong)
{
	const struct hvo_map *map = &job->map;

	wrong->heads += head_of(map, record) != (uintptr_t)record;
	/* A machine's are the manager's, whose own check knows them. */
	wrong->bytes += !job->machine && *hvo_map_pattern(map, record) !=
					     hvo_map_pattern_of(pfn);
}

/* This loop runs over every descriptor there is. */
static void check_tails(const struct hvo_job *job, const unsigned char *head,
			struct wrong *wrong)
{
	const struct hvo_map *map = &job->map;
	size_t size = map->record.size;
	const unsigned char *end = head + (size << map->order);
	uint64_t heads = 0, bytes = 0;

	for (const unsigned char *p = head + size; p < end; p += size) {
		heads += head_of(map, p) != (uintptr_t)head;
		bytes += memcmp(p, job->tail, size) != 0;
	}
	wrong->heads += heads;
	wrong->bytes += bytes;
}

static void check_piece(const struct hvo_job *job,
			const struct hvo_map_piece *piece, struct wrong *wrong)
{
	const struct hvo_map *map = &job->map;
	unsigned char *record = hvo_vmemmap_record(map->vmemmap, piece->pfn);

	if (piece->folios) {
		check_single(job, piece->pfn, record, wrong);
		check_tails(job, record, wrong);
		return;
	}
	for (uint64_t i = 0; i < piece->count; i++)
		check_single(job, piece->pfn + i, record + i * map->record.size,
			     wrong);
}

static void keep_greater(uint64_t *kept, uint64_t found)
{
	if (*kept < found)
		*kept = found;
}

int hvo_job_check_heads(struct hvo_job *job)
{
	struct hvo_map_piece piece = {0};
	struct hvo_progress progress;
	struct wrong wrong = {0, 0};
	uint64_t done = 0;

	hvo_progress_start(&progress, "checking heads", job->map.pages);
	while (!hvo_job_interrupted() && hvo_map_next(&job->map, &piece, 1)) {
		check_piece(job, &piece, &wrong);
		done += piece.count;
		hvo_progress_step(&progress, done);
	}
	hvo_progress_end(&progress);
	job->checked.pages = job->map.pages;
	keep_greater(&job->checked.wrong_heads, wrong.heads);
	keep_greater(&job->checked.wrong_bytes, wrong.bytes);
	return hvo_job_interrupted() ? HVO_EXIT_FAILED : HVO_EXIT_OK;
}

/* ---- writing -------------------------------------------------------- */

#define PROBERS    16
#define PROBE_BULK 16 /* huge pages that a prober takes at once */

/* Shared by the threads that write to tails. All of it is atomic, or
 * constant; the progress bar is the first thread's. */
struct probing {
	const struct hvo_map *map;
	uint64_t folios;
	_Atomic uint64_t next; /* huge page to take next */
	_Atomic uint64_t tails;
	_Atomic uint64_t writable_tails;
	_Atomic uint64_t closed_heads;
	struct hvo_progress *progress;
};

struct prober {
	pthread_t thread;
	bool first;
	struct probing *probing;
};

/* The head's page must let writes pass: so the probe is known to work. */
static void probe_folio(struct probing *probing, hvo_pfn_t pfn)
{
	const struct hvo_map *map = probing->map;
	uint64_t pages = hvo_folio_pages(&map->geometry, map->order);
	unsigned char *head = hvo_vmemmap_record(map->vmemmap, pfn);
	uint64_t writable = 0;

	/* There may have been no mappings for it. */
	if (hvo_vmemmap_state(map->vmemmap, pfn).state != HVO_OPTIMIZED)
		return;
	for (uint64_t i = 1; i < pages; i++)
		writable += !hvo_linux_write_faults(
		    head + (i << map->geometry.page_shift));
	probing->tails += pages - 1;
	probing->writable_tails += writable;
	probing->closed_heads += hvo_linux_write_faults(head);
}

static void *probe(void *ctx)
{
	struct prober *self = ctx;
	struct probing *probing = self->probing;
	uint64_t i;

	while (!hvo_job_interrupted() &&
	       (i = atomic_fetch_add(&probing->next, PROBE_BULK)) <
		   probing->folios) {
		if (self->first)
			hvo_progress_step(probing->progress, i);
		for (uint64_t end = i + PROBE_BULK;
		     i < end && i < probing->folios; i++)
			probe_folio(probing, probing->map->pfns[i]);
	}
	return NULL;
}

/*
 * A caught fault costs a microsecond or two, and there can be millions: each
 * CPU takes its share. Where no thread can be had, this one does the work.
 */
static void probe_all(struct probing *probing)
{
	struct prober probers[PROBERS];
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	int wanted = cpus < 1 ? 1 : cpus < PROBERS ? (int)cpus : PROBERS;
	int n = 0;

	while (n < wanted) {
		probers[n] = (struct prober){.first = !n, .probing = probing};
		if (pthread_create(&probers[n].thread, NULL, probe,
				   &probers[n]))
			break;
		n++;
	}
	if (!n)
		probe(&(struct prober){.first = true, .probing = probing});
	while (n)
		pthread_join(probers[--n].thread, NULL);
}

int hvo_job_check_writes(struct hvo_job *job)
{
	const struct hvo_map *map = &job->map;
	struct hvo_progress progress;
	struct probing probing = {
	    .map = map, .folios = map->folios, .progress = &progress};

	if (hvo_linux_catch_faults()) {
		hvo_error("faults cannot be caught, so writes to tails "
			  "cannot be tried");
		return HVO_EXIT_DENIED;
	}
	hvo_progress_start(&progress, "writing to tails", map->folios);
	probe_all(&probing);
	hvo_progress_end(&progress);
	job->checked.tails = probing.tails;
	job->checked.writable_tails = probing.writable_tails;
	job->checked.closed_heads = probing.closed_heads;
	return hvo_job_interrupted() ? HVO_EXIT_FAILED : HVO_EXIT_OK;
}

/* ---- walking -------------------------------------------------------- */

static void step(void *ctx, hvo_pfn_t walked)
{
	hvo_progress_step(ctx, walked);
}

static void audit(struct hvo_job *job)
{
	uint64_t first;
	int64_t wrong = hvo_linux_audit(job->map.linux_port, &first);

	if (wrong < 0)
		job->checked.wrong_mappings = -1;
	else if (job->checked.wrong_mappings >= 0 &&
		 job->checked.wrong_mappings < wrong)
		job->checked.wrong_mappings = wrong;
}

static void tell_finding(struct hvo_checked *c, const struct hvo_finding *f)
{
	/* Heads are told by their addresses. */
	bool head = f->violation == HVO_CHECK_WRONG_HEAD;
	int n = snprintf(c->violation, sizeof(c->violation),
			 "%s: pfn %" PRIu64 ", vmemmap page %" PRIu64,
			 hvo_violation_text(f->violation), f->pfn, f->page);

	snprintf(c->violation + n, sizeof(c->violation) - (size_t)n,
		 head ? ", expected %#" PRIx64 ", found %#" PRIx64 "%s%s"
		      : ", expected %" PRIu64 ", found %" PRIu64 "%s%s",
		 f->expected, f->found, f->what ? ", " : "",
		 f->what ? f->what : "");
}

static void check_engine(struct hvo_job *job, struct hvo_progress *progress)
{
	struct hvo_map *map = &job->map;
	struct hvo_check_options options = {
	    .seen = map->seen,
	    .frame_end = hvo_linux_frame_end(map->linux_port),
	    .progress = step,
	    .ctx = progress,
	};
	struct hvo_finding finding;

	if (hvo_vmemmap_check(map->vmemmap, &options, &finding))
		tell_finding(&job->checked, &finding);
}

static void check_machine(struct hvo_job *job)
{
	struct hvo_checked *c = &job->checked;
	struct hvo_hugetlb_finding f;

	if (hvo_machine_check(job->machine, c->violation, sizeof(c->violation)))
		return;
	*c->violation = '\0';
	if (hvo_hugetlb_check(job->pools, &f))
		snprintf(c->violation, sizeof(c->violation),
			 "%s: pfn %" PRIu64 ", expected %" PRIu64
			 ", found %" PRIu64 "%s%s",
			 hvo_hugetlb_violation_text(f.violation), f.pfn,
			 f.expected, f.found, f.what ? ", " : "",
			 f.what ? f.what : "");
}

int hvo_job_check_tables(struct hvo_job *job)
{
	struct hvo_progress progress;

	hvo_progress_start(&progress, "checking tables", job->map.pages);
	/* The first violation is the one to tell. */
	if (!*job->checked.violation && job->machine)
		check_machine(job);
	else if (!*job->checked.violation)
		check_engine(job, &progress);
	hvo_progress_end(&progress);
	audit(job);
	return hvo_job_interrupted() ? HVO_EXIT_FAILED : HVO_EXIT_OK;
}

bool hvo_job_passed(const struct hvo_job *job)
{
	const struct hvo_checked *c = &job->checked;

	return !c->wrong_heads && !c->wrong_bytes && !c->writable_tails &&
	       !c->closed_heads && !c->lost_frames && c->wrong_mappings <= 0 &&
	       !c->wrong_reused && !*c->violation;
}
