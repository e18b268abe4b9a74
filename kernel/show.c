/* SPDX-License-Identifier: MIT */
#include "show.h"
#include <string.h>
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

static void tell(struct kernel_memory *memory, const char *when)
{
	kernel_print("%-12s %12llu %12llu %12llu\n", when,
		     (unsigned long long)kernel_walked_frames(memory),
		     (unsigned long long)kernel_counted_frames(memory),
		     (unsigned long long)free_pages(memory));
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
	const char *found;
	int err;

	kernel_print("%-12s %12s %12s %12s\n", "frames", "by walk", "counted",
		     "free pages");
	err = apply(memory, false);
	tell(memory, "before");
	if (!err)
		err = apply(memory, true);
	tell(memory, "optimized");
	if (!err)
		err = apply(memory, false);
	tell(memory, "restored");
	found = kernel_memory_check(memory);
	kernel_print("check: %s\n", err     ? hvo_strerror(err)
				    : found ? found
					    : "passed");
	return err || found ? KERNEL_EXIT_FAILED : KERNEL_EXIT_OK;
}
