/* SPDX-License-Identifier: MIT */
/*
 * Whether this kernel has HVO and uses it. Sources: Linux's
 * Documentation/admin-guide/sysctl/vm.rst (hugetlb_optimize_vmemmap) and
 * admin-guide/kernel-parameters.txt (hugetlb_free_vmemmap).
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "config.h"
#include "figure.h"
#include "hvo/bootparam.h"
#include "parts.h"

#define SYSCTL  "/proc/sys/vm/hugetlb_optimize_vmemmap"
#define CMDLINE "/proc/cmdline"

/* The option's name until 5.18, and since. */
#define OPTION_OLD "CONFIG_HUGETLB_PAGE_FREE_VMEMMAP"
#define OPTION     "CONFIG_HUGETLB_PAGE_OPTIMIZE_VMEMMAP"

static bool has_option(const struct hvo_host *host, bool default_on)
{
	if (default_on)
		return hvo_host_config_has(host, OPTION "_DEFAULT_ON") ||
		       hvo_host_config_has(host, OPTION_OLD "_DEFAULT_ON");
	return hvo_host_config_has(host, OPTION) ||
	       hvo_host_config_has(host, OPTION_OLD);
}

/* /proc/sys/vm can be opened: what is not in it is not there. */
static bool has_sysctls(struct hvo_host *host)
{
	int fd = hvo_host_open_file(host, "/proc/sys/vm", O_DIRECTORY);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

static void conclude(struct hvo_host_status *s, enum hvo_host_support support,
		     const char *why)
{
	s->support = support;
	s->support_why = why;
}

/* There is no sysctl. It came with 5.19, HVO with 5.14. */
static void conclude_without_sysctl(struct hvo_host *host,
				    struct hvo_host_status *s)
{
	if (hvo_host_before(s, 5, 14))
		conclude(s, HVO_HOST_SUPPORT_NO, "Linux has it since 5.14");
	else if (host->config && !has_option(host, false))
		conclude(s, HVO_HOST_SUPPORT_NO,
			 hvo_host_text(host, "%s: built without " OPTION,
				       host->config_path));
	else if (host->config && hvo_host_before(s, 5, 19))
		conclude(s, HVO_HOST_SUPPORT_YES,
			 hvo_host_text(host,
				       "%s: built with it; switched at "
				       "boot only before 5.19",
				       host->config_path));
	else if (!has_sysctls(host))
		conclude(s, HVO_HOST_SUPPORT_UNKNOWN,
			 "/proc/sys/vm cannot be opened");
	else if (!hvo_host_since(s, 5, 19))
		conclude(s, HVO_HOST_SUPPORT_UNKNOWN,
			 "the kernel's configuration cannot be read");
	else if (host->config)
		conclude(s, HVO_HOST_SUPPORT_NO,
			 "built with " OPTION ", but no size can be optimized");
	else
		conclude(s, HVO_HOST_SUPPORT_NO, "there is no " SYSCTL);
}

/* hugetlb_free_vmemmap= on the kernel's command line: 1, 0, or -1. */
static int by_parameter(struct hvo_host *host)
{
	/* What the pools are does not matter for that parameter. */
	static const struct hvo_bootparam_config config = {
	    .sizes = {2u << 20}, .count = 1, .nodes = 1};
	struct hvo_bootparam result;
	size_t length;
	char *line = hvo_host_read(host, CMDLINE, &length);

	if (!line)
		return -1;
	hvo_bootparam_parse(&result, &config, line, length, NULL, 0);
	free(line);
	return result.optimize_given ? result.optimize : -1;
}

static struct hvo_host_figure enabled_at_boot(struct hvo_host *host,
					      const struct hvo_host_status *s)
{
	int given = by_parameter(host);

	if (s->support == HVO_HOST_SUPPORT_NO)
		return hvo_host_derived(0, "this kernel has no HVO");
	if (given >= 0)
		return hvo_host_measured((uint64_t)given, CMDLINE);
	if (!host->config)
		return hvo_host_unknown(OPTION "_DEFAULT_ON",
					"the kernel's configuration cannot be "
					"read");
	return hvo_host_measured(has_option(host, true), host->config_path);
}

/* Before 5.19 what boot chose is what is. */
static struct hvo_host_figure enabled(const struct hvo_host_status *s,
				      struct hvo_host_figure sysctl)
{
	if (hvo_host_known(&sysctl) && sysctl.value > 1)
		return hvo_host_unknown(SYSCTL, "it is neither 0 nor 1");
	if (hvo_host_known(&sysctl))
		return sysctl;
	if (s->support == HVO_HOST_SUPPORT_NO)
		return hvo_host_derived(0, "this kernel has no HVO");
	if (s->support == HVO_HOST_SUPPORT_YES && hvo_host_before(s, 5, 19))
		return s->enabled_at_boot;
	return sysctl;
}

void hvo_host_read_support(struct hvo_host *host, struct hvo_host_status *s)
{
	struct hvo_host_figure sysctl = hvo_host_number(host, SYSCTL);

	if (hvo_host_known(&sysctl))
		conclude(s, HVO_HOST_SUPPORT_YES, SYSCTL);
	else if (strcmp(sysctl.why, hvo_host_why(ENOENT)))
		conclude(s, HVO_HOST_SUPPORT_UNKNOWN, SYSCTL " cannot be read");
	else
		conclude_without_sysctl(host, s);
	s->enabled_at_boot = enabled_at_boot(host, s);
	s->enabled = enabled(s, sysctl);
}
