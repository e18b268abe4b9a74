/* SPDX-License-Identifier: MIT */
/*
 * hvo bench demote: a huge page of 1 GiB becomes 512 of 2 MiB, and they one
 * again; what frames that takes in the end, and at its worst moment.
 *
 * The end is read from the allocator's free pages and from the operating
 * system. The worst moment is not watched but forced: the least number of
 * free pages with which it succeeds is how many it has in use at once.
 */
#include <inttypes.h>
#include <stdio.h>
#include "bench_mm.h"
#include "cmd.h"

#define SMALL 9
#define LARGE 18
#define PARTS (UINT64_C(1) << (LARGE - SMALL))
#define MIB   (UINT64_C(1) << 20)

/* More than any way to do it takes: restoring everything is 4095. */
#define MOST UINT64_C(8192)

static const char help[] =
    "Usage: hvo bench demote [OPTION]...\n"
    "Split an optimized huge page of 1 GiB into 512 of 2 MiB that stay\n"
    "optimized, and join them: microseconds, the frames it takes in the end,\n"
    "and the least number of free frames with which it succeeds.\n"
    "\n"
    "      --rounds N  repetitions (20)\n"
    "      --json      one JSON object\n"
    "  -h, --help      this text\n";

struct result {
	struct bench_series demote, promote; /* us */
	uint64_t shared;   /* frames for shared tails, made the first time */
	uint64_t frames;   /* taken, as the allocator counts */
	uint64_t measured; /* the same as the operating system does */
	uint64_t peak;     /* free frames it takes to succeed */
	bool clean;        /* with one less, nothing was changed */
};

static int demote(struct bench_mm *b)
{
	uint64_t done;

	return hvo_hugetlb_demote(b->pools, LARGE, SMALL, 0, 1, &done);
}

static int promote(struct bench_mm *b)
{
	uint64_t done;

	return hvo_hugetlb_promote(b->pools, SMALL, LARGE, 0, 1, &done);
}

static double us_since(uint64_t start)
{
	return (double)(bench_now_ns() - start) / 1000;
}

static int cycle(struct bench_mm *b, struct result *r)
{
	uint64_t pages = bench_mm_free(b);
	uint64_t bytes = hvo_machine_measured(b->machine);
	uint64_t start = bench_now_ns();
	int error = demote(b);

	bench_add(&r->demote, us_since(start));
	if (error)
		return bench_mm_failed(b, "demoting", error);
	r->frames = pages - bench_mm_free(b);
	r->measured = (hvo_machine_measured(b->machine) - bytes) / 4096;
	start = bench_now_ns();
	error = promote(b);
	bench_add(&r->promote, us_since(start));
	return error ? bench_mm_failed(b, "promoting", error) : 0;
}

/* With so many free pages: does it succeed, and if not, change nothing? */
static int try_with(struct bench_mm *b, uint64_t pages, bool *possible,
		    bool *clean)
{
	struct hvo_hugetlb_stats before, after;
	int code = bench_mm_occupy(b, pages);
	int error;

	if (code)
		return code;
	hvo_hugetlb_stats(b->pools, LARGE, &before);
	error = demote(b);
	hvo_hugetlb_stats(b->pools, LARGE, &after);
	*possible = !error;
	*clean = error == -HVO_ENOMEM && bench_mm_free(b) == pages &&
		 after.free == before.free &&
		 after.optimized == before.optimized;
	error = error ? 0 : promote(b);
	bench_mm_vacate(b);
	return error ? bench_mm_failed(b, "promoting", error) : 0;
}

/* The least number of free pages that suffices. */
static int find_peak(struct bench_mm *b, struct result *r)
{
	uint64_t no = 0, yes = MOST; /* none, and surely enough */
	bool possible, clean;

	r->clean = true;
	while (yes - no > 1) {
		uint64_t middle = no + (yes - no) / 2;
		int code = try_with(b, middle, &possible, &clean);

		if (code)
			return code;
		r->clean &= possible || clean;
		*(possible ? &yes : &no) = middle;
	}
	r->peak = yes;
	return 0;
}

static int prepare(struct bench_mm *b, struct result *r)
{
	struct hvo_vmemmap_stats before, after;
	int error = hvo_hugetlb_resize(b->pools, LARGE, 0, 1, NULL);

	if (error)
		return bench_mm_failed(b, "a page of 1 GiB", error);
	/* The shared tails of 2 MiB pages are made once, and stay. */
	hvo_vmemmap_stats(hvo_mm_vmemmap(b->mm), &before);
	error = demote(b);
	hvo_vmemmap_stats(hvo_mm_vmemmap(b->mm), &after);
	r->shared = after.frames_shared - before.frames_shared;
	if (!error)
		error = promote(b);
	return error ? bench_mm_failed(b, "demoting", error) : 0;
}

static void tell(const struct bench_options *options, const struct result *r)
{
	char down[BENCH_TEXT], up[BENCH_TEXT];

	bench_print_machine();
	printf("1 GiB into %" PRIu64 " of 2 MiB, all optimized, and back; "
	       "medians (least-most) of %" PRIu64 ".\n\n",
	       PARTS, options->rounds);
	printf("demoting   %s us, promoting %s us\n",
	       bench_text(&r->demote, 1, down), bench_text(&r->promote, 1, up));
	printf("in the end %" PRIu64 " frames taken, %" PRIu64
	       " by the operating system's count, and once\n"
	       "           %" PRIu64 " for the shared tails of 2 MiB pages\n",
	       r->frames, r->measured, r->shared);
	printf("at most    %" PRIu64 " at a time: with %" PRIu64
	       " free pages it succeeds, with %" PRIu64 " it is\n"
	       "           refused%s\n",
	       r->peak, r->peak, r->peak - 1,
	       r->clean ? ", and nothing changes" : " AND LEAVES CHANGES");
	printf("otherwise  4095: restoring all of it to optimize the parts\n");
}

static int tell_json(const struct result *r)
{
	struct json_object *o = bench_json_new("demote");

	bench_json(o, "demote_us", &r->demote);
	bench_json(o, "promote_us", &r->promote);
	hvo_json_int(o, "frames", r->frames);
	hvo_json_int(o, "frames_measured", r->measured);
	hvo_json_int(o, "frames_shared", r->shared);
	hvo_json_int(o, "frames_peak", r->peak);
	hvo_json_bool(o, "refused_clean", r->clean);
	return hvo_json_print(o);
}

int hvo_bench_demote(int argc, char **argv)
{
	const struct bench_mm_config config = {
	    .memory = 1024 * MIB + 128 * MIB,
	    .orders = {SMALL, LARGE},
	    .sizes = 2,
	};
	struct bench_options options = {.rounds = 20};
	struct result r = {0};
	struct bench_mm b;
	int code = bench_parse(argc, argv, "r", help, &options);

	if (code >= 0)
		return code;
	code = bench_mm_open(&b, &config);
	if (code)
		return code;
	code = prepare(&b, &r);
	for (uint64_t i = 0; i < options.rounds && !code; i++)
		code = cycle(&b, &r);
	if (!code)
		code = find_peak(&b, &r);
	if (!code)
		code = bench_mm_check(&b);
	bench_mm_close(&b);
	if (code)
		return code;
	if (options.json)
		return tell_json(&r);
	tell(&options, &r);
	return HVO_EXIT_OK;
}
