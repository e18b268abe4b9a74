/* SPDX-License-Identifier: MIT */
/*
 * e820 tables and the PVH start info: recorded ones, then one wrong thing at
 * a time.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "test_firmware.h"

#define ROOM 32

static struct hvo_memory_range raw_ranges[ROOM], out_ranges[2 * ROOM];
static struct hvo_memory_map raw, out;
static struct hvo_firmware_fault fault;
static struct hvo_pvh pvh;
static struct image image;
static struct hvo_physical physical;

static int start_empty(void **state)
{
	(void)state;
	raw = (struct hvo_memory_map){.range = raw_ranges, .capacity = ROOM};
	out =
	    (struct hvo_memory_map){.range = out_ranges, .capacity = 2 * ROOM};
	memset(&fault, 0, sizeof(fault));
	image_free(&image);
	physical = image_physical(&image);
	return 0;
}

static int end_empty(void **state)
{
	(void)state;
	image_free(&image);
	return 0;
}

struct expected {
	uint64_t base;
	uint64_t end;
	enum hvo_memory_type type;
};

static void assert_map(const struct hvo_memory_map *map,
		       const struct expected *expected, size_t n)
{
	assert_int_equal(map->count, n);
	for (size_t i = 0; i < n; i++) {
		assert_int_equal(map->range[i].base, expected[i].base);
		assert_int_equal(hvo_memory_range_end(&map->range[i]),
				 expected[i].end);
		assert_int_equal(map->range[i].type, expected[i].type);
		assert_int_equal(map->range[i].node, HVO_NO_NODE);
		assert_int_equal(map->range[i].flags, 0);
	}
}

static void normalise(void)
{
	assert_int_equal(hvo_memory_normalise(&raw, &out, 4096, &fault), 0);
	assert_true(map_is_normal(&out, 4096));
}

/* ---- e820 --------------------------------------------------------------- */

static void read_fixture(const char *name)
{
	struct bytes bytes = bytes_load(name);

	assert_int_equal(hvo_e820_memory(bytes.data, bytes.size, &raw, &fault),
			 0);
	bytes_free(&bytes);
	normalise();
}

static void reads_a_cloud_vm(void **state)
{
	static const struct expected expected[] = {
	    {0, 0x9f000, HVO_MEMORY_RAM},
	    {0x9f000, 0x100000, HVO_MEMORY_RESERVED},
	    {0x100000, 0xc0000000, HVO_MEMORY_RAM},
	    {0xeec00000, 0xfec00000, HVO_MEMORY_RESERVED},
	    {0x100000000, 0x640000000, HVO_MEMORY_RAM},
	};

	(void)state;
	read_fixture("firmware_e820/cloud-vm.e820");
	assert_map(&out, expected, 5);
}

/* It has an entry of size 0 and type 0. */
static void reads_a_microvm(void **state)
{
	static const struct expected expected[] = {
	    {0, 0x9f000, HVO_MEMORY_RAM},
	    {0x9f000, 0xa0000, HVO_MEMORY_RESERVED},
	    {0xd0000, 0xf0000, HVO_MEMORY_NVS},
	    {0xf0000, 0x100000, HVO_MEMORY_RESERVED},
	    {0x100000, 0x10000000, HVO_MEMORY_RAM},
	};

	(void)state;
	read_fixture("firmware_e820/microvm.e820");
	assert_map(&out, expected, 5);
}

static void put(uint8_t *entry, uint64_t base, uint64_t size, uint32_t type)
{
	memcpy(entry, &base, 8);
	memcpy(entry + 8, &size, 8);
	memcpy(entry + 16, &type, 4);
}

/* A type that nobody knows is no RAM. */
static void knows_the_types(void **state)
{
	static const struct {
		uint32_t number;
		enum hvo_memory_type type;
	} types[] = {
	    {0, HVO_MEMORY_RESERVED},
	    {1, HVO_MEMORY_RAM},
	    {2, HVO_MEMORY_RESERVED},
	    {3, HVO_MEMORY_ACPI},
	    {4, HVO_MEMORY_NVS},
	    {5, HVO_MEMORY_UNUSABLE},
	    {6, HVO_MEMORY_RESERVED},
	    {7, HVO_MEMORY_PERSISTENT},
	    {8, HVO_MEMORY_RESERVED},
	    {12, HVO_MEMORY_RESERVED},
	    {0xefffffff, HVO_MEMORY_SPECIAL},
	    {0xffffffff, HVO_MEMORY_RESERVED},
	};
	const size_t n = sizeof(types) / sizeof(types[0]);
	uint8_t table[sizeof(types) / sizeof(types[0]) * HVO_E820_ENTRY_BYTES];

	(void)state;
	for (size_t i = 0; i < n; i++)
		put(table + i * HVO_E820_ENTRY_BYTES, i << 16, 0x10000,
		    types[i].number);
	assert_int_equal(hvo_e820_memory(table, sizeof(table), &raw, &fault),
			 0);
	assert_int_equal(raw.count, n);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(raw.range[i].type, types[i].type);
}

/* Cut anywhere but between entries it is refused, and nothing was added. */
static void refuses_every_truncation(void **state)
{
	struct bytes whole = bytes_load("firmware_e820/q35-4-nodes.e820");

	(void)state;
	for (size_t size = 0; size < whole.size; size++) {
		struct bytes cut = bytes_copy(whole.data, size);
		enum hvo_firmware_error error =
		    hvo_e820_memory(cut.data, cut.size, &raw, &fault);

		bytes_free(&cut);
		if (size % HVO_E820_ENTRY_BYTES) {
			assert_int_equal(error, HVO_FIRMWARE_TRUNCATED);
			assert_int_equal(raw.count, 0);
			assert_int_equal(fault.where, size /
							  HVO_E820_ENTRY_BYTES *
							  HVO_E820_ENTRY_BYTES);
		} else {
			assert_int_equal(error, HVO_FIRMWARE_OK);
			assert_int_equal(raw.count,
					 size / HVO_E820_ENTRY_BYTES);
		}
		raw.count = 0;
	}
	bytes_free(&whole);
}

static void refuses_ranges_that_wrap(void **state)
{
	char line[HVO_FIRMWARE_LINE];
	uint8_t table[3 * HVO_E820_ENTRY_BYTES];

	(void)state;
	put(table, 0, 0x1000, 1);
	put(table + 20, 0x2000, 0x1000, 1);
	put(table + 40, 0xfffffffffffff000, 0x1000, 1);
	assert_int_equal(hvo_e820_memory(table, sizeof(table), &raw, &fault),
			 HVO_FIRMWARE_RANGE);
	assert_int_equal(raw.count, 0);
	assert_string_equal(
	    hvo_firmware_describe(&fault, line, sizeof(line)),
	    "e820, byte 40: a range that ends past the last address");
}

static void refuses_more_than_fit(void **state)
{
	uint8_t table[2 * HVO_E820_ENTRY_BYTES];

	(void)state;
	put(table, 0, 0x1000, 1);
	put(table + 20, 0x2000, 0x1000, 1);
	raw.capacity = 1;
	assert_int_equal(hvo_e820_memory(table, sizeof(table), &raw, &fault),
			 HVO_FIRMWARE_ROOM);
	assert_int_equal(raw.count, 0);
	assert_int_equal(fault.where, 20);
}

/* ---- PVH ---------------------------------------------------------------- */

static void load_image(const char *name)
{
	struct bytes bytes = bytes_load(name);

	image_parse(&image, bytes.data, bytes.size);
	bytes_free(&bytes);
	assert_true(image.count > 0);
}

static enum hvo_firmware_error read_info(void)
{
	return hvo_pvh_read(&physical, image.start_info, &pvh, &fault);
}

static void reads_a_start_info(void **state)
{
	static const struct expected expected[] = {
	    {0, 0x9f000, HVO_MEMORY_RAM},
	    {0x9f000, 0xa0000, HVO_MEMORY_RESERVED},
	    {0xf0000, 0x100000, HVO_MEMORY_RESERVED},
	    {0x100000, 0x7fe0000, HVO_MEMORY_RAM},
	    {0x7fe0000, 0x8000000, HVO_MEMORY_RESERVED},
	    {0xfffc0000, 0x100000000, HVO_MEMORY_RESERVED},
	    {0xfd00000000, 0x10000000000, HVO_MEMORY_RESERVED},
	};
	char line[32];

	(void)state;
	load_image("firmware_acpi/pc-1-cpu.image");
	assert_int_equal(read_info(), 0);
	assert_int_equal(pvh.version, 1);
	assert_int_equal(pvh.module_count, 0);
	assert_int_equal(pvh.rsdp, 0xf59d0);
	assert_int_equal(
	    hvo_pvh_command_line(&physical, &pvh, line, sizeof(line), &fault),
	    0);
	assert_string_equal(line, "hugepages=1 pc-1-cpu");
	assert_int_equal(hvo_pvh_memory(&physical, &pvh, &raw, &fault), 0);
	normalise();
	assert_map(&out, expected, 7);
}

/* The same table, with 4 bytes more in each entry. */
static void agrees_with_e820(void **state)
{
	static const char *const names[] = {"pc-1-cpu", "microvm",
					    "q35-4-nodes"};

	for (size_t i = 0; i < 3; i++) {
		struct hvo_memory_range ranges[ROOM];
		char path[64];
		size_t count;

		start_empty(state);
		snprintf(path, sizeof(path), "firmware_acpi/%s.image",
			 names[i]);
		load_image(path);
		assert_int_equal(read_info(), 0);
		assert_int_equal(hvo_pvh_memory(&physical, &pvh, &raw, &fault),
				 0);
		count = raw.count;
		memcpy(ranges, raw.range, sizeof(ranges));
		raw.count = 0;
		snprintf(path, sizeof(path), "firmware_e820/%s.e820", names[i]);
		read_fixture(path);
		assert_int_equal(raw.count, count);
		for (size_t k = 0; k < count; k++) {
			assert_int_equal(raw.range[k].base, ranges[k].base);
			assert_int_equal(raw.range[k].size, ranges[k].size);
			assert_int_equal(raw.range[k].type, ranges[k].type);
		}
	}
}

/* A start info at 0x1000, cut to size bytes. */
static void make_info(uint32_t version, size_t size)
{
	uint32_t words[14] = {0x336ec578, version};

	words[10] = 0x2000;
	words[12] = 2;
	image_free(&image);
	image.start_info = 0x1000;
	image_add(&image, 0x1000, words, size);
}

static void reads_both_versions(void **state)
{
	(void)state;
	make_info(0, 40);
	assert_int_equal(read_info(), 0);
	assert_int_equal(pvh.version, 0);
	assert_int_equal(pvh.memory, 0);
	assert_int_equal(hvo_pvh_memory(&physical, &pvh, &raw, &fault),
			 HVO_FIRMWARE_ABSENT);
	assert_true(fault_is(&fault, HVO_FIRMWARE_ABSENT));
	make_info(1, 56);
	assert_int_equal(read_info(), 0);
	assert_int_equal(pvh.memory, 0x2000);
	assert_int_equal(pvh.memory_count, 2);
	make_info(2, 56);
	assert_int_equal(read_info(), 0);
	assert_int_equal(pvh.memory, 0x2000);
}

static void refuses_every_short_start_info(void **state)
{
	(void)state;
	for (size_t size = 0; size < 56; size++) {
		make_info(1, size);
		assert_int_equal(read_info(), HVO_FIRMWARE_UNREADABLE);
		assert_int_equal(fault.place, HVO_FIRMWARE_AT_ADDRESS);
		assert_int_equal(fault.where, 0x1000);
	}
	make_info(1, 56);
	image_at(&image, 0x1000, 1)[0] ^= 1;
	assert_int_equal(read_info(), HVO_FIRMWARE_MAGIC);
}

static void refuses_a_map_that_is_not_there(void **state)
{
	uint8_t entries[48];

	(void)state;
	memset(entries, 0, sizeof(entries));
	put(entries, 0x1000, 0x1000, 1);
	put(entries + 24, 0x4000, 0x1000, 2);
	make_info(1, 56);
	image_add(&image, 0x2000, entries, sizeof(entries));
	assert_int_equal(read_info(), 0);
	assert_int_equal(hvo_pvh_memory(&physical, &pvh, &raw, &fault), 0);
	assert_int_equal(raw.count, 2);
	assert_int_equal(raw.range[1].type, HVO_MEMORY_RESERVED);

	pvh.memory_count = UINT32_MAX;
	assert_int_equal(hvo_pvh_memory(&physical, &pvh, &raw, &fault),
			 HVO_FIRMWARE_UNREADABLE);
	assert_int_equal(raw.count, 2);
	assert_int_equal(fault.where, 48);
	pvh.memory = UINT64_MAX - 23;
	assert_int_equal(hvo_pvh_memory(&physical, &pvh, &raw, &fault),
			 HVO_FIRMWARE_UNREADABLE);
	pvh.memory_count = 0;
	assert_int_equal(hvo_pvh_memory(&physical, &pvh, &raw, &fault),
			 HVO_FIRMWARE_ABSENT);
	assert_int_equal(raw.count, 2);
}

/* An address space whose last bytes are readable, up to the very last. */
static const void *all_of_it(void *context, uint64_t address, size_t bytes)
{
	static uint8_t entry[24];

	(void)context;
	assert_true(bytes <= sizeof(entry));
	assert_true(bytes - 1 <= UINT64_MAX - address);
	put(entry, 0x1000, 0x1000, 1);
	return bytes == 1 ? (const void *)"x" : entry;
}

static void never_asks_past_the_last_address(void **state)
{
	struct hvo_physical all = {.at = all_of_it};
	char line[64];

	(void)state;
	pvh = (struct hvo_pvh){
	    .version = 1,
	    .memory = UINT64_MAX - 47,
	    .memory_count = 3,
	    .command_line = UINT64_MAX - 47,
	};
	assert_int_equal(hvo_pvh_memory(&all, &pvh, &raw, &fault),
			 HVO_FIRMWARE_UNREADABLE);
	assert_int_equal(fault.where, 48);
	assert_int_equal(
	    hvo_pvh_command_line(&all, &pvh, line, sizeof(line), &fault),
	    HVO_FIRMWARE_UNREADABLE);
	assert_int_equal(fault.where, 48);
}

static void copies_command_lines_with_care(void **state)
{
	char line[8] = "before";

	(void)state;
	pvh = (struct hvo_pvh){0};
	assert_int_equal(
	    hvo_pvh_command_line(&physical, &pvh, line, sizeof(line), &fault),
	    0);
	assert_string_equal(line, "");
	pvh.command_line = 0x5000;
	assert_int_equal(
	    hvo_pvh_command_line(&physical, &pvh, line, sizeof(line), &fault),
	    HVO_FIRMWARE_UNREADABLE);
	image_add(&image, 0x5000, "1234567", 7);
	assert_int_equal(
	    hvo_pvh_command_line(&physical, &pvh, line, sizeof(line), &fault),
	    HVO_FIRMWARE_UNREADABLE);
	assert_int_equal(fault.where, 7);
	assert_string_equal(line, "");
	image_add(&image, 0x5007, "", 1);
	assert_int_equal(
	    hvo_pvh_command_line(&physical, &pvh, line, sizeof(line), &fault),
	    0);
	assert_string_equal(line, "1234567");
	assert_int_equal(hvo_pvh_command_line(&physical, &pvh, line, 7, &fault),
			 HVO_FIRMWARE_ROOM);
	assert_string_equal(line, "");
	assert_int_equal(hvo_pvh_command_line(&physical, &pvh, line, 0, NULL),
			 HVO_FIRMWARE_ROOM);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start_empty, end_empty)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(reads_a_cloud_vm),
	    TEST(reads_a_microvm),
	    TEST(knows_the_types),
	    TEST(refuses_every_truncation),
	    TEST(refuses_ranges_that_wrap),
	    TEST(refuses_more_than_fit),
	    TEST(reads_a_start_info),
	    TEST(agrees_with_e820),
	    TEST(reads_both_versions),
	    TEST(refuses_every_short_start_info),
	    TEST(refuses_a_map_that_is_not_there),
	    TEST(never_asks_past_the_last_address),
	    TEST(copies_command_lines_with_care),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
