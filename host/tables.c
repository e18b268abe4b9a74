/* SPDX-License-Identifier: MIT */
/* Opening the kernel's page tables, and looking where descriptors lead. */
#include <stdio.h>
#include <stdlib.h>
#include "kernel_tables.h"
#include "kernel_vmemmap.h"

struct hvo_host_tables {
	struct hvo_kcore kcore;
	struct hvo_vmcoreinfo info;
	struct hvo_kernel_tables tables;
	uint64_t vmemmap; /* address of frame 0's descriptor */
};

/* ---- opening ------------------------------------------------------------- */

static int refuse(char *message, size_t size, const char *why)
{
	snprintf(message, size, "/proc/kcore: %s", why);
	return -1;
}

static int read_info(struct hvo_host_tables *t, char *message, size_t size)
{
	char *text = hvo_kcore_note(&t->kcore, "VMCOREINFO");
	const char *missing;
	bool sound = text && hvo_vmcoreinfo_parse(&t->info, text, &missing);

	if (!text)
		return refuse(message, size,
			      "it has no note VMCOREINFO; the kernel needs "
			      "CONFIG_VMCORE_INFO (CONFIG_CRASH_CORE before "
			      "6.9)");
	free(text);
	if (!sound)
		snprintf(message, size,
			 "/proc/kcore: the note VMCOREINFO has no sound line "
			 "%s; without it page tables cannot be read",
			 missing);
	return sound ? 0 : -1;
}

static int find_tables(struct hvo_host_tables *t, char *message, size_t size)
{
	const char *why =
	    hvo_kernel_tables_init(&t->tables, &t->kcore, &t->info);

	if (why)
		return refuse(message, size, why);
	if (!hvo_kernel_vmemmap_find(&t->kcore, &t->info, &t->vmemmap))
		return refuse(message, size,
			      "its segments do not tell where the page "
			      "descriptors are; the kernel needs "
			      "CONFIG_SPARSEMEM_VMEMMAP");
	return 0;
}

int hvo_host_tables_open(struct hvo_host_tables **out, struct hvo_host *host,
			 char *message, size_t size)
{
	struct hvo_host_tables *t = calloc(1, sizeof(*t));

	*out = NULL;
	if (!t)
		return refuse(message, size, "no memory to read it");
	if (hvo_kcore_open(&t->kcore, host, message, size)) {
		free(t);
		return -1;
	}
	if (read_info(t, message, size) || find_tables(t, message, size)) {
		hvo_host_tables_close(t);
		return -1;
	}
	*out = t;
	return 0;
}

void hvo_host_tables_close(struct hvo_host_tables *tables)
{
	if (!tables)
		return;
	hvo_kcore_close(&tables->kcore);
	free(tables);
}

/* ---- what they say ------------------------------------------------------- */

const char *hvo_host_tables_release(const struct hvo_host_tables *tables)
{
	return tables->info.release;
}

uint64_t hvo_host_tables_base_page(const struct hvo_host_tables *tables)
{
	return tables->info.page_bytes;
}

uint64_t hvo_host_tables_record(const struct hvo_host_tables *tables)
{
	return tables->info.record_bytes;
}

/*
 * Physical addresses have up to 52 bits. So many descriptors, and pages of
 * them, end before addresses wrap around to the kernel's.
 */
#define FRAMES_MOST (UINT64_C(1) << 40)

int hvo_host_tables_look(const struct hvo_host_tables *t, uint64_t pfn,
			 uint64_t page, struct hvo_host_mapping *mapping)
{
	uint64_t mask = t->info.page_bytes - 1;
	uint64_t address;

	*mapping = (struct hvo_host_mapping){0};
	if (pfn >= FRAMES_MOST || page >= FRAMES_MOST)
		return 0;
	address = t->vmemmap + pfn * t->info.record_bytes;
	address = (address & ~mask) + page * t->info.page_bytes;
	return hvo_kernel_tables_walk(&t->tables, address, mapping) ? 0 : -1;
}
