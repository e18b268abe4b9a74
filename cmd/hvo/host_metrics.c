/* SPDX-License-Identifier: MIT */
/*
 * hvo host metrics: what status says, for Prometheus. The text is valid both
 * as Prometheus' text format 0.0.4 and as OpenMetrics 1.0: gauges only, base
 * units, "# EOF" at the end. What is unknown is left out.
 *
 * A figure of a size and node has both as labels. Those that the kernel keeps
 * for a size only have that alone, so that sums over nodes count nothing twice.
 */
#include <errno.h>
#include <inttypes.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "cmd.h"
#include "host.h"
#include "options.h"

struct options {
	const char *sysroot;
	const char *textfile;
};

struct metric {
	const char *name;
	const char *help;
	size_t at; /* of the figure, in the status or in a pool */
};

#define OF_HOST(member) offsetof(struct hvo_host_status, member)
#define OF_POOL(member) offsetof(struct hvo_host_pool, member)

static const struct metric host_metrics[] = {
    {"hvo_enabled", "Whether huge pages allocated from now on are optimized.",
     OF_HOST(enabled)},
    {"hvo_enabled_at_boot", "Whether they are by default, after booting.",
     OF_HOST(enabled_at_boot)},
    {"hvo_base_page_bytes", "Size of a base page.", OF_HOST(base_page)},
    {"hvo_page_struct_bytes", "Size of a page descriptor, struct page.",
     OF_HOST(page_struct)},
    {"hvo_memory_bytes", "Memory that has page descriptors.",
     OF_HOST(present_bytes)},
    {"hvo_descriptors_expected_bytes",
     "Memory that page descriptors take where none is saved.",
     OF_HOST(expected_bytes)},
    {"hvo_descriptors_bytes", "Memory that page descriptors take.",
     OF_HOST(measured_bytes)},
    {"hvo_descriptors_saved_bytes", "Memory that optimizing saves.",
     OF_HOST(saved)},
    {"hvo_descriptors_savable_bytes",
     "Memory that optimizing all huge pages would save besides.",
     OF_HOST(could_save)},
    {"hvo_descriptors_restore_bytes",
     "Memory needed to free all huge pages that are optimized.",
     OF_HOST(to_restore)},
    {"hvo_memmap_on_memory_bytes",
     "Memory that holds its own page descriptors and is never optimized.",
     OF_HOST(memmap_on_memory_bytes)},
};

/* Of a size, on the whole host. */
static const struct metric size_metrics[] = {
    {"hvo_pool_reserved_pages", "Huge pages promised and not yet allocated.",
     OF_POOL(reserved)},
    {"hvo_pool_overcommit_pages", "Surplus huge pages permitted.",
     OF_POOL(overcommit)},
    {"hvo_pool_descriptors_full_bytes",
     "Memory that their descriptors take if none is optimized.",
     OF_POOL(full_bytes)},
    {"hvo_pool_descriptors_optimized_bytes",
     "Memory that their descriptors take if all are optimized.",
     OF_POOL(optimized_bytes)},
    {"hvo_pool_saved_bytes", "Memory that optimizing them saves.",
     OF_POOL(saved)},
    {"hvo_pool_savable_bytes",
     "Memory that optimizing all of them would save besides.",
     OF_POOL(could_save)},
};

/* Of a size and a node. */
static const struct metric node_metrics[] = {
    {"hvo_pool_pages", "Huge pages in the pool.", OF_POOL(total)},
    {"hvo_pool_free_pages", "Huge pages that are not in use.", OF_POOL(free)},
    {"hvo_pool_surplus_pages", "Huge pages beyond the pool's size.",
     OF_POOL(surplus)},
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const struct hvo_host_figure *figure_at(const void *base, size_t at)
{
	return (const void *)((const char *)base + at);
}

static bool known(const struct hvo_host_figure *figure)
{
	return figure->kind != HVO_HOST_UNKNOWN;
}

static void print_head(FILE *out, const char *name, const char *help)
{
	const char *unit = strrchr(name, '_') + 1;

	fprintf(out, "# HELP %s %s\n# TYPE %s gauge\n", name, help, name);
	if (!strcmp(unit, "bytes") || !strcmp(unit, "pages"))
		fprintf(out, "# UNIT %s %s\n", name, unit);
}

/* A label's value, with what the format wants escaped. */
static void print_quoted(FILE *out, const char *text)
{
	putc('"', out);
	for (; *text; text++) {
		if (*text == '"' || *text == '\\')
			putc('\\', out);
		if (*text == '\n')
			fputs("\\n", out);
		else
			putc(*text, out);
	}
	putc('"', out);
}

static void print_info(FILE *out, const struct hvo_host_status *s)
{
	print_head(out, "hvo_host_info", "The kernel; the value is 1.");
	fputs("hvo_host_info{release=", out);
	print_quoted(out, s->release);
	fputs(",machine=", out);
	print_quoted(out, s->machine);
	fputs(",encoding=", out);
	print_quoted(out, hvo_host_encoding_name(s->encoding));
	fputs("} 1\n", out);
	if (s->support == HVO_HOST_SUPPORT_UNKNOWN)
		return;
	print_head(out, "hvo_supported", "Whether this kernel has HVO.");
	fprintf(out, "hvo_supported %d\n", s->support == HVO_HOST_SUPPORT_YES);
}

static void print_host(FILE *out, const struct hvo_host_status *s)
{
	for (size_t i = 0; i < COUNT(host_metrics); i++) {
		const struct metric *m = &host_metrics[i];
		const struct hvo_host_figure *figure = figure_at(s, m->at);

		if (!known(figure))
			continue;
		print_head(out, m->name, m->help);
		fprintf(out, "%s %" PRIu64 "\n", m->name, figure->value);
	}
	print_head(out, "hvo_warnings", "Warnings that hvo host status has.");
	fprintf(out, "hvo_warnings %zu\n", s->n_warnings);
}

static void print_sample(FILE *out, const struct metric *m,
			 const struct hvo_host_pool *pool)
{
	fprintf(out, "%s{size=\"%" PRIu64 "\"", m->name, pool->size);
	if (pool->node >= 0)
		fprintf(out, ",node=\"%d\"", pool->node);
	fprintf(out, "} %" PRIu64 "\n", figure_at(pool, m->at)->value);
}

/* One metric, of the pools that are nodes' or of those that are not. */
static void print_pools(FILE *out, const struct hvo_host_status *s,
			const struct metric *m, bool of_nodes)
{
	bool any = false;

	for (size_t i = 0; i < s->n_pools; i++) {
		const struct hvo_host_pool *pool = &s->pools[i];

		if ((pool->node >= 0) != of_nodes ||
		    !known(figure_at(pool, m->at)))
			continue;
		if (!any)
			print_head(out, m->name, m->help);
		any = true;
		print_sample(out, m, pool);
	}
}

static bool has_nodes(const struct hvo_host_status *s)
{
	for (size_t i = 0; i < s->n_pools; i++)
		if (s->pools[i].node >= 0)
			return true;
	return false;
}

static void print_metrics(FILE *out, const struct hvo_host_status *s)
{
	bool nodes = has_nodes(s);

	print_info(out, s);
	print_host(out, s);
	for (size_t i = 0; i < COUNT(size_metrics); i++)
		print_pools(out, s, &size_metrics[i], false);
	for (size_t i = 0; i < COUNT(node_metrics); i++)
		print_pools(out, s, &node_metrics[i], nodes);
	fputs("# EOF\n", out);
}

/* ---- the file ------------------------------------------------------------ */

/* What a rename did, or did not do, outlives a crash. */
static int sync_directory(const char *directory)
{
	FILE *dir = fopen(directory, "re");
	int err = dir ? fsync(fileno(dir)) : -1;

	if (dir)
		fclose(dir);
	return err;
}

static int write_and_rename(FILE *out, const char *temporary, const char *path,
			    const struct hvo_host_status *s)
{
	print_metrics(out, s);
	/* mkstemp() lets only the owner read; the exporter is another user. */
	if (fflush(out) || ferror(out) || fchmod(fileno(out), 0644) ||
	    fsync(fileno(out)))
		return -1;
	return rename(temporary, path);
}

/*
 * Readers of path find what it was or all that it becomes: the text is written
 * beside it, and takes its name when it is complete.
 */
static int write_textfile(const char *path, const struct hvo_host_status *s)
{
	char *copy = strdup(path);
	char *directory = copy ? dirname(copy) : NULL;
	char *temporary = NULL;
	FILE *out = NULL;
	int fd = -1;
	int err = -1;

	if (directory && asprintf(&temporary, "%s/.hvo-XXXXXX", directory) < 0)
		temporary = NULL;
	if (temporary)
		fd = mkstemp(temporary);
	if (fd >= 0)
		out = fdopen(fd, "w");
	if (out)
		err = write_and_rename(out, temporary, path, s);
	if (err)
		hvo_error("%s cannot be written: %s", path, strerror(errno));
	if (err && fd >= 0)
		unlink(temporary);
	if (out)
		fclose(out);
	else if (fd >= 0)
		close(fd);
	/* Some file systems cannot; the file is there all the same. */
	if (!err && sync_directory(directory) && errno != EINVAL)
		hvo_error("%s was written, but may not outlive a crash: %s",
			  path, strerror(errno));
	free(temporary);
	free(copy);
	return err ? HVO_EXIT_FAILED : HVO_EXIT_OK;
}

/* ---- the verb ------------------------------------------------------------ */

static const char help[] =
    "Usage: hvo host metrics [OPTION]...\n"
    "What 'hvo host status' says, as metrics for Prometheus: gauges "
    "in bytes and\n"
    "pages, which are valid OpenMetrics too. What is unknown is left "
    "out.\n"
    "\n"
    "      --textfile PATH  write PATH, in one step, instead of to "
    "stdout: for\n"
    "                       node_exporter's textfile collector, "
    "which reads *.prom\n"
    "      --sysroot DIR    read the tree in DIR, as "
    "scripts/record-host makes it\n"
    "  -h, --help           this text\n"
    "\n"
    "Needs no privilege.\n";

static const char *parse_option(void *ctx, int letter)
{
	struct options *options = ctx;

	switch (letter) {
	case 't':
		options->textfile = optarg;
		return *optarg ? NULL : "is no path";
	default:
		options->sysroot = optarg;
	}
	return NULL;
}

static const struct option names[] = {
    {"textfile", required_argument, NULL, 't'},
    {"sysroot", required_argument, NULL, 's'},
    {"help", no_argument, NULL, 'h'},
    {0},
};

static const struct hvo_verb verb = {
    .options = names,
    .letters = "h",
    .help = help,
};

int hvo_host_main_metrics(int argc, char **argv)
{
	struct options options = {0};
	struct hvo_host_status status;
	struct hvo_host *host;
	int code = hvo_options_parse(&verb, argc, argv, parse_option, &options);

	if (code >= 0)
		return code;
	code = hvo_host_cmd_read(options.sysroot, &host, &status);
	if (code)
		return code;
	if (options.textfile)
		code = write_textfile(options.textfile, &status);
	else
		print_metrics(stdout, &status);
	hvo_host_status_free(&status);
	hvo_host_close(host);
	return code;
}
