/* SPDX-License-Identifier: MIT */
/* Directories of sysfs whose entries are numbered. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "text.h"
#include "tree.h"

/* More than any host has: blocks of 128 MiB of 128 TiB. */
#define ENTRIES (1u << 20)

/* NAME is PREFIX, a number as printf writes it, SUFFIX. */
static bool parse_name(const char *name, const char *prefix, const char *suffix,
		       uint64_t *number)
{
	size_t skip = strlen(prefix);
	const char *text = name + skip;
	char again[32];

	if (strncmp(name, prefix, skip) || !hvo_text_number(&text, number))
		return false;
	snprintf(again, sizeof(again), "%" PRIu64, *number);
	return (size_t)(text - name) == skip + strlen(again) &&
	       !strcmp(text, suffix);
}

static int ascending(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/* Append to a list whose room doubles; false for want of memory. */
static bool append(uint64_t **list, size_t *count, uint64_t number)
{
	uint64_t *grown = *list;

	if (!(*count & (*count - 1)))
		grown = realloc(*list, (*count ? *count * 2 : 1) * 8);
	if (!grown)
		return false;
	*list = grown;
	grown[(*count)++] = number;
	return true;
}

/* Append all that fit the pattern; false and errno if they are too many. */
static bool collect(DIR *directory, const char *prefix, const char *suffix,
		    uint64_t **list, size_t *count)
{
	const struct dirent *entry;
	uint64_t number;

	while ((entry = readdir(directory))) {
		if (!parse_name(entry->d_name, prefix, suffix, &number))
			continue;
		if (*count == ENTRIES) {
			errno = EFBIG;
			return false;
		}
		if (!append(list, count, number))
			return false;
	}
	return true;
}

uint64_t *hvo_host_list_numbers(struct hvo_host *host, const char *path,
				const char *prefix, const char *suffix,
				size_t *count)
{
	int fd = hvo_host_open_file(host, path, O_DIRECTORY), error;
	DIR *directory = fd < 0 ? NULL : fdopendir(fd);
	uint64_t *list = directory ? calloc(1, sizeof(*list)) : NULL;
	bool whole;

	*count = 0;
	whole = list && collect(directory, prefix, suffix, &list, count);
	error = errno;
	if (directory)
		closedir(directory);
	else if (fd >= 0)
		close(fd);
	if (whole) {
		qsort(list, *count, sizeof(*list), ascending);
		return list;
	}
	host->no_memory |= error == ENOMEM;
	free(list);
	*count = 0;
	errno = error;
	return NULL;
}
