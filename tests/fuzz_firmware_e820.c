/* SPDX-License-Identifier: MIT */
/*
 * libFuzzer target: any bytes as an e820 table, and as an image of memory
 * with a PVH start info. What is accepted must normalise, or say why not.
 */
#include "test_firmware.h"

#define ROOM 48

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_map(struct hvo_memory_map *raw)
{
	static const uint64_t pages[] = {1, 4096, 1 << 16, 1ull << 63};
	struct hvo_memory_range ranges[2 * ROOM];
	struct hvo_memory_map out = {.range = ranges, .capacity = 2 * ROOM};

	if (raw->count > raw->capacity)
		abort();
	for (size_t i = 0; i < sizeof(pages) / sizeof(pages[0]); i++) {
		struct hvo_firmware_fault fault = {0};

		/* These tables know no nodes, so nothing can go wrong. */
		if (hvo_memory_normalise(raw, &out, pages[i], &fault) ||
		    !map_is_normal(&out, pages[i]))
			abort();
	}
}

static void check_error(const struct hvo_memory_map *raw,
			const struct hvo_firmware_fault *fault,
			enum hvo_firmware_error error)
{
	if (error && (raw->count || !fault_is(fault, error)))
		abort();
}

static void as_table(const uint8_t *data, size_t size)
{
	struct hvo_memory_range ranges[ROOM];
	struct hvo_memory_map raw = {.range = ranges, .capacity = ROOM};
	struct hvo_firmware_fault fault = {0};
	struct bytes table = bytes_copy(data, size);

	check_error(&raw, &fault,
		    hvo_e820_memory(table.data, table.size, &raw, &fault));
	check_map(&raw);
	bytes_free(&table);
}

static void as_image(const uint8_t *data, size_t size)
{
	struct hvo_memory_range ranges[ROOM];
	struct hvo_memory_map raw = {.range = ranges, .capacity = ROOM};
	struct hvo_firmware_fault fault = {0};
	struct hvo_physical physical;
	struct hvo_pvh pvh;
	struct image image;
	char line[64];

	image_parse(&image, data, size);
	physical = image_physical(&image);
	if (!hvo_pvh_read(&physical, image.start_info, &pvh, &fault)) {
		check_error(&raw, &fault,
			    hvo_pvh_memory(&physical, &pvh, &raw, &fault));
		check_map(&raw);
		if (hvo_pvh_command_line(&physical, &pvh, line, sizeof(line),
					 &fault) &&
		    line[0])
			abort();
		if (!memchr(line, '\0', sizeof(line)))
			abort();
	}
	image_free(&image);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	as_table(data, size);
	as_image(data, size);
	return 0;
}
