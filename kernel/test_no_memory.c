/* SPDX-License-Identifier: MIT */
/* Huge pages dissolved when no memory is left that could hold descriptors. */
#include "tests.h"

/* Allocated folios, chained through their heads' data. */
struct hoard {
	struct hvo_page *first;
};

static void take_all(struct kernel_memory *m, struct hoard *hoard)
{
	for (unsigned order = 10; order-- > 0;) {
		struct hvo_alloc alloc = {
		    .order = order,
		    .limit = HVO_ZONE_MOVABLE,
		    .flags = HVO_ALLOC_RESERVE,
		};
		struct hvo_page *folio;

		while (!hvo_folio_alloc(m->mm, &alloc, &folio)) {
			folio->data = (uintptr_t)hoard->first;
			hoard->first = folio;
		}
	}
}

static bool give_all(struct kernel_memory *m, struct hoard *hoard)
{
	int err = 0;

	while (hoard->first && !err) {
		struct hvo_page *folio = hoard->first;

		hoard->first = (struct hvo_page *)(uintptr_t)folio->data;
		folio->data = 0;
		err = hvo_folio_put(m->mm, folio);
	}
	return !err;
}

static uint64_t free_pages(struct kernel_memory *m)
{
	struct hvo_mm_stats s;

	hvo_mm_stats(m->mm, &s);
	return s.owner[HVO_OWNER_FREE] + s.owner[HVO_OWNER_CACHE];
}

/* Every free page of every pool; *n says how many there were. */
static bool dissolve_all(struct kernel_memory *m, uint64_t *n)
{
	bool all = true;

	for (unsigned i = 0; i < m->sizes; i++) {
		uint64_t free = kernel_pool(m, m->orders[i]).free, done = 0;
		int err = 0;

		if (free)
			err = hvo_hugetlb_dissolve(m->pools, m->orders[i], 0,
						   free, 0, &done);
		all = all && !err && done == free;
		*n += done;
	}
	return all;
}

void kernel_test_no_memory(struct kernel_memory *m)
{
	struct hoard hoard = {NULL};
	uint64_t n = 0;
	bool none, all;

	hvo_hugetlb_set_optimize(m->pools, true);
	take_all(m, &hoard);
	none = free_pages(m) == 0;
	all = dissolve_all(m, &n);
	kernel_report(none && all && n,
		      "with no memory free, all huge pages are dissolved");
	kernel_report(kernel_fine(m), "the check after it");
	kernel_report(give_all(m, &hoard) && kernel_fine(m),
		      "all is given back, and the check passes");
}
