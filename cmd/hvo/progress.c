/* SPDX-License-Identifier: MIT */
/*
 * A progress bar on stderr. State is in the caller's struct hvo_progress.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>
#include "progress.h"

#define FIRST_NS UINT64_C(500000000) /* quicker work shows no bar */
#define AGAIN_NS UINT64_C(100000000)
#define BAR_MAX  40

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

/* Stderr is a terminal that can erase a line. */
static bool can_draw(void)
{
	const char *term = getenv("TERM");

	return isatty(STDERR_FILENO) && term && strcmp(term, "dumb");
}

static unsigned terminal_width(void)
{
	struct winsize size;

	if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) || !size.ws_col)
		return 80;
	return size.ws_col;
}

static void draw(const struct hvo_progress *p, uint64_t done)
{
	/* "\rWHAT [BAR] 100%", and one column for the cursor. */
	unsigned beside = (unsigned)strlen(p->what) + 9;
	unsigned width = terminal_width();
	unsigned bar = width > beside ? width - beside : 0;
	double share = (double)done / (double)p->total;
	unsigned filled;

	if (bar > BAR_MAX)
		bar = BAR_MAX;
	if (share > 1)
		share = 1;
	filled = (unsigned)(bar * share);
	fprintf(stderr, "\r%s [", p->what);
	for (unsigned i = 0; i < bar; i++)
		fputc(i < filled ? '#' : '.', stderr);
	fprintf(stderr, "] %3u%%\033[K", (unsigned)(share * 100));
	fflush(stderr);
}

void hvo_progress_start(struct hvo_progress *p, const char *what,
			uint64_t total)
{
	p->what = what;
	p->total = total;
	p->drawn = false;

	p->next_ns = total && can_draw() ? now_ns() + FIRST_NS : UINT64_MAX;
}

void hvo_progress_wait(struct hvo_progress *p, const char *what)
{
	hvo_progress_start(p, what, 0);
	p->drawn = can_draw();
	if (!p->drawn)
		return;
	/* A message would be written over it. */
	fprintf(stderr, "\r%s ...\033[K\r", what);
	fflush(stderr);
}

void hvo_progress_step(struct hvo_progress *p, uint64_t done)
{
	uint64_t now;

	if (p->next_ns == UINT64_MAX)
		return;
	now = now_ns();
	if (now < p->next_ns)
		return;
	draw(p, done);
	p->drawn = true;
	p->next_ns = now + AGAIN_NS;
}

void hvo_progress_end(struct hvo_progress *p)
{
	p->next_ns = UINT64_MAX;
	if (!p->drawn)
		return;
	fputs("\r\033[K", stderr);
	fflush(stderr);
	p->drawn = false;
}
