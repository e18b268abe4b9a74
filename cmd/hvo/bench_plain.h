/* SPDX-License-Identifier: MIT */
/*
 * A plain mapping with the bytes of a memory map, and the calls that the
 * engine makes on its own, without an engine: what mapping changes cost by
 * themselves. Readers may read it at any moment; one thread changes it.
 */
#ifndef HVO_BENCH_PLAIN_H
#define HVO_BENCH_PLAIN_H

#include "lab.h"

struct plain {
	int fd;
	char *reserved; /* what was mapped, to find an aligned part in it */
	size_t reserved_size;
	char *window;
	uint64_t folios;
	uint64_t pages; /* of a folio */
};

/*
 * A copy of the map, which is full: descriptors lead to their heads wherever
 * they are. The tails' pages once more at the end, to be led to. Returns 0 or
 * -1; either way it is to be closed.
 */
int plain_open(struct plain *p, const struct lab_map *map);
void plain_close(struct plain *p);

/* The tails of a folio: to shared ones, or back to their own. 0 or -1. */
int plain_repoint(const struct plain *p, uint64_t folio, bool shared);
/* Let them be written to, or not. 0 or -1. */
int plain_protect(const struct plain *p, uint64_t folio, bool writable);

#endif
