/* SPDX-License-Identifier: MIT */
/*
 * What ACPI tables have in common: a header with a checksum over the whole,
 * and behind it, in some, a row of entries that each begin with a type and a
 * length.
 */
#ifndef HVO_FIRMWARE_ACPI_H
#define HVO_FIRMWARE_ACPI_H

#include "hvo/firmware.h"

#define HVO_ACPI_HEADER 36 /* bytes */

/*
 * Check the table in these bytes: its signature, its own length (at least
 * `least`), its checksum. *size becomes that length.
 *
 * Errors: TRUNCATED, MAGIC, LENGTH, CHECKSUM.
 */
enum hvo_firmware_error hvo_acpi_check(const void *table, size_t bytes,
				       const char *signature, size_t least,
				       size_t *size,
				       struct hvo_firmware_fault *fault);

struct hvo_acpi_entry {
	const uint8_t *bytes;
	uint8_t type;
	uint8_t size; /* bytes, type and size included */
};

/* A way through the entries of a table. */
struct hvo_acpi_walk {
	const char *name; /* the table's, for faults */
	size_t first;     /* byte where the first entry begins */
	/* The least size of each type of entry, 0 where it does not matter. */
	const uint8_t *least;
	size_t types; /* least has so many */
	/* Called for each; anything but OK ends the walk. */
	enum hvo_firmware_error (*entry)(void *context,
					 const struct hvo_acpi_entry *entry);
	void *context;
};

/*
 * Visit the entries of a table that is size bytes long.
 *
 * Errors, at the byte where the entry begins: LENGTH, TRUNCATED, and those
 * of entry().
 */
enum hvo_firmware_error hvo_acpi_entries(const void *table, size_t size,
					 const struct hvo_acpi_walk *walk,
					 struct hvo_firmware_fault *fault);

#endif
