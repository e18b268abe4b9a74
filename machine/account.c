/* SPDX-License-Identifier: MIT */
/*
 * Owns the account of which pages are backed.
 *
 * A page's bit is set after the host has backed it and cleared before the
 * host has it back. Both are under the lock, the system calls are not: the
 * manager never has two calls for the same page under way.
 */
#include <stdlib.h>
#include "private.h"

int hvo_machine_account_init(struct hvo_machine *machine, uint64_t frames)
{
	struct hvo_machine_account *a = &machine->account;

	pthread_mutex_init(&a->lock, NULL);
	a->bits = calloc(frames / 8 + 1, 1);
	return a->bits ? 0 : -HVO_ENOMEM;
}

void hvo_machine_account_fini(struct hvo_machine *machine)
{
	pthread_mutex_destroy(&machine->account.lock);
	free(machine->account.bits);
}

/* Make the bits of a run so; each must have been the reverse. */
static void enter(struct hvo_machine_account *a, struct hvo_run run,
		  bool backed)
{
	uint64_t end = run.first.nr + run.count;

	pthread_mutex_lock(&a->lock);
	for (uint64_t nr = run.first.nr; nr < end; nr++) {
		if ((a->bits[nr / 8] >> nr % 8 & 1) == backed && !a->wrong) {
			a->wrong = true;
			a->wrong_page = nr;
		}
		a->bits[nr / 8] ^= (unsigned char)(1u << nr % 8);
	}
	a->pages += backed ? run.count : -run.count;
	pthread_mutex_unlock(&a->lock);
}

/* ---- backing ------------------------------------------------------------ */

int hvo_machine_commit(void *ctx, struct hvo_run run)
{
	struct hvo_machine *machine = ctx;
	int err = hvo_machine_due(&machine->backing)
		      ? -HVO_ENOMEM
		      : hvo_linux_commit(machine->port, run);

	if (!err)
		enter(&machine->account, run, true);
	return err;
}

void hvo_machine_uncommit(void *ctx, struct hvo_run run)
{
	struct hvo_machine *machine = ctx;

	enter(&machine->account, run, false);
	hvo_linux_uncommit(machine->port, run);
}

uint64_t hvo_machine_backed(const struct hvo_machine *machine)
{
	/* The lock is no part of what the machine is. */
	struct hvo_machine_account *a =
	    (struct hvo_machine_account *)&machine->account;
	uint64_t pages;

	pthread_mutex_lock(&a->lock);
	pages = a->pages;
	pthread_mutex_unlock(&a->lock);
	return pages;
}

uint64_t hvo_machine_measured(const struct hvo_machine *machine)
{
	return hvo_linux_measured(machine->port);
}
