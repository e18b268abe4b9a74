/* SPDX-License-Identifier: MIT */
/*
 * /proc/zoneinfo (proc(5)), as much of it as tells how much memory there is:
 *
 *   Node 0, zone   Normal
 *     ...
 *           spanned  5505024
 *           present  5505024
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "figure.h"
#include "parts.h"
#include "text.h"

/* What the sums are made of. */
struct sums {
	uint64_t present, device;
	unsigned zones, presents; /* lines of either kind */
	bool in_device;           /* the zone that the line belongs to */
	bool good;
};

/* The zone that the line is the heading of, or NULL. */
static const char *zone_name(const char *line)
{
	const char *zone;
	uint64_t node;

	if (strncmp(line, "Node ", 5))
		return NULL;
	line += 5;
	if (!hvo_text_number(&line, &node) || strncmp(line, ", zone", 6))
		return NULL;
	zone = line + 6;
	return zone + strspn(zone, " ");
}

/* Add the number behind the key to *sum. */
static bool add(const char *text, uint64_t *sum)
{
	uint64_t number;

	text += strspn(text, " ");
	return hvo_text_number(&text, &number) && *text == '\n' &&
	       !__builtin_add_overflow(*sum, number, sum);
}

static void take_line(const char *line, struct sums *sums)
{
	const char *zone = zone_name(line);

	if (zone) {
		sums->in_device = !strncmp(zone, "Device\n", 7);
		sums->zones++;
		return;
	}
	line += strspn(line, " ");
	if (!strncmp(line, "present ", 8)) {
		sums->presents++;
		sums->good &= add(line + 8, &sums->present);
	} else if (sums->in_device && !strncmp(line, "spanned ", 8)) {
		sums->good &= add(line + 8, &sums->device);
	}
}

struct hvo_host_zones hvo_host_read_zones(struct hvo_host *host)
{
	struct hvo_host_zones zones = {.why = "it makes no sense"};
	struct sums sums = {.good = true};
	size_t length;
	char *text = hvo_host_read(host, "/proc/zoneinfo", &length);

	if (!text) {
		zones.why = hvo_host_why(errno);
		return zones;
	}
	for (const char *line = text; line; line = hvo_text_next_line(line))
		take_line(line, &sums);
	free(text);
	zones.present = sums.present;
	zones.device = sums.device;
	/* Each zone has one such line, unless the file is cut off. */
	zones.known = sums.good && sums.present && sums.zones == sums.presents;
	return zones;
}
