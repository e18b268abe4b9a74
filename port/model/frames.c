/* SPDX-License-Identifier: MIT */
/*
 * Frames: who has them, their memory, and the copying of it; the engine's lock
 * and its grace periods, which need no more than a flag and a callback here.
 *
 * Frame numbers: first the described memory's own base pages, which always
 * exist and are never handed out; then, from `home` on, one frame for each
 * vmemmap page; then the spares. All lie in one mapping that the host fills
 * in when it is touched, so described memory that is not used costs nothing.
 *
 * A frame that holds nothing yet, or nothing any more, is full of junk.
 */
#include <assert.h>
#include <string.h>
#include "model.h"

unsigned char *model_memory(const struct hvo_model *m, hvo_frame_t frame)
{
	uint64_t nr = frame.nr < m->frame_end ? frame.nr : m->frame_end;

	return m->memory + (nr << m->page_shift);
}

bool model_same_bytes(const struct hvo_model *m, hvo_frame_t a, hvo_frame_t b)
{
	return memcmp(model_memory(m, a), model_memory(m, b),
		      model_page_size(m)) == 0;
}

/* ---- the frame source ------------------------------------------------- */

static uint64_t align_up(uint64_t n, uint64_t align)
{
	return (n + align - 1) & ~(align - 1);
}

/* Frames free in a row from nr on, counted up to `most` and to `end`. */
static uint64_t free_from(const struct hvo_model *m, uint64_t nr, uint64_t end,
			  uint64_t most)
{
	uint64_t n = 0;

	while (n < most && nr + n < end && !m->frames[nr + n].out)
		n++;
	return n;
}

/* The first run of the whole count in from..end, or else the longest. */
static struct hvo_run find(const struct hvo_model *m, uint64_t from,
			   uint64_t end, const struct hvo_frame_request *r)
{
	struct hvo_run best = {{from}, 0};
	uint64_t nr = align_up(from, r->align);

	while (nr < end && best.count < r->count) {
		uint64_t n = free_from(m, nr, end, r->count);

		if (n > best.count)
			best = (struct hvo_run){{nr}, n};
		nr = align_up(nr + n + 1, r->align);
	}
	return best;
}

/*
 * Where to take frames from: at home if they are free there; then from the
 * spares, which are nobody's home; then from other pages' homes.
 */
static struct hvo_run choose(const struct hvo_model *m,
			     const struct hvo_frame_request *r)
{
	uint64_t spares = m->home + m->pages;

	if (r->home < m->pages) {
		uint64_t nr = m->home + r->home;
		uint64_t n = free_from(m, nr, m->frame_end, r->count);

		if (nr % r->align == 0 && n >= r->least)
			return (struct hvo_run){{nr}, n};
	}

	struct hvo_run run = find(m, spares, m->frame_end, r);

	if (run.count < r->count) {
		struct hvo_run other = find(m, m->home, m->frame_end, r);

		if (other.count > run.count)
			run = other;
	}
	return run;
}

static int model_alloc(void *ctx, const struct hvo_frame_request *request,
		       struct hvo_run *run)
{
	struct hvo_model *m = ctx;
	bool power = request->align && !(request->align & (request->align - 1));

	if (!power || !request->least || request->least > request->count) {
		model_violate(m, HVO_RULE_MISUSE, 0);
		return -HVO_ENOMEM;
	}
	if (model_fails(m))
		return -HVO_ENOMEM;

	struct hvo_run chosen = choose(m, request);

	if (chosen.count < request->least)
		return -HVO_ENOMEM;
	for (uint64_t i = 0; i < chosen.count; i++)
		m->frames[chosen.first.nr + i].out = true;
	m->handed_out += chosen.count;
	memset(model_memory(m, chosen.first), request->zero ? 0 : MODEL_JUNK,
	       chosen.count << m->page_shift);
	*run = chosen;
	return 0;
}

static void free_one(struct hvo_model *m, hvo_frame_t frame)
{
	if (frame.nr >= m->frame_end || !m->frames[frame.nr].out) {
		model_violate_frame(m, HVO_RULE_FREED_TWICE, frame);
		return;
	}

	struct model_frame *f = &m->frames[frame.nr];

	if (f->mapped)
		model_violate_frame(m, HVO_RULE_FREED_MAPPED, frame);
	if (f->cached)
		model_violate_frame(m, HVO_RULE_FREED_IN_TLB, frame);
	memset(model_memory(m, frame), MODEL_JUNK, model_page_size(m));
	f->out = false;
	m->handed_out--;
}

static void model_free(void *ctx, struct hvo_run run)
{
	struct hvo_model *m = ctx;

	model_others_act(m);
	for (uint64_t i = 0; i < run.count; i++)
		free_one(m, hvo_frame_add(run.first, i));
	model_others_act(m);
}

struct hvo_frames hvo_model_frames(struct hvo_model *model)
{
	return (struct hvo_frames){model, model_alloc, model_free};
}

uint64_t hvo_model_handed_out(const struct hvo_model *model)
{
	return model->handed_out;
}

/* ---- their memory ----------------------------------------------------- */

void *hvo_port_frame(struct hvo_port *port, hvo_frame_t frame)
{
	struct hvo_model *m = model_of(port);

	model_enter(m, 0);
	if (frame.nr >= m->frame_end)
		model_violate(m, HVO_RULE_MISUSE, 0);
	else
		model_check_frame(m, frame, 0);
	return model_memory(m, frame);
}

/* Frames may be copied to only while no CPU can see them change. */
static void check_copy(struct hvo_model *m, struct hvo_run dst,
		       struct hvo_run src)
{
	for (uint64_t i = 0; i < dst.count; i++) {
		hvo_frame_t frame = hvo_frame_add(dst.first, i);
		const struct model_frame *f = &m->frames[frame.nr];

		if (f->mapped || f->cached)
			model_violate_frame(m, HVO_RULE_MISUSE, frame);
		model_check_frame(m, frame, 0);
	}
	for (uint64_t i = 0; i < src.count; i++)
		model_check_frame(m, hvo_frame_add(src.first, i), 0);
}

static bool is_run(const struct hvo_model *m, struct hvo_run run)
{
	return run.count && run.first.nr < m->frame_end &&
	       run.count <= m->frame_end - run.first.nr;
}

static bool overlap(struct hvo_run a, struct hvo_run b)
{
	return a.first.nr < b.first.nr + b.count &&
	       b.first.nr < a.first.nr + a.count;
}

/* Does every frame of a run hold what its first `period` bytes say? */
static bool repeats(struct hvo_model *m, struct hvo_run run, size_t period)
{
	const unsigned char *first = model_memory(m, run.first);
	uint64_t bytes = run.count * model_page_size(m);

	return !period || !memcmp(first, first + period, bytes - period);
}

void hvo_port_copy(struct hvo_port *port, struct hvo_run dst,
		   struct hvo_run src, size_t period)
{
	struct hvo_model *m = model_of(port);

	model_enter(m, 0);
	model_others_act(m);
	if (!is_run(m, dst) || !is_run(m, src) || overlap(dst, src) ||
	    !repeats(m, src, period)) {
		model_violate(m, HVO_RULE_MISUSE, 0);
		return;
	}
	check_copy(m, dst, src);
	for (uint64_t i = 0; i < dst.count; i++)
		memcpy(model_memory(m, hvo_frame_add(dst.first, i)),
		       model_memory(m, hvo_frame_add(src.first, i % src.count)),
		       model_page_size(m));
	model_others_act(m);
}

/* ---- grace periods and the lock --------------------------------------- */

void hvo_port_synchronize(struct hvo_port *port)
{
	struct hvo_model *m = model_of(port);

	model_enter(m, 0);
	model_others_act(m);
	if (m->grace)
		m->grace(m->grace_ctx, m);
	model_others_act(m);
}

/* With one thread, waiting for a lock that is held would never end. */
void hvo_port_lock(struct hvo_port *port)
{
	struct hvo_model *m = model_of(port);

	if (m->locked)
		model_violate(m, HVO_RULE_MISUSE, 0);
	m->locked = true;
}

void hvo_port_unlock(struct hvo_port *port)
{
	struct hvo_model *m = model_of(port);

	if (!m->locked)
		model_violate(m, HVO_RULE_MISUSE, 0);
	m->locked = false;
}

/* Single-threaded: no walker is inside when another call is made. */
void hvo_port_read_begin(struct hvo_port *port)
{
	(void)port;
}

void hvo_port_read_end(struct hvo_port *port)
{
	(void)port;
}

void hvo_port_relax(struct hvo_port *port)
{
	(void)port;
}

unsigned hvo_port_cpu(struct hvo_port *port)
{
	(void)port;
	return 0;
}
