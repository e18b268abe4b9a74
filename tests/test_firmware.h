/* SPDX-License-Identifier: MIT */
/*
 * For tests and fuzzers of the readers in firmware/: bytes in memory of
 * exactly their size, so that AddressSanitizer sees a reader go past them, and
 * images of physical memory (fixtures/firmware/record.py has their format).
 * All of it aborts when it cannot go on.
 */
#ifndef TEST_FIRMWARE_H
#define TEST_FIRMWARE_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "hvo/firmware.h"

struct bytes {
	uint8_t *data; /* calloc()ed, exactly size */
	size_t size;
};

static inline struct bytes bytes_copy(const void *data, size_t size)
{
	/* calloc(1, 0) may be NULL, which no reader is ever given. */
	struct bytes bytes = {.data = calloc(1, size ? size : 1), .size = size};

	if (!bytes.data)
		abort();
	if (size)
		memcpy(bytes.data, data, size);
	return bytes;
}

static inline void bytes_free(struct bytes *bytes)
{
	free(bytes->data);
	*bytes = (struct bytes){0};
}

/* fixtures/NAME, whole. */
static inline struct bytes bytes_load(const char *name)
{
	static uint8_t buffer[1 << 16];
	const char *fixtures = getenv("HVO_FIXTURES");
	char path[4096];
	struct bytes bytes;
	FILE *file;

	if (!fixtures)
		abort();
	snprintf(path, sizeof(path), "%s/%s", fixtures, name);
	file = fopen(path, "rb");
	if (!file) {
		perror(path);
		abort();
	}
	bytes = bytes_copy(buffer, fread(buffer, 1, sizeof(buffer), file));
	fclose(file);
	return bytes;
}

/* ---- images of physical memory ------------------------------------------ */

#define IMAGE_SEGMENTS 32

struct image {
	uint64_t start_info; /* address */
	size_t count;
	struct {
		uint64_t address;
		struct bytes bytes;
	} segment[IMAGE_SEGMENTS];
};

static inline void image_add(struct image *image, uint64_t address,
			     const void *data, size_t size)
{
	if (image->count == IMAGE_SEGMENTS)
		abort();
	image->segment[image->count].address = address;
	image->segment[image->count++].bytes = bytes_copy(data, size);
}

/* As much as there is of an image; segments that do not fit are left out. */
static inline void image_parse(struct image *image, const uint8_t *data,
			       size_t size)
{
	size_t at = sizeof(uint64_t);

	*image = (struct image){0};
	if (size < at)
		return;
	memcpy(&image->start_info, data, at);
	while (size - at >= 16 && image->count < IMAGE_SEGMENTS) {
		uint64_t head[2];

		memcpy(head, data + at, sizeof(head));
		at += sizeof(head);
		if (head[1] > size - at)
			return;
		image_add(image, head[0], data + at, head[1]);
		at += head[1];
	}
}

static inline void image_free(struct image *image)
{
	while (image->count)
		bytes_free(&image->segment[--image->count].bytes);
}

/* The bytes of the segment that holds address, from there on. */
static inline uint8_t *image_at(const struct image *image, uint64_t address,
				uint64_t bytes)
{
	for (size_t i = 0; i < image->count; i++) {
		const struct bytes *segment = &image->segment[i].bytes;
		uint64_t offset = address - image->segment[i].address;

		if (offset < segment->size && bytes <= segment->size - offset)
			return segment->data + offset;
	}
	return NULL;
}

static inline const void *image_read(void *context, uint64_t address,
				     size_t bytes)
{
	return image_at(context, address, bytes);
}

static inline struct hvo_physical image_physical(struct image *image)
{
	return (struct hvo_physical){.at = image_read, .context = image};
}

/* ---- checks ------------------------------------------------------------- */

/* Whether a normalised map is what it is promised to be. */
static inline int map_is_normal(const struct hvo_memory_map *map, uint64_t page)
{
	for (size_t i = 0; i < map->count; i++) {
		const struct hvo_memory_range *range = &map->range[i];
		const struct hvo_memory_range *before = range - 1;

		if (!range->size || range->size > UINT64_MAX - range->base ||
		    range->base % page || range->size % page ||
		    range->type <= HVO_MEMORY_NODE ||
		    range->type >= HVO_MEMORY_TYPES)
			return 0;
		if (!i)
			continue;
		if (hvo_memory_range_end(before) > range->base)
			return 0;
		if (hvo_memory_range_end(before) == range->base &&
		    before->type == range->type &&
		    before->node == range->node &&
		    before->flags == range->flags)
			return 0;
	}
	return 1;
}

/* Whether a fault is filled in, and can be described. */
static inline int fault_is(const struct hvo_firmware_fault *fault,
			   enum hvo_firmware_error error)
{
	char line[HVO_FIRMWARE_LINE], cut[8];

	if (fault->error != error || !fault->table[0] ||
	    !memchr(fault->table, '\0', sizeof(fault->table)))
		return 0;
	hvo_firmware_describe(fault, line, sizeof(line));
	hvo_firmware_describe(fault, cut, sizeof(cut));
	return strlen(line) < sizeof(line) - 1 &&
	       strlen(cut) == sizeof(cut) - 1 &&
	       !strncmp(line, cut, sizeof(cut) - 1) &&
	       strstr(line, hvo_firmware_error_text(error));
}

#endif
