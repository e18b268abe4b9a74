/* SPDX-License-Identifier: MIT */
/*
 * hvo bench generations: its tables and its JSON.
 */
#include <stdio.h>
#include "bench_generations.h"
#include "cmd.h"
#include "size.h"
#include "table.h"

#define TIB (UINT64_C(1) << 40)
#define MIB (UINT64_C(1) << 20)

/* Exact, but for what is left of a byte; memory is 16 TiB at most. */
static uint64_t per_tib(const struct generations *r, uint64_t bytes)
{
	uint64_t pages = r->options.memory >> LAB_PAGE_SHIFT;
	uint64_t pages_tib = TIB >> LAB_PAGE_SHIFT;

	return bytes / pages * pages_tib + bytes % pages * pages_tib / pages;
}

static void tell_bytes(const struct generations *r)
{
	static const struct hvo_column columns[] = {
	    {"SCHEME", HVO_LEFT},    {"YEAR", HVO_RIGHT},
	    {"BYTES", HVO_RIGHT},    {"PER FOLIO", HVO_RIGHT},
	    {"PER TIB", HVO_RIGHT},  {"LESS THAN 2020'S", HVO_RIGHT},
	    {"MAPPINGS", HVO_RIGHT}, {"HEADS CHECKED", HVO_RIGHT},
	    {"WRONG", HVO_RIGHT},
	};
	uint64_t first = per_tib(r, r->results[0].measured);
	struct hvo_table *t =
	    hvo_table_new(columns, sizeof(columns) / sizeof(columns[0]), true);

	for (size_t i = 0; i < GENERATIONS; i++) {
		const struct generation *x = &r->results[i];
		uint64_t tib = per_tib(r, x->measured);

		hvo_table_line(t);
		hvo_table_cell(t, "%s", bench_generations[i]->name);
		hvo_table_cell(t, "%u", bench_generations[i]->year);
		hvo_table_cell(t, "%lu", x->measured);
		hvo_table_cell(t, "%.1f",
			       (double)x->measured / (double)r->folios);
		hvo_table_size(t, tib);
		hvo_table_cell(t, "%.2f MiB",
			       ((double)first - (double)tib) / (double)MIB);
		hvo_table_cell(t, "%lu", x->mappings);
		hvo_table_cell(t, "%lu", x->checked);
		hvo_table_cell(t, "%lu", x->wrong);
	}
	hvo_table_print(t);
}

static void tell_costs(const struct generations *r)
{
	static const struct hvo_column columns[] = {
	    {"SCHEME", HVO_LEFT},      {"OPTIMIZE", HVO_RIGHT},
	    {"RESTORE", HVO_RIGHT},    {"BUILD", HVO_RIGHT},
	    {"SEQUENTIAL", HVO_RIGHT}, {"RANDOM", HVO_RIGHT},
	};
	struct hvo_table *t =
	    hvo_table_new(columns, sizeof(columns) / sizeof(columns[0]), true);
	char text[BENCH_TEXT];

	for (size_t i = 0; i < GENERATIONS; i++) {
		const struct generation *x = &r->results[i];

		hvo_table_line(t);
		hvo_table_cell(t, "%s", bench_generations[i]->name);
		hvo_table_cell(t, "%s", bench_text(&x->optimize, 2, text));
		hvo_table_cell(t, "%s", bench_text(&x->restore, 2, text));
		hvo_table_cell(t, "%s", bench_text(&x->build, 2, text));
		hvo_table_cell(t, "%s", bench_text(&x->sequential, 2, text));
		hvo_table_cell(t, "%s", bench_text(&x->random, 2, text));
	}
	hvo_table_print(t);
}

static void tell_all(const struct generations *r)
{
	char memory[HVO_SIZE_TEXT], page[HVO_SIZE_TEXT], full[HVO_SIZE_TEXT];

	bench_print_machine();
	printf("%s in %lu pages of %s; their descriptors take %s when full "
	       "(measured).\n\n",
	       hvo_size_format(r->options.memory, memory), r->folios,
	       hvo_size_format(r->options.page_size, page),
	       hvo_size_format(r->results[0].full, full));
	puts(
	    "Left when optimized, in bytes that the operating system reports:");
	tell_bytes(r);
	printf("\nCost: microseconds a folio, median (least-most) of %zu "
	       "batches of %lu folios;\nnanoseconds a look-up, of %lu rounds "
	       "of %u look-ups:\n",
	       r->results[0].optimize.n, r->batch, r->options.rounds,
	       GENERATIONS_LOOK_UPS);
	tell_costs(r);
	puts("\nThe tails of the older schemes differ from folio to folio, so "
	     "each of their pages\nis a mapping by itself here. Shared tails "
	     "can be mapped a run at a time, from a run\nof frames with the "
	     "same bytes that exists once (2 MiB at most); the last line\n"
	     "does without. Device DAX's tails are writable and never "
	     "converted, only built.");
}

static void json_scheme(const struct generations *r, struct json_object *list,
			const struct lab_scheme *scheme,
			const struct generation *x)
{
	struct json_object *o = json_object_new_object();

	json_object_array_add(list, o);
	hvo_json_text(o, "name", scheme->key);
	hvo_json_int(o, "year", scheme->year);
	hvo_json_bool(o, "read_only", scheme->read_only);
	hvo_json_int(o, "measured", x->measured);
	hvo_json_real(o, "bytes_per_folio",
		      (double)x->measured / (double)r->folios);
	hvo_json_int(o, "bytes_per_tib", per_tib(r, x->measured));
	hvo_json_int(o, "mappings", x->mappings);
	hvo_json_int(o, "checked_heads", x->checked);
	hvo_json_int(o, "wrong_heads", x->wrong);
	bench_json(o, "optimize_us", &x->optimize);
	bench_json(o, "restore_us", &x->restore);
	bench_json(o, "build_us", &x->build);
	bench_json(o, "sequential_ns", &x->sequential);
	bench_json(o, "random_ns", &x->random);
}

static int tell_json(const struct generations *r)
{
	struct json_object *o = bench_json_new("generations");
	struct json_object *map = hvo_json_object(o, "map");
	struct json_object *list = json_object_new_array();

	hvo_json_int(map, "asked", r->asked);
	hvo_json_int(map, "memory", r->options.memory);
	hvo_json_int(map, "page_size", r->options.page_size);
	hvo_json_int(map, "folios", r->folios);
	hvo_json_int(map, "full", r->results[0].full);
	json_object_object_add(o, "schemes", list);
	for (size_t i = 0; i < GENERATIONS; i++)
		json_scheme(r, list, bench_generations[i], &r->results[i]);
	return hvo_json_print(o);
}

int bench_generations_tell(const struct generations *r)
{
	if (r->options.json)
		return tell_json(r);
	tell_all(r);
	return HVO_EXIT_OK;
}
