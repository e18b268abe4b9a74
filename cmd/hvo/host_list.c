/* SPDX-License-Identifier: MIT */
/*
 * hvo host list: a row for each size of huge page on each node, with the
 * manners of util-linux's lists (lsblk(8), lscpu(1)).
 */
#include <errno.h>
#include <inttypes.h>
#include <libsmartcols.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "cmd.h"
#include "host.h"
#include "options.h"
#include "size.h"

/* ---- columns ------------------------------------------------------------- */

enum content { SIZE, NODE, COUNT, BYTES, GIGANTIC, KIND, WHY };

#define FIGURE(member) offsetof(struct hvo_host_pool, member)

/* Names are an interface: they do not change, further ones come behind. */
static const struct list_column {
	const char *name;
	enum content content;
	size_t figure; /* of COUNT and BYTES: where in the pool */
	const char *help;
} columns[] = {
    {"SIZE", SIZE, 0, "of a huge page"},
    {"NODE", NODE, 0, "NUMA node, or all of them"},
    {"TOTAL", COUNT, FIGURE(total), "huge pages"},
    {"FREE", COUNT, FIGURE(free), "of these, not in use"},
    {"RESERVED", COUNT, FIGURE(reserved), "of the free, promised"},
    {"SURPLUS", COUNT, FIGURE(surplus), "of these, beyond the pool's size"},
    {"OVERCOMMIT", COUNT, FIGURE(overcommit), "surplus permitted"},
    {"GIGANTIC", GIGANTIC, 0, "larger than the kernel's largest block"},
    {"PAGES", COUNT, FIGURE(vmemmap_pages),
     "pages of descriptors of a huge page"},
    {"KEPT", COUNT, FIGURE(kept_pages), "of these, kept when optimized"},
    {"FULL", BYTES, FIGURE(full_bytes), "descriptors, none optimized"},
    {"OPTIMIZED", BYTES, FIGURE(optimized_bytes), "descriptors, all optimized"},
    {"SAVED", BYTES, FIGURE(saved), "descriptors saved now"},
    {"COULD-SAVE", BYTES, FIGURE(could_save),
     "descriptors that could be saved besides"},
    {"TO-RESTORE", BYTES, FIGURE(to_restore),
     "memory needed to give all huge pages back"},
    {"KIND", KIND, 0, "of SAVED: measured, derived or unknown"},
    {"WHY", WHY, 0, "where SAVED is from, or why it is unknown"},
};

#define COLUMNS (sizeof(columns) / sizeof(columns[0]))

#define DEFAULT_COLUMNS "SIZE,NODE,TOTAL,FREE,PAGES,KEPT,FULL,OPTIMIZED,SAVED"

struct options {
	const char *sysroot;
	const char *output; /* argument of -o */
	bool all, json, raw, pairs, bytes, no_headings, help;
};

/* Which columns, in order; one may be there more than once. */
struct choice {
	const struct list_column *column[4 * COLUMNS];
	size_t n;
};

static const struct list_column *find_column(const char *name, size_t length)
{
	for (size_t i = 0; i < COLUMNS; i++)
		if (strlen(columns[i].name) == length &&
		    !strncasecmp(columns[i].name, name, length))
			return &columns[i];
	return NULL;
}

/* Append the columns of a list with commas; an exit code. */
static int choose(struct choice *choice, const char *list, const char *argv0,
		  const char *whose)
{
	for (;;) {
		size_t length = strcspn(list, ",");
		const struct list_column *column = find_column(list, length);

		if (!column)
			return hvo_usage_error(argv0,
					       "%s: there is no column '%.*s'",
					       whose, (int)length, list);
		if (choice->n ==
		    sizeof(choice->column) / sizeof(choice->column[0]))
			return hvo_usage_error(argv0, "%s: too many columns",
					       whose);
		choice->column[choice->n++] = column;
		if (!list[length])
			return HVO_EXIT_OK;
		list += length + 1;
	}
}

static int choose_default(struct choice *choice, const char *argv0)
{
	const char *list = getenv("HVO_COLUMNS");

	if (list && *list)
		return choose(choice, list, argv0, "HVO_COLUMNS");
	return choose(choice, DEFAULT_COLUMNS, argv0, "--output");
}

/* -o LIST replaces the default, -o +LIST adds to it. */
static int choose_columns(struct choice *choice, const struct options *options,
			  const char *argv0)
{
	const char *list = options->output;
	int code = HVO_EXIT_OK;

	if (options->all) {
		for (size_t i = 0; i < COLUMNS; i++)
			choice->column[choice->n++] = &columns[i];
		return HVO_EXIT_OK;
	}
	if (!list || *list == '+')
		code = choose_default(choice, argv0);
	if (code || !list)
		return code;
	return choose(choice, list + (*list == '+'), argv0, "--output");
}

/* ---- cells --------------------------------------------------------------- */

static char *text_of_number(uint64_t number)
{
	char text[32];

	snprintf(text, sizeof(text), "%" PRIu64, number);
	return strdup(text);
}

static char *text_of_size(uint64_t bytes, const struct options *options)
{
	char text[HVO_SIZE_TEXT];
	char *blank;

	if (options->bytes || options->json)
		return text_of_number(bytes);
	hvo_size_format(bytes, text);
	blank = strchr(text, ' ');
	/* Raw output is apart by blanks. */
	if (options->raw && blank)
		memmove(blank, blank + 1, strlen(blank));
	return strdup(text);
}

/* What is unknown: null, nothing, or a dash that keeps columns apart. */
static char *text_of_unknown(const struct options *options)
{
	return strdup(options->json || options->pairs ? "" : "-");
}

static char *text_of_figure(const struct hvo_host_figure *figure, bool bytes,
			    const struct options *options)
{
	if (figure->kind == HVO_HOST_UNKNOWN)
		return text_of_unknown(options);
	if (bytes)
		return text_of_size(figure->value, options);
	return text_of_number(figure->value);
}

static char *text_of_node(int node, const struct options *options)
{
	if (node >= 0)
		return text_of_number((uint64_t)node);
	return strdup(options->json ? "" : "all");
}

/* A malloc()ed text, or NULL for want of memory. */
static char *text_of(const struct list_column *column,
		     const struct hvo_host_pool *pool,
		     const struct options *options)
{
	const struct hvo_host_figure *figure =
	    (const void *)((const char *)pool + column->figure);

	switch (column->content) {
	case SIZE:
		return text_of_size(pool->size, options);
	case NODE:
		return text_of_node(pool->node, options);
	case COUNT:
		return text_of_figure(figure, false, options);
	case BYTES:
		return text_of_figure(figure, true, options);
	case GIGANTIC:
		return strdup(pool->gigantic ? "1" : "0");
	case KIND:
		return strdup(hvo_host_kind_name(pool->saved.kind));
	case WHY:
		break;
	}
	return strdup(pool->saved.kind == HVO_HOST_UNKNOWN
			  ? pool->saved.why
			  : pool->saved.source);
}

/* ---- the table ----------------------------------------------------------- */

static bool add_column(struct libscols_table *table,
		       const struct list_column *column)
{
	bool words = column->content == KIND || column->content == WHY;
	struct libscols_column *c = scols_table_new_column(
	    table, column->name, 0, words ? 0 : SCOLS_FL_RIGHT);

	if (!c)
		return false;
	if (column->content == GIGANTIC)
		return !scols_column_set_json_type(c, SCOLS_JSON_BOOLEAN);
	return words || !scols_column_set_json_type(c, SCOLS_JSON_NUMBER);
}

static bool add_row(struct libscols_table *table, const struct choice *choice,
		    const struct hvo_host_pool *pool,
		    const struct options *options)
{
	struct libscols_line *row = scols_table_new_line(table, NULL);

	for (size_t i = 0; row && i < choice->n; i++) {
		char *text = text_of(choice->column[i], pool, options);

		if (!text || scols_line_refer_data(row, i, text)) {
			free(text);
			return false;
		}
	}
	return row;
}

static bool set_up(struct libscols_table *table, const struct options *options)
{
	return !scols_table_set_name(table, "pools") &&
	       !scols_table_enable_json(table, options->json) &&
	       !scols_table_enable_raw(table, options->raw) &&
	       !scols_table_enable_export(table, options->pairs) &&
	       !scols_table_enable_noheadings(table, options->no_headings);
}

static bool fill_and_print(struct libscols_table *table,
			   const struct choice *choice,
			   const struct hvo_host_status *status,
			   const struct options *options)
{
	if (!set_up(table, options))
		return false;
	for (size_t i = 0; i < choice->n; i++)
		if (!add_column(table, choice->column[i]))
			return false;
	for (size_t i = 0; i < status->n_pools; i++)
		if (!add_row(table, choice, &status->pools[i], options))
			return false;
	return !scols_print_table(table);
}

static int print_list(const struct hvo_host_status *status,
		      const struct choice *choice,
		      const struct options *options)
{
	struct libscols_table *table = scols_new_table();
	bool printed = table && fill_and_print(table, choice, status, options);

	scols_unref_table(table);
	if (printed)
		return HVO_EXIT_OK;
	hvo_error("no memory for a table");
	return HVO_EXIT_FAILED;
}

/* ---- the command line ---------------------------------------------------- */

static const char help[] =
    "Usage: hvo host list [OPTION]...\n"
    "Pools of huge pages by size and node, and their descriptors.\n"
    "\n"
    "  -b, --bytes          sizes in bytes\n"
    "  -J, --json           as JSON; sizes are bytes, unknown is null\n"
    "  -n, --noheadings     no line of headings\n"
    "  -o, --output [+]COL[,COL]...\n"
    "                       these columns, or these besides\n"
    "      --output-all     all columns\n"
    "  -P, --pairs          as NAME=\"value\" pairs\n"
    "  -r, --raw            one blank between columns\n"
    "      --sysroot DIR    read the tree in DIR, as "
    "scripts/record-host makes it\n"
    "  -h, --help           this text\n"
    "\n"
    "HVO_COLUMNS in the environment replaces the usual "
    "columns,\n" DEFAULT_COLUMNS ".\n"
    "\n"
    "Columns:\n";

static void print_columns(void)
{
	for (size_t i = 0; i < COLUMNS; i++)
		printf("  %-10s  %s\n", columns[i].name, columns[i].help);
	fputs("\nNeeds no privilege.\n", stdout);
}

static const struct option names[] = {
    {"bytes", no_argument, NULL, 'b'},
    {"json", no_argument, NULL, 'J'},
    {"noheadings", no_argument, NULL, 'n'},
    {"output", required_argument, NULL, 'o'},
    {"output-all", no_argument, NULL, 'A'},
    {"pairs", no_argument, NULL, 'P'},
    {"raw", no_argument, NULL, 'r'},
    {"sysroot", required_argument, NULL, 's'},
    {"help", no_argument, NULL, 'h'},
    {0},
};

static const char *parse_option(void *ctx, int letter)
{
	struct options *options = ctx;

	switch (letter) {
	case 'b':
		options->bytes = true;
		break;
	case 'J':
		options->json = true;
		break;
	case 'n':
		options->no_headings = true;
		break;
	case 'o':
		options->output = optarg;
		break;
	case 'A':
		options->all = true;
		break;
	case 'P':
		options->pairs = true;
		break;
	case 'r':
		options->raw = true;
		break;
	default:
		options->sysroot = optarg;
	}
	return NULL;
}

static const struct hvo_verb verb = {
    .options = names,
    .letters = "bJno:Prh",
    .help = help,
    .more_help = print_columns,
};

static int parse_options(int argc, char **argv, struct options *options)
{
	int code = hvo_options_parse(&verb, argc, argv, parse_option, options);

	if (code >= 0)
		return code;
	if (options->json + options->raw + options->pairs > 1)
		return hvo_usage_error(argv[0], "--json, --raw and --pairs "
						"exclude each other");
	return -1;
}

static int list(const struct choice *choice, const struct options *options)
{
	struct hvo_host_status status;
	struct hvo_host *host;
	int code = hvo_host_cmd_read(options->sysroot, &host, &status);

	if (code)
		return code;
	code = print_list(&status, choice, options);
	hvo_host_status_free(&status);
	hvo_host_close(host);
	return code;
}

int hvo_host_main_list(int argc, char **argv)
{
	struct options options = {0};
	struct choice choice = {0};
	int code = parse_options(argc, argv, &options);

	if (code >= 0)
		return code;
	code = choose_columns(&choice, &options, argv[0]);
	return code ? code : list(&choice, &options);
}
