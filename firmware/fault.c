/* SPDX-License-Identifier: MIT */
/* The texts of faults. Without a C library, so that a kernel can print them
 * before it has anything else.
 */
#include "fault.h"
#include "hvo/line.h"

static const char *const error_texts[HVO_FIRMWARE_ERRORS] = {
    [HVO_FIRMWARE_OK] = "nothing wrong",
    [HVO_FIRMWARE_ABSENT] = "not there",
    [HVO_FIRMWARE_UNREADABLE] = "it is where nothing can be read",
    [HVO_FIRMWARE_ALIGN] = "not aligned as it must be",
    [HVO_FIRMWARE_MAGIC] = "not what should be here (wrong signature)",
    [HVO_FIRMWARE_VERSION] = "a version that is not supported",
    [HVO_FIRMWARE_TRUNCATED] = "it ends too soon",
    [HVO_FIRMWARE_LENGTH] = "a length that cannot be true",
    [HVO_FIRMWARE_CHECKSUM] = "the checksum is wrong",
    [HVO_FIRMWARE_RANGE] = "a range that ends past the last address",
    [HVO_FIRMWARE_NODES] = "two nodes claim the same",
    [HVO_FIRMWARE_DISTANCE] = "a distance that cannot be true",
    [HVO_FIRMWARE_DOMAIN] = "nothing is said of one of the nodes",
    [HVO_FIRMWARE_TWICE] = "a CPU that was there before",
    [HVO_FIRMWARE_TREE] = "the tree's structure is broken",
    [HVO_FIRMWARE_CELLS] = "#address-cells or #size-cells not supported",
    [HVO_FIRMWARE_PROPERTY] = "a property is missing or of the wrong form",
    [HVO_FIRMWARE_FORM] = "is not of the form START-END : NAME",
    [HVO_FIRMWARE_ORDER] = "the range ends before it starts",
    [HVO_FIRMWARE_HIDDEN] =
	"all addresses are 0: the kernel shows them to root only",
    [HVO_FIRMWARE_ROOM] = "more entries than there is room for",
    [HVO_FIRMWARE_TYPE] = "a type of memory that does not exist",
    [HVO_FIRMWARE_PAGE] = "the page size is no power of two",
};

const char *hvo_firmware_error_text(enum hvo_firmware_error error)
{
	return (unsigned)error < HVO_FIRMWARE_ERRORS ? error_texts[error]
						     : "unknown error";
}

enum hvo_firmware_error hvo_fault(struct hvo_firmware_fault *fault,
				  enum hvo_firmware_error error,
				  const char *table,
				  enum hvo_firmware_place place, uint64_t where)
{
	size_t n;

	if (!fault)
		return error;
	fault->error = error;
	fault->place = place;
	fault->where = where;
	for (n = 0; n < sizeof(fault->table) - 1 && table[n]; n++)
		fault->table[n] = table[n];
	fault->table[n] = '\0';
	return error;
}

char *hvo_firmware_describe(const struct hvo_firmware_fault *fault, char *text,
			    size_t size)
{
	struct hvo_line line = hvo_line_in(text, size);

	hvo_line_text(&line, fault->table);
	switch (fault->place) {
	case HVO_FIRMWARE_AT_BYTE:
		hvo_line_text(&line, ", byte ");
		hvo_line_number(&line, fault->where, 10, 0);
		break;
	case HVO_FIRMWARE_AT_ADDRESS:
		hvo_line_text(&line, ", address ");
		hvo_line_hex(&line, fault->where, 0);
		break;
	case HVO_FIRMWARE_AT_LINE:
		hvo_line_text(&line, ", line ");
		hvo_line_number(&line, fault->where, 10, 0);
		break;
	}
	hvo_line_text(&line, ": ");
	hvo_line_text(&line, hvo_firmware_error_text(fault->error));
	return text;
}
