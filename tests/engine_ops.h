/* SPDX-License-Identifier: MIT */
/*
 * Streams of calls for the engine, chosen by a seed or by a fuzzer's bytes,
 * made on the engine and on the reference.
 */
#ifndef ENGINE_OPS_H
#define ENGINE_OPS_H

#include "engine_ref.h"

/* Where choices come from: the bytes, or for ever the seed. */
struct choices {
	uint64_t seed;
	const uint8_t *bytes; /* NULL: the seed */
	size_t left;          /* bytes; at the end all choices are 0 */
};

/* A number below n. */
uint64_t choose(struct choices *c, uint64_t n);
/* No bytes are left. */
bool choices_spent(const struct choices *c);

/* Some sound geometry for a small map. */
struct engine_config choose_config(struct choices *c);

/* Calls made, and how many of them succeeded. */
struct ops_tally {
	uint64_t calls[OP_KINDS];
	uint64_t fine[OP_KINDS];
};

/*
 * One step: a call, sensible or not, with or without a failure to order, or
 * some stores to descriptors. NULL, or what is wrong.
 */
const char *ops_step(struct choices *c, struct ref *ref, struct engine *e,
		     struct ops_tally *tally);

#endif
