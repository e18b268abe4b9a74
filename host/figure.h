/* SPDX-License-Identifier: MIT */
/* Making figures: private to this library. */
#ifndef HVO_HOST_FIGURE_H
#define HVO_HOST_FIGURE_H

#include "hvo_host.h"

static inline struct hvo_host_figure hvo_host_measured(uint64_t value,
						       const char *source)
{
	return (struct hvo_host_figure){HVO_HOST_MEASURED, value, source, NULL};
}

static inline struct hvo_host_figure hvo_host_derived(uint64_t value,
						      const char *source)
{
	return (struct hvo_host_figure){HVO_HOST_DERIVED, value, source, NULL};
}

static inline struct hvo_host_figure hvo_host_unknown(const char *source,
						      const char *why)
{
	return (struct hvo_host_figure){HVO_HOST_UNKNOWN, 0, source, why};
}

static inline bool hvo_host_known(const struct hvo_host_figure *figure)
{
	return figure->kind != HVO_HOST_UNKNOWN;
}

/* Known, and 0. */
static inline bool hvo_host_is_zero(const struct hvo_host_figure *figure)
{
	return hvo_host_known(figure) && !figure->value;
}

/* What an errno of reading means, in words. */
const char *hvo_host_why(int error);

/* The number that is all that a file holds; path is the figure's source. */
struct hvo_host_figure hvo_host_number(struct hvo_host *host, const char *path);

/* a * b, of known figures; unknown if that does not fit. */
struct hvo_host_figure hvo_host_times(const struct hvo_host_figure *a,
				      uint64_t b, const char *source);

#endif
