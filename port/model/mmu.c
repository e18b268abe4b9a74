/* SPDX-License-Identifier: MIT */
/*
 * The table, one entry for each vmemmap page, and the port calls that change
 * it. set() is the only place where an entry changes where it leads or what
 * it permits; there the rules are checked and other CPUs get their turn.
 *
 * A call outside its contract is refused with -HVO_ESTATE (contract.c). All
 * others are carried out, rule or no rule, as hardware would.
 */
#include "model.h"

#define REFUSED (-HVO_ESTATE)

static void set(struct hvo_model *m, uint64_t page, struct hvo_translation to)
{
	struct model_entry *e = &m->table[page];

	model_tlb_speculate(m, page);
	if (model_is_mapped(&to)) {
		model_check_frame(m, to.frame, model_va(m, page));
		model_check_bbm(m, page, &to);
		m->frames[to.frame.nr].mapped++;
	}
	if (model_is_mapped(&e->to))
		m->frames[e->to.frame.nr].mapped--;
	if (e->to.frame.nr != to.frame.nr) {
		e->was[1] = e->was[0];
		e->was[0] = e->to.frame;
	}
	e->to = to;
	model_others_act(m);
}

/* Where entries are stored to, as on Arm, a change needs nothing. */
static bool change_fails(struct hvo_model *m, enum hvo_urgency urgency)
{
	return urgency == HVO_MAY_FAIL && !m->port.traits.equal_bytes &&
	       model_fails(m);
}

/* A call that changes something begins. */
static struct hvo_model *begin(struct hvo_port *port, const void *va)
{
	struct hvo_model *m = model_of(port);

	model_enter(m, (uintptr_t)va);
	model_others_act(m);
	return m;
}

struct hvo_translation hvo_port_translate(struct hvo_port *port, void *va)
{
	struct hvo_model *m = model_of(port);
	uint64_t page;

	model_enter(m, (uintptr_t)va);
	if (!model_is_range(m, va, 1, &page))
		return (struct hvo_translation){.frame = HVO_NO_FRAME};
	return m->table[page].to;
}

struct hvo_run hvo_port_frames(struct hvo_port *port, void *va, uint64_t pages)
{
	struct hvo_run run = {hvo_port_translate(port, va).frame, 1};

	while (run.count < pages) {
		unsigned char *at = va;

		at += run.count * model_page_size(model_of(port));
		if (hvo_port_translate(port, at).frame.nr !=
		    run.first.nr + run.count)
			break;
		run.count++;
	}
	return run;
}

int hvo_port_map(struct hvo_port *port, void *va, uint64_t pages,
		 struct hvo_run run, enum hvo_prot prot, bool block)
{
	struct hvo_model *m = begin(port, va);
	uint64_t page;

	if (!model_is_range(m, va, pages, &page) ||
	    !model_is_target(m, page, pages, run, prot) ||
	    !model_all(m, page, pages, false) ||
	    (block && !model_is_block_run(m, page, pages, run)))
		return REFUSED;
	if (model_fails(m))
		return -HVO_EMAPPINGS;
	for (uint64_t i = 0; i < pages; i++)
		set(m, page + i,
		    (struct hvo_translation){
			hvo_frame_add(run.first, i % run.count), prot, block});
	return 0;
}

int hvo_port_repoint(struct hvo_port *port, void *va, uint64_t pages,
		     struct hvo_run run, enum hvo_prot prot,
		     enum hvo_urgency urgency)
{
	struct hvo_model *m = begin(port, va);
	uint64_t page;

	if (!model_is_range(m, va, pages, &page) ||
	    !model_is_target(m, page, pages, run, prot) ||
	    !model_all(m, page, pages, true) ||
	    !model_no_block(m, page, pages) ||
	    !model_is_return(m, page, pages, run, urgency))
		return REFUSED;
	if (change_fails(m, urgency))
		return -HVO_EMAPPINGS;
	for (uint64_t i = 0; i < pages; i++)
		set(m, page + i,
		    (struct hvo_translation){
			hvo_frame_add(run.first, i % run.count), prot, false});
	return 0;
}

int hvo_port_protect(struct hvo_port *port, void *va, uint64_t pages,
		     enum hvo_prot prot, enum hvo_urgency urgency)
{
	struct hvo_model *m = begin(port, va);
	uint64_t page;

	if (prot == HVO_PROT_NONE) {
		model_misuse(m, (uintptr_t)va);
		return REFUSED;
	}
	if (!model_is_range(m, va, pages, &page) ||
	    !model_all(m, page, pages, true) ||
	    !model_whole_blocks(m, page, pages))
		return REFUSED;
	if (change_fails(m, urgency))
		return -HVO_EMAPPINGS;
	for (uint64_t i = page; i < page + pages; i++) {
		struct hvo_translation to = m->table[i].to;

		to.prot = prot;
		set(m, i, to);
	}
	return 0;
}

int hvo_port_unmap(struct hvo_port *port, void *va, uint64_t pages,
		   enum hvo_urgency urgency)
{
	struct hvo_model *m = begin(port, va);
	uint64_t page;

	if (!model_is_range(m, va, pages, &page) ||
	    !model_all(m, page, pages, true) ||
	    !model_whole_blocks(m, page, pages))
		return REFUSED;
	if (change_fails(m, urgency))
		return -HVO_EMAPPINGS;
	for (uint64_t i = page; i < page + pages; i++)
		set(m, i, (struct hvo_translation){.frame = HVO_NO_FRAME});
	return 0;
}

static void split_block_of(struct hvo_model *m, uint64_t page)
{
	uint64_t size = m->port.traits.block_pages;

	while (!model_at_block(m, page))
		page--;
	for (uint64_t i = page; i < page + size; i++)
		m->table[i].to.block = false;
}

int hvo_port_split(struct hvo_port *port, void *va, uint64_t pages)
{
	struct hvo_model *m = begin(port, va);
	uint64_t page;

	if (!model_is_range(m, va, pages, &page) ||
	    !model_all(m, page, pages, true))
		return REFUSED;
	if (!model_has_block(m, page, pages))
		return 0;
	if (m->arch == HVO_ARCH_ARM)
		return -HVO_EBLOCK;
	if (model_fails(m))
		return -HVO_ENOMEM;
	for (uint64_t i = page; i < page + pages; i++)
		if (m->table[i].to.block)
			split_block_of(m, i);
	model_others_act(m);
	return 0;
}

/* The block's pages lead to frames that one entry could lead to. */
static bool fits_block(const struct hvo_model *m, uint64_t page)
{
	uint64_t size = m->port.traits.block_pages;
	const struct hvo_translation *first = &m->table[page].to;

	if (first->frame.nr % size)
		return false;
	for (uint64_t i = 0; i < size; i++) {
		const struct hvo_translation *to = &m->table[page + i].to;

		if (to->frame.nr != first->frame.nr + i ||
		    to->prot != first->prot)
			return false;
	}
	return true;
}

int hvo_port_collapse(struct hvo_port *port, void *va)
{
	struct hvo_model *m = begin(port, va);
	uint64_t size = m->port.traits.block_pages;
	uint64_t page;

	if (!size || m->arch == HVO_ARCH_ARM)
		return -HVO_EBLOCK;
	if (!model_is_range(m, va, size, &page) ||
	    !model_all(m, page, size, true))
		return REFUSED;
	if (!model_at_block(m, page)) {
		model_misuse(m, (uintptr_t)va);
		return REFUSED;
	}
	if (!fits_block(m, page))
		return -HVO_EBLOCK;
	for (uint64_t i = page; i < page + size; i++)
		m->table[i].to.block = true;
	model_others_act(m);
	return 0;
}

void hvo_port_flush(struct hvo_port *port, void *va, uint64_t pages)
{
	struct hvo_model *m = begin(port, va);
	uint64_t page;

	if (!model_is_range(m, va, pages, &page))
		return;
	model_tlb_flush(m, page, pages);
	model_others_act(m);
}

bool hvo_port_equal(struct hvo_port *port, void *va, uint64_t pages,
		    struct hvo_run run)
{
	struct hvo_model *m = model_of(port);
	uint64_t page;

	model_enter(m, (uintptr_t)va);
	if (!model_is_range(m, va, pages, &page) ||
	    !model_is_target(m, page, pages, run, HVO_PROT_READ) ||
	    !model_all(m, page, pages, true))
		return false;
	for (uint64_t i = 0; i < pages; i++)
		if (!model_same_bytes(m, m->table[page + i].to.frame,
				      hvo_frame_add(run.first, i % run.count)))
			return false;
	return true;
}
