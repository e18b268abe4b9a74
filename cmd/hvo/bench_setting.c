/* SPDX-License-Identifier: MIT */
/*
 * Settings of the host that a benchmark changes, and their way back: when it
 * ends, when it calls exit(), and when a signal ends it, by calls that are
 * allowed in a signal handler.
 *
 * The table is written with those signals blocked, so that the handler finds
 * it whole. One thread changes settings.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "bench.h"
#include "cmd.h"

#define SETTINGS_MAX 4

struct setting {
	const char *path;
	char before[24]; /* as text, for write() */
};

static struct setting settings[SETTINGS_MAX];
static size_t used;

/* What ends a program, but for SIGKILL. */
static const int signals[] = {SIGINT,  SIGTERM, SIGHUP, SIGQUIT, SIGPIPE,
			      SIGALRM, SIGABRT, SIGBUS, SIGSEGV};

#define SIGNALS (sizeof(signals) / sizeof(signals[0]))

static void signal_set(sigset_t *set)
{
	sigemptyset(set);
	for (size_t i = 0; i < SIGNALS; i++)
		sigaddset(set, signals[i]);
}

/* Returns 0 or an errno. Async-signal-safe. */
static int write_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : write(fd, text, strlen(text));
	int error = n < 0 ? errno : 0;

	if (fd >= 0)
		close(fd);
	return error;
}

/* Write everything back, the last changed first. Async-signal-safe. */
static void write_back(void)
{
	for (size_t i = used; i-- > 0;)
		write_text(settings[i].path, settings[i].before);
}

static void at_signal(int number)
{
	static const char text[] = "\nhvo: stopped; settings are put back\n";

	write_back();
	if (write(STDERR_FILENO, text, sizeof(text) - 1) < 0)
		_exit(128 + number);
	/* SA_RESETHAND: now it has its usual effect. */
	raise(number);
}

static void at_exit(void)
{
	if (used)
		bench_settings_restore();
}

/* Once, before the first setting changes. */
static void guard(void)
{
	struct sigaction action = {.sa_handler = at_signal,
				   .sa_flags = (int)SA_RESETHAND};
	struct sigaction before;
	static bool guarded;

	if (guarded)
		return;
	guarded = true;
	signal_set(&action.sa_mask);
	for (size_t i = 0; i < SIGNALS; i++)
		/* What is ignored (nohup) stays ignored. */
		if (!sigaction(signals[i], NULL, &before) &&
		    before.sa_handler != SIG_IGN)
			sigaction(signals[i], &action, NULL);
	atexit(at_exit);
}

/* Remember what a file holds. Returns 0 or an errno. */
static int remember(const char *path)
{
	sigset_t set, before;
	uint64_t value;

	for (size_t i = 0; i < used; i++)
		if (!strcmp(settings[i].path, path))
			return 0;
	assert(used < SETTINGS_MAX);
	if (!bench_read_number(path, &value))
		return EIO;
	guard();
	signal_set(&set);
	sigprocmask(SIG_BLOCK, &set, &before);
	settings[used].path = path;
	snprintf(settings[used].before, sizeof(settings[used].before), "%lu\n",
		 value);
	used++;
	sigprocmask(SIG_SETMASK, &before, NULL);
	return 0;
}

int bench_setting_set(const char *path, uint64_t value)
{
	char text[24];
	int error = remember(path);

	snprintf(text, sizeof(text), "%lu\n", value);
	return error ? error : write_text(path, text);
}

static bool is_back(const struct setting *setting)
{
	uint64_t value;

	if (bench_read_number(setting->path, &value) &&
	    value == strtoull(setting->before, NULL, 10))
		return true;
	hvo_error("%s could not be put back to %.*s", setting->path,
		  (int)strcspn(setting->before, "\n"), setting->before);
	return false;
}

bool bench_settings_restore(void)
{
	bool all = true;

	write_back();
	for (size_t i = 0; i < used; i++)
		all &= is_back(&settings[i]);
	used = 0;
	return all;
}
