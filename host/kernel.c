/* SPDX-License-Identifier: MIT */
/* Which kernel it is, and what its descriptors look like. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include "btf.h"
#include "config.h"
#include "figure.h"
#include "parts.h"
#include "text.h"

/* ---- version ------------------------------------------------------------- */

static void parse_version(const char *release, unsigned version[2])
{
	uint64_t major, minor;

	if (!hvo_text_number(&release, &major) || *release++ != '.' ||
	    !hvo_text_number(&release, &minor))
		return;
	if (major < 1000 && minor < 1000) {
		version[0] = (unsigned)major;
		version[1] = (unsigned)minor;
	}
}

bool hvo_host_since(const struct hvo_host_status *s, unsigned major,
		    unsigned minor)
{
	return s->version[0] > major ||
	       (s->version[0] == major && s->version[1] >= minor);
}

bool hvo_host_before(const struct hvo_host_status *s, unsigned major,
		     unsigned minor)
{
	return s->version[0] && !hvo_host_since(s, major, minor);
}

static void read_line(struct hvo_host *host, const char *path, char *out,
		      size_t size)
{
	size_t length;
	char *text = hvo_host_read(host, path, &length);

	out[0] = '\0';
	if (text)
		hvo_text_copy_line(out, size, text);
	free(text);
}

/* /proc/sys/kernel/arch is there since 6.1. */
static void read_machine(struct hvo_host *host, char *out, size_t size)
{
	struct utsname names;

	read_line(host, "/proc/sys/kernel/arch", out, size);
	if (!out[0] && host->live && !uname(&names))
		hvo_text_copy_line(out, size, names.machine);
}

/* ---- pages and their descriptors ----------------------------------------- */

#define SMAPS "/proc/self/smaps"

/* proc(5): KernelPageSize is the page size the kernel uses for the mapping. */
static struct hvo_host_figure base_page(struct hvo_host *host,
					const struct hvo_host_status *s)
{
	size_t length;
	char *text = hvo_host_read(host, SMAPS, &length);
	const char *why = text ? "it names no page size" : hvo_host_why(errno);
	uint64_t kib;
	bool found =
	    text && hvo_text_value_number(text, "KernelPageSize:", &kib);

	free(text);
	if (found && kib >= 4 && kib <= 64 && hvo_is_power_of_2(kib))
		return hvo_host_measured(kib << 10, SMAPS);
	if (!strcmp(s->machine, "x86_64"))
		return hvo_host_derived(4096, "x86-64 has no other");
	return hvo_host_unknown(SMAPS, why);
}

/*
 * Without BTF 64 bytes are assumed, which all 64-bit kernels have had that
 * distributions built.
 */
static struct hvo_host_figure page_struct(const struct hvo_host *host)
{
	struct hvo_host_figure figure = host->page_struct;

	if (hvo_host_known(&figure))
		return figure;
	figure.kind = HVO_HOST_DERIVED;
	figure.value = 64;
	figure.source = "assumed, as usual for 64 bits";
	return figure;
}

bool hvo_host_geometry(const struct hvo_host_status *s, struct hvo_geometry *g)
{
	if (!hvo_host_known(&s->base_page) || !hvo_host_known(&s->page_struct))
		return false;
	return !hvo_geometry_init(g,
				  (unsigned)__builtin_ctzll(s->base_page.value),
				  (size_t)s->page_struct.value);
}

void hvo_host_read_kernel(struct hvo_host *host, struct hvo_host_status *s)
{
	read_line(host, "/proc/sys/kernel/osrelease", s->release,
		  sizeof(s->release));
	parse_version(s->release, s->version);
	read_machine(host, s->machine, sizeof(s->machine));
	hvo_host_read_config(host, s->release);
	hvo_host_read_btf(host);
	s->page_struct = page_struct(host);
	s->encoding = host->encoding;
	s->base_page = base_page(host, s);
}
