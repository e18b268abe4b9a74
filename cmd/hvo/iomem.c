/* SPDX-License-Identifier: MIT */
/*
 * The RAM of /proc/iomem, from a file: reading lines, and the messages. What
 * a line means is firmware/iomem.c's to say.
 *
 * The text may come from anywhere: memory is bounded by struct hvo_iomem and
 * one line. Belongs to one thread.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include "hvo/firmware.h"
#include "iomem.h"

#define LINE_MAX_BYTES 511

struct parser {
	FILE *file;
	struct hvo_iomem *iomem;
	struct hvo_iomem_text reader;
	struct hvo_memory_range ram; /* what the line in text added */
	struct hvo_memory_map map;   /* has room for just that */
	unsigned line;               /* number of the line in text */
	char *message;
	size_t message_size;
	size_t bytes; /* of the line in text */
	char text[LINE_MAX_BYTES];
};

__attribute__((format(printf, 2, 3))) static enum hvo_iomem_result
bad(const struct parser *p, const char *format, ...)
{
	va_list args;
	int used = 0;

	if (p->line)
		used =
		    snprintf(p->message, p->message_size, "line %u: ", p->line);
	if (used < 0 || (size_t)used >= p->message_size)
		return HVO_IOMEM_BAD;
	va_start(args, format);
	vsnprintf(p->message + used, p->message_size - (size_t)used, format,
		  args);
	va_end(args);
	return HVO_IOMEM_BAD;
}

/*
 * Get the next line, without its newline, into p->text. True when there is
 * one; *result says whether it could be read.
 */
static bool next_line(struct parser *p, enum hvo_iomem_result *result)
{
	size_t n = 0;
	int c;

	*result = HVO_IOMEM_OK;
	p->line++;
	while ((c = getc(p->file)) != EOF && c != '\n') {
		if (!c)
			*result = bad(p, "not text");
		else if (n == sizeof(p->text))
			*result = bad(p, "longer than %zu bytes", n);
		else
			p->text[n++] = (char)c;
		if (*result != HVO_IOMEM_OK)
			return true;
	}
	p->bytes = n;
	if (ferror(p->file)) {
		*result = bad(p, "cannot be read: %s", strerror(errno));
		return true;
	}
	return c != EOF || n;
}

static enum hvo_iomem_result take_line(struct parser *p)
{
	struct hvo_iomem *iomem = p->iomem;
	enum hvo_firmware_error error =
	    hvo_iomem_line(&p->reader, p->text, p->bytes, NULL);

	if (error)
		return bad(p, "%s", hvo_firmware_error_text(error));
	if (!p->map.count)
		return HVO_IOMEM_OK;
	p->map.count = 0;
	if (iomem->count == HVO_IOMEM_RANGES)
		return bad(p, "more than %d ranges of RAM", HVO_IOMEM_RANGES);
	iomem->range[iomem->count++] = (struct hvo_iomem_range){
	    .start = p->ram.base,
	    .end = hvo_memory_range_end(&p->ram),
	    .line = p->line,
	};
	return HVO_IOMEM_OK;
}

static int compare_ranges(const void *a, const void *b)
{
	const struct hvo_iomem_range *x = a;
	const struct hvo_iomem_range *y = b;

	if (x->start != y->start)
		return x->start < y->start ? -1 : 1;
	return x->line < y->line ? -1 : 1;
}

/* Join what touches. Overlaps are no memory map that could be true. */
static enum hvo_iomem_result merge(struct parser *p)
{
	struct hvo_iomem *iomem = p->iomem;
	size_t kept = 0;

	qsort(iomem->range, iomem->count, sizeof(iomem->range[0]),
	      compare_ranges);
	for (size_t i = 1; i < iomem->count; i++) {
		struct hvo_iomem_range *last = &iomem->range[kept];
		const struct hvo_iomem_range *next = &iomem->range[i];

		if (next->start < last->end) {
			p->line = next->line;
			return bad(p, "RAM that overlaps that of line %u",
				   last->line);
		}
		if (next->start == last->end)
			last->end = next->end;
		else
			iomem->range[++kept] = *next;
	}
	iomem->count = kept + 1;
	return HVO_IOMEM_OK;
}

static enum hvo_iomem_result finish(struct parser *p)
{
	enum hvo_firmware_error error = hvo_iomem_end(&p->reader, NULL);

	/* What is wrong now is wrong with the whole. */
	p->line = 0;
	if (error == HVO_FIRMWARE_HIDDEN) {
		bad(p, "%s", hvo_firmware_error_text(error));
		return HVO_IOMEM_DENIED;
	}
	if (error)
		return bad(p, "there is no \"System RAM\" in it");
	return merge(p);
}

enum hvo_iomem_result hvo_iomem_read(FILE *file, struct hvo_iomem *iomem,
				     char *message, size_t size)
{
	struct parser p = {
	    .file = file,
	    .iomem = iomem,
	    .message = message,
	    .message_size = size,
	};
	enum hvo_iomem_result result;

	iomem->count = 0;
	p.map = (struct hvo_memory_map){.range = &p.ram, .capacity = 1};
	hvo_iomem_begin(&p.reader, &p.map);
	while (next_line(&p, &result)) {
		if (result == HVO_IOMEM_OK)
			result = take_line(&p);
		if (result != HVO_IOMEM_OK)
			return result;
	}
	return finish(&p);
}

enum hvo_iomem_result hvo_iomem_load(const char *path, struct hvo_iomem *iomem,
				     char *message, size_t size)
{
	enum hvo_iomem_result result = HVO_IOMEM_BAD;
	int used = snprintf(message, size, "%s: ", path);
	FILE *file = fopen(path, "re");

	if (used < 0 || (size_t)used >= size)
		used = 0;
	message += used;
	size -= (size_t)used;
	if (!file) {
		if (errno == EACCES || errno == EPERM)
			result = HVO_IOMEM_DENIED;
		snprintf(message, size, "%s", strerror(errno));
		return result;
	}
	result = hvo_iomem_read(file, iomem, message, size);
	fclose(file);
	return result;
}

uint64_t hvo_iomem_bytes(const struct hvo_iomem *iomem)
{
	uint64_t bytes = 0;

	for (size_t i = 0; i < iomem->count; i++)
		bytes += iomem->range[i].end - iomem->range[i].start;
	return bytes;
}
