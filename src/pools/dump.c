/* SPDX-License-Identifier: MIT */
/*
 * The dump: a line for each size, and one for each node that has pages of it.
 */

#include "hvo/line.h"
#include "pools.h"

/* What a size and a node of it have in common. */
static void add_stats(struct hvo_line *line, const struct hvo_hugetlb_stats *s)
{
	hvo_line_field(line, "total", s->total);
	hvo_line_field(line, "free", s->free);
	if (s->busy)
		hvo_line_field(line, "busy", s->busy);
	hvo_line_field(line, "surplus", s->surplus);
	hvo_line_field(line, "optimized", s->optimized);
	hvo_line_field(line, "KiB saved", s->bytes_saved >> 10);
	hvo_line_field(line, "frames to restore", s->restore_frames);
}

static void dump_size(struct hvo_hugetlb *pools, unsigned order,
		      void (*put)(void *ctx, const char *line), void *ctx)
{
	unsigned shift = hvo_mm_config(pools->mm)->page_shift;
	char text[HVO_LINE_MAX];
	struct hvo_line line = hvo_line_in(text, sizeof(text));
	struct hvo_hugetlb_stats s;

	hvo_hugetlb_stats(pools, order, &s);
	hvo_line_text(&line, "pages of ");
	hvo_line_number(&line, UINT64_C(1) << (order + shift - 10), 10, 0);
	hvo_line_text(&line, " KiB");
	add_stats(&line, &s);
	hvo_line_field(&line, "reserved", s.reserved);
	hvo_line_field(&line, "overcommit", s.overcommit);
	if (s.lost)
		hvo_line_field(&line, "lost", s.lost);
	put(ctx, line.text);
	for (unsigned n = 0; n < pools->nodes; n++) {
		hvo_hugetlb_node_stats(pools, order, n, &s);
		if (!s.total)
			continue;
		hvo_line_clear(&line);
		hvo_line_text(&line, "  node ");
		hvo_line_number(&line, n, 10, 0);
		add_stats(&line, &s);
		put(ctx, line.text);
	}
}

void hvo_hugetlb_dump(struct hvo_hugetlb *pools,
		      void (*put)(void *ctx, const char *line), void *ctx)
{
	put(ctx, hvo_hugetlb_optimize(pools)
		     ? "new huge pages are optimized"
		     : "new huge pages are not optimized");
	for (unsigned i = 0; i < pools->config.sizes; i++)
		dump_size(pools, pools->config.orders[i], put, ctx);
}
