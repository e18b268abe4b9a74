/* SPDX-License-Identifier: MIT */
/*
 * Pictures as SVG: a panel for each, a legend below. Positions are computed
 * from the lines that hvo_picture_rows() chooses; colours and type are in the
 * style sheet, which follows the reader's light or dark scheme.
 *
 * A frame that more than one line leads to is drawn once, and so are frames
 * that stand for those left out.
 */
#include <inttypes.h>
#include <stdlib.h>
#include "picture.h"
#include "size.h"

#define MARGIN      32
#define HEAD        130 /* title, subtitle, the panels' titles */
#define FOOT        84  /* the legend */
#define ROW         34  /* from one line to the next */
#define BOX         28  /* of it, what is drawn */
#define PAGE_WIDTH  136
#define FRAME_WIDTH 118
#define MIDDLE      118 /* between the two columns */
#define PANEL       (PAGE_WIDTH + MIDDLE + FRAME_WIDTH)
#define BETWEEN     64 /* panels */

static const char style[] =
    "  <style>\n"
    "    text { font: 13px system-ui, 'Segoe UI', 'DejaVu Sans', sans-serif;\n"
    "      fill: #1f2328 }\n"
    "    .paper { fill: #ffffff }\n"
    "    .title { font-size: 19px; font-weight: 600 }\n"
    "    .panel { font-size: 15px; font-weight: 600 }\n"
    "    .dim { fill: #59636e }\n"
    "    .nr { font-family: ui-monospace, 'DejaVu Sans Mono', monospace }\n"
    "    .own { fill: #ddf4ff; stroke: #0969da }\n"
    "    .shared { fill: #fff1d6; stroke: #9a6700 }\n"
    "    .freed { fill: none; stroke: #818b98; stroke-dasharray: 5 4 }\n"
    "    .line { fill: none; stroke-width: 1.6 }\n"
    "    .to-own { stroke: #0969da }\n"
    "    .to-shared { stroke: #9a6700 }\n"
    "    .tip-own { fill: #0969da }\n"
    "    .tip-shared { fill: #9a6700 }\n"
    "    @media (prefers-color-scheme: dark) {\n"
    "      text { fill: #f0f6fc }\n"
    "      .paper { fill: #0d1117 }\n"
    "      .dim { fill: #9198a1 }\n"
    "      .own { fill: #12315c; stroke: #4493f8 }\n"
    "      .shared { fill: #3b2a07; stroke: #d29922 }\n"
    "      .freed { stroke: #656c76 }\n"
    "      .to-own { stroke: #4493f8 }\n"
    "      .to-shared { stroke: #d29922 }\n"
    "      .tip-own { fill: #4493f8 }\n"
    "      .tip-shared { fill: #d29922 }\n"
    "    }\n"
    "  </style>\n"
    "  <defs>\n"
    "    <marker id=\"own\" viewBox=\"0 0 8 8\" refX=\"7\" refY=\"4\"\n"
    "      markerWidth=\"7\" markerHeight=\"7\" orient=\"auto\">\n"
    "      <path class=\"tip-own\" d=\"M0 0L8 4L0 8z\"/></marker>\n"
    "    <marker id=\"shared\" viewBox=\"0 0 8 8\" refX=\"7\" refY=\"4\"\n"
    "      markerWidth=\"7\" markerHeight=\"7\" orient=\"auto\">\n"
    "      <path class=\"tip-shared\" d=\"M0 0L8 4L0 8z\"/></marker>\n"
    "  </defs>\n";

/* ---- where things are ----------------------------------------------- */

/* A box in the column of frames. */
struct box {
	uint64_t frame;
	uint64_t count; /* 1, or how many this box stands for */
	const char *class;
	int row;
};

struct panel {
	const struct hvo_picture *picture;
	struct hvo_picture_row rows[HVO_PICTURE_ROWS];
	size_t row_count;
	struct box boxes[2 * HVO_PICTURE_ROWS];
	size_t box_count;
	int x;
	int height; /* in lines */
};

static const struct hvo_picture_run *run_of(const struct panel *panel,
					    size_t row)
{
	return &panel->picture->runs[panel->rows[row].run];
}

static const char *class_of(const struct panel *panel, size_t row)
{
	return run_of(panel, row)->prot == HVO_PROT_WRITE ? "own" : "shared";
}

/* The box of the frame that a line leads to, or NULL. */
static struct box *find_box(struct panel *panel, size_t row)
{
	uint64_t frame = hvo_picture_frame(panel->picture, &panel->rows[row]);

	for (size_t i = 0; i < panel->box_count; i++)
		if (panel->boxes[i].frame == frame)
			return &panel->boxes[i];
	return NULL;
}

static void add_box(struct panel *panel, uint64_t frame, uint64_t count,
		    const char *class, int row)
{
	panel->boxes[panel->box_count++] = (struct box){
	    .frame = frame, .count = count, .class = class, .row = row};
}

/* Lines that lead from row on to the frame that row's page leads to. */
static int lines_to_frame(const struct panel *panel, size_t row)
{
	int n = 0;

	while (row + (size_t)n < panel->row_count &&
	       panel->rows[row + (size_t)n].run == panel->rows[row].run)
		n++;
	return run_of(panel, row)->step ? 1 : n;
}

/* Frames stand beside the lines that lead to them, if they can. */
static void place_frames(struct panel *panel)
{
	int next = 0;

	for (size_t i = 0; i < panel->row_count; i++) {
		const struct hvo_picture_row *row = &panel->rows[i];
		int lines = lines_to_frame(panel, i);
		int at = (int)i + (lines - 1) / 2;

		if (row->again || find_box(panel, i))
			continue;
		if (at < next)
			at = next;
		add_box(panel, hvo_picture_frame(panel->picture, row),
			run_of(panel, i)->step ? row->count : 1,
			class_of(panel, i), at);
		next = at + 1;
	}
	panel->height =
	    next > (int)panel->row_count ? next : (int)panel->row_count;
}

/*
 * Beside an optimized huge page stand the frames that the full one had, where
 * they were, and below them those that are shared.
 */
static void place_freed(struct panel *panel, const struct panel *before)
{
	int below = before->height + 1;

	for (size_t i = 0; i < panel->box_count; i++)
		if (panel->boxes[i].class[0] == 's')
			panel->boxes[i].row = below++;
	if (panel->height < below)
		panel->height = below;
	for (size_t i = 0; i < before->box_count; i++) {
		const struct box *old = &before->boxes[i];
		bool kept = false;

		for (size_t j = 0; j < panel->box_count; j++)
			kept |= panel->boxes[j].frame == old->frame;
		if (!kept)
			add_box(panel, old->frame, old->count, "freed",
				old->row);
	}
}

static int row_y(int row)
{
	return HEAD + row * ROW;
}

/* ---- drawing ---------------------------------------------------------- */

static void draw_text(FILE *out, int x, int y, const char *class,
		      const char *text)
{
	fprintf(out, "  <text x=\"%d\" y=\"%d\" class=\"%s\">%s</text>\n", x, y,
		class, text);
}

static void draw_rect(FILE *out, int x, int y, int width, const char *class)
{
	fprintf(out,
		"  <rect x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" "
		"rx=\"4\" class=\"%s\"/>\n",
		x, y, width, BOX, class);
}

static void draw_page(FILE *out, const struct panel *panel, size_t i)
{
	const struct hvo_picture_row *row = &panel->rows[i];
	int y = row_y((int)i);
	char text[64];

	if (row->count > 1) {
		snprintf(text, sizeof(text), "%" PRIu64 " more", row->count);
		draw_text(out, panel->x + 12, y + 19, "dim", text);
		return;
	}
	draw_rect(out, panel->x, y, PAGE_WIDTH, class_of(panel, i));
	snprintf(text, sizeof(text), "%" PRIu64, row->page);
	draw_text(out, panel->x + 12, y + 19, "nr", text);
	draw_text(out, panel->x + PAGE_WIDTH - 44, y + 19, "",
		  row->page ? "tails" : "head");
}

static void draw_box(FILE *out, const struct panel *panel,
		     const struct box *box)
{
	int x = panel->x + PAGE_WIDTH + MIDDLE;
	char text[64];

	if (box->count > 1) {
		snprintf(text, sizeof(text), "%" PRIu64 " more", box->count);
		draw_text(out, x + 12, row_y(box->row) + 19, "dim", text);
		return;
	}
	draw_rect(out, x, row_y(box->row), FRAME_WIDTH, box->class);
	snprintf(text, sizeof(text), "%" PRIu64, box->frame);
	draw_text(out, x + 12, row_y(box->row) + 19,
		  box->class[0] == 'f' ? "nr dim" : "nr", text);
	draw_text(out, x + FRAME_WIDTH - 44, row_y(box->row) + 19, "dim",
		  box->class[0] == 'f'   ? "freed"
		  : box->class[0] == 'o' ? "rw"
					 : "ro");
}

static void draw_line(FILE *out, struct panel *panel, size_t i)
{
	const struct box *box = find_box(panel, i);
	int x = panel->x + PAGE_WIDTH;
	int end = x + MIDDLE - 3;
	const char *class = class_of(panel, i);

	if (panel->rows[i].count > 1 || !box)
		return;
	int from = row_y((int)i) + BOX / 2;
	int to = row_y(box->row) + BOX / 2;

	fprintf(out,
		"  <path class=\"line to-%s\" marker-end=\"url(#%s)\" "
		"d=\"M%d %dC%d %d %d %d %d %d\"/>\n",
		class, class, x, from, x + MIDDLE / 2, from, end - MIDDLE / 2,
		to, end, to);
}

static void draw_panel(FILE *out, struct panel *panel)
{
	const struct hvo_picture *p = panel->picture;
	uint64_t own = hvo_picture_frames(p, HVO_PROT_WRITE);
	uint64_t shared = hvo_picture_frames(p, HVO_PROT_READ);
	char text[160];

	snprintf(text, sizeof(text), "%s: %" PRIu64 " own frame%s%s", p->title,
		 own, own == 1 ? "" : "s", shared ? ", the rest shared" : "");
	draw_text(out, panel->x, HEAD - 34, "panel", text);
	draw_text(out, panel->x, HEAD - 12, "dim", "vmemmap pages");
	draw_text(out, panel->x + PAGE_WIDTH + MIDDLE, HEAD - 12, "dim",
		  "frames");
	for (size_t i = 0; i < panel->row_count; i++)
		draw_line(out, panel, i);
	for (size_t i = 0; i < panel->row_count; i++)
		draw_page(out, panel, i);
	for (size_t i = 0; i < panel->box_count; i++)
		draw_box(out, panel, &panel->boxes[i]);
}

static int draw_key(FILE *out, int x, int y, const char *class,
		    const char *text, int width)
{
	fprintf(out,
		"  <rect x=\"%d\" y=\"%d\" width=\"22\" height=\"14\" "
		"rx=\"3\" class=\"%s\"/>\n",
		x, y - 11, class);
	draw_text(out, x + 30, y, "dim", text);
	return x + 30 + width;
}

static void draw_legend(FILE *out, int y, bool shared, bool freed)
{
	int x = draw_key(out, MARGIN, y, "own", "read-write, its own", 150);

	if (shared)
		x = draw_key(out, x, y, "shared",
			     "read-only, shared by all of its size", 250);
	if (freed)
		draw_key(out, x, y, "freed", "given back", 100);
	draw_text(out, MARGIN, y + 26, "dim",
		  "Frame numbers and permissions are those that were mapped "
		  "when this was drawn.");
}

static void draw_heading(FILE *out, int width, int height,
			 const struct hvo_picture_text *text)
{
	fprintf(out,
		"<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" "
		"height=\"%d\" viewBox=\"0 0 %d %d\" role=\"img\" "
		"aria-labelledby=\"t d\">\n"
		"  <title id=\"t\">%s</title>\n"
		"  <desc id=\"d\">%s. Vmemmap pages on the left, the frames "
		"they lead to on the right.</desc>\n",
		width, height, width, height, text->title, text->subtitle);
	fputs(style, out);
	fprintf(out, "  <rect width=\"%d\" height=\"%d\" class=\"paper\"/>\n",
		width, height);
	draw_text(out, MARGIN, 40, "title", text->title);
	draw_text(out, MARGIN, 62, "dim", text->subtitle);
}

void hvo_picture_svg(FILE *out, const struct hvo_picture *pictures, size_t n,
		     const struct hvo_picture_text *text)
{
	struct panel panels[2] = {0};
	bool shared = false;
	int height = 0;

	for (size_t i = 0; i < n; i++) {
		panels[i].picture = &pictures[i];
		panels[i].x = MARGIN + (int)i * (PANEL + BETWEEN);
		panels[i].row_count =
		    hvo_picture_rows(&pictures[i], panels[i].rows);
		place_frames(&panels[i]);
		if (i)
			place_freed(&panels[i], &panels[0]);
		if (panels[i].height > height)
			height = panels[i].height;
		shared |= hvo_picture_frames(&pictures[i], HVO_PROT_READ) > 0;
	}

	int width = 2 * MARGIN + (int)n * PANEL + (int)(n - 1) * BETWEEN;

	/* The title and the legend need some width. */
	if (width < 620)
		width = 620;
	draw_heading(out, width, row_y(height) + FOOT, text);
	for (size_t i = 0; i < n; i++)
		draw_panel(out, &panels[i]);
	draw_legend(out, row_y(height) + 24, shared, n > 1);
	fputs("</svg>\n", out);
}
