/* SPDX-License-Identifier: MIT */
/*
 * The Linux port against the kernel itself: what it says of its mappings is
 * held against /proc/self/maps, its frames against the blocks of the memfd,
 * permissions against real faults. Needs no root.
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>
#include "hvo/geometry.h"
#include "linux_fixture.h"

/* ---- the window -------------------------------------------------------- */

static void test_base_is_aligned(void **state)
{
	static const size_t records[] = {8, 32, 48, 64, 104, 120, 128, 512};

	(void)state;
	for (unsigned shift = 12; shift <= 16; shift += 2) {
		for (size_t i = 0; i < sizeof(records) / sizeof(*records);
		     i++) {
			struct hvo_linux_config config = {
			    .page_shift = shift,
			    .record = records[i],
			    .pfn_first = UINT64_C(3) << shift,
			    .pfn_end = UINT64_C(5) << shift,
			    .domains = 1,
			};
			struct fixture f = open_config(&config);
			struct hvo_geometry g;

			assert_int_equal(
			    hvo_geometry_init(&g, shift, records[i]), 0);
			assert_int_equal(hvo_linux_base(f.linux_port) %
					     hvo_base_alignment(&g),
					 0);
			assert_int_equal((uintptr_t)f.window % f.page_size, 0);
			assert_int_equal(hvo_linux_mappings(f.linux_port), 1);
			agree(&f);
			hvo_linux_close(f.linux_port);
		}
	}
}

static void test_traits(void **state)
{
	struct hvo_linux_config config = small_config(12);

	(void)state;
	config.window_pages = 1;
	for (int i = 0; i < 2; i++) {
		struct fixture f = open_config(&config);
		const struct hvo_port_traits *t = hvo_port_traits(f.port);

		assert_false(t->equal_bytes);
		assert_int_equal(t->block_pages, 0);
		assert_int_equal(t->window_pages, i ? 512 : 1);
		assert_int_equal(hvo_linux_described(f.linux_port).nr, 0);
		hvo_linux_close(f.linux_port);
		config.window_pages = 0;
	}
}

static void test_close_leaves_nothing(void **state)
{
	(void)state;
	hvo_linux_close(open_small(12).linux_port); /* libraries warm up */
	uint64_t before = count_lines();

	for (int i = 0; i < 20; i++) {
		struct fixture f = open_small(12);

		populate(&f);
		assert_int_equal(protect(&f, 3, 5, HVO_PROT_READ), 0);
		hvo_linux_close(f.linux_port);
	}
	/* The allocator may have taken or given back one of its own. */
	assert_in_range(count_lines(), before - 4, before + 4);
}

/* ---- translations ------------------------------------------------------ */

/* One folio's way there and back, looked at after each step. */
static void walk_through(unsigned page_shift)
{
	struct fixture f = open_small(page_shift);
	struct hvo_run shared = take(&f, FOLIO - 1, FOLIO - 1, UINT64_MAX);

	leads_to(&f, 9, UINT64_MAX, HVO_PROT_NONE);
	populate(&f);
	uint64_t home = hvo_port_translate(f.port, f.window).frame.nr;
	leads_to(&f, 9, home + 9, HVO_PROT_WRITE);
	assert_int_equal(hvo_linux_mappings(f.linux_port), 1);
	agree(&f);
	assert_int_equal(protect(&f, 9, FOLIO - 1, HVO_PROT_READ), 0);
	leads_to(&f, 8, home + 8, HVO_PROT_WRITE);
	leads_to(&f, 9, home + 9, HVO_PROT_READ);
	leads_to(&f, 16, home + 16, HVO_PROT_WRITE);
	agree(&f);
	assert_int_equal(repoint(&f, 9, FOLIO - 1, shared, HVO_MAY_FAIL), 0);
	leads_to(&f, 9, shared.first.nr, HVO_PROT_READ);
	leads_to(&f, 15, shared.first.nr + 6, HVO_PROT_READ);
	assert_int_equal(hvo_linux_mappings(f.linux_port), 3);
	agree(&f);
	assert_int_equal(repoint(&f, 9, FOLIO - 1, run_of(home + 9, FOLIO - 1),
				 HVO_MAY_FAIL),
			 0);
	agree(&f);
	assert_int_equal(protect(&f, 9, FOLIO - 1, HVO_PROT_WRITE), 0);
	hvo_port_flush(f.port, page_at(&f, 9), FOLIO - 1);
	assert_int_equal(hvo_linux_mappings(f.linux_port), 1);
	agree(&f);
	depopulate(&f);
	leads_to(&f, 9, UINT64_MAX, HVO_PROT_NONE);
	assert_int_equal(hvo_linux_mappings(f.linux_port), 1);
	agree(&f);
	hvo_linux_close(f.linux_port);
}

static void test_every_step_agrees(void **state)
{
	(void)state;
	for (unsigned shift = 12; shift <= 16; shift += 2)
		walk_through(shift);
}

/* Through a mapping of a period of frames, each page shows its frame. */
static void test_periods(void **state)
{
	static const uint64_t periods[] = {1, 2, 5, 16, 17, 40};
	struct fixture f = open_small(12);
	struct hvo_run source = take(&f, 40, 40, UINT64_MAX);

	(void)state;
	for (uint64_t i = 0; i < source.count; i++)
		*(uint64_t *)hvo_port_frame(
		    f.port, hvo_frame_add(source.first, i)) = 1000 + i;
	populate(&f);
	for (size_t k = 0; k < sizeof(periods) / sizeof(*periods); k++) {
		struct hvo_run run = {source.first, periods[k]};

		assert_int_equal(repoint(&f, 20, 17, run, HVO_MAY_FAIL), 0);
		agree(&f);
		for (uint64_t i = 0; i < 17; i++)
			assert_int_equal(*(uint64_t *)page_at(&f, 20 + i),
					 1000 + i % run.count);
	}
	hvo_linux_close(f.linux_port);
}

/* What only bare metal has: nothing to split, nothing to collapse. */
static void test_no_blocks(void **state)
{
	struct fixture f = open_small(12);

	(void)state;
	populate(&f);
	assert_int_equal(hvo_port_split(f.port, f.window, f.pages), 0);
	assert_int_equal(hvo_port_collapse(f.port, f.window), -HVO_EBLOCK);
	agree(&f);
	hvo_linux_close(f.linux_port);
}

/* The audit finds what was done behind the port's back. */
static void test_audit_sees_lies(void **state)
{
	struct fixture f = open_small(12);
	uint64_t first;

	(void)state;
	populate(&f);
	assert_int_equal(mprotect(page_at(&f, 5), 2 * f.page_size, PROT_READ),
			 0);
	assert_int_equal(hvo_linux_audit(f.linux_port, &first), 2);
	assert_int_equal(first, 5);
	assert_int_equal(
	    mprotect(page_at(&f, 5), 2 * f.page_size, PROT_READ | PROT_WRITE),
	    0);
	agree(&f);
	assert_int_equal(munmap(page_at(&f, 7), f.page_size), 0);
	assert_int_equal(hvo_linux_audit(f.linux_port, &first), 1);
	assert_int_equal(first, 7);
	assert_ptr_not_equal(
	    mmap(page_at(&f, 7), f.page_size, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0),
	    MAP_FAILED);
	assert_int_equal(hvo_linux_audit(f.linux_port, &first), 1);
	hvo_linux_close(f.linux_port);
}

/* ---- frames ------------------------------------------------------------ */

static void test_frames_are_measured(void **state)
{
	(void)state;
	for (unsigned shift = 12; shift <= 16; shift += 4) {
		struct fixture f = open_small(shift);

		assert_int_equal(hvo_linux_measured(f.linux_port), 0);
		struct hvo_run a = take(&f, 100, 1, 0);
		struct hvo_run b = take(&f, 7, 7, UINT64_MAX);
		uint64_t bytes = (a.count + b.count) << shift;
		assert_int_equal(a.count, 100);
		assert_int_equal(hvo_linux_measured(f.linux_port), bytes);
		assert_int_equal(hvo_linux_handed_out(f.linux_port), bytes);
		/* Given back in another division. */
		give(&f, run_of(a.first.nr + 50, 50));
		give(&f, b);
		assert_int_equal(hvo_linux_measured(f.linux_port),
				 UINT64_C(50) << shift);
		give(&f, run_of(a.first.nr, 20));
		give(&f, run_of(a.first.nr + 20, 30));
		assert_int_equal(hvo_linux_measured(f.linux_port), 0);
		assert_int_equal(hvo_linux_handed_out(f.linux_port), 0);
		hvo_linux_close(f.linux_port);
	}
}

static void test_frames_at_home(void **state)
{
	struct fixture f = open_small(12);

	(void)state;
	uint64_t home = take(&f, 1, 1, 0).first.nr;
	struct hvo_run tails = take(&f, 7, 1, 9);
	assert_int_equal(tails.first.nr, home + 9);
	assert_int_equal(tails.count, 7);
	/* A part of it is free: the run ends where another's frame begins. */
	assert_int_equal(take(&f, 7, 1, 5).count, 4);
	/* Home is taken: an extra frame, not someone else's home. */
	assert_true(take(&f, 1, 1, 9).first.nr >= home + f.pages);
	/* So it is for what has no home, and for a run too long for it. */
	assert_true(take(&f, 3, 3, UINT64_MAX).first.nr >= home + f.pages);
	assert_true(take(&f, 3, 3, 8).first.nr >= home + f.pages);
	give(&f, tails);
	assert_int_equal(take(&f, 7, 7, 9).first.nr, home + 9);
	hvo_linux_close(f.linux_port);
}

static void test_frames_are_aligned_and_zero(void **state)
{
	struct fixture f = open_small(12);
	struct hvo_frame_request request = {
	    .count = 8, .least = 8, .align = 16, .home = 1, .zero = true};
	struct hvo_run run;

	(void)state;
	for (int round = 0; round < 3; round++) {
		assert_int_equal(f.frames.alloc(f.frames.ctx, &request, &run),
				 0);
		assert_int_equal(run.first.nr % 16, 0);
		unsigned char *bytes = hvo_port_frame(f.port, run.first);
		for (size_t i = 0; i < 8 * f.page_size; i++)
			assert_int_equal(bytes[i], 0);
		memset(bytes, 0xa5, 8 * f.page_size);
		if (round == 1)
			give(&f, run);
	}
	hvo_linux_close(f.linux_port);
}

/* Every frame there is, once; then an error; then all of them again. */
static void test_frames_run_out(void **state)
{
	struct hvo_linux_config config = small_config(12);
	struct fixture f;
	struct hvo_run run;
	struct hvo_frame_request request = {
	    .count = 1, .least = 1, .align = 1, .home = UINT64_MAX};

	(void)state;
	config.window_pages = 1;
	f = open_config(&config);
	uint64_t end = hvo_linux_frame_end(f.linux_port);
	uint64_t first = config.pfn_end;
	unsigned char *seen = test_calloc(end, 1);
	for (int round = 0; round < 2; round++) {
		uint64_t n = 0;

		while (!f.frames.alloc(f.frames.ctx, &request, &run)) {
			assert_in_range(run.first.nr, first, end - 1);
			assert_int_equal(seen[run.first.nr], round);
			seen[run.first.nr]++;
			n++;
		}
		assert_int_equal(n, end - first);
		assert_int_equal(hvo_linux_measured(f.linux_port),
				 n * f.page_size);
		give(&f, run_of(first, n));
	}
	test_free(seen);
	hvo_linux_close(f.linux_port);
}

/* Hole by hole: a run is found exactly where it fits. */
static void test_frames_fit_holes(void **state)
{
	struct fixture f = open_small(12);
	uint64_t end = hvo_linux_frame_end(f.linux_port);
	struct hvo_frame_request request = {
	    .count = 5, .least = 3, .align = 1, .home = UINT64_MAX};
	struct hvo_run run;

	(void)state;
	struct hvo_run all = take(&f, end, 1, 0); /* home frames */
	uint64_t extra = all.first.nr + all.count;
	assert_int_equal(
	    take(&f, end - extra, end - extra, UINT64_MAX).first.nr, extra);
	give(&f, run_of(extra + 63, 2));
	give(&f, run_of(extra + 130, 3));
	assert_int_equal(f.frames.alloc(f.frames.ctx, &request, &run), 0);
	assert_int_equal(run.first.nr, extra + 130);
	assert_int_equal(run.count, 3);
	assert_int_equal(f.frames.alloc(f.frames.ctx, &request, &run),
			 -HVO_ENOMEM);
	/* Homes are taken when nothing else is left. */
	give(&f, run_of(all.first.nr + 60, 9));
	assert_int_equal(f.frames.alloc(f.frames.ctx, &request, &run), 0);
	assert_int_equal(run.first.nr, all.first.nr + 60);
	assert_int_equal(run.count, 5);
	hvo_linux_close(f.linux_port);
}

static void test_copy(void **state)
{
	static const uint64_t counts[] = {1, 6, 7, 8, 20, 200};
	static const uint64_t periods[] = {1, 3, 7};
	struct fixture f = open_small(12);
	struct hvo_run src = take(&f, 7, 7, UINT64_MAX);

	(void)state;
	for (uint64_t i = 0; i < 7; i++)
		memset(hvo_port_frame(f.port, hvo_frame_add(src.first, i)),
		       (int)(i + 1), f.page_size);
	for (size_t k = 0; k < 18; k++) {
		struct hvo_run dst = take(&f, counts[k / 3], counts[k / 3], 0);

		src.count = periods[k % 3];
		hvo_port_copy(f.port, dst, src, 0);
		for (uint64_t i = 0; i < dst.count; i++)
			assert_memory_equal(
			    hvo_port_frame(f.port, hvo_frame_add(dst.first, i)),
			    hvo_port_frame(
				f.port,
				hvo_frame_add(src.first, i % src.count)),
			    f.page_size);
		assert_int_equal(hvo_linux_measured(f.linux_port),
				 hvo_linux_handed_out(f.linux_port));
		give(&f, dst);
	}
	hvo_linux_close(f.linux_port);
}

/* Where the kernel refuses to write into the memfd, the bytes come anyway. */
static void test_copy_without_writes(void **state)
{
	struct fixture f = open_small(12);
	struct hvo_run src = take(&f, 2, 2, UINT64_MAX);
	struct hvo_run dst = take(&f, 5, 5, 0);
	struct rlimit old;
	struct rlimit none;

	(void)state;
	memset(hvo_port_frame(f.port, src.first), 0x33, 2 * f.page_size);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	none = old;
	none.rlim_cur = 0;
	void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &none), 0);
	hvo_port_copy(f.port, dst, src, 0);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
	signal(SIGXFSZ, handler);
	for (size_t i = 0; i < 5 * f.page_size; i++)
		assert_int_equal(
		    ((unsigned char *)hvo_port_frame(f.port, dst.first))[i],
		    0x33);
	hvo_linux_close(f.linux_port);
}

/* ---- faults ------------------------------------------------------------ */

static void test_real_faults(void **state)
{
	struct fixture f = open_small(12);

	(void)state;
	populate(&f);
	memset(f.window, 0x5a, f.pages * f.page_size);
	assert_int_equal(hvo_linux_catch_faults(), 0);
	assert_int_equal(protect(&f, 9, 7, HVO_PROT_READ), 0);
	for (uint64_t page = 0; page < f.pages; page++)
		for (size_t at = 0; at < f.page_size; at += 1365)
			assert_int_equal(
			    hvo_linux_write_faults(
				(unsigned char *)page_at(&f, page) + at),
			    page >= 9 && page < 16);
	/* Nothing was changed by trying. */
	for (size_t i = 0; i < f.pages * f.page_size; i++)
		assert_int_equal(f.window[i], 0x5a);
	assert_int_equal(protect(&f, 9, 7, HVO_PROT_WRITE), 0);
	assert_false(hvo_linux_write_faults(page_at(&f, 9)));
	depopulate(&f);
	assert_true(hvo_linux_write_faults(page_at(&f, 9)));
	hvo_linux_close(f.linux_port);
}

static void earlier_handler(int signal)
{
	_exit(signal == SIGSEGV ? 77 : 78);
}

/* A fault that is no probe's, in a process of its own. Returns its status. */
static int fault_elsewhere(bool handled)
{
	pid_t child = fork();
	int status;

	if (!child) {
		struct rlimit none = {0, 0};
		volatile unsigned char *nowhere = mmap(
		    NULL, 1, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		setrlimit(RLIMIT_CORE, &none);
		signal(SIGSEGV, handled ? earlier_handler : SIG_DFL);
		if (hvo_linux_catch_faults() ||
		    !hvo_linux_write_faults((void *)nowhere))
			_exit(1);
		*nowhere = 1;
		_exit(2);
	}
	assert_true(child > 0);
	assert_int_equal(waitpid(child, &status, 0), child);
	return status;
}

/* Must come before any test that installs the handler. */
static void test_other_faults_pass(void **state)
{
	(void)state;
	int status = fault_elsewhere(true);

	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 77);
	status = fault_elsewhere(false);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGSEGV);
}

/* ---- other threads ----------------------------------------------------- */

struct reading {
	const struct fixture *f;
	atomic_bool stop;
	_Atomic uint64_t reads;
	_Atomic uint64_t wrong;
};

/* Each word of the pages is that of one frame or of the other. */
static void *read_on(void *ctx)
{
	struct reading *r = ctx;
	uint64_t wrong = 0;
	uint64_t reads = 0;
	size_t words = FOLIO * r->f->page_size / sizeof(uint64_t);
	volatile uint64_t *word = page_at(r->f, 8);

	while (!atomic_load(&r->stop)) {
		for (size_t i = 0; i < words; i += 61) {
			uint64_t value = word[i];

			wrong += value != UINT64_C(0x1111111111111111) &&
				 value != UINT64_C(0x2222222222222222);
		}
		reads += words / 61;
	}
	atomic_fetch_add(&r->wrong, wrong);
	atomic_fetch_add(&r->reads, reads);
	return NULL;
}

/* Readers never fault, and see the one or the other, while pages move. */
static void test_readers_during_changes(void **state)
{
	struct fixture f = open_small(12);
	struct hvo_run shared = take(&f, 7, 7, UINT64_MAX);
	struct reading reading = {.f = &f};
	pthread_t threads[2];

	(void)state;
	populate(&f);
	memset(f.window, 0x11, f.pages * f.page_size);
	memset(hvo_port_frame(f.port, shared.first), 0x22, 7 * f.page_size);
	struct hvo_run own = {hvo_port_translate(f.port, page_at(&f, 9)).frame,
			      7};
	for (int i = 0; i < 2; i++)
		assert_int_equal(
		    pthread_create(&threads[i], NULL, read_on, &reading), 0);
	for (int i = 0; i < 2000; i++) {
		assert_int_equal(protect(&f, 9, 7, HVO_PROT_READ), 0);
		assert_int_equal(repoint(&f, 9, 7, shared, HVO_MAY_FAIL), 0);
		assert_int_equal(repoint(&f, 9, 7, own, HVO_MAY_FAIL), 0);
		assert_int_equal(protect(&f, 9, 7, HVO_PROT_WRITE), 0);
	}
	atomic_store(&reading.stop, true);
	for (int i = 0; i < 2; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	assert_int_equal(reading.wrong, 0);
	assert_true(reading.reads > 0);
	agree(&f);
	hvo_linux_close(f.linux_port);
}

struct changing {
	const struct fixture *f;
	struct hvo_run shared;
	uint64_t home;
	uint64_t first;
	unsigned seed;
	int failed;
};

/* Change every fourth page this way and that: its neighbours are others'. */
static void *change_on(void *ctx)
{
	struct changing *c = ctx;
	const struct fixture *f = c->f;

	for (int i = 0; i < 6000; i++) {
		c->seed = c->seed * 1103515245 + 12345;
		uint64_t page = c->first + (c->seed >> 16) % (f->pages / 4) * 4;
		struct hvo_run run = run_of(c->home + page, 1);

		switch (c->seed >> 8 & 3) {
		case 0:
			c->failed |= protect(f, page, 1, HVO_PROT_READ);
			break;
		case 1:
			c->failed |=
			    repoint(f, page, 1, c->shared, HVO_MAY_FAIL);
			break;
		case 2:
			c->failed |= repoint(f, page, 1, run, HVO_MUST);
			break;
		default:
			c->failed |= hvo_port_unmap(f->port, page_at(f, page),
						    1, HVO_MAY_FAIL);
			c->failed |= hvo_port_map(f->port, page_at(f, page), 1,
						  run, HVO_PROT_WRITE, false);
		}
	}
	return NULL;
}

static void test_threads_keep_the_count(void **state)
{
	struct fixture f = open_small(12);
	struct changing c[4];
	pthread_t threads[4];

	(void)state;
	populate(&f);
	for (unsigned i = 0; i < 4; i++) {
		c[i] = (struct changing){
		    .f = &f,
		    .shared = take(&f, 1, 1, UINT64_MAX),
		    .home = hvo_port_translate(f.port, f.window).frame.nr,
		    .first = i,
		    .seed = i + 1};
		assert_int_equal(
		    pthread_create(&threads[i], NULL, change_on, &c[i]), 0);
	}
	for (int i = 0; i < 4; i++) {
		assert_int_equal(pthread_join(threads[i], NULL), 0);
		assert_int_equal(c[i].failed, 0);
	}
	agree(&f);
	hvo_linux_close(f.linux_port);
}

struct allocating {
	const struct fixture *f;
	_Atomic unsigned *owners; /* by frame */
	unsigned seed;
	_Atomic int wrong;
};

static void *allocate_on(void *ctx)
{
	struct allocating *a = ctx;
	const struct hvo_frames *frames = &a->f->frames;

	for (int i = 0; i < 3000; i++) {
		a->seed = a->seed * 1103515245 + 12345;
		struct hvo_frame_request request = {
		    .count = 1 + (a->seed >> 16) % 9,
		    .least = 1,
		    .align = 1,
		    .home = (a->seed >> 20) % (2 * a->f->pages)};
		struct hvo_run run;

		if (frames->alloc(frames->ctx, &request, &run))
			continue;
		for (uint64_t n = 0; n < run.count; n++)
			a->wrong |= atomic_fetch_add(
					&a->owners[run.first.nr + n], 1) != 0;
		for (uint64_t n = 0; n < run.count; n++)
			a->wrong |= atomic_fetch_sub(
					&a->owners[run.first.nr + n], 1) != 1;
		frames->free(frames->ctx, run);
	}
	return NULL;
}

/* No frame is ever handed out twice, and all come back. */
static void test_threads_share_frames(void **state)
{
	struct fixture f = open_small(12);
	uint64_t end = hvo_linux_frame_end(f.linux_port);
	struct allocating a[4];
	pthread_t threads[4];

	(void)state;
	_Atomic unsigned *owners = test_calloc(end, sizeof(*owners));
	for (unsigned i = 0; i < 4; i++) {
		a[i] = (struct allocating){
		    .f = &f, .owners = owners, .seed = i + 1};
		assert_int_equal(
		    pthread_create(&threads[i], NULL, allocate_on, &a[i]), 0);
	}
	for (int i = 0; i < 4; i++) {
		assert_int_equal(pthread_join(threads[i], NULL), 0);
		assert_int_equal(a[i].wrong, 0);
	}
	assert_int_equal(hvo_linux_handed_out(f.linux_port), 0);
	assert_int_equal(hvo_linux_measured(f.linux_port), 0);
	test_free((void *)owners);
	hvo_linux_close(f.linux_port);
}

struct walker {
	atomic_bool inside;
	atomic_bool left;
};

static void *walk(void *ctx)
{
	struct walker *w = ctx;

	hvo_linux_read_lock();
	hvo_linux_read_lock();
	hvo_linux_read_unlock();
	atomic_store(&w->inside, true);
	for (int i = 0; i < 2000; i++)
		sched_yield();
	atomic_store(&w->left, true);
	hvo_linux_read_unlock();
	return NULL;
}

static void test_grace_period(void **state)
{
	struct fixture f = open_small(12);

	(void)state;
	for (int i = 0; i < 20; i++) {
		struct walker w = {false, false};
		pthread_t thread;

		assert_int_equal(pthread_create(&thread, NULL, walk, &w), 0);
		while (!atomic_load(&w.inside))
			sched_yield();
		hvo_port_synchronize(f.port);
		assert_true(atomic_load(&w.left));
		assert_int_equal(pthread_join(thread, NULL), 0);
	}
	hvo_linux_close(f.linux_port);
}

/* ---- errors at open ---------------------------------------------------- */

static void refused(struct hvo_linux_config config, const char *word)
{
	char message[512] = "";

	assert_null(hvo_linux_open(&config, message, sizeof(message)));
	if (!strstr(message, word))
		fail_msg("\"%s\" does not say \"%s\"", message, word);
}

static void test_open_errors(void **state)
{
	struct hvo_linux_config good = small_config(12);
	struct hvo_linux_config c;

	(void)state;
	c = good, c.page_shift = 10, refused(c, "base pages of 2^10");
	c = good, c.page_shift = 17, refused(c, "base pages of 2^17");
	c = good, c.page_shift = 4096, refused(c, "base pages");
	c = good, c.record = 12, refused(c, "records of 12 bytes");
	c = good, c.record = 0, refused(c, "records of 0 bytes");
	c = good, c.record = 520, refused(c, "records of 520 bytes");
	c = good, c.domains = 0, refused(c, "0 domains");
	c = good, c.pfn_end = 0, refused(c, "pfns 0 to 0");
	c = good, c.pfn_end = 100, refused(c, "multiples of");
	c = good, c.pfn_first = 1, refused(c, "multiples of");
	c = good, c.pfn_end = UINT64_MAX & ~511ULL, refused(c, "pfns");
	c = good, c.apart_order = 6, refused(c, "order 6 cannot be set apart");
	c = good, c.apart_order = 23, refused(c, "use 7 to 22, or 0");
	c = good, c.apart_order = UINT32_MAX, refused(c, "set apart");
	/* A folio's records must fill whole pages. */
	c = good, c.record = 104, c.apart_order = 8, refused(c, "use 9 to 22");
	/* More than any address space has. */
	c = good, c.pfn_end = UINT64_C(1) << 43, refused(c, "less memory");
	/* pfn 0's descriptor would lie below address 0. */
	c = good;
	c.pfn_first = UINT64_C(1) << 43;
	c.pfn_end = c.pfn_first + 512;
	refused(c, "lower pfns");
}

static void test_open_message_is_cut(void **state)
{
	struct hvo_linux_config config = small_config(10);
	char message[8];

	(void)state;
	assert_null(hvo_linux_open(&config, message, sizeof(message)));
	assert_int_equal(strlen(message), sizeof(message) - 1);
	assert_null(hvo_linux_open(&config, NULL, 0));
}

/* With a limit of the process lowered; the test's own memory is there. */
static void refused_under(int resource, rlim_t soft, const char *word)
{
	struct rlimit old;
	struct rlimit low;
	char message[512] = "";
	struct hvo_linux_config config = small_config(12);

	assert_int_equal(getrlimit((__rlimit_resource_t)resource, &old), 0);
	low = old;
	low.rlim_cur = soft;
	assert_int_equal(setrlimit((__rlimit_resource_t)resource, &low), 0);
	struct hvo_linux *l = hvo_linux_open(&config, message, sizeof(message));
	assert_int_equal(setrlimit((__rlimit_resource_t)resource, &old), 0);
	assert_null(l);
	if (!strstr(message, word))
		fail_msg("\"%s\" does not say \"%s\"", message, word);
}

static void test_open_under_limits(void **state)
{
	(void)state;
	refused_under(RLIMIT_FSIZE, 1 << 20, "ulimit -f");
	refused_under(RLIMIT_NOFILE, 3, "ulimit -n");
	refused_under(RLIMIT_AS, 1 << 20, "ulimit -v");
}

static void test_explanations(void **state)
{
	struct fixture f = open_small(12);
	char message[1024];

	(void)state;
	hvo_linux_explain(f.linux_port, -HVO_ENOMEM, message, sizeof(message));
	assert_non_null(strstr(message, "memory"));
	hvo_linux_explain(f.linux_port, HVO_EALIGN, message, sizeof(message));
	assert_string_equal(message, hvo_strerror(HVO_EALIGN));
	hvo_linux_close(f.linux_port);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_other_faults_pass),
	    cmocka_unit_test(test_base_is_aligned),
	    cmocka_unit_test(test_traits),
	    cmocka_unit_test(test_close_leaves_nothing),
	    cmocka_unit_test(test_every_step_agrees),
	    cmocka_unit_test(test_periods),
	    cmocka_unit_test(test_no_blocks),
	    cmocka_unit_test(test_audit_sees_lies),
	    cmocka_unit_test(test_frames_are_measured),
	    cmocka_unit_test(test_frames_at_home),
	    cmocka_unit_test(test_frames_are_aligned_and_zero),
	    cmocka_unit_test(test_frames_run_out),
	    cmocka_unit_test(test_frames_fit_holes),
	    cmocka_unit_test(test_copy),
	    cmocka_unit_test(test_copy_without_writes),
	    cmocka_unit_test(test_real_faults),
	    cmocka_unit_test(test_readers_during_changes),
	    cmocka_unit_test(test_threads_keep_the_count),
	    cmocka_unit_test(test_threads_share_frames),
	    cmocka_unit_test(test_grace_period),
	    cmocka_unit_test(test_open_errors),
	    cmocka_unit_test(test_open_message_is_cut),
	    cmocka_unit_test(test_open_under_limits),
	    cmocka_unit_test(test_explanations),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
