/* SPDX-License-Identifier: MIT */
/*
 * The FADT (signature "FACP"): where the fixed registers are.
 *
 * Source: ACPI specification 6.5, 5.2.9 "Fixed ACPI Description Table", and
 * 5.2.3.2 "Generic Address Structure" (space, width, offset and size of an
 * access in a byte each, address).
 */
#include "acpi.h"
#include "bytes.h"
#include "fault.h"

#define LEAST 116 /* ACPI 1.0 */
#define FLAGS 112

#define GENERIC_BYTES   12
#define GENERIC_ADDRESS 4
#define LAST_PORT       0xffff

/* Where a register's port is, and its generic address (since ACPI 2.0), which
 * holds if it is not 0. */
struct field {
	size_t port, generic;
};

static const struct field pm1a_control = {64, 172};
static const struct field pm_timer = {76, 208};

static bool has_generic(const uint8_t *table, size_t size, struct field field)
{
	return size >= field.generic + GENERIC_BYTES &&
	       hvo_le64(table + field.generic + GENERIC_ADDRESS);
}

static enum hvo_firmware_error read_register(const uint8_t *table, size_t size,
					     struct field field,
					     struct hvo_acpi_register *reg,
					     struct hvo_firmware_fault *fault)
{
	size_t at = field.port;

	*reg = (struct hvo_acpi_register){
	    .address = hvo_le32(table + at),
	    .space = HVO_ACPI_SPACE_IO,
	};
	if (has_generic(table, size, field)) {
		at = field.generic;
		reg->address = hvo_le64(table + at + GENERIC_ADDRESS);
		reg->space = table[at];
	}
	if (reg->space == HVO_ACPI_SPACE_IO && reg->address > LAST_PORT)
		return hvo_fault_at_byte(fault, HVO_FIRMWARE_RANGE, "FADT", at);
	return HVO_FIRMWARE_OK;
}

enum hvo_firmware_error hvo_acpi_fadt(const void *table, size_t bytes,
				      struct hvo_acpi_fadt *fadt,
				      struct hvo_firmware_fault *fault)
{
	const uint8_t *p = table;
	struct hvo_acpi_fadt found;
	size_t size = 0;
	enum hvo_firmware_error error =
	    hvo_acpi_check(table, bytes, "FACP", LEAST, &size, fault);

	if (!error)
		error = read_register(p, size, pm1a_control,
				      &found.pm1a_control, fault);
	if (!error)
		error =
		    read_register(p, size, pm_timer, &found.pm_timer, fault);
	if (error)
		return error;
	found.flags = hvo_le32(p + FLAGS);
	*fadt = found;
	return HVO_FIRMWARE_OK;
}
