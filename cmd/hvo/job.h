/* SPDX-License-Identifier: MIT */
/*
 * The main job in pieces: what `hvo run` knows while it runs, its steps, its
 * checks and its report. A job belongs to one thread.
 */
#ifndef HVO_JOB_H
#define HVO_JOB_H

#include "map.h"
#include "picture.h"
#include "progress.h"

/* How much is in use at one moment. */
struct hvo_moment {
	uint64_t measured; /* bytes, by the operating system */
	uint64_t counted;  /* bytes, by the engine */
	uint64_t mappings; /* in the window, by /proc/self/maps */
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
	int64_t wrong_mappings;  /* that the kernel knows otherwise; -1: it
				  * did not say */
	bool corrupt;            /* hvo_vmemmap_check() found something: */
	struct hvo_finding finding;
};

struct hvo_job {
	struct hvo_map map;
	bool json;
	bool from_start; /* --populate optimized */
	bool no_restore;

	uint64_t optimized;   /* so many of the first huge pages have been */
	bool limited;         /* there was no mapping for more */
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

/* Describe all memory, write to every descriptor that can be written to. */
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

/* From now on SIGINT stops steps instead of the process. */
void hvo_job_catch_interrupt(void);
bool hvo_job_interrupted(void);

/* ---- job_check.c: the checks ---------------------------------------- */

/* Read every descriptor, through the vmemmap; the same return values. */
int hvo_job_check_heads(struct hvo_job *job);
/* Write to every tail page of optimized huge pages; likewise. */
int hvo_job_check_writes(struct hvo_job *job);
/* The engine's own check, and the port's against the kernel; likewise. */
int hvo_job_check_tables(struct hvo_job *job);

/* Nothing wrong has been found. */
bool hvo_job_passed(const struct hvo_job *job);

/* ---- job_report.c --------------------------------------------------- */

/* Print the results. Returns an exit code, HVO_EXIT_OK if all is well. */
int hvo_job_report(const struct hvo_job *job);

#endif
