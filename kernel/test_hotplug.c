/* SPDX-License-Identifier: MIT */
/*
 * Memory that goes and comes back: of the last node, with free huge pages in
 * it.
 */
#include "tests.h"

static uint64_t subsection_pages(struct kernel_memory *m)
{
	struct hvo_geometry g;

	hvo_geometry_init(&g, m->config.page_shift, sizeof(struct hvo_page));
	return UINT64_C(1) << hvo_subsection_order(&g);
}

/* Offline, forgotten, described again and online, at one place. */
static int there_and_back(struct kernel_memory *m, hvo_pfn_t pfn,
			  uint64_t count)
{
	unsigned domain = hvo_vmemmap_state(hvo_mm_vmemmap(m->mm), pfn).domain;
	int err = hvo_hugetlb_offline(m->pools, pfn, count);

	if (!err)
		err = hvo_mm_undescribe(m->mm, pfn, count, NULL);
	if (!err &&
	    hvo_vmemmap_state(hvo_mm_vmemmap(m->mm), pfn).state != HVO_ABSENT)
		err = -HVO_ECORRUPT;
	if (!err)
		err = hvo_mm_describe(m->mm, pfn, count, domain, 0);
	return err ? err : hvo_mm_online(m->mm, pfn, count);
}

/* The last place from which all can go: others hold descriptors, say. */
static bool comes_and_goes(struct kernel_memory *m)
{
	uint64_t count = subsection_pages(m);
	hvo_pfn_t pfn = m->config.pfn_end;
	int err = -HVO_EBUSY;

	while (err && pfn >= m->config.pfn_first + count) {
		pfn -= count;
		if (hvo_vmemmap_state(hvo_mm_vmemmap(m->mm), pfn).state ==
		    HVO_ABSENT)
			continue;
		err = there_and_back(m, pfn, count);
		if (err != -HVO_EBUSY)
			break;
	}
	return !err;
}

void kernel_test_hotplug(struct kernel_memory *m)
{
	struct hvo_mm_stats before, after;

	hvo_mm_stats(m->mm, &before);
	kernel_report(kernel_walk_while(m, comes_and_goes),
		      "memory goes and comes back while other CPUs walk");
	hvo_mm_stats(m->mm, &after);
	kernel_report(after.present == before.present,
		      "all of it is there again");
	kernel_report(kernel_fine(m), "the check after it");
}
