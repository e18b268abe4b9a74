/* SPDX-License-Identifier: MIT */
/* memblock as lines of text. */

#include "hvo/line.h"
#include "memblock.h"

struct printer {
	struct hvo_line line;
	void (*put)(void *ctx, const char *line);
	void *ctx;
};

static void put_hex(struct hvo_line *line, const char *before, uint64_t n,
		    size_t least)
{
	hvo_line_text(line, before);
	hvo_line_hex(line, n, least);
}

static void put_flags(struct hvo_line *line, unsigned flags)
{
	static const char *const names[] = {"hotplug",         "mirror",
					    "nomap",           "driver-managed",
					    "reserved-noinit", "reserved-kern"};

	for (unsigned i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (flags & 1u << i) {
			hvo_line_text(line, " ");
			hvo_line_text(line, names[i]);
		}
}

static void print(struct printer *p)
{
	p->put(p->ctx, p->line.text);
	hvo_line_clear(&p->line);
}

static void dump_region(struct printer *p, const struct hvo_memblock_type *type,
			unsigned long i)
{
	const struct hvo_memblock_region *region = &type->regions[i];
	struct hvo_line *line = &p->line;

	hvo_line_text(line, type->name);
	hvo_line_text(line, "[");
	hvo_line_number(line, i, 10, 0);
	put_hex(line, "] [", region->base, 16);
	put_hex(line, "-", hvo_memblock_region_end(region) - 1, 16);
	put_hex(line, "], ", region->size, 0);
	hvo_line_text(line, " bytes");
	if (hvo_numa_valid_node(region->nid)) {
		hvo_line_text(line, " on node ");
		hvo_line_number(line, (uint64_t)region->nid, 10, 0);
	}
	put_hex(line, " flags: ", region->flags, 0);
	put_flags(line, region->flags);
	print(p);
}

static void dump_type(struct printer *p, const struct hvo_memblock_type *type)
{
	struct hvo_line *line = &p->line;

	hvo_line_text(line, type->name);
	hvo_line_text(line, ".cnt = ");
	hvo_line_number(line, type->cnt, 10, 0);
	hvo_line_text(line, " of ");
	hvo_line_number(line, type->max, 10, 0);
	print(p);
	for (unsigned long i = 0; i < type->cnt; i++)
		dump_region(p, type, i);
}

void hvo_memblock_dump(const struct hvo_memblock *mb,
		       void (*put)(void *ctx, const char *line), void *ctx)
{
	char text[HVO_LINE_MAX];
	struct printer p = {hvo_line_in(text, sizeof(text)), put, ctx};
	struct hvo_line *line = &p.line;

	put_hex(line, "memory size = ", mb->memory.total_size, 0);
	put_hex(line, ", reserved size = ", mb->reserved.total_size, 0);
	put_hex(line, ", limit = ", mb->current_limit, 0);
	hvo_line_text(line, mb->bottom_up ? ", bottom-up" : ", top-down");
	print(&p);
	dump_type(&p, &mb->memory);
	dump_type(&p, &mb->reserved);
}
