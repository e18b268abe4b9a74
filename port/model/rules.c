/* SPDX-License-Identifier: MIT */
/*
 * The rules: what each is called, the record of the first one broken, and the
 * two that need more than a line to decide. Only the first violation is kept:
 * what follows it is often its consequence.
 */
#include "model.h"

static const char *const texts[HVO_RULES] = {
    [HVO_RULE_NONE] = "no rule was broken",
    [HVO_RULE_READ_FAULT] = "a CPU read a page that leads nowhere",
    [HVO_RULE_WRITE_FAULT] = "a CPU wrote to a page that permits no write",
    [HVO_RULE_BBM_WRITABLE] =
	"a live entry's frame was changed while the page may be written to "
	"(Arm: needs break-before-make)",
    [HVO_RULE_BBM_BYTES] =
	"a live entry's frame was changed to one with other bytes "
	"(Arm: needs break-before-make)",
    [HVO_RULE_BBM_BLOCK] =
	"part of a live block was changed "
	"(Arm without FEAT_BBM level 2: needs break-before-make)",
    [HVO_RULE_FREED_MAPPED] = "a frame was freed that is still mapped",
    [HVO_RULE_FREED_IN_TLB] =
	"a frame was freed that a TLB may still lead to (flush missing)",
    [HVO_RULE_FREED_TWICE] = "a frame was freed that is not handed out",
    [HVO_RULE_LOST_WRITE] =
	"a CPU wrote to a frame that the page no longer leads to",
    [HVO_RULE_FRAME_STATE] = "a frame was used that is not handed out",
    [HVO_RULE_MISUSE] = "a port function was called outside its contract",
};

const char *hvo_rule_text(enum hvo_rule rule)
{
	if (rule < 0 || rule >= HVO_RULES)
		return "unknown rule";
	return texts[rule];
}

void model_violate(struct hvo_model *m, enum hvo_rule rule, uintptr_t va)
{
	if (m->violation != HVO_RULE_NONE)
		return;
	m->violation = rule;
	m->violation_va = va;
}

static bool leads_to(const struct hvo_model *m, uint64_t page,
		     hvo_frame_t frame)
{
	if (m->table[page].to.frame.nr == frame.nr)
		return true;
	for (unsigned t = 0; t < MODEL_TLB_CPUS + m->cpus; t++) {
		const struct model_cached *c = model_tlb(m, t, page);

		if (c->valid && c->to.frame.nr == frame.nr)
			return true;
	}
	return false;
}

void model_violate_frame(struct hvo_model *m, enum hvo_rule rule,
			 hvo_frame_t frame)
{
	uint64_t page = frame.nr < m->frame_end ? 0 : m->pages;

	if (m->violation != HVO_RULE_NONE)
		return;
	while (page < m->pages && !leads_to(m, page, frame))
		page++;
	model_violate(m, rule, page < m->pages ? model_va(m, page) : 0);
}

static void check_pair(struct hvo_model *m, uint64_t page,
		       const struct hvo_translation *old,
		       const struct hvo_translation *to)
{
	if (!model_is_mapped(old) || old->frame.nr == to->frame.nr)
		return;
	if (old->prot == HVO_PROT_WRITE || to->prot == HVO_PROT_WRITE)
		model_violate(m, HVO_RULE_BBM_WRITABLE, model_va(m, page));
	else if (!model_same_bytes(m, old->frame, to->frame))
		model_violate(m, HVO_RULE_BBM_BYTES, model_va(m, page));
}

/*
 * What counts as the old translation is what any CPU may still use, so a
 * missing flush after a change of permission breaks the rule as well. The
 * table's own entry is among them: speculation has just put it there.
 */
void model_check_bbm(struct hvo_model *m, uint64_t page,
		     const struct hvo_translation *to)
{
	if (!m->port.traits.equal_bytes)
		return;
	for (unsigned t = 0; t < MODEL_TLB_CPUS + m->cpus; t++) {
		const struct model_cached *c = model_tlb(m, t, page);

		if (c->valid)
			check_pair(m, page, &c->to, to);
	}
}

/* The described memory is always there: it may host its own descriptors. */
void model_check_frame(struct hvo_model *m, hvo_frame_t frame, uintptr_t va)
{
	if (frame.nr >= m->described && !m->frames[frame.nr].out)
		model_violate(m, HVO_RULE_FRAME_STATE, va);
}

enum hvo_rule hvo_model_violation(const struct hvo_model *model)
{
	return model->violation;
}

uintptr_t hvo_model_violation_va(const struct hvo_model *model)
{
	return model->violation_va;
}

void hvo_model_clear(struct hvo_model *model)
{
	model->violation = HVO_RULE_NONE;
	model->violation_va = 0;
}
