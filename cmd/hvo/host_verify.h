/* SPDX-License-Identifier: MIT */
/*
 * hvo host verify: what is asked for (host_verify.c), what it does
 * (host_verify_run.c) and tells (host_verify_tell.c).
 */
#ifndef HVO_CMD_HOST_VERIFY_H
#define HVO_CMD_HOST_VERIFY_H

#include <stdbool.h>
#include <stdint.h>
#include "host_pages.h"

enum verify_outcome {
	VERIFY_OK,
	VERIFY_WRONG,
	VERIFY_UNKNOWN, /* this kernel does not tell */
};

struct verify_step {
	const char *name;
	enum verify_outcome outcome;
	char text[240];
};

#define VERIFY_STEPS 8

struct verify {
	/* Asked for. */
	uint64_t size, pages;
	long pid; /* 0: pages of its own */
	bool try, json;

	struct hvo_host *host;
	struct hvo_host_status status;
	const struct hvo_host_pool *pool; /* where pages come from */
	uint64_t saves; /* pages of descriptors, each huge page; 0 unknown */
	bool on;        /* HVO, while it was verified */
	unsigned attempts;
	struct hvo_huge_flags flags;
	uint64_t *frames; /* of the heads that were looked at */
	/* NULL where they cannot be read, or it is unknown what to expect. */
	struct hvo_host_tables *tables;
	struct verify_step steps[VERIFY_STEPS];
	unsigned n_steps;
};

/*
 * Go through the steps on pages of its own, or on those of process v->pid.
 * Return an exit code; after HVO_EXIT_OK the steps tell the rest.
 */
int verify_own(struct verify *v);
int verify_process(struct verify *v);

/* Note a step. */
__attribute__((format(printf, 4, 5))) void
verify_step(struct verify *v, const char *name, enum verify_outcome outcome,
	    const char *format, ...);

/*
 * Steps on the huge pages looked at last, where the tables can be read: are
 * they optimized; have they all their descriptors again, being given back?
 */
void verify_tables(struct verify *v);
void verify_tables_back(struct verify *v);

/* Did any step come out so? */
bool verify_any(const struct verify *v, enum verify_outcome outcome);

/* Print steps and verdict; returns an exit code. */
int verify_tell(const struct verify *v);

#endif
