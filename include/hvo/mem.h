/* SPDX-License-Identifier: MIT */
/*
 * The four functions that a compiler expects even of a freestanding program
 * (GCC manual, 2.1 "Language Standards Supported by GCC") and that a port's
 * environment brings: libc, or a few lines of its own.
 */
#ifndef HVO_MEM_H
#define HVO_MEM_H

#include <stddef.h>

void *memcpy(void *restrict to, const void *restrict from, size_t n);
void *memmove(void *to, const void *from, size_t n);
void *memset(void *to, int byte, size_t n);
int memcmp(const void *a, const void *b, size_t n);

#endif
