/* SPDX-License-Identifier: MIT */
/*
 * Reads what the kernel says of this process's mappings: /proc/self/maps and
 * vm.max_map_count. Holds the port's table against it.
 *
 * maps is read line by line in one pass, in order of addresses. While other
 * threads map things, lines of a range that changes may be old or new; the
 * audit is for a window in which nothing is under way.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>
#include "private.h"

/* Longer than any line: a path has at most 4096 bytes, 4 each if escaped. */
#define BUFFER 32768

/* One line: start-end perms offset major:minor inode path (proc(5)) */
struct mapping {
	uintptr_t start;
	uintptr_t end;
	char perms[4];
	uint64_t offset; /* bytes */
	dev_t device;
	uint64_t inode; /* 0 for anonymous memory */
};

typedef void visit_fn(void *ctx, const struct mapping *mapping);

/* ---- reading ----------------------------------------------------------- */

/* The line ends in a newline, at which every number stops. */
static bool parse(const char *line, struct mapping *m)
{
	char *p;

	m->start = strtoull(line, &p, 16);
	if (*p != '-')
		return false;
	m->end = strtoull(p + 1, &p, 16);
	if (strcspn(p, "\n") < 6)
		return false;
	memcpy(m->perms, p + 1, sizeof(m->perms));
	m->offset = strtoull(p + 6, &p, 16);
	unsigned major_nr = (unsigned)strtoul(p, &p, 16);
	if (*p != ':')
		return false;
	unsigned minor_nr = (unsigned)strtoul(p + 1, &p, 16);
	m->device = makedev(major_nr, minor_nr);
	m->inode = strtoull(p, NULL, 10);
	return m->start < m->end;
}

/* Visit the whole lines in text. Returns what they take, -1 if one is odd. */
static ssize_t parse_lines(const char *text, size_t size, visit_fn *visit,
			   void *ctx)
{
	const char *line = text;
	const char *end;

	while ((end = memchr(line, '\n', size - (size_t)(line - text)))) {
		struct mapping mapping;

		if (!parse(line, &mapping))
			return -1;
		visit(ctx, &mapping);
		line = end + 1;
	}
	return line - text;
}

/* Returns bytes read, 0 at the end, -1 on an error. */
static ssize_t read_some(int fd, char *to, size_t size)
{
	ssize_t n;

	do {
		n = read(fd, to, size);
	} while (n < 0 && errno == EINTR);
	return n;
}

static int visit_lines(int fd, visit_fn *visit, void *ctx)
{
	char buffer[BUFFER + 1];
	size_t held = 0;
	ssize_t n;

	while ((n = read_some(fd, buffer + held, BUFFER - held)) > 0) {
		held += (size_t)n;
		buffer[held] = '\0';
		ssize_t used = parse_lines(buffer, held, visit, ctx);
		if (used < 0)
			return -1;
		held -= (size_t)used;
		memmove(buffer, buffer + used, held);
	}
	return n < 0 || held ? -1 : 0;
}

/* Visit every mapping of the process. Returns 0, or -1 if that cannot be. */
static int visit_mappings(visit_fn *visit, void *ctx)
{
	int fd = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return -1;
	int error = visit_lines(fd, visit, ctx);
	close(fd);
	return error;
}

uint64_t hvo_linux_max_map_count(void)
{
	char text[32] = "";
	int fd = open("/proc/sys/vm/max_map_count", O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return 0;
	if (read_some(fd, text, sizeof(text) - 1) < 0)
		text[0] = '\0';
	close(fd);
	return strtoull(text, NULL, 10);
}

/* ---- counting ---------------------------------------------------------- */

struct counts {
	uintptr_t start;
	uintptr_t end;
	uint64_t all;
	uint64_t within;
};

static void count_one(void *ctx, const struct mapping *m)
{
	struct counts *counts = ctx;

	counts->all++;
	counts->within += m->start < counts->end && m->end > counts->start;
}

int hvo_linux_maps_count(uintptr_t start, uintptr_t end, uint64_t *all,
			 uint64_t *within)
{
	struct counts counts = {.start = start, .end = end};
	int error = visit_mappings(count_one, &counts);

	*all = counts.all;
	*within = counts.within;
	return error;
}

uint64_t hvo_linux_mappings(const struct hvo_linux *linux_port)
{
	const struct hvo_port *port = &linux_port->port;
	uintptr_t start = (uintptr_t)port->window;
	uintptr_t end = start + hvo_linux_bytes(port, port->pages);
	uint64_t all;
	uint64_t within;

	return hvo_linux_maps_count(start, end, &all, &within) ? 0 : within;
}

/* ---- the audit --------------------------------------------------------- */

struct audit {
	const struct hvo_port *port;
	dev_t device; /* the memfd's */
	uint64_t inode;
	uint64_t right; /* pages found as the table has them */
	uint64_t first; /* below it, all were */
};

/* What the table should say of the page at va, which the mapping covers. */
static uint64_t entry_of(const struct audit *audit, const struct mapping *m,
			 uintptr_t va)
{
	uint64_t offset = m->offset + (va - m->start);
	enum hvo_prot prot = HVO_PROT_NONE;

	if (!memcmp(m->perms, "rw-s", 4))
		prot = HVO_PROT_WRITE;
	else if (!memcmp(m->perms, "r--s", 4))
		prot = HVO_PROT_READ;
	else if (!memcmp(m->perms, "---p", 4) && !m->inode)
		return 0;
	if (prot == HVO_PROT_NONE || m->device != audit->device ||
	    m->inode != audit->inode ||
	    offset & (hvo_linux_bytes(audit->port, 1) - 1))
		return UINT64_MAX; /* nothing that the port makes */
	return hvo_linux_entry(offset >> audit->port->page_shift, prot);
}

/* Compare the pages that lie in the mapping whole. */
static void audit_one(void *ctx, const struct mapping *m)
{
	struct audit *audit = ctx;
	const struct hvo_port *port = audit->port;
	uintptr_t window = (uintptr_t)port->window;
	uintptr_t size = hvo_linux_bytes(port, 1);

	if (m->end <= window)
		return;
	uintptr_t from = m->start > window ? m->start - window : 0;
	uint64_t page = (from + size - 1) >> port->page_shift;
	uint64_t end = (m->end - window) >> port->page_shift;

	for (; page < end && page < port->pages; page++) {
		uintptr_t va = window + hvo_linux_bytes(port, page);
		bool right =
		    hvo_linux_load(port, page) == entry_of(audit, m, va);

		audit->right += right;
		audit->first += right && audit->first == page;
	}
}

int64_t hvo_linux_audit(const struct hvo_linux *linux_port, uint64_t *first)
{
	struct audit audit = {.port = &linux_port->port};
	struct stat st;

	if (fstat(audit.port->fd, &st))
		return -1;
	audit.device = st.st_dev;
	audit.inode = st.st_ino;
	if (visit_mappings(audit_one, &audit))
		return -1;
	*first = audit.first;
	return (int64_t)(audit.port->pages - audit.right);
}
