/* SPDX-License-Identifier: MIT */
/*
 * Bulk calls: folios are planned one by one until the workspace is full, the
 * domain changes or one is refused; what was planned is committed together.
 */

#include "engine.h"

int hvo_batch_claim(struct hvo_batch *batch, hvo_pfn_t pfn, unsigned order,
		    uint16_t state)
{
	struct hvo_vmemmap *map = batch->map;
	uint64_t count = UINT64_C(1) << order;
	unsigned domain;
	int err = hvo_range_validate(map, pfn, count, order);

	if (!err)
		err = hvo_claim(map, pfn, count, state, &domain);
	if (err)
		return err;
	if (batch->count && domain != batch->domain) {
		hvo_release(map, pfn, count);
		return HVO_NEXT_BATCH;
	}
	batch->domain = domain;
	return 0;
}

int hvo_batches(struct hvo_batch *batch, int err, const hvo_pfn_t *pfns,
		size_t n, size_t *done)
{
	size_t at = 0;

	while (at < n && !err) {
		int planned = 0;
		size_t completed = 0;

		batch->work->used = 0;
		batch->pfns = pfns + at;
		batch->count = 0;
		batch->made = false;
		batch->hosted = 0;
		while (at + batch->count < n && !planned) {
			planned = batch->plan(batch, pfns[at + batch->count]);
			batch->count += !planned;
		}
		/* A workspace that others have filled only ends the batch. */
		if (planned == -HVO_EWORK && batch->count)
			planned = HVO_NEXT_BATCH;
		if (batch->count)
			err = batch->commit(batch, &completed);
		at += completed;
		if (!err && planned < 0)
			err = planned;
	}
	batch->work->used = 0;
	if (done)
		*done = at;
	return err;
}
