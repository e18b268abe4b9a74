/* SPDX-License-Identifier: MIT */
/* The dump: nodes, zones and sections as lines of text. */

#include "hvo/line.h"
#include "internal.h"

struct printer {
	struct hvo_line line;
	void (*put)(void *ctx, const char *line);
	void *ctx;
};

static void print(struct printer *p)
{
	p->put(p->ctx, p->line.text);
	hvo_line_clear(&p->line);
}

static void dump_totals(struct hvo_mm *mm, struct printer *p)
{
	struct hvo_mm_stats s;

	hvo_mm_stats(mm, &s);
	hvo_line_field(&p->line, "nodes", mm->config.nodes);
	hvo_line_field(&p->line, "cpus", mm->config.cpus);
	hvo_line_field(&p->line, "present", s.present);
	hvo_line_field(&p->line, "bad", s.poisoned);
	hvo_line_field(&p->line, "unrecoverable", s.unrecoverable);
	hvo_line_field(&p->line, "hosts", s.hosts);
	hvo_line_field(&p->line, "deferred", s.deferred);
	hvo_line_field(&p->line, "bytes of tables", s.table_bytes);
	hvo_line_field(&p->line, "of sections", s.sparse_bytes);
	print(p);
}

static void dump_zone(struct hvo_mm *mm, const struct hvo_zone_stats *s,
		      struct printer *p)
{
	hvo_line_field(&p->line, "node", s->node);
	hvo_line_text(&p->line, " ");
	hvo_line_text(&p->line, hvo_zone_name(s->type));
	hvo_line_field(&p->line, "present", s->present);
	hvo_line_field(&p->line, "min", s->min);
	hvo_line_field(&p->line, "low", s->low);
	hvo_line_field(&p->line, "high", s->high);
	print(p);
	for (unsigned i = 0; i < HVO_OWNERS; i++)
		if (s->owner[i])
			hvo_line_field(&p->line,
				       hvo_owner_name((enum hvo_owner)i),
				       s->owner[i]);
	print(p);
	hvo_line_text(&p->line, "free blocks by order:");
	for (unsigned k = 0; k <= mm->geometry.max_order; k++) {
		hvo_line_text(&p->line, " ");
		hvo_line_number(&p->line, s->blocks[k], 10, 0);
	}
	print(p);
}

static void dump_zones(struct hvo_mm *mm, struct printer *p)
{
	struct hvo_zone_stats s;

	for (unsigned node = 0; node < mm->config.nodes; node++)
		for (unsigned type = 0; type < HVO_ZONES; type++)
			if (!hvo_zone_stats(mm, node, (enum hvo_zone_type)type,
					    &s) &&
			    s.present)
				dump_zone(mm, &s, p);
}

static void dump_sections(struct hvo_mm *mm, struct printer *p)
{
	struct hvo_sparse_span span;

	for (hvo_pfn_t pfn = mm->config.pfn_first;
	     hvo_sparse_span(&mm->sparse, pfn, &span); pfn += span.count) {
		if (!span.present)
			continue;
		hvo_line_field(&p->line, "pfns from", span.pfn);
		hvo_line_field(&p->line, "count", span.count);
		hvo_line_field(&p->line, "node", hvo_domain_node(span.domain));
		hvo_line_text(&p->line, " ");
		hvo_line_text(&p->line,
			      hvo_zone_name(hvo_domain_type(span.domain)));
		hvo_line_text(&p->line, span.online ? ", online" : ", offline");
		if (span.order)
			hvo_line_field(&p->line, "described as order",
				       span.order);
		print(p);
	}
}

void hvo_mm_dump(struct hvo_mm *mm, void (*put)(void *ctx, const char *line),
		 void *ctx)
{
	char text[HVO_LINE_MAX];
	struct printer p = {hvo_line_in(text, sizeof(text)), put, ctx};

	dump_totals(mm, &p);
	dump_zones(mm, &p);
	dump_sections(mm, &p);
}
