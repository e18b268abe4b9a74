/* SPDX-License-Identifier: MIT */
/*
 * The dump: nodes, zones and sections as lines of text. Freestanding, so it
 * brings the little formatting that it needs.
 */

#include "internal.h"

#define LINE_MAX 200

struct line {
	char text[LINE_MAX];
	size_t used;
	void (*put)(void *ctx, const char *line);
	void *ctx;
};

static void add_text(struct line *line, const char *text)
{
	while (*text && line->used < LINE_MAX - 1)
		line->text[line->used++] = *text++;
	line->text[line->used] = '\0';
}

static void add_number(struct line *line, uint64_t n)
{
	char digits[24];
	size_t at = sizeof(digits) - 1;

	digits[at] = '\0';
	do {
		digits[--at] = (char)('0' + n % 10);
		n /= 10;
	} while (n);
	add_text(line, digits + at);
}

/* ", name n", without the comma at a line's start. */
static void add_field(struct line *line, const char *name, uint64_t n)
{
	add_text(line, line->used ? ", " : "");
	add_text(line, name);
	add_text(line, " ");
	add_number(line, n);
}

static void print(struct line *line)
{
	line->put(line->ctx, line->text);
	line->used = 0;
}

static void dump_totals(struct hvo_mm *mm, struct line *line)
{
	struct hvo_mm_stats s;

	hvo_mm_stats(mm, &s);
	add_field(line, "nodes", mm->config.nodes);
	add_field(line, "cpus", mm->config.cpus);
	add_field(line, "present", s.present);
	add_field(line, "bad", s.poisoned);
	add_field(line, "unrecoverable", s.unrecoverable);
	add_field(line, "hosts", s.hosts);
	add_field(line, "deferred", s.deferred);
	add_field(line, "bytes of tables", s.table_bytes);
	add_field(line, "of sections", s.sparse_bytes);
	print(line);
}

static void dump_zone(struct hvo_mm *mm, const struct hvo_zone_stats *s,
		      struct line *line)
{
	add_field(line, "node", s->node);
	add_text(line, " ");
	add_text(line, hvo_zone_name(s->type));
	add_field(line, "present", s->present);
	add_field(line, "min", s->min);
	add_field(line, "low", s->low);
	add_field(line, "high", s->high);
	print(line);
	for (unsigned i = 0; i < HVO_OWNERS; i++)
		if (s->owner[i])
			add_field(line, hvo_owner_name((enum hvo_owner)i),
				  s->owner[i]);
	print(line);
	add_text(line, "free blocks by order:");
	for (unsigned k = 0; k <= mm->geometry.max_order; k++) {
		add_text(line, " ");
		add_number(line, s->blocks[k]);
	}
	print(line);
}

static void dump_zones(struct hvo_mm *mm, struct line *line)
{
	struct hvo_zone_stats s;

	for (unsigned node = 0; node < mm->config.nodes; node++)
		for (unsigned type = 0; type < HVO_ZONES; type++)
			if (!hvo_zone_stats(mm, node, (enum hvo_zone_type)type,
					    &s) &&
			    s.present)
				dump_zone(mm, &s, line);
}

static void dump_sections(struct hvo_mm *mm, struct line *line)
{
	struct hvo_sparse_span span;

	for (hvo_pfn_t pfn = mm->config.pfn_first;
	     hvo_sparse_span(&mm->sparse, pfn, &span); pfn += span.count) {
		if (!span.present)
			continue;
		add_field(line, "pfns from", span.pfn);
		add_field(line, "count", span.count);
		add_field(line, "node", hvo_domain_node(span.domain));
		add_text(line, " ");
		add_text(line, hvo_zone_name(hvo_domain_type(span.domain)));
		add_text(line, span.online ? ", online" : ", offline");
		if (span.order)
			add_field(line, "described as order", span.order);
		print(line);
	}
}

void hvo_mm_dump(struct hvo_mm *mm, void (*put)(void *ctx, const char *line),
		 void *ctx)
{
	struct line line = {.put = put, .ctx = ctx};

	dump_totals(mm, &line);
	dump_zones(mm, &line);
	dump_sections(mm, &line);
}
