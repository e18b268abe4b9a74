/* SPDX-License-Identifier: MIT */
/*
 * Text for people on the console. One call's text is not torn by another
 * CPU's.
 */
#ifndef KERNEL_PRINT_H
#define KERNEL_PRINT_H

#include <stdarg.h>
#include "hvo/line.h"

/*
 * Append to a line: %s %c %d %u %x %% with the lengths hh, l, ll and z, the
 * flags # - and 0, and a width or precision of digits or *.
 */
void kernel_format(struct hvo_line *line, const char *format, va_list args);

__attribute__((format(printf, 1, 2))) void kernel_print(const char *format,
							...);

/* For the library's dumps: a line, without its newline. */
void kernel_put_line(void *ctx, const char *line);

/* From now on nobody waits for whoever is printing: for a panic. */
void kernel_print_alone(void);

#endif
