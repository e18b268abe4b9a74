/* SPDX-License-Identifier: MIT */
/*
 * How a test-suite written for Linux's memblock is bound to ours: through
 * memblock_shim.h alone. What follows uses Linux's names throughout, and every
 * name that the shim has.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "memblock_shim.h"

DEFINE_MEMBLOCK()

#define SZ_1K    1024ULL
#define SZ_4K    4096ULL
#define MEM_SIZE (256 * SZ_1K)

static unsigned char *ram;
static phys_addr_t base;

/* Reset the fields by hand, as suites do between tests. */
static int setup(void **state)
{
	(void)state;
	memset(shim_memory, 0, sizeof(shim_memory));
	memset(shim_reserved, 0, sizeof(shim_reserved));
	memblock.memory.regions = shim_memory;
	memblock.memory.cnt = 0;
	memblock.memory.max = INIT_MEMBLOCK_MEMORY_REGIONS;
	memblock.memory.total_size = 0;
	memblock.reserved.regions = shim_reserved;
	memblock.reserved.cnt = 0;
	memblock.reserved.max = INIT_MEMBLOCK_RESERVED_REGIONS;
	memblock.reserved.total_size = 0;
	memblock_set_bottom_up(false);
	memblock_set_current_limit(MEMBLOCK_ALLOC_ANYWHERE);
	ram = aligned_alloc(SZ_4K, MEM_SIZE);
	if (!ram)
		return -1;
	memset(ram, 1, MEM_SIZE);
	base = (uintptr_t)ram;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	free(ram);
	return 0;
}

/* As the program starts, before anything is reset. */
static void initialization_check(void **state)
{
	(void)state;
	assert_ptr_equal(memblock.memory.regions, shim_memory);
	assert_int_equal(memblock.memory.cnt, 0);
	assert_int_equal(memblock.memory.max, INIT_MEMBLOCK_MEMORY_REGIONS);
	assert_string_equal(memblock.memory.name, "memory");
	assert_ptr_equal(memblock.reserved.regions, shim_reserved);
	assert_int_equal(memblock.reserved.cnt, 0);
	assert_int_equal(memblock.reserved.max, INIT_MEMBLOCK_RESERVED_REGIONS);
	assert_string_equal(memblock.reserved.name, "reserved");
	assert_false(memblock_bottom_up());
	assert_int_equal(memblock_get_current_limit(), MEMBLOCK_ALLOC_ANYWHERE);
}

static void regions_check(void **state)
{
	struct memblock_region *rgn = &memblock.memory.regions[0];

	(void)state;
	assert_int_equal(memblock_add(SZ_4K, 4 * SZ_4K), 0);
	assert_int_equal(
	    memblock_add_node(8 * SZ_4K, SZ_4K, 1, MEMBLOCK_HOTPLUG), 0);
	assert_int_equal(rgn[0].base, SZ_4K);
	assert_int_equal(rgn[0].size, 4 * SZ_4K);
	assert_int_equal(memblock_get_region_node(&rgn[0]), NUMA_NO_NODE);
	assert_true(memblock_is_hotpluggable(&rgn[1]));
	assert_int_equal(memblock_get_region_node(&rgn[1]), 1);
	assert_int_equal(memblock_region_memory_base_pfn(&rgn[0]), 1);
	assert_int_equal(memblock_region_memory_end_pfn(&rgn[0]), 5);
	assert_int_equal(memblock_remove(2 * SZ_4K, SZ_4K), 0);
	assert_int_equal(memblock.memory.cnt, 3);
	assert_int_equal(memblock_phys_mem_size(), 4 * SZ_4K);
	assert_int_equal(memblock_start_of_DRAM(), SZ_4K);
	assert_int_equal(memblock_end_of_DRAM(), 9 * SZ_4K);
	memblock_set_region_node(&rgn[0], 5);
	assert_int_equal(rgn[0].nid, 5);
	memblock_remove(0, PHYS_ADDR_MAX);
	assert_int_equal(memblock.memory.cnt, 0);
	assert_int_equal(rgn->size, 0);
}

static void flags_check(void **state)
{
	struct memblock_region *rgn = memblock.memory.regions;
	struct memblock_region *rsv = memblock.reserved.regions;

	(void)state;
	memblock_add_node(0, SZ_4K, 0, MEMBLOCK_DRIVER_MANAGED);
	assert_true(memblock_is_driver_managed(rgn));
	assert_int_equal(memblock_mark_hotplug(0, SZ_4K), 0);
	assert_int_equal(memblock_mark_mirror(0, SZ_4K), 0);
	assert_int_equal(memblock_mark_nomap(0, SZ_4K), 0);
	assert_true(memblock_is_mirror(rgn) && memblock_is_nomap(rgn));
	assert_int_equal(memblock_clear_hotplug(0, SZ_4K), 0);
	assert_int_equal(memblock_clear_nomap(0, SZ_4K), 0);
	assert_int_equal(rgn->flags, MEMBLOCK_DRIVER_MANAGED | MEMBLOCK_MIRROR);
	assert_int_equal(memblock_reserve_kern(0, SZ_1K), 0);
	assert_int_equal(__memblock_reserve(SZ_1K, SZ_1K, 2, MEMBLOCK_NONE), 0);
	assert_int_equal(memblock_reserved_mark_noinit(SZ_1K, SZ_1K), 0);
	assert_int_equal(rsv[0].flags, MEMBLOCK_RSRV_KERN);
	assert_true(memblock_is_reserved_noinit(&rsv[1]));
	assert_int_equal(memblock_reserved_mark_kern(SZ_1K, SZ_1K), 0);
	assert_int_equal(rsv[1].flags,
			 MEMBLOCK_RSRV_NOINIT | MEMBLOCK_RSRV_KERN);
	assert_int_equal(memblock_reserved_kern_size(SZ_4K, NUMA_NO_NODE),
			 2 * SZ_1K);
	assert_int_equal(memblock_set_node(0, SZ_4K, &memblock.reserved, 3), 0);
	assert_int_equal(rsv[0].nid, 3);
	assert_int_equal(memblock_region_reserved_base_pfn(&rsv[1]), 0);
	assert_int_equal(memblock_region_reserved_end_pfn(&rsv[1]), 1);
	memblock.mirrored = false;
}

static void limits_check(void **state)
{
	(void)state;
	memblock_add(SZ_1K, 10 * SZ_4K);
	memblock_trim_memory(SZ_4K);
	assert_int_equal(memblock_phys_mem_size(), 9 * SZ_4K);
	memblock_enforce_memory_limit(8 * SZ_4K);
	assert_int_equal(memblock_end_of_DRAM(), 9 * SZ_4K);
	memblock_mem_limit_remove_map(7 * SZ_4K);
	assert_int_equal(memblock_end_of_DRAM(), 8 * SZ_4K);
	memblock_cap_memory_range(2 * SZ_4K, 2 * SZ_4K);
	assert_int_equal(memblock_start_of_DRAM(), 2 * SZ_4K);
	assert_int_equal(memblock_end_of_DRAM(), 4 * SZ_4K);
}

static void questions_check(void **state)
{
	unsigned long start;
	unsigned long end;

	(void)state;
	memblock_add_node(SZ_4K, 2 * SZ_4K, 6, MEMBLOCK_NONE);
	memblock_reserve(2 * SZ_4K, SZ_4K);
	assert_true(memblock_is_memory(SZ_4K));
	assert_true(memblock_is_map_memory(SZ_4K));
	assert_false(memblock_is_reserved(SZ_4K));
	assert_true(memblock_is_region_memory(SZ_4K, SZ_4K));
	assert_false(memblock_is_region_reserved(SZ_4K, SZ_4K));
	assert_true(
	    memblock_overlaps_region(&memblock.reserved, SZ_4K, SZ_4K + 1));
	assert_int_equal(memblock_search_pfn_nid(2, &start, &end), 6);
	assert_int_equal(start, 1);
	assert_int_equal(end, 3);
	assert_true(memblock_validate_numa_coverage(0));
	assert_int_equal(memblock_reserved_size(), SZ_4K);
	memblock_dump_all();
}

static void alloc_check(void **state)
{
	unsigned char *p;

	(void)state;
	memblock_add(base, MEM_SIZE);
	p = memblock_alloc(SZ_1K, SMP_CACHE_BYTES);
	assert_ptr_equal(p, ram + MEM_SIZE - SZ_1K);
	assert_int_equal(p[0], 0);
	assert_int_equal(p[-1], 1);
	p = memblock_alloc_raw(SZ_1K, SMP_CACHE_BYTES);
	assert_ptr_equal(p, ram + MEM_SIZE - 2 * SZ_1K);
	assert_int_equal(p[0], 1);
	memblock_free(p, SZ_1K);
	assert_int_equal(memblock_reserved_size(), SZ_1K);
	memblock_set_bottom_up(true);
	assert_ptr_equal(memblock_alloc_from(SZ_1K, 64, base + SZ_4K),
			 ram + SZ_4K);
	assert_int_equal(memblock_phys_alloc(SZ_1K, 64), base);
	assert_int_equal(memblock_phys_free(base, SZ_1K), 0);
	assert_int_equal(
	    memblock_phys_alloc_range(SZ_1K, 64, base + 64, base + SZ_4K),
	    base + 64);
	assert_null(memblock_alloc_low(SZ_1K, 64));
}

static void alloc_nid_check(void **state)
{
	phys_addr_t half = base + MEM_SIZE / 2;

	(void)state;
	memblock_add_node(base, MEM_SIZE / 2, 0, MEMBLOCK_NONE);
	memblock_add_node(half, MEM_SIZE / 2, 1, MEMBLOCK_NONE);
	assert_ptr_equal(memblock_alloc_node(SZ_1K, 64, 0),
			 ram + MEM_SIZE / 2 - SZ_1K);
	assert_ptr_equal(
	    memblock_alloc_try_nid(SZ_1K, 64, 0, MEMBLOCK_ALLOC_ACCESSIBLE, 1),
	    ram + MEM_SIZE - SZ_1K);
	assert_ptr_equal(memblock_alloc_try_nid_raw(SZ_1K, 64, base, half, 1),
			 ram + MEM_SIZE / 2 - 2 * SZ_1K);
	assert_null(memblock_alloc_exact_nid_raw(SZ_1K, 64, base, half, 1));
	assert_int_equal(memblock_phys_alloc_try_nid(SZ_1K, 64, 1),
			 base + MEM_SIZE - 2 * SZ_1K);
	assert_int_equal(
	    memblock_alloc_range_nid(SZ_1K, 64, base, half, 1, true), 0);
}

static void walk_check(void **state)
{
	struct memblock_region *rgn;
	phys_addr_t total = 0;
	phys_addr_t start;
	phys_addr_t end;
	unsigned long spfn;
	unsigned long epfn;
	uint64_t i;
	int j;
	int nid;

	(void)state;
	memblock_add_node(0, 4 * SZ_4K, 3, MEMBLOCK_NONE);
	memblock_reserve(SZ_4K, SZ_4K);
	for_each_mem_region(rgn) total += rgn->size;
	for_each_reserved_mem_region(rgn) total -= rgn->size;
	for_each_free_mem_range(i, NUMA_NO_NODE, MEMBLOCK_NONE, &start, &end,
				&nid)
	{
		assert_int_equal(nid, 3);
		total -= end - start;
	}
	assert_int_equal(total, 0);
	for_each_free_mem_range_reverse(i, 3, MEMBLOCK_NONE, &start, &end, NULL)
	    total += end - start;
	for_each_mem_range(i, &start, &end) total -= end - start;
	for_each_reserved_mem_range(i, &start, &end) total += end - start;
	assert_int_equal(total, 0);
	for_each_mem_range_rev(i, &start, &end) total += end - start;
	for_each_mem_pfn_range(j, 3, &spfn, &epfn, &nid) total -=
	    (epfn - spfn) * SZ_4K;
	assert_int_equal(total, 0);
	__for_each_mem_range(i, &memblock.memory, &memblock.reserved, 3,
			     MEMBLOCK_NONE, &start, &end, &nid) total +=
	    end - start;
	__for_each_mem_range_rev(i, &memblock.memory, &memblock.reserved, 3,
				 MEMBLOCK_NONE, &start, &end, &nid) total -=
	    end - start;
	assert_int_equal(total, 0);
	assert_int_equal(start, 0);
}

/* The last test: there is no way back from memblock_allow_resize(). */
static void resize_check(void **state)
{
	(void)state;
	memblock_add(base, MEM_SIZE);
	for (unsigned i = 0; i < INIT_MEMBLOCK_RESERVED_REGIONS; i++)
		assert_int_equal(memblock_reserve(2 * i * SZ_4K, SZ_4K), 0);
	assert_int_equal(memblock_reserve(0, PHYS_ADDR_MAX), -ENOMEM);
	memblock_allow_resize();
	assert_int_equal(memblock_reserve(1000 * SZ_4K, SZ_4K), 0);
	assert_int_equal(memblock.reserved.max,
			 2 * INIT_MEMBLOCK_RESERVED_REGIONS);
	assert_int_equal(memblock.reserved.cnt,
			 INIT_MEMBLOCK_RESERVED_REGIONS + 2);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(initialization_check),
	    TEST(regions_check),
	    TEST(flags_check),
	    TEST(limits_check),
	    TEST(questions_check),
	    TEST(alloc_check),
	    TEST(alloc_nid_check),
	    TEST(walk_check),
	    TEST(resize_check),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
