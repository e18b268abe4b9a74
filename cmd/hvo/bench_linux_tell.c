/* SPDX-License-Identifier: MIT */
/*
 * hvo bench linux: its tables and its JSON.
 */
#include <stdio.h>
#include "bench_linux.h"
#include "cmd.h"
#include "table.h"

/* on minus off, round by round; the first left out. */
static struct bench_series difference(const struct bench_series *on,
				      const struct bench_series *off)
{
	struct bench_series d = {.n = 0};

	for (size_t i = 1; i < on->n; i++)
		bench_add(&d, on->value[i] - off->value[i]);
	return d;
}

static struct bench_series without_first(const struct bench_series *series)
{
	static const struct bench_series none = {.n = 0};
	struct bench_series rest = none;

	for (size_t i = 1; i < series->n; i++)
		bench_add(&rest, series->value[i]);
	return rest;
}

/* What is compared: the kernel's and the engine's, first round and others. */
struct pair {
	struct bench_series kernel, engine;
	double kernel_first, engine_first;
};

static struct pair compare(const struct bench_series *on,
			   const struct bench_series *off,
			   const struct bench_series *engine)
{
	return (struct pair){
	    .kernel = difference(on, off),
	    .engine = without_first(engine),
	    .kernel_first = on->value[0] - off->value[0],
	    .engine_first = engine->value[0],
	};
}

static double ratio(const struct pair *p)
{
	return bench_summarize(&p->engine).median /
	       bench_summarize(&p->kernel).median;
}

static void tell_pair(struct hvo_table *t, const char *what,
		      const struct pair *p)
{
	char text[BENCH_TEXT];

	hvo_table_line(t);
	hvo_table_cell(t, "%s", what);
	hvo_table_cell(t, "%s", bench_text(&p->kernel, 2, text));
	hvo_table_cell(t, "%s", bench_text(&p->engine, 2, text));
	hvo_table_cell(t, "%.2f", ratio(p));
	hvo_table_cell(t, "%.2f", p->kernel_first);
	hvo_table_cell(t, "%.2f", p->engine_first);
}

static void pool_cell(struct hvo_table *table, const struct bench_series *all)
{
	struct bench_series rest = without_first(all);
	char text[BENCH_TEXT];

	hvo_table_cell(table, "%s", bench_text(&rest, 2, text));
}

/* The pools' sizes: the kernel's, and ours. */
static void tell_pools(const struct linux_times *t)
{
	static const struct hvo_column columns[] = {
	    {"POOL", HVO_LEFT},         {"GROW", HVO_RIGHT},
	    {"SHRINK", HVO_RIGHT},      {"GROW, HVO", HVO_RIGHT},
	    {"SHRINK, HVO", HVO_RIGHT},
	};
	struct hvo_table *table =
	    hvo_table_new(columns, sizeof(columns) / sizeof(columns[0]), true);

	printf("\nPools as a whole, microseconds a page:\n");
	hvo_table_line(table);
	hvo_table_cell(table, "kernel");
	pool_cell(table, &t->grow_off);
	pool_cell(table, &t->shrink_off);
	pool_cell(table, &t->grow_on);
	pool_cell(table, &t->shrink_on);
	hvo_table_line(table);
	hvo_table_cell(table, "ours");
	pool_cell(table, &t->our_grow_off);
	pool_cell(table, &t->our_shrink_off);
	pool_cell(table, &t->our_grow_on);
	pool_cell(table, &t->our_shrink_on);
	hvo_table_print(table);
}

static void json_pool(struct json_object *o, const char *key,
		      const struct bench_series *grow,
		      const struct bench_series *shrink,
		      const struct bench_series *grow_on,
		      const struct bench_series *shrink_on)
{
	struct json_object *pool = hvo_json_object(o, key);

	bench_json(pool, "grow", grow);
	bench_json(pool, "shrink", shrink);
	bench_json(pool, "grow_hvo", grow_on);
	bench_json(pool, "shrink_hvo", shrink_on);
}

static void tell_all(const struct linux_run *r, const struct pair *optimize,
		     const struct pair *restore)
{
	static const struct hvo_column columns[] = {
	    {"", HVO_LEFT},
	    {"KERNEL", HVO_RIGHT},
	    {"ENGINE", HVO_RIGHT},
	    {"ENGINE/KERNEL", HVO_RIGHT},
	    {"KERNEL 1ST", HVO_RIGHT},
	    {"ENGINE 1ST", HVO_RIGHT},
	};
	struct hvo_table *t =
	    hvo_table_new(columns, sizeof(columns) / sizeof(columns[0]), true);

	bench_print_machine();
	printf("%lu pages of 2 MiB. Microseconds a page, median (least-most) "
	       "of %zu rounds after\nthe first; the kernel's: its pool growing "
	       "(shrinking) with optimization minus\nwithout.\n\n",
	       r->options.count, optimize->engine.n);
	tell_pair(t, "optimize, us", optimize);
	tell_pair(t, "restore, us", restore);
	hvo_table_line(t);
	hvo_table_cell(t, "saved, bytes");
	hvo_table_cell(t, "%lu", r->kernel_saved);
	hvo_table_cell(t, "%lu", r->engine_saved);
	hvo_table_cell(t, "%.4f",
		       (double)r->engine_saved / (double)r->kernel_saved);
	hvo_table_print(t);
	tell_pools(&r->times);
}

static void json_pair(struct json_object *o, const struct pair *p)
{
	bench_json(o, "kernel", &p->kernel);
	bench_json(o, "engine", &p->engine);
	hvo_json_real(o, "kernel_first", p->kernel_first);
	hvo_json_real(o, "engine_first", p->engine_first);
	hvo_json_real(o, "ratio", ratio(p));
}

static int tell_json(const struct linux_run *r, const struct pair *optimize,
		     const struct pair *restore)
{
	const struct linux_times *t = &r->times;
	struct json_object *o = bench_json_new("linux");
	struct json_object *saved;

	hvo_json_int(o, "count", r->options.count);
	hvo_json_int(o, "page_size", BENCH_LINUX_PAGE);
	json_pair(hvo_json_object(o, "optimize_us"), optimize);
	json_pair(hvo_json_object(o, "restore_us"), restore);
	saved = hvo_json_object(o, "saved");
	hvo_json_int(saved, "kernel", r->kernel_saved);
	hvo_json_int(saved, "engine", r->engine_saved);
	json_pool(o, "kernel_pool_us", &t->grow_off, &t->shrink_off,
		  &t->grow_on, &t->shrink_on);
	json_pool(o, "our_pool_us", &t->our_grow_off, &t->our_shrink_off,
		  &t->our_grow_on, &t->our_shrink_on);
	return hvo_json_print(o);
}

int bench_linux_tell(const struct linux_run *r)
{
	const struct linux_times *t = &r->times;
	struct pair optimize = compare(&t->grow_on, &t->grow_off, &t->optimize);
	struct pair restore =
	    compare(&t->shrink_on, &t->shrink_off, &t->restore);

	if (r->options.json)
		return tell_json(r, &optimize, &restore);
	tell_all(r, &optimize, &restore);
	return HVO_EXIT_OK;
}
