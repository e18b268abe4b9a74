/* SPDX-License-Identifier: MIT */
/*
 * Pools of huge pages, by size and by node, and the arithmetic of their
 * descriptors. Source: Linux's Documentation/admin-guide/mm/hugetlbpage.rst.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "figure.h"
#include "hvo/geometry.h"
#include "parts.h"
#include "text.h"

#define POOLS "/sys/kernel/mm/hugepages"
#define NODES "/sys/devices/system/node"

#define MAX_SIZES 64   /* that many powers of two there are */
#define MAX_NODES 1024 /* that many Linux can be built for */

void hvo_host_pool_path(const struct hvo_host_pool *pool, char *path,
			size_t size)
{
	unsigned long long kib = pool->size >> 10;

	if (pool->node < 0)
		snprintf(path, size, POOLS "/hugepages-%llukB", kib);
	else
		snprintf(path, size, NODES "/node%d/hugepages/hugepages-%llukB",
			 pool->node, kib);
}

/* ---- counts -------------------------------------------------------------- */

static struct hvo_host_figure count_of(struct hvo_host *host,
				       const struct hvo_host_pool *pool,
				       const char *file)
{
	char path[128];

	hvo_host_pool_path(pool, path, sizeof(path));
	return hvo_host_number(host, hvo_host_text(host, "%s/%s", path, file));
}

static void read_counts(struct hvo_host *host, struct hvo_host_pool *pool)
{
	pool->total = count_of(host, pool, "nr_hugepages");
	pool->free = count_of(host, pool, "free_hugepages");
	pool->surplus = count_of(host, pool, "surplus_hugepages");
	if (pool->node >= 0) {
		pool->reserved = hvo_host_unknown(
		    "resv_hugepages", "Linux has it for the whole host only");
		pool->overcommit =
		    hvo_host_unknown("nr_overcommit_hugepages",
				     "Linux has it for the whole host only");
		return;
	}
	pool->reserved = count_of(host, pool, "resv_hugepages");
	pool->overcommit = count_of(host, pool, "nr_overcommit_hugepages");
}

/* ---- arithmetic ---------------------------------------------------------- */

/*
 * The largest block of the buddy allocator has 2^n base pages; /proc/buddyinfo
 * has a column for each order up to n. 10 unless it says otherwise.
 */
static unsigned largest_order(struct hvo_host *host)
{
	size_t length;
	char *text = hvo_host_read(host, "/proc/buddyinfo", &length);
	const char *p = text ? strstr(text, ", zone") : NULL;
	unsigned columns = 0;
	uint64_t n;

	if (p) {
		p += strlen(", zone");
		p += strspn(p, " ");
		p += strcspn(p, " \n");
	}
	while (p) {
		p += strspn(p, " ");
		if (!hvo_text_number(&p, &n))
			break;
		columns++;
	}
	free(text);
	return columns && columns <= 32 ? columns - 1 : 10;
}

/* Linux optimizes only where a page is filled by a power of two of them. */
static bool can_optimize(const struct hvo_geometry *g, unsigned order)
{
	return hvo_is_power_of_2(g->record) && hvo_order_optimizable(g, order);
}

/* How many pages a huge page keeps, by generation. */
static struct hvo_host_figure kept_pages(const struct hvo_host_status *s)
{
	if (s->encoding == HVO_HOST_ENCODING_INFO)
		return hvo_host_derived(1, "shared tails (compound_info)");
	if (hvo_host_since(s, 5, 18))
		return hvo_host_derived(1, "fake heads (since 5.18)");
	if (hvo_host_since(s, 5, 14))
		return hvo_host_derived(2, "reserve two (5.14 to 5.17)");
	if (!s->version[0] && s->support == HVO_HOST_SUPPORT_YES)
		return hvo_host_derived(1, "fake heads (before the switch)");
	return hvo_host_unknown("the kernel's version",
				"it is unknown, or has no HVO");
}

static void work_out(const struct hvo_host_status *s,
		     const struct hvo_geometry *g, struct hvo_host_pool *pool)
{
	unsigned order = (unsigned)__builtin_ctzll(pool->size >> g->page_shift);
	uint64_t pages = hvo_folio_pages(g, order);

	pool->vmemmap_pages =
	    hvo_host_derived(pages, "size / base page x struct page");
	pool->full_bytes =
	    hvo_host_times(&pool->total, hvo_folio_bytes(g, order),
			   "total x descriptors' bytes");
	if (!can_optimize(g, order)) {
		pool->kept_pages =
		    hvo_host_derived(pages, "this size cannot be optimized");
		pool->optimized_bytes = pool->full_bytes;
		return;
	}
	pool->kept_pages = kept_pages(s);
	if (hvo_host_known(&pool->kept_pages))
		pool->optimized_bytes = hvo_host_times(
		    &pool->total, pool->kept_pages.value << g->page_shift,
		    "total x kept pages");
	else
		pool->optimized_bytes = pool->kept_pages;
}

static void no_arithmetic(struct hvo_host_pool *pool, const char *why)
{
	struct hvo_host_figure none =
	    hvo_host_unknown("size / base page x struct page", why);

	pool->vmemmap_pages = pool->kept_pages = none;
	pool->full_bytes = pool->optimized_bytes = none;
}

static void read_pool(struct hvo_host *host, const struct hvo_host_status *s,
		      unsigned largest, struct hvo_host_pool *pool)
{
	struct hvo_geometry g;

	read_counts(host, pool);
	if (!hvo_host_geometry(s, &g)) {
		no_arithmetic(pool, "the base page, or struct page, is "
				    "unknown");
		return;
	}
	if (!hvo_is_power_of_2(pool->size) || pool->size < hvo_page_size(&g) ||
	    pool->size > UINT64_C(1) << HVO_MAX_FOLIO_SHIFT) {
		no_arithmetic(pool, "no huge page has that size");
		return;
	}
	pool->gigantic = pool->size > hvo_page_size(&g) << largest;
	work_out(s, &g, pool);
}

/* ---- which there are ----------------------------------------------------- */

static void add_pool(struct hvo_host *host, struct hvo_host_status *s,
		     uint64_t kib, int node)
{
	struct hvo_host_pool *grown =
	    reallocarray(s->pools, s->n_pools + 1, sizeof(*grown));

	if (!grown) {
		host->no_memory = true;
		return;
	}
	s->pools = grown;
	grown[s->n_pools++] =
	    (struct hvo_host_pool){.size = kib << 10, .node = node};
}

/* All sizes of the host (node -1) or of one of its nodes. */
static void add_pools(struct hvo_host *host, struct hvo_host_status *s,
		      const char *path, int node)
{
	size_t count;
	uint64_t *sizes =
	    hvo_host_list_numbers(host, path, "hugepages-", "kB", &count);

	for (size_t i = 0; i < count && i < MAX_SIZES; i++)
		if (sizes[i] && sizes[i] <= UINT64_MAX >> 10)
			add_pool(host, s, sizes[i], node);
	free(sizes);
}

static void add_nodes(struct hvo_host *host, struct hvo_host_status *s)
{
	size_t count;
	uint64_t *nodes =
	    hvo_host_list_numbers(host, NODES, "node", "", &count);

	for (size_t i = 0; i < count && nodes[i] < MAX_NODES; i++) {
		char path[64];

		snprintf(path, sizeof(path), NODES "/node%d/hugepages",
			 (int)nodes[i]);
		add_pools(host, s, path, (int)nodes[i]);
	}
	free(nodes);
}

/* By size, the whole before its nodes. */
static int by_size(const void *a, const void *b)
{
	const struct hvo_host_pool *x = a, *y = b;

	if (x->size != y->size)
		return x->size < y->size ? -1 : 1;
	return (x->node > y->node) - (x->node < y->node);
}

void hvo_host_read_pools(struct hvo_host *host, struct hvo_host_status *s)
{
	unsigned largest = largest_order(host);

	add_pools(host, s, POOLS, -1);
	add_nodes(host, s);
	if (s->n_pools)
		qsort(s->pools, s->n_pools, sizeof(*s->pools), by_size);
	for (size_t i = 0; i < s->n_pools; i++)
		read_pool(host, s, largest, &s->pools[i]);
}
