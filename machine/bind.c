/* SPDX-License-Identifier: MIT */
/*
 * Binds the machine's nodes to the host's. The policy of a shared mapping of a
 * memfd is the file's (mbind(2)), so it is set once, through the direct map,
 * and holds for whoever makes a page of that range be allocated.
 */
#include <linux/mempolicy.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "private.h"

#define HOST_NODES 1024
#define WORD_BITS  (8 * sizeof(unsigned long))

struct node_mask {
	unsigned long word[HOST_NODES / WORD_BITS];
};

static bool has(const struct node_mask *mask, unsigned node)
{
	return mask->word[node / WORD_BITS] >> node % WORD_BITS & 1;
}

/* Nodes that this process may allocate on; how many. */
static unsigned allowed_nodes(struct node_mask *mask)
{
	unsigned n = 0;

	*mask = (struct node_mask){0};
	if (syscall(SYS_get_mempolicy, NULL, mask->word, HOST_NODES, NULL,
		    MPOL_F_MEMS_ALLOWED))
		return 0;
	for (unsigned node = 0; node < HOST_NODES; node++)
		n += has(mask, node);
	return n;
}

/* The nth node of the mask, as a mask. */
static struct node_mask nth_node(const struct node_mask *mask, unsigned n)
{
	struct node_mask one = {0};
	unsigned node = 0;

	while (!has(mask, node) || n--)
		node++;
	one.word[node / WORD_BITS] = 1ul << node % WORD_BITS;
	return one;
}

static bool bind_range(const struct hvo_machine *m,
		       const struct hvo_machine_range *range,
		       const struct node_mask *host)
{
	const struct hvo_mm_config *c = &m->config;
	/* There is no manager yet to ask. */
	hvo_frame_t frame = hvo_frame_add(
	    c->described, (range->base >> c->page_shift) - c->pfn_first);
	void *va = hvo_port_frame(c->port, frame);

	/* Preferred: a full host node must not fail what others could hold. */
	return !syscall(SYS_mbind, va, range->size, MPOL_PREFERRED, host->word,
			HOST_NODES, 0);
}

void hvo_machine_bind(struct hvo_machine *machine,
		      const struct hvo_machine_config *config)
{
	struct node_mask allowed;
	unsigned hosts = allowed_nodes(&allowed);

	if (hosts < 2)
		return;
	machine->bound = hosts;
	for (unsigned i = 0; i < config->ranges; i++) {
		const struct hvo_machine_range *range = &config->range[i];
		struct node_mask host = nth_node(&allowed, range->node % hosts);

		/* Without it the memory works as well, from anywhere. */
		if (!bind_range(machine, range, &host))
			machine->bound = 0;
	}
}
