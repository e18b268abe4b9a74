/* SPDX-License-Identifier: MIT */
/*
 * What firmware says of the machine, which arch_discover() reads, and the
 * direct map of the RAM in it. Used on the boot CPU, before others run.
 */
#ifndef KERNEL_DISCOVER_H
#define KERNEL_DISCOVER_H

#include "arch.h"

/* Fill in *machine, which is zeroed, and complete the direct map. Panics where
 * that cannot be done. */
void kernel_discover(struct kernel_machine *machine);

/* Is a range of a normalised map RAM, though it may be reserved? */
bool kernel_is_ram(const struct hvo_memory_range *range);

/* ---- for what reads firmware's tables ------------------------------------ */

/* Panic with the fault if there is an error. */
void kernel_require(enum hvo_firmware_error error,
		    const struct hvo_firmware_fault *fault);

/* Reserve [physical, physical + bytes), or panic if there is no room. */
void kernel_reserve(struct kernel_machine *machine, uint64_t physical,
		    uint64_t bytes);

#endif
