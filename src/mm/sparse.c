/* SPDX-License-Identifier: MIT */
/*
 * The tables of sections. Bits are set and cleared atomically, since
 * subsections of one section may come and go on several CPUs at once.
 */

#include "hvo/sparse.h"
#include "hvo/error.h"
#include "internal.h"

static unsigned section_order(const struct hvo_geometry *g)
{
	return hvo_subsection_order(g) + 6;
}

static uint64_t section_count(const struct hvo_geometry *g, hvo_pfn_t first,
			      hvo_pfn_t end)
{
	return ((end - 1) >> section_order(g)) - (first >> section_order(g)) +
	       1;
}

size_t hvo_sparse_size(const struct hvo_geometry *g, hvo_pfn_t pfn_first,
		       hvo_pfn_t pfn_end)
{
	return section_count(g, pfn_first, pfn_end) *
	       sizeof(struct hvo_section);
}

int hvo_sparse_init(struct hvo_sparse *sparse, void *memory,
		    const struct hvo_geometry *g, hvo_pfn_t pfn_first,
		    hvo_pfn_t pfn_end)
{
	unsigned order = hvo_subsection_order(g);

	if ((pfn_first | pfn_end) & (hvo_pages(order) - 1))
		return -HVO_EALIGN;
	if (pfn_first >= pfn_end)
		return -HVO_ERANGE;
	*sparse = (struct hvo_sparse){
	    .pfn_first = pfn_first,
	    .pfn_end = pfn_end,
	    .first_section = pfn_first >> section_order(g),
	    .sections = section_count(g, pfn_first, pfn_end),
	    .subsection_order = order,
	    .section = memory,
	};
	memset(memory, 0, hvo_sparse_size(g, pfn_first, pfn_end));
	return 0;
}

int hvo_sparse_validate(const struct hvo_sparse *sparse, hvo_pfn_t pfn,
			uint64_t count)
{
	if ((pfn | count) & (hvo_pages(sparse->subsection_order) - 1))
		return -HVO_EALIGN;
	if (!count || pfn < sparse->pfn_first || pfn >= sparse->pfn_end ||
	    count > sparse->pfn_end - pfn)
		return -HVO_ERANGE;
	return 0;
}

/* Of all subsections that a range touches, is one (not) there? */
static bool any(const struct hvo_sparse *sparse, hvo_pfn_t pfn, uint64_t count,
		bool (*test)(const struct hvo_sparse *, hvo_pfn_t), bool value)
{
	uint64_t step = hvo_pages(sparse->subsection_order);
	hvo_pfn_t end = pfn + count;

	for (pfn &= ~(step - 1); pfn < end; pfn += step)
		if (test(sparse, pfn) == value)
			return true;
	return false;
}

bool hvo_sparse_any_online(const struct hvo_sparse *sparse, hvo_pfn_t pfn,
			   uint64_t count, bool online)
{
	return any(sparse, pfn, count, hvo_sparse_online, online);
}

static void set_bit(_Atomic uint64_t *bits, unsigned index, bool value)
{
	uint64_t bit = UINT64_C(1) << index;

	if (value)
		atomic_fetch_or_explicit(bits, bit, memory_order_release);
	else
		atomic_fetch_and_explicit(bits, ~bit, memory_order_release);
}

int hvo_sparse_add(struct hvo_sparse *sparse, hvo_pfn_t pfn, uint64_t count,
		   unsigned domain, unsigned order)
{
	int err = hvo_sparse_validate(sparse, pfn, count);
	hvo_pfn_t end = pfn + count;
	unsigned index = 0;

	if (err)
		return err;
	if (any(sparse, pfn, count, hvo_sparse_present, true))
		return -HVO_EEXIST;
	for (; pfn < end; pfn += hvo_pages(sparse->subsection_order)) {
		struct hvo_section *s = hvo_sparse_section(sparse, pfn, &index);

		atomic_store_explicit(&s->domain[index], (uint8_t)domain,
				      memory_order_relaxed);
		atomic_store_explicit(&s->order[index], (uint8_t)order,
				      memory_order_relaxed);
		set_bit(&s->present, index, true);
	}
	return 0;
}

static void set_present(struct hvo_sparse *sparse, hvo_pfn_t pfn,
			uint64_t count, bool present)
{
	hvo_pfn_t end = pfn + count;
	unsigned index = 0;

	for (; pfn < end; pfn += hvo_pages(sparse->subsection_order)) {
		struct hvo_section *s = hvo_sparse_section(sparse, pfn, &index);

		set_bit(&s->present, index, present);
	}
}

int hvo_sparse_remove(struct hvo_sparse *sparse, hvo_pfn_t pfn, uint64_t count)
{
	int err = hvo_sparse_validate(sparse, pfn, count);

	if (err)
		return err;
	if (any(sparse, pfn, count, hvo_sparse_present, false))
		return -HVO_EABSENT;
	if (hvo_sparse_any_online(sparse, pfn, count, true))
		return -HVO_EBUSY;
	set_present(sparse, pfn, count, false);
	return 0;
}

void hvo_sparse_readd(struct hvo_sparse *sparse, hvo_pfn_t pfn, uint64_t count)
{
	set_present(sparse, pfn, count, true);
}

int hvo_sparse_set_online(struct hvo_sparse *sparse, hvo_pfn_t pfn,
			  uint64_t count, bool online)
{
	int err = hvo_sparse_validate(sparse, pfn, count);
	hvo_pfn_t end = pfn + count;
	unsigned index = 0;

	if (err)
		return err;
	if (any(sparse, pfn, count, hvo_sparse_present, false))
		return -HVO_EABSENT;
	for (; pfn < end; pfn += hvo_pages(sparse->subsection_order)) {
		struct hvo_section *s = hvo_sparse_section(sparse, pfn, &index);

		set_bit(&s->online, index, online);
	}
	return 0;
}

static struct hvo_sparse_span look(const struct hvo_sparse *sparse,
				   hvo_pfn_t pfn)
{
	struct hvo_sparse_span span = {.pfn = pfn};
	unsigned index;
	const struct hvo_section *s = hvo_sparse_section(sparse, pfn, &index);

	if (!s || !hvo_sparse_present(sparse, pfn))
		return span;
	span.present = true;
	span.online = hvo_sparse_online(sparse, pfn);
	span.domain =
	    atomic_load_explicit(&s->domain[index], memory_order_relaxed);
	span.order =
	    atomic_load_explicit(&s->order[index], memory_order_relaxed);
	return span;
}

bool hvo_sparse_span(const struct hvo_sparse *sparse, hvo_pfn_t pfn,
		     struct hvo_sparse_span *span)
{
	uint64_t step = hvo_pages(sparse->subsection_order);

	if (pfn < sparse->pfn_first || pfn >= sparse->pfn_end || pfn % step)
		return false;
	*span = look(sparse, pfn);
	for (span->count = step; pfn + span->count < sparse->pfn_end;
	     span->count += step) {
		struct hvo_sparse_span next = look(sparse, pfn + span->count);

		if (next.present != span->present ||
		    next.online != span->online ||
		    next.domain != span->domain || next.order != span->order)
			break;
	}
	return true;
}
