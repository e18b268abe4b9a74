/* SPDX-License-Identifier: MIT */
/*
 * Settings that are changed and put back, on files of a made-up host: by the
 * program, and however it ends otherwise, which a child does.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <signal.h>
#include <cmocka.h>
#include <sys/wait.h>
#include "change.h"
#include "host_fixture.h"

#define A "/proc/sys/vm/a"
#define B "/proc/sys/vm/b"
/* Written by a child that is told to end. */
#define TOLD "/proc/told"

static struct host_fixture fixture;

static int set_up(void **state)
{
	(void)state;
	host_fixture_open(&fixture);
	host_fixture_text(&fixture, A, "3\n");
	host_fixture_text(&fixture, B, "65530\n");
	host_fixture_text(&fixture, TOLD, "0\n");
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	host_fixture_close(&fixture);
	return 0;
}

static uint64_t number(const char *path)
{
	uint64_t value = 0;

	assert_true(hvo_change_read(fixture.host, path, &value));
	return value;
}

static void set(const char *path, uint64_t value)
{
	assert_int_equal(hvo_change_set(fixture.host, path, value), 0);
}

/* ---- by the program ------------------------------------------------------ */

static void put_back(void **state)
{
	(void)state;
	set(A, 4);
	set(B, 70000);
	set(A, 5);
	assert_int_equal(number(A), 5);
	assert_int_equal(number(B), 70000);
	assert_null(hvo_change_restore(fixture.host));
	assert_int_equal(number(A), 3);
	assert_int_equal(number(B), 65530);
	/* It is forgotten: what is there now is what will be put back. */
	host_fixture_text(&fixture, A, "6\n");
	set(A, 7);
	assert_null(hvo_change_restore(fixture.host));
	assert_int_equal(number(A), 6);
}

/* Two names of one setting, whose second has seen the first changed. */
static void last_first(void **state)
{
	char first[PATH_MAX];

	(void)state;
	strcpy(first, host_fixture_path(&fixture, A));
	assert_int_equal(link(first, host_fixture_path(&fixture, "/same")), 0);
	set(A, 4);
	set("/same", 5);
	assert_string_equal(hvo_change_restore(fixture.host), "/same");
	assert_int_equal(number(A), 3);
}

static int lowest_fd(void)
{
	int fd = dup(STDERR_FILENO);

	assert_int_equal(close(fd), 0);
	return fd;
}

static void files_are_closed(void **state)
{
	int fd = lowest_fd();

	(void)state;
	set(A, 4);
	set(B, 70000);
	assert_int_not_equal(lowest_fd(), fd);
	hvo_change_forget(A);
	assert_null(hvo_change_restore(fixture.host));
	assert_int_equal(lowest_fd(), fd);
}

static void forgotten(void **state)
{
	(void)state;
	set(A, 4);
	set(B, 70000);
	hvo_change_forget(A);
	hvo_change_forget("/none");
	assert_null(hvo_change_restore(fixture.host));
	assert_int_equal(number(A), 4);
	assert_int_equal(number(B), 65530);
}

/* A file in the place of the one that was written to keeps its number. */
static void not_put_back(void **state)
{
	(void)state;
	set(A, 4);
	set(B, 70000);
	assert_int_equal(remove(host_fixture_path(&fixture, A)), 0);
	host_fixture_text(&fixture, A, "9\n");
	assert_string_equal(hvo_change_restore(fixture.host), A);
	assert_int_equal(number(B), 65530);
	assert_null(hvo_change_restore(fixture.host));
}

static void refused(void **state)
{
	char path[32];

	(void)state;
	assert_int_equal(hvo_change_set(fixture.host, "/none", 1), EINVAL);
	host_fixture_text(&fixture, "/text", "never\n");
	assert_int_equal(hvo_change_set(fixture.host, "/text", 1), EINVAL);
	for (int i = 0; i < HVO_CHANGE_MAX; i++) {
		snprintf(path, sizeof(path), "/file%d", i);
		host_fixture_text(&fixture, path, "1\n");
		set(path, 2);
	}
	assert_int_equal(hvo_change_set(fixture.host, A, 4), ENOSPC);
	assert_int_equal(number(A), 3);
	set("/file0", 5);
	assert_null(hvo_change_restore(fixture.host));
	assert_int_equal(number("/file0"), 1);
}

/* ---- by what ends it ----------------------------------------------------- */

static int told_fd;

static void tell(void)
{
	if (write(told_fd, "1", 1) != 1)
		_exit(1);
}

static void hold_back(void)
{
	hvo_change_begin();
}

static void guard(void)
{
	told_fd = hvo_host_open_file(fixture.host, TOLD, O_WRONLY);
	hvo_change_guard(tell);
}

/* A way to end. */
static int by;

static void by_exit(void)
{
	exit(7);
}

static void by_signal(void)
{
	raise(by);
	_exit(8);
}

static void by_signal_later(void)
{
	if (hvo_change_stopped())
		_exit(1);
	raise(by);
	if (!hvo_change_stopped() || number(A) != 4)
		_exit(2);
	if (hvo_change_restore(fixture.host))
		_exit(3);
	hvo_change_end();
	_exit(8);
}

static void by_signal_when_done(void)
{
	hvo_change_restore(fixture.host);
	raise(by);
}

static void by_ignored_signal(void)
{
	raise(by);
	if (hvo_change_stopped() || number(A) != 4)
		_exit(1);
	exit(7);
}

/* What a child, which changes A and B and ends, ends with; as from wait(). */
static int ended(void (*begin)(void), void (*end)(void))
{
	pid_t child;
	int status;

	fflush(NULL);
	child = fork();
	assert_true(child >= 0);
	if (!child) {
		begin();
		if (hvo_change_set(fixture.host, A, 4) ||
		    hvo_change_set(fixture.host, B, 70000))
			_exit(1);
		end();
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(number(A), 3);
	assert_int_equal(number(B), 65530);
	return status;
}

static void assert_exit(int status, int code)
{
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), code);
}

static void assert_signal(int status)
{
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), by);
}

static void exits(void **state)
{
	(void)state;
	assert_exit(ended(guard, by_exit), 7);
	assert_exit(ended(hold_back, by_exit), 7);
	assert_int_equal(number(TOLD), 0);
}

static const int endings[] = {SIGINT,  SIGTERM, SIGHUP,
			      SIGQUIT, SIGPIPE, SIGALRM};
static const int crashes[] = {SIGABRT, SIGBUS, SIGSEGV, SIGFPE, SIGILL};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void signals_that_are_guarded(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(endings); i++) {
		by = endings[i];
		host_fixture_text(&fixture, TOLD, "0\n");
		assert_signal(ended(guard, by_signal));
		assert_int_equal(number(TOLD), 1);
	}
	host_fixture_text(&fixture, TOLD, "0\n");
	assert_signal(ended(guard, by_signal_when_done));
	assert_int_equal(number(TOLD), 0);
}

static void signals_that_are_held_back(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(endings); i++) {
		by = endings[i];
		assert_signal(ended(hold_back, by_signal_later));
	}
}

static void signals_that_are_ignored(void **state)
{
	(void)state;
	by = SIGHUP;
	signal(SIGHUP, SIG_IGN);
	assert_exit(ended(guard, by_ignored_signal), 7);
	assert_exit(ended(hold_back, by_ignored_signal), 7);
	signal(SIGHUP, SIG_DFL);
	assert_int_equal(number(TOLD), 0);
}

static void crashing(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(crashes); i++) {
		by = crashes[i];
		host_fixture_text(&fixture, TOLD, "0\n");
		assert_signal(ended(hold_back, by_signal));
		assert_int_equal(number(TOLD), 0);
		assert_signal(ended(guard, by_signal));
		assert_int_equal(number(TOLD), 1);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

/* Who runs this may ignore some, as nohup(1) does. */
static void heed_signals(void)
{
	for (size_t i = 0; i < COUNT(endings); i++)
		signal(endings[i], SIG_DFL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(put_back),
	    TEST(last_first),
	    TEST(files_are_closed),
	    TEST(forgotten),
	    TEST(not_put_back),
	    TEST(refused),
	    TEST(exits),
	    TEST(signals_that_are_guarded),
	    TEST(signals_that_are_held_back),
	    TEST(signals_that_are_ignored),
	    TEST(crashing),
	};

	heed_signals();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
