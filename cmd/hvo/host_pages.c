/* SPDX-License-Identifier: MIT */
/*
 * Taking huge pages, and reading their page flags. Keeps nothing open.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/kernel-page-flags.h>
#include <linux/mempolicy.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "host_pages.h"

#ifndef MAP_HUGE_SHIFT
#define MAP_HUGE_SHIFT 26
#endif

#define NODES_MAX 1024
#define WORD_BITS (8 * sizeof(unsigned long))

/* ---- taking -------------------------------------------------------------- */

/* mbind(2), which the C library leaves to libnuma. */
static int bind_to(void *at, size_t bytes, int node)
{
	unsigned long nodes[NODES_MAX / WORD_BITS + 1] = {0};

	if (node < 0)
		return 0;
	if (node >= NODES_MAX)
		return EINVAL;
	nodes[(size_t)node / WORD_BITS] = 1ul << ((size_t)node % WORD_BITS);
	if (syscall(SYS_mbind, at, bytes, MPOL_BIND, nodes, NODES_MAX + 1, 0))
		return errno;
	return 0;
}

int hvo_huge_take(struct hvo_huge *huge, uint64_t size, uint64_t pages,
		  int node)
{
	int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB |
		    (__builtin_ctzll(size) << MAP_HUGE_SHIFT);
	int error;

	*huge = (struct hvo_huge){.size = size, .pages = pages};
	huge->at =
	    mmap(NULL, size * pages, PROT_READ | PROT_WRITE, flags, -1, 0);
	if (huge->at == MAP_FAILED) {
		huge->at = NULL;
		return errno;
	}
	error = bind_to(huge->at, size * pages, node);
	/* By a call: a fault would be a signal where there is no page. */
	if (!error && madvise(huge->at, size * pages, MADV_POPULATE_WRITE))
		error = errno;
	if (error)
		hvo_huge_give(huge);
	return error;
}

void hvo_huge_give(struct hvo_huge *huge)
{
	if (huge->at)
		munmap(huge->at, huge->size * huge->pages);
	huge->at = NULL;
}

/* ---- looking ------------------------------------------------------------- */

/* Entries of pagemap and kpageflags are 64 bits. */
#define ENTRY   8
#define PRESENT (UINT64_C(1) << 63)
#define FRAME   ((UINT64_C(1) << 55) - 1)
#define BATCH   512

struct look {
	struct hvo_huge_flags *flags;
	int pagemap, kpageflags;
	uint64_t base_pages;  /* of a huge page */
	uint64_t descriptors; /* of a page of them; 0 if unknown */
	/* Of the huge page at hand. */
	uint64_t fakes, blanks;
};

static bool read_entries(int fd, uint64_t first, uint64_t *entries, uint64_t n)
{
	ssize_t got = pread(fd, entries, n * ENTRY, (off_t)(first * ENTRY));

	if (got >= 0 && (uint64_t)got < n * ENTRY)
		errno = EIO;
	return got >= 0 && (uint64_t)got == n * ENTRY;
}

static void wrong(struct hvo_huge_flags *flags, uint64_t pfn, uint64_t found,
		  const char *should_be)
{
	if (flags->wrong++)
		return;
	flags->pfn = pfn;
	flags->flags = found;
	flags->should_be = should_be;
}

/* Bits of kpageflags, as masks. */
#define BIT(name) (UINT64_C(1) << KPF_##name)
#define KIND      (BIT(COMPOUND_HEAD) | BIT(COMPOUND_TAIL) | BIT(HUGE))

/* May base page i of a huge page have a fake head for a descriptor? */
static bool may_be_fake(const struct look *look, uint64_t i)
{
	return look->descriptors && i && i % look->descriptors == 0;
}

/* Base page i of a huge page, which has that frame. */
static void judge(struct look *look, uint64_t i, uint64_t pfn, uint64_t found)
{
	struct hvo_huge_flags *flags = look->flags;
	uint64_t kind = found & KIND;

	if (!found)
		look->blanks++;
	else if (!i && kind == (BIT(COMPOUND_HEAD) | BIT(HUGE)))
		flags->heads++;
	else if (i && kind == (BIT(COMPOUND_TAIL) | BIT(HUGE)))
		flags->tails++;
	else if (may_be_fake(look, i) &&
		 kind == (BIT(COMPOUND_HEAD) | BIT(HUGE)))
		look->fakes++;
	else
		wrong(flags, pfn, found, i ? "a tail" : "a head");
}

/* The whole huge page has been seen: do blanks and fake heads make sense? */
static void judge_page(struct look *look, uint64_t pfn)
{
	struct hvo_huge_flags *flags = look->flags;

	if (flags->frames)
		flags->frames[flags->pages] = pfn;
	flags->pages++;
	flags->fakes += look->fakes;
	if (look->blanks == look->base_pages)
		flags->untold++;
	else if (look->blanks)
		wrong(flags, pfn, 0, "without flagless base pages");
	if (look->fakes &&
	    look->fakes == look->base_pages / look->descriptors - 1)
		flags->optimized++;
	else if (look->fakes)
		wrong(flags, pfn, 0, "optimized wholly or not");
}

static int unreadable(struct hvo_huge_flags *flags, const char *what)
{
	flags->failed = what;
	flags->error = errno;
	return -1;
}

/* Base pages i.. of a huge page from frame pfn on, mapped at page vpn. */
static int look_at_some(struct look *look, uint64_t vpn, uint64_t pfn,
			uint64_t i, uint64_t n)
{
	uint64_t map[BATCH], found[BATCH];

	if (!read_entries(look->pagemap, vpn + i, map, n))
		return unreadable(look->flags, "pagemap");
	if (!read_entries(look->kpageflags, pfn + i, found, n))
		return unreadable(look->flags, "kpageflags");
	for (uint64_t j = 0; j < n; j++) {
		if ((map[j] & FRAME) != pfn + i + j)
			wrong(look->flags, pfn + i + j, found[j],
			      "next to the base page before it");
		judge(look, i + j, pfn + i + j, found[j]);
	}
	return 0;
}

static int look_at_page(struct look *look, uint64_t vpn)
{
	uint64_t entry, pfn;

	if (!read_entries(look->pagemap, vpn, &entry, 1))
		return unreadable(look->flags, "pagemap");
	if (!(entry & PRESENT))
		return 0;
	pfn = entry & FRAME;
	if (!pfn) {
		/* Frame numbers are only for CAP_SYS_ADMIN. */
		errno = EPERM;
		return unreadable(look->flags, "pagemap");
	}
	look->fakes = look->blanks = 0;
	for (uint64_t i = 0; i < look->base_pages; i += BATCH) {
		uint64_t left = look->base_pages - i;

		if (look_at_some(look, vpn, pfn, i,
				 left < BATCH ? left : BATCH))
			return -1;
	}
	judge_page(look, pfn);
	return 0;
}

static int look_at_pages(struct look *look, uint64_t address, uint64_t pages)
{
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);

	for (uint64_t i = 0; i < pages; i++)
		if (look_at_page(look, address / page + i * look->base_pages))
			return -1;
	return 0;
}

static int open_of_process(struct hvo_host *host, long pid, const char *name)
{
	char path[64];

	if (pid)
		snprintf(path, sizeof(path), "/proc/%ld/%s", pid, name);
	else
		snprintf(path, sizeof(path), "/proc/self/%s", name);
	return hvo_host_open_file(host, path, 0);
}

int hvo_huge_frame(struct hvo_host *host, long pid, uint64_t address,
		   uint64_t base_page, uint64_t *frame)
{
	int fd = open_of_process(host, pid, "pagemap");
	uint64_t entry = 0;
	bool done;
	int error;

	if (fd < 0)
		return errno;
	done = read_entries(fd, address / base_page, &entry, 1);
	error = errno;
	close(fd);
	*frame = entry & FRAME;
	if (!done)
		/* Behind the end of all addresses. */
		return error == EIO ? EFAULT : error;
	if (!(entry & PRESENT))
		return EFAULT;
	return *frame ? 0 : EPERM;
}

/* Those descriptors that are open. */
static void close_look(struct look *look)
{
	int error = errno;

	if (look->pagemap >= 0)
		close(look->pagemap);
	if (look->kpageflags >= 0)
		close(look->kpageflags);
	errno = error;
}

static int open_look(struct look *look, struct hvo_huge_flags *flags,
		     struct hvo_host *host, uint64_t vmemmap_pages, long pid,
		     uint64_t size)
{
	*look = (struct look){
	    .flags = flags,
	    .pagemap = open_of_process(host, pid, "pagemap"),
	    .kpageflags = -1,
	    .base_pages = size / (uint64_t)sysconf(_SC_PAGESIZE),
	};
	if (vmemmap_pages)
		look->descriptors = look->base_pages / vmemmap_pages;
	if (look->pagemap < 0)
		return unreadable(flags, "pagemap");
	look->kpageflags = hvo_host_open_file(host, "/proc/kpageflags", 0);
	if (look->kpageflags >= 0)
		return 0;
	close_look(look);
	return unreadable(flags, "kpageflags");
}

int hvo_huge_look(struct hvo_huge_flags *flags, struct hvo_host *host,
		  uint64_t vmemmap_pages, uint64_t address, uint64_t size,
		  uint64_t pages)
{
	struct look look;
	int error;

	if (open_look(&look, flags, host, vmemmap_pages, 0, size))
		return -1;
	error = look_at_pages(&look, address, pages);
	close_look(&look);
	return error;
}

/* ---- a process's mappings ------------------------------------------------ */

/* The mappings of that size in /proc/PID/smaps, see proc_pid_smaps(5). */
static int look_at_mappings(struct look *look, FILE *smaps, uint64_t size,
			    uint64_t pages)
{
	uint64_t start = 0, end = 0, low, high, kib, room, n;
	char line[512];

	while (fgets(line, sizeof(line), smaps)) {
		if (sscanf(line, "%" SCNx64 "-%" SCNx64 " ", &low, &high) ==
		    2) {
			start = low;
			end = high;
		}
		if (sscanf(line, "KernelPageSize: %" SCNu64, &kib) != 1 ||
		    kib << 10 != size)
			continue;
		room = pages - look->flags->pages;
		n = (end - start) / size;
		if (look_at_pages(look, start, n < room ? n : room))
			return -1;
	}
	return 0;
}

int hvo_huge_look_process(struct hvo_huge_flags *flags, struct hvo_host *host,
			  uint64_t vmemmap_pages, long pid, uint64_t size,
			  uint64_t pages)
{
	struct look look;
	FILE *smaps;
	int fd, error;

	if (open_look(&look, flags, host, vmemmap_pages, pid, size))
		return -1;
	fd = open_of_process(host, pid, "smaps");
	smaps = fd < 0 ? NULL : fdopen(fd, "r");
	if (!smaps) {
		close_look(&look);
		return unreadable(flags, "smaps");
	}
	error = look_at_mappings(&look, smaps, size, pages);
	fclose(smaps);
	close_look(&look);
	return error;
}
