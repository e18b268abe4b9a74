/* SPDX-License-Identifier: MIT */
/*
 * What the verbs of hvo host that change something share: whether they may,
 * changing a setting with its errors told, and the end of it.
 */
#ifndef HVO_CMD_HOST_SETTINGS_H
#define HVO_CMD_HOST_SETTINGS_H

#include <stdbool.h>
#include <stdint.h>
#include "hvo_host.h"

#define HVO_HOST_SWITCH "/proc/sys/vm/hugetlb_optimize_vmemmap"

/* A pool's file that takes its size. */
#define HVO_HOST_POOL_FILE 160
void hvo_host_pool_file(const struct hvo_host_pool *pool,
			char path[HVO_HOST_POOL_FILE]);

/* The pool of that size over all nodes; NULL if there is none. */
const struct hvo_host_pool *
hvo_host_whole_pool(const struct hvo_host_status *status, uint64_t size);

/*
 * Has it surplus pages on any node? They would become the pool's own when its
 * size is written, on whichever node that is.
 */
bool hvo_host_has_surplus(const struct hvo_host_status *status, uint64_t size);

/*
 * Is this user, and this kernel, one where HVO can be tried and turned on or
 * off? Returns an exit code, after an error that starts with the verb's name.
 */
int hvo_host_may_change(const struct hvo_host_status *status, const char *verb);

/* hvo_change_set() that tells errors; returns an exit code. */
int hvo_host_set(struct hvo_host *host, const char *path, uint64_t value);

/*
 * Put back what was changed and is not forgotten, and end if a signal came.
 * Returns an exit code: `code`, or HVO_EXIT_FAILED after an error.
 */
int hvo_host_put_back(struct hvo_host *host, int code);

/* Pages of memory map that the kernel counts; false where it does not. */
bool hvo_host_memmap(struct hvo_host *host, uint64_t *pages);

#endif
