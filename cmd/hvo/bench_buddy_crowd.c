/* SPDX-License-Identifier: MIT */
/*
 * Threads that allocate and free, all at once: each holds a few blocks at a
 * time and gives them back, so many times over. They begin together, at a
 * barrier; the time is from the first one's beginning to the last one's end, by
 * their own clocks: who lets them off may be put aside while they run.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "bench_buddy.h"
#include "cmd.h"

#define HELD 64 /* blocks of a thread at a time */

struct worker {
	pthread_t thread;
	pthread_barrier_t *begin;
	const struct buddy_side *side;
	struct hvo_mm *mm;
	unsigned order;
	unsigned turns;
	uint64_t from, to; /* ns */
	bool failed;
};

static void *work(void *arg)
{
	struct worker *w = arg;
	void *held[HELD];

	pthread_barrier_wait(w->begin);
	w->from = bench_now_ns();
	for (unsigned turn = 0; turn < w->turns && !w->failed; turn++) {
		size_t n = 0;

		while (n < HELD && w->side->alloc(w->mm, w->order, &held[n]))
			n++;
		w->failed = n < HELD;
		while (n)
			w->side->free(w->mm, held[--n]);
	}
	w->to = bench_now_ns();
	return NULL;
}

/* Start them; a program that cannot is over. */
static void begin(struct worker *workers, uint64_t n, const struct worker *like)
{
	for (uint64_t i = 0; i < n; i++) {
		int error;

		workers[i] = *like;
		error =
		    pthread_create(&workers[i].thread, NULL, work, &workers[i]);
		if (!error)
			continue;
		/* The others wait at the barrier for ever: end with them. */
		hvo_error("thread %lu of %lu: %s; give fewer --threads", i + 1,
			  n, strerror(error));
		exit(HVO_EXIT_FAILED);
	}
}

/* One measurement: millions a second. Returns 0 or an exit code. */
static int measure(uint64_t threads, const struct worker *like,
		   struct bench_series *series)
{
	struct worker *workers = calloc(threads, sizeof(*workers));
	struct worker first = *like;
	pthread_barrier_t barrier;
	uint64_t from = UINT64_MAX, to = 0;
	bool failed = false;

	if (!workers) {
		hvo_error("no memory for %lu threads", threads);
		return HVO_EXIT_FAILED;
	}
	pthread_barrier_init(&barrier, NULL, (unsigned)threads + 1);
	first.begin = &barrier;
	begin(workers, threads, &first);
	pthread_barrier_wait(&barrier);
	for (uint64_t i = 0; i < threads; i++) {
		pthread_join(workers[i].thread, NULL);
		failed |= workers[i].failed;
		from = workers[i].from < from ? workers[i].from : from;
		to = workers[i].to > to ? workers[i].to : to;
	}
	bench_add(series, (double)(threads * HELD * like->turns) * 1000 /
			      (double)(to - from));
	pthread_barrier_destroy(&barrier);
	free(workers);
	if (!failed)
		return 0;
	hvo_error("%lu threads found too little memory", threads);
	return HVO_EXIT_FAILED;
}

static int measure_crowd(struct buddy_run *r, struct buddy_crowd *crowd)
{
	const struct worker page = {
	    .side = &buddy_folios, .mm = r->machine.mm, .turns = 4000};
	const struct worker huge = {.side = &buddy_folios,
				    .mm = r->machine.mm,
				    .order = 9,
				    .turns = 60};
	const struct worker library = {.side = &buddy_library, .turns = 4000};
	int code = 0;

	for (uint64_t i = 0; i < r->options.rounds && !code; i++) {
		code = measure(crowd->threads, &page, &crowd->page);
		if (!code)
			code = measure(crowd->threads, &huge, &crowd->huge);
		if (!code)
			code =
			    measure(crowd->threads, &library, &crowd->library);
	}
	return code;
}

int buddy_crowds(struct buddy_run *r)
{
	uint64_t most = r->options.threads, threads = 1;
	int code = 0;

	while (!code && r->crowds < BUDDY_CROWDS) {
		struct buddy_crowd *crowd = &r->crowd[r->crowds++];

		crowd->threads = threads;
		code = measure_crowd(r, crowd);
		if (threads == most)
			break;
		threads = 2 * threads < most && r->crowds + 1 < BUDDY_CROWDS
			      ? 2 * threads
			      : most;
	}
	return code;
}
