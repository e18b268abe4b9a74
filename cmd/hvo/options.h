/* SPDX-License-Identifier: MIT */
/*
 * The command line of a verb: its options, --help, and how many operands
 * there may be.
 */
#ifndef HVO_CMD_OPTIONS_H
#define HVO_CMD_OPTIONS_H

#include <getopt.h>

struct hvo_verb {
	const struct option *options; /* ended by zeros; "help" is 'h' */
	const char *letters;          /* short ones, as for getopt() */
	const char *help;             /* what --help prints */
	void (*more_help)(void);      /* and behind that; may be NULL */
	int operands;                 /* at most */
};

/*
 * Hand each option but --help to parse(ctx, letter), its argument being in
 * optarg; parse returns what is wrong with the argument, or NULL. Afterwards
 * optind is the first operand. Returns -1 when the verb may begin. Else what it
 * is to exit with: help was printed, or what makes no sense was said on stderr.
 */
int hvo_options_parse(const struct hvo_verb *verb, int argc, char **argv,
		      const char *(*parse)(void *ctx, int letter), void *ctx);

#endif
