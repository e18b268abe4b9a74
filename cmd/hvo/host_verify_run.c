/* SPDX-License-Identifier: MIT */
/*
 * hvo host verify: the steps, on pages of its own and on a process's. Between
 * hvo_change_begin() and hvo_host_put_back() every way out leads through the
 * latter.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include "change.h"
#include "cmd.h"
#include "host_settings.h"
#include "host_verify.h"
#include "room.h"
#include "size.h"

#define MIB      (UINT64_C(1) << 20)
#define ATTEMPTS 3

/* ---- before anything is changed ------------------------------------------ */

/* May its size be written without harm? */
static int check_pool(const struct verify *v)
{
	if (v->pool->total.kind == HVO_HOST_UNKNOWN) {
		hvo_error("the pool's size is unknown: %s", v->pool->total.why);
		return HVO_EXIT_DENIED;
	}
	if (!hvo_host_has_surplus(&v->status, v->size))
		return HVO_EXIT_OK;
	hvo_error("the pool has surplus pages, which would become its own if "
		  "its size were changed; try again when they are given back, "
		  "or look at a process's with --pid");
	return HVO_EXIT_DENIED;
}

static int check_room(const struct verify *v)
{
	uint64_t needed = v->pages * v->size + 64 * MIB, room = hvo_room();
	char need[HVO_SIZE_TEXT], have[HVO_SIZE_TEXT];

	if (needed <= room)
		return HVO_EXIT_OK;
	hvo_error("%" PRIu64 " huge pages and room to work need %s of free "
		  "memory, there are %s; give fewer --pages, or --pid",
		  v->pages, hvo_size_format(needed, need),
		  hvo_size_format(room, have));
	return HVO_EXIT_DENIED;
}

/* ---- steps --------------------------------------------------------------- */

/* What the count of the memory map should be, and is. */
static void step_count(struct verify *v, const char *name, uint64_t before,
		       uint64_t fall)
{
	uint64_t now = 0;
	int64_t fell;

	hvo_host_memmap(v->host, &now);
	fell = (int64_t)(before - now);
	if (fell == (int64_t)fall && !fall)
		verify_step(v, name, VERIFY_OK,
			    "the memory map is what it was: %" PRIu64 " pages",
			    now);
	else if (fell == (int64_t)fall)
		verify_step(v, name, VERIFY_OK,
			    "the memory map fell by %" PRIu64 " pages, %" PRIu64
			    " for each huge page",
			    fall, v->saves);
	else
		verify_step(v, name, VERIFY_WRONG,
			    "the memory map has %" PRIu64 " pages instead of "
			    "%" PRIu64 " (%+" PRId64 ")",
			    now, before - fall, (int64_t)fall - fell);
}

/* The pool, by so many pages more than it was found with. */
static int resize(struct verify *v, uint64_t more)
{
	uint64_t target = v->pool->total.value + more, now = 0;
	char path[HVO_HOST_POOL_FILE];
	int code;

	hvo_host_pool_file(v->pool, path);
	code = hvo_host_set(v->host, path, target);
	if (code)
		return code;
	if (hvo_change_read(v->host, path, &now) && now == target)
		return HVO_EXIT_OK;
	hvo_error("the pool came to %" PRIu64 " huge pages instead of %" PRIu64
		  "; %s",
		  now, target,
		  more ? "memory is scarce or fragmented: give fewer --pages"
		       : "some are in use, or something else changed it");
	return HVO_EXIT_FAILED;
}

static void tell_flags(struct verify *v)
{
	const struct hvo_huge_flags *f = &v->flags;

	if (f->wrong)
		verify_step(v, "flags", VERIFY_WRONG,
			    "%" PRIu64 " of %" PRIu64
			    " huge pages have flags that are wrong; the first "
			    "frame, %" PRIu64
			    ", should be %s and has 0x%" PRIx64,
			    f->wrong, f->pages, f->pfn, f->should_be, f->flags);
	else if (f->untold)
		verify_step(v, "flags", VERIFY_UNKNOWN,
			    "the kernel tells no flags at all of %" PRIu64
			    " of %" PRIu64 " huge pages; the others are right",
			    f->untold, f->pages);
	else
		verify_step(v, "flags", VERIFY_OK,
			    "%" PRIu64 " huge pages mapped: %" PRIu64
			    " heads and %" PRIu64 " tails read as such",
			    f->pages, f->heads, f->tails);
}

/*
 * Fake heads, where they are shown, tell which huge pages are optimized. Of
 * its own all are, unless the pool had free pages that are older.
 */
static void tell_fakes(struct verify *v)
{
	const struct hvo_huge_flags *f = &v->flags;
	uint64_t told = f->pages - f->untold;
	enum verify_outcome outcome = VERIFY_OK;

	if (!f->fakes)
		return;
	if (!v->pid && f->optimized < told)
		outcome = v->pool->free.value ? VERIFY_UNKNOWN : VERIFY_WRONG;
	verify_step(v, "optimized", outcome,
		    "%" PRIu64 " of %" PRIu64 " share descriptors: %" PRIu64
		    " fake heads are seen",
		    f->optimized, told, f->fakes);
}

static int flags_unreadable(const struct verify *v)
{
	hvo_error("%s of huge pages cannot be read: %s", v->flags.failed,
		  strerror(v->flags.error));
	return HVO_EXIT_DENIED;
}

/* Map the pages, so that their frames are known, and look at them. */
static int step_flags(struct verify *v)
{
	struct hvo_huge huge;
	int error = hvo_huge_take(&huge, v->size, v->pages, v->pool->node);

	v->flags = (struct hvo_huge_flags){.frames = v->frames};
	if (error) {
		hvo_error("huge pages of the pool could not be mapped: %s",
			  strerror(error));
		return HVO_EXIT_FAILED;
	}
	error = hvo_huge_look(&v->flags, v->host, v->pool->vmemmap_pages.value,
			      (uintptr_t)huge.at, v->size, v->pages);
	if (!error) {
		tell_flags(v);
		tell_fakes(v);
		verify_tables(v);
	}
	hvo_huge_give(&huge);
	if (error)
		return flags_unreadable(v);
	return HVO_EXIT_OK;
}

/* ---- on pages of its own ------------------------------------------------- */

static int attempt(struct verify *v)
{
	uint64_t before = 0;
	bool counted = hvo_host_memmap(v->host, &before) && v->saves;
	int code = resize(v, v->pages);

	v->n_steps = 0;
	if (code)
		return code;
	verify_step(v, "grow", VERIFY_OK,
		    "the pool grew from %" PRIu64 " to %" PRIu64 " huge pages",
		    v->pool->total.value, v->pool->total.value + v->pages);
	if (counted)
		step_count(v, "count", before, v->pages * v->saves);
	else if (!v->tables)
		verify_step(v, "count", VERIFY_UNKNOWN,
			    "this kernel (%s) does not count its memory map, "
			    "and its page tables cannot be read",
			    v->status.release);
	code = step_flags(v);
	if (code)
		return code;
	code = resize(v, 0);
	if (code)
		return code;
	verify_step(v, "shrink", VERIFY_OK,
		    "the pool is back to %" PRIu64 " huge pages",
		    v->pool->total.value);
	if (counted)
		step_count(v, "count-back", before, 0);
	verify_tables_back(v);
	return HVO_EXIT_OK;
}

static int attempts(struct verify *v)
{
	int code = HVO_EXIT_OK;

	if (!v->on)
		code = hvo_host_set(v->host, HVO_HOST_SWITCH, 1);
	v->on = true;
	do {
		if (!code)
			code = attempt(v);
		v->attempts++;
	} while (!code && !hvo_change_stopped() && v->attempts < ATTEMPTS &&
		 verify_any(v, VERIFY_WRONG));
	return code;
}

int verify_own(struct verify *v)
{
	int code = check_pool(v);

	if (!code)
		code = check_room(v);
	if (code)
		return code;
	hvo_change_begin();
	code = attempts(v);
	return hvo_host_put_back(v->host, code);
}

/* ---- on a process's pages ------------------------------------------------ */

int verify_process(struct verify *v)
{
	char size[HVO_SIZE_TEXT];

	v->flags.frames = v->frames;
	if (hvo_huge_look_process(&v->flags, v->host,
				  v->pool->vmemmap_pages.value, v->pid, v->size,
				  v->pages)) {
		if (v->flags.error != ENOENT && v->flags.error != ESRCH)
			return flags_unreadable(v);
		hvo_error("there is no process %ld", v->pid);
		return HVO_EXIT_FAILED;
	}
	if (!v->flags.pages) {
		hvo_error("process %ld has no page of %s in memory", v->pid,
			  hvo_size_format(v->size, size));
		return HVO_EXIT_FAILED;
	}
	tell_flags(v);
	tell_fakes(v);
	verify_tables(v);
	if (!v->flags.fakes && !v->tables)
		verify_step(v, "optimized", VERIFY_UNKNOWN,
			    "no page shows fake heads: none is optimized, or "
			    "this kernel (%s) does not show them",
			    v->status.release);
	return HVO_EXIT_OK;
}
