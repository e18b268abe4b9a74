/* SPDX-License-Identifier: MIT */
/*
 * The half of the harness that needs no port: making a map, the test record,
 * a frame source that can be mean, the digest.
 */
#include "engine.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void (*engine_step)(void);
void (*engine_on_alloc)(struct engine *e);

/* The layout in use; set before a map is made, constant while there is one. */
static struct hvo_record layout;

static void need(bool fine, const char *what)
{
	if (!fine) {
		fprintf(stderr, "harness: %s\n", what);
		abort();
	}
}

uint64_t engine_mix(uint64_t n)
{
	n += 0x9e3779b97f4a7c15;
	n = (n ^ n >> 30) * 0xbf58476d1ce4e5b9;
	n = (n ^ n >> 27) * 0x94d049bb133111eb;
	return n ^ n >> 31;
}

uint64_t engine_hash(uint64_t hash, uint64_t n)
{
	return engine_mix(hash ^ n) + n;
}

uint64_t engine_hash_bytes(uint64_t hash, const void *bytes, size_t size)
{
	for (size_t i = 0; i < size; i += 8) {
		uint64_t word;

		memcpy(&word, (const char *)bytes + i, 8);
		hash = engine_hash(hash, word);
	}
	return hash;
}

static void fill(void *record, uint64_t seed)
{
	if (engine_step)
		engine_step();
	for (uint32_t at = 0; at < layout.size; at += 8) {
		uint64_t word = engine_mix(seed + at);

		if (at == layout.info_offset)
			word &= ~UINT64_C(1);
		memcpy((char *)record + at, &word, 8);
	}
}

static void fill_fresh(void *record, hvo_pfn_t pfn, unsigned domain)
{
	fill(record, engine_mix(pfn << 8 | domain));
}

static void fill_tail(void *record, unsigned order, unsigned domain)
{
	fill(record, ~engine_mix((uint64_t)order << 8 | domain));
}

struct hvo_record engine_record(uint32_t size, uint32_t info_offset)
{
	layout = (struct hvo_record){
	    .size = size,
	    .info_offset = info_offset,
	    .fresh = fill_fresh,
	    .tail = fill_tail,
	};
	return layout;
}

/*
 * The port's source, but with scatter it never gives more than the least that
 * is asked for, and homes run backwards, so that frames in a row are rare.
 */
static int mean_alloc(void *ctx, const struct hvo_frame_request *request,
		      struct hvo_run *run)
{
	struct engine *e = ctx;
	struct hvo_frame_request mean = *request;

	if (engine_alloc_fails())
		return -HVO_ENOMEM;
	if (engine_on_alloc)
		engine_on_alloc(e);
	if (e->scatter) {
		mean.count = mean.least;
		if (mean.home < engine_pages(e))
			mean.home = engine_pages(e) - 1 - mean.home;
	}
	return e->source.alloc(e->source.ctx, &mean, run);
}

static void plain_free(void *ctx, struct hvo_run run)
{
	struct engine *e = ctx;

	e->source.free(e->source.ctx, run);
}

static void make_config(struct engine *e, const struct engine_config *config)
{
	e->config.frames = (struct hvo_frames){e, mean_alloc, plain_free};
	e->config.record = config->record;
	e->config.pfn_first = config->pfn_first;
	e->config.pfn_end = config->pfn_end;
	e->config.domains = config->domains;
	e->config.page_shift = (uint8_t)config->page_shift;
	if (config->no_host)
		e->config.described = HVO_NO_FRAME;
}

struct engine *engine_prepare_open(const struct engine_config *config)
{
	struct engine *e = calloc(1, sizeof(*e));

	need(e, "no memory");
	e->scatter = config->scatter;
	engine_port_open(e, config);
	make_config(e, config);

	size_t capacity = config->capacity;

	if (!capacity)
		capacity = engine_pages(e) + 64;
	e->work = HVO_WORK(calloc(capacity, sizeof(struct hvo_run)), capacity);
	e->seen = calloc(1, e->frame_end / 8 + 1);
	need(e->work.runs && e->seen, "no memory");
	return e;
}

struct engine *engine_open(const struct engine_config *config)
{
	struct engine *e = engine_prepare_open(config);
	size_t size = hvo_vmemmap_size(&e->config);

	need(size, "the configuration is not sound");
	e->memory = malloc(size);
	need(e->memory, "no memory");
	memset(e->memory, 0xa5, size);
	int error = hvo_vmemmap_init(&e->map, e->memory, &e->config);

	need(!error, hvo_strerror(error));
	return e;
}

void engine_close(struct engine *e)
{
	engine_port_close(e);
	free(e->memory);
	free(e->seen);
	free(e->work.runs);
	free(e);
}

uint64_t engine_pages(const struct engine *e)
{
	uint64_t pfns = e->config.pfn_end - e->config.pfn_first;

	return (pfns * e->config.record.size) >> e->config.page_shift;
}

uintptr_t engine_va(const struct engine *e, hvo_pfn_t pfn, size_t offset)
{
	return e->config.base + pfn * e->config.record.size + offset;
}

uintptr_t engine_page_va(const struct engine *e, uint64_t page)
{
	return engine_va(e, e->config.pfn_first, 0) +
	       (page << e->config.page_shift);
}

uint64_t engine_page_of(const struct engine *e, hvo_pfn_t pfn)
{
	return ((pfn - e->config.pfn_first) * e->config.record.size) >>
	       e->config.page_shift;
}

static char complaint[512];

static const char *check_wrong(struct engine *e)
{
	struct hvo_check_options options = {
	    .seen = e->seen,
	    .frame_end = e->frame_end,
	};
	struct hvo_finding f = {0};

	if (!hvo_vmemmap_check(e->map, &options, &f))
		return NULL;
	snprintf(complaint, sizeof(complaint),
		 "check: %s: pfn %" PRIu64 " page %" PRIu64
		 " expected %#" PRIx64 " found %#" PRIx64 " %s",
		 hvo_violation_text(f.violation), f.pfn, f.page, f.expected,
		 f.found, f.what ? f.what : "");
	return complaint;
}

const char *engine_wrong(struct engine *e)
{
	const char *wrong = check_wrong(e);

	if (!wrong)
		wrong = engine_port_wrong(e);
	if (wrong)
		return wrong;

	struct hvo_vmemmap_stats stats;

	hvo_vmemmap_stats(e->map, &stats);
	if (hvo_stats_frames(&stats) == engine_handed_out(e))
		return NULL;
	snprintf(complaint, sizeof(complaint),
		 "%" PRIu64 " frames counted, %" PRIu64 " handed out",
		 hvo_stats_frames(&stats), engine_handed_out(e));
	return complaint;
}

static uint64_t digest_stats(struct engine *e)
{
	struct hvo_vmemmap_stats stats;

	/* Flushes and grace periods leave no trace in the state. */
	hvo_vmemmap_stats(e->map, &stats);
	stats.grace_periods = 0;
	stats.flushes = 0;
	return engine_hash_bytes(1, &stats, sizeof(stats));
}

uint64_t engine_digest(struct engine *e)
{
	uint64_t hash = digest_stats(e);
	struct hvo_span span;
	hvo_pfn_t pfn = e->config.pfn_first;

	for (; hvo_vmemmap_span(e->map, pfn, &span); pfn += span.count) {
		hash = engine_hash(hash, span.pfn);
		hash = engine_hash(hash, span.count);
		hash = engine_hash(hash, span.state.state);
		hash = engine_hash(hash, span.state.order);
		hash = engine_hash(hash, span.state.domain);
		hash = engine_hash(hash, span.state.busy);
	}
	return engine_hash(hash, engine_port_digest(e));
}
