/* SPDX-License-Identifier: MIT */
/* memblock as lines of text. Freestanding: the formatting is here too. */

#include "memblock.h"

#define LINE_MAX 160

struct line {
	char text[LINE_MAX];
	size_t used;
};

struct printer {
	void (*put)(void *ctx, const char *line);
	void *ctx;
};

static void put_text(struct line *line, const char *text)
{
	while (*text && line->used < LINE_MAX - 1)
		line->text[line->used++] = *text++;
	line->text[line->used] = '\0';
}

/* A number of at least `least` digits. */
static void put_number(struct line *line, uint64_t n, unsigned base,
		       size_t least)
{
	char digits[24];
	size_t at = sizeof(digits) - 1;
	size_t enough = at - (least ? least : 1);

	digits[at] = '\0';
	do {
		digits[--at] = "0123456789abcdef"[n % base];
		n /= base;
	} while (n || at > enough);
	put_text(line, digits + at);
}

static void put_hex(struct line *line, const char *before, uint64_t n,
		    size_t least)
{
	put_text(line, before);
	put_text(line, "0x");
	put_number(line, n, 16, least);
}

static void put_flags(struct line *line, unsigned flags)
{
	static const char *const names[] = {"hotplug",         "mirror",
					    "nomap",           "driver-managed",
					    "reserved-noinit", "reserved-kern"};

	for (unsigned i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (flags & 1u << i) {
			put_text(line, " ");
			put_text(line, names[i]);
		}
}

static void print(const struct printer *p, struct line *line)
{
	p->put(p->ctx, line->text);
	line->used = 0;
}

static void dump_region(const struct printer *p,
			const struct hvo_memblock_type *type, unsigned long i)
{
	const struct hvo_memblock_region *region = &type->regions[i];
	struct line line = {.used = 0};

	put_text(&line, type->name);
	put_text(&line, "[");
	put_number(&line, i, 10, 0);
	put_hex(&line, "] [", region->base, 16);
	put_hex(&line, "-", hvo_memblock_region_end(region) - 1, 16);
	put_hex(&line, "], ", region->size, 0);
	put_text(&line, " bytes");
	if (hvo_numa_valid_node(region->nid)) {
		put_text(&line, " on node ");
		put_number(&line, (uint64_t)region->nid, 10, 0);
	}
	put_hex(&line, " flags: ", region->flags, 0);
	put_flags(&line, region->flags);
	print(p, &line);
}

static void dump_type(const struct printer *p,
		      const struct hvo_memblock_type *type)
{
	struct line line = {.used = 0};

	put_text(&line, type->name);
	put_text(&line, ".cnt = ");
	put_number(&line, type->cnt, 10, 0);
	put_text(&line, " of ");
	put_number(&line, type->max, 10, 0);
	print(p, &line);
	for (unsigned long i = 0; i < type->cnt; i++)
		dump_region(p, type, i);
}

void hvo_memblock_dump(const struct hvo_memblock *mb,
		       void (*put)(void *ctx, const char *line), void *ctx)
{
	struct printer p = {put, ctx};
	struct line line = {.used = 0};

	put_hex(&line, "memory size = ", mb->memory.total_size, 0);
	put_hex(&line, ", reserved size = ", mb->reserved.total_size, 0);
	put_hex(&line, ", limit = ", mb->current_limit, 0);
	put_text(&line, mb->bottom_up ? ", bottom-up" : ", top-down");
	print(&p, &line);
	dump_type(&p, &mb->memory);
	dump_type(&p, &mb->reserved);
}
