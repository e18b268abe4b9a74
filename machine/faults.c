/* SPDX-License-Identifier: MIT */
/*
 * Stands between the library and the Linux port (the linker's --wrap): a call
 * that may fail does, with -HVO_EMAPPINGS and nothing changed, when that was
 * ordered. Since calls do not say whose they are, it is one machine's at a
 * time.
 */
#include "hvo/error.h"
#include "hvo/port.h"
#include "private.h"

static struct {
	const struct hvo_machine
	    *_Atomic machine; /* that ordered it, or NULL */
	_Atomic uint64_t calls;
	_Atomic uint64_t failed;
	uint64_t nth; /* written before machine is, like the rest */
	bool sticky;
	uint64_t one_in;
} faults;

void hvo_machine_faults_off(struct hvo_machine *machine)
{
	if (faults.machine != machine)
		return;
	faults.machine = NULL;
	faults.failed = 0;
}

void hvo_machine_faults_on(struct hvo_machine *machine, uint64_t nth,
			   bool sticky, uint64_t one_in)
{
	faults.machine = NULL;
	faults.calls = 0;
	faults.failed = 0;
	faults.nth = nth;
	faults.sticky = sticky;
	faults.one_in = one_in;
	faults.machine = machine;
}

uint64_t hvo_machine_faults(const struct hvo_machine *machine)
{
	return faults.machine == machine ? faults.failed : 0;
}

static bool due(void)
{
	uint64_t call;
	bool now;

	if (!faults.machine)
		return false;
	call = atomic_fetch_add(&faults.calls, 1) + 1;
	now = faults.nth &&
	      (faults.sticky ? call >= faults.nth : call == faults.nth);
	if (faults.one_in)
		now = hvo_machine_spread(call) % faults.one_in == 0;
	if (now)
		atomic_fetch_add(&faults.failed, 1);
	return now;
}

/* ---- the port's calls ----------------------------------------------- */

int __real_hvo_port_map(struct hvo_port *port, void *va, uint64_t pages,
			struct hvo_run run, enum hvo_prot prot, bool block);
int __wrap_hvo_port_map(struct hvo_port *port, void *va, uint64_t pages,
			struct hvo_run run, enum hvo_prot prot, bool block);
int __real_hvo_port_repoint(struct hvo_port *port, void *va, uint64_t pages,
			    struct hvo_run run, enum hvo_prot prot,
			    enum hvo_urgency urgency);
int __wrap_hvo_port_repoint(struct hvo_port *port, void *va, uint64_t pages,
			    struct hvo_run run, enum hvo_prot prot,
			    enum hvo_urgency urgency);
int __real_hvo_port_protect(struct hvo_port *port, void *va, uint64_t pages,
			    enum hvo_prot prot, enum hvo_urgency urgency);
int __wrap_hvo_port_protect(struct hvo_port *port, void *va, uint64_t pages,
			    enum hvo_prot prot, enum hvo_urgency urgency);
int __real_hvo_port_unmap(struct hvo_port *port, void *va, uint64_t pages,
			  enum hvo_urgency urgency);
int __wrap_hvo_port_unmap(struct hvo_port *port, void *va, uint64_t pages,
			  enum hvo_urgency urgency);

int __wrap_hvo_port_map(struct hvo_port *port, void *va, uint64_t pages,
			struct hvo_run run, enum hvo_prot prot, bool block)
{
	if (due())
		return -HVO_EMAPPINGS;
	return __real_hvo_port_map(port, va, pages, run, prot, block);
}

int __wrap_hvo_port_repoint(struct hvo_port *port, void *va, uint64_t pages,
			    struct hvo_run run, enum hvo_prot prot,
			    enum hvo_urgency urgency)
{
	if (urgency == HVO_MAY_FAIL && due())
		return -HVO_EMAPPINGS;
	return __real_hvo_port_repoint(port, va, pages, run, prot, urgency);
}

int __wrap_hvo_port_protect(struct hvo_port *port, void *va, uint64_t pages,
			    enum hvo_prot prot, enum hvo_urgency urgency)
{
	if (urgency == HVO_MAY_FAIL && due())
		return -HVO_EMAPPINGS;
	return __real_hvo_port_protect(port, va, pages, prot, urgency);
}

int __wrap_hvo_port_unmap(struct hvo_port *port, void *va, uint64_t pages,
			  enum hvo_urgency urgency)
{
	if (urgency == HVO_MAY_FAIL && due())
		return -HVO_EMAPPINGS;
	return __real_hvo_port_unmap(port, va, pages, urgency);
}
