/* SPDX-License-Identifier: MIT */
/*
 * The table of changed settings. Each keeps its file open, so that writing back
 * is one system call, which a handler of a crash may make too.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "change.h"

struct setting {
	char path[160];
	int fd;
	char before[24]; /* as text, for pwrite() */
};

static struct setting settings[HVO_CHANGE_MAX];
static size_t used;
static sigset_t held, outside;

/* ---- writing ------------------------------------------------------------- */

/* Returns 0 or an errno. Async-signal-safe. */
static int write_text(int fd, const char *text)
{
	size_t length = strlen(text);
	ssize_t n = pwrite(fd, text, length, 0);

	if (n < 0)
		return errno;
	return (size_t)n == length ? 0 : EIO;
}

/* The last changed first. Async-signal-safe. */
static void write_back(void)
{
	for (size_t i = used; i-- > 0;)
		write_text(settings[i].fd, settings[i].before);
}

bool hvo_change_read(struct hvo_host *host, const char *path, uint64_t *value)
{
	size_t length;
	char *text = hvo_host_read(host, path, &length);
	char *end = text;

	if (text) {
		errno = 0;
		*value = strtoull(text, &end, 10);
	}
	free(text);
	return end != text && !errno;
}

/* ---- the table ----------------------------------------------------------- */

static struct setting *find(const char *path)
{
	for (size_t i = 0; i < used; i++)
		if (!strcmp(settings[i].path, path))
			return &settings[i];
	return NULL;
}

/* Returns 0 or an errno. A crash in between finds the table whole. */
static int remember(struct hvo_host *host, const char *path)
{
	struct setting *setting = &settings[used];
	uint64_t value;

	if (used == HVO_CHANGE_MAX || strlen(path) >= sizeof(setting->path))
		return ENOSPC;
	if (!hvo_change_read(host, path, &value))
		return EINVAL;
	setting->fd = hvo_host_open_file(host, path, O_WRONLY);
	if (setting->fd < 0)
		return errno;
	strcpy(setting->path, path);
	snprintf(setting->before, sizeof(setting->before), "%llu\n",
		 (unsigned long long)value);
	used++;
	return 0;
}

int hvo_change_set(struct hvo_host *host, const char *path, uint64_t value)
{
	int error = find(path) ? 0 : remember(host, path);
	char text[24];

	snprintf(text, sizeof(text), "%llu\n", (unsigned long long)value);
	return error ? error : write_text(find(path)->fd, text);
}

void hvo_change_forget(const char *path)
{
	struct setting *setting = find(path);
	size_t behind;

	if (!setting)
		return;
	behind = (size_t)(settings + used - setting) - 1;
	close(setting->fd);
	used--;
	memmove(setting, setting + 1, behind * sizeof(*setting));
}

static bool is_back(struct hvo_host *host, const struct setting *setting)
{
	uint64_t value;

	return hvo_change_read(host, setting->path, &value) &&
	       value == strtoull(setting->before, NULL, 10);
}

const char *hvo_change_restore(struct hvo_host *host)
{
	static char failed[sizeof(settings[0].path)];
	bool all = true;

	write_back();
	while (used) {
		struct setting *last = &settings[used - 1];

		if (!is_back(host, last)) {
			strcpy(failed, last->path);
			all = false;
		}
		hvo_change_forget(last->path);
	}
	return all ? NULL : failed;
}

/* ---- signals ------------------------------------------------------------- */

/* What tells a program to end, but for SIGKILL. */
static const int endings[] = {SIGINT,  SIGTERM, SIGHUP,
			      SIGQUIT, SIGPIPE, SIGALRM};

/* What it does to itself. */
static const int crashes[] = {SIGABRT, SIGBUS, SIGSEGV, SIGFPE, SIGILL};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void at_crash(int number)
{
	write_back();
	/* SA_RESETHAND: now it has its usual effect. */
	raise(number);
}

/* Something else ended the program. */
static void at_exit(void)
{
	write_back();
}

/* A signal that is ignored and held back would be pending all the same. */
static bool is_ignored(int number)
{
	struct sigaction action;

	return !sigaction(number, NULL, &action) &&
	       action.sa_handler == SIG_IGN;
}

void hvo_change_begin(void)
{
	struct sigaction action = {.sa_handler = at_crash,
				   .sa_flags = (int)SA_RESETHAND};
	static bool guarded;

	sigemptyset(&held);
	for (size_t i = 0; i < COUNT(endings); i++)
		if (!is_ignored(endings[i]))
			sigaddset(&held, endings[i]);
	sigprocmask(SIG_BLOCK, &held, &outside);
	if (guarded)
		return;
	guarded = true;
	for (size_t i = 0; i < COUNT(crashes); i++)
		sigaction(crashes[i], &action, NULL);
	atexit(at_exit);
}

bool hvo_change_stopped(void)
{
	sigset_t pending;

	sigpending(&pending);
	for (size_t i = 0; i < COUNT(endings); i++)
		if (sigismember(&held, endings[i]) &&
		    sigismember(&pending, endings[i]))
			return true;
	return false;
}

void hvo_change_end(void)
{
	sigprocmask(SIG_SETMASK, &outside, NULL);
}
