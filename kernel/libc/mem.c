/* SPDX-License-Identifier: MIT */
/*
 * The four functions on which the library and the compiler rely. Vectors of 16
 * bytes, eight each time round: pages are what they are used on. The file is
 * compiled so that the loops do not become calls of themselves.
 */
#include "hvo/mem.h"
#include <stdint.h>

typedef uint64_t vector_t
    __attribute__((vector_size(16), aligned(8), may_alias));

#define STEP (8 * sizeof(vector_t))

/*
 * Bytes that go by whole steps: words are not always accessed unaligned
 * (RISC-V), so all or none.
 */
static inline size_t steps(const void *a, const void *b, size_t n)
{
	uintptr_t bits = (uintptr_t)a | (uintptr_t)b;

	return bits % sizeof(uint64_t) ? 0 : n - n % STEP;
}

static inline void copy_step(vector_t *out, const vector_t *in)
{
	vector_t a = in[0], b = in[1], c = in[2], d = in[3];
	vector_t e = in[4], f = in[5], g = in[6], h = in[7];

	out[0] = a;
	out[1] = b;
	out[2] = c;
	out[3] = d;
	out[4] = e;
	out[5] = f;
	out[6] = g;
	out[7] = h;
}

void *memcpy(void *restrict to, const void *restrict from, size_t n)
{
	unsigned char *d = to;
	const unsigned char *s = from;
	size_t whole = steps(d, s, n);
	size_t at = 0;

	for (; at < whole; at += STEP)
		copy_step((vector_t *)(d + at), (const vector_t *)(s + at));
	for (; at < n; at++)
		d[at] = s[at];
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
	vector_t v = {word, word};
	size_t whole = steps(d, d, n);
	size_t at = 0;

	for (; at < whole; at += STEP) {
		vector_t *out = (vector_t *)(d + at);

		out[0] = out[1] = out[2] = out[3] = v;
		out[4] = out[5] = out[6] = out[7] = v;
	}
	for (; at < n; at++)
		d[at] = (unsigned char)byte;
	return to;
}

static inline int differ(const vector_t *a, const vector_t *b)
{
	vector_t v = (a[0] ^ b[0]) | (a[1] ^ b[1]) | (a[2] ^ b[2]) |
		     (a[3] ^ b[3]) | (a[4] ^ b[4]) | (a[5] ^ b[5]) |
		     (a[6] ^ b[6]) | (a[7] ^ b[7]);

	return (v[0] | v[1]) != 0;
}

/* Bytes at the beginning, by whole steps, that are the same. */
static size_t same_steps(const unsigned char *x, const unsigned char *y,
			 size_t n)
{
	size_t whole = steps(x, y, n);
	size_t at = 0;

	while (at < whole &&
	       !differ((const vector_t *)(x + at), (const vector_t *)(y + at)))
		at += STEP;
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
