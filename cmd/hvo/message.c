/* SPDX-License-Identifier: MIT */
/*
 * How the command tells people what went wrong. Owns nothing; stderr only.
 */
#include <stdarg.h>
#include <stdio.h>
#include "cmd.h"

static void say(const char *prefix, const char *format, va_list args)
{
	/* What is on stdout came first. */
	fflush(stdout);
	fprintf(stderr, "%s: ", prefix);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
}

void hvo_error(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	say("hvo", format, args);
	va_end(args);
}

int hvo_usage_error(const char *argv0, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	say(argv0, format, args);
	va_end(args);
	return hvo_usage_hint(argv0);
}

int hvo_usage_hint(const char *argv0)
{
	fprintf(stderr, "Try '%s --help'.\n", argv0);
	return HVO_EXIT_USAGE;
}
