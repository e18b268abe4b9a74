/* SPDX-License-Identifier: MIT */
/*
 * The port made, fed with pages for tables, and counted.
 */
#include "state.h"

size_t hvo_radix_size(const struct hvo_radix_config *config)
{
	return sizeof(struct hvo_port) +
	       config->cpus * sizeof(struct radix_reader);
}

struct hvo_port *hvo_radix_init(void *memory,
				const struct hvo_radix_config *config)
{
	struct hvo_port *port = memory;

	memset(port, 0, hvo_radix_size(config));
	port->config = *config;
	port->traits = (struct hvo_port_traits){
	    .equal_bytes = HVO_ENTRY_EQUAL_BYTES,
	    .window_pages = 1,
	    .block_pages = HVO_ENTRY_BLOCK ? RADIX_ENTRIES : 0,
	};
	atomic_init(&port->period, 1);
	return port;
}

uint64_t hvo_radix_tables(const struct hvo_radix_config *config)
{
	uintptr_t first = config->window;
	uintptr_t last = first + (config->window_size - 1);
	uint64_t tables = 0;

	for (unsigned level = 1; level <= RADIX_TOP; level++)
		tables +=
		    last / radix_span(level) - first / radix_span(level) + 1;
	return tables;
}

void hvo_radix_feed(struct hvo_port *port, struct hvo_run run)
{
	for (uint64_t i = 0; i < run.count; i++)
		radix_give_table(
		    port, hvo_port_frame(port, hvo_frame_add(run.first, i)));
}

/* ---- counting ------------------------------------------------------------ */

/* What an entry adds, and how far to the next one. */
static uintptr_t count_entry(struct hvo_port *port, uintptr_t va,
			     struct hvo_radix_stats *stats)
{
	struct radix_place place = radix_walk(port, va);

	if (entry_present(radix_load(place.entry))) {
		stats->pages += place.level == 0;
		stats->blocks += place.level != 0;
	}
	return radix_span(place.level);
}

/* Tables of one level: those that entries of the level above it lead to. */
static uint64_t count_tables(struct hvo_port *port, unsigned level)
{
	uintptr_t end = port->config.window + port->config.window_size;
	uint64_t tables = 0;

	for (uintptr_t va = port->config.window; va < end;
	     va = (va & -radix_span(level + 1)) + radix_span(level + 1))
		tables += radix_walk(port, va).level <= level;
	return tables;
}

static uint64_t count_spare(struct hvo_port *port)
{
	uint64_t pages = 0;

	hvo_lock_acquire(&port->lock, port);
	for (struct radix_spare *p = port->spare; p; p = p->next)
		pages++;
	hvo_lock_release(&port->lock);
	return pages;
}

void hvo_radix_stats(struct hvo_port *port, struct hvo_radix_stats *stats)
{
	uintptr_t end = port->config.window + port->config.window_size;

	*stats = (struct hvo_radix_stats){
	    .spare = count_spare(port),
	    .flushes = atomic_load(&port->flushes),
	};
	for (unsigned level = 0; level < RADIX_TOP; level++)
		stats->tables += count_tables(port, level);
	for (uintptr_t va = port->config.window; va < end;) {
		uintptr_t span = count_entry(port, va, stats);

		va = (va & -span) + span;
	}
}
