/* SPDX-License-Identifier: MIT */
/* What the machine's files share. */
#ifndef HVO_MACHINE_PRIVATE_H
#define HVO_MACHINE_PRIVATE_H

#include <pthread.h>
#include <stdatomic.h>
#include "hvo/memblock.h"
#include "hvo_machine.h"

/*
 * Which pages of the memfd are backed. (l) by lock; (a) atomic; (q) written
 * only while nothing else is under way.
 */
struct hvo_machine_account {
	pthread_mutex_t lock;
	unsigned char *bits; /* (l) one for each described frame */
	uint64_t pages;      /* (l) set */
	bool wrong;          /* (l) backed twice, or not when given back */
	uint64_t wrong_page; /* (l) the first such frame */
};

/* Which of some calls fail to order. */
struct hvo_machine_faults {
	_Atomic uint64_t calls;  /* (a) so far */
	_Atomic uint64_t failed; /* (a) of these, to order */
	uint64_t nth;            /* (q) the one to fail */
	bool sticky;             /* (q) and all behind it */
	uint64_t one_in;         /* (q) or about one in so many */
};

struct hvo_machine {
	struct hvo_mm *mm;
	struct hvo_linux *port;
	struct hvo_mm_config config;
	hvo_pfn_t movable_first[HVO_NODES_MAX];
	void *tables;        /* hvo_mm_init()'s */
	unsigned char *seen; /* for the check */
	uint64_t frame_end;
	unsigned bound; /* host nodes in use */
	struct hvo_machine_account account;
	struct hvo_machine_faults backing, mappings;
};

/* Returns 0 or -HVO_ENOMEM; frames are those that can be described. */
int hvo_machine_account_init(struct hvo_machine *machine, uint64_t frames);
void hvo_machine_account_fini(struct hvo_machine *machine);

/* Is this call one that fails? faults is a struct hvo_machine_faults. */
bool hvo_machine_due(void *faults);

/* What hvo_mm_backing wants; ctx is the machine. */
int hvo_machine_commit(void *ctx, struct hvo_run run);
void hvo_machine_uncommit(void *ctx, struct hvo_run run);

/* Bind each range to a host node, where there are several of these. */
void hvo_machine_bind(struct hvo_machine *machine,
		      const struct hvo_machine_config *config);

#endif
