/* SPDX-License-Identifier: MIT */
/*
 * The Linux port where mappings run out.
 *
 * vm.max_map_count is the host's, and others may change it at any moment. So
 * the port's own decisions are tested with a limit that the test makes up; and
 * what happens when the kernel refuses a call, with refusals to order: the
 * program is linked with --wrap for the functions below. Last comes the
 * kernel's real limit, in a process that is started over when the limit was
 * changed meanwhile.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include "hvo/vmemmap.h"
#include "linux_fixture.h"

/* ---- in place of the kernel's ------------------------------------------ */

static uint64_t made_up; /* the limit that the port reads; 0: the host's */
static uint64_t calls;   /* of mmap and mprotect, since refusing began */
static uint64_t refused; /* the call that fails; 0: none */

uint64_t __real_hvo_linux_max_map_count(void);
uint64_t __wrap_hvo_linux_max_map_count(void);
void *__real_mmap(void *va, size_t size, int prot, int flags, int fd,
		  off_t offset);
void *__wrap_mmap(void *va, size_t size, int prot, int flags, int fd,
		  off_t offset);
/* Its other name, with -D_FILE_OFFSET_BITS=64. */
void *__wrap_mmap64(void *va, size_t size, int prot, int flags, int fd,
		    off_t offset);
int __real_mprotect(void *va, size_t size, int prot);
int __wrap_mprotect(void *va, size_t size, int prot);

uint64_t __wrap_hvo_linux_max_map_count(void)
{
	return made_up ? made_up : __real_hvo_linux_max_map_count();
}

/*
 * The kernel may have cut a mapping in two before it refuses. Here that is
 * done by a flag that the port sets nowhere in the window, so that it shows.
 */
static bool refuses(void *va)
{
	if (!refused || ++calls != refused)
		return false;
	madvise(va, (size_t)sysconf(_SC_PAGESIZE), MADV_DONTDUMP);
	errno = ENOMEM;
	return true;
}

void *__wrap_mmap(void *va, size_t size, int prot, int flags, int fd,
		  off_t offset)
{
	if (refuses(va))
		return MAP_FAILED;
	return __real_mmap(va, size, prot, flags, fd, offset);
}

void *__wrap_mmap64(void *va, size_t size, int prot, int flags, int fd,
		    off_t offset)
{
	return __wrap_mmap(va, size, prot, flags, fd, offset);
}

int __wrap_mprotect(void *va, size_t size, int prot)
{
	return refuses(va) ? -1 : __real_mprotect(va, size, prot);
}

static void refuse(uint64_t nth)
{
	calls = 0;
	refused = nth;
}

/* Before each test: everything is the host's. */
static int as_it_is(void **state)
{
	(void)state;
	made_up = 0;
	refuse(0);
	return 0;
}

/* ---- what the port reads and decides ----------------------------------- */

static uint64_t host_limit(void)
{
	FILE *file = fopen("/proc/sys/vm/max_map_count", "re");
	unsigned long long limit = 0;

	assert_non_null(file);
	assert_int_equal(fscanf(file, "%llu", &limit), 1);
	fclose(file);
	return limit;
}

static void test_limit_is_read(void **state)
{
	struct fixture f = open_small(12);
	uint64_t limit;
	uint64_t before;

	(void)state;
	do {
		before = host_limit();
		limit = hvo_linux_mappings_limit(f.linux_port);
	} while (host_limit() != before);
	assert_int_equal(limit, before);
	hvo_linux_close(f.linux_port);
}

/* Cut the full map until the port refuses. Returns the page it refused. */
static uint64_t cut_all_it_lets(const struct fixture *f)
{
	for (uint64_t page = 1; page < f->pages; page += 2) {
		struct snapshot before = snap(f);
		int error = protect(f, page, 1, HVO_PROT_READ);

		if (error) {
			assert_int_equal(error, -HVO_EMAPPINGS);
			unchanged(f, &before);
			return page;
		}
	}
	fail_msg("it refused nothing");
	return 0;
}

/* The port refuses before the kernel does, and leaves room for others. */
static void test_limit_is_refused(void **state)
{
	char message[1024];

	(void)state;
	made_up = count_lines() + 300;
	struct fixture f = open_small(12);
	populate(&f);
	uint64_t page = cut_all_it_lets(&f);
	struct snapshot before = snap(&f);
	assert_true(count_lines() < made_up);
	assert_int_equal(
	    hvo_port_unmap(f.port, page_at(&f, page), 1, HVO_MAY_FAIL),
	    -HVO_EMAPPINGS);
	assert_int_equal(repoint(&f, page, 1, run_of(0, 1), HVO_MAY_FAIL),
			 -HVO_EMAPPINGS);
	unchanged(&f, &before);
	assert_true(hvo_linux_mappings_needed(f.linux_port,
					      before.counted + 2) > made_up);
	assert_true(hvo_linux_mappings_needed(f.linux_port,
					      before.counted - 2) <= made_up);
	hvo_linux_explain(f.linux_port, -HVO_EMAPPINGS, message,
			  sizeof(message));
	assert_non_null(strstr(message, "vm.max_map_count"));
	/* A mapping given up makes room for another; and what must, may. */
	assert_int_equal(protect(&f, 1, 1, HVO_PROT_WRITE), 0);
	assert_int_equal(protect(&f, page, 1, HVO_PROT_READ), 0);
	assert_int_equal(protect(&f, 1, 1, HVO_PROT_READ), -HVO_EMAPPINGS);
	assert_int_equal(repoint(&f, 1, 1, run_of(0, 1), HVO_MUST), 0);
	agree(&f);
	hvo_linux_close(f.linux_port);
}

static void test_limit_is_raised(void **state)
{
	(void)state;
	made_up = count_lines() + 300;
	struct fixture f = open_small(12);
	populate(&f);
	uint64_t page = cut_all_it_lets(&f);
	made_up += 2;
	assert_int_equal(protect(&f, page, 1, HVO_PROT_READ), 0);
	assert_int_equal(protect(&f, page + 2, 1, HVO_PROT_READ),
			 -HVO_EMAPPINGS);
	agree(&f);
	hvo_linux_close(f.linux_port);
}

/* With an order set apart a full map has as many mappings as an optimized
 * one, so that it may be populating that finds no room. */
static void test_limit_with_an_order_apart(void **state)
{
	struct hvo_linux_config config = small_config(12);
	struct hvo_run run;
	struct hvo_work work = HVO_WORK(&run, 1);
	struct hvo_vmemmap *map;
	char message[1024];

	(void)state;
	config.pfn_end = UINT64_C(512) * 100;
	config.apart_order = 9;
	made_up = count_lines() + 300;
	struct fixture f = open_config(&config);
	map = open_map(&f, &config);
	assert_int_equal(
	    hvo_vmemmap_populate(map, 0, config.pfn_end, 0, false, &work),
	    -HVO_EMAPPINGS);
	agree(&f);
	assert_int_equal(hvo_linux_mappings(f.linux_port), 1);
	assert_int_equal(hvo_linux_handed_out(f.linux_port), 0);
	assert_int_equal(hvo_linux_measured(f.linux_port), 0);
	hvo_linux_explain(f.linux_port, -HVO_EMAPPINGS, message,
			  sizeof(message));
	assert_non_null(strstr(message, "about 2 for each folio"));
	made_up = hvo_linux_mappings_needed(f.linux_port, 200);
	assert_int_equal(
	    hvo_vmemmap_populate(map, 0, config.pfn_end, 0, false, &work), 0);
	agree(&f);
	assert_int_equal(hvo_linux_mappings(f.linux_port), 200);
	free(map);
	hvo_linux_close(f.linux_port);
}

/* ---- calls that the kernel refuses ------------------------------------- */

/* The changes of the loop below: each takes another way through the port. */
static int change(const struct fixture *f, int which, struct hvo_run shared)
{
	switch (which) {
	case 0:
		return repoint(f, 20, 64, run_of(shared.first.nr, 1),
			       HVO_MAY_FAIL);
	case 1:
		return repoint(f, 38, 17, shared, HVO_MAY_FAIL);
	case 2:
		return protect(f, 30, 40, HVO_PROT_READ);
	case 3:
		return hvo_port_unmap(f->port, page_at(f, 50), 20,
				      HVO_MAY_FAIL);
	default:
		return hvo_port_map(f->port, page_at(f, 201), 23, shared,
				    HVO_PROT_WRITE, false);
	}
}

/* A full map with a read-only part and a hole. */
static struct fixture open_patched(struct hvo_run *shared)
{
	struct fixture f = open_small(12);

	*shared = take(&f, 5, 5, UINT64_MAX);
	populate(&f);
	assert_int_equal(protect(&f, 40, 20, HVO_PROT_READ), 0);
	assert_int_equal(
	    hvo_port_unmap(f.port, page_at(&f, 200), 25, HVO_MAY_FAIL), 0);
	return f;
}

/* Whichever of a change's calls is refused, all is as it was. */
static void test_refused_calls_undo(void **state)
{
	static const uint64_t takes[] = {64, 4, 1, 1, 5};
	struct hvo_run shared;
	struct fixture f = open_patched(&shared);
	struct snapshot before = snap(&f);

	(void)state;
	for (int which = 0; which < 5; which++) {
		for (uint64_t nth = 1; nth <= takes[which]; nth++) {
			refuse(nth);
			int error = change(&f, which, shared);
			refuse(0);
			assert_int_equal(error, -HVO_EMAPPINGS);
			unchanged(&f, &before);
		}
		refuse(UINT64_MAX);
		assert_int_equal(change(&f, which, shared), 0);
		assert_int_equal(calls, takes[which]);
		refuse(0);
		agree(&f);
		hvo_linux_close(f.linux_port);
		f = open_patched(&shared);
		before = snap(&f);
	}
	hvo_linux_close(f.linux_port);
}

/* What must succeed does, whichever call is refused once. */
static void test_refused_calls_that_must_not_fail(void **state)
{
	struct hvo_run shared;

	(void)state;
	for (uint64_t nth = 1; nth <= 4; nth++) {
		struct fixture f = open_patched(&shared);

		refuse(nth);
		assert_int_equal(repoint(&f, 38, 17, shared, HVO_MUST), 0);
		assert_true(calls > 4);
		refuse(0);
		for (uint64_t i = 0; i < 17; i++)
			leads_to(&f, 38 + i, shared.first.nr + i % 5,
				 HVO_PROT_READ);
		agree(&f);
		hvo_linux_close(f.linux_port);
	}
}

/* ---- the kernel's own limit -------------------------------------------- */

/* Mappings of no use, so that the process is near its limit. */
struct hoard {
	unsigned char *pages;
	uint64_t count;
	size_t page_size;
};

/* Leave the process about `left` mappings; none at all if that is 0. Each
 * second page differs from its neighbours. */
static struct hoard hoard_all_but(uint64_t left)
{
	struct hoard h = {.page_size = (size_t)sysconf(_SC_PAGESIZE),
			  .count = host_limit() - count_lines() - left};

	h.count += left ? 0 : 8; /* until the kernel refuses */
	h.pages = mmap(NULL, h.count * h.page_size, PROT_NONE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(h.pages, MAP_FAILED);
	for (uint64_t i = 0; i < h.count; i += 2)
		if (mprotect(h.pages + i * h.page_size, h.page_size, PROT_READ))
			break;
	return h;
}

static void spend(struct hoard *h)
{
	munmap(h->pages, h->count * h->page_size);
}

/*
 * The kernel refuses half-way, because the rest of the process has grown
 * since: what was done is undone, and what must succeed does.
 */
static void test_at_the_limit(void **state)
{
	struct fixture f = open_small(12);

	(void)state;
	populate(&f);
	uint64_t home = hvo_port_translate(f.port, f.window).frame.nr;
	assert_int_equal(protect(&f, 40, 20, HVO_PROT_READ), 0);
	struct snapshot before = snap(&f);
	/* Each of 64 pages would be a mapping of its own; some fit. */
	struct hoard hoard = hoard_all_but(30);
	int error = repoint(&f, 20, 64, run_of(0, 1), HVO_MAY_FAIL);
	unchanged(&f, &before);
	assert_int_equal(error, -HVO_EMAPPINGS);
	/* What must succeed does so, at the very limit. */
	struct hoard rest = hoard_all_but(0);
	assert_int_equal(repoint(&f, 200, 7, run_of(home + 9, 7), HVO_MUST), 0);
	agree(&f);
	spend(&rest);
	assert_int_equal(protect(&f, 180, 7, HVO_PROT_READ), 0);
	/* A single cut fails too, and the kernel may have made half of it. */
	rest = hoard_all_but(0);
	error = 0;
	for (uint64_t page = 100; page < 170 && !error; page += 2) {
		before = snap(&f);
		error = protect(&f, page, 1, HVO_PROT_READ);
	}
	assert_int_equal(error, -HVO_EMAPPINGS);
	unchanged(&f, &before);
	spend(&rest);
	spend(&hoard);
	hvo_linux_close(f.linux_port);
}

#define AT_THE_LIMIT "--at-the-limit"

/* Wait for it, watching the host's limit; false if that was changed. */
static bool wait_for(pid_t child, uint64_t limit, int *status)
{
	bool same = true;
	pid_t ended;

	while (!(ended = waitpid(child, status, WNOHANG))) {
		same &= host_limit() == limit;
		usleep(1000);
	}
	assert_int_equal(ended, child);
	return same && host_limit() == limit;
}

/*
 * Run this program again for the test above, and show what it said if it
 * fails. Returns whether it passed; *same says whether the limit stayed.
 */
static bool run_at_the_limit(uint64_t limit, bool *same)
{
	FILE *report = tmpfile();
	char line[256];
	int status;

	assert_non_null(report);
	pid_t child = fork();
	if (!child) {
		if (dup2(fileno(report), STDOUT_FILENO) < 0 ||
		    dup2(fileno(report), STDERR_FILENO) < 0)
			_exit(126);
		execl("/proc/self/exe", "test_linux_limit", AT_THE_LIMIT,
		      (char *)NULL);
		_exit(127);
	}
	assert_true(child > 0);
	*same = wait_for(child, limit, &status);
	rewind(report);
	while (status && fgets(line, sizeof(line), report))
		print_message("#   %s", line);
	fclose(report);
	return !status;
}

/* Each mapping takes some 300 bytes of the kernel's, and a microsecond. */
static bool within_reach(uint64_t limit)
{
	uint64_t memory =
	    (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);

	return limit <= 5000000 && limit * 512 <= memory / 8;
}

static void test_limit_of_the_kernel(void **state)
{
	(void)state;
	for (int attempt = 0; attempt < 5; attempt++) {
		uint64_t limit = host_limit();
		bool same;

		if (!within_reach(limit)) {
			print_message("# vm.max_map_count is %llu: too much "
				      "to use up\n",
				      (unsigned long long)limit);
			skip();
		}
		if (run_at_the_limit(limit, &same))
			return;
		if (same)
			fail_msg("at a limit of %llu mappings it fails",
				 (unsigned long long)limit);
		print_message("# vm.max_map_count was changed; once more\n");
	}
	fail_msg("vm.max_map_count does not keep still");
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup(test_limit_is_read, as_it_is),
	    cmocka_unit_test_setup(test_limit_is_refused, as_it_is),
	    cmocka_unit_test_setup(test_limit_is_raised, as_it_is),
	    cmocka_unit_test_setup(test_limit_with_an_order_apart, as_it_is),
	    cmocka_unit_test_setup(test_refused_calls_undo, as_it_is),
	    cmocka_unit_test_setup(test_refused_calls_that_must_not_fail,
				   as_it_is),
	    cmocka_unit_test_setup(test_limit_of_the_kernel, as_it_is),
	};
	const struct CMUnitTest last[] = {
	    cmocka_unit_test(test_at_the_limit),
	};

	if (argc > 1 && !strcmp(argv[1], AT_THE_LIMIT))
		return cmocka_run_group_tests(last, NULL, NULL);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
