/* SPDX-License-Identifier: MIT */
/*
 * The parser of /proc/iomem: recorded shapes of it in files, and one wrong
 * thing at a time in strings.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>
#include "iomem.h"

static struct hvo_iomem iomem;
static char message[256];

static enum hvo_iomem_result read_bytes(const char *text, size_t size)
{
	FILE *file = fmemopen((void *)text, size, "r");
	enum hvo_iomem_result result;

	assert_non_null(file);
	message[0] = '\0';
	result = hvo_iomem_read(file, &iomem, message, sizeof(message));
	fclose(file);
	return result;
}

static enum hvo_iomem_result read_text(const char *text)
{
	return read_bytes(text, strlen(text));
}

static enum hvo_iomem_result load(const char *fixture)
{
	char path[512];
	const char *fixtures = getenv("HVO_FIXTURES");

	assert_non_null(fixtures);
	snprintf(path, sizeof(path), "%s/iomem/%s", fixtures, fixture);
	message[0] = '\0';
	return hvo_iomem_load(path, &iomem, message, sizeof(message));
}

static void assert_says(const char *words)
{
	if (!strstr(message, words))
		fail_msg("\"%s\" does not say \"%s\"", message, words);
}

static void assert_ranges(const uint64_t (*expected)[2], size_t n)
{
	uint64_t bytes = 0;

	assert_int_equal(iomem.count, n);
	for (size_t i = 0; i < n; i++) {
		assert_int_equal(iomem.range[i].start, expected[i][0]);
		assert_int_equal(iomem.range[i].end, expected[i][1]);
		bytes += expected[i][1] - expected[i][0];
	}
	assert_int_equal(hvo_iomem_bytes(&iomem), bytes);
}

/* ---- whole files ------------------------------------------------------- */

static void reads_a_small_vm(void **state)
{
	static const uint64_t expected[][2] = {
	    {0x1000, 0x9fc00},
	    {0x100000, 0x7ffdc000},
	    {0x100000000, 0x180000000},
	};

	(void)state;
	assert_int_equal(load("small-vm"), HVO_IOMEM_OK);
	assert_ranges(expected, 3);
	assert_int_equal(iomem.range[1].line, 7);
}

/* Holes, ranges that touch, and RAM below the devices that bring it. */
static void reads_a_big_host(void **state)
{
	static const uint64_t expected[][2] = {
	    {0x1000, 0xa0000},
	    {0x100000, 0x60000000},
	    {0x72000000, 0x78000000},
	    {0x100000000, 0x8080000000},
	    {0x8488000000, 0x9080000000},
	    {0x10000000000, 0x14000000000},
	    {0x18000000000, 0x18010000000},
	};

	(void)state;
	assert_int_equal(load("big-host"), HVO_IOMEM_OK);
	assert_ranges(expected, 7);
}

static void tells_hidden_addresses_apart(void **state)
{
	(void)state;
	assert_int_equal(load("unprivileged"), HVO_IOMEM_DENIED);
	assert_says("root");
	assert_int_equal(read_text("00000000-00000000 : System RAM\n"),
			 HVO_IOMEM_DENIED);
	/* RAM that begins at 0 is what it says, be it one byte. */
	assert_int_equal(read_text("00000000-00000fff : System RAM\n"),
			 HVO_IOMEM_OK);
	assert_int_equal(hvo_iomem_bytes(&iomem), 4096);
	assert_int_equal(read_text("00000000-00000000 : System RAM\n"
				   "00000001-00000001 : Reserved\n"),
			 HVO_IOMEM_OK);
	assert_int_equal(hvo_iomem_bytes(&iomem), 1);
}

static void names_the_file_and_the_line(void **state)
{
	(void)state;
	assert_int_equal(load("garbage"), HVO_IOMEM_BAD);
	assert_says("iomem/garbage: line 2: ");
	assert_int_equal(load("overlapping"), HVO_IOMEM_BAD);
	assert_says("iomem/overlapping: line 3: ");
	assert_says("line 2");
	assert_int_equal(load("no-ram"), HVO_IOMEM_BAD);
	assert_says("no \"System RAM\"");
	assert_int_equal(load("not-there"), HVO_IOMEM_BAD);
	assert_says("iomem/not-there: No such file");
}

static void refuses_a_directory(void **state)
{
	(void)state;
	assert_int_equal(load(""), HVO_IOMEM_BAD);
	assert_says("cannot be read");
}

static void long_paths_leave_room_for_the_reason(void **state)
{
	char path[600];

	(void)state;
	memset(path, 'x', sizeof(path) - 1);
	path[sizeof(path) - 1] = '\0';
	assert_int_equal(hvo_iomem_load(path, &iomem, message, sizeof(message)),
			 HVO_IOMEM_BAD);
	assert_says("too long");
}

/* ---- one thing at a time ----------------------------------------------- */

static void needs_no_newline_at_the_end(void **state)
{
	static const uint64_t expected[][2] = {{0x1000, 0x3000}};

	(void)state;
	assert_int_equal(read_text("00001000-00002fff : System RAM"),
			 HVO_IOMEM_OK);
	assert_ranges(expected, 1);
}

static void takes_both_cases_and_16_digits(void **state)
{
	static const uint64_t expected[][2] = {
	    {0xab000, 0xac000}, {0xffffffffffff0000, 0xffffffffffffffff}};

	(void)state;
	assert_int_equal(
	    read_text("ffffffffffff0000-fffffffffffffffe : System RAM\n"
		      "000AB000-000abFFF : System RAM\n"),
	    HVO_IOMEM_OK);
	assert_ranges(expected, 2);
}

static void sorts_and_merges(void **state)
{
	static const uint64_t expected[][2] = {{0x1000, 0x4000},
					       {0x5000, 0x6000}};

	(void)state;
	assert_int_equal(read_text("5000-5fff : System RAM\n"
				   "3000-3fff : System RAM\n"
				   "1000-1fff : System RAM\n"
				   "2000-2fff : System RAM (kmem)\n"),
			 HVO_IOMEM_OK);
	assert_ranges(expected, 2);
}

/* RAM in RAM is counted once; RAM beside RAM twice. */
static void counts_nested_ram_once(void **state)
{
	static const uint64_t expected[][2] = {{0x1000, 0x5000},
					       {0x6000, 0x7000}};

	(void)state;
	assert_int_equal(read_text("1000-4fff : System RAM\n"
				   "  2000-2fff : System RAM\n"
				   "    2000-2fff : Kernel code\n"
				   "6000-8fff : dax\n"
				   "  6000-6fff : System RAM (kmem)\n"
				   "  7000-7fff : other\n"),
			 HVO_IOMEM_OK);
	assert_ranges(expected, 2);
}

static void takes_no_other_names_for_ram(void **state)
{
	(void)state;
	assert_int_equal(read_text("1000-4fff : System RAMs\n"
				   "5000-5fff : system ram\n"
				   "6000-6fff : System RAM(kmem)\n"
				   "7000-7fff : Reserved System RAM\n"),
			 HVO_IOMEM_BAD);
	assert_says("no \"System RAM\"");
}

static void refuses_malformed_lines(void **state)
{
	static const char *const lines[] = {
	    "",
	    "   ",
	    "x",
	    "1000",
	    "1000-",
	    "1000-1fff",
	    "1000-1fff : ",
	    "1000-1fff: System RAM",
	    "1000-1fff :System RAM",
	    "1000 - 1fff : System RAM",
	    "-1fff : System RAM",
	    "0x1000-0x1fff : System RAM",
	    "10000000000000000-10000000000001fff : System RAM",
	    "1000-1ffg : System RAM",
	    "\t1000-1fff : System RAM",
	    "System RAM",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		char text[128];

		snprintf(text, sizeof(text), "100000-1fffff : System RAM\n%s\n",
			 lines[i]);
		assert_int_equal(read_text(text), HVO_IOMEM_BAD);
		assert_says("line 2: is not of the form");
	}
}

static void refuses_reversed_ranges(void **state)
{
	(void)state;
	assert_int_equal(read_text("2000-1fff : Reserved\n"), HVO_IOMEM_BAD);
	assert_says("line 1: the range ends before it starts");
}

static void refuses_overlaps(void **state)
{
	(void)state;
	assert_int_equal(read_text("1000-2000 : System RAM\n"
				   "2000-2fff : System RAM\n"),
			 HVO_IOMEM_BAD);
	assert_says("line 2: RAM that overlaps that of line 1");
	assert_int_equal(read_text("1000-1fff : System RAM\n"
				   "1000-1fff : System RAM\n"),
			 HVO_IOMEM_BAD);
	assert_int_equal(read_text("2000-2fff : System RAM\n"
				   "1000-4fff : System RAM\n"),
			 HVO_IOMEM_BAD);
	assert_says("line 1: RAM that overlaps that of line 2");
}

static void refuses_the_last_address(void **state)
{
	(void)state;
	assert_int_equal(
	    read_text("fffffffffffff000-ffffffffffffffff : System RAM\n"),
	    HVO_IOMEM_BAD);
	assert_says("line 1: ");
}

static void refuses_what_is_not_text(void **state)
{
	static const char text[] = "1000-1fff : System RAM\n"
				   "2000-2fff : System\0RAM\n";

	(void)state;
	assert_int_equal(read_bytes(text, sizeof(text) - 1), HVO_IOMEM_BAD);
	assert_says("line 2: not text");
}

static void refuses_empty_files(void **state)
{
	(void)state;
	assert_int_equal(
	    hvo_iomem_load("/dev/null", &iomem, message, sizeof(message)),
	    HVO_IOMEM_BAD);
	assert_says("no \"System RAM\"");
}

static void refuses_long_lines(void **state)
{
	char text[2000];

	(void)state;
	memset(text, 'a', sizeof(text));
	assert_int_equal(read_bytes(text, sizeof(text)), HVO_IOMEM_BAD);
	assert_says("line 1: longer than 511 bytes");
	/* The longest that there is room for. */
	memcpy(text, "1000-1fff : ", 12);
	memcpy(text + 511, "\n1000-1fff : System RAM\n", 24);
	assert_int_equal(read_bytes(text, 535), HVO_IOMEM_OK);
}

/* As many ranges as there is room for, and one more. */
static void refuses_too_many_ranges(void **state)
{
	char *text = malloc((HVO_IOMEM_RANGES + 1) * 64);
	size_t used = 0;

	(void)state;
	assert_non_null(text);
	for (unsigned i = 0; i < HVO_IOMEM_RANGES; i++)
		used += (size_t)sprintf(text + used, "%x-%x : System RAM\n",
					i * 0x2000, i * 0x2000 + 0xfff);
	assert_int_equal(read_bytes(text, used), HVO_IOMEM_OK);
	assert_int_equal(iomem.count, HVO_IOMEM_RANGES);
	used += (size_t)sprintf(text + used, "f0000000-f0000fff : System RAM");
	assert_int_equal(read_bytes(text, used), HVO_IOMEM_BAD);
	assert_says("line 1025: more than 1024 ranges");
	free(text);
}

static void messages_fit_the_smallest_buffers(void **state)
{
	char small[8];

	(void)state;
	for (size_t size = 1; size <= sizeof(small); size++) {
		memset(small, '#', sizeof(small));
		assert_int_equal(
		    hvo_iomem_load("/dev/null", &iomem, small, size),
		    HVO_IOMEM_BAD);
		assert_non_null(memchr(small, '\0', size));
		for (size_t i = size; i < sizeof(small); i++)
			assert_int_equal(small[i], '#');
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(reads_a_small_vm),
	    cmocka_unit_test(reads_a_big_host),
	    cmocka_unit_test(tells_hidden_addresses_apart),
	    cmocka_unit_test(names_the_file_and_the_line),
	    cmocka_unit_test(refuses_a_directory),
	    cmocka_unit_test(long_paths_leave_room_for_the_reason),
	    cmocka_unit_test(needs_no_newline_at_the_end),
	    cmocka_unit_test(takes_both_cases_and_16_digits),
	    cmocka_unit_test(sorts_and_merges),
	    cmocka_unit_test(counts_nested_ram_once),
	    cmocka_unit_test(takes_no_other_names_for_ram),
	    cmocka_unit_test(refuses_malformed_lines),
	    cmocka_unit_test(refuses_reversed_ranges),
	    cmocka_unit_test(refuses_overlaps),
	    cmocka_unit_test(refuses_the_last_address),
	    cmocka_unit_test(refuses_what_is_not_text),
	    cmocka_unit_test(refuses_empty_files),
	    cmocka_unit_test(refuses_long_lines),
	    cmocka_unit_test(refuses_too_many_ranges),
	    cmocka_unit_test(messages_fit_the_smallest_buffers),
	};

	return cmocka_run_group_tests_name("iomem", tests, NULL, NULL);
}
