/* SPDX-License-Identifier: MIT */
/*
 * hvo sim: the command line, and the help with the grammar of scripts.
 */
#include <stdio.h>
#include <string.h>
#include "cmd.h"
#include "options.h"
#include "sim.h"
#include "size.h"

static const char usage_text[] =
    "Usage: hvo sim [--json] SCRIPT|-\n"
    "       hvo sim --random [OPTION]...\n"
    "Drive a machine: memory in a memfd, its descriptors in frames of that\n"
    "memory, zones, a buddy allocator and folios over it. By a script (- is\n"
    "stdin), which does the same each time; or at random, by several threads\n"
    "at once. Both end with the check of everything.\n"
    "\n"
    "  --json         print one JSON object at the end, and nothing else\n"
    "  -h, --help     this text\n"
    "\n"
    "  --random       random operations instead of a script\n"
    "  --seed N       which ones (default 1)\n"
    "  --ops N        how many, over all threads (default 100000)\n"
    "  --cpus N       threads, 1 to 64 (default 2). With 1, a seed is a run\n"
    "                 that can be repeated exactly. With more, each thread\n"
    "                 does the same operations again, but not at the same\n"
    "                 moments as the others\n"
    "  --memory SIZE  of the machine, on two nodes (default 256M)\n"
    "  --failures     let about one in 50 requests for memory, and of those\n"
    "                 for mappings, fail\n"
    "\n";

static const char grammar_text[] =
    "Scripts: a command a line; # begins a comment.\n"
    "\n"
    "  machine memory=SIZE[@ADDRESS] [node=N] ... [base-page=SIZE] [cpus=N]\n"
    "          [spare=SIZE] [dma32=SIZE] [movable=SIZE] [work=RUNS]\n"
    "          [no-watermarks]\n"
    "      Make the machine. Each memory= lies behind the one before, unless\n"
    "      it has an address; node= is of the memory= before it. spare:\n"
    "      absent memory at the end, for describe; dma32: where that zone\n"
    "      ends; movable: so much of each node's end; work: see\n"
    "      hvo_mm_config.\n"
    "  boot PARAMETER...\n"
    "      Before machine: boot parameters as Linux has them: hugepagesz=\n"
    "      hugepages= default_hugepagesz= hugetlb_free_vmemmap=on\n"
    "      hugetlb_cma= hugetlb_cma_only=on. The machine then has pools of\n"
    "      the sizes that page tables map at once (2M and 1G).\n"
    "  alloc NAME [order=N|size=SIZE] [node=N] [zone=ZONE] [count=N] [hvo]\n"
    "        [try-hvo] [zero] [commit] [reserve] [this-node]\n"
    "      Allocate a folio; with count=, all or none of NAME.0, NAME.1 ...\n"
    "  free NAME [no-host]\n"
    "      no-host: fail rather than let a folio hold its own descriptors.\n"
    "  split NAME order=N|size=SIZE   into NAME.0, NAME.1 ...\n"
    "  join NAME                      all NAME.0, NAME.1 ... into NAME\n"
    "  optimize NAME, restore NAME\n"
    "  poison PLACE, unpoison PLACE   a base page is bad, or good again\n"
    "  adopt NAME PLACE [order=N|size=SIZE] [hvo] [try-hvo] [commit]\n"
    "      A folio of isolated memory, or of a device's; disown NAME: back.\n"
    "  describe RANGE [node=N] [zone=ZONE] [order=N|size=SIZE]\n"
    "           [memmap-on-memory]\n"
    "  undescribe RANGE, online RANGE, offline RANGE [dissolve]\n"
    "      memmap-on-memory: in frames of the range itself; dissolve: with\n"
    "      the free pages of pools that are in it.\n"
    "  devmem add NAME RANGE [node=N] [order=N|size=SIZE] [altmap]\n"
    "  devmem remove NAME\n"
    "      A device's memory, as optimized folios; altmap: in its own frames.\n"
    "  isolate RANGE, release RANGE   take free memory at a given place\n"
    "  rehome                         bring lent pages back\n"
    "  drain                          empty the CPUs' caches\n"
    "  fail [n=K [sticky]] [mappings]\n"
    "      Let the K-th request for memory (or for a mapping) from here on\n"
    "      fail, and if sticky all after it; without n=, none.\n"
    "  pools SIZE... [full] [zone=ZONE] [commit] [no-host]\n"
    "      Make pools of huge pages of these sizes, empty; full: not to be\n"
    "      optimized; no-host: what leaves them may fail for want of memory.\n"
    "      size= names one of them below, node= one node.\n"
    "  pool size=SIZE count=N [node=N]      how many pages it has\n"
    "  overcommit size=SIZE count=N         most surplus pages\n"
    "  reserve size=SIZE count=N, unreserve size=SIZE count=N\n"
    "  take NAME size=SIZE [count=N] [node=N] [reserved], give NAME\n"
    "  dissolve size=SIZE [count=N] [node=N] [no-host]\n"
    "  dissolve RANGE [no-host]             free pages to the machine\n"
    "  demote size=SIZE to=SIZE [count=N] [node=N]\n"
    "  promote size=SIZE to=SIZE [count=N] [node=N]\n"
    "  switch on|off                        optimize pages from now on?\n"
    "  apply size=SIZE                      and the free ones there are\n"
    "  expect VALUE OP VALUE          OP: == != < <= > >=\n"
    "  expect error NAME              of the command before, as ENOMEM\n"
    "  let NAME VALUE                 keep a number\n"
    "  stats, show NAME, dump [vmemmap], check\n"
    "\n"
    "NAME also stands for all of NAME.0, NAME.1 ... PLACE is a page frame\n"
    "number, an address with a unit (2M), or NAME+PAGES. RANGE is\n"
    "PLACE+COUNT, or NAME. Counts without a unit are base pages. ZONE is\n"
    "dma32, normal, movable or device.\n"
    "VALUE is TERM [+|- TERM]..., words apart; a TERM is a number, a size (in\n"
    "base pages), a number kept by let, NAME.pfn, NAME.order, NAME.pages,\n"
    "NAME.optimized, NAME.count, or a statistic, of the machine or, with\n"
    "@NODE, of a node: present free cached folios isolated offline\n"
    "descriptors boot-descriptors altmap hosting reserved poisoned bad\n"
    "unrecoverable hosts deferred; of the machine only: frames (that hold\n"
    "descriptors) shared optimized (folios) measured (pages, by the\n"
    "operating system) failed. Of a pool: pool.SIZE.WHAT, or with @NODE\n"
    "behind SIZE, where WHAT is total free surplus optimized reserved\n"
    "overcommit lost saved (in base pages) restore (frames that would take).\n"
    "Of contiguous areas: cma.WHAT: idle used lent parked gone. Of a device:\n"
    "devmem.NAME.WHAT: folios data (pfn) altmap used saved elsewhere (frames\n"
    "that are not its own).\n"
    "A command that fails ends the script with exit code 1, unless the next\n"
    "one expects that error; one that makes no sense, with 2.\n"
    "\n"
    "Example:\n"
    "  machine memory=64M no-watermarks\n"
    "  let before free\n"
    "  alloc a size=2M hvo\n"
    "  expect free == before - 512 + 7 - 7  # 7 given back, 7 shared tails\n"
    "  free a\n";

static void print_grammar(void)
{
	fputs(grammar_text, stdout);
}

/* ---- the command line ----------------------------------------------- */

struct options {
	struct hvo_sim_random_options random;
	bool at_random;
	bool only_random; /* an option that means nothing to a script */
};

static const struct option names[] = {
    {"random", no_argument, NULL, 'r'},
    {"seed", required_argument, NULL, 's'},
    {"ops", required_argument, NULL, 'o'},
    {"cpus", required_argument, NULL, 'c'},
    {"memory", required_argument, NULL, 'm'},
    {"failures", no_argument, NULL, 'f'},
    {"json", no_argument, NULL, 'j'},
    {"help", no_argument, NULL, 'h'},
    {NULL, 0, NULL, 0},
};

static const char *parse_number(const char *text, uint64_t least, uint64_t most,
				uint64_t *number)
{
	const char *wrong = hvo_number_parse(text, number);

	if (wrong)
		return wrong;
	if (*number < least)
		return "is too small";
	return *number > most ? "is too large" : NULL;
}

static const char *parse_memory(const char *text, uint64_t *bytes)
{
	const char *wrong = hvo_size_parse(text, bytes);

	if (wrong)
		return wrong;
	if (*bytes < UINT64_C(32) << 20)
		return "is too small: at least 32M";
	return (*bytes - 1) >> 42 ? "is too large: at most 4T" : NULL;
}

/* One option; returns what is wrong with its argument, or NULL. */
static const char *parse_option(void *ctx, int c)
{
	struct options *o = ctx;
	struct hvo_sim_random_options *r = &o->random;

	if (strchr("socmf", c))
		o->only_random = true;
	switch (c) {
	case 'r':
		o->at_random = true;
		return NULL;
	case 's':
		return parse_number(optarg, 0, UINT64_MAX, &r->seed);
	case 'o':
		return parse_number(optarg, 1, UINT64_C(1) << 48, &r->ops);
	case 'c':
		return parse_number(optarg, 1, 64, &r->cpus);
	case 'm':
		return parse_memory(optarg, &r->memory);
	case 'f':
		r->failures = true;
		return NULL;
	default:
		r->json = true;
		return NULL;
	}
}

static int check_usage(int argc, char **argv, const struct options *o)
{
	int operands = argc - optind;

	if (o->at_random && operands)
		return hvo_usage_error(
		    argv[0], "--random takes no script: '%s'", argv[optind]);
	if (!o->at_random && o->only_random)
		return hvo_usage_error(argv[0],
				       "--seed, --ops, --cpus, --memory and "
				       "--failures go with --random");
	if (!o->at_random && !operands)
		return hvo_usage_error(argv[0],
				       "name a script, - for stdin, or "
				       "--random");
	return -1;
}

static const struct hvo_verb verb = {
    .options = names,
    .letters = "h",
    .help = usage_text,
    .more_help = print_grammar,
    .operands = 1,
};

static int parse_options(int argc, char **argv, struct options *o)
{
	int code = hvo_options_parse(&verb, argc, argv, parse_option, o);

	return code >= 0 ? code : check_usage(argc, argv, o);
}

int hvo_cmd_sim(int argc, char **argv)
{
	struct options o = {
	    .random = {.seed = 1,
		       .ops = 100000,
		       .cpus = 2,
		       .memory = UINT64_C(256) << 20},
	};
	int code = parse_options(argc, argv, &o);

	if (code >= 0)
		return code;
	if (o.at_random)
		return hvo_sim_random(&o.random);
	return hvo_sim_script(argv[optind], o.random.json);
}
