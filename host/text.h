/* SPDX-License-Identifier: MIT */
/*
 * Numbers and lines in the texts of /proc and /sys. Pure functions.
 */
#ifndef HVO_HOST_TEXT_H
#define HVO_HOST_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The decimal number that *text begins with; *text is moved behind it. False,
 * and *text as it was, when there is none or it does not fit.
 */
bool hvo_text_number(const char **text, uint64_t *number);

/* The text is a number and nothing else but blanks and a newline behind it. */
bool hvo_text_is_number(const char *text, uint64_t *number);

/*
 * What follows `key` on the first line that begins with it (blanks before it
 * aside), blanks skipped; NULL if there is none. The key is a whole word: a
 * blank follows, or it ends in ':' or '='.
 */
const char *hvo_text_value(const char *text, const char *key);

/*
 * The number there; false if there is no such line, or no number in it, or
 * the text ends with it: it may be cut off.
 */
bool hvo_text_value_number(const char *text, const char *key, uint64_t *number);

/* The start of the next line, NULL behind the last. */
const char *hvo_text_next_line(const char *line);

/* Copy up to the end of the line, cut to fit; unprintable bytes become '?'. */
void hvo_text_copy_line(char *out, size_t size, const char *text);

#endif
