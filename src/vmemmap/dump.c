/* SPDX-License-Identifier: MIT */
/* The dump: what a memory map is and has, as lines of text. */

#include "engine.h"
#include "hvo/line.h"

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

static void dump_config(const struct hvo_vmemmap *map, struct printer *p)
{
	struct hvo_line *line = &p->line;

	hvo_line_text(line, "vmemmap at ");
	hvo_line_hex(line, (uintptr_t)hvo_page_address(map, 0), 0);
	hvo_line_field(line, "base page", hvo_page_size(&map->geometry));
	hvo_line_field(line, "record", map->geometry.record);
	hvo_line_field(line, "pfns from", map->config.pfn_first);
	hvo_line_field(line, "to", map->config.pfn_end);
	hvo_line_field(line, "domains", map->config.domains);
	print(p);
}

static void dump_counters(const struct hvo_vmemmap *map, struct printer *p)
{
	struct hvo_vmemmap_stats s;
	struct hvo_line *line = &p->line;

	hvo_vmemmap_stats(map, &s);
	hvo_line_field(line, "pages present", s.pages_present);
	hvo_line_field(line, "optimized", s.pages_optimized);
	hvo_line_field(line, "frames owned", s.frames_owned);
	hvo_line_field(line, "hosted", s.frames_hosted);
	hvo_line_field(line, "shared", s.frames_shared);
	hvo_line_field(line, "grace periods", s.grace_periods);
	hvo_line_field(line, "flushes", s.flushes);
	print(p);
}

static void dump_tails(const struct hvo_vmemmap *map, struct printer *p)
{
	struct hvo_line *line = &p->line;

	for (unsigned domain = 0; domain < map->config.domains; domain++)
		for (unsigned order = 0; order < HVO_ORDERS; order++) {
			struct hvo_tails *slot =
			    hvo_tails_slot(map, domain, order);

			if (!slot->first)
				continue;
			hvo_line_field(line, "shared tails of domain", domain);
			hvo_line_field(line, "order", order);
			hvo_line_field(line, "first frame", slot->first - 1);
			hvo_line_field(line, "frames",
				       hvo_tails_pages(map, order));
			hvo_line_field(line, "users", slot->users);
			print(p);
		}
}

static void dump_span(const struct hvo_span *span, struct printer *p)
{
	static const char *const names[] = {"absent", "full", "optimized"};
	struct hvo_line *line = &p->line;

	hvo_line_field(line, "pfn", span->pfn);
	hvo_line_field(line, "base pages", span->count);
	hvo_line_text(line, ": ");
	hvo_line_text(line, names[span->state.state]);
	if (span->state.order)
		hvo_line_field(line,
			       span->state.state == HVO_FULL ? "hosted by order"
							     : "order",
			       span->state.order);
	if (span->state.state != HVO_ABSENT)
		hvo_line_field(line, "domain", span->state.domain);
	if (span->state.busy)
		hvo_line_text(line, ", busy");
	print(p);
}

void hvo_vmemmap_dump(struct hvo_vmemmap *map,
		      void (*put)(void *ctx, const char *line), void *ctx)
{
	char text[HVO_LINE_MAX];
	struct printer p = {hvo_line_in(text, sizeof(text)), put, ctx};
	struct hvo_span span;

	dump_config(map, &p);
	dump_counters(map, &p);
	dump_tails(map, &p);
	for (hvo_pfn_t pfn = map->config.pfn_first;
	     hvo_vmemmap_span(map, pfn, &span); pfn += span.count)
		dump_span(&span, &p);
}
