/* SPDX-License-Identifier: MIT */
/*
 * TLBs: what CPUs remember of the table. Nothing but a flush makes one
 * forget, so each flush that the engine leaves out is seen.
 */
#include "model.h"

struct model_cached *model_tlb(const struct hvo_model *m, unsigned tlb,
			       uint64_t page)
{
	return &m->tlbs[tlb * m->pages + page];
}

static void forget(struct hvo_model *m, struct model_cached *c)
{
	if (c->valid && model_is_mapped(&c->to))
		m->frames[c->to.frame.nr].cached--;
	c->valid = false;
}

void model_tlb_fill(struct hvo_model *m, unsigned tlb, uint64_t page,
		    const struct hvo_translation *to)
{
	struct model_cached *c = model_tlb(m, tlb, page);

	forget(m, c);
	*c = (struct model_cached){.to = *to, .valid = true};
	if (model_is_mapped(to))
		m->frames[to->frame.nr].cached++;
}

void model_tlb_speculate(struct hvo_model *m, uint64_t page)
{
	const struct hvo_translation *old = &m->table[page].to;

	if (!model_is_mapped(old))
		return;
	if (!model_tlb(m, MODEL_TLB_FIRST, page)->valid)
		model_tlb_fill(m, MODEL_TLB_FIRST, page, old);
	model_tlb_fill(m, MODEL_TLB_LAST, page, old);
}

void model_tlb_flush(struct hvo_model *m, uint64_t page, uint64_t pages)
{
	for (unsigned t = 0; t < MODEL_TLB_CPUS + m->cpus; t++)
		for (uint64_t i = 0; i < pages; i++)
			forget(m, model_tlb(m, t, page + i));
}
