/* SPDX-License-Identifier: MIT */
/*
 * hvo host verify: what the kernel's page tables say of the huge pages looked
 * at. It needs no counters, so that it proves HVO on kernels without them.
 */
#include <inttypes.h>
#include "host_verify.h"

struct tally {
	uint64_t optimized, full, other;
	bool unreadable;
	enum hvo_host_layout layout; /* of one that is optimized */
};

static void add(struct tally *tally, const struct verify *v,
		const struct hvo_host_proof *proof)
{
	if (proof->layout == HVO_HOST_LAYOUT_FULL) {
		tally->full++;
	} else if (proof->saves == v->saves) {
		tally->optimized++;
		tally->layout = proof->layout;
	} else {
		tally->other++;
	}
}

static struct tally look(const struct verify *v)
{
	struct tally tally = {0};
	struct hvo_host_proof proof;

	for (uint64_t i = 0; i < v->flags.pages && !tally.unreadable; i++)
		if (hvo_host_prove_layout(v->tables, v->frames[i],
					  v->pool->vmemmap_pages.value, &proof))
			tally.unreadable = true;
		else
			add(&tally, v, &proof);
	return tally;
}

/*
 * Of its own all are optimized, unless the pool had free pages that are older;
 * of a process some may be, and if none is, nothing is proved.
 */
static enum verify_outcome judge(const struct verify *v,
				 const struct tally *tally)
{
	if (tally->other)
		return VERIFY_WRONG;
	if (tally->unreadable)
		return VERIFY_UNKNOWN;
	if (!tally->full)
		return VERIFY_OK;
	if (v->pid)
		return tally->optimized ? VERIFY_OK : VERIFY_UNKNOWN;
	return v->pool->free.value ? VERIFY_UNKNOWN : VERIFY_WRONG;
}

void verify_tables(struct verify *v)
{
	struct tally tally;
	enum verify_outcome outcome;

	if (!v->tables)
		return;
	tally = look(v);
	outcome = judge(v, &tally);
	v->flags.optimized = tally.optimized;
	if (tally.unreadable)
		verify_step(v, "tables", outcome,
			    "the kernel's page tables cannot be read there");
	else if (tally.optimized == v->flags.pages)
		verify_step(v, "tables", outcome,
			    "the kernel's page tables have %" PRIu64
			    " huge pages as %s: %" PRIu64 " of %" PRIu64
			    " frames fewer each",
			    tally.optimized, hvo_host_layout_name(tally.layout),
			    v->saves, v->pool->vmemmap_pages.value);
	else
		verify_step(v, "tables", outcome,
			    "the kernel's page tables have %" PRIu64
			    " of %" PRIu64 " huge pages optimized, %" PRIu64
			    " in full, %" PRIu64 " neither",
			    tally.optimized, v->flags.pages, tally.full,
			    tally.other);
}

void verify_tables_back(struct verify *v)
{
	struct tally tally;

	/* A pool with other free pages may have given those back instead. */
	if (!v->tables || v->pool->free.value)
		return;
	tally = look(v);
	if (tally.unreadable)
		verify_step(v, "tables-back", VERIFY_UNKNOWN,
			    "the kernel's page tables cannot be read there");
	else
		verify_step(v, "tables-back",
			    tally.full == v->flags.pages ? VERIFY_OK
							 : VERIFY_WRONG,
			    "the kernel's page tables have %" PRIu64
			    " of %" PRIu64 " in full again",
			    tally.full, v->flags.pages);
}
