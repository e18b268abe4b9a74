/* SPDX-License-Identifier: MIT */
/*
 * hvo host verify: proves on huge pages of its own that the kernel's HVO does
 * what it says.
 *
 * The pool of one node grows by a few pages and shrinks again. In between, the
 * kernel's count of its memory map must have fallen by the pages of
 * descriptors that an optimized page does without, to the page; every base
 * page must read, through the shared tails, as the head or tail that it is;
 * afterwards the count must be what it was. The kernel's page tables, where
 * they can be read, must say of each page that it is optimized; they prove it
 * without the count, too. Anything else on the host that comes or goes with
 * huge pages or memory meanwhile moves the count too, so a count that does not
 * fit is taken again before it is called wrong.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "cmd.h"
#include "host.h"
#include "host_settings.h"
#include "host_verify.h"
#include "options.h"
#include "size.h"

#define MIB (UINT64_C(1) << 20)

static const char help[] =
    "Usage: hvo host verify [OPTION]...\n"
    "Prove that this host's HVO works: on a few huge pages more, which the\n"
    "pool is given for a moment, or on those of a running process. Needs\n"
    "root. Settings are put back, also when it is interrupted.\n"
    "\n"
    "      --size SIZE  of huge page (2M)\n"
    "      --pages N    huge pages, at most 4096 (8; 1 from 1 GiB on)\n"
    "      --pid PID    look at huge pages that this process has mapped,\n"
    "                   at most N; changes nothing\n"
    "      --try        turn HVO on meanwhile, if it is off\n"
    "      --json       print one JSON object\n"
    "  -h, --help       this text\n"
    "\n"
    "Exit codes: 0 it works; 1 it is off, or does not do what it says; 3 not\n"
    "permitted, or this kernel lacks what it could be proved by.\n";

/* ---- options ------------------------------------------------------------- */

static const struct option names[] = {
    {"size", required_argument, NULL, 's'},
    {"pages", required_argument, NULL, 'n'},
    {"pid", required_argument, NULL, 'p'},
    {"try", no_argument, NULL, 't'},
    {"json", no_argument, NULL, 'j'},
    {"help", no_argument, NULL, 'h'},
    {0},
};

static const char *parse_number(uint64_t *number, uint64_t most)
{
	const char *wrong = hvo_number_parse(optarg, number);

	if (!wrong && (!*number || *number > most))
		wrong = "is out of range";
	return wrong;
}

static const char *parse(void *ctx, int letter)
{
	struct verify *v = ctx;
	const char *wrong = NULL;
	uint64_t pid;

	switch (letter) {
	case 's':
		return hvo_size_parse(optarg, &v->size);
	case 'n':
		return parse_number(&v->pages, 4096);
	case 'p':
		wrong = parse_number(&pid, 1 << 22);
		v->pid = wrong ? 0 : (long)pid;
		break;
	case 't':
		v->try = true;
		break;
	default:
		v->json = true;
	}
	return wrong;
}

static const struct hvo_verb verb = {
    .options = names,
    .letters = "h",
    .help = help,
};

/* ---- the pool ------------------------------------------------------------ */

/* Free memory of a node, in bytes; 0 where it is not told. */
static uint64_t node_free(struct hvo_host *host, int node)
{
	uint64_t kib = 0;
	char path[80];
	size_t length;
	char *text, *line;

	snprintf(path, sizeof(path), "/sys/devices/system/node/node%d/meminfo",
		 node);
	text = hvo_host_read(host, path, &length);
	line = text ? strstr(text, "MemFree:") : NULL;
	if (line)
		kib = strtoull(line + strlen("MemFree:"), NULL, 10);
	free(text);
	return kib << 10;
}

/*
 * The pool of that size on the node with the most free memory: growing the
 * whole would spread pages over nodes, and shrinking it take them from others.
 */
static const struct hvo_host_pool *choose_pool(struct verify *v)
{
	const struct hvo_host_pool *best = NULL;
	uint64_t most = 0;

	for (size_t i = 0; i < v->status.n_pools; i++) {
		const struct hvo_host_pool *pool = &v->status.pools[i];
		uint64_t room;

		if (pool->size != v->size)
			continue;
		room = pool->node < 0 ? 0 : node_free(v->host, pool->node);
		if (!best || room > most) {
			best = pool;
			most = room;
		}
	}
	return best;
}

static int find_pool(struct verify *v)
{
	char size[HVO_SIZE_TEXT];

	v->pool = choose_pool(v);
	if (!v->pool) {
		hvo_error("this kernel has no pool of pages of %s",
			  hvo_size_format(v->size, size));
		return HVO_EXIT_DENIED;
	}
	if (v->pool->vmemmap_pages.kind != HVO_HOST_UNKNOWN &&
	    v->pool->kept_pages.kind != HVO_HOST_UNKNOWN)
		v->saves =
		    v->pool->vmemmap_pages.value - v->pool->kept_pages.value;
	if (!v->pages)
		v->pages = v->size >= 1024 * MIB ? 1 : 8;
	return HVO_EXIT_OK;
}

/* ---- all of it ----------------------------------------------------------- */

/*
 * Room for the frames looked at, and the kernel's page tables where they can be
 * read and it is known what to expect in them. False for want of memory.
 */
static bool open_more(struct verify *v)
{
	char message[512];

	v->frames = calloc(v->pages, sizeof(*v->frames));
	if (v->saves)
		/* Where there are none, it is told what that leaves open. */
		(void)hvo_host_tables_open(&v->tables, v->host, message,
					   sizeof(message));
	return v->frames;
}

static int verify(struct verify *v)
{
	int code = hvo_host_may_change(&v->status, "verify");

	if (!code)
		code = find_pool(v);
	if (code)
		return code;
	if (!open_more(v)) {
		hvo_error("out of memory");
		return HVO_EXIT_FAILED;
	}
	v->on = v->status.enabled.value;
	if (v->pid)
		code = verify_process(v);
	else if (v->on || v->try)
		code = verify_own(v);
	return code ? code : verify_tell(v);
}

static int open_and_verify(struct verify *v)
{
	int code = hvo_host_cmd_read(NULL, &v->host, &v->status);

	if (code)
		return code;
	code = verify(v);
	hvo_host_tables_close(v->tables);
	free(v->frames);
	hvo_host_status_free(&v->status);
	hvo_host_close(v->host);
	return code;
}

int hvo_host_main_verify(int argc, char **argv)
{
	struct verify *v = calloc(1, sizeof(*v));
	int code;

	if (!v) {
		hvo_error("out of memory");
		return HVO_EXIT_FAILED;
	}
	v->size = 2 * MIB;
	code = hvo_options_parse(&verb, argc, argv, parse, v);
	if (code < 0 && v->pid && v->try)
		code = hvo_usage_error(argv[0],
				       "--pid changes nothing, so that there "
				       "is nothing to --try");
	if (code < 0)
		code = open_and_verify(v);
	free(v);
	return code;
}
