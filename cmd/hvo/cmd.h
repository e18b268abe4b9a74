/* SPDX-License-Identifier: MIT */
/*
 * What the verbs of the command share: their entry points, exit codes and the
 * way errors are told.
 */
#ifndef HVO_CMD_H
#define HVO_CMD_H

/* Exit codes, as `hvo --help` documents them. */
enum hvo_exit {
	HVO_EXIT_OK = 0,
	HVO_EXIT_FAILED = 1, /* it failed, or a check found a violation */
	HVO_EXIT_USAGE = 2,  /* the command line makes no sense */
	HVO_EXIT_DENIED = 3, /* not permitted, or the host lacks something */
};

/*
 * A verb. argv[0] is "hvo VERB", for usage messages; options and operands
 * follow. Returns one of enum hvo_exit. Output goes to stdout, everything
 * else to stderr.
 */
int hvo_cmd_run(int argc, char **argv);
int hvo_cmd_plan(int argc, char **argv);
int hvo_cmd_show(int argc, char **argv);
int hvo_cmd_sim(int argc, char **argv);
int hvo_cmd_bench(int argc, char **argv);
int hvo_cmd_host(int argc, char **argv);

/* Print "hvo: ...\n" on stderr. Give no newline. */
__attribute__((format(printf, 1, 2))) void hvo_error(const char *format, ...);

/*
 * The same for a command line that makes no sense, followed by where help is:
 * "Try 'hvo VERB --help'." Returns HVO_EXIT_USAGE. argv0 is the verb's
 * argv[0].
 */
__attribute__((format(printf, 2, 3))) int
hvo_usage_error(const char *argv0, const char *format, ...);

/* The second line alone, where getopt_long() has printed the first. */
int hvo_usage_hint(const char *argv0);

#endif
