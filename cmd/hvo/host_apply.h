/* SPDX-License-Identifier: MIT */
/*
 * hvo host apply: what can be done (host_apply_plan.c), is done (host_apply.c)
 * and told (host_apply_tell.c).
 */
#ifndef HVO_CMD_HOST_APPLY_H
#define HVO_CMD_HOST_APPLY_H

#include <stdbool.h>
#include <stdint.h>
#include "hvo_host.h"

/* A pool of one size on one node, and what is to be renewed of it. */
struct apply_pool {
	const struct hvo_host_pool *pool;
	uint64_t total;
	uint64_t renew;      /* pages that are free and not reserved */
	uint64_t step;       /* at a time */
	uint64_t done;       /* of `renew` */
	const char *skipped; /* why it is left alone; NULL: it is not */
};

struct apply {
	/* Asked for. */
	uint64_t size; /* 0: all but the gigantic */
	uint64_t step; /* 0: the default */
	bool off, dry_run, json;

	struct hvo_host *host;
	struct hvo_host_status status;
	struct apply_pool *pools;
	size_t n_pools;
	bool counted;           /* the kernel counts its memory map */
	uint64_t before, after; /* its pages */
};

/* Fill in the pools, which are to be freed; returns an exit code. */
int apply_plan(struct apply *a);

/* Print what would be done, or what was; returns an exit code. */
int apply_tell(const struct apply *a);

#endif
