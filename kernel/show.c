/* SPDX-License-Identifier: MIT */
#include "show.h"
#include <string.h>
#include "picture.h"
#include "print.h"

/* Adds the frame behind a page; a frame that was seen does not count. */
static uint64_t count_frame(struct kernel_memory *memory, void *va)
{
	struct hvo_translation t = hvo_port_translate(memory->port, va);
	unsigned char *byte, bit;

	if (t.prot == HVO_PROT_NONE || t.frame.nr >= memory->frame_end)
		return 0;
	byte = &memory->seen[t.frame.nr / 8];
	bit = (unsigned char)(1u << t.frame.nr % 8);
	if (*byte & bit)
		return 0;
	*byte |= bit;
	return 1;
}

uint64_t kernel_walked_frames(struct kernel_memory *memory)
{
	const struct hvo_mm_config *c = &memory->config;
	const uint64_t record = sizeof(struct hvo_page);
	uintptr_t at = c->base + c->pfn_first * record;
	uintptr_t end = c->base + c->pfn_end * record;
	uint64_t frames = 0;

	memset(memory->seen, 0, memory->frame_end / 8 + 1);
	for (; at < end; at += KERNEL_PAGE)
		frames += count_frame(memory, (void *)at);
	return frames;
}

static uint64_t shared_frames(struct kernel_memory *memory)
{
	struct hvo_vmemmap_stats stats;

	hvo_vmemmap_stats(hvo_mm_vmemmap(memory->mm), &stats);
	return stats.frames_shared;
}

uint64_t kernel_counted_frames(struct kernel_memory *memory)
{
	struct hvo_vmemmap_stats stats;

	hvo_vmemmap_stats(hvo_mm_vmemmap(memory->mm), &stats);
	return stats.frames_owned + stats.frames_shared;
}

static uint64_t free_pages(struct kernel_memory *memory)
{
	struct hvo_mm_stats stats;

	hvo_mm_stats(memory->mm, &stats);
	return stats.owner[HVO_OWNER_FREE] + stats.owner[HVO_OWNER_CACHE];
}

struct figures {
	uint64_t walked, counted, shared, free;
};

static struct figures look(struct kernel_memory *memory)
{
	return (struct figures){
	    .walked = kernel_walked_frames(memory),
	    .counted = kernel_counted_frames(memory),
	    .shared = shared_frames(memory),
	    .free = free_pages(memory),
	};
}

static void tell(const char *when, const struct figures *f)
{
	kernel_print(
	    "%-12s %12llu %12llu %12llu\n", when, (unsigned long long)f->walked,
	    (unsigned long long)f->counted, (unsigned long long)f->free);
}

/* Figures before, while optimized, and after. */
static void tell_all(const struct figures *f)
{
	kernel_print("%-12s %12s %12s %12s\n", "frames", "by walk", "counted",
		     "free pages");
	tell("before", &f[0]);
	tell("optimized", &f[1]);
	tell("restored", &f[2]);
	if (f[1].free > f[0].free)
		kernel_print("%llu pages more are free when optimized; %llu "
			     "with shared tails are counted, and stay\n",
			     (unsigned long long)(f[1].free - f[0].free),
			     (unsigned long long)f[1].shared);
}

/* A huge page to draw, of the smallest size that has any. */
static bool find_page(struct kernel_memory *memory, unsigned *order,
		      hvo_pfn_t *pfn)
{
	const struct hvo_geometry *g =
	    hvo_vmemmap_geometry(hvo_mm_vmemmap(memory->mm));

	for (unsigned i = 0; i < memory->sizes; i++) {
		struct hvo_hugetlb_want want = {.order = memory->orders[i]};
		struct hvo_page *folio;
		size_t done;

		if (!hvo_order_optimizable(g, memory->orders[i]) ||
		    hvo_hugetlb_alloc(memory->pools, &want, 1, &folio, &done))
			continue;
		*order = memory->orders[i];
		*pfn = hvo_mm_pfn(memory->mm, folio);
		return !hvo_hugetlb_free(memory->pools, &folio, 1, NULL);
	}
	return false;
}

/* Every free huge page of every size that can be optimized. */
static int apply(struct kernel_memory *memory, bool optimize)
{
	int err = 0;

	hvo_hugetlb_set_optimize(memory->pools, optimize);
	for (unsigned i = 0; !err && i < memory->sizes; i++) {
		err = hvo_hugetlb_apply(memory->pools, memory->orders[i], NULL);
		if (err == -HVO_EORDER)
			err = 0; /* too small to be optimized */
	}
	return err;
}

int kernel_show(struct kernel_memory *memory)
{
	struct kernel_picture before, now;
	struct figures f[3];
	const char *found;
	hvo_pfn_t pfn;
	unsigned order;
	bool any;
	int err = apply(memory, false);

	any = find_page(memory, &order, &pfn);
	if (any)
		kernel_picture_take(&before, memory, pfn, order);
	f[0] = look(memory);
	if (!err)
		err = apply(memory, true);
	if (any)
		kernel_picture_take(&now, memory, pfn, order);
	f[1] = look(memory);
	if (!err)
		err = apply(memory, false);
	f[2] = look(memory);
	if (any)
		kernel_picture_draw(&before, &now);
	tell_all(f);
	found = kernel_memory_check(memory);
	kernel_print("check: %s\n", err     ? hvo_strerror(err)
				    : found ? found
					    : "passed");
	return err || found ? KERNEL_EXIT_FAILED : KERNEL_EXIT_OK;
}
