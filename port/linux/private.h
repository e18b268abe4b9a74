/* SPDX-License-Identifier: MIT */
/*
 * What the files of the Linux port share: the port, its table of translations
 * and the pool of frames. Nothing outside this directory includes it.
 *
 * The kernel's mappings are the truth and cannot be asked quickly, so the port
 * keeps a table of what each vmemmap page maps to. An entry changes together
 * with its mapping, by the thread that owns the range (the engine lets no two
 * calls overlap); hvo_linux_audit() compares the two.
 *
 * Letters after the fields say what protects them:
 *   c  constant from open to close
 *   r  written by the owner of the range with budget.lock held; read by the
 *      owner, or with budget.lock held
 *   b  budget.lock
 *   p  pool.lock
 *   a  atomic
 */
#ifndef HVO_LINUX_PRIVATE_H
#define HVO_LINUX_PRIVATE_H

#include <pthread.h>
#include <stdatomic.h>
#include "hvo_linux.h"

/*
 * How many mappings the window may have. The kernel counts a process's
 * mappings; the port counts its own so that it can refuse before the kernel
 * does, with room left for the rest of the process.
 */
struct hvo_linux_budget {
	pthread_mutex_t lock;
	uint64_t count;   /* b; mappings in the window, by the table */
	uint64_t pending; /* b; what changes under way may add at most */
	uint64_t limit;   /* b; vm.max_map_count, when last read */
	uint64_t rest;    /* c; mappings outside the window, at open */
	/* a; mappings held only to be let go when one may not fail */
	_Atomic(void *) ballast;
};

struct hvo_port {
	struct hvo_port_traits traits; /* c */
	unsigned page_shift;           /* c */
	int fd;                        /* c; the memfd */
	unsigned char *window;         /* c */
	uint64_t pages;                /* c; vmemmap pages in the window */
	unsigned char *direct;         /* c; the whole memfd, writable */
	uint64_t frame_end;            /* c; frames of the memfd */
	_Atomic uint64_t *table;       /* r; one entry a vmemmap page */
	struct hvo_linux_budget budget;
	pthread_mutex_t lock; /* hvo_port_lock(); guards nothing in here */
	/* hvo_linux_ask(); written only while nothing else is under way */
	bool (*refuse)(void *ctx);
	void *refuse_ctx;
};

/* In which order home frames lie (hvo_linux.h); constant from open on. */
struct hvo_linux_homes {
	uint64_t count; /* one for each vmemmap page */
	uint64_t folio; /* pages of a folio of the order set apart, or 0 */
	uint64_t phase; /* page 0's place in its folio, likewise */
};

/* Frames first to first + total; a bit says that one is taken. */
struct hvo_linux_pool {
	pthread_mutex_t lock;
	uint64_t first;               /* c; the first home frame */
	uint64_t total;               /* c; home and extra frames */
	struct hvo_linux_homes homes; /* c */
	uint64_t *taken;              /* p; bit n is frame first + n */
	uint64_t rotor; /* p; where the search among extra frames goes on */
	_Atomic uint64_t used; /* a; frames handed out */
};

struct hvo_linux {
	struct hvo_port port;
	struct hvo_linux_pool pool;
	uintptr_t base; /* c; address of pfn 0's descriptor */
};

static inline uint64_t hvo_linux_bytes(const struct hvo_port *port,
				       uint64_t pages)
{
	return pages << port->page_shift;
}

/* ---- entries of the table: frame << 2 | prot; 0 where nothing is mapped */

static inline uint64_t hvo_linux_entry(uint64_t frame, enum hvo_prot prot)
{
	return frame << 2 | (uint64_t)prot;
}

static inline enum hvo_prot hvo_linux_entry_prot(uint64_t entry)
{
	return (enum hvo_prot)(entry & 3);
}

static inline uint64_t hvo_linux_entry_frame(uint64_t entry)
{
	return entry >> 2;
}

static inline uint64_t hvo_linux_load(const struct hvo_port *port,
				      uint64_t page)
{
	return atomic_load_explicit(&port->table[page], memory_order_relaxed);
}

/* The kernel holds neighbours with these entries in one mapping. */
static inline bool hvo_linux_joined(uint64_t left, uint64_t right)
{
	return left ? right == left + hvo_linux_entry(1, HVO_PROT_NONE)
		    : !right;
}

/* ---- budget.c -------------------------------------------------------- */

/* One change of the table: pages `page` to `page` + `pages`. */
struct hvo_linux_change {
	uint64_t page;
	uint64_t pages;
	struct hvo_run run; /* page i gets first + i % count; if count is 0,
			     * each keeps the frame that it has */
	enum hvo_prot prot; /* HVO_PROT_NONE: nothing is mapped afterwards */
	uint64_t reserved;  /* mappings in budget.pending */
};

/* rest: mappings of the process before the window got its first. */
void hvo_linux_budget_init(struct hvo_port *port, uint64_t rest);
void hvo_linux_budget_fini(struct hvo_port *port);

/*
 * See whether there is room for the mappings that the change needs, and set
 * it aside. Returns 0 or -HVO_EMAPPINGS; with HVO_MUST always 0.
 */
int hvo_linux_budget_reserve(struct hvo_port *port,
			     struct hvo_linux_change *change,
			     enum hvo_urgency urgency);

/* The kernel has made the change: enter it into the table and the count. */
void hvo_linux_budget_commit(struct hvo_port *port,
			     const struct hvo_linux_change *change);

/* The kernel has not made it: give back what was set aside. */
void hvo_linux_budget_cancel(struct hvo_port *port,
			     const struct hvo_linux_change *change);

/* Let the ballast go. False if it was gone already. */
bool hvo_linux_ballast_drop(struct hvo_port *port);

/* Take it up again if it is gone and there is room. False if there is none. */
bool hvo_linux_ballast_take(struct hvo_port *port);

/* ---- maps.c ---------------------------------------------------------- */

/* Mappings of the process, and those of them in [start, end); -1 on error. */
int hvo_linux_maps_count(uintptr_t start, uintptr_t end, uint64_t *all,
			 uint64_t *within);

/* vm.max_map_count; 0 where it cannot be read. */
uint64_t hvo_linux_max_map_count(void);

/* ---- frames.c -------------------------------------------------------- */

/* Returns 0 or -HVO_ENOMEM (for the bitmap). */
int hvo_linux_pool_init(struct hvo_linux_pool *pool, uint64_t first,
			const struct hvo_linux_homes *homes, uint64_t extra);
void hvo_linux_pool_fini(struct hvo_linux_pool *pool);

int hvo_linux_pool_alloc(void *ctx, const struct hvo_frame_request *request,
			 struct hvo_run *run);
void hvo_linux_pool_free(void *ctx, struct hvo_run run);

#endif
