/* SPDX-License-Identifier: MIT */
/*
 * Time, arch_nanoseconds(), from one of two counters.
 *
 * The generic timer is the clock. Under QEMU it ticks every 16 ns of
 * virtual time, while the PMU's cycle counter is virtual time itself in
 * nanoseconds, and under -icount shift=0 that is instructions. So where the
 * cycle counter is seen to run at 1 GHz it is used for its finer steps, set
 * on each CPU to what the timer says. (Without -icount, reading the two takes
 * too long to tell, and the timer it is.)
 */
#ifndef AARCH64_CLOCK_H
#define AARCH64_CLOCK_H

/* On each CPU, the boot CPU first. */
void clock_start(void);

#endif
