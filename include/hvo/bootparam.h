/* SPDX-License-Identifier: MIT */
/*
 * The part of a kernel's command line that is about huge pages, spelled as
 * Linux documents it ("The kernel's command-line parameters", "HugeTLB
 * Pages"):
 *
 *   hugepagesz=SIZE           which size the next hugepages= is about
 *   hugepages=N               so many pages, over all nodes
 *   hugepages=NODE:N[,...]    so many on each node
 *   default_hugepagesz=SIZE   the size meant where none is named
 *   hugetlb_free_vmemmap=B    optimize pages
 *   hugetlb_cma=SIZE          keep memory for gigantic pages, over all nodes
 *   hugetlb_cma=NODE:SIZE[,...]
 *   hugetlb_cma_only=B        take pages from there only
 *
 * SIZE is a number, decimal or 0x hexadecimal, with a suffix K, M, G, T, P or
 * E of either case, or none; N and NODE are decimal; B is on, off, 1, 0, y or
 * n. Words are apart by spaces, which in double quotes are not; - and _ are
 * the same in names; all behind a lone -- is the init program's. Other words
 * mean nothing here.
 *
 * A bad parameter is ignored, as in Linux, and reported. No allocation, no
 * state, O(length).
 */
#ifndef HVO_BOOTPARAM_H
#define HVO_BOOTPARAM_H

#include <stdbool.h>
#include "hvo/types.h"

#define HVO_BOOTPARAM_SIZES_MAX 16
#define HVO_BOOTPARAM_NODES_MAX 32

struct hvo_bootparam_config {
	/* Bytes of the huge pages that there are, each once. */
	uint64_t sizes[HVO_BOOTPARAM_SIZES_MAX];
	unsigned count;        /* of sizes, 1 to HVO_BOOTPARAM_SIZES_MAX */
	unsigned default_size; /* index */
	unsigned nodes;        /* 1 to HVO_BOOTPARAM_NODES_MAX */
};

/* A number, or one for each node. */
struct hvo_bootparam_amount {
	bool given;
	bool by_node;
	uint64_t total;                         /* sum, if by node */
	uint64_t node[HVO_BOOTPARAM_NODES_MAX]; /* if by node */
};

struct hvo_bootparam {
	/* Pages of each of config's sizes. */
	struct hvo_bootparam_amount pages[HVO_BOOTPARAM_SIZES_MAX];
	unsigned default_size; /* index */
	bool default_given;
	bool optimize; /* hugetlb_free_vmemmap=; off where not given */
	bool optimize_given;
	struct hvo_bootparam_amount cma; /* bytes */
	/* Means nothing unless cma is given. The last one counts, as of
	 * hugetlb_free_vmemmap=. */
	bool cma_only;
};

enum hvo_bootparam_problem {
	HVO_BOOTPARAM_OK,
	HVO_BOOTPARAM_NO_VALUE, /* nothing behind =, or no = */
	HVO_BOOTPARAM_SYNTAX,   /* not what the parameter takes */
	HVO_BOOTPARAM_OVERFLOW, /* a number, or a sum, beyond 64 bits */
	HVO_BOOTPARAM_SIZE,     /* there is no such huge page */
	HVO_BOOTPARAM_NODE,     /* there is no such node */
	HVO_BOOTPARAM_REPEATED, /* said before, and once only */
	HVO_BOOTPARAM_ORPHAN,   /* hugepages= after a bad hugepagesz= */
	HVO_BOOTPARAM_PROBLEMS
};

struct hvo_bootparam_error {
	enum hvo_bootparam_problem problem;
	size_t word;   /* offset of the parameter, bytes */
	size_t length; /* of the parameter, bytes */
	size_t offset; /* of what is wrong in it, from the line's start */
};

/* One sentence, without full stop, that says what to do. Never NULL. */
const char *hvo_bootparam_text(enum hvo_bootparam_problem problem);

/* Is the configuration sound? */
bool hvo_bootparam_config_is_valid(const struct hvo_bootparam_config *config);

/*
 * Read `length` bytes of a command line (up to a NUL, if there is one) into
 * *result. config must be valid. Returns how many parameters were bad; the
 * first `room` of them are in errors (may be NULL with room 0).
 */
size_t hvo_bootparam_parse(struct hvo_bootparam *result,
			   const struct hvo_bootparam_config *config,
			   const char *line, size_t length,
			   struct hvo_bootparam_error *errors, size_t room);

#endif
