/* SPDX-License-Identifier: MIT */
#include "psci.h"
#include <libfdt.h>
#include <string.h>

#define CPU_ON UINT64_C(0xc4000003) /* 5.1.4, with 64-bit arguments */

static enum { CALL_NONE, CALL_HVC, CALL_SMC } conduit;

/* Devicetree binding arm,psci: method is "hvc" or "smc". */
void psci_find(const struct hvo_fdt *fdt)
{
	int node = fdt_node_offset_by_compatible(fdt->tree, -1, "arm,psci-0.2");
	const char *method = NULL;

	if (node >= 0)
		method = fdt_getprop(fdt->tree, node, "method", NULL);
	if (method && !strcmp(method, "hvc"))
		conduit = CALL_HVC;
	else if (method && !strcmp(method, "smc"))
		conduit = CALL_SMC;
}

/* SMC Calling Convention, DEN0028, 2.6: x0 to x17 may change. */
#define CALL(instruction)                                                      \
	__asm__ volatile(instruction                                           \
			 : "+r"(x0), "+r"(x1), "+r"(x2), "+r"(x3)::"x4", "x5", \
			   "x6", "x7", "x8", "x9", "x10", "x11", "x12", "x13", \
			   "x14", "x15", "x16", "x17", "memory")

bool psci_cpu_on(uint64_t affinity, uint64_t entry, uint64_t context)
{
	register uint64_t x0 __asm__("x0") = CPU_ON;
	register uint64_t x1 __asm__("x1") = affinity;
	register uint64_t x2 __asm__("x2") = entry;
	register uint64_t x3 __asm__("x3") = context;

	switch (conduit) {
	case CALL_HVC:
		CALL("hvc #0");
		break;
	case CALL_SMC:
		CALL("smc #0");
		break;
	default:
		return false;
	}
	return x0 == 0; /* SUCCESS; errors are negative */
}
