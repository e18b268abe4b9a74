/* SPDX-License-Identifier: MIT */
/*
 * Frames, which are reached through the direct map; and what else the engine
 * needs of a machine.
 */
#include "state.h"

void *hvo_port_frame(struct hvo_port *port, hvo_frame_t frame)
{
	return radix_pointer(port, frame.nr << HVO_ENTRY_PAGE_SHIFT);
}

static const void *member(struct hvo_port *port, struct hvo_run run, uint64_t i)
{
	return hvo_port_frame(port, hvo_frame_add(run.first, i % run.count));
}

/* What goes to memory at once: one vector register, where there are any. */
typedef uint64_t vector_t
    __attribute__((vector_size(16), aligned(8), may_alias));

#define LINE (8 * sizeof(vector_t))

/* One line over and over, for whole pages; it stays in registers. */
static void repeat(vector_t *at, const vector_t *line, uint64_t pages)
{
	vector_t a = line[0], b = line[1], c = line[2], d = line[3];
	vector_t e = line[4], f = line[5], g = line[6], h = line[7];
	vector_t *end = at + pages * (RADIX_PAGE / sizeof(*at));

#pragma GCC unroll 4
	for (; at < end; at += 8) {
		at[0] = a;
		at[1] = b;
		at[2] = c;
		at[3] = d;
		at[4] = e;
		at[5] = f;
		at[6] = g;
		at[7] = h;
	}
}

void hvo_port_copy(struct hvo_port *port, struct hvo_run dst,
		   struct hvo_run src, size_t period)
{
	if (period && LINE % period == 0) {
		repeat(hvo_port_frame(port, dst.first),
		       hvo_port_frame(port, src.first), dst.count);
		return;
	}
	for (uint64_t i = 0; i < dst.count; i++)
		memcpy(hvo_port_frame(port, hvo_frame_add(dst.first, i)),
		       member(port, src, i), RADIX_PAGE);
}

bool hvo_port_equal(struct hvo_port *port, void *va, uint64_t pages,
		    struct hvo_run run)
{
	const char *at = va;

	for (uint64_t i = 0; i < pages; i++, at += RADIX_PAGE)
		if (memcmp(at, member(port, run, i), RADIX_PAGE) != 0)
			return false;
	return true;
}

void hvo_port_relax(struct hvo_port *port)
{
	(void)port;
	hvo_radix_relax();
}

unsigned hvo_port_cpu(struct hvo_port *port)
{
	(void)port;
	return hvo_radix_cpu();
}

void hvo_port_lock(struct hvo_port *port)
{
	hvo_lock_acquire(&port->engine, port);
}

void hvo_port_unlock(struct hvo_port *port)
{
	hvo_lock_release(&port->engine);
}
