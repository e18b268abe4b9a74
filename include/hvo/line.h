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

static inline void hvo_line_text(struct hvo_line *line, const char *text)
{
	while (*text && line->used < line->size - 1)
		line->text[line->used++] = *text++;
	line->text[line->used] = '\0';
}

/* A number in base 10 or 16, of at least `least` digits. */
static inline void hvo_line_number(struct hvo_line *line, uint64_t n,
				   unsigned base, size_t least)
{
	char digits[24];
	size_t at = sizeof(digits) - 1;
	size_t enough = at - (least ? least : 1);

	digits[at] = '\0';
	do {
		digits[--at] = "0123456789abcdef"[n % base];
		n /= base;
	} while (n || at > enough);
	hvo_line_text(line, digits + at);
}

static inline void hvo_line_hex(struct hvo_line *line, uint64_t n, size_t least)
{
	hvo_line_text(line, "0x");
	hvo_line_number(line, n, 16, least);
}

/* ", name n", without the comma at a line's start. */
static inline void hvo_line_field(struct hvo_line *line, const char *name,
				  uint64_t n)
{
	hvo_line_text(line, line->used ? ", " : "");
	hvo_line_text(line, name);
	hvo_line_text(line, " ");
	hvo_line_number(line, n, 10, 0);
}

#endif
