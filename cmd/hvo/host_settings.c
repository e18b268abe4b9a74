/* SPDX-License-Identifier: MIT */
/* Changing settings on behalf of a verb. Owns nothing. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "change.h"
#include "cmd.h"
#include "host_settings.h"

void hvo_host_pool_file(const struct hvo_host_pool *pool,
			char path[HVO_HOST_POOL_FILE])
{
	size_t length;

	hvo_host_pool_path(pool, path, HVO_HOST_POOL_FILE);
	length = strlen(path);
	snprintf(path + length, HVO_HOST_POOL_FILE - length, "/nr_hugepages");
}

const struct hvo_host_pool *
hvo_host_whole_pool(const struct hvo_host_status *status, uint64_t size)
{
	for (size_t i = 0; i < status->n_pools; i++)
		if (status->pools[i].size == size && status->pools[i].node < 0)
			return &status->pools[i];
	return NULL;
}

bool hvo_host_has_surplus(const struct hvo_host_status *status, uint64_t size)
{
	const struct hvo_host_pool *all = hvo_host_whole_pool(status, size);

	return all && all->surplus.kind != HVO_HOST_UNKNOWN &&
	       all->surplus.value;
}

int hvo_host_may_change(const struct hvo_host_status *status, const char *verb)
{
	if (geteuid()) {
		hvo_error("%s changes settings of this host; run it as root",
			  verb);
		return HVO_EXIT_DENIED;
	}
	if (status->support == HVO_HOST_SUPPORT_YES &&
	    status->enabled.kind != HVO_HOST_UNKNOWN)
		return HVO_EXIT_OK;
	hvo_error("this kernel (%s) has no HVO that could be turned on: %s",
		  status->release,
		  status->support == HVO_HOST_SUPPORT_YES
		      ? status->enabled.why
		      : status->support_why);
	return HVO_EXIT_DENIED;
}

int hvo_host_set(struct hvo_host *host, const char *path, uint64_t value)
{
	int error = hvo_change_set(host, path, value);

	if (!error)
		return HVO_EXIT_OK;
	hvo_error("%s does not take %llu: %s", path, (unsigned long long)value,
		  strerror(error));
	return error == EACCES || error == EPERM || error == EROFS
		   ? HVO_EXIT_DENIED
		   : HVO_EXIT_FAILED;
}

int hvo_host_put_back(struct hvo_host *host, int code)
{
	const char *failed = hvo_change_restore(host);

	if (failed) {
		hvo_error("%s could not be put back as it was; look at it",
			  failed);
		code = HVO_EXIT_FAILED;
	}
	if (hvo_change_stopped()) {
		if (!failed)
			hvo_error("stopped; settings are put back");
		code = HVO_EXIT_FAILED;
	}
	hvo_change_end();
	return code;
}

bool hvo_host_memmap(struct hvo_host *host, uint64_t *pages)
{
	uint64_t later, boot;

	if (!hvo_host_vmstat(host, "nr_memmap_pages", &later) ||
	    !hvo_host_vmstat(host, "nr_memmap_boot_pages", &boot))
		return false;
	*pages = later + boot;
	return true;
}
