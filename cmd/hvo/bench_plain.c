/* SPDX-License-Identifier: MIT */
/*
 * Owns a memfd and the one mapping of it.
 */
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "bench_plain.h"

static void *plain_at(const struct plain *p, uint64_t folio, uint64_t page)
{
	return p->window + ((folio * p->pages + page) << LAB_PAGE_SHIFT);
}

/* Map n of a folio's tail pages to a page of the memfd and those after it. */
static int plain_map(const struct plain *p, uint64_t folio, uint64_t page,
		     uint64_t n, uint64_t at)
{
	void *got =
	    mmap(plain_at(p, folio, page), n << LAB_PAGE_SHIFT, PROT_READ,
		 MAP_SHARED | MAP_FIXED, p->fd, (off_t)(at << LAB_PAGE_SHIFT));

	return got == MAP_FAILED ? -1 : 0;
}

/* In as many calls as the engine makes. */
int plain_repoint(const struct plain *p, uint64_t folio, bool shared)
{
	uint64_t tails = p->pages - 1, window = (2 << 20) >> LAB_PAGE_SHIFT;

	if (!shared)
		return plain_map(p, folio, 1, tails, folio * p->pages + 1);
	for (uint64_t i = 0; i < tails; i += window) {
		uint64_t n = tails - i < window ? tails - i : window;

		if (plain_map(p, folio, 1 + i, n, p->folios * p->pages))
			return -1;
	}
	return 0;
}

int plain_protect(const struct plain *p, uint64_t folio, bool writable)
{
	return mprotect(plain_at(p, folio, 1), (p->pages - 1) << LAB_PAGE_SHIFT,
			writable ? PROT_READ | PROT_WRITE : PROT_READ);
}

static int plain_reserve(struct plain *p, size_t size, size_t align)
{
	uintptr_t at;

	p->reserved_size = size + align;
	p->reserved = mmap(NULL, p->reserved_size, PROT_NONE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (p->reserved == MAP_FAILED)
		return -1;
	at = ((uintptr_t)p->reserved + align - 1) & ~(uintptr_t)(align - 1);
	p->window = (char *)at;
	return mmap(p->window, size, PROT_READ | PROT_WRITE,
		    MAP_SHARED | MAP_FIXED, p->fd, 0) == MAP_FAILED
		   ? -1
		   : 0;
}

int plain_open(struct plain *p, const struct lab_map *map)
{
	size_t folio = map->pages << LAB_PAGE_SHIFT;
	size_t size = map->folios * folio;
	char *tails;

	p->folios = map->folios;
	p->pages = map->pages;
	p->fd = memfd_create("hvo-plain", MFD_CLOEXEC);
	if (p->fd < 0 || ftruncate(p->fd, (off_t)(size + folio)) ||
	    plain_reserve(p, size, folio))
		return -1;
	memcpy(p->window, (void *)map->base, size);
	tails = mmap(NULL, folio, PROT_READ | PROT_WRITE, MAP_SHARED, p->fd,
		     (off_t)size);
	if (tails == MAP_FAILED)
		return -1;
	memcpy(tails, p->window + (1 << LAB_PAGE_SHIFT),
	       folio - (1 << LAB_PAGE_SHIFT));
	munmap(tails, folio);
	return 0;
}

void plain_close(struct plain *p)
{
	if (p->reserved && p->reserved != MAP_FAILED)
		munmap(p->reserved, p->reserved_size);
	if (p->fd >= 0)
		close(p->fd);
}
