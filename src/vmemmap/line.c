/* SPDX-License-Identifier: MIT */
#include "hvo/line.h"

void hvo_line_text(struct hvo_line *line, const char *text)
{
	while (*text && line->used < line->size - 1)
		line->text[line->used++] = *text++;
	line->text[line->used] = '\0';
}

void hvo_line_number(struct hvo_line *line, uint64_t n, unsigned base,
		     size_t least)
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

void hvo_line_hex(struct hvo_line *line, uint64_t n, size_t least)
{
	hvo_line_text(line, "0x");
	hvo_line_number(line, n, 16, least);
}

void hvo_line_field(struct hvo_line *line, const char *name, uint64_t n)
{
	hvo_line_text(line, line->used ? ", " : "");
	hvo_line_text(line, name);
	hvo_line_text(line, " ");
	hvo_line_number(line, n, 10, 0);
}
