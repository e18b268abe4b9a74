/* SPDX-License-Identifier: MIT */
/*
 * libFuzzer target: any bytes as the files of a host. The input is cut at each
 * 0xff; the parts are, in order, the files below; what is left over is none.
 * Whatever they are, each figure must say what it is from or why it is
 * unknown, and the parts must not exceed the whole.
 */
#include <stdint.h>
#include "figure.h"
#include "host_fixture.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define POOL "/sys/kernel/mm/hugepages/hugepages-2048kB/"
#define NODE "/sys/devices/system/node/node0/hugepages/hugepages-2048kB/"
#define DAX  "/sys/bus/dax/devices/dax0.0/"

static const char *const paths[] = {
    "/proc/sys/kernel/osrelease",
    "/proc/sys/kernel/arch",
    "/proc/sys/vm/hugetlb_optimize_vmemmap",
    "/proc/cmdline",
    "/proc/vmstat",
    "/proc/zoneinfo",
    "/proc/buddyinfo",
    "/proc/self/smaps",
    POOL "nr_hugepages",
    POOL "free_hugepages",
    NODE "nr_hugepages",
    "/sys/devices/system/memory/block_size_bytes",
    "/sys/module/memory_hotplug/parameters/memmap_on_memory",
    "/boot/config-6.12",
    DAX "size",
    DAX "memmap_on_memory",
    "/proc/config.gz",
    /* The last takes the rest, 0xff or not: BTF begins with such bytes. */
    "/sys/kernel/btf/vmlinux",
};

#define PATHS (sizeof(paths) / sizeof(paths[0]))

static void check(const struct hvo_host_figure *figure)
{
	if (!figure->source || !*figure->source)
		abort();
	if (figure->kind == HVO_HOST_UNKNOWN &&
	    (figure->value || !figure->why || !*figure->why))
		abort();
}

static void check_pool(const struct hvo_host_pool *pool)
{
	const struct hvo_host_figure *figures = &pool->total;

	for (size_t i = 0; i < 12; i++)
		check(&figures[i]);
	if (hvo_host_known(&pool->optimized_bytes) &&
	    hvo_host_known(&pool->full_bytes) &&
	    (pool->optimized_bytes.value > pool->full_bytes.value ||
	     pool->saved.value >
		 pool->full_bytes.value - pool->optimized_bytes.value))
		abort();
}

static void check_status(const struct hvo_host_status *s)
{
	check(&s->base_page);
	check(&s->page_struct);
	check(&s->enabled);
	check(&s->enabled_at_boot);
	check(&s->present_bytes);
	check(&s->expected_bytes);
	check(&s->measured_bytes);
	check(&s->saved);
	check(&s->could_save);
	check(&s->to_restore);
	check(&s->memmap_on_memory_bytes);
	for (size_t i = 0; i < s->n_pools; i++)
		check_pool(&s->pools[i]);
	for (size_t i = 0; i < s->n_dax; i++)
		check(&s->dax[i].memmap_on_memory);
	for (size_t i = 0; i < s->n_warnings; i++)
		if (!memchr(s->warnings[i], '\0', HVO_HOST_WARNING) ||
		    !s->warnings[i][0])
			abort();
}

static void write_files(const struct host_fixture *fixture, const uint8_t *data,
			size_t size)
{
	for (size_t i = 0; i < PATHS && size; i++) {
		const uint8_t *end =
		    i + 1 < PATHS ? memchr(data, 0xff, size) : NULL;
		size_t length = end ? (size_t)(end - data) : size;

		host_fixture_write(fixture, paths[i], data, length);
		length += end != NULL;
		data += length;
		size -= length;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct host_fixture fixture = {0};
	struct hvo_host_status status;
	char message[256];

	host_fixture_open(&fixture);
	write_files(&fixture, data, size);
	if (hvo_host_status(fixture.host, &status, message, sizeof(message)))
		abort();
	check_status(&status);
	hvo_host_status_free(&status);
	host_fixture_close(&fixture);
	return 0;
}
