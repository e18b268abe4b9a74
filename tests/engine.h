/* SPDX-License-Identifier: MIT */
/*
 * The harness of the engine's tests: a memory map on one port, and what a
 * test does to it besides calling the engine: loads and stores as a CPU,
 * failures to order, a digest of everything a failed call must leave alone.
 *
 * The same test is compiled twice and linked with engine_model.c or
 * engine_linux.c, which implement the second half of this header. Names of
 * test programs end in the port's.
 */
#ifndef ENGINE_H
#define ENGINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "hvo/vmemmap.h"

struct engine_config {
	unsigned page_shift;
	struct hvo_record record; /* engine_record() makes one */
	hvo_pfn_t pfn_first;
	hvo_pfn_t pfn_end;
	uint32_t domains;
	uint32_t window_pages; /* 0: the port's own choice */
	size_t capacity;       /* of the workspace; 0: one run for each page */
	bool scatter;          /* the frame source gives frames out of order */
	bool no_host;          /* described memory cannot host descriptors */
	/* Of the model port; the Linux port looks away. */
	unsigned arch; /* below engine_archs */
	uint32_t block_pages;
	uint64_t spare_frames;
};

struct engine;
struct engine_port; /* engine_model.c or engine_linux.c knows */

struct engine {
	struct hvo_vmemmap *map;
	struct hvo_vmemmap_config config;
	struct hvo_work work;
	struct hvo_frames source; /* the port's, behind config.frames */
	uint64_t frame_end;
	bool scatter;
	/* Described memory was offered as frames: who measures memory finds
	 * it in use, for good. */
	bool hosted;
	void *memory;        /* the map's */
	unsigned char *seen; /* for the check */
	struct engine_port *port;
};

/*
 * A record that differs with everything it may differ with: fresh ones by pfn
 * and domain, tails by order and domain, in every word. One layout at a time
 * is in use, since the callbacks get no context.
 */
struct hvo_record engine_record(uint32_t size, uint32_t info_offset);

/* Called by the callbacks of engine_record(), if set: an engine's step. */
extern void (*engine_step)(void);
/* Called before the frame source gives frames, if set. */
extern void (*engine_on_alloc)(struct engine *e);

/* Open a map, everything absent; ends the test program when it cannot. */
struct engine *engine_open(const struct engine_config *config);
/* The same without making the map: for tests of making one. */
struct engine *engine_prepare_open(const struct engine_config *config);
/* Gives everything back, in whatever state the map is. */
void engine_close(struct engine *e);

/*
 * What is wrong with the map, or NULL: its own check, the port's own view and
 * the number of frames handed out must all agree. In a buffer that the next
 * call overwrites.
 */
const char *engine_wrong(struct engine *e);

/* Everything that a call which failed must not have changed. */
uint64_t engine_digest(struct engine *e);

/* Vmemmap pages of the window; the address of one; the one of a pfn. */
uint64_t engine_pages(const struct engine *e);
uintptr_t engine_page_va(const struct engine *e, uint64_t page);
uint64_t engine_page_of(const struct engine *e, hvo_pfn_t pfn);

/* The address of a byte of a pfn's record. */
uintptr_t engine_va(const struct engine *e, hvo_pfn_t pfn, size_t offset);

/* Scramble a number: neighbours in, strangers out. */
uint64_t engine_mix(uint64_t n);
/* The digest `hash` continued with n, or with memory. */
uint64_t engine_hash(uint64_t hash, uint64_t n);
uint64_t engine_hash_bytes(uint64_t hash, const void *bytes, size_t size);

/* ---- what a port file implements -------------------------------------- */

extern const char engine_port_name[];
extern const unsigned engine_archs;
const char *engine_arch_name(unsigned arch);
/* A live block can be split. */
bool engine_splits_live(unsigned arch);

/* Fill in port, config.{port,base,described}, source, frame_end. */
void engine_port_open(struct engine *e, const struct engine_config *config);
void engine_port_close(struct engine *e);

/* What a CPU reads and writes at va (8-aligned); each time another CPU. */
uint64_t engine_load(struct engine *e, uintptr_t va);
void engine_store(struct engine *e, uintptr_t va, uint64_t value);
/* The MMU refuses a write at va. */
bool engine_write_faults(struct engine *e, uintptr_t va);

/* Frames that the source has handed out. */
uint64_t engine_handed_out(struct engine *e);

/* What the port finds wrong, or NULL. */
const char *engine_port_wrong(struct engine *e);
uint64_t engine_port_digest(struct engine *e);

/*
 * Let the nth call from now that may fail do so, or all from it on; 0: none.
 * engine_failed(): calls that have failed for this reason since.
 */
void engine_fail(struct engine *e, uint64_t nth, bool sticky);
uint64_t engine_failed(struct engine *e);
/* The harness's frame source asks; the model fails by itself. */
bool engine_alloc_fails(void);

#endif
