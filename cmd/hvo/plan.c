/* SPDX-License-Identifier: MIT */
/*
 * hvo plan: what optimizing saves and what giving pages back needs, computed
 * from the sizes alone. Maps nothing; the sizes may be any architecture's.
 */
#include <limits.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include "hvo/error.h"
#include "hvo/page.h"
#include "json.h"
#include "options.h"
#include "plan.h"
#include "size.h"
#include "table.h"

struct options {
	uint64_t base_page;
	uint64_t record;
	bool base_page_given;
	bool table;
	bool json;
};

#define TEXT_OF(number) #number
#define TEXT(number)    TEXT_OF(number)

static const char help[] =
    "Usage: hvo plan [OPTION]... SIZE:COUNT...\n"
    "       hvo plan --table [--record BYTES] [--json]\n"
    "What the descriptors of COUNT huge pages of SIZE take, what they\n"
    "take when optimized, and how many free frames are needed to give\n"
    "the pages back. Nothing is allocated.\n"
    "\n"
    "  --base-page SIZE  4K (default), 8K, 16K, 32K or 64K\n"
    "  --record BYTES    of one descriptor, a multiple of 8 from 8 to\n"
    "                    512 (default " TEXT(
	HVO_PAGE_BYTES) ")\n"
			"  --table           the huge page sizes of known "
			"architectures\n"
			"  --json            print one JSON object\n"
			"  -h, --help        this text\n"
			"\n"
			"Example: hvo plan 2M:16384 1G:100\n";

/* ---- arithmetic -------------------------------------------------------- */

static uint64_t pages_for(uint64_t bytes, const struct hvo_geometry *g)
{
	return (bytes + hvo_page_size(g) - 1) >> g->page_shift;
}

const char *hvo_plan_fill(struct hvo_plan *plan, const struct hvo_geometry *g)
{
	uint64_t memory;

	if (!hvo_is_power_of_2(plan->page_size))
		return "is not a power of two, as huge pages are";
	if (plan->page_size < hvo_page_size(g))
		return "is smaller than a base page";
	if (plan->page_size > UINT64_C(1) << HVO_MAX_FOLIO_SHIFT)
		return "is larger than the largest page, 16 GiB";
	if (__builtin_mul_overflow(plan->page_size, plan->count, &memory))
		return "times its count is more memory than there can be";
	plan->order =
	    (unsigned)__builtin_ctzll(plan->page_size >> g->page_shift);
	plan->descriptors = plan->count << plan->order;
	plan->optimizable = hvo_order_optimizable(g, plan->order);
	plan->pages_before =
	    pages_for(plan->count * hvo_folio_bytes(g, plan->order), g);
	plan->pages_after = plan->pages_before;
	plan->shared = 0;
	plan->restore = 0;
	if (plan->optimizable) {
		plan->shared = g->group;
		plan->pages_after = plan->count + plan->shared;
		plan->restore =
		    plan->count * (hvo_folio_pages(g, plan->order) - 1);
	}
	return NULL;
}

static uint64_t bytes(uint64_t pages, const struct hvo_geometry *g)
{
	return pages << g->page_shift;
}

/* Add up all sizes. */
static struct hvo_plan total_of(const struct hvo_plan *plans, size_t n,
				uint64_t *memory)
{
	struct hvo_plan total = {0};

	*memory = 0;
	for (size_t i = 0; i < n; i++) {
		*memory += plans[i].page_size * plans[i].count;
		total.count += plans[i].count;
		total.descriptors += plans[i].descriptors;
		total.pages_before += plans[i].pages_before;
		total.pages_after += plans[i].pages_after;
		total.shared += plans[i].shared;
		total.restore += plans[i].restore;
	}
	return total;
}

/* ---- output ------------------------------------------------------------ */

/* A few pages can cost more with shared tails than without: then negative. */
static int64_t saved_bytes(const struct hvo_plan *plan,
			   const struct hvo_geometry *g)
{
	return (int64_t)bytes(plan->pages_before, g) -
	       (int64_t)bytes(plan->pages_after, g);
}

static void cell_saved(struct hvo_table *table, const struct hvo_plan *plan,
		       const struct hvo_geometry *g)
{
	int64_t saved = saved_bytes(plan, g);
	char text[HVO_SIZE_TEXT];

	hvo_table_cell(
	    table, "%s%s", saved < 0 ? "-" : "",
	    hvo_size_format((uint64_t)(saved < 0 ? -saved : saved), text));
	hvo_table_cell(table, "%.2f%%",
		       plan->pages_before ? 100.0 *
						((double)plan->pages_before -
						 (double)plan->pages_after) /
						(double)plan->pages_before
					  : 0.0);
}

static void cells_of_plan(struct hvo_table *table, const struct hvo_plan *plan,
			  uint64_t memory, const struct hvo_geometry *g)
{
	hvo_table_cell(table, "%" PRIu64, plan->count);
	hvo_table_size(table, memory);
	hvo_table_cell(table, "%" PRIu64, plan->descriptors);
	hvo_table_cell(table, "%" PRIu64, plan->pages_before);
	hvo_table_cell(table, "%" PRIu64, plan->pages_after);
	hvo_table_size(table, bytes(plan->pages_before, g));
	hvo_table_size(table, bytes(plan->pages_after, g));
	cell_saved(table, plan, g);
	hvo_table_cell(table, "%" PRIu64, plan->restore);
}

static int print_plans(const struct hvo_plan *plans, size_t n,
		       const struct hvo_geometry *g)
{
	static const struct hvo_column columns[] = {
	    {"HUGE PAGE", HVO_RIGHT},
	    {"ORDER", HVO_RIGHT},
	    {"COUNT", HVO_RIGHT},
	    {"MEMORY", HVO_RIGHT},
	    {"DESCRIPTORS", HVO_RIGHT},
	    {"PAGES", HVO_RIGHT},
	    {"OPTIMIZED", HVO_RIGHT},
	    {"BYTES", HVO_RIGHT},
	    {"OPTIMIZED", HVO_RIGHT},
	    {"SAVED", HVO_RIGHT},
	    {"", HVO_RIGHT},
	    {"TO GIVE BACK", HVO_RIGHT},
	};
	struct hvo_table *table =
	    hvo_table_new(columns, sizeof(columns) / sizeof(columns[0]), true);
	uint64_t memory;
	struct hvo_plan total = total_of(plans, n, &memory);

	for (size_t i = 0; i < n; i++) {
		hvo_table_line(table);
		hvo_table_size(table, plans[i].page_size);
		hvo_table_cell(table, "%u", plans[i].order);
		cells_of_plan(table, &plans[i],
			      plans[i].page_size * plans[i].count, g);
	}
	if (n > 1) {
		hvo_table_line(table);
		hvo_table_cell(table, "total");
		hvo_table_cell(table, "%s", "");
		cells_of_plan(table, &total, memory, g);
	}
	return hvo_table_print(table);
}

static void print_notes(const struct hvo_plan *plans, size_t n,
			const struct hvo_geometry *g)
{
	char page[HVO_SIZE_TEXT], base[HVO_SIZE_TEXT], least[HVO_SIZE_TEXT];
	uint64_t shared = 0, restore = 0;

	hvo_size_format(hvo_page_size(g), base);
	for (size_t i = 0; i < n; i++) {
		shared += plans[i].shared;
		restore += plans[i].restore;
		if (plans[i].optimizable)
			continue;
		printf(
		    "%s pages cannot be optimized: their descriptors do "
		    "not fill two or more whole pages of %s.\nThe smallest "
		    "that can have "
		    "%s.\n",
		    hvo_size_format(plans[i].page_size, page), base,
		    hvo_size_format(hvo_page_size(g) << g->min_order, least));
	}
	if (!shared)
		return;
	printf("Optimized includes %" PRIu64 " frame%s of shared tails, "
	       "for one zone.\n",
	       shared, shared == 1 ? "" : "s");
	printf("Giving all of them back takes %" PRIu64 " free frames (%s).\n",
	       restore, hvo_size_format(bytes(restore, g), page));
}

static void fill_json(struct json_object *o, const struct hvo_plan *plan,
		      uint64_t memory, const struct hvo_geometry *g)
{
	struct json_object *part;

	hvo_json_int(o, "count", plan->count);
	hvo_json_int(o, "memory", memory);
	hvo_json_int(o, "descriptors", plan->descriptors);
	part = hvo_json_object(o, "pages");
	hvo_json_int(part, "before", plan->pages_before);
	hvo_json_int(part, "after", plan->pages_after);
	hvo_json_int(part, "shared", plan->shared);
	part = hvo_json_object(o, "bytes");
	hvo_json_int(part, "before", bytes(plan->pages_before, g));
	hvo_json_int(part, "after", bytes(plan->pages_after, g));
	json_object_object_add(part, "saved",
			       json_object_new_int64(saved_bytes(plan, g)));
	hvo_json_int(o, "restore_frames", plan->restore);
}

static int print_json(const struct hvo_plan *plans, size_t n,
		      const struct hvo_geometry *g)
{
	struct json_object *root = json_object_new_object();
	struct json_object *map, *sizes = json_object_new_array();
	uint64_t memory;
	struct hvo_plan total = total_of(plans, n, &memory);

	hvo_json_int(root, "hvo", 1);
	map = hvo_json_object(root, "map");
	hvo_json_int(map, "base_page", hvo_page_size(g));
	hvo_json_int(map, "record", g->record);
	json_object_object_add(root, "sizes", sizes);
	for (size_t i = 0; i < n; i++) {
		struct json_object *o = json_object_new_object();

		json_object_array_add(sizes, o);
		hvo_json_int(o, "page_size", plans[i].page_size);
		hvo_json_int(o, "order", plans[i].order);
		hvo_json_bool(o, "optimizable", plans[i].optimizable);
		fill_json(o, &plans[i], plans[i].page_size * plans[i].count, g);
	}
	fill_json(hvo_json_object(root, "total"), &total, memory, g);
	return hvo_json_print(root);
}

static int print_all(const struct hvo_plan *plans, size_t n,
		     const struct hvo_geometry *g, bool json)
{
	char base[HVO_SIZE_TEXT];

	if (json)
		return print_json(plans, n, g);
	printf("%s base pages, descriptors of %u bytes\n\n",
	       hvo_size_format(hvo_page_size(g), base), g->record);
	if (print_plans(plans, n, g))
		return HVO_EXIT_FAILED;
	putchar('\n');
	print_notes(plans, n, g);
	return HVO_EXIT_OK;
}

/* ---- the command line -------------------------------------------------- */

static const struct option names[] = {
    {"base-page", required_argument, NULL, 'b'},
    {"record", required_argument, NULL, 'r'},
    {"table", no_argument, NULL, 't'},
    {"json", no_argument, NULL, 'j'},
    {"help", no_argument, NULL, 'h'},
    {0},
};

static const char *parse_option(void *ctx, int letter)
{
	struct options *options = ctx;

	switch (letter) {
	case 'b':
		options->base_page_given = true;
		return hvo_size_parse(optarg, &options->base_page);
	case 'r':
		return hvo_number_parse(optarg, &options->record);
	case 't':
		options->table = true;
		return NULL;
	default:
		options->json = true;
		return NULL;
	}
}

static const struct hvo_verb verb = {
    .options = names,
    .letters = "h",
    .help = help,
    .operands = INT_MAX,
};

/* The geometry that the options ask for; an exit code. */
static int make_geometry(const char *argv0, const struct options *options,
			 struct hvo_geometry *g)
{
	int error = -HVO_EPAGE;

	if (hvo_is_power_of_2(options->base_page))
		error = hvo_geometry_init(
		    g, (unsigned)__builtin_ctzll(options->base_page),
		    options->record);
	if (error == -HVO_EPAGE)
		return hvo_usage_error(
		    argv0, "--base-page: base pages have 4K, 8K, 16K, 32K or "
			   "64K");
	if (error)
		return hvo_usage_error(argv0,
				       "--record: %" PRIu64 " is not a "
				       "multiple of 8 from 8 to 512",
				       options->record);
	return HVO_EXIT_OK;
}

/* SIZE:COUNT; an exit code. */
static int parse_plan(const char *argv0, const char *text,
		      const struct hvo_geometry *g, struct hvo_plan *plan)
{
	const char *colon = strchr(text, ':');
	char size[32];
	const char *wrong;

	if (!colon || (size_t)(colon - text) >= sizeof(size))
		return hvo_usage_error(argv0,
				       "'%s' is not of the form "
				       "SIZE:COUNT, as in 2M:1000",
				       text);
	memcpy(size, text, (size_t)(colon - text));
	size[colon - text] = '\0';
	wrong = hvo_size_parse(size, &plan->page_size);
	if (wrong)
		return hvo_usage_error(argv0, "'%s' %s", size, wrong);
	wrong = hvo_number_parse(colon + 1, &plan->count);
	if (!wrong && !plan->count)
		wrong = "is not at least 1";
	if (wrong)
		return hvo_usage_error(argv0, "%s: the count '%s' %s", text,
				       colon + 1, wrong);
	wrong = hvo_plan_fill(plan, g);
	if (wrong)
		return hvo_usage_error(argv0, "'%s' %s", size, wrong);
	return HVO_EXIT_OK;
}

/* Each size once: its shared tails are counted once. */
static int parse_plans(const char *argv0, char **texts, size_t n,
		       const struct hvo_geometry *g, struct hvo_plan *plans)
{
	uint64_t memory = 0;

	for (size_t i = 0; i < n; i++) {
		int code = parse_plan(argv0, texts[i], g, &plans[i]);

		if (code)
			return code;
		for (size_t j = 0; j < i; j++)
			if (plans[j].page_size == plans[i].page_size)
				return hvo_usage_error(
				    argv0, "'%s': that size is given twice",
				    texts[i]);
		if (__builtin_add_overflow(
			memory, plans[i].page_size * plans[i].count, &memory))
			return hvo_usage_error(argv0, "more memory than there "
						      "can be");
	}
	return HVO_EXIT_OK;
}

static int plan_sizes(const char *argv0, char **texts, size_t n,
		      const struct options *options)
{
	struct hvo_plan plans[HVO_MAX_FOLIO_SHIFT];
	struct hvo_geometry g;
	int code = make_geometry(argv0, options, &g);

	if (code)
		return code;
	if (!n)
		return hvo_usage_error(argv0, "nothing to plan: give SIZE:COUNT"
					      ", as in 2M:1000, or --table");
	/* There are fewer sizes than that. */
	if (n > sizeof(plans) / sizeof(plans[0]))
		return hvo_usage_error(argv0, "a size is given twice");
	code = parse_plans(argv0, texts, n, &g, plans);
	return code ? code : print_all(plans, n, &g, options->json);
}

int hvo_cmd_plan(int argc, char **argv)
{
	struct options options = {.base_page = 4096, .record = HVO_PAGE_BYTES};
	struct hvo_geometry g;
	int code = hvo_options_parse(&verb, argc, argv, parse_option, &options);

	if (code >= 0)
		return code;
	if (!options.table)
		return plan_sizes(argv[0], argv + optind,
				  (size_t)(argc - optind), &options);
	if (optind < argc || options.base_page_given)
		return hvo_usage_error(argv[0], "--table has sizes and base "
						"pages of its own");
	code = make_geometry(argv[0], &options, &g);
	return code ? code : hvo_plan_table(g.record, options.json);
}
