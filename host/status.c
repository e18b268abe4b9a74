/* SPDX-License-Identifier: MIT */
/* A host's status: its parts in order, and its end. */
#include <stdio.h>
#include <stdlib.h>
#include "parts.h"

int hvo_host_status(struct hvo_host *host, struct hvo_host_status *status,
		    char *message, size_t size)
{
	*status = (struct hvo_host_status){0};
	host->no_memory = false;
	hvo_host_read_kernel(host, status);
	hvo_host_read_support(host, status);
	hvo_host_read_memory(host, status);
	hvo_host_read_dax(host, status);
	hvo_host_read_pools(host, status);
	hvo_host_derive_savings(host, status);
	hvo_host_add_warnings(host, status);
	if (!host->no_memory)
		return 0;
	hvo_host_status_free(status);
	snprintf(message, size, "no memory to read the host's state");
	return -1;
}

void hvo_host_status_free(struct hvo_host_status *status)
{
	free(status->pools);
	free(status->dax);
	free(status->warnings);
	*status = (struct hvo_host_status){0};
}
