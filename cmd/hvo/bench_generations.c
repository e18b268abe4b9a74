/* SPDX-License-Identifier: MIT */
/*
 * hvo bench generations: the schemes of 2020 to today over the same memory,
 * one after the other, each really mapped.
 *
 * A scheme's folios are populated, converted and later restored in batches,
 * so that no more than one batch is ever full: what is measured in bytes is
 * the state in which all are optimized, and what is measured in time is the
 * conversion of one batch, as often as there are batches. Between the two, all
 * being optimized, heads are looked up.
 *
 * Each vmemmap page that leads to a frame of its folio's own is a mapping of
 * its own here: 7 or 8 a folio of 2 MiB, millions for a TiB. The limit on
 * them is raised where that is permitted, and put back.
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "bench_generations.h"
#include "cmd.h"
#include "room.h"
#include "size.h"

#define TIB (UINT64_C(1) << 40)
#define MIB (UINT64_C(1) << 20)

/* The most that is full at one time, and the most batches. */
#define BATCH_BYTES (256 * MIB)
#define BATCHES     256
#define BATCHES_MIN 8 /* if there are so many folios */

/* Pfns whose heads are verified, of folios all over the map. */
#define VERIFIED (1u << 22)

static const char max_map_count[] = "/proc/sys/vm/max_map_count";

static const char help[] =
    "Usage: hvo bench generations [OPTION]...\n"
    "Four generations of vmemmap optimization over the same memory: bytes\n"
    "left, cost of converting, of restoring and of looking heads up.\n"
    "\n"
    "      --memory SIZE     memory described (1T); less is taken, and told,\n"
    "                        where memory or mappings do not suffice\n"
    "      --page-size SIZE  of the huge pages (2M)\n"
    "      --rounds N        repetitions of the look-ups (7)\n"
    "      --keep-settings   do not raise vm.max_map_count (as root it is\n"
    "                        raised when needed, and put back)\n"
    "      --json            one JSON object\n"
    "  -h, --help            this text\n";

const struct lab_scheme *const bench_generations[GENERATIONS] = {
    &lab_reserve_two, &lab_fake_heads, &lab_device_dax, &lab_shared_tails,
    &lab_shared_tails_by_page};

/* ---- room ------------------------------------------------------------- */

static uint64_t vmemmap_pages(const struct generations *r)
{
	return r->folios << r->order >> (LAB_PAGE_SHIFT - 6);
}

static void set_memory(struct generations *r, uint64_t memory)
{
	uint64_t most = BATCH_BYTES >> r->order >> 6;
	uint64_t few;

	r->options.memory = memory;
	r->folios = memory / r->options.page_size;
	few = r->folios / BATCHES_MIN;
	r->batch = most < few ? most : few;
	if (r->batch < (r->folios + BATCHES - 1) / BATCHES)
		r->batch = (r->folios + BATCHES - 1) / BATCHES;
}

/*
 * What the hungriest scheme takes: two frames a folio, one batch full, and for
 * each vmemmap page a mapping in the kernel (some 250 bytes with its share of
 * the trees), page table entries of two views and the port's table.
 */
static uint64_t memory_needed(const struct generations *r)
{
	uint64_t frames = r->folios * 2 << LAB_PAGE_SHIFT;
	uint64_t batch = r->batch << r->order << 6;

	return frames + batch + vmemmap_pages(r) * 300 + 256 * MIB;
}

/* A mapping for each vmemmap page, and as many as a process has anyway. */
static uint64_t mappings_needed(const struct generations *r)
{
	return vmemmap_pages(r) + 1024;
}

/* Make room for so many mappings; false where that is not to be. */
static bool allow_mappings(const struct generations *r, uint64_t needed)
{
	uint64_t limit;

	if (!bench_read_number(max_map_count, &limit) || limit >= needed)
		return true;
	if (r->options.keep_settings || geteuid() ||
	    bench_setting_set(max_map_count, needed))
		return false;
	fprintf(stderr,
		"hvo: vm.max_map_count raised from %lu to %lu; it is put back "
		"at the end\n",
		limit, needed);
	return true;
}

static void tell_less(const struct generations *r, const char *why)
{
	char asked[HVO_SIZE_TEXT], done[HVO_SIZE_TEXT];

	fprintf(stderr,
		"hvo: note: %s instead of %s (%s); figures per TiB follow "
		"from that\n",
		hvo_size_format(r->options.memory, done),
		hvo_size_format(r->asked, asked), why);
}

/* Take the most memory, halving, for which there is room. */
static void fit(struct generations *r)
{
	const char *why = NULL;
	uint64_t memory = r->options.memory, room = hvo_room();

	set_memory(r, memory);
	while (memory_needed(r) > room && r->folios > 1) {
		memory =
		    memory / r->options.page_size / 2 * r->options.page_size;
		set_memory(r, memory);
		why = "there is no more free memory";
	}
	while (!allow_mappings(r, mappings_needed(r)) && r->folios > 1) {
		memory =
		    memory / r->options.page_size / 2 * r->options.page_size;
		set_memory(r, memory);
		why = "vm.max_map_count permits no more mappings, and was not "
		      "to be raised";
	}
	if (why)
		tell_less(r, why);
}

/* ---- measuring -------------------------------------------------------- */

static void step(struct generations *r, uint64_t folios)
{
	r->steps += folios;
	hvo_progress_step(&r->progress, r->steps);
}

static uint64_t batch_at(const struct generations *r, uint64_t first)
{
	uint64_t left = r->folios - first;

	return left < r->batch ? left : r->batch;
}

/* Time one call over a batch. */
static int timed(int (*call)(struct lab_map *, uint64_t, uint64_t),
		 struct lab_map *map, uint64_t first, uint64_t n,
		 struct bench_series *series)
{
	uint64_t start = bench_now_ns();
	int error = call(map, first, n);

	bench_add(series, (double)(bench_now_ns() - start) / 1000 / (double)n);
	return error;
}

/* Absent to optimized, by way of full where the scheme goes that way. */
static int convert(struct generations *r, struct lab_map *map,
		   struct generation *result)
{
	const struct lab_scheme *s = map->scheme;

	for (uint64_t i = 0, n; i < r->folios; i += n, step(r, n)) {
		uint64_t before = hvo_linux_measured(map->linux_port);
		int error;

		n = batch_at(r, i);
		if (!s->optimize) {
			error = timed(s->build, map, i, n, &result->build);
			if (error)
				return bench_failed(map, "building", error);
			continue;
		}
		error = s->populate(map, i, n);
		if (error)
			return bench_failed(map, "populating", error);
		result->full += hvo_linux_measured(map->linux_port) - before;
		error = timed(s->optimize, map, i, n, &result->optimize);
		if (error)
			return bench_failed(map, "optimizing", error);
	}
	result->measured = hvo_linux_measured(map->linux_port);
	result->mappings = hvo_linux_mappings_counted(map->linux_port);
	return 0;
}

/* Optimized to absent, by way of full and of what is built at once. */
static int undo(struct generations *r, struct lab_map *map,
		struct generation *result)
{
	const struct lab_scheme *s = map->scheme;
	int error = 0;

	if (!s->restore)
		return 0;
	for (uint64_t i = 0, n; i < r->folios && !error; i += n, step(r, n)) {
		n = batch_at(r, i);
		error = timed(s->restore, map, i, n, &result->restore);
		if (!error)
			error = s->depopulate(map, i, n);
		if (error || !s->build)
			continue;
		error = timed(s->build, map, i, n, &result->build);
		if (!error)
			error = s->depopulate(map, i, n);
	}
	return error ? bench_failed(map, "restoring", error) : 0;
}

/* Every pfn of folios that lie evenly over the map. */
static void verify(const struct generations *r, const struct lab_map *map,
		   struct generation *result)
{
	uint64_t pfns = UINT64_C(1) << r->order;
	uint64_t n = VERIFIED >> r->order;

	if (n < 2)
		n = 2;
	if (n > r->folios)
		n = r->folios;
	for (uint64_t i = 0; i < n; i++) {
		uint64_t folio = n > 1 ? i * (r->folios - 1) / (n - 1) : 0;

		result->wrong += lab_wrong_heads(map, folio << r->order, pfns);
		result->checked += pfns;
	}
}

static int look_up(const struct generations *r, const struct lab_map *map,
		   struct generation *result)
{
	enum lab_walk how = map->scheme->walk;
	struct bench_sample sequential = {0}, random = {0};
	int code =
	    bench_sample_sequential(&sequential, map, GENERATIONS_LOOK_UPS);

	if (!code)
		code =
		    bench_sample_random(&random, map, GENERATIONS_LOOK_UPS, 1);
	if (!code) {
		bench_warm(how, &sequential);
		bench_warm(how, &random);
	}
	for (uint64_t i = 0; i < r->options.rounds && !code; i++) {
		bench_time_walk(how, &sequential, &result->sequential);
		bench_time_walk(how, &random, &result->random);
	}
	bench_sample_free(&sequential);
	bench_sample_free(&random);
	return code;
}

static int measure(struct generations *r, const struct lab_scheme *scheme,
		   struct generation *result)
{
	struct lab_map map;
	int code = bench_open(&map, scheme, r->folios, r->order);

	if (code)
		return code;
	code = convert(r, &map, result);
	if (!code) {
		verify(r, &map, result);
		code = look_up(r, &map, result);
	}
	if (!code)
		code = undo(r, &map, result);
	lab_close(&map);
	return code;
}

static int measure_all(struct generations *r)
{
	int code = 0;

	/* Device DAX's is not restored. */
	hvo_progress_start(&r->progress, "measuring",
			   (2 * GENERATIONS - 1) * r->folios);
	for (size_t i = 0; i < GENERATIONS && !code; i++)
		code = measure(r, bench_generations[i], &r->results[i]);
	hvo_progress_end(&r->progress);
	return code;
}

/* ---- the benchmark ---------------------------------------------------- */

static int run(struct generations *r)
{
	int code;

	fit(r);
	code = measure_all(r);
	if (!bench_settings_restore())
		code = HVO_EXIT_FAILED;
	if (code)
		return code;
	code = bench_generations_tell(r);
	for (size_t i = 0; i < GENERATIONS; i++)
		if (r->results[i].wrong)
			code = HVO_EXIT_FAILED;
	return code;
}

int hvo_bench_generations(int argc, char **argv)
{
	struct generations *r = calloc(1, sizeof(*r));
	int code;

	if (!r) {
		hvo_error("out of memory");
		return HVO_EXIT_FAILED;
	}
	r->options = (struct bench_options){
	    .memory = TIB, .page_size = 2 * MIB, .rounds = 7};
	code = bench_parse(argc, argv, "mprk", help, &r->options);
	if (code < 0)
		code =
		    bench_folios(argv[0], &r->options, &r->folios, &r->order);
	if (code < 0) {
		r->asked = r->options.memory;
		code = run(r);
	}
	free(r);
	return code;
}
