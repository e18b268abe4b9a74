/* SPDX-License-Identifier: MIT */
/*
 * A naive reference for the engine: arrays with the state of every pfn and
 * the bytes of every record, and for every call what it may answer and what it
 * changes. It shares nothing with the engine but the record's callbacks; all
 * numbers are computed anew, by loops.
 */
#ifndef ENGINE_REF_H
#define ENGINE_REF_H

#include "engine.h"

#define OP_FOLIOS 12

enum op_kind {
	OP_POPULATE,
	OP_POPULATE_OPTIMIZED,
	OP_DEPOPULATE,
	OP_PREPARE,
	OP_OPTIMIZE,
	OP_RESTORE,
	OP_SPLIT,
	OP_JOIN,
	OP_KINDS
};

/* One call. The range is pfns[0] and count base pages, or count folios. */
struct op {
	enum op_kind kind;
	unsigned order; /* of the folios before, or made */
	unsigned to;    /* split and join */
	unsigned domain;
	unsigned flags;
	bool blocks;
	uint64_t count;
	hvo_pfn_t pfns[OP_FOLIOS];
	size_t capacity; /* of the workspace; 0: all there is */
};

const char *op_name(enum op_kind kind);
/* The call takes a list of folios and not a range. */
bool op_bulk(enum op_kind kind);

/* Make the call. *done: what it reports, or all or nothing if it does not. */
int op_run(struct engine *e, const struct op *op, uint64_t *done);

struct ref_pfn {
	uint8_t state; /* enum hvo_state */
	uint8_t order; /* when HVO_OPTIMIZED */
	uint8_t domain;
	bool hosting; /* this base page is a frame of descriptors */
};

struct ref {
	const struct engine *e;
	struct hvo_record record;
	/* Ask the port's table and not the MMU whether pages can be written:
	 * faults are slow, and engine_wrong() holds the one against the
	 * other. */
	bool by_table;
	uint64_t page_size;
	uint64_t window;
	uint64_t group;
	hvo_pfn_t first;
	hvo_pfn_t end;
	unsigned unit_order;
	unsigned min_order;
	unsigned max_order;
	struct ref_pfn *pfns;
	unsigned char *bytes; /* all records */
	hvo_pfn_t *host;      /* of each vmemmap page: base page + 1, or 0 */
	bool shared[HVO_DOMAINS_MAX][64]; /* tails of (domain, order) exist */
};

/* The reference for a map in which everything is absent. */
struct ref *ref_open(const struct engine *e);
void ref_close(struct ref *ref);

struct ref_pfn *ref_pfn(const struct ref *ref, hvo_pfn_t pfn);
bool ref_valid(const struct ref *ref, hvo_pfn_t pfn);

/* The vmemmap page that holds this byte of a record is writable. */
bool ref_writable(const struct ref *ref, hvo_pfn_t pfn, size_t offset);
/* The 8 bytes there; where they are. */
uint64_t ref_word(const struct ref *ref, hvo_pfn_t pfn, size_t offset);
void ref_store(struct ref *ref, hvo_pfn_t pfn, size_t offset, uint64_t word);

/* Vmemmap pages of a folio; frames of its shared tails. */
uint64_t ref_folio_pages(const struct ref *ref, unsigned order);
uint64_t ref_tails_pages(const struct ref *ref, unsigned order);
/* Frames that the source must have handed out. */
uint64_t ref_frames(const struct ref *ref);

#define REF_BIT(error) (UINT64_C(1) << (error))

/*
 * The errors (REF_BIT) with which the call may be refused; 0 when it has to
 * succeed. *good: how much of it is in order before the first bad part.
 */
uint64_t ref_errors(const struct ref *ref, const struct op *op, uint64_t *good);

/* A self-hosting restore would use base pages that host already. */
bool ref_host_taken(const struct ref *ref, hvo_pfn_t pfn, unsigned order);

/* Do to the reference what the call does, for its first `done` parts. */
void ref_apply(struct ref *ref, const struct op *op, uint64_t done);

/*
 * Make the call on both and hold the answer against the reference's. Returns
 * NULL or what is wrong. *error is the call's result.
 */
const char *ref_run(struct ref *ref, struct engine *e, const struct op *op,
		    int *error);

/*
 * Compare every pfn: state, words, way to its head, and whether its page
 * refuses writes; and the frames handed out. NULL or what is wrong.
 */
const char *ref_compare(const struct ref *ref, struct engine *e);

#endif
