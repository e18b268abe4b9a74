/* SPDX-License-Identifier: MIT */
/* Walking a verb's command line. Owns nothing but getopt's place in it. */
#include <stdio.h>
#include "cmd.h"
#include "options.h"

static int print_help(const struct hvo_verb *verb)
{
	fputs(verb->help, stdout);
	if (verb->more_help)
		verb->more_help();
	return HVO_EXIT_OK;
}

static const char *name_of(const struct option *option, int letter)
{
	while (option->val != letter)
		option++;
	return option->name;
}

int hvo_options_parse(const struct hvo_verb *verb, int argc, char **argv,
		      const char *(*parse)(void *ctx, int letter), void *ctx)
{
	int letter;

	while ((letter = getopt_long(argc, argv, verb->letters, verb->options,
				     NULL)) >= 0) {
		const char *wrong;

		if (letter == '?')
			return hvo_usage_hint(argv[0]);
		if (letter == 'h')
			return print_help(verb);
		wrong = parse(ctx, letter);
		if (wrong)
			return hvo_usage_error(argv[0], "--%s: '%s' %s",
					       name_of(verb->options, letter),
					       optarg, wrong);
	}
	if (argc - optind > verb->operands)
		return hvo_usage_error(argv[0], "'%s' is one word too many",
				       argv[optind + verb->operands]);
	return -1;
}
