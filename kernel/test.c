/* SPDX-License-Identifier: MIT */
/*
 * The tests of a boot. Each leaves what the next one expects: the pools as the
 * command line made them.
 */
#include "test.h"
#include <stdatomic.h>
#include "fault.h"
#include "print.h"
#include "show.h"
#include "tests.h"
#include "work.h"

static unsigned number, failures;

void kernel_report(bool good, const char *name)
{
	number++;
	failures += !good;
	kernel_print("%s %u - %s\n", good ? "ok" : "not ok", number, name);
}

void kernel_skip(const char *name, const char *why)
{
	number++;
	kernel_print("ok %u - %s # SKIP %s\n", number, name, why);
}

bool kernel_fine(struct kernel_memory *m)
{
	const char *found = kernel_memory_check(m);

	if (found)
		kernel_print("# check: %s\n", found);
	return !found;
}

struct hvo_hugetlb_stats kernel_pool(struct kernel_memory *m, unsigned order)
{
	struct hvo_hugetlb_stats stats;

	hvo_hugetlb_stats(m->pools, order, &stats);
	return stats;
}

static uint64_t optimized_pages(struct kernel_memory *m)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < m->sizes; i++)
		n += kernel_pool(m, m->orders[i]).optimized;
	return n;
}

/* ---- heads --------------------------------------------------------------- */

/* The head of every pfn by the mask is the one by the state. */
static bool heads_are_right(struct kernel_memory *m)
{
	const struct hvo_vmemmap *map = hvo_mm_vmemmap(m->mm);

	for (hvo_pfn_t pfn = m->config.pfn_first; pfn < m->config.pfn_end;
	     pfn++) {
		struct hvo_range_state s = hvo_vmemmap_state(map, pfn);
		hvo_pfn_t head = pfn & ~((UINT64_C(1) << s.order) - 1);

		if (s.state == HVO_OPTIMIZED &&
		    hvo_compound_head(hvo_mm_page(m->mm, pfn)) !=
			hvo_mm_page(m->mm, head))
			return false;
	}
	return true;
}

/* ---- a write to a shared tail -------------------------------------------- */

struct poke {
	struct kernel_memory *memory;
	hvo_pfn_t pfn;
	bool went_through;
};

static hvo_pfn_t find_optimized(struct kernel_memory *m)
{
	const struct hvo_vmemmap *map = hvo_mm_vmemmap(m->mm);
	hvo_pfn_t pfn = m->config.pfn_first;

	while (pfn < m->config.pfn_end &&
	       hvo_vmemmap_state(map, pfn).state != HVO_OPTIMIZED)
		pfn++;
	return pfn;
}

static void poke(void *ctx)
{
	struct poke *p = ctx;

	p->went_through = arch_try_store(
	    (volatile uint64_t *)hvo_mm_page(p->memory->mm, p->pfn), 0);
}

static bool is_caught(struct kernel_memory *m, unsigned cpu)
{
	const uint64_t records = KERNEL_PAGE / sizeof(struct hvo_page);
	hvo_pfn_t head = find_optimized(m);
	struct poke p = {m, head + records, true};
	const struct kernel_shared_tail_fault *f = kernel_last_fault(cpu);
	struct hvo_range_state s;

	if (head == m->config.pfn_end)
		return false;
	if (cpu == 0)
		poke(&p);
	else
		kernel_work_begin(cpu, poke, &p), kernel_work_wait(cpu);
	s = hvo_vmemmap_state(hvo_mm_vmemmap(m->mm), p.pfn);
	return !p.went_through && f->shared_tail && f->cpu == cpu &&
	       f->pfn == p.pfn && f->order == s.order &&
	       f->node * HVO_ZONES + f->zone == s.domain;
}

static void test_writes(struct kernel_memory *m)
{
	bool caught = true;

	for (unsigned cpu = 0; cpu < kernel_cpus(); cpu++)
		caught = is_caught(m, cpu) && caught;
	kernel_report(caught, "a write to a shared tail is caught on each CPU");
}

/* ---- readers ------------------------------------------------------------- */

struct readers {
	struct kernel_memory *memory;
	_Atomic bool stop;
	_Atomic uint64_t walked, wrong;
};

/* Walk all pfns; a reference that was got is of a head. */
static void walk(struct readers *r)
{
	struct kernel_memory *m = r->memory;

	for (hvo_pfn_t pfn = m->config.pfn_first;
	     pfn < m->config.pfn_end && !atomic_load(&r->stop); pfn += 37) {
		struct hvo_page *folio = hvo_folio_try_get(m->mm, pfn);

		atomic_fetch_add(&r->walked, 1);
		if (!folio)
			continue;
		if (hvo_compound_head(folio) != folio)
			atomic_fetch_add(&r->wrong, 1);
		hvo_folio_put(m->mm, folio);
	}
}

static void read_on(void *ctx)
{
	struct readers *r = ctx;

	while (!atomic_load(&r->stop))
		walk(r);
}

static bool reshape(struct kernel_memory *m)
{
	int err = 0;

	for (unsigned round = 0; !err && round < 4; round++) {
		hvo_hugetlb_set_optimize(m->pools, round & 1);
		for (unsigned i = 0; i < m->sizes; i++) {
			int e = hvo_hugetlb_apply(m->pools, m->orders[i], NULL);

			err = e == -HVO_EORDER ? err : e;
		}
	}
	return !err;
}

bool kernel_walk_while(struct kernel_memory *m,
		       bool (*change)(struct kernel_memory *m))
{
	struct readers r = {.memory = m};
	bool good;

	for (unsigned cpu = 1; cpu < kernel_cpus(); cpu++)
		kernel_work_begin(cpu, read_on, &r);
	while (kernel_cpus() > 1 && !atomic_load(&r.walked))
		arch_relax();
	good = change(m);
	atomic_store(&r.stop, true);
	for (unsigned cpu = 1; cpu < kernel_cpus(); cpu++)
		kernel_work_wait(cpu);
	return good && !atomic_load(&r.wrong);
}

static void test_readers(struct kernel_memory *m)
{
	kernel_report(kernel_walk_while(m, reshape),
		      "optimized and restored while other CPUs walk");
	kernel_report(kernel_fine(m), "the check after it");
}

/* ---- all ----------------------------------------------------------------- */

static void test_dissolve(struct kernel_memory *m)
{
	int err = 0;

	for (unsigned i = 0; i < m->sizes; i++) {
		int e = hvo_hugetlb_resize(m->pools, m->orders[i], 0, 0, NULL);

		err = err ? err : e;
	}
	kernel_report(!err && optimized_pages(m) == 0,
		      "all pools shrunk to nothing");
	kernel_report(kernel_fine(m), "the check after it");
}

int kernel_test(struct kernel_memory *m)
{
	kernel_print("TAP version 13\n");
	kernel_report(optimized_pages(m) > 0,
		      "huge pages were optimized at boot");
	kernel_report(heads_are_right(m), "every optimized pfn's head");
	kernel_report(kernel_walked_frames(m) == kernel_counted_frames(m),
		      "frames by the tables are those that are counted");
	kernel_report(kernel_fine(m), "the check");
	kernel_test_image();
	test_writes(m);
	test_readers(m);
	kernel_test_reshape(m);
	kernel_test_poison(m);
	kernel_test_hotplug(m);
	kernel_test_no_memory(m);
	test_dissolve(m);
	kernel_print("1..%u\n", number);
	return failures ? KERNEL_EXIT_FAILED : KERNEL_EXIT_OK;
}
