/* SPDX-License-Identifier: MIT */
/*
 * The RAM in /proc/iomem. A line is
 *
 *   START-LAST : NAME
 *
 * with hexadecimal addresses, the last one included, and two spaces before it
 * for each resource that it lies in. To a reader without CAP_SYS_ADMIN the
 * kernel shows 0 for every address.
 */
#include "fault.h"

/* What is left of a line. */
struct rest {
	const char *at;
	const char *end;
};

static bool skip(struct rest *rest, const char *word)
{
	const char *at = rest->at;

	for (; *word; word++, at++)
		if (at == rest->end || *at != *word)
			return false;
	rest->at = at;
	return true;
}

/* The value of a hexadecimal digit of either case, or -1. */
static int digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* 1 to 16 digits. */
static bool parse_address(struct rest *rest, uint64_t *address)
{
	unsigned n = 0;

	*address = 0;
	for (; rest->at < rest->end && n <= 16; n++, rest->at++) {
		int value = digit(*rest->at);

		if (value < 0)
			break;
		*address = *address << 4 | (unsigned)value;
	}
	return n >= 1 && n <= 16;
}

struct entry {
	unsigned indent; /* spaces */
	uint64_t start;
	uint64_t last;
	struct rest name;
};

static enum hvo_firmware_error parse(struct rest rest, struct entry *entry)
{
	entry->indent = 0;
	while (skip(&rest, " "))
		entry->indent++;
	if (!parse_address(&rest, &entry->start) || !skip(&rest, "-") ||
	    !parse_address(&rest, &entry->last) || !skip(&rest, " : ") ||
	    rest.at == rest.end)
		return HVO_FIRMWARE_FORM;
	entry->name = rest;
	return entry->last < entry->start ? HVO_FIRMWARE_ORDER
					  : HVO_FIRMWARE_OK;
}

static bool is_ram(struct rest name, uint32_t *flags)
{
	if (!skip(&name, "System RAM"))
		return false;
	*flags = name.at == name.end ? 0 : HVO_MEMORY_HOTPLUGGABLE;
	return name.at == name.end || skip(&name, " (");
}

static enum hvo_firmware_error take(struct hvo_iomem_text *text,
				    const struct entry *entry)
{
	struct hvo_memory_range range = {
	    .base = entry->start,
	    .node = HVO_NO_NODE,
	    .type = HVO_MEMORY_RAM,
	};

	if (entry->start || entry->last)
		text->addresses = true;
	if (text->in_ram && entry->indent > text->indent)
		return HVO_FIRMWARE_OK;
	text->in_ram = is_ram(entry->name, &range.flags);
	text->indent = entry->indent;
	if (!text->in_ram)
		return HVO_FIRMWARE_OK;
	text->found = true;
	if (entry->last == UINT64_MAX)
		return HVO_FIRMWARE_RANGE;
	range.size = entry->last + 1 - entry->start;
	return hvo_memory_add(text->map, &range);
}

static enum hvo_firmware_error fail(struct hvo_iomem_text *text,
				    enum hvo_firmware_error error,
				    struct hvo_firmware_fault *fault)
{
	text->map->count = text->count;
	return hvo_fault(fault, error, "/proc/iomem", HVO_FIRMWARE_AT_LINE,
			 text->line);
}

void hvo_iomem_begin(struct hvo_iomem_text *text, struct hvo_memory_map *map)
{
	*text = (struct hvo_iomem_text){.map = map, .count = map->count};
}

enum hvo_firmware_error hvo_iomem_line(struct hvo_iomem_text *text,
				       const char *line, size_t bytes,
				       struct hvo_firmware_fault *fault)
{
	struct rest rest = {.at = line, .end = line + bytes};
	struct entry entry;
	enum hvo_firmware_error error = parse(rest, &entry);

	text->line++;
	if (!error)
		error = take(text, &entry);
	return error ? fail(text, error, fault) : HVO_FIRMWARE_OK;
}

enum hvo_firmware_error hvo_iomem_end(struct hvo_iomem_text *text,
				      struct hvo_firmware_fault *fault)
{
	if (text->line && !text->addresses)
		return fail(text, HVO_FIRMWARE_HIDDEN, fault);
	if (!text->found)
		return fail(text, HVO_FIRMWARE_ABSENT, fault);
	return HVO_FIRMWARE_OK;
}

enum hvo_firmware_error hvo_iomem_memory(const char *text, size_t bytes,
					 struct hvo_memory_map *map,
					 struct hvo_firmware_fault *fault)
{
	struct hvo_iomem_text reader;
	size_t at = 0;

	hvo_iomem_begin(&reader, map);
	while (at < bytes) {
		size_t end = at;
		enum hvo_firmware_error error;

		while (end < bytes && text[end] != '\n')
			end++;
		error = hvo_iomem_line(&reader, text + at, end - at, fault);
		if (error)
			return error;
		at = end + 1;
	}
	return hvo_iomem_end(&reader, fault);
}
