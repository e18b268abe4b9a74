/* SPDX-License-Identifier: MIT */
/*
 * How readers report what they found wrong.
 */
#ifndef HVO_FIRMWARE_FAULT_H
#define HVO_FIRMWARE_FAULT_H

#include "hvo/firmware.h"

/*
 * Fill *fault, which may be NULL, and return error, so that a reader can end
 * with it. table is cut off at HVO_FIRMWARE_NAME - 1 characters.
 */
enum hvo_firmware_error
hvo_fault(struct hvo_firmware_fault *fault, enum hvo_firmware_error error,
	  const char *table, enum hvo_firmware_place place, uint64_t where);

/* The same for a place that counts bytes. */
static inline enum hvo_firmware_error
hvo_fault_at_byte(struct hvo_firmware_fault *fault,
		  enum hvo_firmware_error error, const char *table,
		  uint64_t byte)
{
	return hvo_fault(fault, error, table, HVO_FIRMWARE_AT_BYTE, byte);
}

#endif
