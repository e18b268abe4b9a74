/* SPDX-License-Identifier: MIT */
/*
 * Reads /proc/meminfo and the control groups' files. Keeps nothing.
 */
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include "room.h"

#define PATH 4096

/* The number after a word at the start of a line; false if there is none. */
static bool find_number(const char *path, const char *word, uint64_t *number)
{
	FILE *file = fopen(path, "re");
	size_t length = strlen(word);
	char line[256];
	bool found = false;

	if (!file)
		return false;
	while (!found && fgets(line, sizeof(line), file))
		found = !strncmp(line, word, length) &&
			sscanf(line + length, "%" SCNu64, number) == 1;
	fclose(file);
	return found;
}

/* A number in a file of the group's directory; "max" is none. */
static bool group_number(const char *dir, const char *name, const char *word,
			 uint64_t *number)
{
	char path[PATH + 64];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return find_number(path, word, number);
}

/* What one group leaves, where the files have these names. */
static uint64_t group_room(const char *dir, const char *limit_name,
			   const char *usage_name)
{
	uint64_t limit, usage, cache = 0, part;

	if (!group_number(dir, limit_name, "", &limit) ||
	    !group_number(dir, usage_name, "", &usage))
		return UINT64_MAX;
	/* Cached file contents count as usage and give way. */
	if (group_number(dir, "memory.stat", "inactive_file ", &part))
		cache += part;
	if (group_number(dir, "memory.stat", "active_file ", &part))
		cache += part;
	usage -= usage < cache ? usage : cache;
	return limit > usage ? limit - usage : 0;
}

/* The least that a group and those above it leave. */
static uint64_t groups_room(const char *root, const char *group,
			    const char *limit_name, const char *usage_name)
{
	uint64_t least = UINT64_MAX;
	char dir[PATH];
	size_t top = strlen(root);
	char *slash;

	if (snprintf(dir, sizeof(dir), "%s%s", root, group) >= PATH)
		return least;
	do {
		uint64_t room = group_room(dir, limit_name, usage_name);

		if (room < least)
			least = room;
		slash = strrchr(dir, '/');
		*slash = '\0';
	} while (strlen(dir) >= top);
	return least;
}

/* One line of /proc/self/cgroup: number:controllers:group. */
static uint64_t line_room(char *line)
{
	char *controllers = strchr(line, ':');
	char *group = controllers ? strchr(controllers + 1, ':') : NULL;

	if (!group)
		return UINT64_MAX;
	*controllers++ = '\0';
	*group++ = '\0';
	group[strcspn(group, "\n")] = '\0';
	if (!*controllers)
		return groups_room("/sys/fs/cgroup", group, "memory.max",
				   "memory.current");
	if (!strcmp(controllers, "memory"))
		return groups_room("/sys/fs/cgroup/memory", group,
				   "memory.limit_in_bytes",
				   "memory.usage_in_bytes");
	return UINT64_MAX;
}

static uint64_t cgroup_room(void)
{
	FILE *file = fopen("/proc/self/cgroup", "re");
	uint64_t least = UINT64_MAX;
	char line[PATH];

	if (!file)
		return least;
	while (fgets(line, sizeof(line), file)) {
		uint64_t room = line_room(line);

		if (room < least)
			least = room;
	}
	fclose(file);
	return least;
}

uint64_t hvo_room(void)
{
	uint64_t host = UINT64_MAX, kib, groups = cgroup_room();

	if (find_number("/proc/meminfo", "MemAvailable:", &kib))
		host = kib * 1024;
	return groups < host ? groups : host;
}
