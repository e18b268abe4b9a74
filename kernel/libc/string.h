/* SPDX-License-Identifier: MIT */
/*
 * What libfdt and the firmware readers need of a C library.
 */
#ifndef KERNEL_STRING_H
#define KERNEL_STRING_H

#include "hvo/mem.h"

size_t strlen(const char *text);
size_t strnlen(const char *text, size_t n);
int strcmp(const char *a, const char *b);
int strncmp(const char *a, const char *b, size_t n);
void *memchr(const void *memory, int byte, size_t n);
char *strchr(const char *text, int byte);
char *strrchr(const char *text, int byte);

#endif
