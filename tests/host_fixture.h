/* SPDX-License-Identifier: MIT */
/*
 * A tree of files to be read as a host's, in a temporary directory with a
 * second one beside it that nothing may be read from: BASE/root, BASE/outside.
 */
#ifndef HVO_TEST_HOST_FIXTURE_H
#define HVO_TEST_HOST_FIXTURE_H

#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "hvo_host.h"

struct host_fixture {
	char base[64], root[96];
	struct hvo_host *host;
};

static inline int host_fixture_remove(const char *path, const struct stat *st,
				      int type, struct FTW *where)
{
	(void)st;
	(void)type;
	(void)where;
	return remove(path);
}

/* Where a path of the tree is; the result is overwritten by the next call. */
static inline const char *host_fixture_path(const struct host_fixture *f,
					    const char *path)
{
	static char full[PATH_MAX];

	snprintf(full, sizeof(full), "%s%s", f->root, path);
	return full;
}

/* Make the directories above a path. */
static inline void host_fixture_parents(const struct host_fixture *f,
					const char *path)
{
	char full[PATH_MAX];

	snprintf(full, sizeof(full), "%s%s", f->root, path);
	for (char *p = full + strlen(f->root) + 1; *p; p++)
		if (*p == '/') {
			*p = '\0';
			(void)mkdir(full, 0777);
			*p = '/';
		}
}

static inline void host_fixture_write(const struct host_fixture *f,
				      const char *path, const void *data,
				      size_t size)
{
	FILE *file;

	host_fixture_parents(f, path);
	file = fopen(host_fixture_path(f, path), "w");
	if (!file || (size && fwrite(data, size, 1, file) != 1) || fclose(file))
		abort();
}

static inline void host_fixture_text(const struct host_fixture *f,
				     const char *path, const char *text)
{
	host_fixture_write(f, path, text, strlen(text));
}

static inline void host_fixture_open(struct host_fixture *f)
{
	const char *tmp = getenv("TMPDIR");
	char message[256];

	snprintf(f->base, sizeof(f->base), "%s/hvo-host-XXXXXX",
		 tmp && strlen(tmp) < 32 ? tmp : "/tmp");
	if (!mkdtemp(f->base))
		abort();
	snprintf(f->root, sizeof(f->root), "%s/root", f->base);
	if (mkdir(f->root, 0777))
		abort();
	if (hvo_host_open(&f->host, f->root, message, sizeof(message)))
		abort();
}

static inline void host_fixture_close(struct host_fixture *f)
{
	hvo_host_close(f->host);
	if (nftw(f->base, host_fixture_remove, 16, FTW_DEPTH | FTW_PHYS))
		abort();
}

#endif
