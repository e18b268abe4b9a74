/* SPDX-License-Identifier: MIT */
/*
 * hvo run: makes a machine, or a memory map alone, optimizes its huge pages,
 * measures, uses what that frees, checks, restores. The command line, and the
 * order of the steps.
 */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "cmd.h"
#include "job.h"
#include "options.h"
#include "room.h"
#include "size.h"

static const char help[] =
    "Usage: hvo run [OPTION]...\n"
    "Make a machine: memory described by a vmemmap, a buddy\n"
    "allocator, a pool of huge pages. Optimize the descriptors of\n"
    "these, measure what that saves, use the memory it frees, check\n"
    "every descriptor, and restore. Only what is used is allocated:\n"
    "the descriptors, and for a while what they leave. Each mapping\n"
    "is a real one of the MMU.\n"
    "\n"
    "  --memory SIZE      how much memory (default 32G)\n"
    "  --iomem FILE       the RAM that FILE lists instead, as\n"
    "                     /proc/iomem does (only root sees addresses)\n"
    "  --page-size SIZE   of the huge pages (default 2M)\n"
    "  --count N          so many huge pages (default: all that fit)\n"
    "  --base-page SIZE   4K (default), 8K, 16K, 32K or 64K\n"
    "  --record BYTES     of one descriptor, a multiple of 8 from 8\n"
    "                     to 512 (default 64)\n"
    "  --populate HOW     full (default): optimize what was in full\n"
    "                     first; optimized: never allocate the rest\n"
    "  --engine           without a machine: the engine alone, with\n"
    "                     frames from beside the memory\n"
    "  --no-restore       end without giving the pages back\n"
    "  --json             print one JSON object\n"
    "  -h, --help         this text\n"
    "\n"
    "What a machine cannot do, the engine does alone, and the output\n"
    "says so: --iomem, --populate optimized, another --record, huge\n"
    "pages too small to be optimized, and memory of no whole\n"
    "subsections (of 2M, with base pages of 4K).\n"
    "\n"
    "Measured is what the operating system has in use for the\n"
    "descriptors (st_blocks), counted is what the engine says.\n"
    "Seconds: to write all descriptors and make huge pages of them,\n"
    "to optimize these, to restore them; US/HUGE: microseconds for\n"
    "one huge page.\n"
    "\n"
    "Example: hvo run --memory 1T --page-size 1G --populate "
    "optimized\n";

/* ---- the command line ----------------------------------------------- */

struct options {
	struct hvo_map_options map;
	bool memory_given;
	bool json;
	bool from_start;
	bool no_restore;
	bool engine;
};

static const struct option names[] = {
    {"memory", required_argument, NULL, 'm'},
    {"iomem", required_argument, NULL, 'i'},
    {"page-size", required_argument, NULL, 's'},
    {"count", required_argument, NULL, 'c'},
    {"base-page", required_argument, NULL, 'b'},
    {"record", required_argument, NULL, 'r'},
    {"populate", required_argument, NULL, 'p'},
    {"no-restore", no_argument, NULL, 'n'},
    {"engine", no_argument, NULL, 'e'},
    {"json", no_argument, NULL, 'j'},
    {"help", no_argument, NULL, 'h'},
    {NULL, 0, NULL, 0},
};

static const char *parse_count(const char *text, uint64_t *count)
{
	const char *wrong = hvo_number_parse(text, count);

	return wrong || *count ? wrong : "is not at least 1";
}

static const char *parse_populate(const char *text, bool *from_start)
{
	*from_start = !strcmp(text, "optimized");
	if (*from_start || !strcmp(text, "full"))
		return NULL;
	return "is neither 'full' nor 'optimized'";
}

/* One option; returns what is wrong with its argument, or NULL. */
static const char *parse_option(void *ctx, int c)
{
	struct options *o = ctx;

	switch (c) {
	case 'm':
		o->memory_given = true;
		return hvo_size_parse(optarg, &o->map.memory);
	case 'i':
		o->map.iomem = optarg;
		return NULL;
	case 's':
		return hvo_size_parse(optarg, &o->map.page_size);
	case 'c':
		return parse_count(optarg, &o->map.count);
	case 'b':
		return hvo_size_parse(optarg, &o->map.base_page);
	case 'r':
		return hvo_number_parse(optarg, &o->map.record);
	case 'p':
		return parse_populate(optarg, &o->from_start);
	case 'n':
		o->no_restore = true;
		return NULL;
	case 'e':
		o->engine = true;
		return NULL;
	default:
		o->json = true;
		return NULL;
	}
}

static const struct hvo_verb verb = {
    .options = names,
    .letters = "h",
    .help = help,
};

static int parse_options(int argc, char **argv, struct options *o)
{
	int code = hvo_options_parse(&verb, argc, argv, parse_option, o);

	if (code >= 0)
		return code;
	if (o->memory_given && o->map.iomem)
		return hvo_usage_error(argv[0], "--memory and --iomem: give "
						"one of them");
	return -1;
}

/* ---- before the job --------------------------------------------------- */

/* Refuse what would end in a fight for memory. */
static int check_room(const struct hvo_job *job)
{
	const struct hvo_map *map = &job->map;
	uint64_t need = job->from_start ? hvo_map_bytes_optimized(map)
					: hvo_map_bytes_full(map);
	uint64_t room = hvo_room();
	char need_text[HVO_SIZE_TEXT], room_text[HVO_SIZE_TEXT];

	if (need <= room - room / 16)
		return HVO_EXIT_OK;
	hvo_error("the descriptors would take %s, and there are %s of memory "
		  "to be had; describe less memory%s",
		  hvo_size_format(need, need_text),
		  hvo_size_format(room, room_text),
		  !job->from_start && map->optimizable
		      ? " (--memory), or never allocate what would be freed "
			"again (--populate optimized)"
		      : " (--memory)");
	return HVO_EXIT_DENIED;
}

/* ---- the job ---------------------------------------------------------- */

static void note_what_cannot_be(const struct hvo_job *job)
{
	const struct hvo_map *map = &job->map;
	const char *beside = job->machine ? " beside its descriptors" : "";
	const char *more = job->machine
			       ? "; give it more (--memory), or do without a "
				 "machine (--engine)"
			       : "";
	char page[HVO_SIZE_TEXT], base[HVO_SIZE_TEXT], least[HVO_SIZE_TEXT];

	hvo_size_format(map->options.page_size, page);
	hvo_size_format(hvo_page_size(&map->geometry), base);
	if (!map->optimizable)
		hvo_error("note: huge pages of %s cannot be optimized: their "
			  "descriptors fill less than two pages of %s; the "
			  "smallest that can have %s",
			  page, base,
			  hvo_size_format(hvo_page_size(&map->geometry)
					      << map->geometry.min_order,
					  least));
	if (!map->folios)
		hvo_error("note: no aligned huge page of %s fits into the "
			  "memory%s; there is nothing to optimize%s",
			  page, beside, more);
	else if (map->options.count != UINT64_MAX &&
		 map->folios < map->options.count)
		hvo_error("note: only %" PRIu64 " huge pages of %s fit into "
			  "the memory%s",
			  map->folios, page, beside);
}

static void note_limit(const struct hvo_job *job)
{
	const struct hvo_map *map = &job->map;
	uint64_t rest = map->folios - job->optimized;
	uint64_t used = job->after.mappings;
	/* As many for each of the others as for those that there was room
	 * for; 2 for each if there was room for none. */
	uint64_t all =
	    job->optimized
		? used + (used * rest + job->optimized - 1) / job->optimized
		: used + 2 * rest;

	if (!job->limited)
		return;
	hvo_error("note: %" PRIu64 " of %" PRIu64 " huge pages stay full: "
		  "each optimized one takes mappings, and a process may have "
		  "%" PRIu64 " of them; to optimize all, run as root: "
		  "sysctl -w vm.max_map_count=%" PRIu64,
		  rest, map->folios, hvo_linux_mappings_limit(map->linux_port),
		  hvo_linux_mappings_needed(map->linux_port, all));
}

static void take_picture(struct hvo_job *job, unsigned which, const char *title)
{
	struct hvo_map *map = &job->map;
	struct hvo_picture *picture = &job->picture[which];

	if (job->json || !map->folios || !map->optimizable)
		return;
	/* Without memory for it there is none. */
	if (hvo_picture_take(picture, map->vmemmap,
			     hvo_linux_port(map->linux_port), map->pfns[0],
			     map->order))
		return;
	snprintf(picture->title, sizeof(picture->title), "%s", title);
}

/* Up to the optimized state, measured. */
static int job_optimize(struct hvo_job *job)
{
	int code = hvo_job_populate(job);

	if (code)
		return code;
	note_what_cannot_be(job);
	hvo_job_measure(job, &job->before);
	if (!job->from_start)
		take_picture(job, 0, "before");
	if (!job->from_start && job->map.optimizable)
		code = hvo_job_optimize(job);
	if (code)
		return code;
	hvo_job_measure(job, &job->after);
	if (job->optimized)
		take_picture(job, 1, "optimized");
	note_limit(job);
	return HVO_EXIT_OK;
}

/* How it is after restoring; there is nothing new to see otherwise. */
static int job_look_again(struct hvo_job *job)
{
	int code;

	hvo_job_measure(job, &job->restored);
	if (!job->optimized || job->skipped_restore)
		return HVO_EXIT_OK;
	take_picture(job, 2, "restored");
	code = hvo_job_check_heads(job);
	return code ? code : hvo_job_check_tables(job);
}

/* All steps, until one of them fails. */
static int job_steps(struct hvo_job *job)
{
	static int (*const steps[])(struct hvo_job *) = {
	    job_optimize,         hvo_job_reuse,        hvo_job_check_heads,
	    hvo_job_check_writes, hvo_job_check_tables, hvo_job_unuse,
	    hvo_job_restore,      job_look_again,       hvo_job_depopulate,
	};
	int code = HVO_EXIT_OK;

	for (size_t i = 0; !code && i < sizeof(steps) / sizeof(steps[0]); i++)
		code = steps[i](job);
	return code;
}

/* Die as an interrupted process does, so that a calling shell stops too. */
static int end_interrupted(void)
{
	hvo_error("interrupted; everything has been given back");
	signal(SIGINT, SIG_DFL);
	raise(SIGINT);
	return HVO_EXIT_FAILED;
}

static int run(struct hvo_job *job, const struct options *o, const char *argv0)
{
	int code = hvo_map_plan(&job->map, &o->map, argv0);

	if (code)
		return code;
	job->engine_why = o->engine ? "--engine" : hvo_job_engine_why(job);
	code = check_room(job);
	if (code)
		return code;
	code = job_steps(job);
	return code ? code : hvo_job_report(job);
}

int hvo_cmd_run(int argc, char **argv)
{
	struct options o = {.map = HVO_MAP_DEFAULTS};
	struct hvo_job job = {0};
	int code = parse_options(argc, argv, &o);

	if (code >= 0)
		return code;
	job.json = o.json;
	job.from_start = o.from_start;
	job.no_restore = o.no_restore;
	code = run(&job, &o, argv[0]);
	for (size_t i = 0; i < 3; i++)
		hvo_picture_free(&job.picture[i]);
	hvo_job_machine_close(&job);
	hvo_map_close(&job.map);
	return hvo_job_interrupted() ? end_interrupted() : code;
}
