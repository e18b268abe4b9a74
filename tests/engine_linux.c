/* SPDX-License-Identifier: MIT */
/*
 * The harness on the Linux port. Failures are made between the engine and the
 * port: the program is linked with --wrap for the calls that may fail.
 */
#include "engine.h"

#include <inttypes.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include "hvo_linux.h"

struct engine_port {
	struct hvo_linux *linux_port;
};

const char engine_port_name[] = "linux";
const unsigned engine_archs = 1;

const char *engine_arch_name(unsigned arch)
{
	(void)arch;
	return "host";
}

bool engine_splits_live(unsigned arch)
{
	(void)arch;
	return true;
}

/* Failures to order: calls seen, and the one from which on they fail. */
static struct {
	_Atomic uint64_t calls;
	_Atomic uint64_t failed;
	uint64_t nth; /* set while no other thread runs, like sticky */
	bool sticky;
} failures;

static bool is_due(void *ctx)
{
	(void)ctx;

	uint64_t call = atomic_fetch_add(&failures.calls, 1) + 1;
	bool now = failures.nth && (failures.sticky ? call >= failures.nth
						    : call == failures.nth);

	if (now)
		atomic_fetch_add(&failures.failed, 1);
	return now;
}

void engine_fail(struct engine *e, uint64_t nth, bool sticky)
{
	(void)e;
	failures.calls = 0;
	failures.failed = 0;
	failures.nth = nth;
	failures.sticky = sticky;
}

uint64_t engine_failed(struct engine *e)
{
	(void)e;
	return failures.failed;
}

bool engine_alloc_fails(void)
{
	return is_due(NULL);
}

/*
 * The test library puts handlers of its own in place for each test, its setup
 * and its teardown; the port installs its only once. So remember the port's
 * and put it back.
 */
static bool catch_faults(void)
{
	static struct sigaction segv, bus;
	static bool installed;

	if (!installed) {
		installed = !hvo_linux_catch_faults() &&
			    !sigaction(SIGSEGV, NULL, &segv) &&
			    !sigaction(SIGBUS, NULL, &bus);
		return installed;
	}
	return !sigaction(SIGSEGV, &segv, NULL) &&
	       !sigaction(SIGBUS, &bus, NULL);
}

void engine_port_open(struct engine *e, const struct engine_config *config)
{
	struct hvo_linux_config linux_config = {
	    .page_shift = config->page_shift,
	    .record = config->record.size,
	    .pfn_first = config->pfn_first,
	    .pfn_end = config->pfn_end,
	    .domains = config->domains,
	    .window_pages = config->window_pages,
	};
	char message[256] = "no memory";

	e->port = calloc(1, sizeof(*e->port));
	if (e->port)
		e->port->linux_port =
		    hvo_linux_open(&linux_config, message, sizeof(message));
	if (!e->port || !e->port->linux_port || !catch_faults()) {
		fprintf(stderr, "harness: %s\n", message);
		abort();
	}
	hvo_linux_ask(e->port->linux_port, is_due, NULL);
	e->config.port = hvo_linux_port(e->port->linux_port);
	e->config.base = hvo_linux_base(e->port->linux_port);
	e->config.described = hvo_linux_described(e->port->linux_port);
	e->source = hvo_linux_frames(e->port->linux_port);
	e->frame_end = hvo_linux_frame_end(e->port->linux_port);
	engine_fail(e, 0, false);
}

void engine_port_close(struct engine *e)
{
	hvo_linux_close(e->port->linux_port);
	free(e->port);
}

uint64_t engine_load(struct engine *e, uintptr_t va)
{
	(void)e;
	return *(volatile uint64_t *)va;
}

void engine_store(struct engine *e, uintptr_t va, uint64_t value)
{
	(void)e;
	*(volatile uint64_t *)va = value;
}

bool engine_write_faults(struct engine *e, uintptr_t va)
{
	(void)e;
	return catch_faults() && hvo_linux_write_faults((void *)va);
}

uint64_t engine_handed_out(struct engine *e)
{
	return hvo_linux_handed_out(e->port->linux_port) >>
	       e->config.page_shift;
}

/* The operating system's view against the port's. */
const char *engine_port_wrong(struct engine *e)
{
	static char complaint[160];
	struct hvo_linux *linux_port = e->port->linux_port;
	uint64_t page = 0;
	int64_t wrong = hvo_linux_audit(linux_port, &page);

	if (wrong) {
		snprintf(complaint, sizeof(complaint),
			 "audit: %" PRId64 " pages, first %" PRIu64, wrong,
			 page);
		return complaint;
	}

	uint64_t handed_out = hvo_linux_handed_out(linux_port);
	uint64_t measured = hvo_linux_measured(linux_port);

	if (measured == handed_out || (e->hosted && measured > handed_out))
		return NULL;
	snprintf(complaint, sizeof(complaint),
		 "%" PRIu64 " bytes measured, %" PRIu64 " handed out", measured,
		 handed_out);
	return complaint;
}

uint64_t engine_port_digest(struct engine *e)
{
	struct hvo_linux *linux_port = e->port->linux_port;
	uint64_t hash = engine_hash(2, hvo_linux_handed_out(linux_port));

	if (!e->hosted)
		hash = engine_hash(hash, hvo_linux_measured(linux_port));
	for (uint64_t page = 0; page < engine_pages(e); page++) {
		void *va = (void *)engine_page_va(e, page);
		struct hvo_translation t =
		    hvo_port_translate(e->config.port, va);

		hash = engine_hash(hash, t.frame.nr);
		hash = engine_hash(hash, t.prot);
		if (t.prot != HVO_PROT_NONE)
			hash = engine_hash_bytes(
			    hash, va, (size_t)1 << e->config.page_shift);
	}
	return hash;
}
