/* SPDX-License-Identifier: MIT */
/*
 * Arm Power State Coordination Interface, DEN0022 D: the one call that starts
 * a CPU.
 */
#ifndef AARCH64_PSCI_H
#define AARCH64_PSCI_H

#include "hvo/firmware.h"

/* Learn from the tree how firmware is called. */
void psci_find(const struct hvo_fdt *fdt);

/*
 * Start the CPU of that MPIDR affinity at a physical address, with context in
 * its x0. Returns false if firmware refuses, or if there is none.
 */
bool psci_cpu_on(uint64_t affinity, uint64_t entry, uint64_t context);

#endif
