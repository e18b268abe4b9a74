/* SPDX-License-Identifier: MIT */
/*
 * hvo bench: finds the benchmark; the options that they share.
 */
#include <stdio.h>
#include <string.h>
#include "bench.h"
#include "cmd.h"
#include "options.h"
#include "size.h"

struct bench {
	const char *name;
	int (*main)(int argc, char **argv);
	const char *argv0;
	const char *text;
};

static const struct bench benches[] = {
    {"generations", hvo_bench_generations, "hvo bench generations",
     "2020's scheme to today's, side by side: bytes, costs"},
    {"linux", hvo_bench_linux, "hvo bench linux",
     "the running kernel's HVO against the engine (root)"},
    {"lookup", hvo_bench_lookup, "hvo bench lookup",
     "from a page to its head: nanoseconds, instructions"},
    {"readers", hvo_bench_readers, "hvo bench readers",
     "look-ups while the map changes under them"},
    {"build", hvo_bench_build, "hvo bench build",
     "a map that is optimized from the start"},
    {"boot", hvo_bench_boot, "hvo bench boot",
     "a whole machine of boot pages, optimized from the start"},
    {"buddy", hvo_bench_buddy, "hvo bench buddy",
     "allocating and freeing against the C library; threads"},
    {"demote", hvo_bench_demote, "hvo bench demote",
     "1 GiB into 512 of 2 MiB: time, and frames at the worst moment"},
    {"dissolve", hvo_bench_dissolve, "hvo bench dissolve",
     "huge pages given up while no memory is free"},
};

#define BENCHES (sizeof(benches) / sizeof(benches[0]))

static void print_help(FILE *out)
{
	fputs("Usage: hvo bench NAME [OPTION]...\n"
	      "Measure, on real mappings. Each run prints the machine, medians,"
	      "\nleast and most; compare within a run, not between machines.\n"
	      "\n"
	      "Benchmarks:\n",
	      out);
	for (size_t i = 0; i < BENCHES; i++)
		fprintf(out, "  %-12s %s\n", benches[i].name, benches[i].text);
	fputs("\n"
	      "Options:\n"
	      "      --json  one JSON object instead of tables\n"
	      "  -h, --help  this text; after a name, that benchmark's\n",
	      out);
}

int hvo_cmd_bench(int argc, char **argv)
{
	if (argc < 2) {
		print_help(stderr);
		return HVO_EXIT_USAGE;
	}
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h")) {
		print_help(stdout);
		return HVO_EXIT_OK;
	}
	for (size_t i = 0; i < BENCHES; i++)
		if (!strcmp(argv[1], benches[i].name)) {
			argv[1] = (char *)benches[i].argv0;
			return benches[i].main(argc - 1, argv + 1);
		}
	return hvo_usage_error(argv[0], "there is no benchmark '%s'", argv[1]);
}

/* ---- options ---------------------------------------------------------- */

static const struct option all_options[] = {
    {"memory", required_argument, NULL, 'm'},
    {"page-size", required_argument, NULL, 'p'},
    {"count", required_argument, NULL, 'c'},
    {"rounds", required_argument, NULL, 'r'},
    {"threads", required_argument, NULL, 't'},
    {"keep-settings", no_argument, NULL, 'k'},
    {"json", no_argument, NULL, 'j'},
    {"help", no_argument, NULL, 'h'},
};

#define OPTIONS (sizeof(all_options) / sizeof(all_options[0]))

static void choose_options(const char *allowed, struct option out[OPTIONS + 1])
{
	size_t n = 0;

	for (size_t i = 0; i < OPTIONS; i++) {
		int letter = all_options[i].val;

		if (letter == 'j' || letter == 'h' || strchr(allowed, letter))
			out[n++] = all_options[i];
	}
	out[n] = (struct option){0};
}

/* A number from least to most. Returns NULL or what is wrong. */
static const char *parse_number(const char *text, uint64_t most,
				uint64_t *number)
{
	const char *wrong = hvo_number_parse(text, number);

	if (!wrong && (!*number || *number > most))
		wrong = "is out of range";
	return wrong;
}

/* Returns NULL or what is wrong with the option's argument. */
static const char *take_option(void *ctx, int letter)
{
	struct bench_options *options = ctx;

	switch (letter) {
	case 'm':
		return hvo_size_parse(optarg, &options->memory);
	case 'p':
		return hvo_size_parse(optarg, &options->page_size);
	case 'c':
		return parse_number(optarg, UINT32_MAX, &options->count);
	case 'r':
		return parse_number(optarg, BENCH_SAMPLES, &options->rounds);
	case 't':
		return parse_number(optarg, 1024, &options->threads);
	case 'k':
		options->keep_settings = true;
		return NULL;
	default:
		options->json = true;
		return NULL;
	}
}

int bench_parse(int argc, char **argv, const char *allowed, const char *help,
		struct bench_options *options)
{
	struct option chosen[OPTIONS + 1];
	const struct hvo_verb verb = {
	    .options = chosen,
	    .letters = "h",
	    .help = help,
	};

	choose_options(allowed, chosen);
	return hvo_options_parse(&verb, argc, argv, take_option, options);
}

int bench_folios(const char *argv0, const struct bench_options *options,
		 uint64_t *folios, unsigned *order)
{
	char page[HVO_SIZE_TEXT], memory[HVO_SIZE_TEXT];
	uint64_t size = options->page_size;

	hvo_size_format(size, page);
	hvo_size_format(options->memory, memory);
	if (size < UINT64_C(1) << 21 || size > UINT64_C(1) << 34 ||
	    !hvo_is_power_of_2(size))
		return hvo_usage_error(argv0,
				       "--page-size is a power of two from "
				       "2 MiB to 16 GiB, not %s",
				       page);
	if (!options->memory || options->memory % size)
		return hvo_usage_error(
		    argv0, "--memory %s is no multiple of %s", memory, page);
	if (options->memory > UINT64_C(1) << 44)
		return hvo_usage_error(argv0, "--memory %s is more than 16 TiB",
				       memory);
	*folios = options->memory / size;
	*order = (unsigned)__builtin_ctzll(size) - LAB_PAGE_SHIFT;
	return -1;
}
