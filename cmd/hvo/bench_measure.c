/* SPDX-License-Identifier: MIT */
/*
 * Series of measurements, samples of look-ups, and how both are printed.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "bench.h"
#include "cmd.h"

uint64_t bench_now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

/* ---- series ----------------------------------------------------------- */

void bench_add(struct bench_series *series, double value)
{
	assert(series->n < BENCH_SAMPLES);
	series->value[series->n++] = value;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

struct bench_summary bench_summarize(const struct bench_series *series)
{
	double sorted[BENCH_SAMPLES];
	size_t n = series->n;

	if (!n)
		return (struct bench_summary){NAN, NAN, NAN, 0};
	memcpy(sorted, series->value, n * sizeof(*sorted));
	qsort(sorted, n, sizeof(*sorted), compare);
	return (struct bench_summary){
	    .median = (sorted[(n - 1) / 2] + sorted[n / 2]) / 2,
	    .min = sorted[0],
	    .max = sorted[n - 1],
	    .n = n,
	};
}

const char *bench_text(const struct bench_series *series, unsigned decimals,
		       char out[BENCH_TEXT])
{
	struct bench_summary s = bench_summarize(series);
	int d = (int)decimals;

	if (!s.n)
		return strcpy(out, "-");
	snprintf(out, BENCH_TEXT, "%.*f (%.*f-%.*f)", d, s.median, d, s.min, d,
		 s.max);
	return out;
}

/* ---- JSON ------------------------------------------------------------- */

/* JSON knows neither infinity nor NaN. */
static void json_finite(struct json_object *object, const char *key,
			double value)
{
	if (isfinite(value))
		hvo_json_real(object, key, value);
	else
		json_object_object_add(object, key, NULL);
}

void bench_json(struct json_object *object, const char *key,
		const struct bench_series *series)
{
	struct bench_summary s = bench_summarize(series);
	struct json_object *inner;

	if (!s.n) {
		json_object_object_add(object, key, NULL);
		return;
	}
	inner = hvo_json_object(object, key);
	json_finite(inner, "median", s.median);
	json_finite(inner, "min", s.min);
	json_finite(inner, "max", s.max);
	hvo_json_int(inner, "repetitions", s.n);
}

struct json_object *bench_json_new(const char *name)
{
	struct json_object *object = json_object_new_object();

	hvo_json_int(object, "hvo", 1);
	hvo_json_text(object, "bench", name);
	bench_json_machine(hvo_json_object(object, "machine"));
	return object;
}

/* ---- look-ups --------------------------------------------------------- */

/* Where all look-ups go, so that none can be left out. */
static volatile uint64_t sink;

static int sample_new(struct bench_sample *sample, size_t n)
{
	sample->n = n;
	sample->records = malloc(n * sizeof(*sample->records));
	if (sample->records)
		return 0;
	hvo_error("no memory for a sample of %zu look-ups", n);
	return HVO_EXIT_FAILED;
}

int bench_sample_sequential(struct bench_sample *sample,
			    const struct lab_map *map, size_t n)
{
	uint64_t pfns = map->folios << map->order;

	if (n > pfns)
		n = pfns;
	if (sample_new(sample, n))
		return HVO_EXIT_FAILED;
	for (size_t i = 0; i < n; i++)
		sample->records[i] =
		    (uintptr_t)lab_record(map, (pfns - n) / 2 + i);
	return 0;
}

/* Marsaglia's xorshift64 (Journal of Statistical Software 8(14), 2003). */
static uint64_t next_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

int bench_sample_random(struct bench_sample *sample, const struct lab_map *map,
			size_t n, uint64_t seed)
{
	uint64_t pfns = map->folios << map->order;
	uint64_t state = seed * UINT64_C(0x9e3779b97f4a7c15) | 1;

	if (sample_new(sample, n))
		return HVO_EXIT_FAILED;
	for (size_t i = 0; i < n; i++)
		sample->records[i] =
		    (uintptr_t)lab_record(map, next_random(&state) % pfns);
	return 0;
}

void bench_sample_free(struct bench_sample *sample)
{
	free(sample->records);
	*sample = (struct bench_sample){0};
}

void bench_warm(enum lab_walk how, const struct bench_sample *sample)
{
	sink = lab_walk(how, sample->records, sample->n);
}

void bench_time_walk(enum lab_walk how, const struct bench_sample *sample,
		     struct bench_series *series)
{
	uint64_t start = bench_now_ns();

	sink = lab_walk(how, sample->records, sample->n);
	bench_add(series, (double)(bench_now_ns() - start) / (double)sample->n);
}

/* ---- maps ------------------------------------------------------------- */

int bench_open(struct lab_map *map, const struct lab_scheme *scheme,
	       uint64_t folios, unsigned order)
{
	char message[512];

	if (!lab_open(map, scheme, folios, order, message, sizeof(message)))
		return 0;
	hvo_error("%s: %s", scheme->name, message);
	return HVO_EXIT_FAILED;
}

int bench_failed(const struct lab_map *map, const char *what, int error)
{
	char message[512];

	hvo_linux_explain(map->linux_port, error, message, sizeof(message));
	hvo_error("%s, %s: %s", map->scheme->name, what, message);
	return HVO_EXIT_FAILED;
}
