/* SPDX-License-Identifier: MIT */
/*
 * hvo host inspect: what is asked for (host_inspect.c), which huge page that
 * is (host_inspect_find.c), and what is told of it (host_inspect_tell.c).
 */
#ifndef HVO_CMD_HOST_INSPECT_H
#define HVO_CMD_HOST_INSPECT_H

#include <stdbool.h>
#include <stdint.h>
#include "host.h"
#include "picture.h"

/* What the descriptors drawn belong to. */
enum inspect_kind {
	INSPECT_HUGE,     /* a huge page of a pool */
	INSPECT_COMPOUND, /* another compound page, like a transparent one */
	INSPECT_BASE,     /* none: the memory around a base page */
	INSPECT_ASKED,    /* memory of the size that was asked for */
};

struct inspect {
	/* Asked for. */
	uint64_t pfn, size, address;
	long pid; /* 0: pfn was given */
	bool json;

	struct hvo_host *host;
	struct hvo_host_tables *tables;
	uint64_t base_page, record; /* bytes */
	/* Found. */
	enum inspect_kind kind;
	uint64_t head; /* frame of its first base page */
	unsigned order;
	uint64_t pages; /* vmemmap pages */
	struct hvo_picture picture;
	uint64_t block; /* bytes that a table entry maps, at most */
	enum hvo_host_layout layout;
};

/* Find kind, head and order. Returns an exit code, after an error. */
int inspect_find(struct inspect *inspect);

/* Print it; returns an exit code. */
int inspect_tell(const struct inspect *inspect);

#endif
