/* SPDX-License-Identifier: MIT */
/*
 * hvo host watch: the status again and again, on the whole terminal, with what
 * changed since it began. What does not fit is left out from below.
 *
 * Signals that end it only set a flag, so that the terminal is given back by
 * the same way out as for a key.
 */
#include <inttypes.h>
#include <locale.h>
#include <ncurses.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "cmd.h"
#include "host.h"
#include "options.h"
#include "size.h"

#define INTERVAL_MAX 86400 /* seconds: a day */

struct options {
	const char *sysroot;
	unsigned interval; /* seconds */
};

/* Columns of the pools' table; rows are sorted by one of them. */
enum column { SIZE, NODE, TOTAL, FREE, RESERVED, DESCRIPTORS, SAVED, COLUMNS };

struct watch {
	struct hvo_host *host;
	struct hvo_host_status first, now;
	enum column sort;
	unsigned interval; /* seconds */
	int row;           /* the next one to write to */
	bool paused, nodes, keys;
};

static volatile sig_atomic_t ended;

static void end(int signal)
{
	ended = signal;
}

/* ---- the screen ---------------------------------------------------------- */

/* The last row is for the keys. */
__attribute__((format(printf, 2, 3))) static void line(struct watch *w,
						       const char *format, ...)
{
	char text[512];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	if (w->row < LINES - 1)
		mvaddnstr(w->row, 0, text, COLS);
	w->row++;
}

static bool known(const struct hvo_host_figure *figure)
{
	return figure->kind != HVO_HOST_UNKNOWN;
}

static const char *size_text(const struct hvo_host_figure *figure, char *text)
{
	return known(figure) ? hvo_size_format(figure->value, text) : "-";
}

/* "+28 MiB" since the first look, or nothing. */
static const char *change_text(const struct hvo_host_figure *first,
			       const struct hvo_host_figure *now, char *text)
{
	char size[HVO_SIZE_TEXT];
	bool less = now->value < first->value;

	if (!known(first) || !known(now) || now->value == first->value)
		return "";
	snprintf(text, HVO_SIZE_TEXT + 1, "%c%s", less ? '-' : '+',
		 hvo_size_format(less ? first->value - now->value
				      : now->value - first->value,
				 size));
	return text;
}

static void size_line(struct watch *w, const char *name,
		      const struct hvo_host_figure *first,
		      const struct hvo_host_figure *now)
{
	char size[HVO_SIZE_TEXT], change[HVO_SIZE_TEXT + 1];

	line(w, "%-22s %12s %12s  %s", name, size_text(now, size),
	     change_text(first, now, change),
	     known(now) ? hvo_host_kind_name(now->kind) : now->why);
}

/* Descriptors in memory, saved, and still to be saved, of all there could be.
 */
static void draw_bar(struct watch *w)
{
	const struct hvo_host_status *s = &w->now;
	double whole = (double)s->expected_bytes.value;
	int width = COLS - 2;
	int saved, savable;

	if (!known(&s->expected_bytes) || !known(&s->saved) || whole <= 0 ||
	    width < 8 || w->row >= LINES - 1)
		return;
	saved = (int)((double)s->saved.value / whole * width + 0.5);
	savable = (int)((double)s->could_save.value / whole * width + 0.5);
	mvaddch(w->row, 0, '[');
	for (int i = 0; i < width; i++)
		addch(i >= width - saved             ? '.'
		      : i >= width - saved - savable ? '+'
						     : '#');
	addch(']');
	w->row++;
	line(w, "# descriptors in memory  + could be saved  . saved");
}

static void draw_figures(struct watch *w)
{
	const struct hvo_host_status *a = &w->first, *b = &w->now;

	line(w, "%-22s %12s %12s", "", "NOW", "CHANGE");
	size_line(w, "descriptors in memory", &a->measured_bytes,
		  &b->measured_bytes);
	size_line(w, "  saved", &a->saved, &b->saved);
	size_line(w, "  could be saved", &a->could_save, &b->could_save);
	size_line(w, "  to give pages back", &a->to_restore, &b->to_restore);
	line(w, "%s", "");
}

/* ---- pools --------------------------------------------------------------- */

static const struct {
	const char *name;
	int width;
} columns[COLUMNS] = {
    [SIZE] = {"HUGE PAGE", 10},   [NODE] = {"NODE", 5},
    [TOTAL] = {"TOTAL", 9},       [FREE] = {"FREE", 9},
    [RESERVED] = {"RESERVED", 9}, [DESCRIPTORS] = {"DESCRIPTORS", 12},
    [SAVED] = {"SAVED", 11},
};

/* What a pool has in a column that is neither its size nor its node. */
static const struct hvo_host_figure *figure_of(const struct hvo_host_pool *pool,
					       enum column column)
{
	switch (column) {
	case TOTAL:
		return &pool->total;
	case FREE:
		return &pool->free;
	case RESERVED:
		return &pool->reserved;
	case DESCRIPTORS:
		return &pool->full_bytes;
	default:
		return &pool->saved;
	}
}

static int ascending(uint64_t a, uint64_t b)
{
	return (a > b) - (a < b);
}

/* By size and node, the whole host before its nodes; no two are the same. */
static int by_name(const struct hvo_host_pool *a, const struct hvo_host_pool *b)
{
	int order = ascending(a->size, b->size);

	return order ? order : (a->node > b->node) - (a->node < b->node);
}

/* Figures from the greatest down, those that are not known behind them. */
static int compare(const void *left, const void *right, void *ctx)
{
	const struct hvo_host_pool *a = left, *b = right;
	const struct hvo_host_figure *of_a, *of_b;
	enum column column = *(const enum column *)ctx;
	int order = 0;

	if (column == NODE)
		order = (a->node > b->node) - (a->node < b->node);
	if (column == SIZE || column == NODE)
		return order ? order : by_name(a, b);
	of_a = figure_of(a, column);
	of_b = figure_of(b, column);
	order = known(of_b) - known(of_a);
	if (!order && known(of_a))
		order = ascending(of_b->value, of_a->value);
	return order ? order : by_name(a, b);
}

static const char *cell_text(const struct hvo_host_pool *pool,
			     enum column column, char *text, size_t size)
{
	const struct hvo_host_figure *figure;

	if (column == SIZE)
		return hvo_size_format(pool->size, text);
	if (column == NODE) {
		snprintf(text, size, "%d", pool->node);
		return pool->node < 0 ? "all" : text;
	}
	figure = figure_of(pool, column);
	if (column == DESCRIPTORS || column == SAVED || !known(figure))
		return size_text(figure, text);
	snprintf(text, size, "%" PRIu64, figure->value);
	return text;
}

/* One line of the table; NULL: the headings, the sorted column's marked. */
static void draw_pool(struct watch *w, const struct hvo_host_pool *pool)
{
	char text[256], cell[HVO_SIZE_TEXT + 24];
	size_t used = 0;

	for (enum column c = 0; c < COLUMNS; c++) {
		const char *what = cell;

		if (pool)
			what = cell_text(pool, c, cell, sizeof(cell));
		else
			snprintf(cell, sizeof(cell), "%s%s",
				 c == w->sort ? ">" : "", columns[c].name);
		used +=
		    (size_t)snprintf(text + used, sizeof(text) - used, "%s%*s",
				     c ? " " : "", columns[c].width, what);
	}
	line(w, "%s", text);
}

static void draw_pools(struct watch *w)
{
	struct hvo_host_status *s = &w->now;

	if (s->n_pools)
		qsort_r(s->pools, s->n_pools, sizeof(*s->pools), compare,
			&w->sort);
	draw_pool(w, NULL);
	for (size_t i = 0; i < s->n_pools; i++)
		if (w->nodes || s->pools[i].node < 0)
			draw_pool(w, &s->pools[i]);
	line(w, "%s", "");
}

/* ---- the whole ----------------------------------------------------------- */

static void draw_keys(struct watch *w)
{
	line(w, "q      quit");
	line(w, "space  pause, or go on");
	line(w, "n      pools of each node, or of the whole host only");
	line(w, "s      sort pools by the next column, which > marks");
	line(w, "?      this help, or back");
}

static void draw_title(struct watch *w)
{
	const struct hvo_host_status *s = &w->now;
	const char *state = !known(&s->enabled) ? "unknown"
			    : s->enabled.value  ? "on"
						: "off";
	char clock[16];
	time_t now = time(NULL);
	struct tm tm;

	strftime(clock, sizeof(clock), "%H:%M:%S", localtime_r(&now, &tm));
	attron(A_BOLD);
	line(w, "HVO %s: Linux %s, %s   %s%s", state, s->release, s->machine,
	     clock, w->paused ? "  paused" : "");
	attroff(A_BOLD);
}

static void draw(struct watch *w)
{
	erase();
	w->row = 0;
	draw_title(w);
	if (w->keys) {
		draw_keys(w);
	} else {
		draw_bar(w);
		draw_figures(w);
		draw_pools(w);
		for (size_t i = 0; i < w->now.n_warnings; i++)
			line(w, "* %s", w->now.warnings[i]);
	}
	attron(A_REVERSE);
	mvaddnstr(LINES - 1, 0, "q quit  space pause  n nodes  s sort  ? keys",
		  COLS);
	attroff(A_REVERSE);
	refresh();
}

/* ---- the course ---------------------------------------------------------- */

static int look(struct watch *w)
{
	struct hvo_host_status status;
	char message[512];

	if (hvo_host_status(w->host, &status, message, sizeof(message)))
		return -1;
	hvo_host_status_free(&w->now);
	w->now = status;
	return 0;
}

static int64_t milliseconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Returns false for the key that ends it. */
static bool take_key(struct watch *w, int key)
{
	switch (key) {
	case 'q':
		return false;
	case ' ':
		w->paused = !w->paused;
		break;
	case 'n':
		w->nodes = !w->nodes;
		break;
	case 's':
		w->sort = (w->sort + 1) % COLUMNS;
		break;
	case '?':
		w->keys = !w->keys;
		break;
	default: /* KEY_RESIZE among them: it is drawn anew anyway */
		break;
	}
	return true;
}

/* Returns an exit code; the terminal is the screen's. */
static int watch(struct watch *w)
{
	int64_t step = (int64_t)w->interval * 1000;
	int64_t next = milliseconds() + step;

	while (!ended) {
		int64_t left = next - milliseconds();

		draw(w);
		timeout(left < 0 ? 0 : (int)left);
		if (!take_key(w, getch()))
			break;
		if (milliseconds() < next)
			continue;
		next = milliseconds() + step;
		if (!w->paused && look(w))
			return HVO_EXIT_FAILED;
	}
	return HVO_EXIT_OK;
}

static void catch_signals(void)
{
	struct sigaction action = {.sa_handler = end};

	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGHUP, &action, NULL);
}

static int on_screen(struct watch *w)
{
	SCREEN *screen = NULL;
	int code;

	if (isatty(STDOUT_FILENO) && isatty(STDIN_FILENO))
		screen = newterm(NULL, stdout, stdin);
	if (!screen) {
		hvo_error("this is no terminal that could be drawn on; "
			  "'hvo host status' prints the same once");
		return HVO_EXIT_DENIED;
	}
	catch_signals();
	cbreak();
	noecho();
	keypad(stdscr, true);
	curs_set(0);
	code = watch(w);
	endwin();
	delscreen(screen);
	if (code)
		hvo_error("no memory to read the host");
	return code;
}

/* ---- the verb ------------------------------------------------------------ */

static const char help[] =
    "Usage: hvo host watch [OPTION]...\n"
    "What 'hvo host status' says, again and again, and how it "
    "changed since.\n"
    "\n"
    "      --interval SECONDS  between two looks, at most a day (2)\n"
    "      --sysroot DIR       read the tree in DIR, as "
    "scripts/record-host makes it\n"
    "  -h, --help              this text\n"
    "\n"
    "Keys: q quit, space pause, n pools of each node, s sort by the "
    "next column,\n"
    "? help.\n"
    "\n"
    "Needs a terminal, and no privilege.\n";

static const char *parse_option(void *ctx, int letter)
{
	struct options *options = ctx;
	char *end_of;

	switch (letter) {
	case 'i':
		options->interval = (unsigned)strtoul(optarg, &end_of, 10);
		if (*optarg < '1' || *optarg > '9' || *end_of ||
		    strlen(optarg) > 5 || options->interval > INTERVAL_MAX)
			return "a number of seconds from 1 to 86400 is needed";
		break;
	default:
		options->sysroot = optarg;
	}
	return NULL;
}

static const struct option names[] = {
    {"interval", required_argument, NULL, 'i'},
    {"sysroot", required_argument, NULL, 's'},
    {"help", no_argument, NULL, 'h'},
    {0},
};

static const struct hvo_verb verb = {
    .options = names,
    .letters = "h",
    .help = help,
};

int hvo_host_main_watch(int argc, char **argv)
{
	struct options options = {.interval = 2};
	struct watch w = {.nodes = true};
	int code = hvo_options_parse(&verb, argc, argv, parse_option, &options);

	if (code >= 0)
		return code;
	w.interval = options.interval;
	code = hvo_host_cmd_read(options.sysroot, &w.host, &w.first);
	if (code)
		return code;
	code = hvo_host_cmd_status(w.host, &w.now);
	if (!code) {
		code = on_screen(&w);
		hvo_host_status_free(&w.now);
	}
	hvo_host_status_free(&w.first);
	hvo_host_close(w.host);
	return code;
}
