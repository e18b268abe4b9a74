/* SPDX-License-Identifier: MIT */
/*
 * What descriptors hold: fresh records and tails, written into frames.
 *
 * Records may straddle pages; a page is therefore filled from a pattern, one
 * record repeated, at the phase that the page has in its folio. Frames that
 * readers can reach are written in whole words, and a word never straddles a
 * page, since records and their offsets are multiples of 8.
 */

#include "hvo/mem.h"
#include "engine.h"

static _Atomic uint64_t *frame_words(const struct hvo_vmemmap *map,
				     hvo_frame_t frame)
{
	return hvo_port_frame(map->config.port, frame);
}

/*
 * Does a word that others may be reading hold the value? When writing it does
 * afterwards, and is not written to if it has it already.
 */
static bool word_is(_Atomic uint64_t *word, uint64_t value,
		    enum hvo_doing doing)
{
	if (atomic_load_explicit(word, memory_order_relaxed) == value)
		return true;
	if (doing == HVO_COMPARE)
		return false;
	atomic_store_explicit(word, value, memory_order_relaxed);
	return true;
}

void hvo_make_tail(const struct hvo_vmemmap *map, struct hvo_work *work,
		   unsigned order, unsigned domain)
{
	const struct hvo_record *record = &map->config.record;
	uint64_t info = hvo_compound_info(record->size, order);

	memset(work->record, 0, record->size);
	if (record->tail)
		record->tail(work->record, order, domain);
	memcpy(work->record + record->info_offset, &info, sizeof(info));
}

static void make_fresh(const struct hvo_vmemmap *map, struct hvo_work *work,
		       hvo_pfn_t pfn, unsigned domain)
{
	memset(work->record, 0, map->config.record.size);
	if (map->config.record.fresh)
		map->config.record.fresh(work->record, pfn, domain);
}

void hvo_write_fresh(const struct hvo_vmemmap *map, struct hvo_work *work,
		     uint64_t page, hvo_frame_t frame, unsigned domain)
{
	const struct hvo_record *record = &map->config.record;
	uint64_t size = hvo_page_size(&map->geometry);
	uint64_t start = page * size; /* bytes from the window's start */
	uint64_t end = start + size;
	uint64_t index = start / record->size;
	unsigned char *bytes = hvo_port_frame(map->config.port, frame);

	if (!record->fresh)
		return;
	for (uint64_t at = index * record->size; at < end;
	     at += record->size, index++) {
		hvo_pfn_t pfn = map->config.pfn_first + index;
		uint64_t from = at < start ? start : at;
		uint64_t to = at + record->size < end ? at + record->size : end;

		if (to - from == record->size) {
			record->fresh(bytes + (at - start), pfn, domain);
			continue;
		}
		/* It straddles: each page takes the part that is its own. */
		make_fresh(map, work, pfn, domain);
		memcpy(bytes + (from - start), work->record + (from - at),
		       to - from);
	}
}

bool hvo_tail_bytes(const struct hvo_vmemmap *map, const struct hvo_work *work,
		    hvo_frame_t frame, uint64_t j, size_t from,
		    enum hvo_doing doing)
{
	const uint64_t *pattern = (const uint64_t *)work->record;
	uint64_t size = hvo_page_size(&map->geometry);
	size_t period = map->geometry.record / sizeof(uint64_t);
	size_t words = size / sizeof(uint64_t);
	_Atomic uint64_t *word = frame_words(map, frame);
	size_t i = from / sizeof(uint64_t);
	size_t p = (j * words + i) % period;

	for (; i < words; i++) {
		if (!word_is(&word[i], pattern[p], doing))
			return false;
		p = p + 1 < period ? p + 1 : 0;
	}
	return true;
}

bool hvo_head_bytes(const struct hvo_vmemmap *map, struct hvo_work *work,
		    hvo_frame_t frame, hvo_pfn_t pfn, unsigned order,
		    unsigned domain, enum hvo_doing doing)
{
	const uint64_t *head = (const uint64_t *)work->record;
	_Atomic uint64_t *word = frame_words(map, frame);

	make_fresh(map, work, pfn, domain);
	for (size_t i = 0; i < map->geometry.record / sizeof(uint64_t); i++)
		if (!word_is(&word[i], head[i], doing))
			return false;
	hvo_make_tail(map, work, order, domain);
	return hvo_tail_bytes(map, work, frame, 0, map->geometry.record, doing);
}

bool hvo_info_words(const struct hvo_vmemmap *map, hvo_frame_t frame,
		    unsigned order, enum hvo_doing doing)
{
	size_t record = map->geometry.record;
	uint64_t size = hvo_page_size(&map->geometry);
	uint64_t info = hvo_compound_info(record, order);
	_Atomic uint64_t *word = frame_words(map, frame);

	for (size_t at = record + map->config.record.info_offset; at < size;
	     at += record)
		if (!word_is(&word[at / sizeof(uint64_t)], info, doing))
			return false;
	return true;
}
