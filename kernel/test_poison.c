/* SPDX-License-Identifier: MIT */
/* Bad pages: of a huge page, free ones, and those that hold descriptors. */
#include "hvo/poison.h"
#include "tests.h"

/* A free optimized page of any pool; pfn_end if there is none. */
static hvo_pfn_t find_pooled(struct kernel_memory *m)
{
	const struct hvo_vmemmap *map = hvo_mm_vmemmap(m->mm);
	hvo_pfn_t pfn = m->config.pfn_first;

	while (pfn < m->config.pfn_end &&
	       (hvo_vmemmap_state(map, pfn).state != HVO_OPTIMIZED ||
		hvo_hugetlb_state(m->pools, pfn) != HVO_HUGETLB_FREE))
		pfn++;
	return pfn;
}

/* It goes bad, the check passes, and it is good again. */
static bool bad_and_good(struct kernel_memory *m, hvo_pfn_t pfn)
{
	return !hvo_hugetlb_poison(m->pools, pfn, NULL) &&
	       hvo_mm_poisoned(m->mm, pfn) && kernel_fine(m) &&
	       !hvo_mm_unpoison(m->mm, pfn) && !hvo_mm_poisoned(m->mm, pfn);
}

static bool in_huge_page(struct kernel_memory *m)
{
	hvo_pfn_t head = find_pooled(m);
	unsigned order;
	uint64_t before;

	if (head == m->config.pfn_end)
		return false;
	order = hvo_mm_page(m->mm, head)->order;
	before = kernel_pool(m, order).total;
	return bad_and_good(m, head + 3) &&
	       kernel_pool(m, order).total == before - 1 &&
	       !hvo_hugetlb_resize(m->pools, order, 0, before, NULL);
}

static bool free_page(struct kernel_memory *m)
{
	struct hvo_alloc alloc = {.limit = HVO_ZONE_MOVABLE};
	struct hvo_page *folio;
	hvo_pfn_t pfn;

	if (hvo_folio_alloc(m->mm, &alloc, &folio))
		return false;
	pfn = hvo_mm_pfn(m->mm, folio);
	return !hvo_folio_put(m->mm, folio) && bad_and_good(m, pfn);
}

/*
 * A page of descriptors is replaced by another one where what it describes can
 * be isolated; elsewhere it is marked. Either way it is known.
 */
static bool descriptors(struct kernel_memory *m)
{
	hvo_pfn_t head = find_pooled(m);
	struct hvo_translation t;
	hvo_pfn_t pfn;

	if (head == m->config.pfn_end)
		return false;
	t = hvo_port_translate(
	    m->port,
	    (void *)((uintptr_t)hvo_mm_page(m->mm, head) & -KERNEL_PAGE));
	pfn = hvo_mm_frame_pfn(m->mm, t.frame);
	return bad_and_good(m, pfn);
}

void kernel_test_poison(struct kernel_memory *m)
{
	kernel_report(in_huge_page(m), "a bad page of an optimized huge page");
	kernel_report(free_page(m), "a bad free page");
	kernel_report(descriptors(m), "a bad page that holds descriptors");
	kernel_report(kernel_fine(m), "the check after it");
}
