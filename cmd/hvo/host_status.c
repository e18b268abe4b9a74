/* SPDX-License-Identifier: MIT */
/*
 * hvo host status: one screen, each line with what it is known from; or all of
 * it as JSON.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include "cmd.h"
#include "host.h"
#include "json.h"
#include "options.h"
#include "size.h"
#include "table.h"

struct options {
	const char *sysroot;
	bool json;
};

static const char help[] =
    "Usage: hvo host status [OPTION]...\n"
    "What Linux's own optimization of huge pages' descriptors does "
    "on this host:\n"
    "whether it is there and on, what descriptors take, what is "
    "saved. Each figure\n"
    "is measured (the kernel says so), derived (computed) or "
    "unknown, and says from\n"
    "what, or why.\n"
    "\n"
    "      --json         print one JSON object\n"
    "      --sysroot DIR  read the tree in DIR, as "
    "scripts/record-host makes it\n"
    "  -h, --help         this text\n"
    "\n"
    "Needs no privilege.\n";

/* ---- for people ---------------------------------------------------------- */

/* How much of the descriptors is saved, for eyes; nothing is drawn for 0. */
static void print_bar(const struct hvo_host_status *s)
{
	enum { WIDTH = 64 };
	uint64_t whole = s->expected_bytes.value;
	unsigned cells;

	if (!isatty(STDOUT_FILENO) || !whole || !s->saved.value)
		return;
	cells = (unsigned)((double)s->saved.value / (double)whole * WIDTH);
	cells += !cells;
	printf("  [");
	for (unsigned i = 0; i < WIDTH; i++)
		putchar(i < WIDTH - cells ? '#' : '.');
	printf("]\n  # descriptors in memory, . saved\n\n");
}

/* Columns of the terminal; SIZE_MAX where there is none, or it does not say. */
static size_t terminal_columns(void)
{
	struct winsize size;

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) || !size.ws_col)
		return SIZE_MAX;
	return size.ws_col;
}

/* Where to cut, before the last such byte that is not the first; 0: nowhere. */
static size_t cut_before(const char *text, size_t columns, char byte)
{
	size_t cut = columns;

	while (cut && text[cut] != byte)
		cut--;
	return cut;
}

/* How much of a text goes on one line: whole words, or as much of a path, or
 * of a word, as there is room for. */
static size_t fitting(const char *text, size_t columns)
{
	size_t cut = strlen(text);

	if (cut <= columns)
		return cut;
	cut = cut_before(text, columns, ' ');
	if (!cut)
		cut = cut_before(text, columns, '/');
	return cut ? cut : columns;
}

/* What follows the first so many bytes and the blanks behind them. */
static const char *behind(const char *text, size_t n)
{
	return text + n + strspn(text + n, " ");
}

/* Print a paragraph; lines behind the first are indented. */
__attribute__((format(printf, 1, 2))) static void paragraph(const char *format,
							    ...)
{
	enum { INDENT = 2 };
	size_t columns = terminal_columns();
	size_t n;
	char buffer[1024];
	const char *text = buffer;
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(buffer, sizeof(buffer), format, arguments);
	va_end(arguments);
	n = fitting(text, columns);
	printf("%.*s\n", (int)n, text);
	while (*(text = behind(text, n))) {
		n = fitting(text, columns > INDENT ? columns - INDENT : 1);
		printf("%*s%.*s\n", INDENT, "", (int)n, text);
	}
}

/* One figure: its name, and what it is shown as. */
struct row {
	const char *name;
	const struct hvo_host_figure *figure;
	bool is_switch; /* else a size */
};

static const char *value_text(const struct row *row, char *text)
{
	if (row->figure->kind == HVO_HOST_UNKNOWN)
		return "-";
	if (row->is_switch)
		return row->figure->value ? "on" : "off";
	return hvo_size_format(row->figure->value, text);
}

/* Columns that are left for where figures are from: at least a few. */
static size_t columns_left(const struct row *rows, size_t n)
{
	enum { LEAST = 16 };
	size_t name = 0, value = strlen("VALUE"), kind = strlen("KIND"), taken;
	size_t columns = terminal_columns();
	char text[HVO_SIZE_TEXT];

	for (size_t i = 0; i < n; i++) {
		size_t v = strlen(value_text(&rows[i], text));
		size_t k = strlen(hvo_host_kind_name(rows[i].figure->kind));

		name =
		    strlen(rows[i].name) > name ? strlen(rows[i].name) : name;
		value = v > value ? v : value;
		kind = k > kind ? k : kind;
	}
	taken = name + value + kind + 3; /* blanks between */
	return columns > taken + LEAST ? columns - taken : LEAST;
}

/* The value of a row, where it is from, and why it is not known. */
static void line(struct hvo_table *table, const struct row *row, size_t columns)
{
	const struct hvo_host_figure *figure = row->figure;
	char value[HVO_SIZE_TEXT], buffer[1024];
	const char *from = buffer;
	size_t n;

	snprintf(buffer, sizeof(buffer), "%s%s%s", figure->source,
		 figure->kind == HVO_HOST_UNKNOWN ? ": " : "",
		 figure->kind == HVO_HOST_UNKNOWN ? figure->why : "");
	n = fitting(from, columns);
	hvo_table_line(table);
	hvo_table_cell(table, "%s", row->name);
	hvo_table_cell(table, "%s", value_text(row, value));
	hvo_table_cell(table, "%s", hvo_host_kind_name(figure->kind));
	hvo_table_cell(table, "%.*s", (int)n, from);
	while (*(from = behind(from, n))) {
		n = fitting(from, columns);
		hvo_table_line(table);
		for (int i = 0; i < 3; i++)
			hvo_table_cell(table, "%s", "");
		hvo_table_cell(table, "%.*s", (int)n, from);
	}
}

static int print_figures(const struct hvo_host_status *s)
{
	static const struct hvo_column columns[] = {
	    {"", HVO_LEFT},
	    {"VALUE", HVO_RIGHT},
	    {"KIND", HVO_LEFT},
	    {"FROM", HVO_LEFT},
	};
	const struct row rows[] = {
	    {"HVO now", &s->enabled, true},
	    {"HVO at boot", &s->enabled_at_boot, true},
	    {"base page", &s->base_page, false},
	    {"struct page", &s->page_struct, false},
	    {"memory", &s->present_bytes, false},
	    {"its descriptors", &s->expected_bytes, false},
	    {"  in memory", &s->measured_bytes, false},
	    {"  saved", &s->saved, false},
	    {"  could be saved", &s->could_save, false},
	    {"  to give pages back", &s->to_restore, false},
	    {"memmap on memory", &s->memmap_on_memory_bytes, false},
	};
	const size_t n = sizeof(rows) / sizeof(rows[0]);
	size_t left = columns_left(rows, n);
	struct hvo_table *t = hvo_table_new(columns, 4, true);

	for (size_t i = 0; i < n; i++)
		line(t, &rows[i], left);
	return hvo_table_print(t);
}

static void number_cell(struct hvo_table *table,
			const struct hvo_host_figure *figure)
{
	if (figure->kind == HVO_HOST_UNKNOWN)
		hvo_table_cell(table, "-");
	else
		hvo_table_cell(table, "%" PRIu64, figure->value);
}

static void size_cell(struct hvo_table *table,
		      const struct hvo_host_figure *figure)
{
	if (figure->kind == HVO_HOST_UNKNOWN)
		hvo_table_cell(table, "-");
	else
		hvo_table_size(table, figure->value);
}

static int print_pools(const struct hvo_host_status *s)
{
	static const struct hvo_column columns[] = {
	    {"HUGE PAGE", HVO_RIGHT},   {"NODE", HVO_RIGHT},
	    {"TOTAL", HVO_RIGHT},       {"FREE", HVO_RIGHT},
	    {"DESCRIPTORS", HVO_RIGHT}, {"OPTIMIZED", HVO_RIGHT},
	    {"SAVED", HVO_RIGHT},
	};
	struct hvo_table *t = hvo_table_new(columns, 7, true);

	for (size_t i = 0; i < s->n_pools; i++) {
		const struct hvo_host_pool *pool = &s->pools[i];

		hvo_table_line(t);
		hvo_table_size(t, pool->size);
		if (pool->node < 0)
			hvo_table_cell(t, "all");
		else
			hvo_table_cell(t, "%d", pool->node);
		number_cell(t, &pool->total);
		number_cell(t, &pool->free);
		size_cell(t, &pool->full_bytes);
		size_cell(t, &pool->optimized_bytes);
		size_cell(t, &pool->saved);
	}
	return hvo_table_print(t);
}

static void print_dax(const struct hvo_host_dax *dax)
{
	char size[HVO_SIZE_TEXT];

	printf("%s: device memory, %s\n", dax->name,
	       dax->bytes ? hvo_size_format(dax->bytes, size)
			  : "of unknown size");
}

static int print_status(const struct hvo_host_status *s)
{
	paragraph("Linux %s on %s; HVO supported: %s (%s)",
		  s->release[0] ? s->release : "(unknown)",
		  s->machine[0] ? s->machine : "an unknown machine",
		  hvo_host_support_name(s->support), s->support_why);
	if (s->encoding != HVO_HOST_ENCODING_UNKNOWN)
		printf("Tails lead to heads by %s.\n",
		       hvo_host_encoding_name(s->encoding));
	putchar('\n');
	print_bar(s);
	if (print_figures(s))
		return HVO_EXIT_FAILED;
	putchar('\n');
	if (s->n_pools && print_pools(s))
		return HVO_EXIT_FAILED;
	if (!s->n_pools)
		puts("There are no pools of huge pages.");
	for (size_t i = 0; i < s->n_dax; i++)
		print_dax(&s->dax[i]);
	if (s->n_warnings)
		putchar('\n');
	for (size_t i = 0; i < s->n_warnings; i++)
		paragraph("* %s", s->warnings[i]);
	return HVO_EXIT_OK;
}

/* ---- for machines -------------------------------------------------------- */

static struct json_object *pool_json(const struct hvo_host_pool *pool)
{
	struct json_object *o = json_object_new_object();

	hvo_json_int(o, "size", pool->size);
	json_object_object_add(
	    o, "node", pool->node < 0 ? NULL : json_object_new_int(pool->node));
	hvo_json_bool(o, "gigantic", pool->gigantic);
	hvo_host_json_figure(o, "total", &pool->total);
	hvo_host_json_figure(o, "free", &pool->free);
	hvo_host_json_figure(o, "reserved", &pool->reserved);
	hvo_host_json_figure(o, "surplus", &pool->surplus);
	hvo_host_json_figure(o, "overcommit", &pool->overcommit);
	hvo_host_json_figure(o, "vmemmap_pages", &pool->vmemmap_pages);
	hvo_host_json_figure(o, "kept_pages", &pool->kept_pages);
	hvo_host_json_figure(o, "full_bytes", &pool->full_bytes);
	hvo_host_json_figure(o, "optimized_bytes", &pool->optimized_bytes);
	hvo_host_json_figure(o, "saved", &pool->saved);
	hvo_host_json_figure(o, "could_save", &pool->could_save);
	hvo_host_json_figure(o, "to_restore", &pool->to_restore);
	return o;
}

/* A size that is never 0, which therefore stands for an unknown one. */
static void add_or_null(struct json_object *o, const char *key, uint64_t bytes)
{
	json_object_object_add(o, key,
			       bytes ? json_object_new_uint64(bytes) : NULL);
}

static struct json_object *dax_json(const struct hvo_host_dax *dax)
{
	struct json_object *o = json_object_new_object();

	hvo_json_text(o, "name", dax->name);
	add_or_null(o, "bytes", dax->bytes);
	add_or_null(o, "align", dax->align);
	json_object_object_add(
	    o, "node", dax->node < 0 ? NULL : json_object_new_int(dax->node));
	hvo_host_json_figure(o, "memmap_on_memory", &dax->memmap_on_memory);
	return o;
}

static void add_figures(struct json_object *o, const struct hvo_host_status *s)
{
	hvo_host_json_figure(o, "base_page", &s->base_page);
	hvo_host_json_figure(o, "page_struct", &s->page_struct);
	hvo_host_json_figure(o, "enabled", &s->enabled);
	hvo_host_json_figure(o, "enabled_at_boot", &s->enabled_at_boot);
	hvo_host_json_figure(o, "present_bytes", &s->present_bytes);
	hvo_host_json_figure(o, "expected_bytes", &s->expected_bytes);
	hvo_host_json_figure(o, "measured_bytes", &s->measured_bytes);
	hvo_host_json_figure(o, "saved", &s->saved);
	hvo_host_json_figure(o, "could_save", &s->could_save);
	hvo_host_json_figure(o, "to_restore", &s->to_restore);
	hvo_host_json_figure(o, "memmap_on_memory_bytes",
			     &s->memmap_on_memory_bytes);
}

/* An empty array that belongs to o. */
static struct json_object *add_array(struct json_object *o, const char *key)
{
	struct json_object *array = json_object_new_array();

	json_object_object_add(o, key, array);
	return array;
}

static int print_json(const struct hvo_host_status *s)
{
	struct json_object *o = json_object_new_object(), *array;

	hvo_json_int(o, "hvo", 1);
	hvo_json_text(o, "release", s->release);
	hvo_json_text(o, "machine", s->machine);
	hvo_json_text(o, "support", hvo_host_support_name(s->support));
	hvo_json_text(o, "support_why", s->support_why);
	hvo_json_text(o, "encoding", hvo_host_encoding_name(s->encoding));
	add_figures(o, s);
	array = add_array(o, "pools");
	for (size_t i = 0; i < s->n_pools; i++)
		json_object_array_add(array, pool_json(&s->pools[i]));
	array = add_array(o, "dax");
	for (size_t i = 0; i < s->n_dax; i++)
		json_object_array_add(array, dax_json(&s->dax[i]));
	array = add_array(o, "warnings");
	for (size_t i = 0; i < s->n_warnings; i++)
		json_object_array_add(array,
				      json_object_new_string(s->warnings[i]));
	return hvo_json_print(o);
}

/* ---- the command line ---------------------------------------------------- */

static const char *parse_option(void *ctx, int letter)
{
	struct options *options = ctx;

	switch (letter) {
	case 'J':
		options->json = true;
		break;
	default:
		options->sysroot = optarg;
	}
	return NULL;
}

static const struct option names[] = {
    {"json", no_argument, NULL, 'J'},
    {"sysroot", required_argument, NULL, 's'},
    {"help", no_argument, NULL, 'h'},
    {0},
};

static const struct hvo_verb verb = {
    .options = names,
    .letters = "h",
    .help = help,
};

int hvo_host_main_status(int argc, char **argv)
{
	struct options options = {0};
	struct hvo_host_status status;
	struct hvo_host *host;
	int code = hvo_options_parse(&verb, argc, argv, parse_option, &options);

	if (code >= 0)
		return code;
	code = hvo_host_cmd_read(options.sysroot, &host, &status);
	if (code)
		return code;
	code = options.json ? print_json(&status) : print_status(&status);
	hvo_host_status_free(&status);
	hvo_host_close(host);
	return code;
}
