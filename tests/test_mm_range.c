/* SPDX-License-Identifier: MIT */
/*
 * Ranges by address: isolating and giving back, memory that goes online and
 * offline, comes and goes, altmaps, folios of isolated and offline memory.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "mm.h"

#define MIB(n) ((uint64_t)(n) << 8) /* in base pages of 4 KiB */

/* 64 MiB of memory and as much that is absent. */
static const struct machine_config with_room = {.spare_pages = MIB(64)};

static const unsigned normal = HVO_ZONE_NORMAL; /* of node 0 */

/* ---- isolating ----------------------------------------------------------- */

static void isolate(void **state)
{
	struct machine *m = machine_open(&(struct machine_config){0});
	uint64_t free = machine_free(m);

	(void)state;
	assert_int_equal(hvo_contig_isolate(m->mm, 1001, 5000), 0);
	machine_assert(m);
	assert_int_equal(machine_owned(m, HVO_OWNER_ISOLATED), 5000);
	assert_int_equal(hvo_contig_isolate(m->mm, 1000, 2), -HVO_EBUSY);
	assert_int_equal(hvo_contig_isolate(m->mm, 6000, 2), -HVO_EBUSY);
	assert_int_equal(hvo_contig_isolate(m->mm, 6001, 7), 0);
	/* In other pieces than it was taken in. */
	assert_int_equal(hvo_contig_release(m->mm, 2000, 4002), 0);
	machine_assert(m);
	assert_int_equal(hvo_contig_release(m->mm, 2000, 1), -HVO_ESTATE);
	assert_int_equal(hvo_contig_release(m->mm, 1999, 2), -HVO_ESTATE);
	assert_int_equal(hvo_contig_release(m->mm, 1001, 999), 0);
	assert_int_equal(hvo_contig_release(m->mm, 6002, 6), 0);
	machine_assert(m);
	assert_int_equal(machine_owned(m, HVO_OWNER_FREE), free);
	machine_close(m);
}

static void isolate_refuses(void **state)
{
	const struct machine_config config = {.dma32_end = MIB(16),
					      .spare_pages = MIB(2)};
	struct machine *m = machine_open(&config);
	struct hvo_page *folio = machine_alloc(m, 0, 0);
	hvo_pfn_t pfn = hvo_mm_pfn(m->mm, folio);

	(void)state;
	assert_int_equal(hvo_contig_isolate(m->mm, 0, 0), -HVO_ERANGE);
	assert_int_equal(hvo_contig_isolate(m->mm, MIB(66), 1), -HVO_ERANGE);
	assert_int_equal(hvo_contig_isolate(m->mm, 5, UINT64_MAX), -HVO_ERANGE);
	assert_int_equal(hvo_contig_isolate(m->mm, MIB(64), 1), -HVO_EABSENT);
	assert_int_equal(hvo_contig_isolate(m->mm, MIB(16) - 1, 2),
			 -HVO_EDOMAIN);
	assert_int_equal(hvo_contig_isolate(m->mm, pfn & ~UINT64_C(7), 8),
			 -HVO_EBUSY);
	/* What lies in caches is free. */
	hvo_folio_put(m->mm, folio);
	assert_true(machine_owned(m, HVO_OWNER_CACHE));
	assert_int_equal(hvo_contig_isolate(m->mm, pfn & ~UINT64_C(7), 8), 0);
	machine_close(m);
}

static void contig_alloc(void **state)
{
	struct machine *m = machine_open(&(struct machine_config){.nodes = 2});
	hvo_pfn_t pfn;

	(void)state;
	assert_int_equal(hvo_contig_alloc(m->mm, 13, 1, HVO_ZONE_MOVABLE, &pfn),
			 0);
	assert_true(pfn >= MIB(64) && !(pfn & 8191));
	machine_assert(m);
	assert_int_equal(hvo_contig_alloc(m->mm, 13, 1, HVO_ZONE_MOVABLE, &pfn),
			 -HVO_ENOMEM);
	assert_int_equal(hvo_contig_alloc(m->mm, 23, 1, HVO_ZONE_MOVABLE, &pfn),
			 -HVO_EORDER);
	assert_int_equal(hvo_contig_alloc(m->mm, 0, 2, HVO_ZONE_MOVABLE, &pfn),
			 -HVO_ENODE);
	assert_int_equal(hvo_contig_alloc(m->mm, 0, 0, HVO_ZONE_DEVICE, &pfn),
			 -HVO_ENODE);
	machine_close(m);
}

/* An isolated range becomes a folio, of any state, and is one again. */
static void adopt(void **state)
{
	struct machine *m = machine_open(&(struct machine_config){0});
	struct hvo_alloc a = {.order = 9, .flags = HVO_ALLOC_HVO};
	struct hvo_page *folio;

	(void)state;
	assert_int_equal(hvo_folio_adopt(m->mm, 1024, &a, &folio), -HVO_ESTATE);
	assert_int_equal(hvo_contig_isolate(m->mm, 1000, 1500), 0);
	assert_int_equal(hvo_folio_adopt(m->mm, 1025, &a, &folio), -HVO_EALIGN);
	assert_int_equal(hvo_folio_adopt(m->mm, 1024, &a, &folio), 0);
	machine_assert(m);
	assert_true(hvo_folio_optimized(m->mm, folio));
	assert_int_equal(hvo_page_count(folio), 1);
	assert_int_equal(machine_owned(m, HVO_OWNER_ISOLATED), 1500 - 512);
	assert_int_equal(hvo_folio_disown(m->mm, folio), -HVO_ESTATE);
	assert_true(hvo_folio_freeze(folio, 1));
	assert_int_equal(hvo_folio_disown(m->mm, folio), -HVO_ESTATE);
	assert_int_equal(hvo_folio_restore(m->mm, &folio, 1, NULL), 0);
	assert_int_equal(hvo_folio_disown(m->mm, folio), 0);
	assert_int_equal(machine_owned(m, HVO_OWNER_ISOLATED), 1500);
	assert_int_equal(hvo_contig_release(m->mm, 1000, 1500), 0);
	machine_close(m);
}

/* ---- coming and going ------------------------------------------------- */

static void describe_and_online(void **state)
{
	struct machine *m = machine_open(&with_room);
	uint64_t free = machine_free(m);
	uint64_t frames = MIB(32) * sizeof(struct hvo_page) / 4096;
	struct hvo_alloc a = {.order = 4};
	struct hvo_page *folio;
	uint64_t done;

	(void)state;
	assert_int_equal(hvo_mm_describe(m->mm, MIB(64), MIB(32), normal, 0),
			 0);
	machine_assert(m);
	assert_int_equal(machine_owned(m, HVO_OWNER_OFFLINE), MIB(32));
	assert_int_equal(machine_free(m), free - frames);
	assert_int_equal(hvo_mm_describe(m->mm, MIB(64), MIB(2), normal, 0),
			 -HVO_EEXIST);
	/* A folio of offline pages keeps them offline. */
	assert_int_equal(hvo_folio_adopt(m->mm, MIB(65), &a, &folio), 0);
	assert_int_equal(hvo_mm_online(m->mm, MIB(64), MIB(2)), -HVO_ESTATE);
	assert_int_equal(hvo_folio_put(m->mm, folio), 0);
	assert_int_equal(hvo_mm_online(m->mm, MIB(64), MIB(2)), 0);
	assert_int_equal(hvo_mm_online(m->mm, MIB(64), MIB(32)), -HVO_ESTATE);
	assert_int_equal(hvo_mm_online(m->mm, MIB(66), MIB(30)), 0);
	machine_assert(m);
	assert_int_equal(machine_free(m), free - frames + MIB(32));
	assert_int_equal(hvo_mm_undescribe(m->mm, MIB(64), MIB(32), NULL),
			 -HVO_EBUSY);
	assert_int_equal(hvo_mm_offline(m->mm, MIB(64), MIB(32)), 0);
	machine_assert(m);
	assert_int_equal(hvo_mm_undescribe(m->mm, MIB(64), MIB(32), &done), 0);
	assert_int_equal(done, MIB(32));
	machine_assert(m);
	assert_int_equal(machine_free(m), free);
	assert_int_equal(hvo_mm_undescribe(m->mm, MIB(64), MIB(32), &done),
			 -HVO_EABSENT);
	machine_close(m);
}

/* In steps; a bad page is found good when all seems to be there. */
static void offline_in_steps(void **state)
{
	struct machine *m = machine_open(&with_room);
	struct hvo_offlining o;

	(void)state;
	assert_int_equal(hvo_mm_describe(m->mm, MIB(64), MIB(4), normal, 0), 0);
	assert_int_equal(hvo_mm_offline_begin(m->mm, &o, MIB(64), MIB(4)),
			 -HVO_ESTATE);
	assert_int_equal(hvo_mm_offline_begin(m->mm, &o, MIB(68), MIB(2)),
			 -HVO_EABSENT);
	assert_int_equal(hvo_mm_online(m->mm, MIB(64), MIB(4)), 0);
	assert_int_equal(hvo_mm_poison(m->mm, MIB(64) + 77, NULL), 0);
	assert_int_equal(hvo_mm_offline_begin(m->mm, &o, MIB(64), MIB(4)), 0);
	assert_int_equal(hvo_mm_offline_ready(m->mm, &o, 0), 0);
	assert_int_equal(hvo_mm_unpoison(m->mm, MIB(64) + 77), 0);
	hvo_mm_offline_finish(m->mm, &o);
	machine_assert(m);
	assert_int_equal(machine_owned(m, HVO_OWNER_OFFLINE), MIB(4));
	assert_int_equal(hvo_mm_undescribe(m->mm, MIB(64), MIB(4), NULL), 0);
	machine_assert(m);
	machine_close(m);
}

static void ranges_refused(void **state)
{
	struct machine *m = machine_open(&with_room);
	struct hvo_page *folio;

	(void)state;
	assert_int_equal(hvo_mm_describe(m->mm, MIB(64) + 1, MIB(2), 1, 0),
			 -HVO_EALIGN);
	assert_int_equal(hvo_mm_describe(m->mm, MIB(64), 0, 1, 0), -HVO_ERANGE);
	assert_int_equal(hvo_mm_describe(m->mm, MIB(128), MIB(2), 1, 0),
			 -HVO_ERANGE);
	assert_int_equal(hvo_mm_describe(m->mm, MIB(64), MIB(2), 4, 0),
			 -HVO_ENODE);
	assert_int_equal(hvo_mm_describe(m->mm, MIB(64), MIB(2), 1, 5),
			 -HVO_EORDER);
	assert_int_equal(hvo_mm_describe(m->mm, MIB(66), MIB(4), 1, 10),
			 -HVO_EALIGN);
	assert_int_equal(hvo_mm_online(m->mm, MIB(64), MIB(2)), -HVO_EABSENT);
	assert_int_equal(hvo_mm_offline(m->mm, MIB(64), MIB(2)), -HVO_EABSENT);
	assert_int_equal(
	    hvo_mm_describe(m->mm, MIB(64), MIB(2), HVO_ZONE_DEVICE, 0), 0);
	assert_int_equal(hvo_mm_online(m->mm, MIB(64), MIB(2)), -HVO_EDOMAIN);
	/* A page in use keeps its range online. */
	folio = machine_alloc(m, 0, 0);
	assert_int_equal(
	    hvo_mm_offline(m->mm, hvo_mm_pfn(m->mm, folio) & ~UINT64_C(511),
			   512),
	    -HVO_EBUSY);
	machine_assert(m);
	machine_close(m);
}

/* Device memory: described as optimized folios, adopted, and gone again. */
static void optimized_ranges(void **state)
{
	struct machine *m = machine_open(&with_room);
	uint64_t free = machine_free(m);
	struct hvo_alloc a = {.order = 12, .flags = HVO_ALLOC_FROZEN};
	struct hvo_page *folio;

	(void)state;
	assert_int_equal(
	    hvo_mm_describe(m->mm, MIB(64), MIB(64), HVO_ZONE_DEVICE, 12), 0);
	machine_assert(m);
	/* A frame for each, and one group of shared tails. */
	assert_int_equal(free - machine_free(m),
			 4 + 4096 * sizeof(struct hvo_page) / 4096 - 1);
	assert_int_equal(hvo_folio_adopt(m->mm, MIB(80), &a, &folio), 0);
	machine_assert(m);
	assert_int_equal(hvo_folio_adopt(m->mm, MIB(80), &a, &folio),
			 -HVO_ESTATE);
	assert_int_equal(hvo_mm_undescribe(m->mm, MIB(64), MIB(64), NULL),
			 -HVO_EBUSY);
	/* Freed, it is offline as it was. */
	hvo_folio_unfreeze(folio, 1);
	assert_int_equal(hvo_folio_put(m->mm, folio), 0);
	machine_assert(m);
	assert_int_equal(machine_owned(m, HVO_OWNER_OFFLINE), MIB(64));
	assert_int_equal(hvo_mm_undescribe(m->mm, MIB(64), MIB(8), NULL),
			 -HVO_ESTATE);
	assert_int_equal(hvo_mm_undescribe(m->mm, MIB(64), MIB(64), NULL), 0);
	machine_close(m);
}

/* Memory that holds its own descriptors, and others'. */
static void altmaps(void **state)
{
	const uint64_t own = MIB(2) * sizeof(struct hvo_page) / 4096;
	struct machine *m = machine_open(&with_room);
	struct hvo_altmap altmap = {
	    .pfn = MIB(64), .count = MIB(32), .first = MIB(64), .pages = 64};
	struct hvo_altmap other = altmap;
	uint64_t free = machine_free(m);

	(void)state;
	assert_int_equal(hvo_mm_altmap_add(m->mm, &altmap), 0);
	assert_int_equal(hvo_mm_altmap_add(m->mm, &other), -HVO_EEXIST);
	other.pfn = other.first = MIB(8);
	assert_int_equal(hvo_mm_altmap_add(m->mm, &other), -HVO_EEXIST);
	other.first = MIB(120);
	assert_int_equal(hvo_mm_altmap_remove(m->mm, &other), -HVO_ESTATE);
	assert_int_equal(
	    hvo_mm_describe(m->mm, MIB(64), MIB(2), HVO_ZONE_DEVICE, 9),
	    -HVO_ESTATE);
	assert_int_equal(hvo_mm_describe(m->mm, MIB(64), MIB(2), normal, 0), 0);
	machine_assert(m);
	assert_int_equal(machine_free(m), free);
	assert_int_equal(machine_owned(m, HVO_OWNER_ALTMAP), 64);
	assert_int_equal(altmap.used, own);
	/* Shared tails are everybody's, so they are not the altmap's. */
	assert_int_equal(
	    hvo_mm_describe(m->mm, MIB(66), MIB(30), HVO_ZONE_DEVICE, 9), 0);
	machine_assert(m);
	assert_int_equal(altmap.used, own + 15);
	assert_int_equal(free - machine_free(m),
			 512 * sizeof(struct hvo_page) / 4096 - 1);
	assert_int_equal(hvo_mm_online(m->mm, MIB(64), MIB(2)), 0);
	machine_assert(m);
	assert_int_equal(hvo_mm_offline(m->mm, MIB(64), MIB(2)), 0);
	assert_int_equal(hvo_mm_undescribe(m->mm, MIB(64), MIB(2), NULL),
			 -HVO_EBUSY);
	assert_int_equal(hvo_mm_altmap_remove(m->mm, &altmap), -HVO_EBUSY);
	assert_int_equal(hvo_mm_undescribe(m->mm, MIB(66), MIB(30), NULL), 0);
	machine_assert(m);
	assert_int_equal(hvo_mm_undescribe(m->mm, MIB(64), MIB(2), NULL), 0);
	assert_int_equal(altmap.used, 0);
	assert_int_equal(hvo_mm_altmap_remove(m->mm, &altmap), 0);
	machine_close(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(isolate),
	    cmocka_unit_test(isolate_refuses),
	    cmocka_unit_test(contig_alloc),
	    cmocka_unit_test(adopt),
	    cmocka_unit_test(describe_and_online),
	    cmocka_unit_test(offline_in_steps),
	    cmocka_unit_test(ranges_refused),
	    cmocka_unit_test(optimized_ranges),
	    cmocka_unit_test(altmaps),
	};

	return cmocka_run_group_tests_name("mm: ranges", tests, NULL, NULL);
}
