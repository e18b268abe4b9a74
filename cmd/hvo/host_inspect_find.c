/* SPDX-License-Identifier: MIT */
/*
 * hvo host inspect: which huge page a frame belongs to, and how large it is.
 *
 * /proc/kpageflags (Linux's Documentation/admin-guide/mm/pagemap.rst) shows
 * heads and tails, but not sizes; and some kernels show the first descriptor
 * of a shared vmemmap page as what its bytes say, a head. Such a fake head is
 * told by the tables: its vmemmap page is read-only, a head's is not. A head
 * without tails (Linux 6.12 has them in free memory, left over from fake heads)
 * is none.
 *
 * Compound pages have 2^order base pages and begin at a multiple of that. So
 * the head is the nearest one among the multiples of powers of two before the
 * frame, and the order is the first at which the compound page does not go on.
 */
#include <errno.h>
#include <inttypes.h>
#include <linux/kernel-page-flags.h>
#include <string.h>
#include <unistd.h>
#include "cmd.h"
#include "host_inspect.h"
#include "host_pages.h"

#define KPAGEFLAGS "/proc/kpageflags"
#define BIT(name)  (UINT64_C(1) << KPF_##name)
/* 64 GiB in pages of 4 KiB: no kernel has larger huge pages. */
#define ORDER_MOST 24

/* Bytes that /proc/kpageflags has for a frame. */
#define ENTRY 8

enum kind { NONE, HEAD, TAIL };

struct find {
	struct inspect *inspect;
	int kpageflags;
	bool failed;
};

static uint64_t align_down(uint64_t pfn, unsigned order)
{
	return pfn >> order << order;
}

/* ---- the flags of a frame ------------------------------------------------ */

/* Behind the last frame the file ends: there is nothing. */
static uint64_t flags_of(struct find *find, uint64_t pfn)
{
	uint64_t flags = 0;
	ssize_t got =
	    pread(find->kpageflags, &flags, ENTRY, (off_t)(pfn * ENTRY));

	if (got < 0)
		find->failed = true;
	return got == ENTRY ? flags : 0;
}

/* Is it the first descriptor of a vmemmap page that is shared? */
static bool is_shared_copy(struct find *find, uint64_t pfn)
{
	const struct inspect *inspect = find->inspect;
	struct hvo_host_mapping mapping;

	if (pfn * inspect->record % inspect->base_page)
		return false;
	if (hvo_host_tables_look(inspect->tables, pfn, 0, &mapping))
		find->failed = true;
	return mapping.mapped && !mapping.writable;
}

static enum kind kind_of(struct find *find, uint64_t pfn)
{
	uint64_t flags = flags_of(find, pfn);

	if (flags & BIT(COMPOUND_TAIL))
		return TAIL;
	if (!(flags & BIT(COMPOUND_HEAD)))
		return NONE;
	return is_shared_copy(find, pfn) ? TAIL : HEAD;
}

/* ---- head and order ------------------------------------------------------ */

static unsigned order_of(struct find *find, uint64_t head)
{
	unsigned order = 0;

	while (order < ORDER_MOST &&
	       kind_of(find, head + (UINT64_C(1) << order)) == TAIL)
		order++;
	return order;
}

/* False if no head's compound page reaches as far as the frame. */
static bool find_head(struct find *find)
{
	struct inspect *inspect = find->inspect;
	unsigned order = 0;

	do
		inspect->head = align_down(inspect->pfn, order);
	while (kind_of(find, inspect->head) != HEAD && order++ < ORDER_MOST);
	inspect->order = order_of(find, inspect->head);
	return inspect->order &&
	       (inspect->pfn - inspect->head) >> inspect->order == 0;
}

/* No compound page: as much memory as 8 vmemmap pages describe. */
static void take_around(struct inspect *inspect)
{
	uint64_t base_pages = 8 * inspect->base_page / inspect->record;

	inspect->kind = INSPECT_BASE;
	inspect->order = 63 - (unsigned)__builtin_clzll(base_pages);
	inspect->head = align_down(inspect->pfn, inspect->order);
}

static int find_by_flags(struct find *find)
{
	struct inspect *inspect = find->inspect;
	bool huge = flags_of(find, inspect->pfn) & BIT(HUGE);
	bool found = find_head(find);
	bool tail = kind_of(find, inspect->pfn) == TAIL;

	if (find->failed) {
		hvo_error(KPAGEFLAGS
			  " cannot be read; give the huge page's --size");
		return HVO_EXIT_DENIED;
	}
	if (tail && !found) {
		hvo_error("frame %" PRIu64
			  " is a tail without a head: its huge page is coming "
			  "or going; try again, or give --size",
			  inspect->pfn);
		return HVO_EXIT_FAILED;
	}
	inspect->kind = huge ? INSPECT_HUGE : INSPECT_COMPOUND;
	if (!found)
		take_around(inspect);
	return HVO_EXIT_OK;
}

/* ---- what was asked for -------------------------------------------------- */

static int find_frame(struct inspect *inspect)
{
	int error =
	    hvo_huge_frame(inspect->host, inspect->pid, inspect->address,
			   inspect->base_page, &inspect->pfn);

	switch (error) {
	case 0:
		return HVO_EXIT_OK;
	case ENOENT:
	case ESRCH:
		hvo_error("there is no process %ld", inspect->pid);
		return HVO_EXIT_FAILED;
	case EFAULT:
		hvo_error("process %ld has nothing in memory at 0x%" PRIx64
			  "; /proc/%ld/smaps tells where its huge pages are",
			  inspect->pid, inspect->address, inspect->pid);
		return HVO_EXIT_FAILED;
	default:
		hvo_error("/proc/%ld/pagemap: %s; run it as root, with "
			  "CAP_SYS_ADMIN",
			  inspect->pid, strerror(error));
		return HVO_EXIT_DENIED;
	}
}

static int take_size(struct inspect *inspect)
{
	inspect->kind = INSPECT_ASKED;
	if (inspect->size < inspect->base_page) {
		hvo_error("--size: a base page has %" PRIu64
			  " bytes, a huge page cannot have fewer",
			  inspect->base_page);
		return HVO_EXIT_FAILED;
	}
	inspect->order = (unsigned)__builtin_ctzll(inspect->size) -
			 (unsigned)__builtin_ctzll(inspect->base_page);
	inspect->head = align_down(inspect->pfn, inspect->order);
	return HVO_EXIT_OK;
}

int inspect_find(struct inspect *inspect)
{
	struct find find = {.inspect = inspect};
	int code = inspect->pid ? find_frame(inspect) : HVO_EXIT_OK;

	if (code)
		return code;
	if (inspect->size)
		return take_size(inspect);
	find.kpageflags = hvo_host_open_file(inspect->host, KPAGEFLAGS, 0);
	if (find.kpageflags < 0) {
		hvo_error(KPAGEFLAGS ": %s; give the huge page's --size, or "
				     "root and CONFIG_PROC_PAGE_MONITOR",
			  strerror(errno));
		return HVO_EXIT_DENIED;
	}
	code = find_by_flags(&find);
	close(find.kpageflags);
	return code;
}
