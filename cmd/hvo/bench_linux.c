/* SPDX-License-Identifier: MIT */
/*
 * hvo bench linux: the running kernel's own optimization against the engine,
 * over the same number of 2 MiB pages, in turns.
 *
 * The kernel optimizes while its pool of huge pages grows. So the pool grows
 * and shrinks twice a round, with the optimization off and on, and the
 * difference is the optimization's. What it saves are the pages that it stops
 * counting as memory map in /proc/vmstat. The pool is never smaller than it
 * was found, and everything is put back (bench_setting.c).
 *
 * The engine's pages are folios whose descriptors are full and prepared, as
 * the kernel's are at that point, with frames laid out for a pool of that size
 * (hvo_linux_config.apart_order), as the kernel's vmemmap is mapped by single
 * pages where it has been optimized before.
 *
 * And our own pool grows and shrinks in the same turns, on a machine.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "bench_linux.h"
#include "cmd.h"
#include "room.h"
#include "size.h"

#define ORDER 9
#define MIB   (UINT64_C(1) << 20)

static const char pool_path[] =
    "/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages";
static const char switch_path[] = "/proc/sys/vm/hugetlb_optimize_vmemmap";

static const char help[] =
    "Usage: hvo bench linux [OPTION]...\n"
    "The running kernel's vmemmap optimization against the engine, over the\n"
    "same number of 2 MiB pages. Needs root. Changes vm.nr_hugepages (grows\n"
    "the pool and shrinks it to what it was) and vm.hugetlb_optimize_vmemmap,\n"
    "and puts both back, also when interrupted.\n"
    "\n"
    "      --count N   huge pages (1024)\n"
    "      --rounds N  repetitions, at least 2 (7); the first is told apart\n"
    "      --json      one JSON object\n"
    "  -h, --help      this text\n";

/* ---- the kernel's side ------------------------------------------------ */

/* The pages of memory map that the kernel counts; false where it does not. */
static bool read_memmap_pages(uint64_t *pages)
{
	FILE *file = fopen("/proc/vmstat", "re");
	uint64_t value;
	char name[64];
	int found = 0;

	*pages = 0;
	while (file && fscanf(file, "%63s %" SCNu64, name, &value) == 2)
		if (!strcmp(name, "nr_memmap_pages") ||
		    !strcmp(name, "nr_memmap_boot_pages")) {
			*pages += value;
			found++;
		}
	if (file)
		fclose(file);
	return found == 2;
}

static int set(const char *path, uint64_t value)
{
	int error = bench_setting_set(path, value);

	if (!error)
		return 0;
	hvo_error("%s: %s", path, strerror(error));
	return error == EACCES || error == EPERM || error == EROFS
		   ? HVO_EXIT_DENIED
		   : HVO_EXIT_FAILED;
}

/* Bring the pool to so many pages; adds microseconds a page. */
static int resize(const struct linux_run *r, uint64_t pages,
		  struct bench_series *series)
{
	uint64_t start = bench_now_ns(), now;
	int code = set(pool_path, pages);

	bench_add(series, (double)(bench_now_ns() - start) / 1000 /
			      (double)r->options.count);
	if (code)
		return code;
	if (bench_read_number(pool_path, &now) && now == pages)
		return 0;
	hvo_error("the kernel's pool came to %lu huge pages instead of %lu; "
		  "give a smaller --count",
		  now, pages);
	return HVO_EXIT_FAILED;
}

/* The pool grows by the count, and shrinks again. */
static int cycle(struct linux_run *r, bool on, struct bench_series *grow,
		 struct bench_series *shrink)
{
	uint64_t before = 0, after = 0;
	int code = set(switch_path, on);

	read_memmap_pages(&before);
	if (!code)
		code = resize(r, r->pool + r->options.count, grow);
	read_memmap_pages(&after);
	if (!code)
		code = resize(r, r->pool, shrink);
	if (on)
		r->kernel_saved =
		    (before - after) * (uint64_t)sysconf(_SC_PAGESIZE);
	return code;
}

/* ---- the engine's side ------------------------------------------------ */

static int timed(int (*call)(struct lab_map *, uint64_t, uint64_t),
		 struct linux_run *r, struct bench_series *series)
{
	uint64_t start = bench_now_ns();
	int error = call(&r->map, 0, r->options.count);

	bench_add(series, (double)(bench_now_ns() - start) / 1000 /
			      (double)r->options.count);
	return error ? bench_failed(&r->map, "converting", error) : 0;
}

static int engine_cycle(struct linux_run *r)
{
	int code = timed(r->map.scheme->optimize, r, &r->times.optimize);

	r->engine_saved = r->full - hvo_linux_measured(r->map.linux_port);
	if (!code)
		code = timed(r->map.scheme->restore, r, &r->times.restore);
	return code;
}

static int open_engine(struct linux_run *r)
{
	int code = bench_open(&r->map, &lab_shared_tails_pool, r->options.count,
			      ORDER);
	int error;

	if (code)
		return code;
	error = r->map.scheme->populate(&r->map, 0, r->options.count);
	r->full = hvo_linux_measured(r->map.linux_port);
	return error ? bench_failed(&r->map, "populating", error) : 0;
}

/* ---- our own pool ----------------------------------------------------- */

static int our_resize(struct linux_run *r, uint64_t pages,
		      struct bench_series *series)
{
	uint64_t start = bench_now_ns();
	int error = hvo_hugetlb_resize(r->machine.pools, ORDER, 0, pages, NULL);

	bench_add(series, (double)(bench_now_ns() - start) / 1000 /
			      (double)r->options.count);
	return error ? bench_mm_failed(&r->machine, "our pool", error) : 0;
}

static int our_cycle(struct linux_run *r, bool on, struct bench_series *grow,
		     struct bench_series *shrink)
{
	int code;

	hvo_hugetlb_set_optimize(r->machine.pools, on);
	code = our_resize(r, r->options.count, grow);
	return code ? code : our_resize(r, 0, shrink);
}

static int open_machine(struct linux_run *r)
{
	const struct bench_mm_config config = {
	    .memory = BENCH_LINUX_PAGE * (r->options.count * 33 / 32 + 64),
	    .orders = {ORDER},
	    .sizes = 1,
	    .mappings = 65530 + 16 * r->options.count,
	};

	return bench_mm_open(&r->machine, &config);
}

/* ---- all of it -------------------------------------------------------- */

static int denied(const char *why)
{
	hvo_error("%s", why);
	return HVO_EXIT_DENIED;
}

/* Can it be done here at all? Nothing has been changed yet. */
static int look_around(struct linux_run *r)
{
	uint64_t pages, room = hvo_room();
	uint64_t needed = r->options.count * BENCH_LINUX_PAGE +
			  r->options.count * 8 * 4096 + 512 * MIB;
	char need[HVO_SIZE_TEXT], have[HVO_SIZE_TEXT];

	if (geteuid())
		return denied("bench linux changes the pool of huge pages; "
			      "run it as root");
	if (!bench_read_number(pool_path, &r->pool))
		return denied("this kernel has no pool of 2 MiB pages");
	if (!bench_read_number(switch_path, &pages))
		return denied(
		    "this kernel has no vm.hugetlb_optimize_vmemmap: it was "
		    "built without vmemmap optimization, or lacks it on this "
		    "architecture");
	if (!read_memmap_pages(&pages))
		return denied("this kernel does not count its memory map in "
			      "/proc/vmstat (nr_memmap_pages)");
	if (needed <= room)
		return 0;
	hvo_error("%lu huge pages and room to work need %s of free memory, "
		  "there are %s; give a smaller --count",
		  r->options.count, hvo_size_format(needed, need),
		  hvo_size_format(room, have));
	return HVO_EXIT_DENIED;
}

static int measure(struct linux_run *r)
{
	struct linux_times *t = &r->times;
	int code = open_engine(r);

	if (!code)
		code = open_machine(r);
	if (!code)
		fprintf(stderr,
			"hvo: growing vm.nr_hugepages from %lu to %lu and back"
			", %lu times, with\n"
			"hvo: vm.hugetlb_optimize_vmemmap off and on; both are "
			"put back\n",
			r->pool, r->pool + r->options.count, r->options.rounds);
	for (uint64_t i = 0; i < r->options.rounds && !code; i++) {
		code = cycle(r, false, &t->grow_off, &t->shrink_off);
		if (!code)
			code = cycle(r, true, &t->grow_on, &t->shrink_on);
		if (!code)
			code = engine_cycle(r);
		if (!code)
			code = our_cycle(r, false, &t->our_grow_off,
					 &t->our_shrink_off);
		if (!code)
			code = our_cycle(r, true, &t->our_grow_on,
					 &t->our_shrink_on);
	}
	if (!bench_settings_restore())
		code = HVO_EXIT_FAILED;
	if (r->machine.machine)
		bench_mm_close(&r->machine);
	lab_close(&r->map);
	return code;
}

static int run(struct linux_run *r)
{
	int code = look_around(r);

	if (!code)
		code = measure(r);
	return code ? code : bench_linux_tell(r);
}

int hvo_bench_linux(int argc, char **argv)
{
	struct linux_run *r = calloc(1, sizeof(*r));
	int code;

	if (!r) {
		hvo_error("out of memory");
		return HVO_EXIT_FAILED;
	}
	r->options = (struct bench_options){.count = 1024, .rounds = 7};
	code = bench_parse(argc, argv, "cr", help, &r->options);
	if (code < 0 && r->options.rounds < 2)
		code = hvo_usage_error(argv[0],
				       "--rounds is at least 2: the first is "
				       "told apart");
	if (code < 0)
		code = run(r);
	free(r);
	return code;
}
