/* SPDX-License-Identifier: MIT */
/*
 * The memory manager through the library: a machine of two nodes, huge pages
 * whose descriptors are shared from the moment they are allocated, and where
 * the memory that this saves turns up. The machine's RAM is a memfd, so that
 * the operating system can be asked what it really takes; all else would be
 * the same in a kernel. To build it:
 *   cc machine.c $(pkg-config --cflags --libs --static hvo-machine)
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "hvo/folio.h"
#include "hvo/poison.h"
#include "hvo_machine.h"

enum { ORDER = 9, N = 32 }; /* 32 huge pages of 2 MiB */

static struct hvo_machine *machine;
static struct hvo_mm *mm;

static void must(const char *doing, int error)
{
	char why[512];

	if (!error)
		return;
	hvo_machine_explain(machine, error, why, sizeof(why));
	fprintf(stderr, "machine: %s: %s\n", doing, why);
	exit(1);
}

static uint64_t tell(const char *when)
{
	struct hvo_mm_stats s;
	uint64_t free;

	hvo_mm_stats(mm, &s);
	free = s.owner[HVO_OWNER_FREE] + s.owner[HVO_OWNER_CACHE];
	printf("%-28s %6" PRIu64 " pages free, %5" PRIu64
	       " hold descriptors, %5" PRIu64 " KiB of RAM in use\n",
	       when, free, s.owner[HVO_OWNER_BOOT] + s.owner[HVO_OWNER_VMEMMAP],
	       hvo_machine_measured(machine) / 1024);
	return free;
}

/* A folio's memory, to be used: what a kernel has in its direct map. */
static void *memory_of(const struct hvo_page *folio)
{
	return hvo_port_frame(hvo_mm_config(mm)->port,
			      hvo_mm_frame(mm, hvo_mm_pfn(mm, folio)));
}

int main(void)
{
	/* 128 MiB a node; the manager takes descriptors' frames from there. */
	const struct hvo_machine_config config = {
	    .range = {{.base = 0, .size = 128 << 20, .node = 0},
		      {.base = 128 << 20, .size = 128 << 20, .node = 1}},
	    .ranges = 2,
	};
	char why[512];
	struct hvo_page *folio[N];
	uint64_t before;

	if (hvo_machine_open(&machine, &config, why, sizeof(why)))
		return fprintf(stderr, "machine: %s\n", why), 1;
	mm = hvo_machine_mm(machine);
	before = tell("a new machine");

	/* Huge pages of node 1, optimized: seven of the eight pages that hold
	 * a folio's descriptors are free again at once. */
	const struct hvo_alloc huge = {
	    .order = ORDER,
	    .node = 1,
	    .limit = HVO_ZONE_MOVABLE,
	    .flags = HVO_ALLOC_HVO | HVO_ALLOC_THIS_NODE,
	};
	must("allocating",
	     hvo_folio_alloc_bulk(mm, &huge, N, folio, &(size_t){0}));
	tell("32 huge pages allocated");

	/* Memory that is to be written is asked for with COMMIT; on a real
	 * machine it is always there. */
	const struct hvo_alloc small = {
	    .limit = HVO_ZONE_MOVABLE,
	    .flags = HVO_ALLOC_COMMIT,
	};
	struct hvo_page *page;
	must("allocating a page", hvo_folio_alloc(mm, &small, &page));
	strcpy(memory_of(page), "written to a page of the machine");
	must("freeing it", hvo_folio_put(mm, page));

	/* The hardware reports a bad page in the middle of one: its own
	 * descriptor is shared and read-only, yet nothing is lost. */
	hvo_pfn_t bad = hvo_mm_pfn(mm, folio[3]) + 300;
	must("reporting a bad page", hvo_mm_poison(mm, bad, NULL));

	/* Two halves of one: whoever changes a folio owns it alone. */
	if (!hvo_folio_freeze(folio[0], 1))
		return fprintf(stderr, "machine: somebody has it\n"), 1;
	must("splitting", hvo_folio_split(mm, folio[0], ORDER - 1));
	must("joining", hvo_folio_join(mm, folio[0], ORDER));
	hvo_folio_unfreeze(folio[0], 1);

	/* With its last reference a folio is freed; that cannot fail. */
	for (unsigned i = 0; i < N; i++)
		must("freeing", hvo_folio_put(mm, folio[i]));
	before -= tell("all freed, but the bad page");
	printf("pages that are kept: %" PRIu64
	       ": the bad one, and the shared tails\n",
	       before);
	if (!hvo_mm_poisoned(mm, bad))
		return fprintf(stderr, "machine: the bad page is lost\n"), 1;

	/* Everything against everything, and against the operating system. */
	if (hvo_machine_check(machine, why, sizeof(why)))
		return fprintf(stderr, "machine: %s\n", why), 1;
	must("closing", hvo_machine_close(machine));
	return 0;
}
