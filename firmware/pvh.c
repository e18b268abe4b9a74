/* SPDX-License-Identifier: MIT */
/*
 * The PVH start info: what a loader hands to a kernel that is entered through
 * the x86/HVM direct boot ABI.
 *
 * Source: Xen's public header arch-x86/hvm/start_info.h, which is the ABI's
 * specification. Offsets of the structure, all little-endian:
 *
 *    0 magic          16 address of modules       40 address of memory map
 *    4 version        24 address of command line  48 its entries
 *    8 flags          32 address of the RSDP      52 reserved
 *   12 modules
 *
 * Version 0 ends at 40. An address of 0 means "none". An entry of the memory
 * map is an e820 entry with 4 reserved bytes behind it.
 */
#include "bytes.h"
#include "e820.h"
#include "fault.h"

#define MAGIC        0x336ec578u
#define BYTES_0      40
#define BYTES_1      56
#define MEMORY_ENTRY 24
#define NAME         "PVH start info"
#define MAP_NAME     "PVH memory map"
#define COMMAND_NAME "PVH command line"

static enum hvo_firmware_error unreadable(struct hvo_firmware_fault *fault,
					  const char *name, uint64_t address)
{
	return hvo_fault(fault, HVO_FIRMWARE_UNREADABLE, name,
			 HVO_FIRMWARE_AT_ADDRESS, address);
}

enum hvo_firmware_error hvo_pvh_read(const struct hvo_physical *physical,
				     uint64_t address, struct hvo_pvh *pvh,
				     struct hvo_firmware_fault *fault)
{
	const uint8_t *info = physical->at(physical->context, address, BYTES_0);

	if (!info)
		return unreadable(fault, NAME, address);
	if (hvo_le32(info) != MAGIC)
		return hvo_fault_at_byte(fault, HVO_FIRMWARE_MAGIC, NAME, 0);
	*pvh = (struct hvo_pvh){
	    .version = hvo_le32(info + 4),
	    .flags = hvo_le32(info + 8),
	    .module_count = hvo_le32(info + 12),
	    .modules = hvo_le64(info + 16),
	    .command_line = hvo_le64(info + 24),
	    .rsdp = hvo_le64(info + 32),
	};
	if (!pvh->version)
		return HVO_FIRMWARE_OK;
	info = physical->at(physical->context, address, BYTES_1);
	if (!info)
		return unreadable(fault, NAME, address);
	pvh->memory = hvo_le64(info + 40);
	pvh->memory_count = hvo_le32(info + 48);
	return HVO_FIRMWARE_OK;
}

enum hvo_firmware_error hvo_pvh_memory(const struct hvo_physical *physical,
				       const struct hvo_pvh *pvh,
				       struct hvo_memory_map *map,
				       struct hvo_firmware_fault *fault)
{
	size_t count = map->count;

	if (!pvh->memory || !pvh->memory_count)
		return hvo_fault_at_byte(fault, HVO_FIRMWARE_ABSENT, MAP_NAME,
					 0);
	/* One by one: the product with their number may be anything. */
	for (uint64_t i = 0; i < pvh->memory_count; i++) {
		uint64_t at = i * MEMORY_ENTRY;
		enum hvo_firmware_error error = HVO_FIRMWARE_UNREADABLE;
		const uint8_t *entry = NULL;

		if (pvh->memory <= UINT64_MAX - at)
			entry = physical->at(physical->context,
					     pvh->memory + at, MEMORY_ENTRY);
		if (entry)
			error = hvo_e820_add(map, entry);
		if (error) {
			map->count = count;
			return hvo_fault_at_byte(fault, error, MAP_NAME, at);
		}
	}
	return HVO_FIRMWARE_OK;
}

enum hvo_firmware_error
hvo_pvh_command_line(const struct hvo_physical *physical,
		     const struct hvo_pvh *pvh, char *text, size_t size,
		     struct hvo_firmware_fault *fault)
{
	enum hvo_firmware_error error = HVO_FIRMWARE_ROOM;
	size_t n = 0;

	if (!size)
		return hvo_fault_at_byte(fault, error, COMMAND_NAME, 0);
	text[0] = '\0';
	if (!pvh->command_line)
		return HVO_FIRMWARE_OK;
	/* Byte by byte, for nothing says where it ends but its NUL. */
	for (; n < size; n++) {
		const char *c = NULL;

		if (pvh->command_line <= UINT64_MAX - n)
			c = physical->at(physical->context,
					 pvh->command_line + n, 1);
		if (!c) {
			error = HVO_FIRMWARE_UNREADABLE;
			break;
		}
		text[n] = *c;
		if (!*c)
			return HVO_FIRMWARE_OK;
	}
	text[0] = '\0';
	return hvo_fault_at_byte(fault, error, COMMAND_NAME, n);
}
