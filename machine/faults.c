/* SPDX-License-Identifier: MIT */
/*
 * Failures to order: of requests to back pages, and of changes to mappings,
 * which the port asks about (hvo_linux_ask()).
 */
#include "private.h"

static void order(struct hvo_machine_faults *f, uint64_t nth, bool sticky,
		  uint64_t one_in)
{
	f->calls = 0;
	f->failed = 0;
	f->nth = nth;
	f->sticky = sticky;
	f->one_in = one_in;
}

/* Spread over all numbers, so that which calls fail shows no pattern. */
static uint64_t spread(uint64_t n)
{
	n *= UINT64_C(0x9e3779b97f4a7c15);
	n = (n ^ n >> 32) * UINT64_C(0xd6e8feb86659fd93);
	return n ^ n >> 32;
}

bool hvo_machine_due(void *faults)
{
	struct hvo_machine_faults *f = faults;
	uint64_t call = atomic_fetch_add(&f->calls, 1) + 1;
	bool now = f->nth && (f->sticky ? call >= f->nth : call == f->nth);

	if (f->one_in)
		now = spread(call) % f->one_in == 0;
	if (now)
		atomic_fetch_add(&f->failed, 1);
	return now;
}

void hvo_machine_fail(struct hvo_machine *machine, uint64_t nth, bool sticky)
{
	order(&machine->backing, nth, sticky, 0);
	order(&machine->mappings, 0, false, 0);
}

void hvo_machine_fail_mappings(struct hvo_machine *machine, uint64_t nth,
			       bool sticky)
{
	order(&machine->backing, 0, false, 0);
	order(&machine->mappings, nth, sticky, 0);
}

void hvo_machine_fail_often(struct hvo_machine *machine, uint64_t one_in)
{
	order(&machine->backing, 0, false, one_in);
	order(&machine->mappings, 0, false, one_in);
}

uint64_t hvo_machine_failed(const struct hvo_machine *machine)
{
	return machine->backing.failed + machine->mappings.failed;
}
