/* SPDX-License-Identifier: MIT */
/*
 * How much memory there is, and what its descriptors take: by arithmetic, and
 * as the kernel counts them. Sources: Linux's
 * Documentation/admin-guide/mm/memory-hotplug.rst (memory blocks,
 * memmap_on_memory), mm/memory-model.rst (sections).
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "figure.h"
#include "parts.h"
#include "text.h"

#define BLOCKS     "/sys/devices/system/memory"
#define BLOCK_SIZE BLOCKS "/block_size_bytes"
#define ZONEINFO   "/proc/zoneinfo"
#define VMSTAT     "/proc/vmstat"
#define ON_MEMORY  "/sys/module/memory_hotplug/parameters/memmap_on_memory"

/* ---- how much there is --------------------------------------------------- */

/*
 * Bytes of a section, which has descriptors wholly or not at all; 0 where not
 * known. As block_size_bytes shows it on small hosts, whose blocks are one
 * section: 128 MiB on x86-64 and arm64, 512 MiB on the latter with pages of
 * 64 KiB.
 */
static uint64_t section_bytes(const struct hvo_host_status *s)
{
	if (!strcmp(s->machine, "x86_64"))
		return UINT64_C(128) << 20;
	if (!strcmp(s->machine, "aarch64") && hvo_host_known(&s->base_page))
		return (s->base_page.value == 65536 ? UINT64_C(512)
						    : UINT64_C(128))
		       << 20;
	return 0;
}

/* block_size_bytes is hexadecimal without 0x; 0 if it cannot be read. */
static uint64_t block_bytes(struct hvo_host *host)
{
	size_t length;
	char *text = hvo_host_read(host, BLOCK_SIZE, &length), *end;
	uint64_t bytes = 0;

	if (text && length <= 17 && strspn(text, "0123456789abcdef")) {
		bytes = strtoull(text, &end, 16);
		if (*end && strcmp(end, "\n"))
			bytes = 0;
	}
	free(text);
	return hvo_is_power_of_2(bytes) ? bytes : 0;
}

/*
 * Memory blocks that are no larger than a section have descriptors wholly.
 * Larger ones may have holes in them.
 */
static struct hvo_host_figure by_blocks(struct hvo_host *host,
					const struct hvo_host_status *s)
{
	uint64_t size = block_bytes(host), bytes, *blocks;
	size_t count = 0;

	if (!size || size != section_bytes(s))
		return hvo_host_unknown(BLOCKS, "its blocks may have holes");
	blocks = hvo_host_list_numbers(host, BLOCKS, "memory", "", &count);
	free(blocks);
	if (!count || __builtin_mul_overflow(size, (uint64_t)count, &bytes))
		return hvo_host_unknown(BLOCKS, "there are no blocks");
	return hvo_host_derived(bytes, "blocks in " BLOCKS " x their size");
}

/* Zones may end inside a section; there are descriptors for all of it. */
static struct hvo_host_figure by_zones(const struct hvo_host_status *s,
				       const struct hvo_host_zones *zones)
{
	uint64_t section = section_bytes(s), bytes, up;

	if (!zones->known)
		return hvo_host_unknown(ZONEINFO, zones->why);
	if (!hvo_host_known(&s->base_page))
		return hvo_host_unknown(ZONEINFO, "the base page is unknown");
	if (__builtin_mul_overflow(zones->present, s->base_page.value,
				   &bytes) ||
	    __builtin_add_overflow(bytes, section ? section - 1 : 0, &up))
		return hvo_host_unknown(ZONEINFO, "it is too large to be true");
	if (!section)
		return hvo_host_derived(bytes, "present pages in " ZONEINFO);
	return hvo_host_derived(up / section * section,
				"present pages in " ZONEINFO
				", to whole sections");
}

static struct hvo_host_figure present(struct hvo_host *host,
				      const struct hvo_host_status *s)
{
	struct hvo_host_zones zones = hvo_host_read_zones(host);
	struct hvo_host_figure blocks = by_blocks(host, s);

	return hvo_host_known(&blocks) ? blocks : by_zones(s, &zones);
}

/* ---- its descriptors ----------------------------------------------------- */

static struct hvo_host_figure expected(const struct hvo_host_status *s)
{
	static const char formula[] = "present / base page x struct page";
	struct hvo_host_figure pages = s->present_bytes;

	if (!hvo_host_known(&pages))
		return hvo_host_unknown(formula, "memory is unknown");
	if (!hvo_host_known(&s->base_page) || !hvo_host_known(&s->page_struct))
		return hvo_host_unknown(formula, "the base page, or struct "
						 "page, is unknown");
	pages.value /= s->base_page.value;
	return hvo_host_times(&pages, s->page_struct.value, formula);
}

bool hvo_host_vmstat(struct hvo_host *host, const char *name, uint64_t *value)
{
	size_t length;
	char *text = hvo_host_read(host, VMSTAT, &length);
	bool found = text && hvo_text_value_number(text, name, value);

	free(text);
	return found;
}

/* The two counters' sum, from one reading; false if either is missing. */
static bool count_pages(struct hvo_host *host, uint64_t *pages)
{
	size_t length;
	char *text = hvo_host_read(host, VMSTAT, &length);
	uint64_t boot;
	bool found = text &&
		     hvo_text_value_number(text, "nr_memmap_pages", pages) &&
		     hvo_text_value_number(text, "nr_memmap_boot_pages", &boot);

	free(text);
	if (found && __builtin_add_overflow(*pages, boot, pages))
		*pages = UINT64_MAX;
	return found;
}

static struct hvo_host_figure counted(struct hvo_host *host,
				      const struct hvo_host_status *s)
{
	static const char source[] =
	    VMSTAT ": nr_memmap_pages + nr_memmap_boot_pages";
	uint64_t pages, bytes;

	if (!count_pages(host, &pages))
		return hvo_host_unknown(source,
					hvo_host_before(s, 6, 11)
					    ? "Linux counts them since 6.11"
					    : "there are no such lines");
	if (!hvo_host_known(&s->base_page))
		return hvo_host_unknown(source, "the base page is unknown");
	if (__builtin_mul_overflow(pages, s->base_page.value, &bytes))
		return hvo_host_unknown(source, "it is too large to be true");
	return hvo_host_measured(bytes, source);
}

/* The parameter is read-only after boot: N means that there never was any. */
static struct hvo_host_figure on_memory(struct hvo_host *host)
{
	size_t length;
	char *text = hvo_host_read(host, ON_MEMORY, &length);
	struct hvo_host_figure figure;

	if (!text && errno == ENOENT)
		figure = hvo_host_derived(0, "there is no " ON_MEMORY);
	else if (!text)
		figure = hvo_host_unknown(ON_MEMORY, hvo_host_why(errno));
	else if (*text == 'N' || *text == '0')
		figure = hvo_host_measured(0, ON_MEMORY);
	else
		figure = hvo_host_unknown(ON_MEMORY, HVO_HOST_ON_MEMORY_WHY);
	free(text);
	return figure;
}

void hvo_host_read_memory(struct hvo_host *host, struct hvo_host_status *s)
{
	s->present_bytes = present(host, s);
	s->expected_bytes = expected(s);
	s->measured_bytes = counted(host, s);
	s->memmap_on_memory_bytes = on_memory(host);
}
