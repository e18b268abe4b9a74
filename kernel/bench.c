/* SPDX-License-Identifier: MIT */
#include "bench.h"
#include "arch.h"
#include "hvo/vmemmap.h"
#include "print.h"

#define MOST 2048 /* folios */

static struct hvo_page *folios[MOST];
static hvo_pfn_t pfns[MOST];

static void require(int err)
{
	if (err)
		kernel_panic("the benchmark: %s", hvo_strerror(err));
}

static void tell(const char *who, unsigned order, uint64_t pages,
		 uint64_t optimize, uint64_t restore)
{
	kernel_print("%-20s %5u %5llu %8llu %8llu\n", who, order,
		     (unsigned long long)pages,
		     (unsigned long long)(optimize / pages),
		     (unsigned long long)(restore / pages));
}

/* ---- through the pools --------------------------------------------------- */

static uint64_t apply(struct kernel_memory *m, unsigned order, bool on)
{
	uint64_t from = arch_nanoseconds();

	hvo_hugetlb_set_optimize(m->pools, on);
	require(hvo_hugetlb_apply(m->pools, order, NULL));
	return arch_nanoseconds() - from;
}

/* Returns how many pages there were, now gone. */
static uint64_t bench_pool(struct kernel_memory *m, unsigned order)
{
	struct hvo_hugetlb_stats stats;
	uint64_t restore, optimize;

	require(hvo_hugetlb_stats(m->pools, order, &stats));
	if (!stats.free)
		return 0;
	apply(m, order, true);
	restore = apply(m, order, false);
	optimize = apply(m, order, true);
	tell("pools, in bulk", order, stats.free, optimize, restore);
	require(hvo_hugetlb_resize(m->pools, order, 0, 0, NULL));
	return stats.free;
}

/* ---- the engine alone ---------------------------------------------------- */

typedef int change_fn(struct hvo_vmemmap *map, const hvo_pfn_t *pfns, size_t n,
		      unsigned order, unsigned flags, struct hvo_work *work,
		      size_t *done);

/* Change n folios, so many in each call. */
static uint64_t change(struct kernel_memory *m, change_fn *fn, unsigned order,
		       unsigned flags, size_t n, size_t step)
{
	struct hvo_vmemmap *map = hvo_mm_vmemmap(m->mm);
	struct hvo_work *work = hvo_mm_work_take(m->mm);
	uint64_t from = arch_nanoseconds();

	for (size_t i = 0; i < n; i += step)
		require(fn(map, pfns + i, n - i < step ? n - i : step, order,
			   flags, work, NULL));
	from = arch_nanoseconds() - from;
	hvo_mm_work_give(m->mm, work);
	return from;
}

static void bench_engine(struct kernel_memory *m, unsigned order, size_t n,
			 size_t step, const char *who)
{
	uint64_t optimize =
	    change(m, hvo_vmemmap_optimize, order, HVO_PREPARED, n, step);
	uint64_t restore = change(m, hvo_vmemmap_restore, order, 0, n, step);

	tell(who, order, n, optimize, restore);
}

static void bench_folios(struct kernel_memory *m, unsigned order, size_t n)
{
	const struct hvo_alloc alloc = {
	    .order = order,
	    .limit = HVO_ZONE_MOVABLE,
	    .flags = HVO_ALLOC_FROZEN,
	};
	size_t some;

	require(hvo_folio_alloc_bulk(m->mm, &alloc, n, folios, &some));
	for (size_t i = 0; i < n; i++)
		pfns[i] = hvo_mm_pfn(m->mm, folios[i]);
	bench_engine(m, order, n, n, "engine, in bulk");
	bench_engine(m, order, n, 1, "engine, one by one");
	require(hvo_folio_free(m->mm, folios, n, 0, NULL));
}

void kernel_bench(struct kernel_memory *m)
{
	const struct hvo_geometry *g =
	    hvo_vmemmap_geometry(hvo_mm_vmemmap(m->mm));

	kernel_print("%-20s %5s %5s %8s %8s\n", "a huge page, ns", "order",
		     "pages", "optimize", "restore");
	for (unsigned i = 0; i < m->sizes; i++) {
		uint64_t n;

		if (!hvo_order_optimizable(g, m->orders[i]))
			continue;
		n = bench_pool(m, m->orders[i]);
		if (n)
			bench_folios(m, m->orders[i], n < MOST ? n : MOST);
	}
}
