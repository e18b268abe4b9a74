/* SPDX-License-Identifier: MIT */
/*
 * The command that gives the machine boot parameters, and what they lead to:
 * boot pages, contiguous areas, and pools of the two sizes that a page table
 * maps at once (2 MiB and 1 GiB, where base pages have 4 KiB).
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include "hvo/bootparam.h"
#include "hvo/cma.h"
#include "sim.h"

/* What is kept for the machine's life. */
struct hvo_sim_boot {
	char line[512];
	struct hvo_bootparam param;
	unsigned orders[2];
	unsigned sizes; /* 1 or 2 */
	unsigned nodes;
	struct hvo_cma area[HVO_BOOTPARAM_NODES_MAX];
	void *units[HVO_BOOTPARAM_NODES_MAX];
	struct hvo_hugetlb_boot taken;
};

/* ---- the parameters ------------------------------------------------- */

static int do_boot(struct hvo_sim *sim)
{
	struct hvo_sim_boot *b;
	size_t used = 0;

	if (sim->machine || sim->boot)
		return hvo_sim_bad(sim, HVO_SIM_SYNTAX,
				   "boot comes once, before the machine");
	b = calloc(1, sizeof(*b));
	if (!b)
		return hvo_sim_bad(sim, HVO_SIM_HOST, "no memory");
	sim->boot = b;
	for (unsigned i = 1; i < sim->word_count; i++) {
		if (used + strlen(sim->words[i]) + 2 > sizeof(b->line))
			return hvo_sim_bad(sim, HVO_SIM_SYNTAX,
					   "boot parameters have at most %zu "
					   "characters",
					   sizeof(b->line) - 1);
		used += (size_t)snprintf(b->line + used, sizeof(b->line) - used,
					 "%s ", sim->words[i]);
	}
	return 0;
}

/* Two sizes, as page tables of base pages have them; or one. */
static void find_sizes(struct hvo_sim_boot *b, unsigned page_shift)
{
	b->orders[0] = page_shift - 3;
	b->orders[1] = 2 * (page_shift - 3);
	b->sizes = b->orders[1] + page_shift > HVO_MAX_FOLIO_SHIFT ? 1 : 2;
}

int hvo_sim_boot_parse(struct hvo_sim *sim,
		       const struct hvo_machine_config *config)
{
	struct hvo_sim_boot *b = sim->boot;
	unsigned shift = (unsigned)__builtin_ctzll(config->base_page);
	struct hvo_bootparam_config c = {0};
	struct hvo_bootparam_error error;

	find_sizes(b, shift);
	for (unsigned i = 0; i < config->ranges; i++)
		if (b->nodes <= config->range[i].node)
			b->nodes = config->range[i].node + 1;
	c.count = b->sizes;
	c.nodes = b->nodes;
	for (unsigned i = 0; i < b->sizes; i++)
		c.sizes[i] = UINT64_C(1) << (b->orders[i] + shift);
	if (!hvo_bootparam_parse(&b->param, &c, b->line, strlen(b->line),
				 &error, 1))
		return 0;
	return hvo_sim_bad(sim, HVO_SIM_SYNTAX, "boot: '%.*s': %s",
			   (int)error.length, b->line + error.word,
			   hvo_bootparam_text(error.problem));
}

/* ---- before there is a manager -------------------------------------- */

/* As many as there are: the script may expect them all. */
static void take_pages(struct hvo_sim_boot *b, struct hvo_memblock *mb,
		       unsigned size, int node, uint64_t n)
{
	bool from_area = size && b->param.cma.given && b->param.cma_only;

	if (!from_area) {
		hvo_hugetlb_boot_take(&b->taken, mb, b->orders[size], node, n,
				      NULL);
		return;
	}
	for (unsigned i = 0; i < b->nodes; i++) {
		size_t done = 0;

		if (b->area[i].pages && (node < 0 || (unsigned)node == i))
			hvo_hugetlb_boot_take_cma(&b->taken, &b->area[i],
						  b->orders[size], n, &done);
		n -= done;
	}
}

static void take_size(struct hvo_sim_boot *b, struct hvo_memblock *mb,
		      unsigned size)
{
	const struct hvo_bootparam_amount *a = &b->param.pages[size];

	if (!a->by_node)
		take_pages(b, mb, size, HVO_NUMA_NO_NODE, a->total);
	for (unsigned n = 0; a->by_node && n < b->nodes; n++)
		take_pages(b, mb, size, (int)n, a->node[n]);
}

int hvo_sim_boot_prepare(void *ctx, struct hvo_memblock *mb,
			 struct hvo_machine_boot *boot)
{
	struct hvo_sim_boot *b = ctx;
	uint64_t smallest = UINT64_C(1) << (b->orders[0] + mb->page_shift);
	int err = 0;

	if (b->param.cma.given)
		err = hvo_hugetlb_cma_reserve(
		    b->area, b->nodes, mb, &b->param.cma,
		    b->orders[b->sizes - 1], b->orders[0], NULL);
	if (err)
		return err;
	b->taken.capacity = mb->memory.total_size / smallest + 1;
	b->taken.pages = calloc(b->taken.capacity, sizeof(*b->taken.pages));
	if (!b->taken.pages)
		return -HVO_ENOMEM;
	/* The largest first; full ones come once there is a manager. */
	for (unsigned i = b->sizes; b->param.optimize && i-- > 0;)
		take_size(b, mb, i);
	boot->pages = b->taken.pages;
	boot->count = b->taken.count;
	return 0;
}

/* ---- afterwards ----------------------------------------------------- */

static int activate(struct hvo_sim *sim, struct hvo_hugetlb_config *c)
{
	struct hvo_sim_boot *b = sim->boot;
	int err = 0;

	for (unsigned i = b->nodes; !err && i-- > 0;) {
		if (!b->area[i].pages)
			continue;
		b->units[i] = malloc(hvo_cma_size(&b->area[i]));
		if (!b->units[i])
			return -HVO_ENOMEM;
		err = hvo_cma_activate(&b->area[i], sim->mm, b->units[i]);
		b->area[i].next = c->cma;
		c->cma = &b->area[i];
	}
	return err;
}

/* Pages that are not to be optimized: the pool is set to their number. */
static void grow(struct hvo_sim *sim, unsigned size)
{
	const struct hvo_sim_boot *b = sim->boot;
	const struct hvo_bootparam_amount *a = &b->param.pages[size];

	if (!a->by_node)
		hvo_hugetlb_resize(sim->pools, b->orders[size], 0, a->total,
				   NULL);
	for (unsigned n = 0; a->by_node && n < b->nodes; n++)
		hvo_hugetlb_resize_node(sim->pools, b->orders[size], n,
					a->node[n], NULL);
}

int hvo_sim_boot_finish(struct hvo_sim *sim)
{
	struct hvo_sim_boot *b = sim->boot;
	struct hvo_hugetlb_config c = {
	    .sizes = b->sizes,
	    .optimize = b->param.optimize,
	    .limit = HVO_ZONE_MOVABLE,
	    .cma_only = b->param.cma.given && b->param.cma_only,
	    .gigantic_order = b->orders[1],
	};
	int err;

	memcpy(c.orders, b->orders, sizeof(b->orders));
	err = activate(sim, &c);
	if (!err)
		err = hvo_sim_make_pools(sim, &c);
	if (!err)
		err = hvo_hugetlb_adopt(sim->pools, b->taken.pages,
					b->taken.count, NULL);
	for (unsigned i = b->sizes; !err && !b->param.optimize && i-- > 0;)
		grow(sim, i);
	return err;
}

void hvo_sim_boot_free(struct hvo_sim *sim)
{
	if (!sim->boot)
		return;
	for (unsigned i = 0; i < HVO_BOOTPARAM_NODES_MAX; i++)
		free(sim->boot->units[i]);
	free(sim->boot->taken.pages);
	free(sim->boot);
}

/* ---- looking -------------------------------------------------------- */

bool hvo_sim_area_stat(const struct hvo_sim *sim, const char *text,
		       uint64_t *value)
{
	*value = 0;
	if (!sim->boot || strncmp(text, "cma.", 4))
		return false;
	text += 4;
	for (unsigned s = 0; s < HVO_CMA_STATES; s++) {
		if (strcmp(text, hvo_cma_state_name((enum hvo_cma_state)s)))
			continue;
		for (unsigned i = 0; i < sim->boot->nodes; i++) {
			struct hvo_cma_stats stats;

			if (!sim->boot->units[i])
				continue;
			hvo_cma_stats(&sim->boot->area[i], &stats);
			*value += stats.state[s];
		}
		return true;
	}
	return false;
}

int hvo_sim_check_areas(const struct hvo_sim *sim, char *message, size_t size)
{
	for (unsigned i = 0; sim->boot && i < sim->boot->nodes; i++) {
		struct hvo_cma_finding f;

		if (!sim->boot->units[i] ||
		    !hvo_cma_check(&sim->boot->area[i], &f))
			continue;
		snprintf(message, size,
			 "%s: pfn %" PRIu64 ", expected %" PRIu64
			 ", found %" PRIu64,
			 f.what, f.pfn, f.expected, f.found);
		return -HVO_ECORRUPT;
	}
	return 0;
}

const struct hvo_sim_command hvo_sim_boot_commands[] = {
    {"boot", do_boot, true},
    {NULL, NULL, false},
};
