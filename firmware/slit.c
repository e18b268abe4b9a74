/* SPDX-License-Identifier: MIT */
/*
 * The SLIT: how far nodes are from each other.
 *
 * Source: ACPI specification 6.5, 5.2.17 "System Locality Information Table":
 * a count, and that many rows of as many bytes, indexed by proximity domain.
 */
#include "acpi.h"
#include "bytes.h"
#include "fault.h"
#include "nodes.h"

#define MATRIX 44

enum hvo_firmware_error hvo_acpi_slit(const void *table, size_t bytes,
				      const struct hvo_nodes *nodes,
				      uint8_t *distance, size_t capacity,
				      struct hvo_firmware_fault *fault)
{
	const uint8_t *p = table;
	uint64_t count;
	size_t size = 0;
	enum hvo_firmware_error error =
	    hvo_acpi_check(table, bytes, "SLIT", MATRIX, &size, fault);

	if (error)
		return error;
	count = hvo_le64(p + 36);
	if (count && (size - MATRIX) / count < count)
		return hvo_fault_at_byte(fault, HVO_FIRMWARE_LENGTH, "SLIT",
					 36);
	/* Domains ascend, so that the last is the one to look at. */
	if (nodes->count && nodes->domain[nodes->count - 1] >= count)
		return hvo_fault_at_byte(fault, HVO_FIRMWARE_DOMAIN, "SLIT",
					 36);
	error = hvo_nodes_clear(nodes, distance, capacity);
	if (error)
		return hvo_fault_at_byte(fault, error, "SLIT", 36);
	for (size_t i = 0; i < (size_t)nodes->count * nodes->count; i++) {
		uint64_t a = nodes->domain[i / nodes->count];
		uint64_t b = nodes->domain[i % nodes->count];
		uint64_t at = MATRIX + a * count + b;

		if (!hvo_distance_valid(a == b, p[at]))
			return hvo_fault_at_byte(fault, HVO_FIRMWARE_DISTANCE,
						 "SLIT", at);
		distance[i] = p[at];
	}
	return HVO_FIRMWARE_OK;
}
