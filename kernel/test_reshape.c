/* SPDX-License-Identifier: MIT */
/* Huge pages split into smaller ones and joined again, under walkers. */
#include "tests.h"

static unsigned done; /* sizes that were split and joined */

/*
 * A page of each size into pages of the next smaller one and back. Sizes that
 * memory has no room for are passed over; `done` counts the others.
 */
static bool there_and_back(struct kernel_memory *m)
{
	int err = 0;

	for (unsigned i = 1; !err && i < m->sizes; i++) {
		unsigned large = m->orders[i], small = m->orders[i - 1];
		uint64_t before = kernel_pool(m, large).total;
		uint64_t split = 0, joined = 0;

		if (!kernel_pool(m, large).free &&
		    hvo_hugetlb_resize(m->pools, large, 0, before + 1, NULL))
			continue;
		err = hvo_hugetlb_demote(m->pools, large, small, 0, 1, &split);
		if (!err)
			err = hvo_hugetlb_promote(m->pools, small, large, 0, 1,
						  &joined);
		done += split && joined;
		if (!err)
			err = hvo_hugetlb_resize(m->pools, large, 0, before,
						 NULL);
	}
	return !err;
}

static bool split_and_join(struct kernel_memory *m)
{
	bool good = true;

	for (unsigned round = 0; good && round < 3; round++)
		good = there_and_back(m);
	return good;
}

/* Pages that were in pieces too small for it came back full. */
static bool optimize_again(struct kernel_memory *m)
{
	int err = 0;

	for (unsigned i = 0; i < m->sizes; i++) {
		int e = hvo_hugetlb_apply(m->pools, m->orders[i], NULL);

		err = e == -HVO_EORDER ? err : e;
	}
	return !err;
}

void kernel_test_reshape(struct kernel_memory *m)
{
	static const char name[] = "demoted and promoted while other CPUs walk";
	bool good;

	hvo_hugetlb_set_optimize(m->pools, true);
	good = kernel_walk_while(m, split_and_join);
	if (good && !done)
		kernel_skip(name, "no room for a larger huge page");
	else
		kernel_report(good, name);
	kernel_report(optimize_again(m), "and are optimized again");
	kernel_report(kernel_fine(m), "the check after it");
}
