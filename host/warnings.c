/* SPDX-License-Identifier: MIT */
/* What a reader of the figures should know, in words, with what to do. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "figure.h"
#include "parts.h"

__attribute__((format(printf, 3, 4))) static void
warn(struct hvo_host *host, struct hvo_host_status *s, const char *format, ...)
{
	char(*grown)[HVO_HOST_WARNING] =
	    reallocarray(s->warnings, s->n_warnings + 1, sizeof(*grown));
	va_list args;

	if (!grown) {
		host->no_memory = true;
		return;
	}
	s->warnings = grown;
	va_start(args, format);
	vsnprintf(grown[s->n_warnings++], sizeof(*grown), format, args);
	va_end(args);
}

/* Bytes that all huge pages could save; 0 if that is unknown. */
static uint64_t most(const struct hvo_host_status *s)
{
	return hvo_host_most(s).value;
}

/* ---- the switch ---------------------------------------------------------- */

static void warn_without_support(struct hvo_host *host,
				 struct hvo_host_status *s)
{
	uint64_t kib = most(s) >> 10;

	if (s->support != HVO_HOST_SUPPORT_NO || !kib)
		return;
	warn(host, s,
	     "This kernel has no HVO, which would save %" PRIu64 " KiB.%s", kib,
	     strcmp(s->machine, "aarch64")
		 ? ""
		 : " Linux has it off on arm64 since 2023.");
}

static void warn_off(struct hvo_host *host, struct hvo_host_status *s)
{
	bool known = hvo_host_known(&s->could_save);
	uint64_t kib = (known ? s->could_save.value : most(s)) >> 10;

	if (s->support != HVO_HOST_SUPPORT_YES || !kib ||
	    !hvo_host_is_zero(&s->enabled))
		return;
	warn(host, s, "HVO is off: huge pages could save %s%" PRIu64 " KiB. %s",
	     known ? "" : "up to ", kib,
	     hvo_host_before(s, 5, 19)
		 ? "Boot with hugetlb_free_vmemmap=on."
		 : "Turn it on with sysctl vm.hugetlb_optimize_vmemmap=1, and "
		   "allocate the pages anew: older ones stay as they are.");
}

/* What the switch does not do. */
static void warn_older_pages(struct hvo_host *host, struct hvo_host_status *s)
{
	if (hvo_host_is_zero(&s->enabled) && s->saved.value)
		warn(host, s,
		     "HVO is off now, but pages optimized before stay so: "
		     "giving them back takes %" PRIu64 " KiB.",
		     s->to_restore.value >> 10);
	if (!s->enabled.value || !most(s))
		return;
	if (s->could_save.value)
		warn(host, s,
		     "HVO is on, but descriptors of %" PRIu64
		     " KiB are not optimized: it affects only pages allocated "
		     "after it was turned on. Allocate them anew.",
		     s->could_save.value >> 10);
	else if (!hvo_host_known(&s->could_save) &&
		 hvo_host_is_zero(&s->enabled_at_boot))
		warn(host, s,
		     "HVO was not on at boot: pages allocated before it was "
		     "turned on, at boot too, are not optimized; no file tells "
		     "which.");
}

/* ---- the figures --------------------------------------------------------- */

static void warn_counters(struct hvo_host *host, struct hvo_host_status *s)
{
	if (!hvo_host_known(&s->measured_bytes))
		return;
	if (hvo_host_since(s, 6, 11) && hvo_host_before(s, 7, 2) &&
	    s->support != HVO_HOST_SUPPORT_NO && most(s) &&
	    hvo_host_known(&s->saved))
		warn(host, s,
		     "What is saved is by counters (nr_memmap_pages, "
		     "nr_memmap_boot_pages) that are wrong on several paths "
		     "in Linux 6.11 to 7.1.");
	if (hvo_host_known(&s->expected_bytes) && !s->n_dax &&
	    hvo_host_is_zero(&s->memmap_on_memory_bytes) &&
	    s->measured_bytes.value > s->expected_bytes.value)
		warn(host, s,
		     "The kernel counts %" PRIu64 " KiB of descriptors, but "
		     "its memory has %" PRIu64 " KiB: do not rely on it.",
		     s->measured_bytes.value >> 10,
		     s->expected_bytes.value >> 10);
}

static void warn_struct_page(struct hvo_host *host, struct hvo_host_status *s)
{
	if (s->page_struct.kind == HVO_HOST_DERIVED)
		warn(host, s,
		     "That struct page has %" PRIu64 " bytes is assumed: "
		     "/sys/kernel/btf/vmlinux: %s.",
		     s->page_struct.value, s->page_struct.why);
	else if (hvo_host_known(&s->page_struct) &&
		 !hvo_is_power_of_2(s->page_struct.value))
		warn(host, s,
		     "struct page has %" PRIu64 " bytes, no power of two: "
		     "Linux optimizes nothing.",
		     s->page_struct.value);
}

static void warn_other_memory(struct hvo_host *host, struct hvo_host_status *s)
{
	if (!hvo_host_is_zero(&s->memmap_on_memory_bytes) &&
	    !strcmp(s->memmap_on_memory_bytes.why, HVO_HOST_ON_MEMORY_WHY))
		warn(host, s,
		     "memmap_on_memory is on: in memory added with it huge "
		     "pages are never optimized.");
	if (s->n_dax)
		warn(host, s,
		     "Device memory is here (%zu device DAX ranges): whether "
		     "its descriptors are optimized no file tells.",
		     s->n_dax);
}

void hvo_host_add_warnings(struct hvo_host *host, struct hvo_host_status *s)
{
	warn_without_support(host, s);
	warn_off(host, s);
	warn_older_pages(host, s);
	warn_counters(host, s);
	warn_struct_page(host, s);
	warn_other_memory(host, s);
}
