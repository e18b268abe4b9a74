/* SPDX-License-Identifier: MIT */
/*
 * The threads of bench_crowd.h. Each has a sample of its own, in groups whose
 * heads' exclusive or is known beforehand.
 */
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include "bench.h"
#include "bench_crowd.h"
#include "cmd.h"

#define LOOK_UPS (1u << 16) /* of each thread, again and again */
#define GROUP    1024u      /* look-ups between two glances at `stop` */
#define GROUPS   (LOOK_UPS / GROUP)

/* The same records in the map or in the plain mapping. */
struct view {
	struct bench_sample sample;
	uint64_t heads[GROUPS]; /* what each group comes to */
};

struct reader {
	pthread_t thread;
	struct crowd *crowd;
	struct view map, plain;
	_Alignas(64) _Atomic uint64_t look_ups;
	_Atomic uint64_t wrong; /* groups */
};

static void *read_heads(void *arg)
{
	struct reader *reader = arg;
	struct crowd *crowd = reader->crowd;

	for (size_t i = 0;
	     !atomic_load_explicit(&crowd->stop, memory_order_relaxed);
	     i = (i + 1) % GROUPS) {
		const struct view *view =
		    atomic_load_explicit(&crowd->plain, memory_order_relaxed)
			? &reader->plain
			: &reader->map;
		uint64_t heads = lab_walk(
		    LAB_WALK_MASK, view->sample.records + i * GROUP, GROUP);

		atomic_fetch_add_explicit(&reader->look_ups, GROUP,
					  memory_order_relaxed);
		if (heads != view->heads[i])
			atomic_fetch_add_explicit(&reader->wrong, 1,
						  memory_order_relaxed);
	}
	return NULL;
}

/*
 * Move the sample by `away` and work out its heads from arithmetic alone: no
 * descriptor is read. base is where the records then begin.
 */
static void prepare_view(struct view *view, uintptr_t away, uintptr_t base,
			 uint64_t folio_bytes)
{
	uintptr_t *records = view->sample.records;

	for (size_t i = 0; i < LOOK_UPS; i++) {
		records[i] += away;
		view->heads[i / GROUP] ^=
		    base + (records[i] - base) / folio_bytes * folio_bytes;
	}
}

static int prepare_reader(struct reader *reader, const struct lab_map *map,
			  const struct plain *plain, uint64_t seed)
{
	uint64_t folio_bytes = map->pages << LAB_PAGE_SHIFT;
	uintptr_t base = (uintptr_t)plain->window;

	if (bench_sample_random(&reader->map.sample, map, LOOK_UPS, seed) ||
	    bench_sample_random(&reader->plain.sample, map, LOOK_UPS, seed))
		return HVO_EXIT_FAILED;
	prepare_view(&reader->map, 0, map->base, folio_bytes);
	prepare_view(&reader->plain, base - map->base, base, folio_bytes);
	return 0;
}

int crowd_start(struct crowd *crowd, size_t n, const struct lab_map *map,
		const struct plain *plain)
{
	crowd->reader = aligned_alloc(64, n * sizeof(*crowd->reader));
	if (!crowd->reader) {
		hvo_error("out of memory");
		return HVO_EXIT_FAILED;
	}
	crowd->n = n;
	for (size_t i = 0; i < n; i++)
		crowd->reader[i] = (struct reader){.crowd = crowd};
	for (size_t i = 0; i < n; i++)
		if (prepare_reader(&crowd->reader[i], map, plain, i + 1))
			return HVO_EXIT_FAILED;
	for (; crowd->started < n; crowd->started++)
		if (pthread_create(&crowd->reader[crowd->started].thread, NULL,
				   read_heads,
				   &crowd->reader[crowd->started])) {
			hvo_error("only %zu of %zu threads could be made",
				  crowd->started, n);
			return HVO_EXIT_FAILED;
		}
	return 0;
}

uint64_t crowd_stop(struct crowd *crowd)
{
	uint64_t wrong = 0;

	atomic_store(&crowd->stop, true);
	for (size_t i = 0; i < crowd->started; i++)
		pthread_join(crowd->reader[i].thread, NULL);
	for (size_t i = 0; i < crowd->n; i++) {
		wrong += crowd->reader[i].wrong;
		bench_sample_free(&crowd->reader[i].map.sample);
		bench_sample_free(&crowd->reader[i].plain.sample);
	}
	free(crowd->reader);
	return wrong;
}

uint64_t crowd_look_ups(const struct crowd *crowd)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < crowd->n; i++)
		sum += atomic_load_explicit(&crowd->reader[i].look_ups,
					    memory_order_relaxed);
	return sum;
}

void crowd_turn(struct crowd *crowd, bool plain)
{
	atomic_store(&crowd->plain, plain);
	for (size_t i = 0; i < crowd->n; i++) {
		_Atomic uint64_t *look_ups = &crowd->reader[i].look_ups;
		/* A whole sample, and what it was at when told to turn. */
		uint64_t until = atomic_load(look_ups) + LOOK_UPS + GROUP;

		while (atomic_load(look_ups) < until)
			sched_yield();
	}
}
