/* SPDX-License-Identifier: MIT */
/*
 * The RAM of a machine, from the text of Linux's /proc/iomem.
 */
#ifndef HVO_IOMEM_H
#define HVO_IOMEM_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* Hosts of many sockets have some dozens. */
#define HVO_IOMEM_RANGES 1024

struct hvo_iomem_range {
	uint64_t start; /* bytes */
	uint64_t end;   /* first byte after it */
	unsigned line;  /* of the text where it begins */
};

/* Sorted; ranges neither overlap nor touch. */
struct hvo_iomem {
	size_t count;
	struct hvo_iomem_range range[HVO_IOMEM_RANGES];
};

enum hvo_iomem_result {
	HVO_IOMEM_OK,
	HVO_IOMEM_DENIED, /* the kernel hid the addresses: not root */
	HVO_IOMEM_BAD,    /* cannot be read, or is not such a text */
};

/*
 * Read the text to its end and collect what is "System RAM", with or without
 * a driver's name in parentheses after it, at any depth (hot-added memory is
 * listed below the device it comes from). What lies inside RAM (the kernel's
 * code, reserved parts) is RAM too. There is at least one range, none
 * empty. Otherwise a sentence that says why not, with the line's number where
 * there is one, is in message, and *iomem holds nothing of use.
 */
enum hvo_iomem_result hvo_iomem_read(FILE *file, struct hvo_iomem *iomem,
				     char *message, size_t size);

/* The same for a file; message begins with its path. */
enum hvo_iomem_result hvo_iomem_load(const char *path, struct hvo_iomem *iomem,
				     char *message, size_t size);

/* Bytes in all ranges. */
uint64_t hvo_iomem_bytes(const struct hvo_iomem *iomem);

#endif
