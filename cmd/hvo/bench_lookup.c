/* SPDX-License-Identifier: MIT */
/*
 * hvo bench lookup: from a page to its head, in each generation's way, over
 * full and over optimized descriptors. All maps exist at once and take turns,
 * so that whatever else the machine does meets them alike.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include "bench.h"
#include "cmd.h"
#include "hvo/page.h"
#include "size.h"
#include "table.h"

#define LOOK_UPS (1u << 20)

static const char help[] =
    "Usage: hvo bench lookup [OPTION]...\n"
    "From a page to the head of its folio: nanoseconds and instructions, for\n"
    "pages in a row and for pages anywhere, full and optimized.\n"
    "\n"
    "      --memory SIZE     memory described (4G)\n"
    "      --page-size SIZE  of the huge pages (2M)\n"
    "      --rounds N        repetitions (15)\n"
    "      --json            one JSON object\n"
    "  -h, --help            this text\n";

/* A way to look up, and a scheme whose descriptors are made for it. */
static const struct way {
	const char *name;
	const char *key;
	const struct lab_scheme *scheme;
} ways[] = {
    {"pointer (reserve two)", "pointer", &lab_reserve_two},
    {"pointer, fake heads", "fake-heads", &lab_fake_heads},
#if HVO_PAGE_BYTES & (HVO_PAGE_BYTES - 1)
    {"order, struct hvo_page", "hvo_page", &lab_shared_tails_built},
#else
    {"mask, struct hvo_page", "hvo_page", &lab_shared_tails_built},
#endif
    {"order, 104-byte record", "order", &lab_shared_tails_order},
};

#define WAYS (sizeof(ways) / sizeof(ways[0]))

/* Full and optimized. */
struct state {
	struct bench_series sequential, random; /* ns a look-up */
	double instructions_sequential;
	double instructions_random;
};

struct subject {
	struct lab_map map;
	struct bench_sample sequential, random;
	struct state full, optimized;
	uint64_t wrong; /* of all pfns, in both states */
};

struct run {
	struct bench_options options;
	uint64_t folios;
	unsigned order;
	enum bench_method method;
	struct subject subjects[WAYS];
};

/* ---- measuring -------------------------------------------------------- */

static int open_subject(const struct run *r, struct subject *s,
			const struct lab_scheme *scheme)
{
	int code = bench_open(&s->map, scheme, r->folios, r->order);
	int error;

	if (code)
		return code;
	error = scheme->populate(&s->map, 0, r->folios);
	if (error)
		return bench_failed(&s->map, "populating", error);
	code = bench_sample_sequential(&s->sequential, &s->map, LOOK_UPS);
	if (!code)
		code = bench_sample_random(&s->random, &s->map, LOOK_UPS, 1);
	return code;
}

static void close_subject(struct subject *s)
{
	bench_sample_free(&s->sequential);
	bench_sample_free(&s->random);
	lab_close(&s->map);
}

static void count(struct run *r, struct subject *s, struct state *state)
{
	enum lab_walk how = s->map.scheme->walk;

	state->instructions_sequential = NAN;
	state->instructions_random = NAN;
	r->method = bench_instructions(how, &s->sequential,
				       &state->instructions_sequential);
	if (r->method != BENCH_NOT_COUNTED)
		bench_instructions(how, &s->random,
				   &state->instructions_random);
}

static struct state *state_of(struct subject *s, bool optimized)
{
	return optimized ? &s->optimized : &s->full;
}

/* Verify, count and time all maps, which are all in the same state. */
static void measure_state(struct run *r, bool optimized)
{
	for (size_t i = 0; i < WAYS; i++) {
		struct subject *s = &r->subjects[i];

		s->wrong += lab_wrong_heads(&s->map, 0, r->folios << r->order);
		count(r, s, state_of(s, optimized));
		bench_warm(s->map.scheme->walk, &s->sequential);
		bench_warm(s->map.scheme->walk, &s->random);
	}
	for (uint64_t round = 0; round < r->options.rounds; round++)
		for (size_t i = 0; i < WAYS; i++) {
			struct subject *s = &r->subjects[i];
			struct state *state = state_of(s, optimized);
			enum lab_walk how = s->map.scheme->walk;

			bench_time_walk(how, &s->sequential,
					&state->sequential);
			bench_time_walk(how, &s->random, &state->random);
		}
}

static int optimize_all(struct run *r)
{
	for (size_t i = 0; i < WAYS; i++) {
		struct lab_map *map = &r->subjects[i].map;
		int error = map->scheme->optimize(map, 0, r->folios);

		if (error)
			return bench_failed(map, "optimizing", error);
	}
	return 0;
}

static int measure_all(struct run *r)
{
	int code = 0;

	for (size_t i = 0; i < WAYS && !code; i++)
		code = open_subject(r, &r->subjects[i], ways[i].scheme);
	if (code)
		return code;
	measure_state(r, false);
	code = optimize_all(r);
	if (!code)
		measure_state(r, true);
	return code;
}

/* ---- telling ---------------------------------------------------------- */

static void tell_count(struct hvo_table *t, double instructions)
{
	if (isnan(instructions))
		hvo_table_cell(t, "-");
	else
		hvo_table_cell(t, "%.2f", instructions);
}

static void tell_state(struct run *r, bool optimized)
{
	static const struct hvo_column columns[] = {
	    {"LOOK-UP", HVO_LEFT},       {"SEQUENTIAL", HVO_RIGHT},
	    {"RANDOM", HVO_RIGHT},       {"TO POINTER", HVO_RIGHT},
	    {"INSTRUCTIONS", HVO_RIGHT}, {"RANDOM", HVO_RIGHT},
	    {"WRONG HEADS", HVO_RIGHT},
	};
	struct hvo_table *t =
	    hvo_table_new(columns, sizeof(columns) / sizeof(columns[0]), true);
	struct state *first = state_of(&r->subjects[0], optimized);
	double pointer = bench_summarize(&first->random).median;
	char text[BENCH_TEXT];

	for (size_t i = 0; i < WAYS; i++) {
		struct state *x = state_of(&r->subjects[i], optimized);
		double median = bench_summarize(&x->random).median;

		hvo_table_line(t);
		hvo_table_cell(t, "%s", ways[i].name);
		hvo_table_cell(t, "%s", bench_text(&x->sequential, 2, text));
		hvo_table_cell(t, "%s", bench_text(&x->random, 2, text));
		hvo_table_cell(t, "%.2f", median / pointer);
		tell_count(t, x->instructions_sequential);
		tell_count(t, x->instructions_random);
		hvo_table_cell(t, "%lu", r->subjects[i].wrong);
	}
	hvo_table_print(t);
}

static void tell(struct run *r)
{
	char memory[HVO_SIZE_TEXT], page[HVO_SIZE_TEXT];

	bench_print_machine();
	printf("%s in pages of %s. Nanoseconds a look-up, median (least-most) "
	       "of %lu rounds of\n%u look-ups, loop included; TO POINTER is "
	       "the ratio of the random medians.\nInstructions a look-up, loop "
	       "taken off, by %s.\n",
	       hvo_size_format(r->options.memory, memory),
	       hvo_size_format(r->options.page_size, page), r->options.rounds,
	       LOOK_UPS, bench_method_text(r->method));
	puts("\nFull:");
	tell_state(r, false);
	puts("\nOptimized:");
	tell_state(r, true);
}

static void json_state(struct json_object *o, const struct state *state)
{
	bench_json(o, "sequential_ns", &state->sequential);
	bench_json(o, "random_ns", &state->random);
	if (isnan(state->instructions_random))
		return;
	hvo_json_real(o, "sequential_instructions",
		      state->instructions_sequential);
	hvo_json_real(o, "random_instructions", state->instructions_random);
}

static int tell_json(const struct run *r)
{
	static const char *const methods[] = {
	    [BENCH_NOT_COUNTED] = "none",
	    [BENCH_COUNTER] = "counter",
	    [BENCH_STEPS] = "steps",
	};
	struct json_object *o = bench_json_new("lookup");
	struct json_object *map = hvo_json_object(o, "map");
	struct json_object *list = json_object_new_array();

	hvo_json_int(map, "memory", r->options.memory);
	hvo_json_int(map, "page_size", r->options.page_size);
	hvo_json_text(o, "instructions_by", methods[r->method]);
	json_object_object_add(o, "ways", list);
	for (size_t i = 0; i < WAYS; i++) {
		const struct subject *s = &r->subjects[i];
		struct json_object *way = json_object_new_object();

		json_object_array_add(list, way);
		hvo_json_text(way, "name", ways[i].key);
		hvo_json_int(way, "record", ways[i].scheme->record);
		hvo_json_int(way, "wrong_heads", s->wrong);
		json_state(hvo_json_object(way, "full"), &s->full);
		json_state(hvo_json_object(way, "optimized"), &s->optimized);
	}
	return hvo_json_print(o);
}

/* ---- the benchmark ---------------------------------------------------- */

static int run(struct run *r)
{
	int code = measure_all(r);

	for (size_t i = 0; i < WAYS; i++)
		close_subject(&r->subjects[i]);
	if (code)
		return code;
	if (r->options.json)
		code = tell_json(r);
	else
		tell(r);
	for (size_t i = 0; i < WAYS; i++)
		if (r->subjects[i].wrong)
			code = HVO_EXIT_FAILED;
	return code;
}

int hvo_bench_lookup(int argc, char **argv)
{
	struct run *r = calloc(1, sizeof(*r));
	int code;

	if (!r) {
		hvo_error("out of memory");
		return HVO_EXIT_FAILED;
	}
	r->options = (struct bench_options){.memory = UINT64_C(4) << 30,
					    .page_size = UINT64_C(2) << 20,
					    .rounds = 15};
	code = bench_parse(argc, argv, "mpr", help, &r->options);
	if (code < 0)
		code =
		    bench_folios(argv[0], &r->options, &r->folios, &r->order);
	if (code < 0)
		code = run(r);
	free(r);
	return code;
}
