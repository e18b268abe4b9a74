/* SPDX-License-Identifier: MIT */
/*
 * The dump: what a memory map is and has, as lines of text. Freestanding, so
 * it brings the little formatting that it needs.
 */

#include "engine.h"

#define LINE_MAX 160

struct line {
	char text[LINE_MAX];
	size_t used;
};

static void put_text(struct line *line, const char *text)
{
	while (*text && line->used < LINE_MAX - 1)
		line->text[line->used++] = *text++;
	line->text[line->used] = '\0';
}

static void put_number(struct line *line, uint64_t n, unsigned base)
{
	char digits[24];
	size_t at = sizeof(digits) - 1;

	digits[at] = '\0';
	do {
		digits[--at] = "0123456789abcdef"[n % base];
		n /= base;
	} while (n);
	put_text(line, digits + at);
}

static void put_field(struct line *line, const char *name, uint64_t n)
{
	put_text(line, line->used ? ", " : "");
	put_text(line, name);
	put_text(line, " ");
	put_number(line, n, 10);
}

struct printer {
	void (*put)(void *ctx, const char *line);
	void *ctx;
};

static void print(const struct printer *p, struct line *line)
{
	p->put(p->ctx, line->text);
	line->used = 0;
}

static void dump_config(const struct hvo_vmemmap *map, const struct printer *p)
{
	struct line line = {.used = 0};

	put_text(&line, "vmemmap at 0x");
	put_number(&line, (uintptr_t)hvo_page_address(map, 0), 16);
	put_field(&line, "base page", hvo_page_size(&map->geometry));
	put_field(&line, "record", map->geometry.record);
	put_field(&line, "pfns from", map->config.pfn_first);
	put_field(&line, "to", map->config.pfn_end);
	put_field(&line, "domains", map->config.domains);
	print(p, &line);
}

static void dump_counters(const struct hvo_vmemmap *map,
			  const struct printer *p)
{
	struct hvo_vmemmap_stats s;
	struct line line = {.used = 0};

	hvo_vmemmap_stats(map, &s);
	put_field(&line, "pages present", s.pages_present);
	put_field(&line, "optimized", s.pages_optimized);
	put_field(&line, "frames owned", s.frames_owned);
	put_field(&line, "hosted", s.frames_hosted);
	put_field(&line, "shared", s.frames_shared);
	put_field(&line, "grace periods", s.grace_periods);
	put_field(&line, "flushes", s.flushes);
	print(p, &line);
}

static void dump_tails(const struct hvo_vmemmap *map, const struct printer *p)
{
	struct line line = {.used = 0};

	for (unsigned domain = 0; domain < map->config.domains; domain++)
		for (unsigned order = 0; order < HVO_ORDERS; order++) {
			struct hvo_tails *slot =
			    hvo_tails_slot(map, domain, order);

			if (!slot->first)
				continue;
			put_field(&line, "shared tails of domain", domain);
			put_field(&line, "order", order);
			put_field(&line, "first frame", slot->first - 1);
			put_field(&line, "frames", hvo_tails_pages(map, order));
			put_field(&line, "users", slot->users);
			print(p, &line);
		}
}

static void dump_span(const struct hvo_span *span, const struct printer *p)
{
	static const char *const names[] = {"absent", "full", "optimized"};
	struct line line = {.used = 0};

	put_field(&line, "pfn", span->pfn);
	put_field(&line, "base pages", span->count);
	put_text(&line, ": ");
	put_text(&line, names[span->state.state]);
	if (span->state.order)
		put_field(&line,
			  span->state.state == HVO_FULL ? "hosted by order"
							: "order",
			  span->state.order);
	if (span->state.state != HVO_ABSENT)
		put_field(&line, "domain", span->state.domain);
	if (span->state.busy)
		put_text(&line, ", busy");
	print(p, &line);
}

void hvo_vmemmap_dump(struct hvo_vmemmap *map,
		      void (*put)(void *ctx, const char *line), void *ctx)
{
	struct printer p = {put, ctx};
	struct hvo_span span;

	dump_config(map, &p);
	dump_counters(map, &p);
	dump_tails(map, &p);
	for (hvo_pfn_t pfn = map->config.pfn_first;
	     hvo_vmemmap_span(map, pfn, &span); pfn += span.count)
		dump_span(&span, &p);
}
