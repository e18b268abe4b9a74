/* SPDX-License-Identifier: MIT */
/*
 * Is a port call within the contract of port.h? Each function here says no
 * only after it has recorded the violation, and the call is then refused:
 * there is nothing that hardware would do.
 */
#include "model.h"

bool model_misuse(struct hvo_model *m, uintptr_t va)
{
	model_violate(m, HVO_RULE_MISUSE, va);
	return false;
}

/* The range lies in the window; *page is its first. */
bool model_is_range(struct hvo_model *m, const void *va, uint64_t pages,
		    uint64_t *page)
{
	uintptr_t offset = (uintptr_t)va - m->start;

	*page = offset >> m->page_shift;
	if (offset & (model_page_size(m) - 1) || !pages || *page >= m->pages ||
	    pages > m->pages - *page)
		return model_misuse(m, (uintptr_t)va);
	return true;
}

/* So many frames of the run exist as `pages` pages are led to. */
bool model_is_target(struct hvo_model *m, uint64_t page, uint64_t pages,
		     struct hvo_run run, enum hvo_prot prot)
{
	uint64_t used = run.count < pages ? run.count : pages;

	if (!used || run.first.nr >= m->frame_end ||
	    used > m->frame_end - run.first.nr || prot == HVO_PROT_NONE)
		return model_misuse(m, model_va(m, page));
	return true;
}

bool model_all(struct hvo_model *m, uint64_t page, uint64_t pages, bool mapped)
{
	for (uint64_t i = page; i < page + pages; i++)
		if (model_is_mapped(&m->table[i].to) != mapped)
			return model_misuse(m, model_va(m, i));
	return true;
}

/* A block begins at this page. Blocks lie at multiples of their own size. */
bool model_at_block(const struct hvo_model *m, uint64_t page)
{
	uint64_t size = m->port.traits.block_pages;

	return size && (model_va(m, page) >> m->page_shift) % size == 0;
}

bool model_has_block(const struct hvo_model *m, uint64_t page, uint64_t pages)
{
	for (uint64_t i = page; i < page + pages; i++)
		if (m->table[i].to.block)
			return true;
	return false;
}

/* Part of a block cannot be changed: the block must be split first. */
static bool cuts_block(struct hvo_model *m, uint64_t page)
{
	model_violate(
	    m, m->arch == HVO_ARCH_ARM ? HVO_RULE_BBM_BLOCK : HVO_RULE_MISUSE,
	    model_va(m, page));
	return false;
}

bool model_whole_blocks(struct hvo_model *m, uint64_t page, uint64_t pages)
{
	uint64_t end = page + pages;

	if (m->table[page].to.block && !model_at_block(m, page))
		return cuts_block(m, page);
	if (m->table[end - 1].to.block && !model_at_block(m, end))
		return cuts_block(m, end - 1);
	return true;
}

bool model_no_block(struct hvo_model *m, uint64_t page, uint64_t pages)
{
	return !model_has_block(m, page, pages) || cuts_block(m, page);
}

bool model_is_block_run(struct hvo_model *m, uint64_t page, uint64_t pages,
			struct hvo_run run)
{
	uint64_t size = m->port.traits.block_pages;

	if (!model_at_block(m, page) || pages % size || run.first.nr % size ||
	    run.count != pages)
		return model_misuse(m, model_va(m, page));
	return true;
}

/*
 * HVO_MUST is for returning to where a page led earlier in the operation: to
 * one of the last two frames, since no operation moves a page oftener before
 * it turns back.
 */
bool model_is_return(struct hvo_model *m, uint64_t page, uint64_t pages,
		     struct hvo_run run, enum hvo_urgency urgency)
{
	if (urgency != HVO_MUST || m->port.traits.equal_bytes)
		return true;
	for (uint64_t i = 0; i < pages; i++) {
		const struct model_entry *e = &m->table[page + i];
		uint64_t nr = run.first.nr + i % run.count;

		if (nr != e->to.frame.nr && nr != e->was[0].nr &&
		    nr != e->was[1].nr)
			return model_misuse(m, model_va(m, page + i));
	}
	return true;
}
