/* SPDX-License-Identifier: MIT */
/* The check of a whole machine, and what errors mean in one. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "private.h"

/* ---- the check ---------------------------------------------------------- */

static void tell_finding(const struct hvo_mm_finding *f, char *message,
			 size_t size)
{
	const char *what = f->what ? f->what : "";
	const char *text = hvo_mm_violation_text(f->violation);
	uint64_t expected = f->expected, found = f->found;

	if (f->violation == HVO_MM_ENGINE) {
		text = hvo_violation_text(f->engine.violation);
		what = f->engine.what ? f->engine.what : "";
		expected = f->engine.expected;
		found = f->engine.found;
	}
	snprintf(message, size,
		 "%s%s%s: pfn %" PRIu64 ", expected %#" PRIx64
		 ", found %#" PRIx64,
		 text, *what ? ": " : "", what, f->pfn, expected, found);
}

static int check_accounts(struct hvo_machine *m, char *message, size_t size)
{
	uint64_t measured = hvo_machine_measured(m);
	uint64_t counted = hvo_machine_backed(m) << m->config.page_shift;
	uint64_t page;

	if (m->account.wrong)
		snprintf(message, size,
			 "a page was backed twice, or given back twice: "
			 "frame %" PRIu64,
			 m->account.wrong_page);
	else if (hvo_linux_audit(m->port, &page))
		snprintf(message, size,
			 "the port's table of mappings is not the kernel's");
	else if (measured != counted)
		snprintf(message, size,
			 "the operating system measures %" PRIu64
			 " bytes in use, the machine counts %" PRIu64,
			 measured, counted);
	else
		return 0;
	return -HVO_ECORRUPT;
}

int hvo_machine_check(struct hvo_machine *machine, char *message, size_t size)
{
	const struct hvo_check_options options = {
	    .seen = machine->seen,
	    .frame_end = machine->frame_end,
	};
	struct hvo_mm_finding finding;

	if (!hvo_mm_check(machine->mm, &options, &finding))
		return check_accounts(machine, message, size);
	tell_finding(&finding, message, size);
	return -HVO_ECORRUPT;
}

/* ---- errors ------------------------------------------------------------- */

struct error {
	const char *name;
	const char *text; /* where hvo_strerror() says too little */
};

static const struct error errors[HVO_ERRORS] = {
    [HVO_OK] = {"OK", NULL},
    [HVO_ENOMEM] = {"ENOMEM", NULL},
    [HVO_EMAPPINGS] = {"EMAPPINGS", NULL},
    [HVO_EALIGN] = {"EALIGN", "not aligned: ranges are whole subsections, "
			      "folios lie at a multiple of their size"},
    [HVO_EORDER] = {"EORDER", "the size is too large for a folio, or too "
			      "small for what was asked"},
    [HVO_ERANGE] = {"ERANGE", "the range is empty, or outside the machine's "
			      "address space"},
    [HVO_EABSENT] = {"EABSENT", "there is no memory, or it is offline"},
    [HVO_EEXIST] = {"EEXIST", "it is there already"},
    [HVO_ESTATE] = {"ESTATE", "not in the state that this starts from"},
    [HVO_EBUSY] = {"EBUSY",
		   "a page of it is in use, reserved, or in other hands"},
    [HVO_EDOMAIN] = {"EDOMAIN", "the range crosses zones, or is the wrong "
				"zone's"},
    [HVO_EDIRTY] = {"EDIRTY", "a bad page, or something written in a tail, "
			      "would be lost"},
    [HVO_EWORK] = {"EWORK", "the workspace is too small for one folio"},
    [HVO_ERECORD] = {"ERECORD", NULL},
    [HVO_EPAGE] = {"EPAGE", NULL},
    [HVO_ENOHOST] = {"ENOHOST", NULL},
    [HVO_EBLOCK] = {"EBLOCK", NULL},
    [HVO_ECORRUPT] = {"ECORRUPT", NULL},
    [HVO_ENODE] = {"ENODE", NULL},
};

static unsigned code_of(int error)
{
	return error < 0 ? 0u - (unsigned)error : (unsigned)error;
}

const char *hvo_machine_error_name(int error)
{
	unsigned code = code_of(error);

	return code < HVO_ERRORS ? errors[code].name : "unknown";
}

int hvo_machine_error(const char *name)
{
	for (int code = 1; code < HVO_ERRORS; code++)
		if (!strcmp(errors[code].name, name))
			return -code;
	return 0;
}

static void explain_memory(const struct hvo_machine *m, char *message,
			   size_t size)
{
	struct hvo_mm_stats s;

	hvo_mm_stats(m->mm, &s);
	if (hvo_machine_failed(m)) {
		snprintf(message, size,
			 "no memory: a failure was ordered, and happened");
		return;
	}
	snprintf(message, size,
		 "no memory for it where it may come from: %" PRIu64
		 " of %" PRIu64 " base pages are free, on all nodes; free "
		 "something, or make the machine larger",
		 s.owner[HVO_OWNER_FREE] + s.owner[HVO_OWNER_CACHE], s.present);
}

void hvo_machine_explain(const struct hvo_machine *machine, int error,
			 char *message, size_t size)
{
	unsigned code = code_of(error);

	if (code == HVO_ENOMEM)
		explain_memory(machine, message, size);
	else if (code < HVO_ERRORS && errors[code].text)
		snprintf(message, size, "%s", errors[code].text);
	else
		hvo_linux_explain(machine->port, error, message, size);
}
