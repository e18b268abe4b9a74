/* SPDX-License-Identifier: MIT */
/*
 * Owns the frames: pages of the memfd, allocated when handed out and punched
 * out when they come back, so that the operating system's own account of the
 * memfd says what is in use.
 *
 * Each vmemmap page has a home frame; hvo_linux.h says in which order they lie
 * in the memfd. Frames for shared tails, and for a page whose home is taken,
 * are extra frames; homes of others are taken only when these have run out.
 *
 * A frame is marked taken before the kernel is asked for it and marked free
 * after the kernel has it back, so the lock is not held over system calls and
 * no frame is ever both free and allocated.
 */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include "hvo/error.h"
#include "private.h"

/*
 * Most frames asked of the kernel, or given back, at once. A signal makes it
 * undo what it has allocated so far; small steps get ahead even under a
 * profiler's. And other threads' calls for frames wait for this one.
 */
#define STEP 1024

/* ---- bits -------------------------------------------------------------- */

/* The first bit from `from` on that has this value; `end` if none before. */
static uint64_t next_bit(const uint64_t *bits, bool value, uint64_t from,
			 uint64_t end)
{
	while (from < end) {
		uint64_t word = value ? bits[from / 64] : ~bits[from / 64];

		word >>= from % 64;
		if (word) {
			from += (uint64_t)__builtin_ctzll(word);
			return from < end ? from : end;
		}
		from = (from / 64 + 1) * 64;
	}
	return end;
}

static void flip_bits(uint64_t *bits, uint64_t from, uint64_t count)
{
	for (uint64_t end = from + count, next; from < end; from = next) {
		next = (from / 64 + 1) * 64;
		if (next > end)
			next = end;
		bits[from / 64] ^= ~UINT64_C(0) >> (64 - (next - from))
						       << from % 64;
	}
}

/* ---- homes ------------------------------------------------------------- */

/* How many pages before this one are the first of a folio set apart. */
static uint64_t firsts_before(const struct hvo_linux_homes *homes,
			      uint64_t page)
{
	uint64_t begun =
	    (homes->phase + page + homes->folio - 1) / homes->folio;

	return begun - (homes->phase != 0);
}

/* The home of a page, counted from the first home frame. */
static uint64_t home_of(const struct hvo_linux_homes *homes, uint64_t page)
{
	if (!homes->folio)
		return page;
	uint64_t firsts = firsts_before(homes, page);

	if ((homes->phase + page) % homes->folio == 0)
		return firsts;
	return firsts_before(homes, homes->count) + page - firsts;
}

/* How many pages from this one on have their homes in a row. */
static uint64_t homes_in_row(const struct hvo_linux_homes *homes, uint64_t page)
{
	uint64_t left = homes->count - page;

	if (!homes->folio)
		return left;
	uint64_t place = (homes->phase + page) % homes->folio;
	uint64_t row = place ? homes->folio - place : 1;

	return row < left ? row : left;
}

/* ---- the pool ---------------------------------------------------------- */

int hvo_linux_pool_init(struct hvo_linux_pool *pool, uint64_t first,
			const struct hvo_linux_homes *homes, uint64_t extra)
{
	pthread_mutex_init(&pool->lock, NULL);
	pool->first = first;
	pool->homes = *homes;
	pool->total = homes->count + extra;
	pool->rotor = homes->count;
	atomic_init(&pool->used, 0);
	pool->taken = calloc(pool->total / 64 + 1, sizeof(*pool->taken));
	return pool->taken ? 0 : -HVO_ENOMEM;
}

void hvo_linux_pool_fini(struct hvo_linux_pool *pool)
{
	free(pool->taken);
	pthread_mutex_destroy(&pool->lock);
}

/* Free frames in a row from `at` on, at most count, before end. */
static uint64_t free_run(const struct hvo_linux_pool *pool, uint64_t at,
			 uint64_t count, uint64_t end)
{
	if (end - at > count)
		end = at + count;
	return next_bit(pool->taken, true, at, end) - at;
}

/* `at` or the next frame after it whose number is aligned as required. */
static uint64_t align_up(const struct hvo_linux_pool *pool, uint64_t at,
			 uint64_t align)
{
	return ((pool->first + at + align - 1) & ~(align - 1)) - pool->first;
}

/* Look for a run in [at, end). Returns its length, 0 if there is none. */
static uint64_t search(const struct hvo_linux_pool *pool,
		       const struct hvo_frame_request *request, uint64_t *at,
		       uint64_t end)
{
	while (*at < end) {
		*at = next_bit(pool->taken, false, *at, end);
		*at = align_up(pool, *at, request->align);
		if (*at >= end)
			break;
		uint64_t length = free_run(pool, *at, request->count, end);
		if (length >= request->least)
			return length;
		*at += length ? length : 1;
	}
	return 0;
}

/* Look at home. Returns the length of the run that is free there, or 0. */
static uint64_t find_home(const struct hvo_linux_pool *pool,
			  const struct hvo_frame_request *request, uint64_t *at)
{
	const struct hvo_linux_homes *homes = &pool->homes;

	if (request->home >= homes->count)
		return 0;
	*at = home_of(homes, request->home);
	if (*at != align_up(pool, *at, request->align))
		return 0;
	uint64_t row = homes_in_row(homes, request->home);
	uint64_t length = free_run(pool, *at, request->count, *at + row);

	return length >= request->least ? length : 0;
}

/* At home if that is free, else among the extra frames, else anywhere. */
static uint64_t find(struct hvo_linux_pool *pool,
		     const struct hvo_frame_request *request, uint64_t *at)
{
	uint64_t length = find_home(pool, request, at);

	if (length)
		return length;
	*at = pool->rotor;
	length = search(pool, request, at, pool->total);
	if (!length) {
		*at = pool->homes.count;
		length = search(pool, request, at, pool->total);
	}
	if (length) {
		pool->rotor = *at + length;
		return length;
	}
	*at = 0;
	return search(pool, request, at, pool->homes.count);
}

static bool take(struct hvo_linux_pool *pool,
		 const struct hvo_frame_request *request, struct hvo_run *run)
{
	uint64_t at;

	pthread_mutex_lock(&pool->lock);
	uint64_t length = find(pool, request, &at);
	flip_bits(pool->taken, at, length);
	pthread_mutex_unlock(&pool->lock);
	*run = (struct hvo_run){{pool->first + at}, length};
	return length != 0;
}

static void put(struct hvo_linux_pool *pool, struct hvo_run run)
{
	uint64_t at = run.first.nr - pool->first;

	pthread_mutex_lock(&pool->lock);
	assert(next_bit(pool->taken, false, at, at + run.count) ==
	       at + run.count);
	flip_bits(pool->taken, at, run.count);
	pthread_mutex_unlock(&pool->lock);
}

/* ---- the kernel's side ------------------------------------------------- */

static int host_fallocate(const struct hvo_port *port, int mode,
			  struct hvo_run run)
{
	int failed;

	do {
		failed = fallocate(port->fd, mode,
				   (off_t)hvo_linux_bytes(port, run.first.nr),
				   (off_t)hvo_linux_bytes(port, run.count));
	} while (failed && errno == EINTR);
	return failed ? -HVO_ENOMEM : 0;
}

/* Step by step from the front; returns how many frames it succeeded for. */
static uint64_t host_steps(const struct hvo_port *port, int mode,
			   struct hvo_run run)
{
	uint64_t done = 0;

	while (done < run.count) {
		uint64_t left = run.count - done;
		struct hvo_run step = {hvo_frame_add(run.first, done),
				       left < STEP ? left : STEP};

		if (host_fallocate(port, mode, step))
			break;
		done += step.count;
	}
	return done;
}

/* A punched page takes no memory and reads as zeros. */
static void punch(const struct hvo_port *port, struct hvo_run run)
{
	int mode = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;

	if (host_steps(port, mode, run) == run.count)
		return;
	/* Opening the port has tried it; without it the account is wrong. */
	fprintf(stderr, "hvo: the kernel does not take frames back: %s\n",
		strerror(errno));
	abort();
}

/* Allocate all of a run, or none of it. Its pages are zeros. */
static int allocate(const struct hvo_port *port, struct hvo_run run)
{
	uint64_t done = host_steps(port, 0, run);

	if (done == run.count)
		return 0;
	punch(port, (struct hvo_run){run.first, done});
	return -HVO_ENOMEM;
}

int hvo_linux_pool_alloc(void *ctx, const struct hvo_frame_request *request,
			 struct hvo_run *run)
{
	struct hvo_linux *l = ctx;

	assert(request->least && request->least <= request->count);
	assert(request->align && !(request->align & (request->align - 1)));
	if (!take(&l->pool, request, run))
		return -HVO_ENOMEM;
	if (allocate(&l->port, *run)) {
		put(&l->pool, *run);
		return -HVO_ENOMEM;
	}
	atomic_fetch_add(&l->pool.used, run->count);
	return 0;
}

void hvo_linux_pool_free(void *ctx, struct hvo_run run)
{
	struct hvo_linux *l = ctx;

	assert(run.first.nr >= l->pool.first && run.count <= l->pool.total &&
	       run.first.nr - l->pool.first <= l->pool.total - run.count);
	punch(&l->port, run);
	atomic_fetch_sub(&l->pool.used, run.count);
	put(&l->pool, run);
}

/* ---- described memory -------------------------------------------------- */

int hvo_linux_commit(void *ctx, struct hvo_run run)
{
	const struct hvo_linux *l = ctx;

	assert(run.first.nr + run.count <= l->pool.first);
	return allocate(&l->port, run);
}

void hvo_linux_uncommit(void *ctx, struct hvo_run run)
{
	const struct hvo_linux *l = ctx;

	assert(run.first.nr + run.count <= l->pool.first);
	punch(&l->port, run);
}

/* ---- accounts ---------------------------------------------------------- */

struct hvo_frames hvo_linux_frames(struct hvo_linux *linux_port)
{
	return (struct hvo_frames){.ctx = linux_port,
				   .alloc = hvo_linux_pool_alloc,
				   .free = hvo_linux_pool_free};
}

uint64_t hvo_linux_handed_out(const struct hvo_linux *linux_port)
{
	return hvo_linux_bytes(&linux_port->port,
			       atomic_load(&linux_port->pool.used));
}

uint64_t hvo_linux_measured(const struct hvo_linux *linux_port)
{
	struct stat st;

	/* st_blocks counts 512 bytes, whatever st_blksize is (stat(3type)). */
	return fstat(linux_port->port.fd, &st) ? 0
					       : (uint64_t)st.st_blocks * 512;
}
