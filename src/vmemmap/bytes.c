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

/* Store a word that others may be reading, unless it is there already. */
static void store_word(_Atomic uint64_t *word, uint64_t value)
{
	if (atomic_load_explicit(word, memory_order_relaxed) != value)
		atomic_store_explicit(word, value, memory_order_relaxed);
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
	uint64_t index = start / record->size;
	unsigned char *bytes = hvo_port_frame(map->config.port, frame);

	if (!record->fresh)
		return;
	for (uint64_t at = index * record->size; at < start + size;
	     at += record->size, index++) {
		hvo_pfn_t pfn = map->config.pfn_first + index;

		if (at >= start && at + record->size <= start + size) {
			record->fresh(bytes + (at - start), pfn, domain);
			continue;
		}
		/* It straddles: each page takes the part that is its own. */
		uint64_t from = at < start ? start : at;
		uint64_t to = at + record->size < start + size
				  ? at + record->size
				  : start + size;

		make_fresh(map, work, pfn, domain);
		memcpy(bytes + (from - start), work->record + (from - at),
		       to - from);
	}
}

/* Word w of work->record repeated from the start of the folio's page j. */
static size_t pattern_start(const struct hvo_vmemmap *map, uint64_t j,
			    size_t from)
{
	return (j * hvo_page_size(&map->geometry) + from) %
	       map->geometry.record / sizeof(uint64_t);
}

void hvo_write_tails(const struct hvo_vmemmap *map, const struct hvo_work *work,
		     hvo_frame_t frame, uint64_t j, size_t from)
{
	const uint64_t *pattern = (const uint64_t *)work->record;
	size_t period = map->geometry.record / sizeof(uint64_t);
	size_t words = hvo_page_size(&map->geometry) / sizeof(uint64_t);
	_Atomic uint64_t *word = frame_words(map, frame);
	size_t p = pattern_start(map, j, from);

	for (size_t i = from / sizeof(uint64_t); i < words; i++) {
		store_word(&word[i], pattern[p]);
		p = p + 1 < period ? p + 1 : 0;
	}
}

bool hvo_are_tails(const struct hvo_vmemmap *map, const struct hvo_work *work,
		   hvo_frame_t frame, uint64_t j, size_t from)
{
	const uint64_t *pattern = (const uint64_t *)work->record;
	size_t period = map->geometry.record / sizeof(uint64_t);
	size_t words = hvo_page_size(&map->geometry) / sizeof(uint64_t);
	const _Atomic uint64_t *word = frame_words(map, frame);
	size_t p = pattern_start(map, j, from);

	for (size_t i = from / sizeof(uint64_t); i < words; i++) {
		if (atomic_load_explicit(&word[i], memory_order_relaxed) !=
		    pattern[p])
			return false;
		p = p + 1 < period ? p + 1 : 0;
	}
	return true;
}

void hvo_write_head_page(const struct hvo_vmemmap *map, struct hvo_work *work,
			 hvo_frame_t frame, hvo_pfn_t pfn, unsigned order,
			 unsigned domain)
{
	size_t words = map->geometry.record / sizeof(uint64_t);
	_Atomic uint64_t *word = frame_words(map, frame);

	make_fresh(map, work, pfn, domain);
	for (size_t i = 0; i < words; i++)
		store_word(&word[i], ((const uint64_t *)work->record)[i]);
	hvo_make_tail(map, work, order, domain);
	hvo_write_tails(map, work, frame, 0, map->geometry.record);
}

bool hvo_is_head_page(const struct hvo_vmemmap *map, struct hvo_work *work,
		      hvo_frame_t frame, hvo_pfn_t pfn, unsigned order,
		      unsigned domain)
{
	const void *bytes = hvo_port_frame(map->config.port, frame);

	make_fresh(map, work, pfn, domain);
	if (memcmp(bytes, work->record, map->geometry.record))
		return false;
	hvo_make_tail(map, work, order, domain);
	return hvo_are_tails(map, work, frame, 0, map->geometry.record);
}

bool hvo_are_infos(const struct hvo_vmemmap *map, hvo_frame_t frame,
		   unsigned order)
{
	size_t record = map->geometry.record;
	uint64_t size = hvo_page_size(&map->geometry);
	uint64_t info = hvo_compound_info(record, order);
	const _Atomic uint64_t *word = frame_words(map, frame);

	for (size_t at = record + map->config.record.info_offset; at < size;
	     at += record)
		if (atomic_load_explicit(&word[at / sizeof(uint64_t)],
					 memory_order_relaxed) != info)
			return false;
	return true;
}

void hvo_write_infos(const struct hvo_vmemmap *map, hvo_frame_t frame,
		     unsigned order)
{
	size_t record = map->geometry.record;
	uint64_t size = hvo_page_size(&map->geometry);
	uint64_t info = hvo_compound_info(record, order);
	_Atomic uint64_t *word = frame_words(map, frame);

	for (size_t at = record + map->config.record.info_offset; at < size;
	     at += record)
		store_word(&word[at / sizeof(uint64_t)], info);
}
