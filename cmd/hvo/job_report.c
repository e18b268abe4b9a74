/* SPDX-License-Identifier: MIT */
/*
 * What `hvo run` prints at the end: for people, or as JSON.
 */
#include <inttypes.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include "cmd.h"
#include "job.h"
#include "json.h"
#include "size.h"
#include "table.h"

/* ---- what it is about ----------------------------------------------- */

/* What did it, and where the descriptors are. */
static void print_where(const struct hvo_job *job)
{
	char held[HVO_SIZE_TEXT], free[HVO_SIZE_TEXT];

	if (job->engine_why)
		printf("the engine alone (%s): the descriptors lie beside "
		       "this memory\n",
		       job->engine_why);
	else
		printf("a machine: its descriptors take %s of this memory, %s "
		       "are free\n",
		       hvo_size_format(job->before.counted, held),
		       hvo_size_format(job->before.free, free));
}

static void print_title(const struct hvo_job *job)
{
	const struct hvo_map *map = &job->map;
	uint64_t vmemmap_pages = hvo_folio_pages(&map->geometry, map->order);
	char memory[HVO_SIZE_TEXT], base[HVO_SIZE_TEXT], page[HVO_SIZE_TEXT];

	hvo_size_format(map->ram_bytes, memory);
	hvo_size_format(hvo_page_size(&map->geometry), base);
	hvo_size_format(map->options.page_size, page);
	printf("%s of memory", memory);
	if (map->options.iomem)
		printf(" (%zu range%s of %s)", map->ram_count,
		       map->ram_count == 1 ? "" : "s", map->options.iomem);
	printf(": %" PRIu64 " base pages of %s, descriptors of %u bytes\n",
	       map->pages, base, map->record.size);
	printf("%" PRIu64 " huge page%s of %s", map->folios,
	       map->folios == 1 ? "" : "s", page);
	if (map->optimizable)
		printf(", with %" PRIu64 " pages of descriptors each",
		       vmemmap_pages);
	putchar('\n');
	print_where(job);
	putchar('\n');
}

static size_t terminal_columns(void)
{
	struct winsize size;

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) || !size.ws_col)
		return 80;
	return size.ws_col;
}

/* The pictures that were taken; those taken stand in a row. */
static void print_pictures(const struct hvo_job *job)
{
	const struct hvo_picture *first = job->picture;
	size_t n = 0;

	while (first < job->picture + 3 && !first->n)
		first++;
	while (first + n < job->picture + 3 && first[n].n)
		n++;
	/* Before and optimized tell it all, unless there is no before. */
	if (n > 2)
		n = 2;
	if (!n)
		return;
	hvo_picture_print(stdout, first, n, hvo_picture_unicode(),
			  terminal_columns());
	fputs("\nrw: read-write, its own", stdout);
	if (job->optimized)
		printf("; ro: read-only, the same frames for all %" PRIu64,
		       job->optimized);
	fputs("\n\n", stdout);
}

/* ---- the figures ---------------------------------------------------- */

static uint64_t full_bytes(const struct hvo_job *job)
{
	return job->map.pages * job->map.record.size;
}

static void print_moment(struct hvo_table *table, const struct hvo_job *job,
			 const char *name, const struct hvo_moment *m,
			 double seconds, uint64_t folios)
{
	hvo_table_line(table);
	hvo_table_cell(table, "%s", name);
	hvo_table_cell(table, "%" PRIu64, m->measured);
	hvo_table_size(table, m->measured);
	hvo_table_cell(table, "%.2f%%",
		       100.0 * (double)m->measured / (double)full_bytes(job));
	hvo_table_cell(table, "%" PRIu64, m->counted);
	hvo_table_cell(table, "%" PRIu64, m->mappings);
	hvo_table_cell(table, "%.3f", seconds);
	if (folios)
		hvo_table_cell(table, "%.2f", seconds * 1e6 / (double)folios);
	else
		hvo_table_cell(table, "-");
}

static int print_moments(const struct hvo_job *job)
{
	static const struct hvo_column columns[] = {
	    {"", HVO_LEFT},         {"MEASURED", HVO_RIGHT},
	    {"", HVO_RIGHT},        {"", HVO_RIGHT},
	    {"COUNTED", HVO_RIGHT}, {"MAPPINGS", HVO_RIGHT},
	    {"SECONDS", HVO_RIGHT}, {"US/HUGE", HVO_RIGHT},
	};
	struct hvo_table *table =
	    hvo_table_new(columns, sizeof(columns) / sizeof(columns[0]), true);

	if (job->from_start) {
		print_moment(table, job, "optimized", &job->after,
			     job->populate_s, job->optimized);
	} else {
		print_moment(table, job, "before", &job->before,
			     job->populate_s, 0);
		print_moment(table, job, "optimized", &job->after,
			     job->optimize_s, job->optimized);
	}
	if (!job->skipped_restore)
		print_moment(table, job, "restored", &job->restored,
			     job->restore_s, job->optimized);
	return hvo_table_print(table);
}

/* What of it the machine's buddy allocator has. */
static void print_gain(const struct hvo_job *job)
{
	unsigned shift = job->map.geometry.page_shift;
	uint64_t before = job->before.free, after = job->after.free;
	char more[HVO_SIZE_TEXT];

	if (after > before)
		printf("The buddy allocator had %" PRIu64 " pages free, and "
		       "then %" PRIu64 ": %s more.\n",
		       before >> shift, after >> shift,
		       hvo_size_format(after - before, more));
}

static void print_saving(const struct hvo_job *job)
{
	uint64_t before =
	    job->from_start ? full_bytes(job) : job->before.measured;
	uint64_t after = job->after.measured;
	char text[HVO_SIZE_TEXT];

	if (before > after)
		printf("\n%s %s, %.2f%% of the descriptors.\n",
		       job->from_start ? "Never allocated:" : "Saved:",
		       hvo_size_format(before - after, text),
		       100.0 * (double)(before - after) / (double)before);
	else
		printf("\nNothing saved.\n");
	print_gain(job);
	if (!job->from_start && job->restored.counted > job->before.counted &&
	    !job->skipped_restore)
		printf("After restoring, %s of shared tails stay for the next "
		       "time.\n",
		       hvo_size_format(
			   job->restored.counted - job->before.counted, text));
}

/* ---- the verdict ---------------------------------------------------- */

/* One line of the verdict: how many of what, and how many of them wrong. */
static void print_count(uint64_t n, const char *what, uint64_t wrong,
			const char *fault)
{
	if (wrong)
		printf("  WRONG: %" PRIu64 " of %" PRIu64 " %s\n", wrong, n,
		       fault);
	else
		printf("  %" PRIu64 " %s\n", n, what);
}

static void print_tables(const struct hvo_job *job)
{
	const struct hvo_checked *c = &job->checked;

	if (c->lost_frames)
		printf(
		    "  WRONG: frames lost, or counted and not there: %" PRIu64
		    "\n",
		    c->lost_frames);
	else
		puts("  no frame is lost: what the operating system measured "
		     "is what was counted");
	if (c->wrong_mappings > 0)
		printf("  WRONG: vmemmap pages mapped otherwise than the port "
		       "has it: %" PRId64 "\n",
		       c->wrong_mappings);
	else if (c->wrong_mappings < 0)
		puts("  /proc/self/maps cannot be read, so mappings were not "
		     "compared with it");
	else
		puts("  every mapping is as /proc/self/maps has it");
	if (*c->violation)
		printf("  WRONG: %s\n", c->violation);
	else if (!job->engine_why)
		puts("  every base page has one owner, and all counters are "
		     "right");
}

static void print_verdict(const struct hvo_job *job)
{
	const struct hvo_checked *c = &job->checked;

	printf("\nCheck %s\n", hvo_job_passed(job) ? "passed:" : "FAILED:");
	print_count(c->pages, "descriptors lead to their heads", c->wrong_heads,
		    "descriptors lead to a wrong head");
	if (c->wrong_bytes)
		print_count(c->pages, "", c->wrong_bytes,
			    "descriptors lost what they held");
	if (c->tails)
		print_count(c->tails, "tail pages refused a write",
			    c->writable_tails, "tail pages can be written to");
	if (c->closed_heads)
		print_count(job->optimized, "", c->closed_heads,
			    "heads cannot be written to");
	if (c->reused)
		print_count(c->reused,
			    "freed pages were allocated and hold what was "
			    "written to them",
			    c->wrong_reused,
			    "freed pages lost what was written to them");
	print_tables(job);
}

/* ---- the whole -------------------------------------------------------- */

static int report_text(const struct hvo_job *job)
{
	print_title(job);
	print_pictures(job);
	if (print_moments(job))
		return HVO_EXIT_FAILED;
	print_saving(job);
	print_verdict(job);
	return HVO_EXIT_OK;
}

static void add_triple(struct json_object *root, const char *key,
		       uint64_t before, uint64_t after, uint64_t restored)
{
	struct json_object *o = hvo_json_object(root, key);

	hvo_json_int(o, "before", before);
	hvo_json_int(o, "after", after);
	hvo_json_int(o, "restored", restored);
}

static int report_json(const struct hvo_job *job)
{
	const struct hvo_map *map = &job->map;
	struct json_object *root = json_object_new_object();
	struct json_object *o;

	hvo_json_int(root, "hvo", 1);
	o = hvo_json_object(root, "map");
	hvo_json_int(o, "memory", map->pages << map->geometry.page_shift);
	hvo_json_int(o, "base_page", hvo_page_size(&map->geometry));
	hvo_json_int(o, "record", map->record.size);
	o = hvo_json_object(root, "pool");
	hvo_json_int(o, "page_size", map->options.page_size);
	hvo_json_int(o, "count", map->folios);
	add_triple(root, "measured", job->before.measured, job->after.measured,
		   job->restored.measured);
	add_triple(root, "counted", job->before.counted, job->after.counted,
		   job->restored.counted);
	o = hvo_json_object(root, "checked");
	hvo_json_int(o, "pages", job->checked.pages);
	hvo_json_int(o, "wrong_heads", job->checked.wrong_heads);
	hvo_json_int(o, "writable_tails", job->checked.writable_tails);
	hvo_json_int(o, "lost_frames", job->checked.lost_frames);
	o = hvo_json_object(root, "mappings");
	hvo_json_int(o, "before", job->before.mappings);
	hvo_json_int(o, "after", job->after.mappings);
	o = hvo_json_object(root, "seconds");
	hvo_json_real(o, "populate", job->populate_s);
	hvo_json_real(o, "optimize", job->optimize_s);
	hvo_json_real(o, "restore", job->restore_s);
	hvo_json_text(root, "on", job->engine_why ? "engine" : "machine");
	if (job->engine_why)
		return hvo_json_print(root);
	add_triple(root, "free", job->before.free, job->after.free,
		   job->restored.free);
	o = hvo_json_object(root, "reused");
	hvo_json_int(o, "pages", job->checked.reused);
	hvo_json_int(o, "wrong", job->checked.wrong_reused);
	return hvo_json_print(root);
}

int hvo_job_report(const struct hvo_job *job)
{
	int code = job->json ? report_json(job) : report_text(job);

	if (code || hvo_job_passed(job))
		return code;
	hvo_error("the check failed%s%s", *job->checked.violation ? ": " : "",
		  job->checked.violation);
	return HVO_EXIT_FAILED;
}
