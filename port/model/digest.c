/* SPDX-License-Identifier: MIT */
/*
 * The state as one number. TLBs are left out, since a failed call may flush
 * as it likes, and so is block granularity, since it may leave blocks split.
 */
#include <string.h>
#include "model.h"

/* Any mixing will do that tells the order of words. */
static uint64_t mix(uint64_t hash, uint64_t word)
{
	hash = (hash ^ word) * UINT64_C(0x9e3779b97f4a7c15);
	return hash ^ hash >> 29;
}

static uint64_t mix_bytes(uint64_t hash, const unsigned char *bytes,
			  size_t size)
{
	uint64_t word;

	for (size_t i = 0; i < size; i += sizeof(word)) {
		memcpy(&word, bytes + i, sizeof(word));
		hash = mix(hash, word);
	}
	return hash;
}

uint64_t hvo_model_digest(const struct hvo_model *model)
{
	uint64_t hash = 0;

	for (uint64_t page = 0; page < model->pages; page++) {
		hash = mix(hash, model->table[page].to.frame.nr);
		hash = mix(hash, model->table[page].to.prot);
	}
	for (uint64_t nr = 0; nr < model->frame_end; nr++) {
		const struct model_frame *f = &model->frames[nr];

		if (!f->out && !f->mapped)
			continue;
		hash = mix(mix(hash, nr), f->out);
		hash = mix_bytes(hash, model_memory(model, (hvo_frame_t){nr}),
				 model_page_size(model));
	}
	return hash;
}
