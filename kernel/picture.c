/* SPDX-License-Identifier: MIT */
#include "picture.h"
#include "print.h"

/* Of more pages than there are rows, so many at the beginning and the end. */
#define FIRST 4
#define LAST  4

/* ---- taking -------------------------------------------------------------- */

static void take_page(struct kernel_picture *p, struct kernel_memory *memory,
		      hvo_pfn_t pfn, uint64_t page)
{
	uintptr_t va = memory->config.base + pfn * sizeof(struct hvo_page) +
		       page * KERNEL_PAGE;

	p->row[p->rows++] = (struct kernel_picture_row){
	    .page = page,
	    .count = 1,
	    .to = hvo_port_translate(memory->port, (void *)va),
	};
}

void kernel_picture_take(struct kernel_picture *picture,
			 struct kernel_memory *memory, hvo_pfn_t pfn,
			 unsigned order)
{
	uint64_t pages = (sizeof(struct hvo_page) << order) / KERNEL_PAGE;
	bool whole = pages <= KERNEL_PICTURE_ROWS;

	picture->rows = 0;
	for (uint64_t i = 0; i < (whole ? pages : FIRST); i++)
		take_page(picture, memory, pfn, i);
	if (whole)
		return;
	picture->row[picture->rows++] = (struct kernel_picture_row){
	    .page = FIRST,
	    .count = pages - FIRST - LAST,
	};
	for (uint64_t i = pages - LAST; i < pages; i++)
		take_page(picture, memory, pfn, i);
}

/* ---- drawing ------------------------------------------------------------- */

static bool same_frame(const struct kernel_picture *p, unsigned a, unsigned b)
{
	return b < p->rows && p->row[a].count == 1 && p->row[b].count == 1 &&
	       p->row[a].to.frame.nr == p->row[b].to.frame.nr;
}

/* What follows and precedes a row that is left out is alike if they are. */
static bool joins(const struct kernel_picture *p, unsigned above,
		  unsigned below)
{
	if (below < p->rows && p->row[below].count > 1)
		below++;
	if (above < p->rows && p->row[above].count > 1)
		above--;
	return above < p->rows && same_frame(p, above, below);
}

/* One row of one picture; returns columns used behind its box. */
static int draw_row(const struct kernel_picture *p, unsigned i)
{
	static const char *const lines[2][2] = {{"├─▶", "├┬▶"}, {"├┘", "├┤"}};
	const struct kernel_picture_row *row = &p->row[i];
	bool up = i && joins(p, i - 1, i), down = joins(p, i, i + 1);

	if (row->count > 1) {
		kernel_print("│      ...   │%s", up ? "│" : "");
		return up;
	}
	kernel_print("│ %4llu %s %s", (unsigned long long)row->page,
		     row->page ? "tails" : "head ", lines[up][down]);
	if (up)
		return 1;
	kernel_print(" %10llu %s", (unsigned long long)row->to.frame.nr,
		     row->to.prot == HVO_PROT_WRITE ? "rw" : "ro");
	return 16;
}

static void draw_edges(const char *edge)
{
	kernel_print("%s%18s%s\n", edge, "", edge);
}

void kernel_picture_draw(const struct kernel_picture *before,
			 const struct kernel_picture *now)
{
	kernel_print("%-32soptimized\n", "before");
	kernel_print("%-18s%-14s%-18sframes\n", "vmemmap", "frames", "vmemmap");
	draw_edges("┌────────────┐");
	for (unsigned i = 0; i < before->rows; i++) {
		kernel_print("%*s", 18 - draw_row(before, i), "");
		draw_row(now, i);
		kernel_print("\n");
	}
	draw_edges("└────────────┘");
}
