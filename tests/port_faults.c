/* SPDX-License-Identifier: MIT */
/*
 * Stands between the library and the port: a call that may fail does, with
 * -HVO_EMAPPINGS and nothing changed, when the harness says so.
 */
#include "hvo/error.h"
#include "hvo/port.h"
#include "port_faults.h"

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
	if (port_fault_due())
		return -HVO_EMAPPINGS;
	return __real_hvo_port_map(port, va, pages, run, prot, block);
}

int __wrap_hvo_port_repoint(struct hvo_port *port, void *va, uint64_t pages,
			    struct hvo_run run, enum hvo_prot prot,
			    enum hvo_urgency urgency)
{
	if (urgency == HVO_MAY_FAIL && port_fault_due())
		return -HVO_EMAPPINGS;
	return __real_hvo_port_repoint(port, va, pages, run, prot, urgency);
}

int __wrap_hvo_port_protect(struct hvo_port *port, void *va, uint64_t pages,
			    enum hvo_prot prot, enum hvo_urgency urgency)
{
	if (urgency == HVO_MAY_FAIL && port_fault_due())
		return -HVO_EMAPPINGS;
	return __real_hvo_port_protect(port, va, pages, prot, urgency);
}

int __wrap_hvo_port_unmap(struct hvo_port *port, void *va, uint64_t pages,
			  enum hvo_urgency urgency)
{
	if (urgency == HVO_MAY_FAIL && port_fault_due())
		return -HVO_EMAPPINGS;
	return __real_hvo_port_unmap(port, va, pages, urgency);
}
