/* SPDX-License-Identifier: MIT */
/*
 * A host's status where memory runs out, at each place that asks for some, and
 * where the kernel has no openat2().
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <cmocka.h>
#include "host_fixture.h"
#include "tree.h"

#define POOL "/sys/kernel/mm/hugepages/hugepages-2048kB/"
#define NODE "/sys/devices/system/node/node0/hugepages/hugepages-2048kB/"

/* ---- calls made to fail -------------------------------------------------- */

static bool counting, no_openat2;
static unsigned calls, fails_at; /* 0: none */

static bool fails(void)
{
	if (!counting || ++calls != fails_at)
		return false;
	errno = ENOMEM;
	return true;
}

void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__real_realloc(void *old, size_t size);
void *__wrap_realloc(void *old, size_t size);
void *__real_reallocarray(void *old, size_t n, size_t size);
void *__wrap_reallocarray(void *old, size_t n, size_t size);
long __real_syscall(long number, ...);
long __wrap_syscall(long number, long a, long b, long c, long d);

void *__wrap_malloc(size_t size)
{
	return fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t n, size_t size)
{
	return fails() ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *old, size_t size)
{
	return fails() ? NULL : __real_realloc(old, size);
}

void *__wrap_reallocarray(void *old, size_t n, size_t size)
{
	return fails() ? NULL : __real_reallocarray(old, n, size);
}

/* The library calls it for openat2() only. */
long __wrap_syscall(long number, long a, long b, long c, long d)
{
	if (no_openat2) {
		errno = ENOSYS;
		return -1;
	}
	return __real_syscall(number, a, b, c, d);
}

/* ---- a host -------------------------------------------------------------- */

static struct host_fixture fixture;
static char message[256];

static int set_up(void **state)
{
	(void)state;
	host_fixture_open(&fixture);
	host_fixture_text(&fixture, "/proc/sys/kernel/osrelease", "6.12.0\n");
	host_fixture_text(&fixture, "/proc/sys/kernel/arch", "x86_64\n");
	host_fixture_text(&fixture, "/proc/sys/vm/hugetlb_optimize_vmemmap",
			  "0\n");
	host_fixture_text(&fixture, "/proc/cmdline", "quiet\n");
	host_fixture_text(&fixture, "/boot/config-6.12.0", "CONFIG_MMU=y\n");
	host_fixture_text(&fixture, "/proc/self/smaps",
			  "KernelPageSize:        4 kB\n");
	host_fixture_text(&fixture, "/proc/zoneinfo",
			  "Node 0, zone   Normal\n"
			  "        present  262144\n");
	host_fixture_text(&fixture, "/proc/vmstat",
			  "nr_memmap_pages 4096\nnr_memmap_boot_pages 0\n");
	host_fixture_text(&fixture, POOL "nr_hugepages", "8\n");
	host_fixture_text(&fixture, NODE "nr_hugepages", "8\n");
	host_fixture_text(&fixture, "/sys/bus/dax/devices/dax0.0/size", "1\n");
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	host_fixture_close(&fixture);
	return 0;
}

static int read_status(struct hvo_host *host, struct hvo_host_status *status)
{
	int result;

	calls = 0;
	counting = true;
	result = hvo_host_status(host, status, message, sizeof(message));
	counting = false;
	return result;
}

static void assert_whole(const struct hvo_host_status *status)
{
	assert_string_equal(status->release, "6.12.0");
	assert_int_equal(status->n_pools, 2);
	assert_int_equal(status->pools[1].total.value, 8);
	assert_int_equal(status->n_dax, 1);
	assert_int_equal(status->n_warnings, 3);
	assert_int_equal(status->expected_bytes.value, 16 << 20);
}

/* ---- tests --------------------------------------------------------------- */

/* Each call for memory fails once; then the same host reads as if never. */
static void memory_runs_out(void **state)
{
	struct hvo_host_status status;
	unsigned needed;

	(void)state;
	fails_at = 0;
	assert_int_equal(read_status(fixture.host, &status), 0);
	assert_whole(&status);
	hvo_host_status_free(&status);
	assert_true(calls > 30);
	/* A host that has read before needs less. */
	needed = calls + 16;
	for (unsigned i = 1; i <= needed; i++) {
		struct hvo_host *host;
		int result;

		assert_int_equal(hvo_host_open(&host, fixture.root, message,
					       sizeof(message)),
				 0);
		fails_at = i;
		result = read_status(host, &status);
		if (calls >= i) {
			assert_int_equal(result, -1);
			assert_non_null(strstr(message, "no memory"));
			assert_null(status.pools);
			fails_at = 0;
			result = read_status(host, &status);
		}
		assert_int_equal(result, 0);
		assert_whole(&status);
		hvo_host_status_free(&status);
		hvo_host_close(host);
	}
}

static void opening_without_memory(void **state)
{
	struct hvo_host *host;

	(void)state;
	fails_at = 1;
	calls = 0;
	counting = true;
	assert_int_equal(
	    hvo_host_open(&host, fixture.root, message, sizeof(message)), -1);
	counting = false;
	assert_null(host);
	assert_non_null(strstr(message, "no memory"));
}

/* What was read can be read again, and is read anew. */
static void reads_again(void **state)
{
	struct hvo_host_status status;

	(void)state;
	fails_at = 0;
	assert_int_equal(read_status(fixture.host, &status), 0);
	hvo_host_status_free(&status);
	host_fixture_text(&fixture, POOL "nr_hugepages", "9\n");
	assert_int_equal(read_status(fixture.host, &status), 0);
	assert_int_equal(status.pools[0].total.value, 9);
	hvo_host_status_free(&status);
	hvo_host_status_free(&status);
}

/* Links could then lead out of any root but the own. */
static void no_confinement(void **state)
{
	struct hvo_host_status status;
	struct hvo_host *host;

	(void)state;
	no_openat2 = true;
	assert_int_equal(
	    hvo_host_open(&host, fixture.root, message, sizeof(message)), -1);
	assert_null(host);
	assert_non_null(strstr(message, "openat2"));
	assert_int_equal(hvo_host_open(&host, "/", message, sizeof(message)),
			 0);
	fails_at = 0;
	assert_int_equal(read_status(host, &status), 0);
	assert_true(status.release[0]);
	hvo_host_status_free(&status);
	hvo_host_close(host);
	no_openat2 = false;
}

static void pool_paths(void **state)
{
	struct hvo_host_pool pool = {.size = 2 << 20, .node = -1};
	char path[128];

	(void)state;
	hvo_host_pool_path(&pool, path, sizeof(path));
	assert_string_equal(path, "/sys/kernel/mm/hugepages/hugepages-2048kB");
	pool.node = 3;
	hvo_host_pool_path(&pool, path, sizeof(path));
	assert_string_equal(path, "/sys/devices/system/node/node3/hugepages/"
				  "hugepages-2048kB");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(memory_runs_out),
	    cmocka_unit_test(opening_without_memory),
	    cmocka_unit_test(reads_again),
	    cmocka_unit_test(no_confinement),
	    cmocka_unit_test(pool_paths),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
