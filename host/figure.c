/* SPDX-License-Identifier: MIT */
/* Figures: values with where they are from, or why there are none. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "figure.h"
#include "text.h"

const char *hvo_host_kind_name(enum hvo_host_kind kind)
{
	static const char *const names[] = {
	    [HVO_HOST_UNKNOWN] = "unknown",
	    [HVO_HOST_MEASURED] = "measured",
	    [HVO_HOST_DERIVED] = "derived",
	};

	return names[kind];
}

const char *hvo_host_why(int error)
{
	switch (error) {
	case ENOENT:
	case ENOTDIR:
		return "there is no such file";
	case EACCES:
	case EPERM:
		return "not permitted: needs root";
	case EISDIR:
		return "it is a directory";
	case ENXIO:
		return "it is no regular file";
	case EFBIG:
		return "it is too long to be true";
	case EINVAL:
		return "it is no text";
	case ELOOP:
		return "its links lead in a circle";
	default:
		return strerrordesc_np(error);
	}
}

struct hvo_host_figure hvo_host_number(struct hvo_host *host, const char *path)
{
	size_t length;
	char *text = hvo_host_read(host, path, &length);
	uint64_t value;
	bool good;

	if (!text)
		return hvo_host_unknown(path, hvo_host_why(errno));
	good = hvo_text_is_number(text, &value);
	free(text);
	if (!good)
		return hvo_host_unknown(path, "it is no number");
	return hvo_host_measured(value, path);
}

struct hvo_host_figure hvo_host_times(const struct hvo_host_figure *a,
				      uint64_t b, const char *source)
{
	uint64_t product;

	if (!hvo_host_known(a))
		return hvo_host_unknown(a->source, a->why);
	if (__builtin_mul_overflow(a->value, b, &product))
		return hvo_host_unknown(source, "it is too large to be true");
	return hvo_host_derived(product, source);
}
