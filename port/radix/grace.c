/* SPDX-License-Identifier: MIT */
/*
 * Grace periods. Each CPU says in which period its read-side section began;
 * hvo_port_synchronize() begins a new period and waits until no section of an
 * earlier one is left. A CPU is a thread of control: nothing interrupts a
 * section with another one.
 */
#include "state.h"

void hvo_port_read_begin(struct hvo_port *port)
{
	struct radix_reader *reader = &port->reader[hvo_radix_cpu()];

	if (reader->nested++)
		return;
	atomic_store_explicit(
	    &reader->since,
	    atomic_load_explicit(&port->period, memory_order_relaxed),
	    memory_order_relaxed);
	/* What the section reads is read after it can be seen. */
	atomic_thread_fence(memory_order_seq_cst);
}

void hvo_port_read_end(struct hvo_port *port)
{
	struct radix_reader *reader = &port->reader[hvo_radix_cpu()];

	if (--reader->nested == 0)
		atomic_store_explicit(&reader->since, 0, memory_order_release);
}

static bool is_inside(struct radix_reader *reader, uint64_t period)
{
	uint64_t since =
	    atomic_load_explicit(&reader->since, memory_order_acquire);

	return since && since < period;
}

void hvo_port_synchronize(struct hvo_port *port)
{
	uint64_t period = atomic_fetch_add(&port->period, 1) + 1;

	atomic_thread_fence(memory_order_seq_cst);
	for (unsigned i = 0; i < port->config.cpus; i++)
		while (is_inside(&port->reader[i], period))
			hvo_port_relax(port);
}
