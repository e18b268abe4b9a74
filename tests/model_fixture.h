/* SPDX-License-Identifier: MIT */
/* What the tests of the model port share: a small model, and short names. */
#ifndef MODEL_FIXTURE_H
#define MODEL_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "hvo/error.h"
#include "hvo_model.h"

#define SHIFT  12
#define PAGE   (UINT64_C(1) << SHIFT)
#define PAGES  64 /* of vmemmap */
#define PFNS   (PAGES * PAGE / 64)
#define FIRST  (UINT64_C(5) * PFNS)
#define SPARES 8
#define BLOCK  16

/* A model of one architecture with PAGES pages of vmemmap, nothing mapped. */
struct fixture {
	struct hvo_model *model;
	struct hvo_port *port;
	struct hvo_frames frames;
	uintptr_t start; /* of the window */
};

static inline struct hvo_model_config config(enum hvo_arch arch)
{
	return (struct hvo_model_config){
	    .arch = arch,
	    .page_shift = SHIFT,
	    .record = 64,
	    .pfn_first = FIRST,
	    .pfn_end = FIRST + PFNS,
	    .cpus = 2,
	    .spare_frames = SPARES,
	    .block_pages = BLOCK,
	};
}

static inline struct fixture start_as(const struct hvo_model_config *c)
{
	struct fixture f = {.model = hvo_model_open(c)};

	assert_non_null(f.model);
	f.port = hvo_model_port(f.model);
	f.frames = hvo_model_frames(f.model);
	f.start = hvo_model_base(f.model) + c->pfn_first * c->record;
	return f;
}

static inline struct fixture start(enum hvo_arch arch)
{
	struct hvo_model_config c = config(arch);

	return start_as(&c);
}

static inline void stop(struct fixture *f)
{
	hvo_model_close(f->model);
}

static inline uintptr_t va(const struct fixture *f, uint64_t page)
{
	return f->start + page * PAGE;
}

static inline void *at(const struct fixture *f, uint64_t page)
{
	return (void *)va(f, page);
}

static inline struct hvo_run one(hvo_frame_t frame)
{
	return (struct hvo_run){frame, 1};
}

/* A frame of zeros, at home if it is free. */
static inline hvo_frame_t take(struct fixture *f, uint64_t home)
{
	struct hvo_frame_request request = {
	    .count = 1, .least = 1, .align = 1, .home = home, .zero = true};
	struct hvo_run run;

	assert_int_equal(f->frames.alloc(f->frames.ctx, &request, &run), 0);
	assert_int_equal(run.count, 1);
	return run.first;
}

static inline void give(struct fixture *f, hvo_frame_t frame)
{
	f->frames.free(f->frames.ctx, one(frame));
}

/* Map a page to a new frame of zeros. */
static inline hvo_frame_t map_new(struct fixture *f, uint64_t page,
				  enum hvo_prot prot)
{
	hvo_frame_t frame = take(f, page);

	assert_int_equal(
	    hvo_port_map(f->port, at(f, page), 1, one(frame), prot, false), 0);
	return frame;
}

static inline int repoint(struct fixture *f, uint64_t page, hvo_frame_t frame,
			  enum hvo_prot prot)
{
	return hvo_port_repoint(f->port, at(f, page), 1, one(frame), prot,
				HVO_MAY_FAIL);
}

static inline int must_repoint(struct fixture *f, uint64_t page,
			       hvo_frame_t frame)
{
	return hvo_port_repoint(f->port, at(f, page), 1, one(frame),
				HVO_PROT_READ, HVO_MUST);
}

static inline int protect(struct fixture *f, uint64_t page, enum hvo_prot prot)
{
	return hvo_port_protect(f->port, at(f, page), 1, prot, HVO_MAY_FAIL);
}

static inline int unmap(struct fixture *f, uint64_t page)
{
	return hvo_port_unmap(f->port, at(f, page), 1, HVO_MAY_FAIL);
}

static inline void flush(struct fixture *f, uint64_t page)
{
	hvo_port_flush(f->port, at(f, page), 1);
}

/* Write to a frame's first word past all translations. */
static inline void poke(struct fixture *f, hvo_frame_t frame, uint64_t value)
{
	memcpy(hvo_port_frame(f->port, frame), &value, sizeof(value));
}

static inline uint64_t load(struct fixture *f, unsigned cpu, uint64_t page)
{
	return hvo_model_load(f->model, cpu, va(f, page));
}

static inline void assert_clean(const struct fixture *f)
{
	assert_string_equal(hvo_rule_text(hvo_model_violation(f->model)),
			    hvo_rule_text(HVO_RULE_NONE));
}

/* The rule has been broken at the page; forget it. */
static inline void assert_broken(struct fixture *f, enum hvo_rule rule,
				 uint64_t page)
{
	assert_string_equal(hvo_rule_text(hvo_model_violation(f->model)),
			    hvo_rule_text(rule));
	assert_int_equal(hvo_model_violation_va(f->model) & ~(PAGE - 1),
			 va(f, page));
	hvo_model_clear(f->model);
	assert_clean(f);
}

/* The same where there is no address to blame. */
static inline void assert_broken_nowhere(struct fixture *f, enum hvo_rule rule)
{
	assert_string_equal(hvo_rule_text(hvo_model_violation(f->model)),
			    hvo_rule_text(rule));
	assert_int_equal(hvo_model_violation_va(f->model), 0);
	hvo_model_clear(f->model);
}

static inline void map_block(struct fixture *f, uint64_t page,
			     enum hvo_prot prot)
{
	struct hvo_frame_request request = {
	    .count = BLOCK, .least = BLOCK, .align = BLOCK, .home = page};
	struct hvo_run run;

	assert_int_equal(f->frames.alloc(f->frames.ctx, &request, &run), 0);
	assert_int_equal(
	    hvo_port_map(f->port, at(f, page), BLOCK, run, prot, true), 0);
}

static inline int ask(struct fixture *f, struct hvo_frame_request request,
		      struct hvo_run *run)
{
	return f->frames.alloc(f->frames.ctx, &request, run);
}

#endif
