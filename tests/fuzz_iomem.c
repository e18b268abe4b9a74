/* SPDX-License-Identifier: MIT */
/*
 * libFuzzer target: any bytes as /proc/iomem. Whatever is accepted must be
 * sorted, apart, not empty; whatever is not must come with a message.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "iomem.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_ranges(const struct hvo_iomem *iomem)
{
	uint64_t end = 0, bytes = 0;

	if (!iomem->count || iomem->count > HVO_IOMEM_RANGES)
		abort();
	for (size_t i = 0; i < iomem->count; i++) {
		const struct hvo_iomem_range *range = &iomem->range[i];

		if (range->start >= range->end || (i && range->start <= end))
			abort();
		end = range->end;
		bytes += range->end - range->start;
	}
	if (bytes != hvo_iomem_bytes(iomem))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct hvo_iomem iomem;
	char message[64] = "";
	FILE *file;

	if (!size)
		return 0;
	file = fmemopen((void *)data, size, "r");
	if (!file)
		abort();
	if (hvo_iomem_read(file, &iomem, message, sizeof(message)) ==
	    HVO_IOMEM_OK)
		check_ranges(&iomem);
	else if (!message[0] || !memchr(message, '\0', sizeof(message)))
		abort();
	fclose(file);
	return 0;
}
