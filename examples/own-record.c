/* SPDX-License-Identifier: MIT */
/*
 * Adopting the engine with a page descriptor of one's own: 104 bytes, no power
 * of two, laid out as its kernel likes it. The engine wants to know its size,
 * which word of a tail leads to its head, and how a fresh one looks; all
 * other fields are none of its business. To build it:
 *   cc own-record.c $(pkg-config --cflags --libs --static hvo-linux)
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include "hvo/vmemmap.h"
#include "hvo_linux.h"

struct vm_page {
	void *queue[2];  /* the allocator's list */
	uint64_t object; /* what the page belongs to, and where in it */
	uint64_t offset;
	uint64_t info;    /* in a tail: the way to its head (bit 0 set) */
	uint64_t address; /* the page's, in physical memory */
	uint64_t spare[7];
};
_Static_assert(sizeof(struct vm_page) == 104, "as this kernel has it");

/* A page in no huge page. The record comes zeroed; info keeps bit 0 clear. A
 * tail stays zeros but for info: it may not differ from the next one. */
static void fresh(void *record, hvo_pfn_t pfn, unsigned domain)
{
	(void)domain;
	((struct vm_page *)record)->address = pfn << 12;
}

enum { ORDER = 9, N = 512 }; /* 512 huge pages of 2 MiB: 1 GiB */
static const hvo_pfn_t end = (hvo_pfn_t)N << ORDER;

static void must(int error)
{
	if (!error)
		return;
	fprintf(stderr, "own-record: %s\n", hvo_strerror(error));
	exit(1);
}

int main(void)
{
	/* The port: addresses for the records, and frames to back them. */
	struct hvo_linux_config host = {
	    .page_shift = 12, .record = 104, .pfn_end = end, .domains = 1};
	char why[512];
	struct hvo_linux *port = hvo_linux_open(&host, why, sizeof(why));
	if (!port)
		return fprintf(stderr, "own-record: %s\n", why), 1;

	/* The engine on top of it, in memory that the caller provides. */
	struct hvo_vmemmap_config config = {
	    .port = hvo_linux_port(port),
	    .frames = hvo_linux_frames(port),
	    .record = {104, offsetof(struct vm_page, info), fresh, NULL},
	    .base = hvo_linux_base(port),
	    .pfn_end = end,
	    .domains = 1,
	    .page_shift = 12,
	    .described = hvo_linux_described(port)};
	void *tables = malloc(hvo_vmemmap_size(&config));
	struct hvo_vmemmap *map = NULL;
	must(tables ? hvo_vmemmap_init(&map, tables, &config) : -HVO_ENOMEM);

	/* Describe 1 GiB, then make huge pages of it: heads and tails. */
	static struct hvo_run runs[1024]; /* frames on their way */
	struct hvo_work work = HVO_WORK(runs, 1024);
	hvo_pfn_t pfns[N];
	must(hvo_vmemmap_populate(map, 0, end, 0, false, &work));
	for (uint64_t i = 0; i < N; i++) {
		pfns[i] = i << ORDER;
		must(hvo_vmemmap_prepare(map, pfns[i], ORDER, &work));
	}
	printf("full:      %8" PRIu64 " bytes\n", hvo_linux_measured(port));

	/* All tails share a few pages now; the others are free memory. */
	must(hvo_vmemmap_optimize(map, pfns, N, ORDER, 0, &work, NULL));
	printf("optimized: %8" PRIu64 " bytes\n", hvo_linux_measured(port));

	/* Any page leads to its huge page; pfn 1000 is in the second. */
	struct vm_page *page = hvo_vmemmap_record(map, 1000), *head;
	head = (void *)hvo_head_address(104, (uintptr_t)page, page->info);
	int wrong = head->address != 512 << 12;
	printf("page 1000 is in the huge page at 0x%" PRIx64 "\n",
	       head->address);

	/* Each tail has a page again and can be written to. */
	must(hvo_vmemmap_restore(map, pfns, N, ORDER, 0, &work, NULL));
	printf("restored:  %8" PRIu64 " bytes\n", hvo_linux_measured(port));

	must(hvo_vmemmap_depopulate(map, 0, end, &work, NULL));
	must(hvo_vmemmap_fini(map));
	hvo_linux_close(port);
	free(tables);
	return wrong;
}
