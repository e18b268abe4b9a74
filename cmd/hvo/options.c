/* SPDX-License-Identifier: MIT */
/* Walking a verb's command line. Owns nothing but getopt's place in it. */
#include "cmd.h"
#include "options.h"

int hvo_options_parse(int argc, char **argv, const struct option *names,
		      const char *(*parse)(void *ctx, int letter), void *ctx)
{
	int letter, index = 0;

	while ((letter = getopt_long(argc, argv, "h", names, &index)) >= 0) {
		const char *wrong;

		if (letter == '?')
			return hvo_usage_hint(argv[0]);
		wrong = parse(ctx, letter);
		if (wrong)
			return hvo_usage_error(argv[0], "--%s: '%s' %s",
					       names[index].name, optarg,
					       wrong);
	}
	return HVO_EXIT_OK;
}
