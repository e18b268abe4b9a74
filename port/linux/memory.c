/* SPDX-License-Identifier: MIT */
/*
 * Frames as bytes: the direct map of the whole memfd, and copying into frames
 * that nobody is led to yet; the engine's lock, and waiting for others'.
 */
#include <assert.h>
#include <sched.h>
#include <string.h>
#include <sys/uio.h>
#include "private.h"

#define PIECES 64
/* Most bytes in one write; the kernel stops at 2 GiB (write(2)). */
#define WRITE_MAX (UINT64_C(1) << 28)

void *hvo_port_frame(struct hvo_port *port, hvo_frame_t frame)
{
	assert(frame.nr < port->frame_end);
	return port->direct + hvo_linux_bytes(port, frame.nr);
}

static uint64_t least_of(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/*
 * The source of dst's frames from `done` on, as pieces that are consecutive in
 * the direct map. Returns how many; *frames is what they cover.
 */
static int gather(struct hvo_port *port, struct hvo_run dst, uint64_t done,
		  struct hvo_run src, struct iovec *pieces, uint64_t *frames)
{
	uint64_t left =
	    least_of(dst.count - done, WRITE_MAX >> port->page_shift);
	int used = 0;

	*frames = 0;
	while (left && used < PIECES) {
		uint64_t at = (done + *frames) % src.count;
		uint64_t n = least_of(src.count - at, left);

		pieces[used++] =
		    (struct iovec){.iov_base = hvo_port_frame(
				       port, hvo_frame_add(src.first, at)),
				   .iov_len = hvo_linux_bytes(port, n)};
		*frames += n;
		left -= n;
	}
	return used;
}

static void copy_pieces(unsigned char *to, const struct iovec *pieces, int n)
{
	for (int i = 0; i < n; i++) {
		memcpy(to, pieces[i].iov_base, pieces[i].iov_len);
		to += pieces[i].iov_len;
	}
}

/*
 * A write into the memfd rather than through the direct map: it takes no page
 * fault for each page, and leaves no page table entry in the direct map that
 * punching the frame out would have to find and flush.
 */
void hvo_port_copy(struct hvo_port *port, struct hvo_run dst,
		   struct hvo_run src, size_t period)
{
	struct iovec pieces[PIECES];
	uint64_t frames;

	(void)period;
	assert(src.count && dst.first.nr + dst.count <= port->frame_end);
	for (uint64_t done = 0; done < dst.count; done += frames) {
		int n = gather(port, dst, done, src, pieces, &frames);
		hvo_frame_t to = hvo_frame_add(dst.first, done);
		ssize_t written = pwritev(port->fd, pieces, n,
					  (off_t)hvo_linux_bytes(port, to.nr));

		/* Interrupted, or refused: the direct map always works. */
		if (written < 0 ||
		    (uint64_t)written != hvo_linux_bytes(port, frames))
			copy_pieces(hvo_port_frame(port, to), pieces, n);
	}
}

/*
 * Through the window, where the pages are in the process's tables already,
 * and not through the direct map, where each would take a fault.
 */
bool hvo_port_equal(struct hvo_port *port, void *va, uint64_t pages,
		    struct hvo_run run)
{
	const unsigned char *at = va;

	for (uint64_t done = 0, n; done < pages; done += n) {
		n = least_of(run.count, pages - done);
		if (memcmp(at + hvo_linux_bytes(port, done),
			   hvo_port_frame(port, run.first),
			   hvo_linux_bytes(port, n)))
			return false;
	}
	return true;
}

void hvo_port_lock(struct hvo_port *port)
{
	pthread_mutex_lock(&port->lock);
}

void hvo_port_unlock(struct hvo_port *port)
{
	pthread_mutex_unlock(&port->lock);
}

/* Who holds a lock may have been preempted: let it run. */
void hvo_port_relax(struct hvo_port *port)
{
	(void)port;
	sched_yield();
}

unsigned hvo_port_cpu(struct hvo_port *port)
{
	int cpu = sched_getcpu();

	(void)port;
	return cpu < 0 ? 0 : (unsigned)cpu;
}
