/* SPDX-License-Identifier: MIT */
/*
 * Device DAX ranges. Source: Linux's Documentation/ABI/testing/sysfs-bus-dax.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "figure.h"
#include "parts.h"

#define DEVICES "/sys/bus/dax/devices"
#define RANGES  4096 /* more than any host has */

static uint64_t number_of(struct hvo_host *host, const char *name,
			  const char *file)
{
	char path[sizeof(DEVICES) + 320];
	struct hvo_host_figure figure;

	snprintf(path, sizeof(path), DEVICES "/%s/%s", name, file);
	figure = hvo_host_number(host, path);
	return figure.value;
}

static void read_range(struct hvo_host *host, const char *name,
		       struct hvo_host_dax *dax)
{
	struct hvo_host_figure node;

	snprintf(dax->name, sizeof(dax->name), "%s", name);
	dax->bytes = number_of(host, name, "size");
	dax->align = number_of(host, name, "align");
	node = hvo_host_number(
	    host, hvo_host_text(host, DEVICES "/%s/target_node", name));
	dax->node =
	    hvo_host_known(&node) && node.value < 1024 ? (int)node.value : -1;
	dax->memmap_on_memory = hvo_host_number(
	    host, hvo_host_text(host, DEVICES "/%s/memmap_on_memory", name));
}

/* "dax0.1": nothing else is the name of one, whatever lies there. */
static bool is_name(const char *name)
{
	return !strncmp(name, "dax", 3) &&
	       strspn(name + 3, "0123456789.") == strlen(name + 3) &&
	       strlen(name) < sizeof(((struct hvo_host_dax *)0)->name);
}

static void add_range(struct hvo_host *host, struct hvo_host_status *s,
		      const char *name)
{
	struct hvo_host_dax *grown =
	    reallocarray(s->dax, s->n_dax + 1, sizeof(*grown));

	if (!grown) {
		host->no_memory = true;
		return;
	}
	s->dax = grown;
	grown[s->n_dax] = (struct hvo_host_dax){0};
	read_range(host, name, &grown[s->n_dax++]);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct hvo_host_dax *)a)->name,
		      ((const struct hvo_host_dax *)b)->name);
}

void hvo_host_read_dax(struct hvo_host *host, struct hvo_host_status *s)
{
	int fd = hvo_host_open_file(host, DEVICES, O_DIRECTORY);
	DIR *directory = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *entry;

	if (!directory) {
		if (fd >= 0)
			close(fd);
		return;
	}
	while (s->n_dax < RANGES && (entry = readdir(directory)))
		if (is_name(entry->d_name))
			add_range(host, s, entry->d_name);
	closedir(directory);
	if (s->n_dax)
		qsort(s->dax, s->n_dax, sizeof(*s->dax), by_name);
}
