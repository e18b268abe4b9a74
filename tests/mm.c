/* SPDX-License-Identifier: MIT */
/* The harness of the memory manager's tests. */
#include "mm.h"

#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static _Noreturn void stop(const char *what)
{
	fprintf(stderr, "harness: %s\n", what);
	abort();
}

static void *must(void *memory)
{
	if (!memory)
		stop("no memory");
	return memory;
}

/* ---- failures to order -------------------------------------------------- */

static struct {
	_Atomic uint64_t calls;
	_Atomic uint64_t failed;
	uint64_t nth; /* set while no other thread runs, like sticky */
	bool sticky;
	uint64_t one_in;
} failures;

void machine_fail(uint64_t nth, bool sticky)
{
	failures.calls = 0;
	failures.failed = 0;
	failures.nth = nth;
	failures.sticky = sticky;
	failures.one_in = 0;
}

void machine_fail_often(uint64_t one_in)
{
	machine_fail(0, false);
	failures.one_in = one_in;
}

uint64_t machine_failed(void)
{
	return failures.failed;
}

static bool is_due(void *ctx)
{
	(void)ctx;

	uint64_t call = atomic_fetch_add(&failures.calls, 1) + 1;
	bool now = failures.nth && (failures.sticky ? call >= failures.nth
						    : call == failures.nth);

	if (failures.one_in)
		now = machine_random(&call) % failures.one_in == 0;
	if (now)
		atomic_fetch_add(&failures.failed, 1);
	return now;
}

/* ---- backing ---------------------------------------------------------- */

static struct {
	pthread_mutex_t lock;
	unsigned char *bits; /* one for each page */
	uint64_t pages;      /* set */
} backed = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void flip(struct hvo_run run, bool value)
{
	pthread_mutex_lock(&backed.lock);
	for (uint64_t nr = run.first.nr; nr < run.first.nr + run.count; nr++) {
		if ((backed.bits[nr / 8] >> nr % 8 & 1) == value)
			stop(value ? "a page is backed twice"
				   : "a page was not backed");
		backed.bits[nr / 8] ^= (unsigned char)(1u << nr % 8);
	}
	backed.pages += value ? run.count : -run.count;
	pthread_mutex_unlock(&backed.lock);
}

static int commit(void *ctx, struct hvo_run run)
{
	int err = is_due(NULL) ? -HVO_ENOMEM : hvo_linux_commit(ctx, run);

	if (!err)
		flip(run, true);
	return err;
}

static void uncommit(void *ctx, struct hvo_run run)
{
	flip(run, false);
	hvo_linux_uncommit(ctx, run);
}

/* ---- faults ------------------------------------------------------------- */

/*
 * cmocka puts a handler of its own in place before each test: what the port
 * has installed is put back when it is needed.
 */
bool machine_write_faults(void *va)
{
	static struct sigaction handler;
	static bool installed;
	struct sigaction before;
	bool faults;

	if (!installed &&
	    (hvo_linux_catch_faults() || sigaction(SIGSEGV, NULL, &handler)))
		stop("no signal handler");
	installed = true;
	sigaction(SIGSEGV, &handler, &before);
	faults = hvo_linux_write_faults(va);
	sigaction(SIGSEGV, &before, NULL);
	return faults;
}

/* ---- a machine -------------------------------------------------------- */

static uint64_t or_else(uint64_t value, uint64_t otherwise)
{
	return value ? value : otherwise;
}

static void open_port(struct machine *m)
{
	char message[256];
	struct hvo_linux_config config = {
	    .page_shift = m->config.page_shift,
	    .record = sizeof(struct hvo_page),
	    .pfn_first = m->config.pfn_first,
	    .pfn_end = m->config.pfn_end,
	    .domains = m->config.nodes * HVO_ZONES,
	};

	m->port = hvo_linux_open(&config, message, sizeof(message));
	if (!m->port)
		stop(message);
	hvo_linux_ask(m->port, is_due, NULL);
	m->config.port = hvo_linux_port(m->port);
	m->config.base = hvo_linux_base(m->port);
	m->config.described = hvo_linux_described(m->port);
	m->config.backing = (struct hvo_mm_backing){m->port, commit, uncommit};
	m->frame_end = hvo_linux_frame_end(m->port);
	m->seen = must(calloc(m->frame_end / 8 + 1, 1));
	free(backed.bits);
	backed.bits = must(calloc(m->frame_end / 8 + 1, 1));
	backed.pages = 0;
}

static void fill_memblock(struct machine *m, const struct machine_config *c,
			  uint64_t node_pages)
{
	const struct hvo_memblock_config config = {
	    .memory = m->memory,
	    .reserved = m->reserved,
	    .memory_max = 64,
	    .reserved_max = 256,
	    .page_shift = m->config.page_shift,
	};
	unsigned shift = m->config.page_shift;
	int err = hvo_memblock_init(&m->memblock, &config);

	for (unsigned n = 0; n < m->config.nodes; n++)
		err |= hvo_memblock_add_node(
		    &m->memblock,
		    (m->config.pfn_first + n * node_pages) << shift,
		    node_pages << shift, (int)n, HVO_MEMBLOCK_NONE);
	for (size_t i = 0; i < c->page_count; i++)
		err |= hvo_memblock_reserve(
		    &m->memblock, c->pages[i].pfn << shift,
		    UINT64_C(1) << (c->pages[i].order + shift));
	if (err)
		stop("memblock");
	if (c->prepare)
		c->prepare(&m->memblock);
}

struct machine *machine_try(const struct machine_config *c)
{
	struct machine *m = must(calloc(1, sizeof(*m)));
	uint64_t node_pages = or_else(c->node_pages, 16384);
	size_t size;

	m->config = (struct hvo_mm_config){
	    .pfn_first = c->pfn_first,
	    .page_shift = (uint8_t)or_else(c->page_shift, 12),
	    .nodes = (uint8_t)or_else(c->nodes, 1),
	    .cpus = (uint16_t)or_else(c->cpus, 2),
	    .distance = c->distance,
	    .dma32_end = c->dma32_end,
	    .movable_first = m->movable_first,
	    .work_runs = c->work_runs,
	};
	m->config.pfn_end =
	    c->pfn_first + m->config.nodes * node_pages + c->spare_pages;
	for (unsigned n = 0; n < m->config.nodes; n++)
		m->movable_first[n] =
		    c->pfn_first + (n + 1) * node_pages - c->movable_pages;
	open_port(m);
	fill_memblock(m, c, node_pages);
	size = hvo_mm_size(&m->config);
	m->tables = size ? must(aligned_alloc(64, size)) : NULL;
	/* init must not rely on what is there */
	if (size)
		memset(m->tables, 0xa5, size);
	m->error = size ? hvo_mm_init(&m->mm, m->tables, &m->config,
				      &m->memblock, c->pages, c->page_count)
			: hvo_mm_validate(&m->config);
	for (unsigned n = 0; m->mm && n < m->config.nodes; n++)
		for (unsigned t = 0; !c->watermarks && t < HVO_ZONES; t++)
			hvo_zone_set_watermarks(m->mm, n, (enum hvo_zone_type)t,
						0, 0, 0);
	return m;
}

struct machine *machine_open(const struct machine_config *config)
{
	struct machine *m = machine_try(config);

	if (!m->mm)
		stop(hvo_strerror(m->error));
	if (machine_wrong(m))
		stop(machine_wrong(m));
	return m;
}

void machine_close(struct machine *m)
{
	machine_fail(0, false);
	if (m->mm) {
		struct hvo_vmemmap_stats s;

		if (machine_wrong(m))
			stop(machine_wrong(m));
		if (hvo_mm_fini(m->mm))
			stop("cannot be given up");
		hvo_vmemmap_stats(hvo_mm_vmemmap(m->mm), &s);
		if (s.frames_owned || s.frames_shared || s.pages_present)
			stop("frames are left");
		if (backed.pages)
			stop("pages are backed that nobody has");
	}
	hvo_linux_close(m->port);
	free(m->tables);
	free(m->seen);
	free(m);
}

/* ---- looking ---------------------------------------------------------- */

static void print(void *ctx, const char *line)
{
	(void)ctx;
	fprintf(stderr, "# %s\n", line);
}

static const char *complain(struct machine *m, const char *text)
{
	static char copy[320];

	snprintf(copy, sizeof(copy), "%s", text);
	fprintf(stderr, "# %s\n", copy);
	hvo_mm_dump(m->mm, print, NULL);
	return copy;
}

const char *machine_wrong(struct machine *m)
{
	const struct hvo_check_options options = {
	    .seen = m->seen,
	    .frame_end = m->frame_end,
	};
	struct hvo_mm_finding f;
	uint64_t page = 0;
	char text[320];

	if (hvo_mm_check(m->mm, &options, &f)) {
		snprintf(text, sizeof(text),
			 "%s: pfn %#" PRIx64 ", expected %#" PRIx64
			 ", found %#" PRIx64 "%s%s; engine: %s %s",
			 hvo_mm_violation_text(f.violation), f.pfn, f.expected,
			 f.found, f.what ? ", " : "", f.what ? f.what : "",
			 hvo_violation_text(f.engine.violation),
			 f.engine.what ? f.engine.what : "");
		return complain(m, text);
	}
	if (hvo_linux_audit(m->port, &page))
		return complain(m, "the port's table is not the kernel's");
	if (hvo_linux_measured(m->port) != backed.pages
					       << m->config.page_shift) {
		snprintf(text, sizeof(text),
			 "%" PRIu64 " bytes measured, %" PRIu64 " pages backed",
			 hvo_linux_measured(m->port), backed.pages);
		return complain(m, text);
	}
	return NULL;
}

uint64_t machine_owned(struct machine *m, enum hvo_owner owner)
{
	struct hvo_mm_stats s;

	hvo_mm_stats(m->mm, &s);
	return s.owner[owner];
}

uint64_t machine_free(struct machine *m)
{
	return machine_owned(m, HVO_OWNER_FREE) +
	       machine_owned(m, HVO_OWNER_CACHE);
}

/* FNV-1a over words. */
static uint64_t mix(uint64_t hash, uint64_t word)
{
	for (int i = 0; i < 8; i++)
		hash = (hash ^ (word >> 8 * i & 0xff)) * 0x100000001b3;
	return hash;
}

static uint64_t mix_page(uint64_t hash, hvo_pfn_t pfn,
			 const struct hvo_page *page)
{
	hash = mix(hash, pfn);
	hash = mix(hash, atomic_load(&page->flags));
	hash = mix(hash, atomic_load(&page->compound_info));
	hash = mix(hash, page->data);
	hash = mix(hash, atomic_load(&page->refcount));
	return mix(hash, page->order);
}

static uint64_t mix_map(uint64_t hash, struct machine *m)
{
	struct hvo_vmemmap_stats s;

	hvo_vmemmap_stats(hvo_mm_vmemmap(m->mm), &s);
	hash = mix(hash, s.pages_present);
	hash = mix(hash, s.frames_owned);
	hash = mix(hash, s.frames_hosted);
	hash = mix(hash, s.frames_shared);
	return mix(hash, s.pages_optimized);
}

uint64_t machine_digest(struct machine *m)
{
	uint64_t hash = mix_map(UINT64_C(0xcbf29ce484222325), m);
	struct hvo_mm_stats s;
	hvo_pfn_t pfn = m->config.pfn_first;

	hvo_mm_stats(m->mm, &s);
	hash = mix(hash, s.present);
	hash = mix(hash, s.poisoned);
	hash = mix(hash, s.unrecoverable);
	hash = mix(hash, s.hosts);
	hash = mix(hash, s.deferred);
	for (unsigned i = 0; i < HVO_OWNERS; i++)
		if (i != HVO_OWNER_FREE && i != HVO_OWNER_CACHE)
			hash = mix(hash, s.owner[i]);
	hash = mix(hash, machine_free(m));
	hash = mix(hash, backed.pages);
	while (pfn < m->config.pfn_end) {
		const struct hvo_page *page = hvo_mm_page(m->mm, pfn);

		if (!hvo_pfn_valid(hvo_mm_vmemmap(m->mm), pfn)) {
			pfn++;
		} else if (atomic_load(&page->flags) &
			   (HVO_PAGE_FREE | HVO_PAGE_CACHE)) {
			pfn += UINT64_C(1) << page->order;
		} else {
			hash = mix_page(hash, pfn, page);
			pfn++;
		}
	}
	return hash;
}

/* ---- doing ------------------------------------------------------------ */

struct hvo_page *machine_alloc(struct machine *m, unsigned order,
			       unsigned flags)
{
	const struct hvo_alloc alloc = {
	    .order = order,
	    .limit = HVO_ZONE_MOVABLE,
	    .flags = flags,
	};
	struct hvo_page *folio;
	int err = hvo_folio_alloc(m->mm, &alloc, &folio);

	if (err)
		stop(hvo_strerror(err));
	return folio;
}

size_t machine_exhaust(struct machine *m, unsigned order, unsigned flags,
		       struct hvo_page **folios, size_t most)
{
	const struct hvo_alloc alloc = {
	    .order = order,
	    .limit = HVO_ZONE_MOVABLE,
	    .flags = flags,
	};
	size_t done;

	hvo_folio_alloc_bulk(m->mm, &alloc, most, folios, &done);
	return done;
}

unsigned machine_min_order(void)
{
	struct hvo_geometry g;

	if (hvo_geometry_init(&g, 12, sizeof(struct hvo_page)))
		stop("no geometry");
	return g.min_order;
}

uint64_t machine_random(uint64_t *state)
{
	uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}
