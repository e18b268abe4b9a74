/* SPDX-License-Identifier: MIT */
/*
 * Sizes as people write and read them. All units are powers of 1024, as Linux
 * has them in /proc and /sys ("2048kB" is 2 MiB).
 */
#ifndef HVO_SIZE_H
#define HVO_SIZE_H

#include <stdint.h>

/*
 * Parse a size: a decimal number, then nothing or B (bytes), or one of k, M,
 * G, T, P, E followed by nothing, B or iB; in upper or lower case, without
 * spaces. Returns NULL and the size in *bytes, or what is wrong with it, to be
 * printed after the text itself: "is not a size: ...".
 */
const char *hvo_size_parse(const char *text, uint64_t *bytes);

/*
 * Parse a plain decimal number. Returns NULL or what is wrong, likewise.
 */
const char *hvo_number_parse(const char *text, uint64_t *number);

#define HVO_SIZE_TEXT 16

/*
 * Format a size in the largest unit that it fills, with at most two decimals,
 * never rounded up: "28 KiB", "15.99 MiB", "0 B". Returns out.
 */
const char *hvo_size_format(uint64_t bytes, char out[HVO_SIZE_TEXT]);

#endif
