/* SPDX-License-Identifier: MIT */
/*
 * hvo host apply: turns HVO on (or off), and renews the pools' free pages,
 * because the switch is looked at when a huge page is allocated only.
 *
 * A pool is renewed in steps: so many pages are given back to the kernel and
 * taken again. The kernel takes and gives at the same end of its list of free
 * pages, so renewed pages are held, mapped here, until the last step; else each
 * step would renew the same ones. No step takes what is reserved or in use, and
 * memory outside the pool is never more than a step.
 *
 * When a step fails or a signal comes, the pool gets its size back and the
 * switch its state; pages that were renewed stay renewed, which harms nobody.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "change.h"
#include "cmd.h"
#include "host.h"
#include "host_apply.h"
#include "host_pages.h"
#include "host_settings.h"
#include "options.h"
#include "progress.h"
#include "size.h"

static const char help[] =
    "Usage: hvo host apply [OPTION]...\n"
    "Turn this host's HVO on, and renew the free huge pages of its pools in\n"
    "small steps, so that they are optimized too. Pages that are reserved or\n"
    "in use stay as they are. Free ones are out of reach for others while it\n"
    "works. Needs root. If a step fails, or it is interrupted, pools get\n"
    "their sizes back and HVO is as before.\n"
    "\n"
    "      --dry-run    change nothing; print what would be done, as shell\n"
    "                   commands\n"
    "      --size SIZE  renew pages of this size only; gigantic ones are\n"
    "                   renewed only if they are named so, for the kernel\n"
    "                   may not find the memory for them again\n"
    "      --step N     huge pages at a time (128; 1 of gigantic ones)\n"
    "      --off        the reverse: turn HVO off, and give free pages all\n"
    "                   their descriptors back\n"
    "      --json       print one JSON object\n"
    "  -h, --help       this text\n";

/* ---- options ------------------------------------------------------------- */

static const struct option names[] = {
    {"dry-run", no_argument, NULL, 'd'},
    {"size", required_argument, NULL, 's'},
    {"step", required_argument, NULL, 'n'},
    {"off", no_argument, NULL, 'o'},
    {"json", no_argument, NULL, 'j'},
    {"help", no_argument, NULL, 'h'},
    {0},
};

static const char *parse_step(uint64_t *step)
{
	const char *wrong = hvo_number_parse(optarg, step);

	return wrong || *step ? wrong : "is out of range";
}

static const char *parse(void *ctx, int letter)
{
	struct apply *a = ctx;

	switch (letter) {
	case 'd':
		a->dry_run = true;
		break;
	case 's':
		return hvo_size_parse(optarg, &a->size);
	case 'n':
		return parse_step(&a->step);
	case 'o':
		a->off = true;
		break;
	default:
		a->json = true;
	}
	return NULL;
}

static const struct hvo_verb verb = {
    .options = names,
    .letters = "h",
    .help = help,
};

/* ---- a step -------------------------------------------------------------- */

static int resize(struct apply *a, const char *path, uint64_t target,
		  uint64_t *now)
{
	int code = hvo_host_set(a->host, path, target);

	if (!code && !hvo_change_read(a->host, path, now)) {
		hvo_error("%s cannot be read", path);
		code = HVO_EXIT_FAILED;
	}
	return code;
}

/* Give pages back to the kernel, and take as many again. */
static int renew_some(struct apply *a, struct apply_pool *p, const char *path,
		      uint64_t n)
{
	uint64_t now = 0;
	int code = resize(a, path, p->total - n, &now);

	if (code)
		return code;
	if (now != p->total - n) {
		hvo_error("the pool came to %" PRIu64 " huge pages instead of "
			  "%" PRIu64 ": some were taken meanwhile, or there is "
			  "no memory for their descriptors",
			  now, p->total - n);
		return HVO_EXIT_FAILED;
	}
	code = resize(a, path, p->total, &now);
	if (code || now == p->total)
		return code;
	hvo_error("the kernel found %" PRIu64 " huge pages again of %" PRIu64
		  "; memory is scarce or fragmented: give a smaller --step",
		  now - (p->total - n), n);
	return HVO_EXIT_FAILED;
}

/* Keep renewed pages out of the next step's way. */
static int hold(const struct apply_pool *p, struct hvo_huge *huge, uint64_t n)
{
	int error = hvo_huge_take(huge, p->pool->size, n, p->pool->node);

	if (!error)
		return HVO_EXIT_OK;
	hvo_error("renewed huge pages cannot be held: %s; a --step of %" PRIu64
		  " needs no holding",
		  strerror(error), p->renew);
	return HVO_EXIT_FAILED;
}

/* ---- a pool -------------------------------------------------------------- */

static int renew_by_steps(struct apply *a, struct apply_pool *p,
			  const char *path, struct hvo_huge *held)
{
	struct hvo_progress progress;
	int code = HVO_EXIT_OK;

	hvo_progress_start(&progress, "renewing", p->renew);
	while (!code && p->done < p->renew && !hvo_change_stopped()) {
		uint64_t left = p->renew - p->done;
		uint64_t n = left < p->step ? left : p->step;

		code = renew_some(a, p, path, n);
		if (!code && n < left)
			code = hold(p, held++, n);
		if (!code)
			p->done += n;
		hvo_progress_step(&progress, p->done);
	}
	hvo_progress_end(&progress);
	return code;
}

static int renew_pool(struct apply *a, struct apply_pool *p)
{
	uint64_t steps = p->renew / p->step + 1;
	struct hvo_huge *held = calloc(steps, sizeof(*held));
	char path[HVO_HOST_POOL_FILE];
	int code;

	if (!held) {
		hvo_error("out of memory");
		return HVO_EXIT_FAILED;
	}
	hvo_host_pool_file(p->pool, path);
	code = renew_by_steps(a, p, path, held);
	for (uint64_t i = 0; i < steps; i++)
		hvo_huge_give(&held[i]);
	free(held);
	/* After a whole step it is as it was found; others may change it. */
	if (!code)
		hvo_change_forget(path);
	return code;
}

/* ---- all of it ----------------------------------------------------------- */

static int renew_all(struct apply *a)
{
	int code = hvo_host_set(a->host, HVO_HOST_SWITCH, !a->off);

	a->counted = hvo_host_memmap(a->host, &a->before);
	for (size_t i = 0; i < a->n_pools && !code; i++)
		if (a->pools[i].renew)
			code = renew_pool(a, &a->pools[i]);
	a->counted = a->counted && hvo_host_memmap(a->host, &a->after);
	/* Now it is to stay. */
	if (!code && !hvo_change_stopped())
		hvo_change_forget(HVO_HOST_SWITCH);
	return code;
}

static int apply(struct apply *a)
{
	int code = hvo_host_may_change(&a->status, "apply");

	if (!code)
		code = apply_plan(a);
	if (!code && !a->dry_run) {
		hvo_change_begin();
		code = renew_all(a);
		code = hvo_host_put_back(a->host, code);
	}
	return code ? code : apply_tell(a);
}

static int open_and_apply(struct apply *a)
{
	int code = hvo_host_cmd_read(NULL, &a->host, &a->status);

	if (code)
		return code;
	code = apply(a);
	free(a->pools);
	hvo_host_status_free(&a->status);
	hvo_host_close(a->host);
	return code;
}

int hvo_host_main_apply(int argc, char **argv)
{
	struct apply a = {0};
	int code = hvo_options_parse(&verb, argc, argv, parse, &a);

	return code >= 0 ? code : open_and_apply(&a);
}
