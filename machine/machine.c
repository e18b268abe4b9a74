/* SPDX-License-Identifier: MIT */
/*
 * Making and unmaking a machine: the configuration is looked at, the port
 * opened, memblock told what memory there is, and the manager made from it.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include "private.h"

#define RESERVED_REGIONS 256

/* Where a sentence about an error goes. */
struct message {
	char *text;
	size_t size;
};

__attribute__((format(printf, 3, 4))) static int
bad(const struct message *message, int error, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(message->text, message->size, format, args);
	va_end(args);
	return error;
}

/* ---- the configuration -------------------------------------------------- */

static int check_range(const struct hvo_machine_config *c, unsigned i,
		       uint64_t page, const struct message *message)
{
	const struct hvo_machine_range *r = &c->range[i];

	if (!r->size)
		return bad(message, -HVO_ERANGE, "a range of memory is empty");
	if (r->base % page || r->size % page)
		return bad(message, -HVO_EALIGN,
			   "memory from %#" PRIx64 " on, %" PRIu64
			   " bytes of it, is no multiple of a base page "
			   "(%" PRIu64 ")",
			   r->base, r->size, page);
	/* Far beyond what any address space holds descriptors for. */
	if (r->base >> 52 || r->size >> 52)
		return bad(message, -HVO_ERANGE,
			   "memory at %#" PRIx64 " ends beyond 4 PiB", r->base);
	if (r->node >= HVO_NODES_MAX)
		return bad(message, -HVO_ENODE, "node %u: nodes are 0 to %d",
			   r->node, HVO_NODES_MAX - 1);
	if (i && r->base < c->range[i - 1].base + c->range[i - 1].size)
		return bad(message, -HVO_EEXIST,
			   "memory at %#" PRIx64
			   " overlaps the range before it, or lies below it",
			   r->base);
	return 0;
}

static int check_config(const struct hvo_machine_config *c, uint64_t page,
			const struct message *message)
{
	int err = 0;

	if (!c->ranges || c->ranges > HVO_MACHINE_RANGES)
		return bad(message, -HVO_ERANGE,
			   "a machine has 1 to %d ranges of memory",
			   HVO_MACHINE_RANGES);
	if (!hvo_is_power_of_2(page) || page >> HVO_PAGE_SHIFT_MIN == 0 ||
	    page >> HVO_PAGE_SHIFT_MAX > 1)
		return bad(message, -HVO_EPAGE,
			   "base pages have 4, 8, 16, 32 or 64 KiB");
	if (c->cpus > 1024)
		return bad(message, -HVO_ERANGE, "at most 1024 CPUs");
	if (c->spare >> 52)
		return bad(message, -HVO_ERANGE, "at most 4 PiB to spare");
	for (unsigned i = 0; !err && i < c->ranges; i++)
		err = check_range(c, i, page, message);
	return err;
}

static uint64_t round_up(uint64_t n, uint64_t to)
{
	return (n + to - 1) / to * to;
}

/* Runs that the scattered frames of the largest folio would need. */
static size_t enough_runs(const struct hvo_machine_config *c,
			  const struct hvo_geometry *g)
{
	uint64_t largest = 0;

	for (unsigned i = 0; i < c->ranges; i++)
		if (largest < c->range[i].size)
			largest = c->range[i].size;
	largest >>= g->page_shift;
	if (largest > UINT64_C(1) << g->max_order)
		largest = UINT64_C(1) << g->max_order;
	largest = largest * g->record >> g->page_shift;
	return largest < 4096 ? 4096 : (size_t)largest;
}

/* The nodes' ends, cut where MOVABLE memory begins. */
static void lay_out_movable(struct hvo_machine *m,
			    const struct hvo_machine_config *c,
			    uint64_t subsection)
{
	uint64_t pages = c->movable >> m->config.page_shift;

	for (unsigned i = 0; i < HVO_NODES_MAX; i++)
		m->movable_first[i] = m->config.pfn_end;
	for (unsigned i = 0; i < c->ranges; i++) {
		const struct hvo_machine_range *r = &c->range[i];
		uint64_t first = r->base >> m->config.page_shift;
		uint64_t end = first + (r->size >> m->config.page_shift);

		if (pages)
			m->movable_first[r->node] =
			    round_up(end - first > pages ? end - pages : first,
				     subsection);
	}
}

static int lay_out(struct hvo_machine *m, const struct hvo_machine_config *c,
		   uint64_t page)
{
	const struct hvo_machine_range *last = &c->range[c->ranges - 1];
	unsigned shift = (unsigned)__builtin_ctzll(page);
	struct hvo_geometry g;
	uint64_t subsection;
	unsigned nodes = 0;
	int err = hvo_geometry_init(&g, shift, sizeof(struct hvo_page));

	if (err)
		return err;
	subsection = UINT64_C(1) << hvo_subsection_order(&g);
	for (unsigned i = 0; i < c->ranges; i++)
		if (nodes <= c->range[i].node)
			nodes = c->range[i].node + 1;
	m->config = (struct hvo_mm_config){
	    .pfn_first = (c->range[0].base >> shift) & ~(subsection - 1),
	    .pfn_end = round_up((last->base + last->size + c->spare) >> shift,
				subsection),
	    .page_shift = (uint8_t)shift,
	    .nodes = (uint8_t)nodes,
	    .cpus = (uint16_t)(c->cpus ? c->cpus : 1),
	    .dma32_end = round_up(c->dma32 >> shift, subsection),
	    .movable_first = m->movable_first,
	    .work_runs = c->work_runs ? c->work_runs : enough_runs(c, &g),
	    .backing = {m, hvo_machine_commit, hvo_machine_uncommit},
	};
	lay_out_movable(m, c, subsection);
	return 0;
}

/* ---- making it ---------------------------------------------------------- */

static int open_port(struct hvo_machine *m, const struct message *message)
{
	const struct hvo_linux_config config = {
	    .page_shift = m->config.page_shift,
	    .record = sizeof(struct hvo_page),
	    .pfn_first = m->config.pfn_first,
	    .pfn_end = m->config.pfn_end,
	    .domains = m->config.nodes * HVO_ZONES,
	};

	m->port = hvo_linux_open(&config, message->text, message->size);
	if (!m->port)
		return -HVO_ENOMEM;
	hvo_linux_ask(m->port, hvo_machine_due, &m->mappings);
	m->config.port = hvo_linux_port(m->port);
	m->config.base = hvo_linux_base(m->port);
	m->config.described = hvo_linux_described(m->port);
	m->frame_end = hvo_linux_frame_end(m->port);
	return 0;
}

static int allocate_tables(struct hvo_machine *m, const struct message *message)
{
	size_t size = hvo_mm_size(&m->config);

	if (!size)
		return bad(message, hvo_mm_validate(&m->config),
			   "no such machine: %s",
			   hvo_strerror(hvo_mm_validate(&m->config)));
	m->tables = aligned_alloc(64, round_up(size, 64));
	m->seen = calloc(m->frame_end / 8 + 1, 1);
	if (!m->tables || !m->seen || hvo_machine_account_init(m, m->frame_end))
		return bad(message, -HVO_ENOMEM,
			   "no memory for the machine's tables (%zu bytes): "
			   "give it less memory to manage",
			   size);
	return 0;
}

static int fill_memblock(struct hvo_memblock *mb,
			 const struct hvo_machine_config *c)
{
	int err = 0;

	for (unsigned i = 0; !err && i < c->ranges; i++)
		err = hvo_memblock_add_node(
		    mb, c->range[i].base, c->range[i].size,
		    (int)c->range[i].node, HVO_MEMBLOCK_NONE);
	return err;
}

static int prepare(struct hvo_machine_boot *boot,
		   const struct hvo_machine_config *c, struct hvo_memblock *mb)
{
	return c->prepare ? c->prepare(c->ctx, mb, boot) : 0;
}

static int make_manager(struct hvo_machine *m,
			const struct hvo_machine_config *c)
{
	struct hvo_memblock_region memory[2 * HVO_MACHINE_RANGES];
	struct hvo_memblock_region reserved[RESERVED_REGIONS];
	const struct hvo_memblock_config config = {
	    .memory = memory,
	    .reserved = reserved,
	    .memory_max = 2 * HVO_MACHINE_RANGES,
	    .reserved_max = RESERVED_REGIONS,
	    .page_shift = m->config.page_shift,
	};
	struct hvo_machine_boot boot = {NULL, 0};
	struct hvo_memblock mb;
	int err = hvo_memblock_init(&mb, &config);

	if (!err)
		err = fill_memblock(&mb, c);
	if (!err)
		err = prepare(&boot, c, &mb);
	if (!err)
		err = hvo_mm_init(&m->mm, m->tables, &m->config, &mb,
				  boot.pages, boot.count);
	return err;
}

static void clear_watermarks(struct hvo_machine *m)
{
	for (unsigned node = 0; node < m->config.nodes; node++)
		for (unsigned t = 0; t < HVO_ZONES; t++)
			hvo_zone_set_watermarks(m->mm, node,
						(enum hvo_zone_type)t, 0, 0, 0);
}

static int build(struct hvo_machine *m, const struct hvo_machine_config *c,
		 const struct message *message)
{
	int err = open_port(m, message);

	if (!err)
		err = allocate_tables(m, message);
	if (err)
		return err;
	hvo_machine_bind(m, c);
	err = make_manager(m, c);
	if (err == -HVO_ENOMEM)
		return bad(
		    message, err,
		    "no memory for the descriptors: what the machine has that "
		    "is not movable is too little to hold them, or the "
		    "host has none left for it");
	if (err == -HVO_ERANGE)
		return bad(message, err,
			   "no range of memory has room for a subsection");
	if (err) {
		hvo_linux_explain(m->port, err, message->text, message->size);
		return err;
	}
	if (c->no_watermarks)
		clear_watermarks(m);
	return 0;
}

int hvo_machine_open(struct hvo_machine **machine,
		     const struct hvo_machine_config *config, char *message,
		     size_t size)
{
	const struct message to = {message, size};
	uint64_t page = config->base_page ? config->base_page : 4096;
	struct hvo_machine *m;
	int err = check_config(config, page, &to);

	*machine = NULL;
	if (err)
		return err;
	m = calloc(1, sizeof(*m));
	if (!m)
		return bad(&to, -HVO_ENOMEM, "no memory for a machine");
	err = lay_out(m, config, page);
	if (err)
		bad(&to, err, "%s", hvo_strerror(err));
	else
		err = build(m, config, &to);
	if (err)
		hvo_machine_close(m);
	else
		*machine = m;
	return err;
}

/* ---- unmaking it -------------------------------------------------------- */

/* Give up all descriptors and folios: nothing stays backed. */
static int give_up(struct hvo_machine *m)
{
	hvo_machine_fail(m, 0, false);
	if (hvo_mm_fini(m->mm))
		return 0;
	return m->account.wrong || hvo_machine_backed(m) ? -HVO_ECORRUPT : 0;
}

int hvo_machine_close(struct hvo_machine *machine)
{
	int err = 0;

	if (!machine)
		return 0;
	if (machine->mm)
		err = give_up(machine);
	if (machine->account.bits)
		hvo_machine_account_fini(machine);
	if (machine->port)
		hvo_linux_close(machine->port);
	free(machine->tables);
	free(machine->seen);
	free(machine);
	return err;
}

/* ---- looking ------------------------------------------------------------ */

struct hvo_mm *hvo_machine_mm(const struct hvo_machine *machine)
{
	return machine->mm;
}

struct hvo_linux *hvo_machine_port(const struct hvo_machine *machine)
{
	return machine->port;
}

unsigned hvo_machine_bound(const struct hvo_machine *machine)
{
	return machine->bound;
}
