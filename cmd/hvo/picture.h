/* SPDX-License-Identifier: MIT */
/*
 * Drawings of one huge page's descriptors: its vmemmap pages on the left, the
 * frames they lead to on the right. What is drawn is what the port's tables
 * say (hvo_port_translate()), not what they ought to say.
 *
 * A drawing is made of runs: consecutive vmemmap pages that lead, with the
 * same permission, either to consecutive frames or all to one frame. Long runs,
 * and runs that lead to frames drawn before, are drawn with their middle left
 * out.
 */
#ifndef HVO_PICTURE_H
#define HVO_PICTURE_H

#include <stdbool.h>
#include <stdio.h>
#include "hvo/port.h"
#include "hvo/vmemmap.h"

struct hvo_picture_run {
	uint64_t page;  /* first vmemmap page, counted from the huge page's */
	uint64_t count; /* vmemmap pages */
	uint64_t frame; /* of the first one */
	unsigned step;  /* 1: frames follow one another; 0: one for all */
	enum hvo_prot prot;
};

struct hvo_picture {
	char title[96];
	uint64_t pages; /* vmemmap pages of the huge page */
	bool headless;  /* drawn as text: of no huge page, without a head */
	size_t n;
	struct hvo_picture_run *runs;
};

/*
 * Look where the descriptors of the folio at pfn lead now. Returns 0, or -1
 * when memory for the runs is wanting. No transition of the folio may be
 * under way. hvo_picture_free() gives the runs back and may be called twice.
 */
int hvo_picture_take(struct hvo_picture *picture, const struct hvo_vmemmap *map,
		     struct hvo_port *port, hvo_pfn_t pfn, unsigned order);
void hvo_picture_free(struct hvo_picture *picture);

/*
 * Add the next vmemmap page to a picture that began as {0}, and where it
 * leads. Returns 0, or -1 when memory is wanting.
 */
int hvo_picture_add(struct hvo_picture *picture, struct hvo_translation t);

/* Different frames that a picture's pages with this permission lead to. */
uint64_t hvo_picture_frames(const struct hvo_picture *picture,
			    enum hvo_prot prot);

/*
 * One line of a drawing: a vmemmap page, or several left out. Lines of one
 * run stand together.
 */
struct hvo_picture_row {
	size_t run;
	uint64_t page;  /* first of those that the line stands for */
	uint64_t count; /* 1, or how many are left out */
	bool again;     /* left out: runs to frames that were drawn before */
};

#define HVO_PICTURE_ROWS 48

/* Choose the lines; returns how many of rows[HVO_PICTURE_ROWS] they fill. */
size_t hvo_picture_rows(const struct hvo_picture *picture,
			struct hvo_picture_row *rows);

/* The frame that a line's first page leads to. */
uint64_t hvo_picture_frame(const struct hvo_picture *picture,
			   const struct hvo_picture_row *row);

/*
 * Print n pictures as text: beside one another where columns suffice, else
 * one below the other. With unicode, lines are box-drawing characters (UTF-8),
 * otherwise ASCII.
 */
void hvo_picture_print(FILE *out, const struct hvo_picture *pictures, size_t n,
		       bool unicode, size_t columns);

/* The locale's encoding is UTF-8 (setlocale() has been called). */
bool hvo_picture_unicode(void);

/* What an SVG drawing tells besides its pictures. */
struct hvo_picture_text {
	const char *title;
	const char *subtitle;
	uint64_t page_bytes; /* of a base page */
};

/*
 * Write one or two pictures (before, after) as an SVG drawing. Frames that the
 * second no longer leads to are drawn as given back.
 */
void hvo_picture_svg(FILE *out, const struct hvo_picture *pictures, size_t n,
		     const struct hvo_picture_text *text);

#endif
