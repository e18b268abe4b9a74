/* SPDX-License-Identifier: MIT */
/*
 * Time, arch_nanoseconds(), from one of two counters.
 *
 * `time` is the clock; under QEMU it ticks every 100 ns. `cycle` under -icount
 * is virtual time in nanoseconds, which with shift=0 is instructions; without
 * -icount it is the host's counter. So where firmware lets S-mode read `cycle`
 * (mcounteren) and it is seen to run at 1 GHz, it is used for its finer steps,
 * set on each hart to what `time` says.
 */
#ifndef RISCV64_CLOCK_H
#define RISCV64_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

/* To be told first: ticks of `time` in a second. */
void clock_is(uint64_t hz);

/* On each CPU, the boot CPU first. */
void clock_start(void);

bool clock_has_cycle(void); /* vectors.S */

#endif
