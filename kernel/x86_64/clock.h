/* SPDX-License-Identifier: MIT */
/*
 * Time, arch_nanoseconds(), is the time-stamp counter's, measured against
 * ACPI's timer. Until then it stands still.
 */
#ifndef X86_64_CLOCK_H
#define X86_64_CLOCK_H

#include <stdint.h>

/* Once, on the boot CPU: the port of the PM timer. */
void clock_start(uint16_t pm_timer);

#endif
