/* SPDX-License-Identifier: MIT */
#include <stdint.h>
#include <string.h>

size_t strlen(const char *text)
{
	size_t n = 0;

	while (text[n])
		n++;
	return n;
}

size_t strnlen(const char *text, size_t n)
{
	size_t i = 0;

	while (i < n && text[i])
		i++;
	return i;
}

int strncmp(const char *a, const char *b, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (a[i] != b[i] || !a[i])
			return (unsigned char)a[i] - (unsigned char)b[i];
	return 0;
}

int strcmp(const char *a, const char *b)
{
	return strncmp(a, b, (size_t)-1);
}

void *memchr(const void *memory, int byte, size_t n)
{
	const unsigned char *at = memory;

	for (size_t i = 0; i < n; i++)
		if (at[i] == (unsigned char)byte)
			return (void *)(uintptr_t)(at + i);
	return NULL;
}

char *strchr(const char *text, int byte)
{
	return memchr(text, byte, strlen(text) + 1);
}

char *strrchr(const char *text, int byte)
{
	for (size_t i = strlen(text) + 1; i-- > 0;)
		if (text[i] == (char)byte)
			return (char *)(uintptr_t)(text + i);
	return NULL;
}
