/* SPDX-License-Identifier: MIT */
/*
 * The main job in pieces: what `hvo run` knows while it runs, its steps, its
 * checks and its report. A job belongs to one thread.
 *
 * It is done on a machine (hvo_machine.h): memory that holds its own
 * descriptors, a buddy allocator that has the rest, and a pool of huge pages
 * out of that; or, where a machine cannot be had (hvo_job_engine_why()), by
 * the engine alone, with frames from beside the memory. Either way the map is
 * the one looked at: a machine's port, vmemmap and huge pages are put there.
 */
#ifndef HVO_JOB_H
#define HVO_JOB_H

#include "hvo/hugetlb.h"
#include "hvo_machine.h"
#include "map.h"
#include "picture.h"
#include "progress.h"

/* How much is in use at one moment. */
struct hvo_moment {
	uint64_t measured; /* bytes, by the operating system */
	uint64_t counted;  /* bytes, by the engine */
	uint64_t mappings; /* in the window, by /proc/self/maps */
	uint64_t free;     /* bytes, by a machine's buddy allocator */
};

/* What the checks found: of several passes, the worst one's number. */
struct hvo_checked {
	uint64_t pages;          /* base pages described */
	uint64_t wrong_heads;    /* descriptors that lead elsewhere */
	uint64_t wrong_bytes;    /* descriptors that lost what they held */
	uint64_t tails;          /* tail pages that were written to */
	uint64_t writable_tails; /* of these, those that let it pass */
	uint64_t closed_heads;   /* heads' pages that refuse writes */
	uint64_t lost_frames;    /* in use and not counted, or the reverse */
	uint64_t reused;         /* base pages that were freed, then used */
	uint64_t wrong_reused;   /* of these, those that lost what they held */
	int64_t wrong_mappings;  /* that the kernel knows otherwise; -1: it
				  * did not say */
	char violation[256]; /* what walking the tables found first; or "" */
};

struct hvo_job {
	struct hvo_map map;
	bool json;
	bool from_start; /* --populate optimized */
	bool no_restore;
	/* The option for which the engine does it alone; NULL: a machine. */
	const char *engine_why;

	/* Of a machine, while it is there. */
	struct hvo_machine *machine;
	struct hvo_hugetlb *pools;
	void *pool_tables;
	struct hvo_page **reused; /* base pages allocated by hvo_job_reuse() */
	size_t reused_count;

	uint64_t optimized; /* huge pages that have been; the engine's first */
	bool limited;       /* there was no mapping for more */
	bool skipped_restore; /* there was no memory for it */

	struct hvo_moment before, after, restored;
	double populate_s, optimize_s, restore_s;
	struct hvo_checked checked;
	/* One huge page: before, optimized, restored; n == 0: not taken. */
	struct hvo_picture picture[3];
	/* What a tail of this order holds, all of it. */
	_Alignas(8) unsigned char tail[HVO_RECORD_MAX];
};

/* ---- job_steps.c: the transitions ----------------------------------- */

/*
 * Each does one step of the job, with a progress bar, and returns one of enum
 * hvo_exit; errors have been told. On SIGINT it stops early and returns
 * HVO_EXIT_FAILED (hvo_job_interrupted() then says so).
 */

/* Make the map or the machine, describe all memory, write to every descriptor
 * that can be written to, fill the pool. From then on SIGINT is caught. */
int hvo_job_populate(struct hvo_job *job);
/* Optimize all huge pages for which there are mappings. */
int hvo_job_optimize(struct hvo_job *job);
/* Restore all that have been optimized, or note that there is no room. */
int hvo_job_restore(struct hvo_job *job);
/* Give up all descriptors; what is then still in use is lost. */
int hvo_job_depopulate(struct hvo_job *job);

/* Measure, and compare: frames measured and not counted, or the reverse, are
 * lost. */
void hvo_job_measure(struct hvo_job *job, struct hvo_moment *moment);

/*
 * Print an error that the engine, the port or the machine returned: what was
 * being done, what happened and what to do. Returns the exit code for it.
 */
int hvo_job_error(const struct hvo_job *job, const char *doing, int error);

/* From now on SIGINT stops steps instead of the process. */
void hvo_job_catch_interrupt(void);
bool hvo_job_interrupted(void);

/* Huge pages, or pages, given to one call: enough for the bulk, few enough to
 * show progress and to heed an interrupt. */
#define HVO_JOB_BULK 4096

/* ---- job_machine.c: the same on a machine --------------------------- */

/* The option that a machine cannot do; NULL if there is none. */
const char *hvo_job_engine_why(const struct hvo_job *job);

/* Make the machine, with all descriptors in full, and an empty pool. Returns
 * one of enum hvo_exit; what it made goes with hvo_job_machine_close(). */
int hvo_job_machine_open(struct hvo_job *job);

/*
 * Fill the pool with as many huge pages as were planned, or fit; switch them
 * over. Each returns 0 or an error for hvo_job_error().
 */
int hvo_job_machine_populate(struct hvo_job *job,
			     struct hvo_progress *progress);
int hvo_job_machine_optimize(struct hvo_job *job,
			     struct hvo_progress *progress);
int hvo_job_machine_restore(struct hvo_job *job, struct hvo_progress *progress);

/* Bytes that the buddy allocator has free. */
uint64_t hvo_job_machine_free(const struct hvo_job *job);

/* Give the machine back, if there is one. Returns 0, or -HVO_ECORRUPT: it
 * gave up everything and yet pages of it are in use. */
int hvo_job_machine_close(struct hvo_job *job);

/*
 * Steps of the job, see above, that do nothing without a machine: allocate as
 * many base pages as optimizing freed, and write to each; read and free them.
 */
int hvo_job_reuse(struct hvo_job *job);
int hvo_job_unuse(struct hvo_job *job);

/* ---- job_check.c: the checks ---------------------------------------- */

/* Read every descriptor, through the vmemmap; the same return values. */
int hvo_job_check_heads(struct hvo_job *job);
/* Write to every tail page of optimized huge pages; likewise. */
int hvo_job_check_writes(struct hvo_job *job);
/* The engine's own check, or the machine's and the pool's, and the port's
 * against the kernel; likewise. */
int hvo_job_check_tables(struct hvo_job *job);

/* Nothing wrong has been found. */
bool hvo_job_passed(const struct hvo_job *job);

/* ---- job_report.c --------------------------------------------------- */

/* Print the results. Returns an exit code, HVO_EXIT_OK if all is well. */
int hvo_job_report(const struct hvo_job *job);

#endif
