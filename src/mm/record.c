/* SPDX-License-Identifier: MIT */
/*
 * Where bad pages of an optimized folio are written down. The tails beyond the
 * head's page are shared and read-only, those on it are not: each has in
 * `data` the offset of one bad page + 1, or 0. The head has HVO_PAGE_RECORDS
 * when any is in use. That the head's own page is bad is said by its own
 * HVO_PAGE_POISON.
 */

#include "internal.h"

/* Descriptors on the head's page, whole ones. */
static uint64_t slots(const struct hvo_mm *mm)
{
	return hvo_page_size(&mm->geometry) / sizeof(struct hvo_page);
}

static struct hvo_page *find(const struct hvo_mm *mm, hvo_pfn_t pfn,
			     uint64_t data)
{
	for (uint64_t i = 1; i < slots(mm); i++)
		if (hvo_page_at(mm, pfn + i)->data == data)
			return hvo_page_at(mm, pfn + i);
	return NULL;
}

static bool has_records(const struct hvo_mm *mm, hvo_pfn_t pfn)
{
	return hvo_page_flags(hvo_page_at(mm, pfn)) & HVO_PAGE_RECORDS;
}

/* A slot was emptied: was it the last? */
static void update_head(struct hvo_mm *mm, hvo_pfn_t pfn)
{
	for (uint64_t i = 1; i < slots(mm); i++)
		if (hvo_page_at(mm, pfn + i)->data)
			return;
	hvo_page_unmark(hvo_page_at(mm, pfn), HVO_PAGE_RECORDS);
}

int hvo_record_add(struct hvo_mm *mm, hvo_pfn_t pfn, uint64_t offset,
		   bool *known)
{
	struct hvo_page *slot = find(mm, pfn, offset + 1);

	*known = slot != NULL;
	if (*known)
		return 0;
	slot = find(mm, pfn, 0);
	if (!slot)
		return -HVO_ENOMEM;
	slot->data = offset + 1;
	hvo_page_mark(hvo_page_at(mm, pfn), HVO_PAGE_RECORDS);
	return 0;
}

int hvo_record_drop(struct hvo_mm *mm, hvo_pfn_t pfn, uint64_t offset)
{
	struct hvo_page *slot = find(mm, pfn, offset + 1);

	if (!slot)
		return -HVO_ESTATE;
	slot->data = 0;
	update_head(mm, pfn);
	return 0;
}

bool hvo_record_has(const struct hvo_mm *mm, hvo_pfn_t pfn, uint64_t offset)
{
	return hvo_record_count(mm, pfn, offset, offset + 1);
}

uint64_t hvo_record_count(const struct hvo_mm *mm, hvo_pfn_t pfn,
			  uint64_t first, uint64_t end)
{
	uint64_t count =
	    !first && (hvo_page_flags(hvo_page_at(mm, pfn)) & HVO_PAGE_POISON);

	for (uint64_t i = 1; has_records(mm, pfn) && i < slots(mm); i++) {
		uint64_t data = hvo_page_at(mm, pfn + i)->data;

		count += data > first && data <= end;
	}
	return count;
}

void hvo_record_apply(struct hvo_mm *mm, hvo_pfn_t pfn)
{
	if (!has_records(mm, pfn))
		return;
	for (uint64_t i = 1; i < slots(mm); i++) {
		struct hvo_page *slot = hvo_page_at(mm, pfn + i);

		if (slot->data)
			hvo_page_mark(hvo_page_at(mm, pfn + slot->data - 1),
				      HVO_PAGE_POISON);
		slot->data = 0;
	}
	hvo_page_unmark(hvo_page_at(mm, pfn), HVO_PAGE_RECORDS);
}

void hvo_record_collect(struct hvo_mm *mm, hvo_pfn_t pfn)
{
	bool known;

	/* One slot each is enough, and all were empty. */
	for (uint64_t i = 1; i < slots(mm); i++)
		if (hvo_page_unmark(hvo_page_at(mm, pfn + i), HVO_PAGE_POISON) &
		    HVO_PAGE_POISON)
			hvo_record_add(mm, pfn, i, &known);
}

/* A record of the whole goes to the part that has the page. */
static void move(struct hvo_mm *mm, struct hvo_page *slot, hvo_pfn_t pfn,
		 unsigned to)
{
	uint64_t offset = slot->data - 1;
	hvo_pfn_t part = pfn + (offset >> to << to);
	bool known;

	if (part == pfn)
		return;
	slot->data = 0;
	if (pfn + offset == part)
		hvo_page_mark(hvo_page_at(mm, part), HVO_PAGE_POISON);
	else
		/* As many slots there as here, and all were empty. */
		hvo_record_add(mm, part, pfn + offset - part, &known);
}

void hvo_record_split(struct hvo_mm *mm, hvo_pfn_t pfn, unsigned to)
{
	if (!has_records(mm, pfn))
		return;
	for (uint64_t i = 1; i < slots(mm); i++)
		if (hvo_page_at(mm, pfn + i)->data)
			move(mm, hvo_page_at(mm, pfn + i), pfn, to);
	update_head(mm, pfn);
}
