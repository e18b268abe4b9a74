/* SPDX-License-Identifier: MIT */
/*
 * The reference: see engine_ref.h. Slow on purpose; where a loop over pfns
 * says it, nothing cleverer does.
 */
#include "engine_ref.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char complaint[512];

/* ---- calls ------------------------------------------------------------- */

const char *op_name(enum op_kind kind)
{
	static const char *const names[OP_KINDS] = {
	    [OP_POPULATE] = "populate",
	    [OP_POPULATE_OPTIMIZED] = "populate_optimized",
	    [OP_DEPOPULATE] = "depopulate",
	    [OP_PREPARE] = "prepare",
	    [OP_OPTIMIZE] = "optimize",
	    [OP_RESTORE] = "restore",
	    [OP_SPLIT] = "split",
	    [OP_JOIN] = "join",
	};

	return names[kind];
}

bool op_bulk(enum op_kind kind)
{
	return kind >= OP_OPTIMIZE;
}

static int run_range(struct engine *e, const struct op *op,
		     struct hvo_work *work, uint64_t *done)
{
	hvo_pfn_t pfn = op->pfns[0];

	switch (op->kind) {
	case OP_POPULATE_OPTIMIZED:
		return hvo_vmemmap_populate_optimized(
		    e->map, pfn, op->count, op->order, op->domain, work, done);
	case OP_DEPOPULATE:
		return hvo_vmemmap_depopulate(e->map, pfn, op->count, work,
					      done);
	default:
		break;
	}
	int error = op->kind == OP_PREPARE
			? hvo_vmemmap_prepare(e->map, pfn, op->order, work)
			: hvo_vmemmap_populate(e->map, pfn, op->count,
					       op->domain, op->blocks, work);

	*done = error ? 0 : op->count;
	return error;
}

static int run_bulk(struct engine *e, const struct op *op,
		    struct hvo_work *work, size_t *done)
{
	const hvo_pfn_t *pfns = op->pfns;
	size_t n = (size_t)op->count;

	switch (op->kind) {
	case OP_OPTIMIZE:
		return hvo_vmemmap_optimize(e->map, pfns, n, op->order,
					    op->flags, work, done);
	case OP_RESTORE:
		return hvo_vmemmap_restore(e->map, pfns, n, op->order,
					   op->flags, work, done);
	case OP_SPLIT:
		return hvo_vmemmap_split(e->map, pfns, n, op->order, op->to,
					 work, done);
	default:
		return hvo_vmemmap_join(e->map, pfns, n, op->order, op->to,
					work, done);
	}
}

int op_run(struct engine *e, const struct op *op, uint64_t *done)
{
	struct hvo_work work = e->work;
	size_t folios = SIZE_MAX;
	int error;

	if (op->capacity && op->capacity < work.capacity)
		work.capacity = op->capacity;
	*done = UINT64_MAX;
	if (!op_bulk(op->kind))
		return run_range(e, op, &work, done);
	error = run_bulk(e, op, &work, &folios);
	*done = folios;
	/* Frames are filled before the port can refuse to map them. */
	if (op->kind == OP_RESTORE && op->flags & HVO_SELF_HOST &&
	    (!error || engine_failed(e)))
		e->hosted = true;
	return error;
}

/* ---- numbers ----------------------------------------------------------- */

static void find_orders(struct ref *ref, unsigned page_shift)
{
	uint64_t size = ref->record.size;
	uint64_t page = ref->page_size;

	while ((size << ref->unit_order) % page)
		ref->unit_order++;
	ref->min_order = ref->unit_order;
	while ((size << ref->min_order) < 2 * page)
		ref->min_order++;
	ref->max_order = 34 - page_shift;
	ref->group = 1;
	while (ref->group * page % size)
		ref->group++;
}

struct ref *ref_open(const struct engine *e)
{
	struct ref *ref = calloc(1, sizeof(*ref));
	uint64_t pfns = e->config.pfn_end - e->config.pfn_first;

	if (!ref)
		abort();
	ref->e = e;
	ref->record = e->config.record;
	ref->page_size = UINT64_C(1) << e->config.page_shift;
	ref->window = hvo_port_traits(e->config.port)->window_pages;
	ref->first = e->config.pfn_first;
	ref->end = e->config.pfn_end;
	find_orders(ref, e->config.page_shift);
	ref->pfns = calloc(pfns, sizeof(*ref->pfns));
	ref->bytes = calloc(pfns, ref->record.size);
	ref->host = calloc(engine_pages(e), sizeof(*ref->host));
	if (!ref->pfns || !ref->bytes || !ref->host)
		abort();
	return ref;
}

void ref_close(struct ref *ref)
{
	free(ref->pfns);
	free(ref->bytes);
	free(ref->host);
	free(ref);
}

struct ref_pfn *ref_pfn(const struct ref *ref, hvo_pfn_t pfn)
{
	return &ref->pfns[pfn - ref->first];
}

bool ref_valid(const struct ref *ref, hvo_pfn_t pfn)
{
	return pfn >= ref->first && pfn < ref->end &&
	       ref_pfn(ref, pfn)->state != HVO_ABSENT;
}

uint64_t ref_folio_pages(const struct ref *ref, unsigned order)
{
	return ((uint64_t)ref->record.size << order) / ref->page_size;
}

uint64_t ref_tails_pages(const struct ref *ref, unsigned order)
{
	uint64_t tails = ref_folio_pages(ref, order) - 1;
	uint64_t most = ref->group;

	while (most + ref->group <= ref->window)
		most += ref->group;
	return tails <= ref->window || tails < most ? tails : most;
}

/* Bytes from the window's start; the vmemmap page there. */
static uint64_t place(const struct ref *ref, hvo_pfn_t pfn, size_t offset)
{
	return (pfn - ref->first) * ref->record.size + offset;
}

static uint64_t page_at(const struct ref *ref, hvo_pfn_t pfn, size_t offset)
{
	return place(ref, pfn, offset) / ref->page_size;
}

static hvo_pfn_t head_of(hvo_pfn_t pfn, unsigned order)
{
	return pfn - pfn % (UINT64_C(1) << order);
}

bool ref_writable(const struct ref *ref, hvo_pfn_t pfn, size_t offset)
{
	const struct ref_pfn *p = ref_pfn(ref, pfn);

	if (p->state != HVO_OPTIMIZED)
		return p->state == HVO_FULL;
	return page_at(ref, pfn, offset) ==
	       page_at(ref, head_of(pfn, p->order), 0);
}

uint64_t ref_word(const struct ref *ref, hvo_pfn_t pfn, size_t offset)
{
	uint64_t word;

	memcpy(&word, ref->bytes + place(ref, pfn, offset), sizeof(word));
	return word;
}

void ref_store(struct ref *ref, hvo_pfn_t pfn, size_t offset, uint64_t word)
{
	memcpy(ref->bytes + place(ref, pfn, offset), &word, sizeof(word));
}

/* A vmemmap page has a frame of its own: some record in it is writable. */
static bool page_owned(const struct ref *ref, uint64_t page)
{
	uint64_t at = page * ref->page_size;

	return ref_writable(ref, ref->first + at / ref->record.size,
			    at % ref->record.size);
}

uint64_t ref_frames(const struct ref *ref)
{
	uint64_t frames = 0;

	for (uint64_t page = 0; page < engine_pages(ref->e); page++)
		frames += page_owned(ref, page) && !ref->host[page];
	for (unsigned domain = 0; domain < HVO_DOMAINS_MAX; domain++)
		for (unsigned order = 0; order < 64; order++)
			if (ref->shared[domain][order])
				frames += ref_tails_pages(ref, order);
	return frames;
}

/* ---- what records hold ------------------------------------------------- */

static uint64_t info_word(const struct ref *ref, unsigned order)
{
	uint64_t size = ref->record.size;

	if (size & (size - 1))
		return 2 * (uint64_t)order + 1;
	return (UINT64_MAX - (size << order) + 1) | 1;
}

static void make_fresh(const struct ref *ref, hvo_pfn_t pfn, unsigned domain,
		       uint64_t *record)
{
	memset(record, 0, ref->record.size);
	if (ref->record.fresh)
		ref->record.fresh(record, pfn, domain);
}

static void make_tail(const struct ref *ref, unsigned order, unsigned domain,
		      uint64_t *record)
{
	memset(record, 0, ref->record.size);
	if (ref->record.tail)
		ref->record.tail(record, order, domain);
	record[ref->record.info_offset / 8] = info_word(ref, order);
}

static void put(struct ref *ref, hvo_pfn_t pfn, const uint64_t *record)
{
	memcpy(ref->bytes + place(ref, pfn, 0), record, ref->record.size);
}

static void put_fresh(struct ref *ref, hvo_pfn_t pfn, unsigned domain)
{
	uint64_t record[HVO_RECORD_MAX / 8];

	make_fresh(ref, pfn, domain, record);
	put(ref, pfn, record);
}

static void put_tails(struct ref *ref, hvo_pfn_t head, unsigned order)
{
	uint64_t record[HVO_RECORD_MAX / 8];
	hvo_pfn_t end = head + (UINT64_C(1) << order);

	make_tail(ref, order, ref_pfn(ref, head)->domain, record);
	for (hvo_pfn_t pfn = head + 1; pfn < end; pfn++)
		put(ref, pfn, record);
}

/*
 * The tails of what is a folio of that order now: those in its first page
 * keep all but the info, all others are the shared ones.
 */
static void lead_tails(struct ref *ref, hvo_pfn_t head, unsigned order)
{
	uint64_t record[HVO_RECORD_MAX / 8];
	hvo_pfn_t end = head + (UINT64_C(1) << order);
	uint64_t first = page_at(ref, head, 0);

	make_tail(ref, order, ref_pfn(ref, head)->domain, record);
	for (hvo_pfn_t pfn = head + 1; pfn < end; pfn++)
		for (size_t at = 0; at < ref->record.size; at += 8)
			if (page_at(ref, pfn, at) != first ||
			    at == ref->record.info_offset)
				ref_store(ref, pfn, at, record[at / 8]);
}

/*
 * What of a folio's range is not as a folio of that order would have it: its
 * head as a fresh record, the tails in its first vmemmap page, those after.
 */
enum { ODD_HEAD = 1, ODD_NEAR = 2, ODD_NEAR_INFO = 4, ODD_FAR = 8 };

static unsigned odd_parts(const struct ref *ref, hvo_pfn_t head, unsigned order)
{
	uint64_t record[HVO_RECORD_MAX / 8];
	unsigned domain = ref_pfn(ref, head)->domain;
	hvo_pfn_t end = head + (UINT64_C(1) << order);
	unsigned odd = 0;

	make_fresh(ref, head, domain, record);
	if (memcmp(ref->bytes + place(ref, head, 0), record, ref->record.size))
		odd |= ODD_HEAD;
	make_tail(ref, order, domain, record);
	for (hvo_pfn_t pfn = head + 1; pfn < end; pfn++)
		for (size_t at = 0; at < ref->record.size; at += 8)
			if (ref_word(ref, pfn, at) == record[at / 8])
				continue;
			else if (page_at(ref, pfn, at) != page_at(ref, head, 0))
				odd |= ODD_FAR;
			else if (at == ref->record.info_offset)
				odd |= ODD_NEAR_INFO;
			else
				odd |= ODD_NEAR;
	return odd;
}

/* ---- what a call may answer -------------------------------------------- */

static bool optimizable(const struct ref *ref, unsigned order)
{
	return order >= ref->min_order && order <= ref->max_order;
}

static uint64_t place_errors(const struct ref *ref, hvo_pfn_t pfn,
			     uint64_t count, unsigned order)
{
	uint64_t mask = (UINT64_C(1) << order) - 1;
	uint64_t errors = 0;

	if ((pfn & mask) || (count & mask))
		errors |= REF_BIT(HVO_EALIGN);
	if (!count || pfn + count < pfn || pfn < ref->first ||
	    pfn + count > ref->end)
		errors |= REF_BIT(HVO_ERANGE);
	return errors;
}

/* A range must be `state` (at that order), all of it, in one domain. */
static uint64_t state_errors(const struct ref *ref, hvo_pfn_t first,
			     uint64_t count, unsigned state, unsigned order)
{
	uint64_t errors = 0;

	for (hvo_pfn_t pfn = first; pfn < first + count; pfn++) {
		const struct ref_pfn *p = ref_pfn(ref, pfn);

		if (p->state == HVO_ABSENT)
			errors |= REF_BIT(HVO_EABSENT);
		else if (p->state != state ||
			 (state == HVO_OPTIMIZED && p->order != order))
			errors |= REF_BIT(HVO_ESTATE);
		if (p->domain != ref_pfn(ref, first)->domain)
			errors |= REF_BIT(HVO_EDOMAIN);
	}
	return errors;
}

static uint64_t order_errors(const struct ref *ref, const struct op *op)
{
	bool fine = op->kind == OP_POPULATE || op->kind == OP_DEPOPULATE ||
		    optimizable(ref, op->order);

	if (op->kind == OP_SPLIT)
		fine = fine && op->to < op->order && optimizable(ref, op->to);
	if (op->kind == OP_JOIN)
		fine = fine && op->to > op->order && optimizable(ref, op->to);
	return fine ? 0 : REF_BIT(HVO_EORDER);
}

/* The order of the folios that a bulk call is given, or makes. */
static unsigned whole_order(const struct op *op)
{
	return op->kind == OP_JOIN ? op->to : op->order;
}

static bool join_dirty(const struct ref *ref, hvo_pfn_t pfn,
		       const struct op *op)
{
	uint64_t step = UINT64_C(1) << op->order;

	for (hvo_pfn_t head = pfn + step; head < pfn + (UINT64_C(1) << op->to);
	     head += step)
		if (odd_parts(ref, head, op->order))
			return true;
	return false;
}

static uint64_t folio_errors(const struct ref *ref, const struct op *op,
			     hvo_pfn_t pfn)
{
	unsigned order = whole_order(op);
	uint64_t count = UINT64_C(1) << order;
	uint64_t errors = place_errors(ref, pfn, count, order);

	if (errors)
		return errors;
	errors |= state_errors(
	    ref, pfn, count, op->kind == OP_OPTIMIZE ? HVO_FULL : HVO_OPTIMIZED,
	    op->order);
	if (errors)
		return errors;
	/* The first page keeps its frame, which must not be on loan. */
	if (op->kind == OP_OPTIMIZE && ref->host[page_at(ref, pfn, 0)])
		errors |= REF_BIT(HVO_ESTATE);
	/* Data in the tails beside the head stays there; their way to it
	 * must be right. */
	if (op->kind == OP_OPTIMIZE && !(op->flags & HVO_PREPARED) &&
	    (odd_parts(ref, pfn, order) & (ODD_FAR | ODD_NEAR_INFO)))
		errors |= REF_BIT(HVO_EDIRTY);
	if (op->kind == OP_JOIN && join_dirty(ref, pfn, op))
		errors |= REF_BIT(HVO_EDIRTY);
	return errors;
}

static bool overlaps_earlier(const struct op *op, uint64_t i)
{
	uint64_t count = UINT64_C(1) << whole_order(op);

	for (uint64_t j = 0; j < i; j++)
		if (op->pfns[j] / count == op->pfns[i] / count)
			return true;
	return false;
}

static uint64_t bulk_errors(const struct ref *ref, const struct op *op,
			    uint64_t *good)
{
	uint64_t errors = 0;

	*good = op->count;
	for (uint64_t i = 0; i < op->count; i++) {
		uint64_t one = folio_errors(ref, op, op->pfns[i]);

		if (overlaps_earlier(op, i))
			one |= REF_BIT(HVO_EBUSY) | REF_BIT(HVO_ESTATE);
		if (one && *good == op->count)
			*good = i;
		errors |= one;
	}
	return errors;
}

static uint64_t populate_errors(const struct ref *ref, const struct op *op,
				uint64_t *good)
{
	uint64_t errors = 0;

	*good = 0;
	if (op->domain >= ref->e->config.domains)
		return REF_BIT(HVO_EDOMAIN);
	for (uint64_t i = 0; i < op->count && !errors; i++)
		if (ref_pfn(ref, op->pfns[0] + i)->state != HVO_ABSENT)
			errors = REF_BIT(HVO_EEXIST);
		else
			*good = i + 1;
	return errors;
}

static uint64_t depopulate_errors(const struct ref *ref, const struct op *op,
				  uint64_t *good)
{
	hvo_pfn_t end = op->pfns[0] + op->count;
	uint64_t errors = 0;

	*good = 0;
	for (hvo_pfn_t pfn = op->pfns[0]; pfn < end; pfn++) {
		const struct ref_pfn *p = ref_pfn(ref, pfn);
		hvo_pfn_t head = head_of(pfn, p->order);

		if (p->state == HVO_ABSENT)
			errors |= REF_BIT(HVO_EABSENT);
		if (p->state == HVO_OPTIMIZED &&
		    (head < op->pfns[0] ||
		     head + (UINT64_C(1) << p->order) > end))
			errors |= REF_BIT(HVO_ESTATE);
		if (!errors)
			*good = pfn + 1 - op->pfns[0];
	}
	return errors;
}

/* What may also be wrong with a range in which something is. */
static uint64_t range_errors(const struct ref *ref, const struct op *op,
			     uint64_t *good)
{
	unsigned order =
	    op->kind == OP_POPULATE_OPTIMIZED || op->kind == OP_PREPARE
		? op->order
		: ref->unit_order;
	uint64_t errors = place_errors(ref, op->pfns[0], op->count, order);

	*good = 0;
	if (op->domain >= ref->e->config.domains &&
	    (op->kind == OP_POPULATE || op->kind == OP_POPULATE_OPTIMIZED))
		errors |= REF_BIT(HVO_EDOMAIN);
	if (errors)
		return errors;
	if (op->kind == OP_PREPARE)
		return state_errors(ref, op->pfns[0], op->count, HVO_FULL, 0);
	if (op->kind == OP_DEPOPULATE)
		return depopulate_errors(ref, op, good);
	return populate_errors(ref, op, good);
}

uint64_t ref_errors(const struct ref *ref, const struct op *op, uint64_t *good)
{
	uint64_t errors = order_errors(ref, op);

	*good = 0;
	/* With a wrong order nothing else can be told, or needs to be. */
	if (errors)
		return errors | REF_BIT(HVO_ERANGE) | REF_BIT(HVO_EALIGN) |
		       REF_BIT(HVO_EDOMAIN) | REF_BIT(HVO_ENOHOST);
	if (op->kind == OP_RESTORE && (op->flags & HVO_SELF_HOST) &&
	    ref->e->config.described.nr == HVO_NO_FRAME.nr)
		return REF_BIT(HVO_ENOHOST);
	if (op_bulk(op->kind))
		return bulk_errors(ref, op, good);
	return range_errors(ref, op, good);
}

bool ref_host_taken(const struct ref *ref, hvo_pfn_t pfn, unsigned order)
{
	hvo_pfn_t end = pfn + (UINT64_C(1) << order);

	for (hvo_pfn_t p = end - (ref_folio_pages(ref, order) - 1); p < end;
	     p++)
		if (ref_pfn(ref, p)->hosting)
			return true;
	return false;
}

/* ---- what a call does --------------------------------------------------- */

static void set_state(struct ref *ref, hvo_pfn_t first, uint64_t count,
		      unsigned state, unsigned order, unsigned domain)
{
	for (hvo_pfn_t pfn = first; pfn < first + count; pfn++) {
		struct ref_pfn *p = ref_pfn(ref, pfn);

		p->state = (uint8_t)state;
		p->order = (uint8_t)order;
		p->domain = (uint8_t)domain;
	}
}

/* Pages that have no frame of their own any more have no host either. */
static void unhost(struct ref *ref)
{
	for (uint64_t page = 0; page < engine_pages(ref->e); page++)
		if (ref->host[page] && !page_owned(ref, page)) {
			ref_pfn(ref, ref->host[page] - 1)->hosting = false;
			ref->host[page] = 0;
		}
}

/* A folio's last base pages become the frames of its pages 1, 2, ... */
static void self_host(struct ref *ref, hvo_pfn_t pfn, unsigned order)
{
	uint64_t pages = ref_folio_pages(ref, order);
	hvo_pfn_t base = pfn + (UINT64_C(1) << order) - pages;
	uint64_t page = page_at(ref, pfn, 0);

	for (uint64_t j = 1; j < pages; j++) {
		ref->host[page + j] = base + j + 1;
		ref_pfn(ref, base + j)->hosting = true;
	}
}

static void apply_populate(struct ref *ref, const struct op *op, uint64_t done)
{
	for (uint64_t i = 0; i < done; i++)
		put_fresh(ref, op->pfns[0] + i, op->domain);
	if (op->kind == OP_POPULATE) {
		set_state(ref, op->pfns[0], done, HVO_FULL, 0, op->domain);
		return;
	}
	set_state(ref, op->pfns[0], done, HVO_OPTIMIZED, op->order, op->domain);
	for (uint64_t i = 0; i < done; i += UINT64_C(1) << op->order)
		put_tails(ref, op->pfns[0] + i, op->order);
	if (done)
		ref->shared[op->domain][op->order] = true;
}

static void apply_split(struct ref *ref, const struct op *op, hvo_pfn_t pfn,
			unsigned domain)
{
	hvo_pfn_t end = pfn + (UINT64_C(1) << op->order);
	uint64_t step = UINT64_C(1) << op->to;

	set_state(ref, pfn, end - pfn, HVO_OPTIMIZED, op->to, domain);
	lead_tails(ref, pfn, op->to);
	for (hvo_pfn_t head = pfn + step; head < end; head += step) {
		put_fresh(ref, head, domain);
		put_tails(ref, head, op->to);
	}
	ref->shared[domain][op->to] = true;
}

static void apply_folio(struct ref *ref, const struct op *op, hvo_pfn_t pfn)
{
	uint64_t count = UINT64_C(1) << whole_order(op);
	unsigned domain = ref_pfn(ref, pfn)->domain;

	switch (op->kind) {
	case OP_OPTIMIZE:
		ref->shared[domain][op->order] = true;
		set_state(ref, pfn, count, HVO_OPTIMIZED, op->order, domain);
		break;
	case OP_RESTORE:
		set_state(ref, pfn, count, HVO_FULL, 0, domain);
		if (op->flags & HVO_SELF_HOST)
			self_host(ref, pfn, op->order);
		break;
	case OP_SPLIT:
		apply_split(ref, op, pfn, domain);
		break;
	default:
		ref->shared[domain][op->to] = true;
		set_state(ref, pfn, count, HVO_OPTIMIZED, op->to, domain);
		lead_tails(ref, pfn, op->to);
	}
}

void ref_apply(struct ref *ref, const struct op *op, uint64_t done)
{
	if (op_bulk(op->kind))
		for (uint64_t i = 0; i < done; i++)
			apply_folio(ref, op, op->pfns[i]);
	else if (op->kind == OP_PREPARE && done)
		put_tails(ref, op->pfns[0], op->order);
	else if (op->kind == OP_DEPOPULATE)
		set_state(ref, op->pfns[0], done, HVO_ABSENT, 0, 0);
	else if (op->kind != OP_PREPARE)
		apply_populate(ref, op, done);
	unhost(ref);
}

/* The workspace is smaller than the call could need, so may say so. */
static bool tight(const struct ref *ref, const struct op *op)
{
	uint64_t pages = engine_pages(ref->e);

	if (op_bulk(op->kind) && optimizable(ref, whole_order(op)))
		pages = 2 * ref_folio_pages(ref, whole_order(op));
	return op->capacity && op->capacity < pages;
}

static const char *answer(const struct op *op, const char *what, int error,
			  uint64_t done, uint64_t errors)
{
	snprintf(complaint, sizeof(complaint),
		 "%s(pfn %#" PRIx64 " count %" PRIu64
		 " order %u to %u domain %u flags %u capacity %zu): "
		 "%s: %s, done %" PRIu64 ", may be %#" PRIx64,
		 op_name(op->kind), op->pfns[0], op->count, op->order, op->to,
		 op->domain, op->flags, op->capacity, what, hvo_strerror(error),
		 done, errors);
	return complaint;
}

const char *ref_run(struct ref *ref, struct engine *e, const struct op *op,
		    int *error)
{
	uint64_t good;
	uint64_t errors = ref_errors(ref, op, &good);
	uint64_t done;
	bool must = errors;

	*error = op_run(e, op, &done);
	if (engine_failed(e))
		errors |= REF_BIT(HVO_ENOMEM) | REF_BIT(HVO_EMAPPINGS);
	if (tight(ref, op))
		errors |= REF_BIT(HVO_EWORK);
	if (*error > 0 || *error <= -HVO_ERRORS)
		return answer(op, "no error code", *error, done, errors);
	if (*error && !(errors & REF_BIT(-*error)))
		return answer(op, "wrong error", *error, done, errors);
	if (!*error && must)
		return answer(op, "not refused", *error, done, errors);
	if (!*error && done != op->count)
		return answer(op, "not all done", *error, done, errors);
	if (*error && must && done > good)
		return answer(op, "too much done", *error, done, errors);
	if (*error && done && done > op->count)
		return answer(op, "more than all done", *error, done, errors);
	ref_apply(ref, op, done);
	return NULL;
}

/* ---- the comparison ------------------------------------------------------ */

static const char *differs(const char *what, hvo_pfn_t pfn, size_t at,
			   uint64_t expected, uint64_t found)
{
	snprintf(complaint, sizeof(complaint),
		 "pfn %#" PRIx64 " + %zu: %s: expected %#" PRIx64
		 " found %#" PRIx64,
		 pfn, at, what, expected, found);
	return complaint;
}

static const char *compare_state(const struct ref *ref, struct engine *e,
				 hvo_pfn_t pfn)
{
	const struct ref_pfn *p = ref_pfn(ref, pfn);
	struct hvo_range_state s = hvo_vmemmap_state(e->map, pfn);

	if (s.state != p->state)
		return differs("state", pfn, 0, p->state, s.state);
	if (s.busy)
		return differs("busy", pfn, 0, 0, 1);
	if (hvo_pfn_valid(e->map, pfn) != (p->state != HVO_ABSENT))
		return differs("valid", pfn, 0, p->state != HVO_ABSENT,
			       hvo_pfn_valid(e->map, pfn));
	if (p->state != HVO_ABSENT && s.domain != p->domain)
		return differs("domain", pfn, 0, p->domain, s.domain);
	if (p->state == HVO_OPTIMIZED && s.order != p->order)
		return differs("order", pfn, 0, p->order, s.order);
	return NULL;
}

static const char *compare_bytes(const struct ref *ref, struct engine *e,
				 hvo_pfn_t pfn)
{
	const struct ref_pfn *p = ref_pfn(ref, pfn);
	uint64_t info = 0;

	for (size_t at = 0; at < ref->record.size; at += 8) {
		uint64_t found = engine_load(e, engine_va(e, pfn, at));
		uint64_t expected = ref_word(ref, pfn, at);

		if (found != expected)
			return differs("word", pfn, at, expected, found);
		if (at == ref->record.info_offset)
			info = found;
	}
	if (p->state != HVO_OPTIMIZED)
		return NULL;

	uintptr_t head =
	    hvo_head_address(ref->record.size, engine_va(e, pfn, 0), info);
	uintptr_t right = engine_va(e, head_of(pfn, p->order), 0);

	return head == right ? NULL : differs("head", pfn, 0, right, head);
}

/* Once for each vmemmap page: at its start. */
static const char *compare_writable(const struct ref *ref, struct engine *e,
				    uint64_t page)
{
	uint64_t at = page * ref->page_size;
	hvo_pfn_t pfn = ref->first + at / ref->record.size;
	size_t offset = at % ref->record.size;
	bool faults;

	if (!ref_valid(ref, pfn))
		return NULL;
	if (ref->by_table)
		faults = hvo_port_translate(e->config.port,
					    (void *)engine_page_va(e, page))
			     .prot != HVO_PROT_WRITE;
	else
		faults = engine_write_faults(e, engine_page_va(e, page));
	if (faults != ref_writable(ref, pfn, offset))
		return NULL;
	return differs("write faults", pfn, offset, !faults, faults);
}

/*
 * A page that described memory hosts leads to the very base page; no other
 * page leads to described memory.
 */
static const char *compare_host(const struct ref *ref, struct engine *e,
				uint64_t page)
{
	struct hvo_translation t =
	    hvo_port_translate(e->config.port, (void *)engine_page_va(e, page));
	uint64_t offset = t.frame.nr - e->config.described.nr;
	hvo_pfn_t pfn = ref->first + page * ref->page_size / ref->record.size;

	if (t.prot == HVO_PROT_NONE ||
	    e->config.described.nr == HVO_NO_FRAME.nr)
		return NULL;
	if (ref->host[page] && offset + ref->first + 1 != ref->host[page])
		return differs("host", pfn, 0, ref->host[page] - 1,
			       ref->first + offset);
	if (!ref->host[page] && offset < ref->end - ref->first)
		return differs("hosted", pfn, 0, 0, ref->first + offset);
	return NULL;
}

const char *ref_compare(const struct ref *ref, struct engine *e)
{
	const char *wrong = NULL;

	for (hvo_pfn_t pfn = ref->first; pfn < ref->end && !wrong; pfn++) {
		wrong = compare_state(ref, e, pfn);
		if (!wrong && ref_valid(ref, pfn))
			wrong = compare_bytes(ref, e, pfn);
	}
	for (uint64_t page = 0; page < engine_pages(e) && !wrong; page++) {
		wrong = compare_writable(ref, e, page);
		if (!wrong)
			wrong = compare_host(ref, e, page);
	}
	if (!wrong && engine_handed_out(e) != ref_frames(ref))
		wrong = differs("frames", 0, 0, ref_frames(ref),
				engine_handed_out(e));
	return wrong;
}
