/* SPDX-License-Identifier: MIT */
/*
 * Sizes: what is understood, what is refused, how they are written.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include "size.h"

#define KIB UINT64_C(1024)

static void assert_size(const char *text, uint64_t expected)
{
	uint64_t bytes = 1;

	assert_null(hvo_size_parse(text, &bytes));
	assert_int_equal(bytes, expected);
}

/* Refused, with these words, and the result left alone. */
static void assert_refused(const char *text, const char *words)
{
	uint64_t bytes = 77;
	const char *wrong = hvo_size_parse(text, &bytes);

	assert_non_null(wrong);
	assert_non_null(strstr(wrong, words));
	assert_int_equal(bytes, 77);
}

static void parses_bytes(void **state)
{
	(void)state;
	assert_size("0", 0);
	assert_size("1", 1);
	assert_size("4096", 4096);
	assert_size("4096B", 4096);
	assert_size("4096b", 4096);
	assert_size("007", 7);
	assert_size("18446744073709551615", UINT64_MAX);
}

static void parses_units(void **state)
{
	static const char letters[] = "KMGTPE";
	uint64_t unit = KIB;

	(void)state;
	for (size_t i = 0; i < 6; i++, unit *= KIB) {
		static const char *const forms[] = {"%d%c", "%d%cB", "%d%ciB",
						    "%d%cib"};
		char text[16];

		for (size_t form = 0; form < 4; form++)
			for (int lower = 0; lower < 2; lower++) {
				snprintf(text, sizeof(text), forms[form], 3,
					 letters[i] + (lower ? 32 : 0));
				assert_size(text, 3 * unit);
			}
	}
	assert_size("2048kB", 2 * KIB * KIB);
}

static void parses_the_largest_of_each_unit(void **state)
{
	(void)state;
	assert_size("15E", UINT64_C(15) << 60);
	assert_refused("16E", "too large");
	assert_size("16383P", UINT64_C(16383) << 50);
	assert_refused("16384P", "too large");
	assert_size("18014398509481983K", UINT64_MAX - 1023);
	assert_refused("18014398509481984K", "too large");
	assert_refused("18446744073709551616", "too large");
	assert_refused("99999999999999999999999999M", "too large");
}

static void refuses_what_is_no_number(void **state)
{
	static const char *const texts[] = {"",    "M",   "-1",  "+1",  " 1",
					    "x2M", ".5G", "MiB", "\xff"};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		assert_refused(texts[i], "is not a size");
}

static void refuses_unknown_units(void **state)
{
	static const char *const texts[] = {
	    "2 M",  "2Z", "2Mi",  "2MiBs", "2MM", "2iB", "2BB", "1.5G", "2M\n",
	    "0x10", "2-", "2M:1", "2M ",   "2@",  "2[",  "2`",  "2\xcd"};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		assert_refused(texts[i], "unknown unit");
}

static void parses_numbers(void **state)
{
	static const char *const texts[] = {"",   "a",  "1a", "-1",
					    " 1", "1 ", "2M", "1.0"};
	uint64_t number = 0;

	(void)state;
	assert_null(hvo_number_parse("104", &number));
	assert_int_equal(number, 104);
	assert_null(hvo_number_parse("18446744073709551615", &number));
	assert_int_equal(number, UINT64_MAX);
	assert_string_equal(hvo_number_parse("18446744073709551616", &number),
			    "is too large");
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		assert_string_equal(hvo_number_parse(texts[i], &number),
				    "is not a number");
}

static void formats(void **state)
{
	static const struct {
		uint64_t bytes;
		const char *text;
	} cases[] = {
	    {0, "0 B"},
	    {1, "1 B"},
	    {1023, "1023 B"},
	    {1024, "1 KiB"},
	    {1025, "1 KiB"},
	    {1536, "1.5 KiB"},
	    {1034, "1 KiB"},
	    {1035, "1.01 KiB"},
	    {28 * KIB, "28 KiB"},
	    {1024 * KIB - 1, "1023.99 KiB"},
	    {16380 * KIB, "15.99 MiB"},
	    {UINT64_C(7) << 28, "1.75 GiB"},
	    {UINT64_C(1) << 40, "1 TiB"},
	    {UINT64_C(1) << 50, "1 PiB"},
	    {UINT64_C(1) << 60, "1 EiB"},
	    {UINT64_MAX, "15.99 EiB"},
	};
	char text[HVO_SIZE_TEXT];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_string_equal(hvo_size_format(cases[i].bytes, text),
				    cases[i].text);
}

/* A size without a fraction reads back as itself. */
static void whole_sizes_read_back(void **state)
{
	char text[HVO_SIZE_TEXT];
	uint64_t bytes;

	(void)state;
	for (unsigned shift = 0; shift < 64; shift++) {
		char *space;

		hvo_size_format(UINT64_C(1) << shift, text);
		space = strchr(text, ' ');
		assert_non_null(space);
		memmove(space, space + 1, strlen(space));
		assert_null(hvo_size_parse(text, &bytes));
		assert_int_equal(bytes, UINT64_C(1) << shift);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(parses_bytes),
	    cmocka_unit_test(parses_units),
	    cmocka_unit_test(parses_the_largest_of_each_unit),
	    cmocka_unit_test(refuses_what_is_no_number),
	    cmocka_unit_test(refuses_unknown_units),
	    cmocka_unit_test(parses_numbers),
	    cmocka_unit_test(formats),
	    cmocka_unit_test(whole_sizes_read_back),
	};

	return cmocka_run_group_tests_name("size", tests, NULL, NULL);
}
