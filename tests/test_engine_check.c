/* SPDX-License-Identifier: MIT */
/*
 * The check finds what it is for: the map is damaged on purpose, through the
 * port, through a descriptor, or in the engine's own tables, and the check
 * must name that violation and that place; when the damage is undone it must
 * find nothing. And the other ways to look at a map: spans and the dump.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "engine_ref.h"
/* Damage to the engine's own tables needs to know them. */
#include "../src/vmemmap/engine.h"

/* Folios of order k from the map's start: full, full, optimized (4), absent. */
static struct engine *e;
static unsigned k;

static hvo_pfn_t at(uint64_t n)
{
	return e->config.pfn_first + (n << k);
}

/* Vmemmap page j of folio n, its address, and what it maps to. */
static uint64_t page_of(uint64_t n, uint64_t j)
{
	return engine_page_of(e, at(n)) + j;
}

static void *va_of(uint64_t n, uint64_t j)
{
	return (void *)engine_page_va(e, page_of(n, j));
}

static struct hvo_run frame_of(uint64_t n, uint64_t j)
{
	struct hvo_translation t =
	    hvo_port_translate(e->config.port, va_of(n, j));

	return (struct hvo_run){t.frame, 1};
}

static int open_map(void **state)
{
	struct hvo_geometry g;
	struct engine_config config = {
	    .page_shift = 12,
	    .record = engine_record(64, 16),
	    .domains = 2,
	    .spare_frames = 64,
	};
	uint64_t done;

	(void)state;
	assert_int_equal(hvo_geometry_init(&g, 12, 64), 0);
	k = g.min_order + 2;
	config.pfn_first = UINT64_C(8) << k;
	config.pfn_end = UINT64_C(16) << k;
	e = engine_open(&config);
	assert_int_equal(hvo_vmemmap_populate(e->map, at(0), at(2) - at(0), 0,
					      false, &e->work),
			 0);
	assert_int_equal(hvo_vmemmap_populate_optimized(e->map, at(2),
							at(6) - at(2), k, 1,
							&e->work, &done),
			 0);
	return 0;
}

static int close_map(void **state)
{
	(void)state;
	engine_close(e);
	return 0;
}

static void expect_fine(void)
{
	const char *wrong = engine_wrong(e);

	assert_string_equal(wrong ? wrong : "", "");
}

static struct hvo_finding run_check(uint64_t frame_end)
{
	struct hvo_check_options options = {
	    .seen = e->seen,
	    .frame_end = frame_end,
	};
	struct hvo_finding finding;

	memset(&finding, 0xa5, sizeof(finding));
	assert_int_equal(hvo_vmemmap_check(e->map, &options, &finding),
			 -HVO_ECORRUPT);
	assert_true(strlen(hvo_violation_text(finding.violation)) > 5);
	return finding;
}

/* The check names this violation, at page j of folio n. */
static struct hvo_finding expect(enum hvo_violation violation, uint64_t n,
				 uint64_t j)
{
	struct hvo_finding f = run_check(e->frame_end);
	uint64_t pfns =
	    hvo_page_size(hvo_vmemmap_geometry(e->map)) / e->config.record.size;

	assert_string_equal(hvo_violation_text(f.violation),
			    hvo_violation_text(violation));
	assert_int_equal(f.page, page_of(n, j));
	assert_in_range(f.pfn, at(n) + j * pfns, at(n) + (j + 1) * pfns - 1);
	return f;
}

/* ---- damage through the port ----------------------------------------------
 */

static void repoint(uint64_t n, uint64_t j, struct hvo_run run,
		    enum hvo_prot prot)
{
	assert_int_equal(hvo_port_repoint(e->config.port, va_of(n, j), 1, run,
					  prot, HVO_MAY_FAIL),
			 0);
	hvo_port_flush(e->config.port, va_of(n, j), 1);
}

static void protect(uint64_t n, uint64_t j, enum hvo_prot prot)
{
	assert_int_equal(hvo_port_protect(e->config.port, va_of(n, j), 1, prot,
					  HVO_MAY_FAIL),
			 0);
	hvo_port_flush(e->config.port, va_of(n, j), 1);
}

static void unmap(uint64_t n, uint64_t j)
{
	assert_int_equal(
	    hvo_port_unmap(e->config.port, va_of(n, j), 1, HVO_MAY_FAIL), 0);
	hvo_port_flush(e->config.port, va_of(n, j), 1);
}

static void map(uint64_t n, uint64_t j, struct hvo_run run, enum hvo_prot prot)
{
	assert_int_equal(
	    hvo_port_map(e->config.port, va_of(n, j), 1, run, prot, false), 0);
	hvo_port_flush(e->config.port, va_of(n, j), 1);
}

static struct hvo_run take_frame(void)
{
	const struct hvo_frame_request request = {
	    .count = 1, .least = 1, .align = 1, .home = UINT64_MAX};
	struct hvo_run run;

	assert_int_equal(e->source.alloc(e->source.ctx, &request, &run), 0);
	return run;
}

static void test_unmapped(void **state)
{
	struct hvo_run full = frame_of(1, 2);
	struct hvo_run head = frame_of(3, 0);
	struct hvo_run tail = frame_of(5, 3);

	(void)state;
	expect_fine();
	unmap(1, 2);
	expect(HVO_CHECK_UNMAPPED, 1, 2);
	map(1, 2, full, HVO_PROT_WRITE);
	unmap(3, 0);
	expect(HVO_CHECK_UNMAPPED, 3, 0);
	map(3, 0, head, HVO_PROT_WRITE);
	unmap(5, 3);
	expect(HVO_CHECK_UNMAPPED, 5, 3);
	map(5, 3, tail, HVO_PROT_READ);
	expect_fine();
}

static void test_mapped(void **state)
{
	struct hvo_run run = take_frame();

	(void)state;
	map(7, 3, run, HVO_PROT_READ);
	expect(HVO_CHECK_MAPPED, 7, 3);
	unmap(7, 3);
	e->source.free(e->source.ctx, run);
	expect_fine();
}

static void test_permissions(void **state)
{
	(void)state;
	protect(0, 1, HVO_PROT_READ);
	expect(HVO_CHECK_READ_ONLY, 0, 1);
	protect(0, 1, HVO_PROT_WRITE);
	protect(4, 0, HVO_PROT_READ);
	expect(HVO_CHECK_READ_ONLY, 4, 0);
	protect(4, 0, HVO_PROT_WRITE);
	protect(4, 1, HVO_PROT_WRITE);
	expect(HVO_CHECK_WRITABLE, 4, 1);
	protect(4, 1, HVO_PROT_READ);
	expect_fine();
}

/* A tail led elsewhere is found even where the bytes are the same. */
static void test_not_shared(void **state)
{
	struct hvo_run run = take_frame();
	struct hvo_run tail = frame_of(5, 2);
	uint64_t size = hvo_page_size(hvo_vmemmap_geometry(e->map));

	(void)state;
	memcpy(hvo_port_frame(e->config.port, run.first),
	       hvo_port_frame(e->config.port, tail.first), size);
	repoint(5, 2, run, HVO_PROT_READ);
	struct hvo_finding f = expect(HVO_CHECK_NOT_SHARED, 5, 2);

	assert_int_equal(f.expected, tail.first.nr);
	assert_int_equal(f.found, run.first.nr);
	repoint(5, 2, tail, HVO_PROT_READ);
	e->source.free(e->source.ctx, run);
	expect_fine();
}

static void test_frame_twice(void **state)
{
	struct hvo_run own = frame_of(1, 2);
	struct hvo_run head = frame_of(3, 0);

	(void)state;
	repoint(1, 2, frame_of(0, 3), HVO_PROT_WRITE);
	assert_int_equal(expect(HVO_CHECK_FRAME_TWICE, 1, 2).found,
			 frame_of(0, 3).first.nr);
	repoint(1, 2, own, HVO_PROT_WRITE);
	/* A head that lies on the shared tails. */
	repoint(3, 0, frame_of(3, 1), HVO_PROT_WRITE);
	expect(HVO_CHECK_FRAME_TWICE, 3, 0);
	repoint(3, 0, head, HVO_PROT_WRITE);
	expect_fine();
}

/* Told a lower end, the check finds frames beyond it. */
static void test_frame_range(void **state)
{
	uint64_t highest = 0;

	(void)state;
	for (uint64_t j = 0; j < 4; j++)
		if (frame_of(1, j).first.nr > highest)
			highest = frame_of(1, j).first.nr;
	assert_int_equal(run_check(highest).violation, HVO_CHECK_FRAME_RANGE);
	assert_int_equal(run_check(0).violation, HVO_CHECK_FRAME_RANGE);
	expect_fine();
}

/* ---- damage to what descriptors hold ---------------------------------------
 */

static void test_tail_bytes(void **state)
{
	uint64_t size = hvo_page_size(hvo_vmemmap_geometry(e->map));
	struct hvo_finding f;

	(void)state;
	for (size_t byte = 0; byte < size; byte += size - 1) {
		struct hvo_run tail = frame_of(2, 1);
		unsigned char *bytes =
		    hvo_port_frame(e->config.port, tail.first);

		bytes[byte] ^= 0x40;
		f = run_check(e->frame_end);
		assert_int_equal(f.violation, HVO_CHECK_TAIL_BYTES);
		assert_int_equal(f.found, tail.first.nr);
		bytes[byte] ^= 0x40;
		expect_fine();
	}
}

static void test_wrong_head(void **state)
{
	const struct {
		uint64_t nth; /* descriptor of folio 3 */
		uint64_t info;
	} damages[] = {
	    {1, 0},
	    {63, hvo_compound_info(64, k) & ~UINT64_C(1)},
	    {7, hvo_compound_info(64, k + 1)},
	    {0, hvo_compound_info(64, k + 1)},
	};
	uint32_t offset = e->config.record.info_offset;

	(void)state;
	for (size_t i = 0; i < sizeof(damages) / sizeof(*damages); i++) {
		hvo_pfn_t pfn = at(3) + damages[i].nth;
		uintptr_t va = engine_va(e, pfn, offset);
		uint64_t info = engine_load(e, va);

		engine_store(e, va, damages[i].info);

		struct hvo_finding f = expect(HVO_CHECK_WRONG_HEAD, 3, 0);

		assert_int_equal(f.pfn, pfn);
		assert_int_equal(f.expected, engine_va(e, at(3), 0));
		assert_int_not_equal(f.found, f.expected);
		engine_store(e, va, info);
		expect_fine();
	}
}

/* ---- damage to the engine's tables ------------------------------------------
 */

static void test_busy(void **state)
{
	_Atomic uint16_t *unit = &e->map->unit[hvo_pfn_unit(e->map, at(1))];

	(void)state;
	atomic_fetch_or(unit, UNIT_BUSY);
	expect(HVO_CHECK_BUSY, 1, 0);
	atomic_fetch_and(unit, (uint16_t)~UNIT_BUSY);
	expect_fine();
}

/* The table says something that cannot be of a folio's second unit. */
static void test_state(void **state)
{
	_Atomic uint16_t *unit = &e->map->unit[hvo_pfn_unit(e->map, at(2)) + 1];
	uint16_t was = atomic_load(unit);
	const uint16_t others[] = {0, UNIT_PRESENT, (uint16_t)(was - 1),
				   (uint16_t)(was ^ (1 << UNIT_DOMAIN_SHIFT)),
				   was | UNIT_LEAVING};

	(void)state;
	for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++) {
		atomic_store(unit, others[i]);
		assert_int_equal(run_check(e->frame_end).violation,
				 HVO_CHECK_STATE);
		atomic_store(unit, was);
		expect_fine();
	}
}

/* A folio that is not aligned, or reaches out of the map. */
static void test_impossible_order(void **state)
{
	hvo_pfn_t pfn = at(7);
	uint64_t units =
	    (at(8) - at(7)) >> hvo_vmemmap_geometry(e->map)->unit_order;
	uint64_t first = hvo_pfn_unit(e->map, pfn);

	(void)state;
	for (uint64_t i = 0; i < units; i++)
		atomic_store(
		    &e->map->unit[first + i],
		    (uint16_t)(UNIT_PRESENT | UNIT_OPTIMIZED | (k + 1)));
	expect(HVO_CHECK_STATE, 7, 0);
	for (uint64_t i = 0; i < units; i++)
		atomic_store(&e->map->unit[first + i], 0);
	expect_fine();
}

static void test_counters(void **state)
{
	struct hvo_counters *c = &e->map->counters;
	_Atomic uint64_t *const counters[] = {
	    &c->pages_present, &c->frames_owned,    &c->frames_hosted,
	    &c->frames_shared, &c->pages_optimized, &c->folios[k],
	    &c->folios[0],
	};

	(void)state;
	for (size_t i = 0; i < sizeof(counters) / sizeof(*counters); i++) {
		struct hvo_finding f;

		atomic_fetch_add(counters[i], 1);
		f = run_check(e->frame_end);
		assert_int_equal(f.violation, HVO_CHECK_COUNTER);
		assert_non_null(f.what);
		assert_int_equal(f.found, f.expected + 1);
		atomic_fetch_sub(counters[i], 1);
		expect_fine();
	}
}

/* Somebody forgot that a folio uses its shared tails. */
static void test_users(void **state)
{
	struct hvo_tails *slot = hvo_tails_slot(e->map, 1, k);

	(void)state;
	slot->users--;
	assert_int_equal(run_check(e->frame_end).violation, HVO_CHECK_COUNTER);
	slot->users++;
	expect_fine();
}

/* ---- the check itself
 * -------------------------------------------------------- */

static hvo_pfn_t walked;

static void on_progress(void *ctx, hvo_pfn_t pfns)
{
	assert_ptr_equal(ctx, &walked);
	assert_true(pfns > walked);
	walked = pfns;
}

/* Options are optional, and it changes nothing. */
static void test_options(void **state)
{
	struct hvo_check_options options = {.progress = on_progress,
					    .ctx = &walked};
	struct hvo_finding finding;
	uint64_t digest = engine_digest(e);

	(void)state;
	assert_int_equal(hvo_vmemmap_check(e->map, NULL, &finding), 0);
	assert_int_equal(finding.violation, HVO_CHECK_OK);
	assert_int_equal(hvo_vmemmap_check(e->map, &options, &finding), 0);
	assert_true(walked <= e->config.pfn_end - e->config.pfn_first);
	assert_true(engine_digest(e) == digest);
	/* Without `seen` a frame owned twice goes unnoticed, nothing else. */
	protect(2, 1, HVO_PROT_WRITE);
	assert_int_equal(hvo_vmemmap_check(e->map, NULL, &finding),
			 -HVO_ECORRUPT);
	assert_int_equal(finding.violation, HVO_CHECK_WRITABLE);
	protect(2, 1, HVO_PROT_READ);
}

static void test_texts(void **state)
{
	(void)state;
	for (int v = -1; v <= HVO_VIOLATIONS; v++) {
		const char *text = hvo_violation_text((enum hvo_violation)v);

		assert_non_null(text);
		for (int w = 0; w < v && v < HVO_VIOLATIONS; w++)
			assert_string_not_equal(
			    text, hvo_violation_text((enum hvo_violation)w));
	}
}

/* ---- spans and the dump
 * -------------------------------------------------------- */

static void test_spans(void **state)
{
	const struct {
		uint64_t from, to; /* folios */
		enum hvo_state state;
		unsigned order, domain;
	} expected[] = {
	    {0, 2, HVO_FULL, 0, 0},
	    {2, 6, HVO_OPTIMIZED, k, 1},
	    {6, 8, HVO_ABSENT, 0, 0},
	};
	struct hvo_span span;
	hvo_pfn_t pfn = at(0);

	(void)state;
	for (size_t i = 0; i < 3; i++, pfn += span.count) {
		assert_true(hvo_vmemmap_span(e->map, pfn, &span));
		assert_int_equal(span.pfn, at(expected[i].from));
		assert_int_equal(span.count, at(expected[i].to) - span.pfn);
		assert_int_equal(span.state.state, expected[i].state);
		assert_int_equal(span.state.domain, expected[i].domain);
		assert_false(span.state.busy);
		if (span.state.state == HVO_OPTIMIZED)
			assert_int_equal(span.state.order, expected[i].order);
	}
	assert_int_equal(pfn, at(8));
	assert_false(hvo_vmemmap_span(e->map, pfn, &span));
}

/* What a dump said, in one text. */
struct text {
	char bytes[4096];
	size_t used;
	unsigned lines;
};

static void put_line(void *ctx, const char *line)
{
	struct text *text = ctx;
	size_t length = strlen(line);

	assert_true(length > 0 && length < 256);
	assert_null(strchr(line, '\n'));
	assert_true(text->used + length + 2 < sizeof(text->bytes));
	memcpy(text->bytes + text->used, line, length);
	text->used += length;
	text->bytes[text->used++] = '\n';
	text->bytes[text->used] = 0;
	text->lines++;
}

static void test_dump(void **state)
{
	const unsigned starts[] = {0, 2, 6};
	struct text text = {.used = 0};
	char number[32];

	(void)state;
	hvo_vmemmap_dump(e->map, put_line, &text);
	/* Configuration, counters, one group of shared tails, three spans. */
	assert_true(text.lines >= 6);
	assert_non_null(strstr(text.bytes, "absent"));
	assert_non_null(strstr(text.bytes, "full"));
	assert_non_null(strstr(text.bytes, "optimized"));
	for (unsigned i = 0; i < 3; i++) {
		snprintf(number, sizeof(number), "%llu",
			 (unsigned long long)at(starts[i]));
		assert_non_null(strstr(text.bytes, number));
	}
}

#define on_map(test) cmocka_unit_test_setup_teardown(test, open_map, close_map)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    on_map(test_unmapped),
	    on_map(test_mapped),
	    on_map(test_permissions),
	    on_map(test_not_shared),
	    on_map(test_frame_twice),
	    on_map(test_frame_range),
	    on_map(test_tail_bytes),
	    on_map(test_wrong_head),
	    on_map(test_busy),
	    on_map(test_state),
	    on_map(test_impossible_order),
	    on_map(test_counters),
	    on_map(test_users),
	    on_map(test_options),
	    on_map(test_spans),
	    on_map(test_dump),
	    cmocka_unit_test(test_texts),
	};

	return cmocka_run_group_tests_name(engine_port_name, tests, NULL, NULL);
}
