/* SPDX-License-Identifier: MIT */
/*
 * hvo host: Linux's own HVO, seen from outside. The verbs below it, and what
 * they share.
 */
#ifndef HVO_CMD_HOST_H
#define HVO_CMD_HOST_H

#include <json-c/json.h>
#include "hvo_host.h"

/* As hvo_cmd_run() and the others are; argv[0] is "hvo host VERB". */
int hvo_host_main_status(int argc, char **argv);
int hvo_host_main_list(int argc, char **argv);
int hvo_host_main_verify(int argc, char **argv);
int hvo_host_main_apply(int argc, char **argv);
int hvo_host_main_inspect(int argc, char **argv);
int hvo_host_main_watch(int argc, char **argv);
int hvo_host_main_metrics(int argc, char **argv);

/* Open the host below sysroot (NULL: this one); NULL after an error. */
struct hvo_host *hvo_host_cmd_open(const char *sysroot);

/*
 * Read its status. Returns an exit code, after an error; *status is to be
 * freed if it is HVO_EXIT_OK.
 */
int hvo_host_cmd_status(struct hvo_host *host, struct hvo_host_status *status);

/* Both at once, for those who need the files no more. */
int hvo_host_cmd_read(const char *sysroot, struct hvo_host **host,
		      struct hvo_host_status *status);

/*
 * Add {"value": N or null, "kind": ..., "source": ..., "why": ... or null} to
 * an object.
 */
void hvo_host_json_figure(struct json_object *o, const char *key,
			  const struct hvo_host_figure *figure);

/* "yes", "no", "unknown"; "compound_head", "compound_info", "unknown". */
const char *hvo_host_support_name(enum hvo_host_support support);
const char *hvo_host_encoding_name(enum hvo_host_encoding encoding);

#endif
