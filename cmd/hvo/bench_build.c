/* SPDX-License-Identifier: MIT */
/*
 * hvo bench build: how long it takes to make a map that is optimized from
 * the start, and what it then takes.
 */
#include <stdio.h>
#include "bench.h"
#include "cmd.h"
#include "size.h"

static const char help[] =
    "Usage: hvo bench build [OPTION]...\n"
    "Make a memory map that is optimized from the start, with nothing of it\n"
    "ever full: seconds and bytes.\n"
    "\n"
    "      --memory SIZE     memory described (1T)\n"
    "      --page-size SIZE  of the huge pages (1G)\n"
    "      --rounds N        repetitions (7)\n"
    "      --json            one JSON object\n"
    "  -h, --help            this text\n";

struct result {
	struct bench_series seconds;
	uint64_t measured; /* bytes of frames */
	uint64_t mappings;
};

static int build_once(uint64_t folios, unsigned order, struct result *result)
{
	uint64_t start = bench_now_ns();
	struct lab_map map;
	int error;

	if (bench_open(&map, &lab_shared_tails, folios, order))
		return HVO_EXIT_FAILED;
	error = map.scheme->build(&map, 0, folios);
	bench_add(&result->seconds, (double)(bench_now_ns() - start) / 1e9);
	result->measured = hvo_linux_measured(map.linux_port);
	result->mappings = hvo_linux_mappings_counted(map.linux_port);
	if (error)
		bench_failed(&map, "building", error);
	lab_close(&map);
	return error ? HVO_EXIT_FAILED : 0;
}

static void tell(const struct bench_options *options,
		 const struct result *result)
{
	char memory[HVO_SIZE_TEXT], page[HVO_SIZE_TEXT], left[HVO_SIZE_TEXT];
	char seconds[BENCH_TEXT];

	bench_print_machine();
	printf("%s in pages of %s, optimized from the start: %s s, median "
	       "(least-most) of %lu;\n%s of frames (%lu bytes, measured), %lu "
	       "mappings.\n",
	       hvo_size_format(options->memory, memory),
	       hvo_size_format(options->page_size, page),
	       bench_text(&result->seconds, 4, seconds), options->rounds,
	       hvo_size_format(result->measured, left), result->measured,
	       result->mappings);
}

static int tell_json(const struct bench_options *options,
		     const struct result *result)
{
	struct json_object *o = bench_json_new("build");
	struct json_object *map = hvo_json_object(o, "map");

	hvo_json_int(map, "memory", options->memory);
	hvo_json_int(map, "page_size", options->page_size);
	bench_json(o, "seconds", &result->seconds);
	hvo_json_int(o, "measured", result->measured);
	hvo_json_int(o, "mappings", result->mappings);
	return hvo_json_print(o);
}

int hvo_bench_build(int argc, char **argv)
{
	struct bench_options options = {.memory = UINT64_C(1) << 40,
					.page_size = UINT64_C(1) << 30,
					.rounds = 7};
	struct result result = {0};
	uint64_t folios;
	unsigned order;
	int code = bench_parse(argc, argv, "mpr", help, &options);

	if (code < 0)
		code = bench_folios(argv[0], &options, &folios, &order);
	if (code >= 0)
		return code;
	code = 0;
	for (uint64_t i = 0; i < options.rounds && !code; i++)
		code = build_once(folios, order, &result);
	if (code)
		return code;
	if (options.json)
		return tell_json(&options, &result);
	tell(&options, &result);
	return HVO_EXIT_OK;
}
