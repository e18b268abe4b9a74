/* SPDX-License-Identifier: MIT */
/*
 * Opening and reading below a root. What is there may be hostile: links that
 * lead out or in circles, pipes, directories, files without end.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "tree.h"

/* ---- opening ------------------------------------------------------------- */

/*
 * openat2(2): "Treat the directory referred to by dirfd as the root directory
 * while resolving pathname". EAGAIN is a rename that came between.
 */
static int open_confined(int root, const char *path, int flags)
{
	struct open_how how = {
	    .flags = (uint64_t)flags,
	    .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS,
	};
	long fd;

	do
		fd = syscall(SYS_openat2, root, path, &how, sizeof(how));
	while (fd < 0 && errno == EAGAIN);
	return (int)fd;
}

static int open_below(const struct hvo_host *host, const char *path, int flags)
{
	flags |= O_CLOEXEC;
	if (host->confined)
		return open_confined(host->root, path, flags);
	return open(path, flags);
}

int hvo_host_open_file(struct hvo_host *host, const char *path, int flags)
{
	return open_below(host, path, O_RDONLY | O_NOCTTY | O_NONBLOCK | flags);
}

/* Is it the root of this process? */
static bool is_own_root(int root)
{
	struct stat a, b;

	return !fstat(root, &a) && !stat("/", &b) && a.st_dev == b.st_dev &&
	       a.st_ino == b.st_ino;
}

/*
 * Without openat2() (Linux before 5.6, or a sandbox that forbids it) a plain
 * open is as good in the own root, and in no other.
 */
static bool find_confinement(struct hvo_host *host)
{
	int fd = open_confined(host->root, "/", O_PATH | O_CLOEXEC);

	host->confined = fd >= 0;
	if (fd >= 0)
		close(fd);
	return host->confined || host->live;
}

int hvo_host_open(struct hvo_host **out, const char *sysroot, char *message,
		  size_t size)
{
	struct hvo_host *host = calloc(1, sizeof(*host));

	*out = NULL;
	if (!sysroot)
		sysroot = "/";
	if (!host) {
		snprintf(message, size, "no memory for a host");
		return -1;
	}
	host->root = open(sysroot, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (host->root < 0) {
		snprintf(message, size, "the directory %s cannot be opened: %s",
			 sysroot, strerror(errno));
		free(host);
		return -1;
	}
	host->live = is_own_root(host->root);
	if (!find_confinement(host)) {
		snprintf(message, size,
			 "this kernel has no openat2() (Linux 5.6), without "
			 "which links in %s could lead out of it",
			 sysroot);
		hvo_host_close(host);
		return -1;
	}
	*out = host;
	return 0;
}

void hvo_host_close(struct hvo_host *host)
{
	struct hvo_host_text *text, *next;

	if (!host)
		return;
	for (text = host->texts; text; text = next) {
		next = text->next;
		free(text);
	}
	free(host->config);
	close(host->root);
	free(host);
}

bool hvo_host_is_live(const struct hvo_host *host)
{
	return host->live;
}

/* ---- reading ------------------------------------------------------------- */

/* O_PATH opens nothing: a pipe does not block, a device does not notice. */
static bool is_regular(const struct hvo_host *host, const char *path)
{
	int fd = open_below(host, path, O_PATH);
	struct stat st;
	int error;

	if (fd < 0)
		return false;
	error = fstat(fd, &st) ? errno : 0;
	close(fd);
	if (!error && S_ISDIR(st.st_mode))
		error = EISDIR;
	else if (!error && !S_ISREG(st.st_mode))
		error = ENXIO;
	errno = error;
	return !error;
}

/* Make room for one byte more than `used`, and the NUL; false and errno. */
static bool grow(char **text, size_t used, size_t *room, size_t limit)
{
	char *grown;

	if (used > limit) {
		errno = EFBIG;
		return false;
	}
	if (used + 1 < *room)
		return true;
	grown = realloc(*text, *room * 2);
	if (!grown)
		return false;
	*text = grown;
	*room *= 2;
	return true;
}

static char *read_all(int fd, size_t limit, size_t *length)
{
	size_t used = 0, room = 4096;
	char *text = malloc(room);
	ssize_t got = 1;
	int error;

	while (text && got && grow(&text, used, &room, limit)) {
		got = read(fd, text + used, room - used - 1);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			break;
		used += (size_t)got;
	}
	if (text && !got) {
		text[used] = '\0';
		*length = used;
		return text;
	}
	error = errno;
	free(text);
	errno = error;
	return NULL;
}

char *hvo_host_read_bytes(struct hvo_host *host, const char *path, size_t limit,
			  size_t *length)
{
	char *text;
	int fd, error;

	if (!is_regular(host, path))
		return NULL;
	fd = hvo_host_open_file(host, path, 0);
	if (fd < 0)
		return NULL;
	text = read_all(fd, limit, length);
	error = errno;
	close(fd);
	if (!text && error == ENOMEM)
		host->no_memory = true;
	errno = error;
	return text;
}

char *hvo_host_read(struct hvo_host *host, const char *path, size_t *length)
{
	char *text =
	    hvo_host_read_bytes(host, path, HVO_HOST_FILE_BYTES, length);

	if (text && strlen(text) != *length) {
		free(text);
		errno = EINVAL;
		return NULL;
	}
	return text;
}

/* ---- texts --------------------------------------------------------------- */

const char *hvo_host_text(struct hvo_host *host, const char *format, ...)
{
	struct hvo_host_text *text;
	char line[512];
	size_t length;
	va_list args;

	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	for (text = host->texts; text; text = text->next)
		if (!strcmp(text->text, line))
			return text->text;
	length = strlen(line) + 1;
	text = malloc(sizeof(*text) + length);
	if (!text) {
		host->no_memory = true;
		return "";
	}
	memcpy(text->text, line, length);
	text->next = host->texts;
	host->texts = text;
	return text->text;
}
