/* SPDX-License-Identifier: MIT */
/*
 * The kernel's configuration: gzip in /proc (CONFIG_IKCONFIG_PROC), or text in
 * /boot.
 */
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include "config.h"
#include "text.h"

/* Unpack a gzip file; NULL if it is none, is cut off, or never ends. */
static char *unpack(struct hvo_host *host, const char *packed, size_t length)
{
	z_stream stream = {
	    .next_in = (unsigned char *)packed,
	    .avail_in = (unsigned)length,
	    .avail_out = HVO_HOST_FILE_BYTES,
	};
	char *text = malloc(HVO_HOST_FILE_BYTES + 1);
	bool whole = false;

	host->no_memory |= !text;
	stream.next_out = (unsigned char *)text;
	/* 16 more than the largest window's bits: gzip, not zlib. */
	if (text && inflateInit2(&stream, 16 + MAX_WBITS) == Z_OK) {
		whole = inflate(&stream, Z_FINISH) == Z_STREAM_END;
		text[HVO_HOST_FILE_BYTES - stream.avail_out] = '\0';
		inflateEnd(&stream);
	}
	if (whole)
		return text;
	free(text);
	return NULL;
}

static char *read_packed(struct hvo_host *host, const char *path)
{
	size_t length;
	char *packed =
	    hvo_host_read_bytes(host, path, HVO_HOST_FILE_BYTES, &length);
	char *text = packed ? unpack(host, packed, length) : NULL;

	free(packed);
	return text;
}

void hvo_host_read_config(struct hvo_host *host, const char *release)
{
	const char *path = "/proc/config.gz";
	size_t length;

	if (host->config_read)
		return;
	/* It may be there, read when memory ran out for something else. */
	free(host->config);
	host->config = read_packed(host, path);
	if (!host->config && release[0] && !strchr(release, '/')) {
		path = hvo_host_text(host, "/boot/config-%s", release);
		host->config = hvo_host_read(host, path, &length);
	}
	if (host->config)
		host->config_path = path;
	host->config_read = !host->no_memory;
}

bool hvo_host_config_has(const struct hvo_host *host, const char *option)
{
	size_t length = strlen(option);
	const char *line = host->config;

	for (; line; line = hvo_text_next_line(line))
		if (!strncmp(line, option, length) &&
		    !strncmp(line + length, "=y", 2))
			return true;
	return false;
}
