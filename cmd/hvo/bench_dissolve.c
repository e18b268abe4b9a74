/* SPDX-License-Identifier: MIT */
/*
 * hvo bench dissolve: optimized huge pages given up while no memory is free.
 * What each gives is allocated again at once, so that none of them finds
 * frames that another one gave. First as Linux does it, where the descriptors'
 * frames must be free pages; then hosted by the pages' own memory.
 */
#include <inttypes.h>
#include <stdio.h>
#include "bench_mm.h"
#include "cmd.h"

#define ORDER 9
#define MIB   (UINT64_C(1) << 20)

static const char help[] =
    "Usage: hvo bench dissolve [OPTION]...\n"
    "Give up optimized huge pages of 2 MiB while not one page of memory is\n"
    "free: how many succeed when descriptors must be restored with free\n"
    "pages, as in Linux, and when the pages may host their own.\n"
    "\n"
    "      --count N  huge pages (10000)\n"
    "      --json     one JSON object\n"
    "  -h, --help     this text\n";

struct result {
	uint64_t count;       /* optimized huge pages */
	uint64_t free_before; /* base pages, when it begins */
	uint64_t restored;    /* dissolved with free pages only */
	bool refused_clean;   /* and that changed nothing */
	uint64_t hosted;      /* dissolved however */
	uint64_t host_pages;  /* base pages that hold descriptors after it */
	uint64_t base_pages;  /* that became free, and were allocated again */
	double us;            /* for each that was dissolved */
};

static int dissolve(struct bench_mm *b, uint64_t n, unsigned flags,
		    uint64_t *done)
{
	return hvo_hugetlb_dissolve(b->pools, ORDER, 0, n, flags, done);
}

/* One by one; what they give is in use before the next. */
static int dissolve_all(struct bench_mm *b, struct result *r)
{
	uint64_t time = 0;
	int error = 0;

	while (r->hosted < r->count - r->restored && !error) {
		uint64_t start = bench_now_ns(), done = 0;

		error = dissolve(b, 1, 0, &done);
		time += bench_now_ns() - start;
		r->hosted += done;
		r->base_pages += bench_mm_free(b);
		if (bench_mm_occupy(b, 0))
			return HVO_EXIT_FAILED;
		b->n_taken = 0; /* the machine gives all back in the end */
	}
	r->us = (double)time / 1000 / (double)r->hosted;
	return error ? bench_mm_failed(b, "dissolving", error) : 0;
}

static int measure(struct bench_mm *b, struct result *r)
{
	struct hvo_hugetlb_stats pool, after;
	struct hvo_mm_stats mm;
	int error = hvo_hugetlb_resize(b->pools, ORDER, 0, r->count, NULL);
	int code;

	if (error)
		return bench_mm_failed(b, "growing the pool", error);
	hvo_hugetlb_stats(b->pools, ORDER, &pool);
	if (pool.optimized < r->count)
		return bench_mm_failed(b, "optimizing all huge pages",
				       -HVO_EMAPPINGS);
	code = bench_mm_occupy(b, 0);
	b->n_taken = 0;
	if (code)
		return code;
	r->free_before = bench_mm_free(b);
	error = dissolve(b, r->count, HVO_FREE_NO_HOST, &r->restored);
	if (error && error != -HVO_ENOMEM)
		return bench_mm_failed(b, "dissolving with free pages", error);
	hvo_hugetlb_stats(b->pools, ORDER, &after);
	r->refused_clean = error && !r->restored && after.free == pool.free &&
			   after.optimized == pool.optimized &&
			   bench_mm_free(b) == r->free_before;
	code = dissolve_all(b, r);
	hvo_mm_stats(b->mm, &mm);
	r->host_pages = mm.owner[HVO_OWNER_HOST];
	return code;
}

static void tell(const struct result *r)
{
	bench_print_machine();
	printf("%" PRIu64 " optimized huge pages of 2 MiB, %" PRIu64
	       " pages of memory free.\n\n",
	       r->count, r->free_before);
	printf("with free pages only  %" PRIu64 " of %" PRIu64
	       " dissolved: the first is refused%s\n",
	       r->restored, r->count,
	       r->refused_clean ? ", and nothing changes"
				: " AND LEAVES CHANGES");
	printf("hosting their own     %" PRIu64 " of %" PRIu64
	       " dissolved, %.1f us each: %" PRIu64 " base pages\n"
	       "                      became free, %" PRIu64
	       " hold the descriptors (%.1f each)\n",
	       r->hosted, r->count, r->us, r->base_pages, r->host_pages,
	       (double)r->host_pages / (double)r->hosted);
	printf("the check             passed\n");
}

static int tell_json(const struct result *r)
{
	struct json_object *o = bench_json_new("dissolve");

	hvo_json_int(o, "pages", r->count);
	hvo_json_int(o, "free_before", r->free_before);
	hvo_json_int(o, "restored", r->restored);
	hvo_json_bool(o, "refused_clean", r->refused_clean);
	hvo_json_int(o, "hosted", r->hosted);
	hvo_json_int(o, "base_pages", r->base_pages);
	hvo_json_int(o, "host_pages", r->host_pages);
	hvo_json_real(o, "us", r->us);
	return hvo_json_print(o);
}

int hvo_bench_dissolve(int argc, char **argv)
{
	struct bench_options options = {.count = 10000};
	int code = bench_parse(argc, argv, "c", help, &options);
	struct result r = {.count = options.count};
	struct bench_mm b;

	if (code >= 0)
		return code;
	/* Room for the descriptors of all, in full, and for some slack. */
	const struct bench_mm_config config = {
	    .memory = 2 * MIB * (r.count + r.count / 48 + 32),
	    .orders = {ORDER},
	    .sizes = 1,
	    .mappings = 16 * r.count + 65530,
	};
	code = bench_mm_open(&b, &config);
	if (code)
		return code;
	code = measure(&b, &r);
	if (!code)
		code = bench_mm_check(&b);
	bench_mm_close(&b);
	if (!bench_settings_restore())
		code = HVO_EXIT_FAILED;
	if (code)
		return code;
	if (options.json)
		return tell_json(&r);
	tell(&r);
	return HVO_EXIT_OK;
}
