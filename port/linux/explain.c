/* SPDX-License-Identifier: MIT */
/*
 * Says to a person what an error on this port means and what to do about it.
 */
#include <inttypes.h>
#include <stdio.h>
#include "hvo/error.h"
#include "private.h"

static void explain_mappings(const struct hvo_linux *l, char *message,
			     size_t size)
{
	uint64_t limit = hvo_linux_mappings_limit(l);
	uint64_t counted = hvo_linux_mappings_counted(l);
	/* At worst every vmemmap page is a mapping of its own. */
	uint64_t worst = hvo_linux_mappings_needed(l, l->port.pages);
	const char *which = l->pool.homes.folio ? "" : "optimized ";
	char number[24] = "an unknown number";

	if (limit)
		snprintf(number, sizeof(number), "%" PRIu64, limit);
	snprintf(message, size,
		 "no room for another mapping: the kernel lets a process have "
		 "%s (vm.max_map_count); this memory map has %" PRIu64
		 " and the rest of the process had %" PRIu64
		 " when it was made. What could not be mapped stays as it "
		 "was. Raise the limit, as root, with\n"
		 "  sysctl -w vm.max_map_count=N\n"
		 "where N is about 2 for each %sfolio and %" PRIu64
		 " besides; %" PRIu64 " is enough in any case",
		 number, counted, l->port.budget.rest, which,
		 hvo_linux_mappings_needed(l, 0), worst);
}

static void explain_memory(const struct hvo_linux *l, char *message,
			   size_t size)
{
	snprintf(message, size,
		 "no memory for another frame of descriptors: %" PRIu64
		 " bytes are in use for them. Free memory, raise the memory "
		 "limit of the control group (memory.max), or, if "
		 "vm.overcommit_memory is 2, raise vm.overcommit_ratio",
		 hvo_linux_handed_out(l));
}

void hvo_linux_explain(const struct hvo_linux *linux_port, int error,
		       char *message, size_t size)
{
	int code = error < 0 ? -error : error;

	if (code == HVO_EMAPPINGS)
		explain_mappings(linux_port, message, size);
	else if (code == HVO_ENOMEM)
		explain_memory(linux_port, message, size);
	else
		snprintf(message, size, "%s", hvo_strerror(error));
}
