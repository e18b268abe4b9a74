/* SPDX-License-Identifier: MIT */
/*
 * A machine in a process: what it is made of, what it refuses, that its
 * account of backed pages is the operating system's, and that its check finds
 * damage.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "hvo/folio.h"
#include "hvo_machine.h"

#define MIB UINT64_C(1048576)

static char message[512];

static struct hvo_machine_config usual(void)
{
	return (struct hvo_machine_config){
	    .range = {{.base = 0, .size = 64 * MIB, .node = 0},
		      {.base = 64 * MIB, .size = 64 * MIB, .node = 1}},
	    .ranges = 2,
	    .no_watermarks = true,
	};
}

static struct hvo_machine *make(const struct hvo_machine_config *config)
{
	struct hvo_machine *m;

	message[0] = 0;
	if (hvo_machine_open(&m, config, message, sizeof(message)))
		fail_msg("no machine: %s", message);
	return m;
}

static void assert_clean(struct hvo_machine *m)
{
	if (hvo_machine_check(m, message, sizeof(message)))
		fail_msg("%s", message);
}

static uint64_t owned(struct hvo_machine *m, enum hvo_owner owner)
{
	struct hvo_mm_stats s;

	hvo_mm_stats(hvo_machine_mm(m), &s);
	return s.owner[owner];
}

static uint64_t free_pages(struct hvo_machine *m)
{
	return owned(m, HVO_OWNER_FREE) + owned(m, HVO_OWNER_CACHE);
}

static struct hvo_page *allocate(struct hvo_machine *m, unsigned order,
				 unsigned flags)
{
	const struct hvo_alloc alloc = {
	    .order = order, .limit = HVO_ZONE_MOVABLE, .flags = flags};
	struct hvo_page *folio;

	assert_int_equal(hvo_folio_alloc(hvo_machine_mm(m), &alloc, &folio), 0);
	return folio;
}

/* ---- what it is made of ------------------------------------------------- */

static void descriptors_alone_are_backed(void **state)
{
	struct hvo_machine_config config = usual();
	struct hvo_machine *m = make(&config);
	uint64_t pages = 128 * MIB / 4096;
	uint64_t frames = pages * sizeof(struct hvo_page) / 4096;

	(void)state;
	assert_clean(m);
	assert_int_equal(owned(m, HVO_OWNER_BOOT), frames);
	assert_int_equal(hvo_machine_backed(m), frames);
	assert_int_equal(hvo_machine_measured(m), frames * 4096);
	assert_int_equal(free_pages(m), pages - frames);
	assert_int_equal(hvo_machine_close(m), 0);
}

static void nodes_and_zones(void **state)
{
	struct hvo_machine_config config = usual();
	struct hvo_zone_stats zone;
	struct hvo_machine *m;

	(void)state;
	config.dma32 = 32 * MIB;
	config.movable = 16 * MIB;
	m = make(&config);
	assert_clean(m);
	assert_int_equal(
	    hvo_zone_stats(hvo_machine_mm(m), 0, HVO_ZONE_DMA32, &zone), 0);
	assert_int_equal(zone.present, 32 * MIB / 4096);
	for (unsigned node = 0; node < 2; node++) {
		assert_int_equal(hvo_zone_stats(hvo_machine_mm(m), node,
						HVO_ZONE_MOVABLE, &zone),
				 0);
		assert_int_equal(zone.present, 16 * MIB / 4096);
	}
	assert_int_equal(
	    hvo_zone_stats(hvo_machine_mm(m), 1, HVO_ZONE_NORMAL, &zone), 0);
	assert_int_equal(zone.present, 48 * MIB / 4096);
	assert_int_equal(hvo_machine_close(m), 0);
}

static void a_hole_between_ranges(void **state)
{
	struct hvo_machine_config config = usual();
	struct hvo_machine *m;

	(void)state;
	config.range[0].base = 512 * MIB;
	config.range[1].base = 1024 * MIB;
	m = make(&config);
	assert_clean(m);
	assert_false(hvo_sparse_present(hvo_mm_sparse(hvo_machine_mm(m)),
					700 * MIB / 4096));
	assert_true(hvo_sparse_online(hvo_mm_sparse(hvo_machine_mm(m)),
				      1030 * MIB / 4096));
	assert_int_equal(hvo_machine_close(m), 0);
}

static void larger_base_pages(void **state)
{
	static const uint64_t sizes[] = {8192, 16384, 32768, 65536};

	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		struct hvo_machine_config config = {
		    .range = {{.size = 1024 * MIB}},
		    .ranges = 1,
		    .base_page = sizes[i],
		};
		struct hvo_machine *m = make(&config);

		assert_clean(m);
		assert_int_equal(hvo_machine_measured(m),
				 1024 * MIB / sizes[i] *
				     sizeof(struct hvo_page));
		assert_int_equal(hvo_machine_close(m), 0);
	}
}

static void memory_to_spare(void **state)
{
	struct hvo_machine_config config = usual();
	struct hvo_machine *m;
	hvo_pfn_t pfn = 128 * MIB / 4096;
	uint64_t before;

	(void)state;
	config.spare = 64 * MIB;
	m = make(&config);
	before = free_pages(m);
	assert_int_equal(
	    hvo_mm_describe(hvo_machine_mm(m), pfn, 64 * MIB / 4096,
			    hvo_zone_domain(1, HVO_ZONE_NORMAL), 0),
	    0);
	assert_int_equal(hvo_mm_online(hvo_machine_mm(m), pfn, 64 * MIB / 4096),
			 0);
	assert_clean(m);
	assert_int_equal(free_pages(m),
			 before + 64 * MIB / 4096 -
			     MIB * sizeof(struct hvo_page) / 4096 * 64 / 4096);
	assert_int_equal(hvo_machine_close(m), 0);
}

/* ---- what it refuses ---------------------------------------------------- */

static void refuse(const struct hvo_machine_config *config, int error,
		   const char *words)
{
	struct hvo_machine *m = (struct hvo_machine *)message;

	message[0] = 0;
	assert_int_equal(hvo_machine_open(&m, config, message, sizeof(message)),
			 error);
	assert_null(m);
	if (!strstr(message, words))
		fail_msg("'%s' does not say '%s'", message, words);
}

static void bad_ranges(void **state)
{
	struct hvo_machine_config config = usual();

	(void)state;
	config.ranges = 0;
	refuse(&config, -HVO_ERANGE, "1 to 32 ranges");
	config.ranges = HVO_MACHINE_RANGES + 1;
	refuse(&config, -HVO_ERANGE, "1 to 32 ranges");
	config = usual();
	config.range[1].size = 0;
	refuse(&config, -HVO_ERANGE, "empty");
	config = usual();
	config.range[1].base = 32 * MIB;
	refuse(&config, -HVO_EEXIST, "overlaps");
	config = usual();
	config.range[0].size = 5000;
	refuse(&config, -HVO_EALIGN, "no multiple of a base page");
	config = usual();
	config.range[1].base = UINT64_C(1) << 60;
	refuse(&config, -HVO_ERANGE, "beyond 4 PiB");
	config = usual();
	config.range[1].node = HVO_NODES_MAX;
	refuse(&config, -HVO_ENODE, "nodes are 0 to");
	config = usual();
	config.range[0].size = 4096;
	config.ranges = 1;
	refuse(&config, -HVO_ENOMEM, "too little");
}

static void bad_parameters(void **state)
{
	static const uint64_t pages[] = {1, 2048, 5000, 131072};
	struct hvo_machine_config config = usual();

	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		config.base_page = pages[i];
		refuse(&config, -HVO_EPAGE, "base pages have");
	}
	config = usual();
	config.cpus = 1025;
	refuse(&config, -HVO_ERANGE, "1024 CPUs");
	config = usual();
	config.spare = UINT64_C(1) << 60;
	refuse(&config, -HVO_ERANGE, "to spare");
	config = usual();
	config.work_runs = SIZE_MAX;
	refuse(&config, -HVO_ERANGE, "no such machine");
}

/* ---- accounts ----------------------------------------------------------- */

static void optimizing_gives_pages_back(void **state)
{
	struct hvo_machine_config config = usual();
	struct hvo_machine *m = make(&config);
	/* All pages of a folio's descriptors but the first. */
	uint64_t saved = 512 * sizeof(struct hvo_page) / 4096 - 1;
	struct hvo_page *folio[2];
	uint64_t measured, before;

	(void)state;
	/* The first one makes the shared tails. */
	folio[0] = allocate(m, 9, HVO_ALLOC_HVO);
	measured = hvo_machine_measured(m);
	before = free_pages(m);
	folio[1] = allocate(m, 9, HVO_ALLOC_HVO);
	assert_int_equal(measured - hvo_machine_measured(m), saved * 4096);
	assert_int_equal(free_pages(m), before - 512 + saved);
	assert_clean(m);
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(hvo_folio_put(hvo_machine_mm(m), folio[i]), 0);
	assert_clean(m);
	assert_int_equal(hvo_machine_measured(m), measured + saved * 4096);
	assert_int_equal(hvo_machine_close(m), 0);
}

static void closing_with_folios_out(void **state)
{
	struct hvo_machine_config config = usual();
	struct hvo_machine *m = make(&config);

	(void)state;
	allocate(m, 9, HVO_ALLOC_HVO | HVO_ALLOC_COMMIT);
	allocate(m, 3, HVO_ALLOC_ZERO);
	assert_clean(m);
	assert_int_equal(hvo_machine_close(m), 0);
	assert_int_equal(hvo_machine_close(NULL), 0);
}

static void failures_to_order(void **state)
{
	const struct hvo_alloc alloc = {
	    .order = 4, .limit = HVO_ZONE_MOVABLE, .flags = HVO_ALLOC_COMMIT};
	struct hvo_machine_config config = usual();
	struct hvo_machine *m = make(&config);
	struct hvo_page *folio[3];
	uint64_t measured = hvo_machine_measured(m), before = free_pages(m);
	unsigned failed = 0;

	(void)state;
	hvo_machine_fail(m, 2, false);
	assert_int_equal(hvo_folio_alloc(hvo_machine_mm(m), &alloc, &folio[0]),
			 0);
	assert_int_equal(hvo_folio_alloc(hvo_machine_mm(m), &alloc, &folio[1]),
			 -HVO_ENOMEM);
	hvo_machine_explain(m, -HVO_ENOMEM, message, sizeof(message));
	assert_non_null(strstr(message, "ordered"));
	assert_int_equal(hvo_folio_alloc(hvo_machine_mm(m), &alloc, &folio[1]),
			 0);
	assert_int_equal(hvo_machine_failed(m), 1);
	hvo_machine_fail(m, 1, true);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(
		    hvo_folio_alloc(hvo_machine_mm(m), &alloc, &folio[2]),
		    -HVO_ENOMEM);
	assert_int_equal(hvo_machine_failed(m), 3);
	hvo_machine_fail(m, 0, false);
	for (unsigned i = 0; i < 2; i++)
		hvo_folio_put(hvo_machine_mm(m), folio[i]);
	hvo_machine_fail_often(m, 4);
	for (unsigned i = 0; i < 100; i++) {
		if (hvo_folio_alloc(hvo_machine_mm(m), &alloc, &folio[0]))
			failed++;
		else
			hvo_folio_put(hvo_machine_mm(m), folio[0]);
	}
	assert_int_equal(hvo_machine_failed(m), failed);
	assert_in_range(failed, 5, 60);
	assert_clean(m);
	assert_int_equal(hvo_machine_measured(m), measured);
	assert_int_equal(free_pages(m), before);
	assert_int_equal(hvo_machine_close(m), 0);
}

/* ---- damage ------------------------------------------------------------- */

static void assert_found(struct hvo_machine *m, const char *words)
{
	message[0] = 0;
	assert_int_equal(hvo_machine_check(m, message, sizeof(message)),
			 -HVO_ECORRUPT);
	if (!strstr(message, words))
		fail_msg("'%s' does not say '%s'", message, words);
}

static void damage_is_found(void **state)
{
	struct hvo_machine_config config = usual();
	struct hvo_machine *m = make(&config);
	struct hvo_page *folio = allocate(m, 9, HVO_ALLOC_HVO);
	const struct hvo_mm_config *c = hvo_mm_config(hvo_machine_mm(m));
	hvo_pfn_t pfn = hvo_mm_pfn(hvo_machine_mm(m), folio);
	struct hvo_run run = {hvo_mm_frame(hvo_machine_mm(m), pfn), 1};

	(void)state;
	assert_clean(m);
	/* a page that the machine does not know to be backed */
	assert_int_equal(hvo_linux_commit(hvo_machine_port(m), run), 0);
	assert_found(m, "measures");
	hvo_linux_uncommit(hvo_machine_port(m), run);
	assert_clean(m);
	/* the marks of two owners */
	atomic_fetch_or(&folio->flags, HVO_PAGE_FREE);
	assert_found(m, "two owners");
	atomic_fetch_and(&folio->flags, ~(uint64_t)HVO_PAGE_FREE);
	assert_clean(m);
	/* given back twice */
	c->backing.commit(c->backing.ctx, run);
	c->backing.uncommit(c->backing.ctx, run);
	assert_clean(m);
	c->backing.uncommit(c->backing.ctx, run);
	assert_found(m, "twice");
	assert_int_equal(hvo_machine_close(m), -HVO_ECORRUPT);
}

/* ---- errors ------------------------------------------------------------- */

static void names_of_errors(void **state)
{
	struct hvo_machine_config config = usual();
	struct hvo_machine *m = make(&config);

	(void)state;
	for (int code = 1; code < HVO_ERRORS; code++) {
		const char *name = hvo_machine_error_name(-code);

		assert_int_equal(name[0], 'E');
		assert_int_equal(hvo_machine_error(name), -code);
		message[0] = 0;
		hvo_machine_explain(m, -code, message, sizeof(message));
		assert_true(strlen(message) > 10);
	}
	assert_string_equal(hvo_machine_error_name(0), "OK");
	assert_string_equal(hvo_machine_error_name(-HVO_ENOMEM), "ENOMEM");
	assert_string_equal(hvo_machine_error_name(9999), "unknown");
	assert_int_equal(hvo_machine_error("ENOTHING"), 0);
	assert_int_equal(hvo_machine_close(m), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(descriptors_alone_are_backed),
	    cmocka_unit_test(nodes_and_zones),
	    cmocka_unit_test(a_hole_between_ranges),
	    cmocka_unit_test(larger_base_pages),
	    cmocka_unit_test(memory_to_spare),
	    cmocka_unit_test(bad_ranges),
	    cmocka_unit_test(bad_parameters),
	    cmocka_unit_test(optimizing_gives_pages_back),
	    cmocka_unit_test(closing_with_folios_out),
	    cmocka_unit_test(failures_to_order),
	    cmocka_unit_test(damage_is_found),
	    cmocka_unit_test(names_of_errors),
	};

	return cmocka_run_group_tests_name("machine", tests, NULL, NULL);
}
