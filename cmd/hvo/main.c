/* SPDX-License-Identifier: MIT */
/*
 * The command's front: finds the verb and hands it the rest of the line.
 */
#include <locale.h>
#include <stdio.h>
#include <string.h>
#include "cmd.h"

struct verb {
	const char *name;
	int (*main)(int argc, char **argv);
	const char *argv0; /* what the verb gets as argv[0] */
	const char *text;
};

static const struct verb verbs[] = {
    {"run", hvo_cmd_run, "hvo run",
     "make a machine, optimize its huge pages, use what that frees"},
    {"plan", hvo_cmd_plan, "hvo plan",
     "what optimizing saves, for any sizes and architectures"},
    {"show", hvo_cmd_show, "hvo show",
     "draw one folio's mapping, taken from a live map"},
    {"sim", hvo_cmd_sim, "hvo sim",
     "drive a machine by a script, or torture one at random"},
    {"bench", hvo_cmd_bench, "hvo bench",
     "measure: generations, look-ups, readers, linux, machines"},
    {"host", hvo_cmd_host, "hvo host",
     "Linux's own: what it does on this host"},
};

#define VERBS (sizeof(verbs) / sizeof(verbs[0]))

static const struct verb *find_verb(const char *name)
{
	for (size_t i = 0; i < VERBS; i++)
		if (!strcmp(verbs[i].name, name))
			return &verbs[i];
	return NULL;
}

/*
 * Single-letter edits (insert, drop, replace) that lead from a to b, at most
 * 16 letters of each looked at.
 */
static unsigned edits(const char *a, const char *b)
{
	unsigned row[17];
	size_t len = strnlen(b, 16);

	for (size_t j = 0; j <= len; j++)
		row[j] = (unsigned)j;
	for (size_t i = 0; i < strnlen(a, 16); i++) {
		unsigned diagonal = row[0];

		row[0] = (unsigned)i + 1;
		for (size_t j = 1; j <= len; j++) {
			unsigned least = diagonal + (a[i] != b[j - 1]);

			diagonal = row[j];
			if (row[j] + 1 < least)
				least = row[j] + 1;
			if (row[j - 1] + 1 < least)
				least = row[j - 1] + 1;
			row[j] = least;
		}
	}
	return row[len];
}

/* The verb that name looks like a misspelling of, or NULL. */
static const struct verb *nearest_verb(const char *name)
{
	const struct verb *nearest = NULL;
	unsigned least = 3;

	for (size_t i = 0; i < VERBS; i++) {
		unsigned n = edits(name, verbs[i].name);

		if (n < least && n < strlen(verbs[i].name)) {
			least = n;
			nearest = &verbs[i];
		}
	}
	return nearest;
}

static int unknown_verb(const char *name)
{
	const struct verb *nearest = nearest_verb(name);

	if (nearest)
		return hvo_usage_error("hvo",
				       "there is no verb '%s'; "
				       "did you mean '%s'?",
				       name, nearest->name);
	return hvo_usage_error("hvo", "there is no verb '%s'", name);
}

static void print_help(FILE *out)
{
	fputs("Usage: hvo VERB [OPTION]...\n"
	      "Hugepage vmemmap optimization, on a real MMU.\n"
	      "\n"
	      "Verbs:\n",
	      out);
	for (size_t i = 0; i < VERBS; i++)
		fprintf(out, "  %-7s %s\n", verbs[i].name, verbs[i].text);
	fputs("  help    what a verb does: hvo help VERB\n"
	      "\n"
	      "Options:\n"
	      "  -h, --help     this text; after a verb, that verb's\n"
	      "  -V, --version  the version\n"
	      "\n"
	      "Sizes are bytes, or have a unit: 2M, 2MiB, 2048kB, 1G, 1T "
	      "(all powers of 1024).\n"
	      "\n"
	      "Exit codes:\n"
	      "  0  done\n"
	      "  1  the operation failed, or a check found a violation\n"
	      "  2  the command line makes no sense\n"
	      "  3  not permitted, or this system lacks something needed\n",
	      out);
}

static int run_verb(const struct verb *verb, int argc, char **argv)
{
	argv[0] = (char *)verb->argv0;
	return verb->main(argc, argv);
}

/* hvo help [VERB] */
static int help(int argc, char **argv)
{
	char option[] = "--help";
	char *args[] = {NULL, option, NULL};
	const struct verb *verb;

	if (argc < 2) {
		print_help(stdout);
		return HVO_EXIT_OK;
	}
	verb = find_verb(argv[1]);
	return verb ? run_verb(verb, 2, args) : unknown_verb(argv[1]);
}

static int dispatch(int argc, char **argv)
{
	const char *word = argv[0];
	const struct verb *verb;

	if (!strcmp(word, "--help") || !strcmp(word, "-h")) {
		print_help(stdout);
		return HVO_EXIT_OK;
	}
	if (!strcmp(word, "--version") || !strcmp(word, "-V")) {
		puts("hvo " HVO_VERSION);
		return HVO_EXIT_OK;
	}
	if (!strcmp(word, "help"))
		return help(argc, argv);
	if (word[0] == '-')
		return hvo_usage_error("hvo", "there is no option '%s'", word);
	verb = find_verb(word);
	return verb ? run_verb(verb, argc, argv) : unknown_verb(word);
}

int main(int argc, char **argv)
{
	int code;

	/* For the width of characters; numbers stay as they are in JSON. */
	setlocale(LC_CTYPE, "");
	if (argc < 2) {
		print_help(stderr);
		return HVO_EXIT_USAGE;
	}
	code = dispatch(argc - 1, argv + 1);
	/* A full disk or a closed pipe must not look like success. */
	if ((fflush(stdout) || ferror(stdout)) && code == HVO_EXIT_OK) {
		hvo_error("the output could not be written");
		return HVO_EXIT_FAILED;
	}
	return code;
}
