/* SPDX-License-Identifier: MIT */
/* The configuration that the kernel was built with: private here. */
#ifndef HVO_HOST_CONFIG_H
#define HVO_HOST_CONFIG_H

#include "tree.h"

/*
 * Read it, once: /proc/config.gz, or /boot/config-RELEASE. Afterwards
 * host->config is its text and host->config_path where it is from, or both
 * are NULL.
 */
void hvo_host_read_config(struct hvo_host *host, const char *release);

/* Is the option, "CONFIG_X", built in? False also when nothing is known. */
bool hvo_host_config_has(const struct hvo_host *host, const char *option);

#endif
