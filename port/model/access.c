/* SPDX-License-Identifier: MIT */
/*
 * Loads and stores as a CPU does them: through its TLB, which a miss fills
 * from the table. A fault is a violation, since no reader may ever meet one.
 */
#include <assert.h>
#include <string.h>
#include "model.h"

/*
 * What cpu uses for va: its TLB's entry, or else the table's; with `fill` the
 * TLB then holds it. Outside the window everything is absent.
 */
static struct hvo_translation look_up(struct hvo_model *m, unsigned cpu,
				      uintptr_t va, bool fill)
{
	uint64_t page = (va - m->start) >> m->page_shift;
	unsigned tlb = MODEL_TLB_CPUS + cpu;

	assert(cpu < m->cpus && va % 8 == 0);
	if (va < m->start || page >= m->pages)
		return (struct hvo_translation){.frame = HVO_NO_FRAME};
	if (model_tlb(m, tlb, page)->valid)
		return model_tlb(m, tlb, page)->to;

	struct hvo_translation to = m->table[page].to;

	/* RISC-V may remember that there is nothing; the others do not. */
	if (fill && (model_is_mapped(&to) || m->arch == HVO_ARCH_RISCV))
		model_tlb_fill(m, tlb, page, &to);
	return to;
}

static unsigned char *word(struct hvo_model *m, hvo_frame_t frame, uintptr_t va)
{
	return model_memory(m, frame) + (va & (model_page_size(m) - 1));
}

uint64_t hvo_model_load(struct hvo_model *model, unsigned cpu, uintptr_t va)
{
	struct hvo_translation to = look_up(model, cpu, va, true);
	uint64_t value = 0;

	if (model_is_mapped(&to))
		memcpy(&value, word(model, to.frame, va), sizeof(value));
	else
		model_violate(model, HVO_RULE_READ_FAULT, va);
	return value;
}

void hvo_model_store(struct hvo_model *model, unsigned cpu, uintptr_t va,
		     uint64_t value)
{
	struct hvo_translation to = look_up(model, cpu, va, true);

	if (to.prot != HVO_PROT_WRITE) {
		model_violate(model, HVO_RULE_WRITE_FAULT, va);
		return;
	}
	memcpy(word(model, to.frame, va), &value, sizeof(value));

	uint64_t page = (va - model->start) >> model->page_shift;

	/* A stale entry: whoever reads through the table misses the value. */
	if (model->table[page].to.frame.nr != to.frame.nr)
		model_violate(model, HVO_RULE_LOST_WRITE, va);
}

bool hvo_model_write_faults(struct hvo_model *model, unsigned cpu, uintptr_t va)
{
	return look_up(model, cpu, va, false).prot != HVO_PROT_WRITE;
}
