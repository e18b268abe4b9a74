/* SPDX-License-Identifier: MIT */
/*
 * hvo bench buddy: allocating and freeing folios against the C library's
 * aligned memory of the same size, in turns; and the same on several threads.
 *
 * The caller touches neither side's memory. The C library writes a few bytes
 * beside each block, and by default gives memory back to the kernel, so that
 * it is faulted in and zeroed again every time: that would measure the kernel.
 * So it is told to keep what it has, as the buddy allocator does, and both
 * sides have an unmeasured round first. A folio of order 9 has 512 descriptors
 * written, twice; the C library has one header to write however large it is.
 */
#include <inttypes.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "bench_buddy.h"
#include "cmd.h"
#include "table.h"

#define GIB (UINT64_C(1) << 30)

static const char help[] =
    "Usage: hvo bench buddy [OPTION]...\n"
    "Allocate and free folios of several orders, and aligned memory of the\n"
    "same size from the C library, in turns: nanoseconds. Then on 1 to N\n"
    "threads: allocations a second. The caller does not touch the memory, and\n"
    "the C library is told to keep what it has.\n"
    "\n"
    "      --rounds N   repetitions (21)\n"
    "      --threads N  threads at most (processors)\n"
    "      --json       one JSON object\n"
    "  -h, --help       this text\n";

static const unsigned orders[BUDDY_ORDERS] = {0, 1, 3, 6, 9, 12, 15, 18};

/* At once: 1 GiB, or as many as there is room for in a batch. */
static size_t batch_of(unsigned order)
{
	uint64_t n = GIB >> 12 >> order;

	return n < BUDDY_BATCH ? (size_t)n : BUDDY_BATCH;
}

/* ---- the two sides ------------------------------------------------------- */

static bool alloc_folio(struct hvo_mm *mm, unsigned order, void **out)
{
	const struct hvo_alloc alloc = {
	    .order = order,
	    .limit = HVO_ZONE_MOVABLE,
	};
	struct hvo_page *folio;

	if (hvo_folio_alloc(mm, &alloc, &folio))
		return false;
	*out = folio;
	return true;
}

static void free_folio(struct hvo_mm *mm, void *folio)
{
	hvo_folio_put(mm, folio);
}

static bool alloc_library(struct hvo_mm *mm, unsigned order, void **out)
{
	size_t size = (size_t)4096 << order;

	(void)mm;
	*out = aligned_alloc(size, size);
	return *out;
}

static void free_library(struct hvo_mm *mm, void *memory)
{
	(void)mm;
	free(memory);
}

const struct buddy_side buddy_folios = {alloc_folio, free_folio};
const struct buddy_side buddy_library = {alloc_library, free_library};

/* ---- one thread ---------------------------------------------------------- */

/* Allocate a batch, and free it; adds nanoseconds for each. */
static int time_batch(const struct buddy_side *side, struct hvo_mm *mm,
		      unsigned order, struct buddy_times *times)
{
	static void *got[BUDDY_BATCH];
	size_t n = batch_of(order), done = 0;
	uint64_t start = bench_now_ns(), middle;

	while (done < n && side->alloc(mm, order, &got[done]))
		done++;
	middle = bench_now_ns();
	for (size_t i = 0; i < done; i++)
		side->free(mm, got[i]);
	bench_add(&times->alloc, (double)(middle - start) / (double)n);
	bench_add(&times->free, (double)(bench_now_ns() - middle) / (double)n);
	if (done == n)
		return 0;
	hvo_error("no memory for %zu blocks of order %u", n, order);
	return HVO_EXIT_FAILED;
}

static int time_order(struct buddy_run *r, size_t i)
{
	struct buddy_times unmeasured = {0};
	int code =
	    time_batch(&buddy_folios, r->machine.mm, orders[i], &unmeasured);

	if (!code)
		code = time_batch(&buddy_library, NULL, orders[i], &unmeasured);
	for (uint64_t round = 0; round < r->options.rounds && !code; round++) {
		code = time_batch(&buddy_folios, r->machine.mm, orders[i],
				  &r->folios[i]);
		if (!code)
			code = time_batch(&buddy_library, NULL, orders[i],
					  &r->library[i]);
	}
	return code;
}

/* ---- telling ------------------------------------------------------------- */

static double total(const struct buddy_times *t)
{
	return bench_summarize(&t->alloc).median +
	       bench_summarize(&t->free).median;
}

static int tell_orders(const struct buddy_run *r)
{
	static const struct hvo_column columns[] = {
	    {"ORDER", HVO_RIGHT},    {"SIZE", HVO_RIGHT}, {"FOLIOS", HVO_RIGHT},
	    {"FREE", HVO_RIGHT},     {"C", HVO_RIGHT},    {"FREE", HVO_RIGHT},
	    {"C/FOLIOS", HVO_RIGHT},
	};
	struct hvo_table *t =
	    hvo_table_new(columns, sizeof(columns) / sizeof(columns[0]), true);
	char text[BENCH_TEXT];

	for (size_t i = 0; i < BUDDY_ORDERS; i++) {
		const struct buddy_times *f = &r->folios[i],
					 *c = &r->library[i];

		hvo_table_line(t);
		hvo_table_cell(t, "%u", orders[i]);
		hvo_table_size(t, UINT64_C(4096) << orders[i]);
		hvo_table_cell(t, "%s", bench_text(&f->alloc, 0, text));
		hvo_table_cell(t, "%s", bench_text(&f->free, 0, text));
		hvo_table_cell(t, "%s", bench_text(&c->alloc, 0, text));
		hvo_table_cell(t, "%s", bench_text(&c->free, 0, text));
		hvo_table_cell(t, "%.2f", total(c) / total(f));
	}
	return hvo_table_print(t);
}

static double ratio(const struct bench_series *one,
		    const struct bench_series *many)
{
	return bench_summarize(many).median / bench_summarize(one).median;
}

static void tell_rate(struct hvo_table *t, const struct bench_series *one,
		      const struct bench_series *many)
{
	char text[BENCH_TEXT];

	hvo_table_cell(t, "%s", bench_text(many, 3, text));
	hvo_table_cell(t, "%.2f", ratio(one, many));
}

static int tell_crowds(const struct buddy_run *r)
{
	static const struct hvo_column columns[] = {
	    {"THREADS", HVO_RIGHT}, {"ORDER 0", HVO_RIGHT},
	    {"X", HVO_RIGHT},       {"ORDER 9", HVO_RIGHT},
	    {"X", HVO_RIGHT},       {"C, 4 KiB", HVO_RIGHT},
	    {"X", HVO_RIGHT},
	};
	struct hvo_table *t =
	    hvo_table_new(columns, sizeof(columns) / sizeof(columns[0]), true);

	for (size_t i = 0; i < r->crowds; i++) {
		const struct buddy_crowd *one = r->crowd, *c = &r->crowd[i];

		hvo_table_line(t);
		hvo_table_cell(t, "%lu", c->threads);
		tell_rate(t, &one->page, &c->page);
		tell_rate(t, &one->huge, &c->huge);
		tell_rate(t, &one->library, &c->library);
	}
	return hvo_table_print(t);
}

static int tell(const struct buddy_run *r)
{
	bench_print_machine();
	printf("Nanoseconds to allocate and to free, median (least-most) of "
	       "%lu rounds in turns;\nC: the C library's aligned_alloc(), %s. "
	       "The caller touches nothing.\n\n",
	       r->options.rounds,
	       r->library_keeps
		   ? "told to keep its memory"
		   : "which cannot be told here to keep its memory");
	if (tell_orders(r))
		return HVO_EXIT_FAILED;
	printf("\nMillions a second, allocated and freed by all threads; X: "
	       "times one thread's.\n\n");
	return tell_crowds(r) ? HVO_EXIT_FAILED : HVO_EXIT_OK;
}

static int tell_json(const struct buddy_run *r)
{
	struct json_object *o = bench_json_new("buddy");
	struct json_object *list = json_object_new_array();

	for (size_t i = 0; i < BUDDY_ORDERS; i++) {
		struct json_object *row = json_object_new_object();

		hvo_json_int(row, "order", orders[i]);
		bench_json(row, "alloc_ns", &r->folios[i].alloc);
		bench_json(row, "free_ns", &r->folios[i].free);
		bench_json(row, "library_alloc_ns", &r->library[i].alloc);
		bench_json(row, "library_free_ns", &r->library[i].free);
		json_object_array_add(list, row);
	}
	json_object_object_add(o, "library_keeps_memory",
			       json_object_new_boolean(r->library_keeps));
	json_object_object_add(o, "orders", list);
	list = json_object_new_array();
	for (size_t i = 0; i < r->crowds; i++) {
		struct json_object *row = json_object_new_object();

		hvo_json_int(row, "threads", r->crowd[i].threads);
		bench_json(row, "page_millions", &r->crowd[i].page);
		bench_json(row, "huge_millions", &r->crowd[i].huge);
		bench_json(row, "library_millions", &r->crowd[i].library);
		json_object_array_add(list, row);
	}
	json_object_object_add(o, "threads", list);
	return hvo_json_print(o);
}

/* ---- all of it ----------------------------------------------------------- */

/* Never trim, never mmap(): see mallopt(3). Not every C library can. */
static bool keep_memory(void)
{
	return mallopt(M_TRIM_THRESHOLD, -1) && mallopt(M_MMAP_MAX, 0);
}

/* Each thread may hold so much of order 9, and the batches 1 GiB. */
static int run(struct buddy_run *r)
{
	const struct bench_mm_config config = {
	    .memory = 2 * GIB + r->options.threads * GIB / 4,
	    .cpus = (unsigned)r->options.threads,
	};
	int code;

	r->library_keeps = keep_memory();
	code = bench_mm_open(&r->machine, &config);
	for (size_t i = 0; i < BUDDY_ORDERS && !code; i++)
		code = time_order(r, i);
	if (!code)
		code = buddy_crowds(r);
	if (!code)
		code = bench_mm_check(&r->machine);
	if (r->machine.machine)
		bench_mm_close(&r->machine);
	if (code)
		return code;
	return r->options.json ? tell_json(r) : tell(r);
}

int hvo_bench_buddy(int argc, char **argv)
{
	struct buddy_run *r = calloc(1, sizeof(*r));
	int code;

	if (!r) {
		hvo_error("out of memory");
		return HVO_EXIT_FAILED;
	}
	r->options.rounds = 21;
	r->options.threads = (uint64_t)sysconf(_SC_NPROCESSORS_ONLN);
	code = bench_parse(argc, argv, "rt", help, &r->options);
	if (code < 0)
		code = run(r);
	free(r);
	return code;
}
