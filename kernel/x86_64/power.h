/* SPDX-License-Identifier: MIT */
/*
 * The end of the machine, arch_exit().
 */
#ifndef X86_64_POWER_H
#define X86_64_POWER_H

#include <stdint.h>

/* To be told before arch_exit(0): the port of PM1a_CNT. */
void power_is(uint16_t pm1a_control);

#endif
