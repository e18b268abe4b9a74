/* SPDX-License-Identifier: MIT */
#include "clock.h"
#include "arch.h"

#define SECOND UINT64_C(1000000000)

/* How long the two counters are compared, and the difference that is allowed
 * then: a tick at both ends, and what the reads take. */
#define TRIAL   UINT64_C(100000) /* ns */
#define ALLOWED UINT64_C(400)

static uint64_t ticks_per_second = 10000000; /* of QEMU's virt machine */
static bool fine;                            /* `cycle` is the clock */
static uint64_t offset[KERNEL_CPUS];         /* of `time` from `cycle` */

static uint64_t cycle(void)
{
	uint64_t value;

	__asm__ volatile("rdcycle %0" : "=r"(value)::"memory");
	return value;
}

static uint64_t timer(void)
{
	uint64_t hz = ticks_per_second, ticks;

	__asm__ volatile("rdtime %0" : "=r"(ticks)::"memory");
	return ticks / hz * SECOND + ticks % hz * SECOND / hz;
}

static bool runs_at_1_ghz(void)
{
	uint64_t from = timer();
	uint64_t cycles = cycle();
	uint64_t to, difference;

	do
		to = timer();
	while (to - from < TRIAL);
	difference = cycle() - cycles - (to - from);
	return difference + ALLOWED <= 2 * ALLOWED;
}

void clock_is(uint64_t hz)
{
	ticks_per_second = hz;
	clock_start();
}

void clock_start(void)
{
	if (arch_cpu() == 0)
		fine = clock_has_cycle() && runs_at_1_ghz();
	if (fine)
		offset[arch_cpu()] = timer() - cycle();
}

uint64_t arch_nanoseconds(void)
{
	return fine ? cycle() + offset[arch_cpu()] : timer();
}
