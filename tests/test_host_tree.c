/* SPDX-License-Identifier: MIT */
/*
 * Reading below a root: what is read, what is refused and why, and that
 * nothing outside is reached.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <cmocka.h>
#include "host_fixture.h"
#include "tree.h"

static struct host_fixture fixture;

static int set_up(void **state)
{
	char outside[128];
	FILE *file;

	(void)state;
	host_fixture_open(&fixture);
	snprintf(outside, sizeof(outside), "%s/outside", fixture.base);
	file = fopen(outside, "w");
	return !file || fputs("secret\n", file) < 0 || fclose(file);
}

static int tear_down(void **state)
{
	(void)state;
	host_fixture_close(&fixture);
	return 0;
}

static void assert_reads(const char *path, const char *expected)
{
	size_t length;
	char *text = hvo_host_read(fixture.host, path, &length);

	assert_non_null(text);
	assert_string_equal(text, expected);
	assert_int_equal(length, strlen(expected));
	free(text);
}

static void assert_refused(const char *path, int error)
{
	size_t length;

	errno = 0;
	assert_null(hvo_host_read(fixture.host, path, &length));
	assert_int_equal(errno, error);
}

static void make_link(const char *path, const char *target)
{
	host_fixture_parents(&fixture, path);
	assert_int_equal(symlink(target, host_fixture_path(&fixture, path)), 0);
}

static void files(void **state)
{
	(void)state;
	host_fixture_text(&fixture, "/proc/a", "one\ntwo");
	host_fixture_text(&fixture, "/proc/empty", "");
	assert_reads("/proc/a", "one\ntwo");
	assert_reads("/proc/empty", "");
	assert_refused("/proc/none", ENOENT);
	assert_refused("/proc/a/b", ENOTDIR);
	assert_false(hvo_host_is_live(fixture.host));
}

/* The longest file that is read, and one byte more. */
static void limit(void **state)
{
	char *text = malloc(HVO_HOST_FILE_BYTES + 2);
	size_t length;
	char *got;

	(void)state;
	assert_non_null(text);
	memset(text, 'x', HVO_HOST_FILE_BYTES + 1);
	host_fixture_write(&fixture, "/most", text, HVO_HOST_FILE_BYTES);
	host_fixture_write(&fixture, "/more", text, HVO_HOST_FILE_BYTES + 1);
	text[HVO_HOST_FILE_BYTES] = '\0';
	got = hvo_host_read(fixture.host, "/most", &length);
	assert_non_null(got);
	assert_int_equal(length, HVO_HOST_FILE_BYTES);
	assert_string_equal(got, text);
	free(got);
	free(text);
	assert_refused("/more", EFBIG);
}

/* Sizes around those at which the buffer grows. */
static void growth(void **state)
{
	char text[8300];

	(void)state;
	for (size_t n = 4090; n < 8200; n += n == 4100 ? 4080 : 1) {
		memset(text, 'y', n);
		text[n] = '\0';
		host_fixture_text(&fixture, "/grows", text);
		assert_reads("/grows", text);
	}
}

static void kinds(void **state)
{
	(void)state;
	host_fixture_write(&fixture, "/nul", "a\0b", 3);
	assert_refused("/nul", EINVAL);
	host_fixture_text(&fixture, "/dir/file", "");
	assert_refused("/dir", EISDIR);
	assert_int_equal(mkfifo(host_fixture_path(&fixture, "/pipe"), 0666), 0);
	assert_refused("/pipe", ENXIO);
	make_link("/to-pipe", "/pipe");
	assert_refused("/to-pipe", ENXIO);
}

static void links_inside(void **state)
{
	(void)state;
	host_fixture_text(&fixture, "/real/file", "here");
	make_link("/relative", "real/file");
	make_link("/absolute", "/real/file");
	make_link("/deep/er/up", "../../../../../../real/file");
	assert_reads("/relative", "here");
	assert_reads("/absolute", "here");
	assert_reads("/deep/er/up", "here");
}

/* Each of these would read BASE/outside, were it not for the root. */
static void links_outside(void **state)
{
	char absolute[128];

	(void)state;
	snprintf(absolute, sizeof(absolute), "%s/outside", fixture.base);
	make_link("/out-by-dots", "../outside");
	make_link("/out-by-name", absolute);
	make_link("/out-by-directory", "..");
	assert_refused("/out-by-dots", ENOENT);
	assert_refused("/out-by-name", ENOENT);
	assert_refused("/out-by-directory/outside", ENOENT);
	assert_refused("/../outside", ENOENT);
	make_link("/round", "round");
	make_link("/ping", "pong");
	make_link("/pong", "ping");
	assert_refused("/round", ELOOP);
	assert_refused("/ping", ELOOP);
}

/* Root may read everything: as another user, then. */
static void not_permitted(void **state)
{
	bool root = !geteuid();

	(void)state;
	host_fixture_text(&fixture, "/secret", "x");
	assert_int_equal(chmod(host_fixture_path(&fixture, "/secret"), 0), 0);
	if (root)
		assert_int_equal(seteuid(65534), 0);
	assert_refused("/secret", EACCES);
	if (root)
		assert_int_equal(seteuid(0), 0);
}

static void numbered_entries(void **state)
{
	static const char *const names[] = {
	    "/d/n10k", "/d/n9k",  "/d/n09k", "/d/nk",
	    "/d/n9kB", "/d/xn9k", "/d/n-1k", "/d/n18446744073709551616k",
	};
	size_t count;
	uint64_t *list;

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		host_fixture_text(&fixture, names[i], "");
	list = hvo_host_list_numbers(fixture.host, "/d", "n", "k", &count);
	assert_non_null(list);
	assert_int_equal(count, 2);
	assert_int_equal(list[0], 9);
	assert_int_equal(list[1], 10);
	free(list);
	assert_null(
	    hvo_host_list_numbers(fixture.host, "/none", "n", "k", &count));
	assert_int_equal(count, 0);
}

static void texts_are_made_once(void **state)
{
	const char *a = hvo_host_text(fixture.host, "%s %d", "a", 1);

	(void)state;
	assert_string_equal(a, "a 1");
	assert_ptr_not_equal(hvo_host_text(fixture.host, "a 2"), a);
	assert_ptr_equal(hvo_host_text(fixture.host, "a 1"), a);
}

static void opening(void **state)
{
	struct hvo_host *host;
	char message[256];

	(void)state;
	assert_int_equal(
	    hvo_host_open(&host, "/no/such", message, sizeof(message)), -1);
	assert_null(host);
	assert_non_null(strstr(message, "/no/such"));
	assert_int_equal(hvo_host_open(&host, NULL, message, sizeof(message)),
			 0);
	assert_true(hvo_host_is_live(host));
	hvo_host_close(host);
	hvo_host_close(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(files, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(limit, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(growth, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(kinds, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(links_inside, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(links_outside, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(not_permitted, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(numbered_entries, set_up,
					    tear_down),
	    cmocka_unit_test_setup_teardown(texts_are_made_once, set_up,
					    tear_down),
	    cmocka_unit_test(opening),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
