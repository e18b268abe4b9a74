/* SPDX-License-Identifier: MIT */
/* Numbers and lines in the texts of /proc and /sys. */
#include <string.h>
#include "text.h"

bool hvo_text_number(const char **text, uint64_t *number)
{
	const char *p = *text;
	uint64_t n = 0;

	for (; *p >= '0' && *p <= '9'; p++)
		if (__builtin_mul_overflow(n, UINT64_C(10), &n) ||
		    __builtin_add_overflow(n, (uint64_t)(*p - '0'), &n))
			return false;
	if (p == *text)
		return false;
	*text = p;
	*number = n;
	return true;
}

static const char *skip_blanks(const char *text)
{
	return text + strspn(text, " \t");
}

bool hvo_text_is_number(const char *text, uint64_t *number)
{
	if (!hvo_text_number(&text, number))
		return false;
	text = skip_blanks(text);
	return !*text || (*text == '\n' && !text[1]);
}

const char *hvo_text_next_line(const char *line)
{
	const char *end = strchr(line, '\n');

	return end && end[1] ? end + 1 : NULL;
}

const char *hvo_text_value(const char *text, const char *key)
{
	size_t length = strlen(key);
	bool ends = length && strchr(":=", key[length - 1]);

	for (; text; text = hvo_text_next_line(text)) {
		const char *line = skip_blanks(text);

		if (strncmp(line, key, length))
			continue;
		line += length;
		if (ends || *line == ' ' || *line == '\t')
			return skip_blanks(line);
	}
	return NULL;
}

bool hvo_text_value_number(const char *text, const char *key, uint64_t *number)
{
	const char *value = hvo_text_value(text, key);

	return value && hvo_text_number(&value, number) && *value &&
	       strchr(" \t\n", *value);
}

void hvo_text_copy_line(char *out, size_t size, const char *text)
{
	size_t i;

	for (i = 0; i + 1 < size && text[i] && text[i] != '\n'; i++)
		out[i] = text[i] >= ' ' && text[i] <= '~' ? text[i] : '?';
	out[i] = '\0';
}
