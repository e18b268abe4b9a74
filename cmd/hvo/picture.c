/* SPDX-License-Identifier: MIT */
/*
 * Pictures: taking them from a live map, choosing what to draw of them, and
 * drawing them as text. One thread at a time per picture; nothing shared.
 */
#include <inttypes.h>
#include <langinfo.h>
#include <stdlib.h>
#include <string.h>
#include "picture.h"

/* ---- taking --------------------------------------------------------- */

/* Does t continue the run? A run of one page may still become either kind. */
static bool run_extend(struct hvo_picture_run *run, struct hvo_translation t)
{
	uint64_t gap = t.frame.nr - run->frame;

	if (t.prot != run->prot)
		return false;
	if (run->count == 1 && gap <= 1)
		run->step = (unsigned)gap;
	if (gap != run->step * run->count)
		return false;
	run->count++;
	return true;
}

static int run_append(struct hvo_picture *p, uint64_t page,
		      struct hvo_translation t)
{
	/* Doubled at every power of two. */
	if (hvo_is_power_of_2(p->n) || !p->n) {
		size_t room = p->n ? 2 * p->n : 1;
		void *runs = reallocarray(p->runs, room, sizeof(*p->runs));

		if (!runs)
			return -1;
		p->runs = runs;
	}
	p->runs[p->n++] = (struct hvo_picture_run){.page = page,
						   .count = 1,
						   .frame = t.frame.nr,
						   .step = 1,
						   .prot = t.prot};
	return 0;
}

int hvo_picture_add(struct hvo_picture *p, struct hvo_translation t)
{
	uint64_t page = p->pages++;

	if (p->n && run_extend(&p->runs[p->n - 1], t))
		return 0;
	return run_append(p, page, t);
}

int hvo_picture_take(struct hvo_picture *p, const struct hvo_vmemmap *map,
		     struct hvo_port *port, hvo_pfn_t pfn, unsigned order)
{
	const struct hvo_geometry *g = hvo_vmemmap_geometry(map);
	unsigned char *va = hvo_vmemmap_record(map, pfn);
	/* A folio smaller than a page of descriptors shares it with others. */
	uint64_t pages =
	    hvo_folio_pages(g, order) ? hvo_folio_pages(g, order) : 1;

	p->pages = p->n = 0;
	p->runs = NULL;
	va -= (uintptr_t)va & (hvo_page_size(g) - 1);
	for (uint64_t i = 0; i < pages; i++) {
		void *page = va + (i << g->page_shift);

		if (hvo_picture_add(p, hvo_port_translate(port, page))) {
			hvo_picture_free(p);
			return -1;
		}
	}
	return 0;
}

void hvo_picture_free(struct hvo_picture *p)
{
	free(p->runs);
	p->runs = NULL;
	p->n = 0;
}

static uint64_t run_frames(const struct hvo_picture_run *run)
{
	return run->step ? run->count : 1;
}

/* All frames of run i belong to an earlier run. */
static bool run_again(const struct hvo_picture *p, size_t i)
{
	const struct hvo_picture_run *run = &p->runs[i];

	for (size_t j = 0; j < i; j++) {
		const struct hvo_picture_run *old = &p->runs[j];

		if (run->frame >= old->frame &&
		    run->frame + run_frames(run) <=
			old->frame + run_frames(old))
			return true;
	}
	return false;
}

uint64_t hvo_picture_frames(const struct hvo_picture *p, enum hvo_prot prot)
{
	uint64_t n = 0;

	for (size_t i = 0; i < p->n; i++)
		if (p->runs[i].prot == prot && !run_again(p, i))
			n += run_frames(&p->runs[i]);
	return n;
}

/* ---- choosing ------------------------------------------------------- */

#define RUN_WHOLE 9 /* a run of up to so many pages is drawn whole */
#define RUN_FIRST 3 /* of a longer one, the first pages ... */
#define RUN_LAST  2 /* ... and the last */
#define RUNS_MAX  3 /* of more runs, the first two and the last */

uint64_t hvo_picture_frame(const struct hvo_picture *p,
			   const struct hvo_picture_row *row)
{
	const struct hvo_picture_run *run = &p->runs[row->run];

	return run->frame + run->step * (row->page - run->page);
}

static size_t add_pages(struct hvo_picture_row *rows, size_t n, size_t run,
			uint64_t page, uint64_t count)
{
	for (uint64_t i = 0; i < count; i++)
		rows[n++] = (struct hvo_picture_row){
		    .run = run, .page = page + i, .count = 1};
	return n;
}

static size_t add_run(const struct hvo_picture *p, size_t i,
		      struct hvo_picture_row *rows, size_t n)
{
	const struct hvo_picture_run *run = &p->runs[i];
	uint64_t middle = run->count - RUN_FIRST - RUN_LAST;

	if (run->count <= RUN_WHOLE)
		return add_pages(rows, n, i, run->page, run->count);
	n = add_pages(rows, n, i, run->page, RUN_FIRST);
	rows[n++] = (struct hvo_picture_row){
	    .run = i, .page = run->page + RUN_FIRST, .count = middle};
	return add_pages(rows, n, i, run->page + RUN_FIRST + middle, RUN_LAST);
}

size_t hvo_picture_rows(const struct hvo_picture *p,
			struct hvo_picture_row *rows)
{
	size_t n = 0;

	for (size_t i = 0; i < p->n; i++) {
		if (p->n > RUNS_MAX && i == RUNS_MAX - 1) {
			const struct hvo_picture_run *last = &p->runs[p->n - 1];

			rows[n++] = (struct hvo_picture_row){
			    .run = i,
			    .page = p->runs[i].page,
			    .count = last->page - p->runs[i].page,
			    .again = true};
			i = p->n - 1;
		}
		n = add_run(p, i, rows, n);
	}
	return n;
}

/* ---- drawing as text ------------------------------------------------ */

/*
 * A canvas cell holds an ASCII character, or LINE | ends for a line with ends
 * towards the neighbours named, or one of the other signs.
 */
#define LINE  0x80
#define LEFT  0x01
#define RIGHT 0x02
#define UP    0x04
#define DOWN  0x08
#define ARROW 0xa0
#define DOTS  0xa1

#define CANVAS_WIDTH  64
#define CANVAS_HEIGHT (2 * HVO_PICTURE_ROWS)

struct canvas {
	unsigned char cell[CANVAS_HEIGHT][CANVAS_WIDTH];
	int height;
	int width;
};

static const char *const lines_unicode[16] = {" ", "─", "─", "─", "│", "┘",
					      "└", "┴", "│", "┐", "┌", "┬",
					      "│", "┤", "├", "┼"};
static const char lines_ascii[] = " ---|+++|+++|+++";

static void put(struct canvas *c, int y, int x, unsigned char cell)
{
	if (y >= CANVAS_HEIGHT || x >= CANVAS_WIDTH)
		return;
	c->cell[y][x] = cell;
	if (c->height <= y)
		c->height = y + 1;
	if (c->width <= x)
		c->width = x + 1;
}

static void put_text(struct canvas *c, int y, int x, const char *text)
{
	for (; *text; text++)
		put(c, y, x++, (unsigned char)*text);
}

/* A piece of line; where there is one already, both are seen. */
static void put_line(struct canvas *c, int y, int x, unsigned ends)
{
	if (y < CANVAS_HEIGHT && x < CANVAS_WIDTH &&
	    (c->cell[y][x] & 0xf0) == LINE)
		ends |= c->cell[y][x];
	put(c, y, x, (unsigned char)(LINE | ends));
}

/* A box's upper (DOWN) or lower (UP) edge. */
static void put_edge(struct canvas *c, int y, int x, int width, unsigned end)
{
	put_line(c, y, x, RIGHT | end);
	for (int i = 1; i < width - 1; i++)
		put_line(c, y, x + i, LEFT | RIGHT);
	put_line(c, y, x + width - 1, LEFT | end);
}

static void put_sides(struct canvas *c, int y, int x, int width)
{
	put_line(c, y, x, UP | DOWN);
	put_line(c, y, x + width - 1, UP | DOWN);
}

/* Where the columns of a text drawing are. */
struct layout {
	struct hvo_picture_row rows[HVO_PICTURE_ROWS];
	size_t n;
	int line[HVO_PICTURE_ROWS]; /* of each row on the canvas */
	int top;                    /* upper edge of the left box */
	int digits;                 /* of a vmemmap page's number */
	int pages_width;
	int bus_x; /* column where lines to one frame join */
	int frames_x;
	int frames_width;
};

#define GAP 2 /* lines between two boxes of frames: their edges */

static int decimal_digits(uint64_t n)
{
	return snprintf(NULL, 0, "%" PRIu64, n);
}

/* First row after those of the run that begins at row i. */
static size_t run_end(const struct layout *l, size_t i)
{
	size_t run = l->rows[i].run;

	while (i < l->n && l->rows[i].run == run)
		i++;
	return i;
}

/* The rows from i on lead to one frame: they meet in a bus. */
static bool is_bus(const struct hvo_picture *p, const struct layout *l,
		   size_t i)
{
	const struct hvo_picture_run *run = &p->runs[l->rows[i].run];

	return !l->rows[i].again && !run->step && run->count > 1;
}

/* A bus this high has room for its frame's box beside it. */
static bool is_roomy_bus(const struct hvo_picture *p, const struct layout *l,
			 size_t i)
{
	return is_bus(p, l, i) && run_end(l, i) - i >= 4;
}

static void lay_out(const struct hvo_picture *p, struct layout *l)
{
	uint64_t frame = 0;
	int line;

	l->n = hvo_picture_rows(p, l->rows);
	l->top = 2;
	line = l->top + 1;
	for (size_t i = 0; i < l->n; i++) {
		if (i && l->rows[i].run != l->rows[i - 1].run &&
		    !is_roomy_bus(p, l, i))
			line += GAP;
		l->line[i] = line++;
		if (hvo_picture_frame(p, &l->rows[i]) > frame)
			frame = hvo_picture_frame(p, &l->rows[i]);
	}
	l->digits = decimal_digits(p->pages - 1);
	l->pages_width = l->digits + 10;
	l->bus_x = l->pages_width + 2;
	l->frames_x = l->pages_width + 6;
	l->frames_width = decimal_digits(frame) + 4;
}

/* What a vmemmap page has descriptors of. */
static const char *content(const struct hvo_picture *p, uint64_t page)
{
	if (p->headless)
		return "";
	return page ? "tails" : "head";
}

static void draw_pages(const struct hvo_picture *p, const struct layout *l,
		       struct canvas *c)
{
	int bottom = l->line[l->n - 1] + 1;
	char text[32];

	put_edge(c, l->top, 0, l->pages_width, DOWN);
	for (int y = l->top + 1; y < bottom; y++)
		put_sides(c, y, 0, l->pages_width);
	put_edge(c, bottom, 0, l->pages_width, UP);
	for (size_t i = 0; i < l->n; i++) {
		if (l->rows[i].count > 1) {
			put(c, l->line[i], l->digits + 1, DOTS);
			continue;
		}
		snprintf(text, sizeof(text), "%*" PRIu64 " %s", l->digits,
			 l->rows[i].page, content(p, l->rows[i].page));
		put_text(c, l->line[i], 2, text);
	}
}

static void draw_arrow(const struct layout *l, struct canvas *c, int y, int x)
{
	put_line(c, y, x, RIGHT);
	for (x++; x < l->frames_x - 1; x++)
		put_line(c, y, x, LEFT | RIGHT);
	put(c, y, x, ARROW);
}

static void draw_frame(const struct hvo_picture *p, const struct layout *l,
		       struct canvas *c, size_t i, int y)
{
	char text[32];

	put_sides(c, y, l->frames_x, l->frames_width);
	snprintf(text, sizeof(text), "%" PRIu64,
		 hvo_picture_frame(p, &l->rows[i]));
	put_text(c, y, l->frames_x + 2, text);
	put_text(c, y, l->frames_x + l->frames_width + 1,
		 p->runs[l->rows[i].run].prot == HVO_PROT_WRITE ? "rw" : "ro");
}

/* Rows i to end lead to frames of their own. */
static void draw_parallel(const struct hvo_picture *p, const struct layout *l,
			  struct canvas *c, size_t i, size_t end)
{
	put_edge(c, l->line[i] - 1, l->frames_x, l->frames_width, DOWN);
	for (; i < end; i++) {
		if (l->rows[i].count == 1) {
			draw_arrow(l, c, l->line[i], l->pages_width - 1);
			draw_frame(p, l, c, i, l->line[i]);
			continue;
		}
		put_sides(c, l->line[i], l->frames_x, l->frames_width);
		put(c, l->line[i], l->frames_x + 2, DOTS);
	}
	put_edge(c, l->line[end - 1] + 1, l->frames_x, l->frames_width, UP);
}

/* Rows i to end lead to one frame. */
static void draw_bus(const struct hvo_picture *p, const struct layout *l,
		     struct canvas *c, size_t i, size_t end)
{
	int y = l->line[is_roomy_bus(p, l, i) ? (i + end) / 2 : i];

	for (size_t j = i; j < end; j++) {
		put_line(c, l->line[j], l->bus_x,
			 (j > i ? UP : 0) | (j + 1 < end ? DOWN : 0));
		if (l->rows[j].count > 1)
			continue;
		put_line(c, l->line[j], l->pages_width - 1, RIGHT);
		for (int x = l->pages_width; x < l->bus_x; x++)
			put_line(c, l->line[j], x, LEFT | RIGHT);
		put_line(c, l->line[j], l->bus_x, LEFT);
	}
	draw_arrow(l, c, y, l->bus_x);
	put_edge(c, y - 1, l->frames_x, l->frames_width, DOWN);
	draw_frame(p, l, c, i, y);
	put_edge(c, y + 1, l->frames_x, l->frames_width, UP);
}

/* Runs left out, whose frames are in the picture already. */
static void draw_again(const struct layout *l, struct canvas *c, size_t i)
{
	put(c, l->line[i], l->frames_x + 2, DOTS);
	put_text(c, l->line[i], l->frames_x + 4, "the same again");
}

static void draw(const struct hvo_picture *p, struct canvas *c)
{
	struct layout l;
	size_t end;

	memset(c, 0, sizeof(*c));
	lay_out(p, &l);
	put_text(c, 0, 0, p->title);
	put_text(c, 1, 0, "vmemmap");
	put_text(c, 1, l.frames_x, "frames");
	draw_pages(p, &l, c);
	for (size_t i = 0; i < l.n; i = end) {
		end = run_end(&l, i);
		if (l.rows[i].again)
			draw_again(&l, c, i);
		else if (is_bus(p, &l, i))
			draw_bus(p, &l, c, i, end);
		else
			draw_parallel(p, &l, c, i, end);
	}
}

static void print_cell(FILE *out, unsigned char cell, bool unicode)
{
	if (!cell)
		fputc(' ', out);
	else if (cell == ARROW)
		fputs(unicode ? "▶" : ">", out);
	else if (cell == DOTS)
		fputs(unicode ? "⋮" : ":", out);
	else if (cell & LINE && unicode)
		fputs(lines_unicode[cell & 15], out);
	else if (cell & LINE)
		fputc(lines_ascii[cell & 15], out);
	else
		fputc(cell, out);
}

static int line_width(const struct canvas *c, int y)
{
	int width = c->width;

	while (width && !c->cell[y][width - 1])
		width--;
	return width;
}

/* One line of n canvases beside one another, without trailing blanks. */
static void print_line(FILE *out, const struct canvas *c, size_t n, int y,
		       int spacing, bool unicode)
{
	int blanks = 0;

	for (size_t i = 0; i < n; i++) {
		int width = line_width(&c[i], y);

		if (width && blanks)
			fprintf(out, "%*s", blanks, "");
		if (width)
			blanks = 0;
		for (int x = 0; x < width; x++)
			print_cell(out, c[i].cell[y][x], unicode);
		blanks += c[i].width - width + spacing;
	}
	fputc('\n', out);
}

static void print_canvases(FILE *out, const struct canvas *c, size_t n,
			   bool unicode)
{
	int height = 0;

	for (size_t i = 0; i < n; i++)
		if (c[i].height > height)
			height = c[i].height;
	for (int y = 0; y < height; y++)
		print_line(out, c, n, y, 4, unicode);
}

#define BESIDE_MAX 2

void hvo_picture_print(FILE *out, const struct hvo_picture *pictures, size_t n,
		       bool unicode, size_t columns)
{
	struct canvas canvas[BESIDE_MAX];

	for (size_t i = 0; i < n; i++) {
		bool pair = i + 1 < n;

		draw(&pictures[i], &canvas[0]);
		if (pair)
			draw(&pictures[i + 1], &canvas[1]);
		pair = pair && (size_t)(canvas[0].width + 4 +
					canvas[1].width) <= columns;
		print_canvases(out, canvas, pair ? 2 : 1, unicode);
		i += pair;
		if (i + 1 < n)
			fputc('\n', out);
	}
}

bool hvo_picture_unicode(void)
{
	return !strcmp(nl_langinfo(CODESET), "UTF-8");
}
