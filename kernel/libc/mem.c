/* SPDX-License-Identifier: MIT */
/*
 * The four functions on which the library and the compiler rely. Vectors of 16
 * bytes, four each time round: pages are what they are used on. The file is
 * compiled so that the loops do not become calls of themselves.
 */
#include "hvo/mem.h"
#include <stdint.h>

typedef uint64_t vector_t
    __attribute__((vector_size(16), aligned(8), may_alias));

#define STEP (4 * sizeof(vector_t))

/* Words are not always accessed unaligned (RISC-V): others go by bytes. */
static inline int aligned(const void *a, const void *b)
{
	return !(((uintptr_t)a | (uintptr_t)b) % sizeof(uint64_t));
}

void *memcpy(void *restrict to, const void *restrict from, size_t n)
{
	unsigned char *d = to;
	const unsigned char *s = from;

	for (; aligned(d, s) && n >= STEP; n -= STEP, d += STEP, s += STEP) {
		const vector_t *in = (const vector_t *)s;
		vector_t *out = (vector_t *)d;
		vector_t a = in[0], b = in[1], c = in[2], e = in[3];

		out[0] = a;
		out[1] = b;
		out[2] = c;
		out[3] = e;
	}
	while (n--)
		*d++ = *s++;
	return to;
}

void *memmove(void *to, const void *from, size_t n)
{
	unsigned char *d = to;
	const unsigned char *s = from;

	if ((uintptr_t)d - (uintptr_t)s >= n)
		return memcpy(to, from, n);
	while (n--)
		d[n] = s[n];
	return to;
}

void *memset(void *to, int byte, size_t n)
{
	unsigned char *d = to;
	uint64_t word = (unsigned char)byte * UINT64_C(0x0101010101010101);

	for (; aligned(d, d) && n >= STEP; n -= STEP, d += STEP) {
		vector_t *out = (vector_t *)d;

		out[0] = out[1] = out[2] = out[3] = (vector_t){word, word};
	}
	while (n--)
		*d++ = (unsigned char)byte;
	return to;
}

/* Bytes at the beginning, by whole steps, that are the same. */
static size_t same_steps(const unsigned char *x, const unsigned char *y,
			 size_t n)
{
	size_t at = 0;

	for (; aligned(x, y) && n - at >= STEP; at += STEP) {
		const vector_t *a = (const vector_t *)(x + at);
		const vector_t *b = (const vector_t *)(y + at);
		vector_t differ = (a[0] ^ b[0]) | (a[1] ^ b[1]) |
				  (a[2] ^ b[2]) | (a[3] ^ b[3]);

		if (differ[0] | differ[1])
			break;
	}
	return at;
}

int memcmp(const void *a, const void *b, size_t n)
{
	const unsigned char *x = a, *y = b;

	for (size_t i = same_steps(x, y, n); i < n; i++)
		if (x[i] != y[i])
			return x[i] - y[i];
	return 0;
}
