/* SPDX-License-Identifier: MIT */
/*
 * The table of changed settings. Each keeps its file open, so that writing back
 * is one system call, which a signal's handler may make too. A handler finds
 * the table whole at any moment: an entry is written before it is counted, and
 * its file is closed when it no longer is.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
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
static atomic_size_t used;
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

/* Returns 0 or an errno. */
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

/* A handler may find the last entry twice on the way, which does no harm. */
void hvo_change_forget(const char *path)
{
	struct setting *setting = find(path);
	size_t behind;
	int fd;

	if (!setting)
		return;
	fd = setting->fd;
	behind = (size_t)(settings + used - setting) - 1;
	memmove(setting, setting + 1, behind * sizeof(*setting));
	used--;
	close(fd);
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

static void (*tell_stopped)(void);

static void at_signal(int number)
{
	write_back();
	if (used && tell_stopped)
		tell_stopped();
	/* SA_RESETHAND: now it has its usual effect. */
	raise(number);
}

/* Something else ended the program. */
static void at_exit(void)
{
	write_back();
}

/* While one is handled, none of the others comes. */
static void handle(int number)
{
	struct sigaction action = {.sa_handler = at_signal,
				   .sa_flags = (int)SA_RESETHAND};

	sigfillset(&action.sa_mask);
	sigaction(number, &action, NULL);
}

/* What ends the program in either case. */
static void guard_ends(void)
{
	static bool guarded;

	if (guarded)
		return;
	guarded = true;
	for (size_t i = 0; i < COUNT(crashes); i++)
		handle(crashes[i]);
	atexit(at_exit);
}

/* One that is ignored and held back would be pending all the same. */
static bool is_ignored(int number)
{
	struct sigaction action;

	return !sigaction(number, NULL, &action) &&
	       action.sa_handler == SIG_IGN;
}

void hvo_change_begin(void)
{
	sigemptyset(&held);
	for (size_t i = 0; i < COUNT(endings); i++)
		if (!is_ignored(endings[i]))
			sigaddset(&held, endings[i]);
	sigprocmask(SIG_BLOCK, &held, &outside);
	guard_ends();
}

void hvo_change_guard(void (*stopped)(void))
{
	tell_stopped = stopped;
	for (size_t i = 0; i < COUNT(endings); i++)
		if (!is_ignored(endings[i]))
			handle(endings[i]);
	guard_ends();
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
