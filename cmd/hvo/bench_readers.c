/* SPDX-License-Identifier: MIT */
/*
 * hvo bench readers: threads look heads up without pause while the map is
 * optimized and restored under them.
 *
 * What does that cost them, and how much of it is forced? A change of a
 * mapping makes every CPU forget translations and fault them in again, whoever
 * makes it. So there are four states, one after the other in each round:
 *
 *   quiet      the writer's CPU is busy, nothing changes
 *   live       the whole map is optimized and restored
 *   elsewhere  a plain mapping of the same size, which nobody reads, goes
 *              through the same number of the same mmap and mprotect calls,
 *              spread over the same time: the least that changing costs
 *   underneath the same, but the readers read that mapping: what changing the
 *              mapping of what is read costs, with no engine in sight
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "bench.h"
#include "bench_crowd.h"
#include "bench_plain.h"
#include "cmd.h"
#include "size.h"
#include "table.h"

#define PHASE_NS 2e8 /* a phase lasts that long, about, or longer */

static const char help[] =
    "Usage: hvo bench readers [OPTION]...\n"
    "Look-ups by several threads while the map is optimized and restored,\n"
    "against a quiet map and against bare mapping changes.\n"
    "\n"
    "      --threads N       readers (one less than there are processors)\n"
    "      --memory SIZE     memory described (8G)\n"
    "      --page-size SIZE  of the huge pages (2M)\n"
    "      --rounds N        repetitions (15)\n"
    "      --json            one JSON object\n"
    "  -h, --help            this text\n";

enum phase { QUIET, LIVE, ELSEWHERE, UNDERNEATH, PHASES };

static const char *const phase_names[PHASES] = {
    [QUIET] = "quiet",
    [LIVE] = "live",
    [ELSEWHERE] = "elsewhere",
    [UNDERNEATH] = "underneath",
};

struct run {
	struct bench_options options;
	uint64_t folios;
	unsigned order;
	struct lab_map map;
	struct plain plain;
	struct crowd crowd;
	uint64_t cycles;      /* of a phase: optimize all, restore all */
	double duration_ns;   /* of the last live phase */
	double changes_per_s; /* of the last phase that made changes */
	struct bench_series rate[PHASES];   /* look-ups a microsecond */
	struct bench_series ratio[PHASES];  /* to quiet, same round */
	struct bench_series change[PHASES]; /* mapping changes a second */
	struct bench_series forced;         /* live to underneath */
	uint64_t wrong;
};

/* ---- what the writer does --------------------------------------------- */

/* Changes of a phase: protect and repoint each folio, there and back. */
static uint64_t changes(const struct run *r)
{
	return 4 * r->folios * r->cycles;
}

/* So many changes are due by now: be busy until then. */
struct pace {
	uint64_t start_ns;
	double change_ns; /* from one to the next */
	uint64_t done;
};

static void keep_pace(struct pace *pace)
{
	double due = pace->change_ns * (double)pace->done++;

	while ((double)(bench_now_ns() - pace->start_ns) < due)
		;
}

/* The engine's order: all protected, then all repointed, and back. */
static int cycle_plain(const struct plain *p, struct pace *pace)
{
	int failed = 0;

	for (uint64_t i = 0; i < p->folios && !failed; i++) {
		keep_pace(pace);
		failed = plain_protect(p, i, false);
	}
	for (uint64_t i = 0; i < 2 * p->folios && !failed; i++) {
		keep_pace(pace);
		failed = plain_repoint(p, i % p->folios, i < p->folios);
	}
	for (uint64_t i = 0; i < p->folios && !failed; i++) {
		keep_pace(pace);
		failed = plain_protect(p, i, true);
	}
	return failed;
}

static int change_plain(struct run *r)
{
	struct pace pace = {bench_now_ns(), r->duration_ns / (double)changes(r),
			    0};

	for (uint64_t i = 0; i < r->cycles; i++)
		if (cycle_plain(&r->plain, &pace)) {
			hvo_error("a mapping could not be changed; raise "
				  "vm.max_map_count or give a smaller "
				  "--memory");
			return HVO_EXIT_FAILED;
		}
	return 0;
}

static int cycle_live(struct run *r)
{
	const struct lab_scheme *scheme = r->map.scheme;
	int error = scheme->optimize(&r->map, 0, r->folios);

	if (error)
		return bench_failed(&r->map, "optimizing", error);
	error = scheme->restore(&r->map, 0, r->folios);
	return error ? bench_failed(&r->map, "restoring", error) : 0;
}

static int change_live(struct run *r)
{
	int code = 0;

	for (uint64_t i = 0; i < r->cycles && !code; i++)
		code = cycle_live(r);
	return code;
}

static void be_busy(double duration_ns)
{
	struct pace pace = {bench_now_ns(), duration_ns, 1};

	keep_pace(&pace);
}

/* One phase; the others last as long as the last live one did. */
static int phase(struct run *r, enum phase what, double *rate)
{
	uint64_t before, start;
	double took;
	int code = 0;

	crowd_turn(&r->crowd, what == UNDERNEATH);
	before = crowd_look_ups(&r->crowd);
	start = bench_now_ns();
	if (what == LIVE)
		code = change_live(r);
	else if (what == QUIET)
		be_busy(r->duration_ns);
	else
		code = change_plain(r);
	took = (double)(bench_now_ns() - start);
	*rate = (double)(crowd_look_ups(&r->crowd) - before) * 1000 / took;
	if (what == LIVE)
		r->duration_ns = took;
	if (what != QUIET)
		r->changes_per_s = (double)changes(r) * 1e9 / took;
	return code;
}

/* So many that a phase is long enough for all threads to have their turn. */
static int choose_cycles(struct run *r)
{
	double rate;
	int code;

	r->cycles = 1;
	code = phase(r, LIVE, &rate);
	r->cycles += (uint64_t)(PHASE_NS / r->duration_ns);
	return code ? code : phase(r, LIVE, &rate);
}

static int rounds(struct run *r)
{
	double rate[PHASES];
	int code = choose_cycles(r);

	for (uint64_t i = 0; i < r->options.rounds && !code; i++) {
		/* Each phase comes first, second, ... in turn. */
		for (size_t k = 0; k < PHASES && !code; k++) {
			enum phase what = (enum phase)((i + k) % PHASES);

			code = phase(r, what, &rate[what]);
			if (what != QUIET)
				bench_add(&r->change[what], r->changes_per_s);
		}
		for (size_t k = 0; k < PHASES && !code; k++) {
			bench_add(&r->rate[k], rate[k]);
			bench_add(&r->ratio[k], rate[k] / rate[QUIET]);
		}
		if (!code)
			bench_add(&r->forced, rate[LIVE] / rate[UNDERNEATH]);
	}
	return code;
}

static int measure(struct run *r)
{
	int code = bench_open(&r->map, &lab_shared_tails, r->folios, r->order);
	int error;

	if (code)
		return code;
	error = r->map.scheme->populate(&r->map, 0, r->folios);
	if (error) {
		code = bench_failed(&r->map, "populating", error);
	} else if (plain_open(&r->plain, &r->map)) {
		hvo_error("no memory for a mapping to compare with");
		code = HVO_EXIT_FAILED;
	} else {
		code = crowd_start(&r->crowd, r->options.threads, &r->map,
				   &r->plain);
		if (!code)
			code = rounds(r);
		r->wrong = crowd_stop(&r->crowd);
	}
	plain_close(&r->plain);
	lab_close(&r->map);
	return code;
}

/* ---- telling ---------------------------------------------------------- */

static void tell(const struct run *r)
{
	static const struct hvo_column columns[] = {
	    {"STATE", HVO_LEFT},
	    {"LOOK-UPS/US", HVO_RIGHT},
	    {"TO QUIET", HVO_RIGHT},
	    {"CHANGES/S", HVO_RIGHT},
	};
	struct hvo_table *t =
	    hvo_table_new(columns, sizeof(columns) / sizeof(columns[0]), true);
	char memory[HVO_SIZE_TEXT], text[BENCH_TEXT];

	bench_print_machine();
	printf("Threads: %lu. %s; %lu mapping changes a round; median "
	       "(least-most) of %lu rounds.\n\n",
	       r->options.threads, hvo_size_format(r->options.memory, memory),
	       changes(r), r->options.rounds);
	for (size_t i = 0; i < PHASES; i++) {
		hvo_table_line(t);
		hvo_table_cell(t, "%s", phase_names[i]);
		hvo_table_cell(t, "%s", bench_text(&r->rate[i], 1, text));
		hvo_table_cell(t, "%s", bench_text(&r->ratio[i], 3, text));
		hvo_table_cell(t, "%s", bench_text(&r->change[i], 0, text));
	}
	hvo_table_print(t);
	printf("\nlive: the map is optimized and restored. elsewhere: as many "
	       "mmap and mprotect\ncalls on memory that nobody reads; "
	       "underneath: on memory that the readers read,\nwhich is what "
	       "changing a mapping in use forces. live to underneath: %s.\n"
	       "Wrong heads seen: %lu.\n",
	       bench_text(&r->forced, 3, text), r->wrong);
}

static int tell_json(const struct run *r)
{
	struct json_object *o = bench_json_new("readers");
	struct json_object *map = hvo_json_object(o, "map");
	struct json_object *states = hvo_json_object(o, "states");

	hvo_json_int(map, "memory", r->options.memory);
	hvo_json_int(map, "page_size", r->options.page_size);
	hvo_json_int(o, "threads", r->options.threads);
	hvo_json_int(o, "changes", changes(r));
	for (size_t i = 0; i < PHASES; i++) {
		struct json_object *state =
		    hvo_json_object(states, phase_names[i]);

		bench_json(state, "look_ups_per_us", &r->rate[i]);
		bench_json(state, "to_quiet", &r->ratio[i]);
		bench_json(state, "changes_per_s", &r->change[i]);
	}
	bench_json(o, "live_to_underneath", &r->forced);
	hvo_json_int(o, "wrong", r->wrong);
	return hvo_json_print(o);
}

static int run(struct run *r)
{
	int code = measure(r);

	if (code)
		return code;
	if (r->options.json)
		code = tell_json(r);
	else
		tell(r);
	return r->wrong ? HVO_EXIT_FAILED : code;
}

int hvo_bench_readers(int argc, char **argv)
{
	long processors = sysconf(_SC_NPROCESSORS_ONLN);
	struct run *r = calloc(1, sizeof(*r));
	int code;

	if (!r) {
		hvo_error("out of memory");
		return HVO_EXIT_FAILED;
	}
	r->plain.fd = -1;
	r->options = (struct bench_options){
	    .memory = UINT64_C(8) << 30,
	    .page_size = UINT64_C(2) << 20,
	    .rounds = 15,
	    .threads = processors > 1 ? (uint64_t)processors - 1 : 1,
	};
	code = bench_parse(argc, argv, "mprt", help, &r->options);
	if (code < 0)
		code =
		    bench_folios(argv[0], &r->options, &r->folios, &r->order);
	if (code < 0)
		code = run(r);
	free(r);
	return code;
}
