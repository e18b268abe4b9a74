/* SPDX-License-Identifier: MIT */
/*
 * The e820 table, as int 15h returns it and boot loaders hand it on.
 *
 * Source: ACPI specification 6.5, chapter 15, "System Address Map
 * Interfaces", table 15.1 for the types.
 */
#include "bytes.h"
#include "e820.h"
#include "fault.h"

/*
 * What the specification calls AddressRange...; 6 is memory that is not
 * enabled, and every number that is not here is to be taken as reserved.
 */
enum address_range {
	ADDRESS_RANGE_MEMORY = 1,
	ADDRESS_RANGE_RESERVED = 2,
	ADDRESS_RANGE_ACPI = 3,
	ADDRESS_RANGE_NVS = 4,
	ADDRESS_RANGE_UNUSABLE = 5,
	ADDRESS_RANGE_PERSISTENT = 7,
	/* Linux's, for RAM that EFI sets aside ("specific purpose"). */
	ADDRESS_RANGE_SOFT_RESERVED = 0xefffffff,
};

static enum hvo_memory_type type_of(uint32_t address_range)
{
	switch (address_range) {
	case ADDRESS_RANGE_MEMORY:
		return HVO_MEMORY_RAM;
	case ADDRESS_RANGE_ACPI:
		return HVO_MEMORY_ACPI;
	case ADDRESS_RANGE_NVS:
		return HVO_MEMORY_NVS;
	case ADDRESS_RANGE_UNUSABLE:
		return HVO_MEMORY_UNUSABLE;
	case ADDRESS_RANGE_PERSISTENT:
		return HVO_MEMORY_PERSISTENT;
	case ADDRESS_RANGE_SOFT_RESERVED:
		return HVO_MEMORY_SPECIAL;
	default:
		return HVO_MEMORY_RESERVED;
	}
}

enum hvo_firmware_error hvo_e820_add(struct hvo_memory_map *map,
				     const uint8_t *entry)
{
	return hvo_memory_add(map, &(struct hvo_memory_range){
				       .base = hvo_le64(entry),
				       .size = hvo_le64(entry + 8),
				       .node = HVO_NO_NODE,
				       .type = type_of(hvo_le32(entry + 16)),
				   });
}

enum hvo_firmware_error hvo_e820_memory(const void *table, size_t bytes,
					struct hvo_memory_map *map,
					struct hvo_firmware_fault *fault)
{
	size_t rest = bytes % HVO_E820_ENTRY_BYTES;
	size_t count = map->count;

	if (rest)
		return hvo_fault_at_byte(fault, HVO_FIRMWARE_TRUNCATED, "e820",
					 bytes - rest);
	for (size_t at = 0; at < bytes; at += HVO_E820_ENTRY_BYTES) {
		enum hvo_firmware_error error =
		    hvo_e820_add(map, (const uint8_t *)table + at);

		if (error) {
			map->count = count;
			return hvo_fault_at_byte(fault, error, "e820", at);
		}
	}
	return HVO_FIRMWARE_OK;
}
