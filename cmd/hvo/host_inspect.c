/* SPDX-License-Identifier: MIT */
/*
 * hvo host inspect: one huge page's descriptors as the kernel's own page
 * tables map them. Only reads.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include "cmd.h"
#include "host_inspect.h"
#include "options.h"
#include "size.h"

static const char help[] =
    "Usage: hvo host inspect [OPTION]... PFN\n"
    "       hvo host inspect [OPTION]... --pid PID ADDRESS\n"
    "Draw which frames a huge page's descriptors are really mapped to, as\n"
    "the kernel's page tables in /proc/kcore have it, and tell which\n"
    "generation of HVO that is. The huge page is the one that has the frame\n"
    "PFN, or that a process has mapped at ADDRESS (hexadecimal). Changes\n"
    "nothing. Needs root.\n"
    "\n"
    "      --pid PID      ADDRESS is one of this process\n"
    "      --size SIZE    of the huge page, instead of looking for it in\n"
    "                     /proc/kpageflags\n"
    "      --json         print one JSON object\n"
    "      --sysroot DIR  read the files in DIR instead of those in /\n"
    "  -h, --help         this text\n";

/* ---- the command line ---------------------------------------------------- */

static const struct option names[] = {
    {"pid", required_argument, NULL, 'p'},
    {"size", required_argument, NULL, 's'},
    {"json", no_argument, NULL, 'j'},
    {"sysroot", required_argument, NULL, 'r'},
    {"help", no_argument, NULL, 'h'},
    {0},
};

struct options {
	struct inspect *inspect;
	const char *sysroot;
};

/* No kernel has larger ones. */
#define SIZE_MOST (UINT64_C(1) << 36)

static const char *parse_size(uint64_t *size)
{
	const char *wrong = hvo_size_parse(optarg, size);

	if (!wrong && (!*size || *size & (*size - 1) || *size > SIZE_MOST))
		wrong = "is no size of a huge page: a power of two";
	return wrong;
}

static const char *parse_pid(long *pid)
{
	uint64_t number;
	const char *wrong = hvo_number_parse(optarg, &number);

	if (!wrong && (!number || number > 1 << 22))
		wrong = "is out of range";
	*pid = wrong ? 0 : (long)number;
	return wrong;
}

static const char *parse(void *ctx, int letter)
{
	struct options *options = ctx;

	switch (letter) {
	case 'p':
		return parse_pid(&options->inspect->pid);
	case 's':
		return parse_size(&options->inspect->size);
	case 'j':
		options->inspect->json = true;
		break;
	default:
		options->sysroot = optarg;
	}
	return NULL;
}

static const struct hvo_verb verb = {
    .options = names,
    .letters = "h",
    .help = help,
    .operands = 1,
};

/* A frame, decimal or with 0x; an address, hexadecimal in any case. */
static bool parse_where(const char *text, int base, uint64_t *where)
{
	char *end;

	if (*text < '0' || (*text > '9' && base != 16))
		return false;
	errno = 0;
	*where = strtoull(text, &end, base);
	return !errno && end != text && !*end;
}

static int parse_operand(char **argv, struct inspect *inspect)
{
	const char *text = argv[optind];

	if (!text)
		return hvo_usage_error(argv[0], "which %s?",
				       inspect->pid ? "address" : "frame");
	if (inspect->pid && !parse_where(text, 16, &inspect->address))
		return hvo_usage_error(argv[0], "'%s' is not an address", text);
	if (!inspect->pid &&
	    (!parse_where(text, 0, &inspect->pfn) || inspect->pfn >> 40))
		return hvo_usage_error(argv[0], "'%s' is no frame's number",
				       text);
	return HVO_EXIT_OK;
}

/* ---- looking ------------------------------------------------------------- */

/* Pages that the descriptors of the whole huge page touch. */
static uint64_t vmemmap_pages(const struct inspect *inspect)
{
	uint64_t first = inspect->head * inspect->record;
	uint64_t bytes = inspect->record << inspect->order;

	return (first + bytes - 1) / inspect->base_page -
	       first / inspect->base_page + 1;
}

static int unreadable(void)
{
	hvo_error("the kernel's page tables cannot be read: a table lies "
		  "where /proc/kcore shows no memory");
	return HVO_EXIT_FAILED;
}

static int add_page(struct inspect *inspect, uint64_t page,
		    struct hvo_host_mapping *mapping)
{
	struct hvo_translation leads = {0};

	if (hvo_host_tables_look(inspect->tables, inspect->head, page, mapping))
		return unreadable();
	if (!mapping->mapped) {
		hvo_error("vmemmap page %" PRIu64 " of %" PRIu64
			  " from frame %" PRIu64
			  " on is not mapped: there is no memory, or it has "
			  "no descriptors",
			  page, inspect->pages, inspect->head);
		return HVO_EXIT_FAILED;
	}
	leads.frame.nr = mapping->frame;
	leads.prot = mapping->writable ? HVO_PROT_WRITE : HVO_PROT_READ;
	if (mapping->bytes > inspect->block)
		inspect->block = mapping->bytes;
	if (!hvo_picture_add(&inspect->picture, leads))
		return HVO_EXIT_OK;
	hvo_error("no memory for the picture");
	return HVO_EXIT_FAILED;
}

static int look(struct inspect *inspect)
{
	struct hvo_host_mapping *mappings;
	int code = HVO_EXIT_OK;

	inspect->pages = vmemmap_pages(inspect);
	mappings = calloc(inspect->pages, sizeof(*mappings));
	if (!mappings) {
		hvo_error("no memory for the picture");
		return HVO_EXIT_FAILED;
	}
	for (uint64_t i = 0; !code && i < inspect->pages; i++)
		code = add_page(inspect, i, &mappings[i]);
	inspect->layout = hvo_host_layout_of(mappings, inspect->pages);
	free(mappings);
	return code;
}

static int inspect_page(struct inspect *inspect)
{
	char message[512];
	int code;

	if (hvo_host_tables_open(&inspect->tables, inspect->host, message,
				 sizeof(message))) {
		hvo_error("%s", message);
		return HVO_EXIT_DENIED;
	}
	inspect->base_page = hvo_host_tables_base_page(inspect->tables);
	inspect->record = hvo_host_tables_record(inspect->tables);
	code = inspect_find(inspect);
	if (!code)
		code = look(inspect);
	if (!code)
		code = inspect_tell(inspect);
	hvo_picture_free(&inspect->picture);
	hvo_host_tables_close(inspect->tables);
	return code;
}

static int open_and_inspect(struct inspect *inspect, const char *sysroot)
{
	int code;

	inspect->host = hvo_host_cmd_open(sysroot);
	if (!inspect->host)
		return HVO_EXIT_DENIED;
	code = inspect_page(inspect);
	hvo_host_close(inspect->host);
	return code;
}

int hvo_host_main_inspect(int argc, char **argv)
{
	struct inspect inspect = {0};
	struct options options = {.inspect = &inspect};
	int code = hvo_options_parse(&verb, argc, argv, parse, &options);

	if (code >= 0)
		return code;
	code = parse_operand(argv, &inspect);
	return code ? code : open_and_inspect(&inspect, options.sysroot);
}
