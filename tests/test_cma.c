/* SPDX-License-Identifier: MIT */
/*
 * Contiguous areas: given, lent, taken back, parked, gone; each failure; random
 * sequences against a reference that is an array of states; several threads;
 * and damage that the check must find.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "hvo/cma.h"
#include "mm.h"

#define MIB(n) ((uint64_t)(n) << 8) /* in base pages of 4 KiB */
#define AREA   MIB(32)
#define UNIT   9
#define UNITS  (AREA >> UNIT)
#define BIG    11

static struct hvo_cma area;

static void reserve(struct hvo_memblock *mb)
{
	assert_int_equal(hvo_cma_reserve(&area, mb, 0, AREA, BIG, UNIT), 0);
}

struct scene {
	struct machine *m;
	void *memory;
	uint64_t free;
};

static struct scene open_scene(void)
{
	struct scene s;

	s.m = machine_open(&(struct machine_config){.prepare = reserve});
	s.memory = malloc(hvo_cma_size(&area));
	assert_non_null(s.memory);
	assert_int_equal(hvo_cma_activate(&area, s.m->mm, s.memory), 0);
	s.free = machine_free(s.m);
	return s;
}

static const char *wrong(struct scene *s)
{
	struct hvo_cma_finding f;

	if (!hvo_cma_check(&area, &f))
		return machine_wrong(s->m);
	fprintf(stderr, "# %s: pfn %#" PRIx64 ", %s, %" PRIu64 "/%" PRIu64 "\n",
		f.what, f.pfn, hvo_cma_state_name(f.state), f.expected,
		f.found);
	return f.what;
}

static void close_scene(struct scene *s)
{
	machine_fail(0, false);
	assert_null(wrong(s));
	assert_int_equal(hvo_cma_fini(&area), 0);
	assert_null(wrong(s));
	assert_int_equal(machine_owned(s->m, HVO_OWNER_ISOLATED), 0);
	free(s->memory);
	machine_close(s->m);
}

static uint64_t in_state(enum hvo_cma_state state)
{
	struct hvo_cma_stats stats;

	hvo_cma_stats(&area, &stats);
	return stats.state[state] >> UNIT;
}

static struct hvo_alloc an_alloc(unsigned order)
{
	return (struct hvo_alloc){
	    .order = order,
	    .flags = HVO_ALLOC_TRY_HVO | HVO_ALLOC_FROZEN | HVO_ALLOC_COMMIT,
	};
}

static struct hvo_page *get(unsigned order)
{
	const struct hvo_alloc a = an_alloc(order);
	struct hvo_page *folio;

	assert_int_equal(hvo_cma_alloc(&area, &a, &folio), 0);
	return folio;
}

static struct hvo_page *borrow(unsigned order)
{
	const struct hvo_alloc a = an_alloc(order);
	struct hvo_page *folio;

	assert_int_equal(hvo_cma_lend(&area, &a, &folio), 0);
	return folio;
}

/* ---- what it does --------------------------------------------------- */

static void gives(void **state)
{
	struct scene s = open_scene();
	const struct hvo_alloc small = {.order = UNIT - 1};
	const struct hvo_alloc huge = {.order = 23};
	struct hvo_page *folio;
	struct hvo_page *other;

	(void)state;
	assert_null(wrong(&s));
	assert_int_equal(area.pfn % (1 << BIG), 0);
	assert_int_equal(machine_owned(s.m, HVO_OWNER_ISOLATED), AREA);
	assert_int_equal(hvo_cma_alloc(&area, &small, &folio), -HVO_EORDER);
	assert_int_equal(hvo_cma_alloc(&area, &huge, &folio), -HVO_EORDER);
	folio = get(BIG);
	assert_int_equal(hvo_mm_pfn(s.m->mm, folio), area.pfn);
	assert_true(hvo_folio_optimized(s.m->mm, folio));
	other = borrow(UNIT);
	assert_int_equal(hvo_mm_pfn(s.m->mm, other),
			 area.pfn + AREA - (1 << UNIT));
	assert_int_equal(in_state(HVO_CMA_USED), 4);
	assert_int_equal(in_state(HVO_CMA_LENT), 1);
	assert_null(wrong(&s));
	assert_int_equal(hvo_cma_fini(&area), -HVO_EBUSY);
	/* With references it is not ours to give back. */
	hvo_folio_unfreeze(folio, 1);
	assert_int_equal(hvo_cma_release(&area, folio), -HVO_ESTATE);
	assert_true(hvo_folio_freeze(folio, 1));
	assert_int_equal(hvo_folio_split(s.m->mm, folio, UNIT), 0);
	assert_int_equal(hvo_cma_release(&area, folio + 512), 0);
	assert_int_equal(hvo_cma_release(&area, folio + 512), -HVO_ESTATE);
	assert_null(wrong(&s));
	for (int i = 0; i < 4; i++)
		if (i != 1)
			assert_int_equal(
			    hvo_cma_release(&area, folio + i * 512), 0);
	assert_int_equal(hvo_cma_release(&area, other), 0);
	assert_int_equal(in_state(HVO_CMA_IDLE), UNITS);
	/* But for shared tails, which stay. */
	assert_true(machine_free(s.m) >= s.free - 64);
	assert_true(hvo_cma_find(&area, area.pfn + AREA - 1, 9) == &area);
	assert_null(hvo_cma_find(&area, area.pfn + AREA, 9));
	close_scene(&s);
}

/* Borrowers give back what somebody needs in a row. */
struct borrower {
	struct hvo_page *folio[UNITS];
	unsigned kept; /* this one it does not give */
	unsigned asked;
};

static void give_back(void *ctx, hvo_pfn_t pfn, uint64_t count)
{
	struct borrower *b = ctx;

	b->asked++;
	for (unsigned i = 0; i < UNITS; i++) {
		hvo_pfn_t at = area.pfn + ((uint64_t)i << UNIT);

		if (!b->folio[i] || i == b->kept || at < pfn ||
		    at >= pfn + count)
			continue;
		assert_int_equal(hvo_cma_release(&area, b->folio[i]), 0);
		b->folio[i] = NULL;
	}
}

static void takes_back(void **state)
{
	struct scene s = open_scene();
	struct borrower b = {.kept = 1};
	const struct hvo_alloc big = an_alloc(BIG);
	struct hvo_page *folio;

	(void)state;
	for (unsigned i = UNITS; i-- > 0;)
		b.folio[i] = borrow(UNIT);
	assert_int_equal(in_state(HVO_CMA_IDLE), 0);
	/* Nobody to ask. */
	assert_int_equal(hvo_cma_alloc(&area, &big, &folio), -HVO_ENOMEM);
	area.take_back = give_back;
	area.ctx = &b;
	/* Who borrows has no claim to what others have borrowed. */
	assert_int_equal(hvo_cma_lend(&area, &big, &folio), -HVO_ENOMEM);
	assert_int_equal(b.asked, 0);
	/* The first run is refused, the second is given. */
	folio = get(BIG);
	assert_int_equal(b.asked, 2);
	assert_int_equal(hvo_mm_pfn(s.m->mm, folio), area.pfn + (1 << BIG));
	assert_int_equal(in_state(HVO_CMA_IDLE), 3);
	assert_null(wrong(&s));
	b.kept = UNITS;
	give_back(&b, area.pfn, AREA);
	assert_int_equal(hvo_cma_release(&area, folio), 0);
	close_scene(&s);
}

/* Without a frame to be had, what comes back is parked, and given again. */
static void parks(void **state)
{
	struct scene s = open_scene();
	struct hvo_page *folio = get(BIG);
	struct hvo_page *other;
	const struct hvo_alloc full = {.order = BIG, .flags = HVO_ALLOC_FROZEN};
	size_t most = (size_t)machine_free(s.m) + 1024;
	struct hvo_page **pages = calloc(most, sizeof(*pages));
	size_t n;

	(void)state;
	assert_non_null(pages);
	for (unsigned i = 1; i < UNITS / 4; i++)
		get(BIG);
	n = machine_exhaust(s.m, 0, HVO_ALLOC_RESERVE, pages, most);
	folio->data = 5;
	assert_int_equal(hvo_cma_release(&area, folio), 0);
	assert_int_equal(in_state(HVO_CMA_PARKED), 4);
	assert_null(wrong(&s));
	/* As it is: that takes no frame. */
	other = get(BIG);
	assert_ptr_equal(other, folio);
	assert_int_equal(other->data, 0);
	assert_true(hvo_folio_optimized(s.m->mm, other));
	assert_int_equal(hvo_cma_release(&area, other), 0);
	/* Full it can be had only where there are frames. */
	assert_int_equal(hvo_cma_alloc(&area, &full, &other), -HVO_ENOMEM);
	assert_null(wrong(&s));
	while (n > 1)
		hvo_folio_put(s.m->mm, pages[--n]);
	assert_int_equal(hvo_cma_alloc(&area, &full, &other), 0);
	assert_ptr_equal(other, folio);
	assert_false(hvo_folio_optimized(s.m->mm, other));
	for (unsigned i = 0; i < UNITS; i += 4)
		assert_int_equal(
		    hvo_cma_release(&area,
				    hvo_mm_page(s.m->mm, area.pfn + i * 512)),
		    0);
	hvo_folio_put(s.m->mm, pages[0]);
	free(pages);
	close_scene(&s);
}

/* An area that is given up while something is parked. */
static void given_up_parked(void **state)
{
	struct scene s = open_scene();
	struct hvo_page *folio = get(BIG);
	size_t most = (size_t)machine_free(s.m);
	struct hvo_page **pages = calloc(most, sizeof(*pages));
	size_t n;

	(void)state;
	assert_non_null(pages);
	n = machine_exhaust(s.m, 0, HVO_ALLOC_RESERVE, pages, most);
	assert_int_equal(hvo_cma_release(&area, folio), 0);
	assert_int_equal(hvo_cma_fini(&area), 0);
	machine_assert(s.m);
	assert_int_equal(machine_owned(s.m, HVO_OWNER_ISOLATED), 0);
	while (n)
		hvo_folio_put(s.m->mm, pages[--n]);
	free(pages);
	hvo_mm_rehome(s.m->mm);
	free(s.memory);
	machine_close(s.m);
}

static void bad_pages(void **state)
{
	struct scene s = open_scene();
	struct hvo_page *folio;
	hvo_pfn_t pfn;

	(void)state;
	/* Idle: the unit leaves, its other pages are ordinary memory. */
	assert_int_equal(hvo_cma_poison(&area, area.pfn + 700, NULL), 0);
	assert_int_equal(in_state(HVO_CMA_GONE), 1);
	assert_null(wrong(&s));
	assert_int_equal(machine_free(s.m), s.free + 511);
	/* In a folio: when it is back. */
	folio = get(BIG);
	pfn = hvo_mm_pfn(s.m->mm, folio);
	assert_int_equal(pfn, area.pfn + (1 << BIG));
	assert_int_equal(hvo_cma_poison(&area, pfn + 600, NULL), -HVO_EBUSY);
	assert_int_equal(hvo_folio_poison(s.m->mm, folio, pfn + 600), 0);
	assert_int_equal(hvo_cma_release(&area, folio), 0);
	assert_int_equal(in_state(HVO_CMA_GONE), 2);
	assert_int_equal(in_state(HVO_CMA_IDLE), UNITS - 2);
	assert_true(hvo_mm_poisoned(s.m->mm, pfn + 600));
	assert_null(wrong(&s));
	assert_int_equal(hvo_cma_poison(&area, 0, NULL), -HVO_ERANGE);
	/* Good again, they come back, as far as nobody has a page of theirs. */
	assert_int_equal(hvo_cma_regain(&area), 0);
	assert_int_equal(hvo_mm_unpoison(s.m->mm, pfn + 600), 0);
	assert_int_equal(hvo_cma_regain(&area), 1);
	assert_int_equal(in_state(HVO_CMA_GONE), 1);
	assert_null(wrong(&s));
	close_scene(&s);
}

/* Taken before there is a manager: optimized from the start. */
static struct hvo_mm_boot_page boot_pages[2];

static void reserve_and_take(struct hvo_memblock *mb)
{
	hvo_pfn_t pfn;

	reserve(mb);
	for (int i = 1; i >= 0; i--) {
		boot_pages[i].order = BIG;
		assert_int_equal(
		    hvo_cma_boot_take(&area, BIG, &boot_pages[i].pfn), 0);
	}
	assert_int_equal(hvo_cma_boot_take(&area, UNIT - 1, &pfn), -HVO_EORDER);
	assert_int_equal(hvo_cma_boot_take(&area, 14, &pfn), -HVO_ENOMEM);
}

/* The harness reserves what is in .pages before: so it learns of it here. */
static struct machine_config with_boot_pages;

static void reserve_and_tell(struct hvo_memblock *mb)
{
	reserve_and_take(mb);
	with_boot_pages.page_count = 2;
}

static void boots(void **state)
{
	struct scene s;

	(void)state;
	with_boot_pages = (struct machine_config){
	    .pages = boot_pages,
	    .prepare = reserve_and_tell,
	};
	s.m = machine_open(&with_boot_pages);
	s.memory = malloc(hvo_cma_size(&area));
	assert_non_null(s.memory);
	assert_int_equal(hvo_cma_activate(&area, s.m->mm, s.memory), 0);
	assert_null(wrong(&s));
	assert_int_equal(boot_pages[1].pfn, area.pfn + AREA - (1 << BIG));
	assert_int_equal(in_state(HVO_CMA_USED), 8);
	for (int i = 0; i < 2; i++) {
		struct hvo_page *folio =
		    hvo_mm_page(s.m->mm, boot_pages[i].pfn);

		assert_true(hvo_folio_optimized(s.m->mm, folio));
		assert_int_equal(hvo_cma_release(&area, folio), 0);
	}
	assert_int_equal(in_state(HVO_CMA_IDLE), UNITS);
	close_scene(&s);
}

static void crossing_zones(void **state)
{
	struct scene s;

	(void)state;
	/* The area is the last 32 MiB; a zone begins in its first unit's
	 * middle. */
	s.m = machine_open(&(struct machine_config){
	    .prepare = reserve, .dma32_end = MIB(64) - AREA + MIB(2)});
	s.memory = malloc(hvo_cma_size(&area));
	assert_non_null(s.memory);
	assert_int_equal(hvo_cma_activate(&area, s.m->mm, s.memory), 0);
	assert_null(wrong(&s));
	/* No folio crosses. */
	assert_int_equal(in_state(HVO_CMA_IDLE), UNITS);
	assert_int_equal(hvo_mm_pfn(s.m->mm, get(BIG)), area.pfn + (1 << BIG));
	assert_int_equal(
	    hvo_cma_release(&area, hvo_mm_page(s.m->mm, area.pfn + (1 << BIG))),
	    0);
	close_scene(&s);
}

static void reserve_large_units(struct hvo_memblock *mb)
{
	assert_int_equal(hvo_cma_reserve(&area, mb, 0, AREA, BIG, BIG), 0);
}

static void crossing_units(void **state)
{
	struct scene s;
	uint64_t free;

	(void)state;
	s.m = machine_open(
	    &(struct machine_config){.prepare = reserve_large_units,
				     .dma32_end = MIB(64) - AREA + MIB(2)});
	free = machine_free(s.m);
	s.memory = malloc(hvo_cma_size(&area));
	assert_non_null(s.memory);
	assert_int_equal(hvo_cma_activate(&area, s.m->mm, s.memory), 0);
	assert_int_equal(area.count[HVO_CMA_GONE], 1);
	assert_int_equal(machine_free(s.m), free + (1 << BIG));
	close_scene(&s);
}

static void reserve_refused(void **state)
{
	struct machine *m = machine_open(&(struct machine_config){0});
	struct hvo_cma cma;

	(void)state;
	assert_int_equal(
	    hvo_cma_reserve(&cma, &m->memblock, 0, AREA, UNIT, BIG),
	    -HVO_EORDER);
	assert_int_equal(hvo_cma_reserve(&cma, &m->memblock, 0, AREA, 23, 0),
			 -HVO_EORDER);
	assert_int_equal(
	    hvo_cma_reserve(&cma, &m->memblock, 0, AREA + 1, BIG, UNIT),
	    -HVO_EALIGN);
	assert_int_equal(hvo_cma_reserve(&cma, &m->memblock, 0, 0, BIG, UNIT),
			 -HVO_ERANGE);
	assert_int_equal(
	    hvo_cma_reserve(&cma, &m->memblock, 0, MIB(4096), BIG, UNIT),
	    -HVO_ENOMEM);
	machine_close(m);
}

/* ---- the check ------------------------------------------------------ */

static void finds(enum hvo_cma_state state, const char *part)
{
	struct hvo_cma_finding f;

	assert_int_equal(hvo_cma_check(&area, &f), -HVO_ECORRUPT);
	assert_int_equal(f.state, state);
	assert_non_null(strstr(f.what, part));
}

static void damage(void **state)
{
	struct scene s = open_scene();
	struct hvo_page *folio = get(BIG);

	(void)state;
	area.unit[0] = HVO_CMA_IDLE;
	finds(HVO_CMA_IDLE, "not isolated");
	area.unit[0] = HVO_CMA_PARKED;
	finds(HVO_CMA_PARKED, "parked");
	area.unit[0] = HVO_CMA_BUSY;
	finds(HVO_CMA_BUSY, "a call has");
	area.unit[0] = HVO_CMA_STATES;
	finds(HVO_CMA_STATES, "none");
	area.unit[0] = HVO_CMA_LENT;
	finds(HVO_CMA_USED, "counter");
	area.unit[0] = HVO_CMA_USED;
	area.unit[9] = HVO_CMA_USED;
	finds(HVO_CMA_USED, "no folio");
	area.unit[9] = HVO_CMA_IDLE;
	area.count[HVO_CMA_GONE]++;
	finds(HVO_CMA_GONE, "counter");
	area.count[HVO_CMA_GONE]--;
	/* Memory that an area's user gave to the zones. */
	assert_int_equal(
	    hvo_contig_release(s.m->mm, area.pfn + AREA - 100, 100), 0);
	finds(HVO_CMA_IDLE, "not isolated");
	assert_int_equal(
	    hvo_contig_isolate(s.m->mm, area.pfn + AREA - 100, 100), 0);
	for (unsigned i = 0; i <= HVO_CMA_STATES; i++)
		assert_int_equal(
		    !strcmp(hvo_cma_state_name((enum hvo_cma_state)i),
			    "unknown"),
		    i == HVO_CMA_STATES);
	assert_int_equal(hvo_cma_release(&area, folio), 0);
	close_scene(&s);
}

/* ---- failures ------------------------------------------------------- */

/* Two lent, one used, and one that is to be given. */
static void attempt(struct scene *s)
{
	const struct hvo_alloc a = an_alloc(BIG);
	struct hvo_page *folio[3];
	int n = 0;

	while (n < 3) {
		int err = n == 1 ? hvo_cma_lend(&area, &a, &folio[n])
				 : hvo_cma_alloc(&area, &a, &folio[n]);

		if (!err) {
			n++;
			continue;
		}
		assert_true(machine_failed());
		assert_null(wrong(s));
		if (!n)
			assert_int_equal(
			    machine_owned(s->m, HVO_OWNER_ISOLATED), AREA);
		break;
	}
	assert_null(wrong(s));
	while (n)
		assert_int_equal(hvo_cma_release(&area, folio[--n]), 0);
	assert_int_equal(in_state(HVO_CMA_IDLE) + in_state(HVO_CMA_PARKED),
			 UNITS);
	assert_null(wrong(s));
}

static void each_failure(void **state)
{
	(void)state;
	for (int sticky = 0; sticky < 2; sticky++) {
		uint64_t failed = 1;
		uint64_t n;

		for (n = 1; failed; n++) {
			struct scene s = open_scene();

			machine_fail(n, sticky);
			attempt(&s);
			failed = machine_failed();
			close_scene(&s);
		}
		assert_true(n > 10);
	}
}

/* ---- random --------------------------------------------------------- */

#define FOLIOS 64

struct reference {
	uint8_t unit[UNITS]; /* IDLE, USED, LENT or GONE */
	struct hvo_page *folio[FOLIOS];
	unsigned count;
	uint64_t random;
	uint64_t taken_back;
	struct scene *s;
};

static uint64_t below(struct reference *r, uint64_t n)
{
	return machine_random(&r->random) % n;
}

static void set(struct reference *r, const struct hvo_page *folio,
		unsigned state)
{
	hvo_pfn_t pfn = hvo_mm_pfn(r->s->m->mm, folio);
	uint64_t first = (pfn - area.pfn) >> UNIT;
	uint64_t n = UINT64_C(1) << (hvo_folio_order(folio) - UNIT);

	memset(r->unit + first, (int)state, n);
}

static bool is_lent(const struct reference *r, const struct hvo_page *folio)
{
	return r->unit[(hvo_mm_pfn(r->s->m->mm, folio) - area.pfn) >> UNIT] ==
	       HVO_CMA_LENT;
}

static void put_number(struct reference *r, unsigned i)
{
	struct hvo_page *folio = r->folio[i];

	r->folio[i] = r->folio[--r->count];
	set(r, folio, HVO_CMA_IDLE);
	assert_int_equal(hvo_cma_release(&area, folio), 0);
}

static void reference_gives(void *ctx, hvo_pfn_t pfn, uint64_t count)
{
	struct reference *r = ctx;

	for (unsigned i = r->count; i-- > 0;) {
		hvo_pfn_t at = hvo_mm_pfn(r->s->m->mm, r->folio[i]);

		if (at + (UINT64_C(1) << hvo_folio_order(r->folio[i])) <= pfn ||
		    at >= pfn + count || !is_lent(r, r->folio[i]))
			continue;
		put_number(r, i);
		r->taken_back++;
	}
}

/* Is there an aligned run in which all units are in states of a mask? */
static bool has_run(const struct reference *r, unsigned order, unsigned mask)
{
	uint64_t n = UINT64_C(1) << (order - UNIT);

	for (uint64_t i = 0; i + n <= UNITS; i += n) {
		bool fit = true;

		for (uint64_t k = i; k < i + n; k++)
			fit = fit && mask >> r->unit[k] & 1;
		if (fit)
			return true;
	}
	return false;
}

static void random_get(struct reference *r, bool lend)
{
	struct hvo_alloc a = an_alloc(UNIT + (unsigned)below(r, 4));
	unsigned mask = 1u << HVO_CMA_IDLE | (lend ? 0 : 1u << HVO_CMA_LENT);
	bool possible = has_run(r, a.order, mask);
	struct hvo_page *folio = NULL;
	int err;

	if (r->count == FOLIOS)
		return;
	if (below(r, 2))
		a.flags = HVO_ALLOC_FROZEN;
	err = (lend ? hvo_cma_lend : hvo_cma_alloc)(&area, &a, &folio);
	assert_int_equal(err, possible ? 0 : -HVO_ENOMEM);
	if (err)
		return;
	set(r, folio, lend ? HVO_CMA_LENT : HVO_CMA_USED);
	r->folio[r->count++] = folio;
}

static void random_split(struct reference *r)
{
	struct hvo_page *folio = r->folio[below(r, r->count)];
	unsigned order = hvo_folio_order(folio);

	if (order == UNIT || r->count == FOLIOS)
		return;
	assert_int_equal(hvo_folio_split(r->s->m->mm, folio, order - 1), 0);
	r->folio[r->count++] = folio + (UINT64_C(1) << (order - 1));
}

static void compare(struct reference *r)
{
	for (unsigned i = 0; i < UNITS; i++)
		assert_int_equal(area.unit[i], r->unit[i]);
}

static void run(uint64_t seed)
{
	struct scene s = open_scene();
	struct reference r = {.random = seed, .s = &s};
	uint64_t gone = 0;

	area.take_back = reference_gives;
	area.ctx = &r;
	for (unsigned n = 1; n <= 3000; n++) {
		switch (below(&r, 6)) {
		case 0:
		case 1:
			random_get(&r, false);
			break;
		case 2:
			random_get(&r, true);
			break;
		case 3:
			if (r.count)
				random_split(&r);
			break;
		default:
			if (r.count)
				put_number(&r, (unsigned)below(&r, r.count));
		}
		if (n % 1000 == 0) {
			hvo_pfn_t pfn = area.pfn + below(&r, AREA);
			uint64_t unit = (pfn - area.pfn) >> UNIT;
			bool idle = r.unit[unit] == HVO_CMA_IDLE;

			if (idle)
				r.unit[unit] = HVO_CMA_GONE;
			gone += idle;
			assert_int_equal(!hvo_cma_poison(&area, pfn, NULL),
					 idle);
		}
		compare(&r);
		if (n % 100 == 0)
			assert_null(wrong(&s));
	}
	assert_true(r.taken_back > 10);
	while (r.count)
		put_number(&r, 0);
	assert_int_equal(in_state(HVO_CMA_IDLE), UNITS - gone);
	close_scene(&s);
}

static void random_runs(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 4; seed++)
		run(seed);
}

/* ---- several at once ------------------------------------------------ */

struct worker {
	struct scene *s;
	pthread_t thread;
	uint64_t random;
	uint64_t wrong;
	uint64_t got;
};

static void *work(void *arg)
{
	struct worker *w = arg;
	struct hvo_page *mine[4];
	unsigned count = 0;

	for (unsigned n = 0; n < 3000; n++) {
		struct hvo_alloc a =
		    an_alloc(UNIT + (unsigned)(machine_random(&w->random) % 3));
		int err;

		if (machine_random(&w->random) % 3 == 0) {
			hvo_pfn_t pfn = machine_random(&w->random) % MIB(64);
			struct hvo_page *any =
			    hvo_folio_try_get(w->s->m->mm, pfn);

			if (any)
				hvo_folio_put(w->s->m->mm, any);
			continue;
		}
		if (count == 4 || (count && machine_random(&w->random) % 2)) {
			struct hvo_page *folio = mine[--count];

			w->wrong += folio->data != (uintptr_t)w;
			w->wrong += hvo_cma_release(&area, folio) != 0;
			continue;
		}
		err = (machine_random(&w->random) % 2
			   ? hvo_cma_alloc
			   : hvo_cma_lend)(&area, &a, &mine[count]);
		w->wrong += err && err != -HVO_ENOMEM;
		if (err)
			continue;
		w->wrong += mine[count]->data != 0;
		mine[count++]->data = (uintptr_t)w;
		w->got++;
	}
	while (count)
		w->wrong += hvo_cma_release(&area, mine[--count]) != 0;
	return NULL;
}

static void ask_nobody(void *ctx, hvo_pfn_t pfn, uint64_t count)
{
	(void)ctx;
	(void)pfn;
	(void)count;
}

static void threads(void **state)
{
	struct scene s = open_scene();
	struct worker w[4] = {{0}};

	(void)state;
	area.take_back = ask_nobody;
	machine_fail_often(40);
	for (unsigned i = 0; i < 4; i++) {
		w[i].s = &s;
		w[i].random = i;
		assert_int_equal(
		    pthread_create(&w[i].thread, NULL, work, &w[i]), 0);
	}
	for (unsigned i = 0; i < 4; i++) {
		pthread_join(w[i].thread, NULL);
		assert_int_equal(w[i].wrong, 0);
		assert_true(w[i].got > 100);
	}
	machine_fail(0, false);
	assert_int_equal(in_state(HVO_CMA_IDLE) + in_state(HVO_CMA_PARKED),
			 UNITS);
	close_scene(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(gives),
	    cmocka_unit_test(takes_back),
	    cmocka_unit_test(parks),
	    cmocka_unit_test(given_up_parked),
	    cmocka_unit_test(bad_pages),
	    cmocka_unit_test(boots),
	    cmocka_unit_test(crossing_zones),
	    cmocka_unit_test(crossing_units),
	    cmocka_unit_test(reserve_refused),
	    cmocka_unit_test(damage),
	    cmocka_unit_test(each_failure),
	    cmocka_unit_test(random_runs),
	    cmocka_unit_test(threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
