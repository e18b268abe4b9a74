/* SPDX-License-Identifier: MIT */
/*
 * The options of a verb: one walk over the command line for those whose
 * options have long names only, and -h.
 */
#ifndef HVO_CMD_OPTIONS_H
#define HVO_CMD_OPTIONS_H

#include <getopt.h>

/*
 * Hand each option of `names` to parse(ctx, letter), its argument being in
 * optarg; parse returns what is wrong with the argument, or NULL. Afterwards
 * optind is the first operand. Returns HVO_EXIT_OK, or HVO_EXIT_USAGE when it
 * has said on stderr what makes no sense.
 */
int hvo_options_parse(int argc, char **argv, const struct option *names,
		      const char *(*parse)(void *ctx, int letter), void *ctx);

#endif
