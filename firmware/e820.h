/* SPDX-License-Identifier: MIT */
/*
 * Entries of memory maps with the ACPI specification's address range types.
 */
#ifndef HVO_FIRMWARE_E820_H
#define HVO_FIRMWARE_E820_H

#include "hvo/firmware.h"

/*
 * Add the first bytes of entry, which every such table has in common: base
 * and size of 64 bits, type of 32. Errors: RANGE, ROOM.
 */
enum hvo_firmware_error hvo_e820_add(struct hvo_memory_map *map,
				     const uint8_t *entry);

#endif
