/* SPDX-License-Identifier: MIT */
/*
 * The parts that hvo_host_status() is made of, in the order in which it calls
 * them; each fills in its fields from files and from what is there by then.
 * Private to this library.
 */
#ifndef HVO_HOST_PARTS_H
#define HVO_HOST_PARTS_H

#include "hvo/geometry.h"
#include "tree.h"

/* Release, machine, struct page, base page. */
void hvo_host_read_kernel(struct hvo_host *host, struct hvo_host_status *s);

/* Whether HVO is there, is on, was on at boot. */
void hvo_host_read_support(struct hvo_host *host, struct hvo_host_status *s);

/* Why it is not known how much memory memmap_on_memory is about. */
#define HVO_HOST_ON_MEMORY_WHY "it is on; no file says for which memory"

/* Memory, and its descriptors as expected and as counted. */
void hvo_host_read_memory(struct hvo_host *host, struct hvo_host_status *s);

void hvo_host_read_dax(struct hvo_host *host, struct hvo_host_status *s);

/* Pools: what they hold, and what that takes by arithmetic. */
void hvo_host_read_pools(struct hvo_host *host, struct hvo_host_status *s);

/* What is saved, from counters and arithmetic. */
void hvo_host_derive_savings(struct hvo_host *host, struct hvo_host_status *s);

void hvo_host_add_warnings(struct hvo_host *host, struct hvo_host_status *s);

/* Bytes saved if all huge pages are optimized; unknown if any pool's are. */
struct hvo_host_figure hvo_host_most(const struct hvo_host_status *s);

/* Is the version known, and is it (not) at least that? */
bool hvo_host_since(const struct hvo_host_status *s, unsigned major,
		    unsigned minor);
bool hvo_host_before(const struct hvo_host_status *s, unsigned major,
		     unsigned minor);

/* The arithmetic of this host's descriptors; false if not known enough. */
bool hvo_host_geometry(const struct hvo_host_status *s, struct hvo_geometry *g);

/* /proc/zoneinfo, added up. */
struct hvo_host_zones {
	bool known;
	const char *why;  /* if not */
	uint64_t present; /* base pages, of all zones */
	uint64_t device;  /* base pages that ZONE_DEVICE spans */
};
struct hvo_host_zones hvo_host_read_zones(struct hvo_host *host);

#endif
