/* SPDX-License-Identifier: MIT */
/*
 * Owns the count of the window's mappings and the decision whether another
 * fits under vm.max_map_count.
 *
 * The count is the number of runs in the table: the kernel merges neighbours
 * that lead to consecutive pages of the memfd with the same permission, and
 * neighbours that lead nowhere, and nothing else. A change is weighed against
 * the table, made by the kernel, then entered. Neighbouring ranges may change
 * meanwhile, so the difference a change makes to the count is worked out anew
 * at the moment it is entered, with the lock held: the count never drifts.
 *
 * Ballast is a handful of mappings of no other use. They are let go when a
 * call that may not fail meets the kernel's limit, which the accounting alone
 * cannot rule out: other parts of the process map things too.
 */
#include <assert.h>
#include <stddef.h>
#include <sys/mman.h>
#include <unistd.h>
#include "hvo/error.h"
#include "private.h"

/* Left to the rest of the process: malloc, threads, libraries. */
#define SLACK 128
/*
 * What one change needs for a moment beyond what it leaves behind: cutting
 * out the middle of a mapping makes two more, and while a change is half made
 * there is one boundary between its new and its old part.
 */
#define TRANSIENT     3
#define BALLAST_PAGES 16

/* Mappings that the kernel cannot merge, or NULL. */
static void *ballast_make(void)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	unsigned char *p = mmap(NULL, BALLAST_PAGES * page, PROT_NONE,
				MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		return NULL;
	/* Every second page differs, so that each is a mapping. */
	for (size_t i = 0; i < BALLAST_PAGES; i += 2) {
		if (mprotect(p + i * page, page, PROT_READ)) {
			munmap(p, BALLAST_PAGES * page);
			return NULL;
		}
	}
	return p;
}

bool hvo_linux_ballast_take(struct hvo_port *port)
{
	_Atomic(void *) *ballast = &port->budget.ballast;
	void *none = NULL;

	if (atomic_load_explicit(ballast, memory_order_relaxed))
		return true;
	void *p = ballast_make();
	if (p && !atomic_compare_exchange_strong(ballast, &none, p))
		munmap(p, BALLAST_PAGES * (size_t)sysconf(_SC_PAGESIZE));
	return p != NULL;
}

bool hvo_linux_ballast_drop(struct hvo_port *port)
{
	void *p = atomic_exchange(&port->budget.ballast, NULL);

	if (!p)
		return false;
	munmap(p, BALLAST_PAGES * (size_t)sysconf(_SC_PAGESIZE));
	return true;
}

void hvo_linux_budget_init(struct hvo_port *port, uint64_t rest)
{
	struct hvo_linux_budget *budget = &port->budget;

	pthread_mutex_init(&budget->lock, NULL);
	budget->count = 1; /* the reserved window, mapped nowhere */
	budget->pending = 0;
	budget->limit = hvo_linux_max_map_count();
	budget->rest = rest + BALLAST_PAGES;
	atomic_init(&budget->ballast, NULL);
	hvo_linux_ballast_take(port);
}

void hvo_linux_budget_fini(struct hvo_port *port)
{
	hvo_linux_ballast_drop(port);
	pthread_mutex_destroy(&port->budget.lock);
}

/* What page i of the change will be, given what it is now. */
static uint64_t entry_after(const struct hvo_linux_change *change, uint64_t i,
			    uint64_t before)
{
	uint64_t frame = hvo_linux_entry_frame(before);

	if (change->prot == HVO_PROT_NONE)
		return 0;
	if (change->run.count)
		frame = change->run.first.nr +
			(i < change->run.count ? i : i % change->run.count);
	return hvo_linux_entry(frame, change->prot);
}

struct difference {
	int64_t end;  /* mappings more, when the change is made */
	int64_t peak; /* mappings more, at most, while it is being made */
};

/*
 * What the change does to the number of mappings, from left to right, from
 * the boundary before its first page to the one after its last.
 */
static struct difference weigh(const struct hvo_port *port,
			       const struct hvo_linux_change *change)
{
	struct difference d = {0, 0};
	uint64_t page = change->page ? change->page - 1 : 0;
	uint64_t left = hvo_linux_load(port, page);
	uint64_t left_after =
	    change->page ? left : entry_after(change, 0, left);

	while (++page <= change->page + change->pages && page < port->pages) {
		uint64_t right = hvo_linux_load(port, page);
		uint64_t i = page - change->page;
		uint64_t right_after =
		    i < change->pages ? entry_after(change, i, right) : right;

		d.end += hvo_linux_joined(left, right);
		d.end -= hvo_linux_joined(left_after, right_after);
		if (d.end > d.peak)
			d.peak = d.end;
		left = right;
		left_after = right_after;
	}
	return d;
}

/* Is there room for this many mappings more? A limit of 0 is not known. */
static bool fits(struct hvo_linux_budget *budget, uint64_t more)
{
	uint64_t need =
	    budget->count + budget->pending + more + budget->rest + SLACK;

	if (!budget->limit || need <= budget->limit)
		return true;
	/* It may have been raised; looked up only on the way to a refusal. */
	budget->limit = hvo_linux_max_map_count();
	return !budget->limit || need <= budget->limit;
}

/* One system call makes the change, which the kernel does whole or not. */
static bool in_one_call(const struct hvo_linux_change *change)
{
	return change->prot == HVO_PROT_NONE || !change->run.count ||
	       change->run.count >= change->pages;
}

int hvo_linux_budget_reserve(struct hvo_port *port,
			     struct hvo_linux_change *change,
			     enum hvo_urgency urgency)
{
	struct hvo_linux_budget *budget = &port->budget;
	bool must = urgency == HVO_MUST;
	/* Without ballast nothing is begun that might have to be undone. */
	bool daring = !must && !hvo_linux_ballast_take(port);

	assert(change->pages && change->page < port->pages &&
	       change->pages <= port->pages - change->page);
	pthread_mutex_lock(&budget->lock);
	int64_t peak = weigh(port, change).peak;
	uint64_t more = (uint64_t)peak + TRANSIENT;
	bool ok = must;
	if (!ok && !peak) /* only lessens the count: no need to ask */
		ok = !daring || in_one_call(change);
	else if (!ok)
		ok = !daring && fits(budget, more);
	change->reserved = ok ? more : 0;
	budget->pending += change->reserved;
	pthread_mutex_unlock(&budget->lock);
	return ok ? 0 : -HVO_EMAPPINGS;
}

void hvo_linux_budget_commit(struct hvo_port *port,
			     const struct hvo_linux_change *change)
{
	struct hvo_linux_budget *budget = &port->budget;
	_Atomic uint64_t *entry = &port->table[change->page];

	pthread_mutex_lock(&budget->lock);
	budget->count += (uint64_t)weigh(port, change).end;
	budget->pending -= change->reserved;
	for (uint64_t i = 0; i < change->pages; i++) {
		uint64_t before = hvo_linux_load(port, change->page + i);

		atomic_store_explicit(&entry[i], entry_after(change, i, before),
				      memory_order_relaxed);
	}
	pthread_mutex_unlock(&budget->lock);
}

void hvo_linux_budget_cancel(struct hvo_port *port,
			     const struct hvo_linux_change *change)
{
	pthread_mutex_lock(&port->budget.lock);
	port->budget.pending -= change->reserved;
	pthread_mutex_unlock(&port->budget.lock);
}

uint64_t hvo_linux_mappings_counted(const struct hvo_linux *linux_port)
{
	/* A lock does not make the port another one. */
	struct hvo_linux_budget *budget =
	    (struct hvo_linux_budget *)&linux_port->port.budget;

	pthread_mutex_lock(&budget->lock);
	uint64_t count = budget->count;
	pthread_mutex_unlock(&budget->lock);
	return count;
}

uint64_t hvo_linux_mappings_limit(const struct hvo_linux *linux_port)
{
	(void)linux_port; /* the kernel has one limit for all */
	return hvo_linux_max_map_count();
}

uint64_t hvo_linux_mappings_needed(const struct hvo_linux *linux_port,
				   uint64_t mappings)
{
	return mappings + linux_port->port.budget.rest + SLACK + TRANSIENT;
}
