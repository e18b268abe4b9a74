/* SPDX-License-Identifier: MIT */
/*
 * A line of text in a caller's buffer: what dumps and messages need of
 * formatting where there is no C library. What does not fit is cut off; the
 * text always ends with a NUL.
 */
#ifndef HVO_LINE_H
#define HVO_LINE_H

#include <stddef.h>
#include <stdint.h>

#define HVO_LINE_MAX 240 /* enough for every line that the library prints */

struct hvo_line {
	char *text;
	size_t size; /* of text, at least 1 */
	size_t used; /* without the NUL */
};

static inline struct hvo_line hvo_line_in(char *text, size_t size)
{
	text[0] = '\0';
	return (struct hvo_line){text, size, 0};
}

static inline void hvo_line_clear(struct hvo_line *line)
{
	line->used = 0;
	line->text[0] = '\0';
}

void hvo_line_text(struct hvo_line *line, const char *text);

/* A number in base 10 or 16, of at least `least` digits. */
void hvo_line_number(struct hvo_line *line, uint64_t n, unsigned base,
		     size_t least);

/* The same in base 16, behind "0x". */
void hvo_line_hex(struct hvo_line *line, uint64_t n, size_t least);

/* ", name n", without the comma at a line's start. */
void hvo_line_field(struct hvo_line *line, const char *name, uint64_t n);

#endif
