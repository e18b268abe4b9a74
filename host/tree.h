/* SPDX-License-Identifier: MIT */
/*
 * The tree of files that a host is read from, and the texts that figures
 * refer to: private to this library.
 */
#ifndef HVO_HOST_TREE_H
#define HVO_HOST_TREE_H

#include "hvo_host.h"

/* A text that lives as long as its host; each exists once. */
struct hvo_host_text {
	struct hvo_host_text *next;
	char text[];
};

struct hvo_host {
	int root;       /* descriptor of sysroot */
	bool live;      /* sysroot is this process's root */
	bool confined;  /* paths are resolved by openat2() */
	bool no_memory; /* once; told by hvo_host_status() */
	struct hvo_host_text *texts;
	/* What cannot change while the kernel runs, once read. */
	bool btf_read, config_read;
	struct hvo_host_figure page_struct;
	enum hvo_host_encoding encoding;
	char *config;            /* NULL: cannot be read */
	const char *config_path; /* what it was read from */
};

/*
 * Make a text of the host's. "" for want of memory, which is remembered.
 */
__attribute__((format(printf, 2, 3))) const char *
hvo_host_text(struct hvo_host *host, const char *format, ...);

/*
 * Read a whole file of at most `limit` bytes, of any content; as
 * hvo_host_read() otherwise. Only regular files are opened: EISDIR for a
 * directory, ENXIO for a device, pipe or socket, which opening could change.
 */
char *hvo_host_read_bytes(struct hvo_host *host, const char *path, size_t limit,
			  size_t *length);

/*
 * The numbers N of all entries PREFIX N SUFFIX of a directory, N decimal as
 * sysfs writes it, ascending. Returns a malloc()ed array of *count, or NULL
 * with errno.
 */
uint64_t *hvo_host_list_numbers(struct hvo_host *host, const char *path,
				const char *prefix, const char *suffix,
				size_t *count);

#endif
