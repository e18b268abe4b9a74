/* SPDX-License-Identifier: MIT */
/*
 * Sizes as people write and read them. Pure functions.
 */
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include "size.h"

static const char units[] = "BKMGTPE";

/*
 * Digits from *text on; advances it. Says `none` when there are none.
 */
static const char *parse_digits(const char **text, uint64_t *number,
				const char *none)
{
	uint64_t n = 0;

	if (**text < '0' || **text > '9')
		return none;
	for (; **text >= '0' && **text <= '9'; (*text)++) {
		unsigned digit = (unsigned)(**text - '0');

		if (n > (UINT64_MAX - digit) / 10)
			return "is too large";
		n = n * 10 + digit;
	}
	*number = n;
	return NULL;
}

/* The power of 2 that a unit stands for, or -1. */
static int unit_shift(const char *text)
{
	const char *unit;

	if (!*text || !strcasecmp(text, "B"))
		return 0;
	unit = strchr(units + 1, *text >= 'a' ? *text - 'a' + 'A' : *text);
	if (!unit)
		return -1;
	text++;
	if (*text && strcasecmp(text, "B") && strcasecmp(text, "iB"))
		return -1;
	return (int)(unit - units) * 10;
}

const char *hvo_size_parse(const char *text, uint64_t *bytes)
{
	uint64_t number;
	const char *wrong = parse_digits(&text, &number,
					 "is not a size: write 2M, 2MiB, "
					 "2048kB, 1G or a number of bytes");
	int shift;

	if (wrong)
		return wrong;
	shift = unit_shift(text);
	if (shift < 0)
		return "has an unknown unit: write 2M, 2MiB, 2048kB, 1G "
		       "or a number of bytes";
	if (number > UINT64_MAX >> shift)
		return "is too large";
	*bytes = number << shift;
	return NULL;
}

const char *hvo_number_parse(const char *text, uint64_t *number)
{
	const char *wrong = parse_digits(&text, number, "is not a number");

	return wrong ? wrong : *text ? "is not a number" : NULL;
}

const char *hvo_size_format(uint64_t bytes, char out[HVO_SIZE_TEXT])
{
	unsigned unit = 0;
	unsigned whole, part; /* in units; in 1024ths of one, rounded down */

	while (units[unit + 1] && bytes >> (unit + 1) * 10)
		unit++;
	if (!unit) {
		snprintf(out, HVO_SIZE_TEXT, "%u B", (unsigned)bytes);
		return out;
	}
	whole = (unsigned)(bytes >> unit * 10);
	part = (unsigned)(bytes >> (unit - 1) * 10 & 1023) * 100 / 1024;
	if (!part)
		snprintf(out, HVO_SIZE_TEXT, "%u %ciB", whole, units[unit]);
	else if (part % 10)
		snprintf(out, HVO_SIZE_TEXT, "%u.%02u %ciB", whole, part,
			 units[unit]);
	else
		snprintf(out, HVO_SIZE_TEXT, "%u.%u %ciB", whole, part / 10,
			 units[unit]);
	return out;
}
