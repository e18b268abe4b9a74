/* SPDX-License-Identifier: MIT */
/*
 * What the benchmarks share: their options, series of measurements, samples
 * of look-ups, the machine they ran on, and settings of the host that are
 * put back whatever happens.
 */
#ifndef HVO_BENCH_H
#define HVO_BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "json.h"
#include "lab.h"

/* The benchmarks. As hvo_cmd_*(): argv[0] is "hvo bench NAME". */
int hvo_bench_generations(int argc, char **argv);
int hvo_bench_linux(int argc, char **argv);
int hvo_bench_lookup(int argc, char **argv);
int hvo_bench_readers(int argc, char **argv);
int hvo_bench_build(int argc, char **argv);
int hvo_bench_buddy(int argc, char **argv);
int hvo_bench_demote(int argc, char **argv);
int hvo_bench_dissolve(int argc, char **argv);
int hvo_bench_boot(int argc, char **argv);

/* ---- options ---------------------------------------------------------- */

/* Defaults are what is there before parsing. */
struct bench_options {
	uint64_t memory;    /* bytes described */
	uint64_t page_size; /* of a huge page */
	uint64_t count;     /* huge pages */
	uint64_t rounds;    /* repetitions, 1 to BENCH_SAMPLES */
	uint64_t threads;   /* readers */
	bool keep_settings; /* change no setting of the host */
	bool json;
};

/*
 * Parse a benchmark's line. `allowed` has the first letter of each option
 * that it takes besides --json and --help (m, p, c, r, t, k); help is all
 * that --help prints. Returns -1 to go on, else what to exit with.
 */
int bench_parse(int argc, char **argv, const char *allowed, const char *help,
		struct bench_options *options);

/*
 * Folios of options->page_size in options->memory, and their order. Returns
 * -1 to go on, else an exit code, after saying what is wrong.
 */
int bench_folios(const char *argv0, const struct bench_options *options,
		 uint64_t *folios, unsigned *order);

/* ---- measurements ----------------------------------------------------- */

#define BENCH_SAMPLES 512

struct bench_series {
	double value[BENCH_SAMPLES];
	size_t n;
};

/* NaN where the series is empty. */
struct bench_summary {
	double median, min, max;
	size_t n;
};

void bench_add(struct bench_series *series, double value);
struct bench_summary bench_summarize(const struct bench_series *series);

#define BENCH_TEXT 64
/* "12.3 (11.9-14.0)", or "-" for an empty series. Returns out. */
const char *bench_text(const struct bench_series *series, unsigned decimals,
		       char out[BENCH_TEXT]);
/* Set key to {"median":…,"min":…,"max":…,"repetitions":…}, or null. */
void bench_json(struct json_object *object, const char *key,
		const struct bench_series *series);

uint64_t bench_now_ns(void);

/* {"hvo":1,"bench":NAME,"machine":{…}} */
struct json_object *bench_json_new(const char *name);

/* ---- the machine ------------------------------------------------------ */

/* One line about processor, memory and kernel, on stdout. */
void bench_print_machine(void);
void bench_json_machine(struct json_object *object);
/* The number in a file of /proc or /sys that holds nothing else. */
bool bench_read_number(const char *path, uint64_t *value);

/* ---- settings of the host --------------------------------------------- */

/*
 * Write a number to a file of /proc/sys or /sys. What it held before the
 * first such call is written back by bench_settings_restore(), by exit(),
 * and when a signal ends the program (SIGKILL aside). Returns 0 or an errno,
 * as hvo_change_set() does.
 */
int bench_setting_set(const char *path, uint64_t value);

/*
 * Put everything back, the last changed first. Returns true when all files
 * read as they did before; says so on stderr otherwise.
 */
bool bench_settings_restore(void);

/* ---- look-ups --------------------------------------------------------- */

/* Addresses of records, to be looked up in this order. */
struct bench_sample {
	uintptr_t *records;
	size_t n;
};

/* n records in a row from the map's middle; fewer when it has no more. */
int bench_sample_sequential(struct bench_sample *sample,
			    const struct lab_map *map, size_t n);
/* n records anywhere; the same ones for the same seed and map size. */
int bench_sample_random(struct bench_sample *sample, const struct lab_map *map,
			size_t n, uint64_t seed);
void bench_sample_free(struct bench_sample *sample);

/*
 * Look them all up once and add nanoseconds per look-up to the series. The
 * caller has made a pass before, so that pages are present.
 */
void bench_time_walk(enum lab_walk how, const struct bench_sample *sample,
		     struct bench_series *series);
/* That pass. */
void bench_warm(enum lab_walk how, const struct bench_sample *sample);

enum bench_method {
	BENCH_NOT_COUNTED,
	BENCH_COUNTER, /* the processor's counter (perf_event_open) */
	BENCH_STEPS,   /* single steps of a child (ptrace) */
};

/* For people. */
const char *bench_method_text(enum bench_method method);

/*
 * Instructions per look-up, those of an empty loop taken off; at most 1024
 * records of the sample are looked up. Single-threaded programs only.
 */
enum bench_method bench_instructions(enum lab_walk how,
				     const struct bench_sample *sample,
				     double *instructions);

/* ---- maps of the laboratory ------------------------------------------- */

/* lab_open() with the error told; 0 or an exit code. */
int bench_open(struct lab_map *map, const struct lab_scheme *scheme,
	       uint64_t folios, unsigned order);
/* Tell a negative error of a call on the map; returns an exit code. */
int bench_failed(const struct lab_map *map, const char *what, int error);

#endif
