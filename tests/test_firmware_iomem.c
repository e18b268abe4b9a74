/* SPDX-License-Identifier: MIT */
/*
 * The text of /proc/iomem as a map of memory. The form of its lines is
 * tested through the command's reader, by test_iomem.c; here is what a user
 * of the library sees.
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

static int start_empty(void **state)
{
	(void)state;
	raw = (struct hvo_memory_map){.range = raw_ranges, .capacity = ROOM};
	out =
	    (struct hvo_memory_map){.range = out_ranges, .capacity = 2 * ROOM};
	memset(&fault, 0, sizeof(fault));
	return 0;
}

static enum hvo_firmware_error read_text(const char *text)
{
	struct bytes bytes = bytes_copy(text, strlen(text));
	enum hvo_firmware_error error = hvo_iomem_memory(
	    (const char *)bytes.data, bytes.size, &raw, &fault);

	bytes_free(&bytes);
	if (error)
		assert_true(fault_is(&fault, error));
	return error;
}

static void reads_a_big_host(void **state)
{
	static const struct {
		uint64_t base, end;
		uint32_t flags;
	} expected[] = {
	    {0x1000, 0xa0000, 0},
	    {0x100000, 0x60000000, 0},
	    {0x72000000, 0x78000000, 0},
	    {0x100000000, 0x8080000000, 0},
	    {0x8488000000, 0x9080000000, HVO_MEMORY_HOTPLUGGABLE},
	    {0x10000000000, 0x14000000000, HVO_MEMORY_HOTPLUGGABLE},
	    {0x18000000000, 0x18010000000, HVO_MEMORY_HOTPLUGGABLE},
	};
	struct bytes text = bytes_load("iomem/big-host");

	(void)state;
	assert_int_equal(
	    hvo_iomem_memory((const char *)text.data, text.size, &raw, &fault),
	    0);
	bytes_free(&text);
	assert_int_equal(hvo_memory_normalise(&raw, &out, 4096, &fault), 0);
	assert_int_equal(out.count, 7);
	for (size_t i = 0; i < 7; i++) {
		assert_int_equal(out.range[i].base, expected[i].base);
		assert_int_equal(hvo_memory_range_end(&out.range[i]),
				 expected[i].end);
		assert_int_equal(out.range[i].flags, expected[i].flags);
		assert_int_equal(out.range[i].type, HVO_MEMORY_RAM);
		assert_int_equal(out.range[i].node, HVO_NO_NODE);
	}
}

/* Whatever is wrong, and wherever: what was in the map before is all there
 * is. */
static void refuses_bad_text(void **state)
{
	static const struct {
		const char *text;
		enum hvo_firmware_error error;
		uint64_t line;
	} texts[] = {
	    {"", HVO_FIRMWARE_ABSENT, 0},
	    {"1000-1fff : Reserved\n", HVO_FIRMWARE_ABSENT, 1},
	    {"0-0 : System RAM\n0-0 : Reserved", HVO_FIRMWARE_HIDDEN, 2},
	    {"1000-1fff : System RAM\n\n", HVO_FIRMWARE_FORM, 2},
	    {"1000-1fff : System RAM\n2000", HVO_FIRMWARE_FORM, 2},
	    {"1000-1fff : System RAM\n  2000-1fff : x", HVO_FIRMWARE_ORDER, 2},
	    {"0-1 : System RAM\n2-ffffffffffffffff : System RAM",
	     HVO_FIRMWARE_RANGE, 2},
	    {"0-1 : System RAM\n2-3 : System RAM\n4-5 : System RAM",
	     HVO_FIRMWARE_ROOM, 3},
	};

	(void)state;
	raw.count = ROOM - 2;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		assert_int_equal(read_text(texts[i].text), texts[i].error);
		assert_int_equal(fault.place, HVO_FIRMWARE_AT_LINE);
		assert_int_equal(fault.where, texts[i].line);
		assert_int_equal(raw.count, ROOM - 2);
	}
	assert_int_equal(read_text("0-1 : System RAM\n2-3 : System RAM"), 0);
	assert_int_equal(raw.count, ROOM);
}

static void refuses_every_truncation(void **state)
{
	static const char text[] = "  1000-1fff : System RAM (kmem)";

	(void)state;
	for (size_t size = 0; size < sizeof(text) - 1; size++) {
		struct bytes cut = bytes_copy(text, size);
		enum hvo_firmware_error error = hvo_iomem_memory(
		    (const char *)cut.data, cut.size, &raw, &fault);

		bytes_free(&cut);
		/* "System RAM" alone, and with the parenthesis, are whole. */
		if (size == 24 || size > 25) {
			assert_int_equal(error, 0);
			assert_int_equal(raw.count, 1);
			raw.count = 0;
			continue;
		}
		if (size == 0 || (size > 14 && size < 24) || size == 25)
			assert_int_equal(error, HVO_FIRMWARE_ABSENT);
		else
			assert_int_equal(error, HVO_FIRMWARE_FORM);
		assert_int_equal(raw.count, 0);
	}
}

#define TEST(name) cmocka_unit_test_setup(name, start_empty)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(reads_a_big_host),
	    TEST(refuses_bad_text),
	    TEST(refuses_every_truncation),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
