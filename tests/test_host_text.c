/* SPDX-License-Identifier: MIT */
/* Numbers and lines of /proc and /sys: what is one, and what only looks so. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "text.h"

static void numbers(void **state)
{
	const char *text = "18446744073709551615 x";
	uint64_t n = 7;

	(void)state;
	assert_true(hvo_text_number(&text, &n));
	assert_true(n == UINT64_MAX);
	assert_string_equal(text, " x");
	for (const char *const *bad =
		 (const char *const[]){"", "x", "-1", " 1", "+1",
				       "18446744073709551616",
				       "99999999999999999999999999", NULL};
	     *bad; bad++) {
		text = *bad;
		n = 7;
		assert_false(hvo_text_number(&text, &n));
		assert_ptr_equal(text, *bad);
		assert_int_equal(n, 7);
	}
}

static void whole_numbers(void **state)
{
	uint64_t n;

	(void)state;
	assert_true(hvo_text_is_number("12\n", &n) && n == 12);
	assert_true(hvo_text_is_number("12", &n));
	assert_true(hvo_text_is_number("12 \t\n", &n));
	assert_false(hvo_text_is_number("12\n\n", &n));
	assert_false(hvo_text_is_number("12\n3", &n));
	assert_false(hvo_text_is_number("12 3", &n));
	assert_false(hvo_text_is_number("0x10\n", &n));
	assert_false(hvo_text_is_number("", &n));
	assert_false(hvo_text_is_number("\n", &n));
}

static void values(void **state)
{
	static const char text[] = "ab 1\n  abc 2\nKey:   3 kB\nabcd\nlast 4";
	uint64_t n = 0;

	(void)state;
	assert_true(hvo_text_value_number(text, "ab", &n) && n == 1);
	assert_true(hvo_text_value_number(text, "abc", &n) && n == 2);
	assert_true(hvo_text_value_number(text, "Key:", &n) && n == 3);
	assert_false(hvo_text_value_number(text, "a", &n));
	assert_false(hvo_text_value_number(text, "abcd", &n));
	/* It may go on where the file was cut. */
	assert_false(hvo_text_value_number(text, "last", &n));
	assert_string_equal(hvo_text_value(text, "last"), "4");
	assert_null(hvo_text_value(text, "none"));
	assert_null(hvo_text_value("", "none"));
}

static void lines(void **state)
{
	const char *text = "a\n\nb\n";
	char out[4];

	(void)state;
	text = hvo_text_next_line(text);
	assert_string_equal(text, "\nb\n");
	text = hvo_text_next_line(text);
	assert_string_equal(text, "b\n");
	assert_null(hvo_text_next_line(text));
	hvo_text_copy_line(out, sizeof(out), "abcdef");
	assert_string_equal(out, "abc");
	hvo_text_copy_line(out, sizeof(out), "a\nb");
	assert_string_equal(out, "a");
	hvo_text_copy_line(out, sizeof(out), "\033[\xff");
	assert_string_equal(out, "?[?");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(numbers),
	    cmocka_unit_test(whole_numbers),
	    cmocka_unit_test(values),
	    cmocka_unit_test(lines),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
