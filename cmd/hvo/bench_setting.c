/* SPDX-License-Identifier: MIT */
/*
 * Settings of the host that a benchmark changes: host/change.h, where a signal
 * ends the program at any moment. Owns the host, from the first change on.
 */
#include <errno.h>
#include <unistd.h>
#include "bench.h"
#include "change.h"
#include "cmd.h"

static struct hvo_host *host;

/* In a signal's handler. Where stderr is gone, there is nobody to tell. */
static void tell_stopped(void)
{
	static const char text[] = "\nhvo: stopped; settings are put back\n";

	(void)!write(STDERR_FILENO, text, sizeof(text) - 1);
}

/* Returns 0 or an errno. */
static int open_host(void)
{
	char why[256];

	if (host)
		return 0;
	if (hvo_host_open(&host, "/", why, sizeof(why)))
		return EIO;
	hvo_change_guard(tell_stopped);
	return 0;
}

int bench_setting_set(const char *path, uint64_t value)
{
	int error = open_host();

	return error ? error : hvo_change_set(host, path, value);
}

bool bench_settings_restore(void)
{
	const char *failed = host ? hvo_change_restore(host) : NULL;

	if (failed)
		hvo_error("%s could not be put back as it was; look at it",
			  failed);
	return !failed;
}
