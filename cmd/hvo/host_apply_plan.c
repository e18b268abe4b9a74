/* SPDX-License-Identifier: MIT */
/* hvo host apply: which pages of which pools can be renewed. */
#include <stdlib.h>
#include "cmd.h"
#include "host_apply.h"
#include "host_settings.h"
#include "size.h"

#define STEP 128 /* pages; 1 of gigantic ones */

static bool is_known(const struct hvo_host_figure *figure)
{
	return figure->kind != HVO_HOST_UNKNOWN;
}

static bool has_nodes(const struct apply *a, uint64_t size)
{
	for (size_t i = 0; i < a->status.n_pools; i++)
		if (a->status.pools[i].size == size &&
		    a->status.pools[i].node >= 0)
			return true;
	return false;
}

/* Why a pool must be left alone; NULL if it need not. */
static const char *why_skip(const struct apply *a,
			    const struct hvo_host_pool *pool)
{
	const struct hvo_host_pool *all =
	    hvo_host_whole_pool(&a->status, pool->size);

	if (pool->gigantic && !a->size)
		return "gigantic; name the --size to renew it";
	if (!is_known(&pool->total) || !is_known(&pool->free) || !all ||
	    !is_known(&all->reserved))
		return "its counts cannot be read";
	if (hvo_host_has_surplus(&a->status, pool->size))
		return "it has surplus pages; try when they are given back";
	return NULL;
}

/* Reserved pages may be any of the free: all nodes share what is left. */
static uint64_t left_of(const struct apply *a, uint64_t size)
{
	const struct hvo_host_pool *all = hvo_host_whole_pool(&a->status, size);
	uint64_t taken = all->reserved.value;

	for (size_t i = 0; i < a->n_pools; i++)
		if (a->pools[i].pool->size == size)
			taken += a->pools[i].renew;
	return all->free.value > taken ? all->free.value - taken : 0;
}

static void add_pool(struct apply *a, const struct hvo_host_pool *pool)
{
	struct apply_pool *p = &a->pools[a->n_pools];
	uint64_t left;

	*p = (struct apply_pool){
	    .pool = pool,
	    .total = pool->total.value,
	    .step = a->step          ? a->step
		    : pool->gigantic ? 1
				     : STEP,
	    .skipped = why_skip(a, pool),
	};
	if (!p->skipped) {
		left = left_of(a, pool->size);
		p->renew = pool->free.value < left ? pool->free.value : left;
	}
	a->n_pools++;
}

int apply_plan(struct apply *a)
{
	char size[HVO_SIZE_TEXT];

	a->pools = calloc(a->status.n_pools + 1, sizeof(*a->pools));
	if (!a->pools) {
		hvo_error("out of memory");
		return HVO_EXIT_FAILED;
	}
	for (size_t i = 0; i < a->status.n_pools; i++) {
		const struct hvo_host_pool *pool = &a->status.pools[i];

		if (a->size && pool->size != a->size)
			continue;
		if (pool->node >= 0 || !has_nodes(a, pool->size))
			add_pool(a, pool);
	}
	if (a->n_pools || !a->size)
		return HVO_EXIT_OK;
	hvo_error("this kernel has no pool of pages of %s",
		  hvo_size_format(a->size, size));
	return HVO_EXIT_DENIED;
}
