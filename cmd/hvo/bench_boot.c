/* SPDX-License-Identifier: MIT */
/*
 * hvo bench boot: a whole machine all of whose memory but a little is boot
 * pages, optimized from the start: seconds until its pools have them, and
 * what it takes of the host's memory then, by the operating system's count.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "bench_mm.h"
#include "cmd.h"
#include "size.h"

static const char help[] =
    "Usage: hvo bench boot [OPTION]...\n"
    "Make a whole machine, with memblock, sections, zones, buddy allocator "
    "and\n"
    "pools, whose memory is huge pages taken at boot and optimized from the\n"
    "start: seconds, and bytes that the operating system has in use.\n"
    "\n"
    "      --memory SIZE     of the machine (1T)\n"
    "      --page-size SIZE  of the huge pages (1G)\n"
    "      --rounds N        repetitions (7)\n"
    "      --json            one JSON object\n"
    "  -h, --help            this text\n";

struct boot {
	struct bench_options options;
	uint64_t most; /* huge pages there could be */
	unsigned order;
	struct hvo_hugetlb_boot taken;
};

struct result {
	struct bench_series seconds;
	uint64_t pages;   /* huge pages, all optimized */
	uint64_t memory;  /* bytes of the machine's RAM in use, measured */
	uint64_t manager; /* bytes of the manager's tables, counted */
	uint64_t process; /* bytes that the process grew by besides, measured */
	uint64_t saved;   /* bytes of descriptors done without */
};

/*
 * Huge pages that are left for everything else: one, what the descriptors of
 * the others and the shared tails take, and a 32nd of that for its own.
 */
static uint64_t left_over(const struct boot *b)
{
	const uint64_t shared = UINT64_C(4) << 20;
	uint64_t bytes = b->most * 4096 + shared;

	return 1 + (bytes + bytes / 32) / b->options.page_size;
}

static int take_boot_pages(void *ctx, struct hvo_memblock *memblock,
			   struct hvo_machine_boot *boot)
{
	struct boot *b = ctx;
	size_t done;
	int error = hvo_hugetlb_boot_take(&b->taken, memblock, b->order,
					  HVO_NUMA_NO_NODE,
					  b->most - left_over(b), &done);

	boot->pages = b->taken.pages;
	boot->count = b->taken.count;
	return error == -HVO_ENOMEM && done ? 0 : error;
}

/* Bytes of this process's own memory: tables, and not its views of the RAM. */
static uint64_t own_memory(void)
{
	FILE *file = fopen("/proc/self/status", "re");
	uint64_t kib = 0;
	char line[128];

	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "RssAnon: %lu kB", &kib) == 1)
			break;
	if (file)
		fclose(file);
	return kib * 1024;
}

static int boot_once(struct boot *boot, struct result *r)
{
	const struct bench_mm_config config = {
	    .memory = boot->options.memory,
	    .orders = {boot->order},
	    .sizes = 1,
	    .mappings = 65530 + 16 * boot->most,
	    .prepare = take_boot_pages,
	    .ctx = boot,
	};
	uint64_t before = own_memory(), start = bench_now_ns();
	struct hvo_hugetlb_stats stats;
	struct hvo_mm_stats mm;
	struct bench_mm b;
	int code, error;

	boot->taken.count = 0;
	code = bench_mm_open(&b, &config);
	if (code)
		return code;
	error = hvo_hugetlb_adopt(b.pools, boot->taken.pages, boot->taken.count,
				  NULL);
	bench_add(&r->seconds, (double)(bench_now_ns() - start) / 1e9);
	if (error)
		code = bench_mm_failed(&b, "boot pages", error);
	r->memory = hvo_machine_measured(b.machine);
	r->process = own_memory() - before;
	hvo_mm_stats(b.mm, &mm);
	r->manager = mm.table_bytes;
	hvo_hugetlb_stats(b.pools, boot->order, &stats);
	r->pages = stats.optimized;
	r->saved = stats.bytes_saved;
	bench_mm_close(&b);
	return code;
}

static void tell(const struct bench_options *options, const struct result *r)
{
	char memory[HVO_SIZE_TEXT], page[HVO_SIZE_TEXT], used[HVO_SIZE_TEXT];
	char grew[HVO_SIZE_TEXT], tables[HVO_SIZE_TEXT], saved[HVO_SIZE_TEXT],
	    seconds[BENCH_TEXT];

	bench_print_machine();
	printf("A machine of %s, %" PRIu64 " boot pages of %s, all "
	       "optimized: %s s,\nmedian (least-most) of %" PRIu64 ".\n",
	       hvo_size_format(options->memory, memory), r->pages,
	       hvo_size_format(options->page_size, page),
	       bench_text(&r->seconds, 3, seconds), options->rounds);
	printf("In use: %s of its memory (%" PRIu64 " bytes, measured), and "
	       "%s of tables of the manager,\namong %s of the process's own "
	       "memory, most of which stands for page tables.\n"
	       "Descriptors saved: %s.\n",
	       hvo_size_format(r->memory, used), r->memory,
	       hvo_size_format(r->manager, tables),
	       hvo_size_format(r->process, grew),
	       hvo_size_format(r->saved, saved));
}

static int tell_json(const struct bench_options *options,
		     const struct result *r)
{
	struct json_object *o = bench_json_new("boot");

	hvo_json_int(o, "memory", options->memory);
	hvo_json_int(o, "page_size", options->page_size);
	bench_json(o, "seconds", &r->seconds);
	hvo_json_int(o, "pages", r->pages);
	hvo_json_int(o, "measured", r->memory);
	hvo_json_int(o, "tables", r->manager);
	hvo_json_int(o, "process", r->process);
	hvo_json_int(o, "saved", r->saved);
	return hvo_json_print(o);
}

static int run(struct boot *boot, struct result *r)
{
	int code = 0;

	boot->taken.capacity = boot->most;
	boot->taken.pages = calloc(boot->most, sizeof(*boot->taken.pages));
	if (!boot->taken.pages) {
		hvo_error("no memory for a list of %" PRIu64 " pages",
			  boot->most);
		return HVO_EXIT_FAILED;
	}
	for (uint64_t i = 0; i < boot->options.rounds && !code; i++)
		code = boot_once(boot, r);
	free(boot->taken.pages);
	if (!bench_settings_restore())
		code = HVO_EXIT_FAILED;
	return code;
}

int hvo_bench_boot(int argc, char **argv)
{
	struct boot boot = {
	    .options = {.memory = UINT64_C(1) << 40,
			.page_size = UINT64_C(1) << 30,
			.rounds = 7},
	};
	struct result r = {0};
	int code = bench_parse(argc, argv, "mpr", help, &boot.options);

	if (code < 0)
		code = bench_folios(argv[0], &boot.options, &boot.most,
				    &boot.order);
	if (code < 0 && boot.most <= left_over(&boot))
		code = hvo_usage_error(argv[0], "--memory is at least two huge "
						"pages: one is for all else");
	if (code >= 0)
		return code;
	code = run(&boot, &r);
	if (code)
		return code;
	if (boot.options.json)
		return tell_json(&boot.options, &r);
	tell(&boot.options, &r);
	return HVO_EXIT_OK;
}
