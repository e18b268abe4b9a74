/* SPDX-License-Identifier: MIT */
/*
 * The port's translations: each is a mapping of the memfd, changed by mmap and
 * mprotect while other threads read through it.
 *
 * mmap(MAP_FIXED) takes the old mapping out and puts the new one in with the
 * process's mapping lock held: a thread that finds neither waits for that
 * lock and then finds the new one. So readers never fault, and once one thread
 * has seen the new page no other sees the old (mmap(2), MAP_FIXED; and the
 * kernel flushes every CPU's TLB before it lets go of the old pages).
 *
 * A change takes one mmap for each run of consecutive frames. If a later one
 * fails, the earlier ones are put back from the table, which changes only when
 * all have succeeded; the rest is mapped again as it was, because a call that
 * fails may have cut a mapping in two, and the count takes them for one.
 * Putting back needs no mapping that was not there a moment ago, but another
 * thread may have taken it meanwhile, or the kernel may need two more for an
 * instant: that is what the ballast is for. If even that does not help the
 * kernel is out of memory for its own tables; the map is then half changed, and
 * going on would lose descriptors, so the process ends.
 */
#include <assert.h>
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include "hvo/error.h"
#include "private.h"

/* Of a call that may not fail, after the first. */
#define ATTEMPTS 16

static const int host_prot[] = {
    [HVO_PROT_NONE] = PROT_NONE,
    [HVO_PROT_READ] = PROT_READ,
    [HVO_PROT_WRITE] = PROT_READ | PROT_WRITE,
};

static void *page_address(const struct hvo_port *port, uint64_t page)
{
	return port->window + hvo_linux_bytes(port, page);
}

static uint64_t page_index(const struct hvo_port *port, const void *va)
{
	uint64_t offset = (uint64_t)((const unsigned char *)va - port->window);

	assert(!(offset & (hvo_linux_bytes(port, 1) - 1)));
	return offset >> port->page_shift;
}

static int error_from_host(void)
{
	/* For a fixed address, ENOMEM is the limit (mmap(2), mprotect(2)). */
	return errno == ENOMEM ? -HVO_EMAPPINGS : -HVO_ENOMEM;
}

/*
 * Only kernel memory exhaustion leads here: a call that may not fail puts
 * back what was there, and the ballast covers what that needs for a moment.
 */
static _Noreturn void give_up(const char *call)
{
	fprintf(stderr,
		"hvo: %s failed (%s) while putting a mapping back; the memory "
		"map is half changed and cannot be used any more\n",
		call, strerror(errno));
	abort();
}

/* ---- one mapping, one system call ------------------------------------- */

/* Map consecutive pages to consecutive frames, as the entry of the first has
 * it. Returns 0 or an error of the port. */
static int place(struct hvo_port *port, uint64_t page, uint64_t pages,
		 uint64_t entry)
{
	enum hvo_prot prot = hvo_linux_entry_prot(entry);
	bool none = prot == HVO_PROT_NONE;
	int flags =
	    MAP_FIXED | (none ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED);
	uint64_t offset = hvo_linux_bytes(port, hvo_linux_entry_frame(entry));
	void *got = mmap(page_address(port, page), hvo_linux_bytes(port, pages),
			 host_prot[prot], flags, none ? -1 : port->fd,
			 none ? 0 : (off_t)offset);

	return got == MAP_FAILED ? error_from_host() : 0;
}

static int permit(struct hvo_port *port, uint64_t page, uint64_t pages,
		  enum hvo_prot prot)
{
	int failed = mprotect(page_address(port, page),
			      hvo_linux_bytes(port, pages), host_prot[prot]);

	return failed ? error_from_host() : 0;
}

/*
 * Let the ballast go for another attempt. Another thread may have done so a
 * moment ago, and its mappings may be gone again: hence several.
 */
static void make_room(struct hvo_port *port)
{
	if (!hvo_linux_ballast_drop(port))
		sched_yield();
}

static int place_hard(struct hvo_port *port, uint64_t page, uint64_t pages,
		      uint64_t entry)
{
	int error = place(port, page, pages, entry);

	for (int i = 0; error && i < ATTEMPTS; i++) {
		make_room(port);
		error = place(port, page, pages, entry);
	}
	return error;
}

static void must_place(struct hvo_port *port, uint64_t page, uint64_t pages,
		       uint64_t entry)
{
	if (place_hard(port, page, pages, entry))
		give_up("mmap");
}

static void must_permit(struct hvo_port *port, uint64_t page, uint64_t pages,
			enum hvo_prot prot)
{
	int error = permit(port, page, pages, prot);

	for (int i = 0; error && i < ATTEMPTS; i++) {
		make_room(port);
		error = permit(port, page, pages, prot);
	}
	if (error)
		give_up("mprotect");
}

/* ---- putting back ------------------------------------------------------ */

/* Pages from `page` on, before end, that the table has in one mapping. */
static uint64_t run_in_table(const struct hvo_port *port, uint64_t page,
			     uint64_t end)
{
	uint64_t next = page + 1;
	uint64_t left = hvo_linux_load(port, page);

	for (; next < end; next++) {
		uint64_t right = hvo_linux_load(port, next);

		if (!hvo_linux_joined(left, right))
			break;
		left = right;
	}
	return next - page;
}

/*
 * Did a failed mmap leave a hole? Kernels before 6.12 could take the old
 * mapping out and then find no memory for the new one. msync says whether all
 * of a range is mapped, and with MS_ASYNC does nothing else.
 */
static bool hole_left(const struct hvo_port *port, uint64_t page,
		      uint64_t pages)
{
	return msync(page_address(port, page), hvo_linux_bytes(port, pages),
		     MS_ASYNC) != 0;
}

/*
 * Map a range as the table has it. Where nothing of it was changed that is
 * only to merge what a failed call has cut, and may fail.
 */
static void put_back(struct hvo_port *port, uint64_t page, uint64_t pages,
		     bool changed)
{
	for (uint64_t end = page + pages, n; page < end; page += n) {
		uint64_t entry = hvo_linux_load(port, page);

		n = run_in_table(port, page, end);
		if (place_hard(port, page, n, entry) &&
		    (changed || hole_left(port, page, n)))
			give_up("mmap");
	}
}

/* The same for permissions. Mappings only merge: there is no need to cut. */
static void put_back_prot(struct hvo_port *port, uint64_t page, uint64_t pages)
{
	for (uint64_t end = page + pages, at = page, n; at < end; at += n) {
		uint64_t entry = hvo_linux_load(port, at);

		n = run_in_table(port, at, end);
		must_permit(port, at, n, hvo_linux_entry_prot(entry));
	}
	put_back(port, page, pages, false);
}

/* ---- changes ----------------------------------------------------------- */

/* Make the change's mappings, all or none. */
static int place_all(struct hvo_port *port, const struct hvo_linux_change *c,
		     enum hvo_urgency urgency)
{
	uint64_t period = c->prot == HVO_PROT_NONE ? c->pages : c->run.count;
	uint64_t entry = c->prot == HVO_PROT_NONE
			     ? 0
			     : hvo_linux_entry(c->run.first.nr, c->prot);

	for (uint64_t done = 0, n; done < c->pages; done += n) {
		n = c->pages - done < period ? c->pages - done : period;
		if (urgency == HVO_MUST) {
			must_place(port, c->page + done, n, entry);
			continue;
		}
		int error = place(port, c->page + done, n, entry);
		if (error) {
			put_back(port, c->page, done, true);
			put_back(port, c->page + done, c->pages - done, false);
			return error;
		}
	}
	return 0;
}

/* Change the permission, of all or none: one call, whatever it leads to. */
static int permit_all(struct hvo_port *port, const struct hvo_linux_change *c,
		      enum hvo_urgency urgency)
{
	if (urgency == HVO_MUST) {
		must_permit(port, c->page, c->pages, c->prot);
		return 0;
	}
	int error = permit(port, c->page, c->pages, c->prot);
	if (error)
		put_back_prot(port, c->page, c->pages);
	return error;
}

static bool refused(const struct hvo_port *port, enum hvo_urgency urgency)
{
	return urgency == HVO_MAY_FAIL && port->refuse &&
	       port->refuse(port->refuse_ctx);
}

static int apply(struct hvo_port *port, struct hvo_linux_change *change,
		 enum hvo_urgency urgency)
{
	bool keeps_frames = !change->run.count && change->prot != HVO_PROT_NONE;
	int error = refused(port, urgency)
			? -HVO_EMAPPINGS
			: hvo_linux_budget_reserve(port, change, urgency);

	if (error)
		return error;
	error = keeps_frames ? permit_all(port, change, urgency)
			     : place_all(port, change, urgency);
	if (error)
		hvo_linux_budget_cancel(port, change);
	else
		hvo_linux_budget_commit(port, change);
	hvo_linux_ballast_take(port);
	return error;
}

int hvo_port_map(struct hvo_port *port, void *va, uint64_t pages,
		 struct hvo_run run, enum hvo_prot prot, bool block)
{
	struct hvo_linux_change change = {.page = page_index(port, va),
					  .pages = pages,
					  .run = run,
					  .prot = prot};

	assert(!block && run.count && prot != HVO_PROT_NONE);
	assert(run.first.nr + run.count <= port->frame_end);
	assert(!hvo_linux_load(port, change.page));
	return apply(port, &change, HVO_MAY_FAIL);
}

int hvo_port_repoint(struct hvo_port *port, void *va, uint64_t pages,
		     struct hvo_run run, enum hvo_prot prot,
		     enum hvo_urgency urgency)
{
	struct hvo_linux_change change = {.page = page_index(port, va),
					  .pages = pages,
					  .run = run,
					  .prot = prot};

	assert(run.count && prot != HVO_PROT_NONE);
	assert(run.first.nr + run.count <= port->frame_end);
	assert(hvo_linux_load(port, change.page));
	return apply(port, &change, urgency);
}

int hvo_port_protect(struct hvo_port *port, void *va, uint64_t pages,
		     enum hvo_prot prot, enum hvo_urgency urgency)
{
	struct hvo_linux_change change = {
	    .page = page_index(port, va), .pages = pages, .prot = prot};

	assert(prot != HVO_PROT_NONE);
	assert(hvo_linux_load(port, change.page));
	return apply(port, &change, urgency);
}

int hvo_port_unmap(struct hvo_port *port, void *va, uint64_t pages,
		   enum hvo_urgency urgency)
{
	struct hvo_linux_change change = {.page = page_index(port, va),
					  .pages = pages,
					  .prot = HVO_PROT_NONE};

	return apply(port, &change, urgency);
}

struct hvo_translation hvo_port_translate(struct hvo_port *port, void *va)
{
	uint64_t page =
	    (uint64_t)((unsigned char *)va - port->window) >> port->page_shift;

	assert(page < port->pages);
	uint64_t entry = hvo_linux_load(port, page);
	enum hvo_prot prot = hvo_linux_entry_prot(entry);

	return (struct hvo_translation){
	    .frame = prot == HVO_PROT_NONE
			 ? HVO_NO_FRAME
			 : (hvo_frame_t){hvo_linux_entry_frame(entry)},
	    .prot = prot,
	};
}

struct hvo_run hvo_port_frames(struct hvo_port *port, void *va, uint64_t pages)
{
	struct hvo_run run = {hvo_port_translate(port, va).frame, 1};
	uint64_t page = page_index(port, va);

	while (run.count < pages &&
	       hvo_linux_entry_frame(hvo_linux_load(port, page + run.count)) ==
		   run.first.nr + run.count)
		run.count++;
	return run;
}

int hvo_port_split(struct hvo_port *port, void *va, uint64_t pages)
{
	/* The port has no blocks: there is never one to split. */
	(void)va;
	(void)pages;
	return refused(port, HVO_MAY_FAIL) ? -HVO_ENOMEM : 0;
}

int hvo_port_collapse(struct hvo_port *port, void *va)
{
	(void)port;
	(void)va;
	return -HVO_EBLOCK;
}

void hvo_port_flush(struct hvo_port *port, void *va, uint64_t pages)
{
	/*
	 * mmap and mprotect have flushed every CPU's TLB before they return.
	 * What is left to do is to order the caller's own stores.
	 */
	(void)port;
	(void)va;
	(void)pages;
	atomic_thread_fence(memory_order_seq_cst);
}
