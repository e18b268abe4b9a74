/* SPDX-License-Identifier: MIT */
/* hvo host: finds the verb below it; what these verbs share. */
#include <stdio.h>
#include <string.h>
#include "cmd.h"
#include "host.h"
#include "json.h"

struct verb {
	const char *name;
	int (*main)(int argc, char **argv);
	const char *argv0;
	const char *text;
};

static const struct verb verbs[] = {
    {"status", hvo_host_main_status, "hvo host status",
     "what this host's HVO does and saves, on one screen"},
    {"list", hvo_host_main_list, "hvo host list",
     "pools of huge pages, by size and node"},
    {"verify", hvo_host_main_verify, "hvo host verify",
     "prove on a few huge pages that it works"},
    {"apply", hvo_host_main_apply, "hvo host apply",
     "turn it on, for free pages of existing pools too"},
    {"inspect", hvo_host_main_inspect, "hvo host inspect",
     "where a huge page's descriptors lead, in the kernel's tables"},
    {"watch", hvo_host_main_watch, "hvo host watch",
     "the status, live in the terminal"},
    {"metrics", hvo_host_main_metrics, "hvo host metrics",
     "the status, for Prometheus"},
};

#define VERBS (sizeof(verbs) / sizeof(verbs[0]))

static void print_help(FILE *out)
{
	fputs("Usage: hvo host VERB [OPTION]...\n"
	      "Linux's own hugepage vmemmap optimization, seen from outside.\n"
	      "\n"
	      "Verbs:\n",
	      out);
	for (size_t i = 0; i < VERBS; i++)
		fprintf(out, "  %-8s %s\n", verbs[i].name, verbs[i].text);
	fputs("\n"
	      "Reading needs no privilege, as far as it goes; what needs root "
	      "says so.\n"
	      "'hvo host VERB --help' has the rest.\n",
	      out);
}

int hvo_cmd_host(int argc, char **argv)
{
	if (argc < 2 || !strcmp(argv[1], "--help") || !strcmp(argv[1], "-h")) {
		print_help(stdout);
		return HVO_EXIT_OK;
	}
	for (size_t i = 0; i < VERBS; i++)
		if (!strcmp(argv[1], verbs[i].name)) {
			argv[1] = (char *)verbs[i].argv0;
			return verbs[i].main(argc - 1, argv + 1);
		}
	return hvo_usage_error(argv[0], "there is no verb '%s'", argv[1]);
}

/* ---- what they share ----------------------------------------------------- */

struct hvo_host *hvo_host_cmd_open(const char *sysroot)
{
	struct hvo_host *host;
	char message[512];

	if (hvo_host_open(&host, sysroot, message, sizeof(message))) {
		hvo_error("%s", message);
		return NULL;
	}
	return host;
}

int hvo_host_cmd_status(struct hvo_host *host, struct hvo_host_status *status)
{
	char message[512];

	if (!hvo_host_status(host, status, message, sizeof(message)))
		return HVO_EXIT_OK;
	hvo_error("%s", message);
	return HVO_EXIT_FAILED;
}

int hvo_host_cmd_read(const char *sysroot, struct hvo_host **host,
		      struct hvo_host_status *status)
{
	int code;

	*host = hvo_host_cmd_open(sysroot);
	if (!*host)
		return HVO_EXIT_DENIED;
	code = hvo_host_cmd_status(*host, status);
	if (code)
		hvo_host_close(*host);
	return code;
}

void hvo_host_json_figure(struct json_object *o, const char *key,
			  const struct hvo_host_figure *figure)
{
	struct json_object *inner = hvo_json_object(o, key);
	bool known = figure->kind != HVO_HOST_UNKNOWN;

	json_object_object_add(inner, "value",
			       known ? json_object_new_uint64(figure->value)
				     : NULL);
	hvo_json_text(inner, "kind", hvo_host_kind_name(figure->kind));
	hvo_json_text(inner, "source", figure->source);
	json_object_object_add(inner, "why",
			       figure->why ? json_object_new_string(figure->why)
					   : NULL);
}

const char *hvo_host_support_name(enum hvo_host_support support)
{
	static const char *const names[] = {
	    [HVO_HOST_SUPPORT_UNKNOWN] = "unknown",
	    [HVO_HOST_SUPPORT_NO] = "no",
	    [HVO_HOST_SUPPORT_YES] = "yes",
	};

	return names[support];
}

const char *hvo_host_encoding_name(enum hvo_host_encoding encoding)
{
	static const char *const names[] = {
	    [HVO_HOST_ENCODING_UNKNOWN] = "unknown",
	    [HVO_HOST_ENCODING_POINTER] = "compound_head",
	    [HVO_HOST_ENCODING_INFO] = "compound_info",
	};

	return names[encoding];
}
