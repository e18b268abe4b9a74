/* SPDX-License-Identifier: MIT */
#include "clock.h"
#include "arch.h"
#include "registers.h"

#define SECOND UINT64_C(1000000000)

/* How long the two counters are compared, and the difference that is allowed
 * then: a tick at both ends, and what the reads take. */
#define TRIAL   UINT64_C(20000) /* ns */
#define ALLOWED UINT64_C(200)

static bool fine; /* the cycle counter is the clock */

static uint64_t timer(void)
{
	uint64_t hz = read_register(cntfrq_el0), ticks;

	__asm__ volatile("isb\n\tmrs %0, cntvct_el0" : "=r"(ticks)::"memory");
	return ticks / hz * SECOND + ticks % hz * SECOND / hz;
}

/* ID_AA64DFR0_EL1.PMUVer: 0 and 15 are no architected PMU. */
static bool has_cycle_counter(void)
{
	uint64_t version = read_register(id_aa64dfr0_el1) >> 8 & 15;

	return version != 0 && version != 15;
}

/* PMCR_EL0.E and .LC (64 bits), PMCNTENSET_EL0.C. */
static void start_cycle_counter(void)
{
	write_register(pmccfiltr_el0, 0);
	write_register(pmcntenset_el0, UINT64_C(1) << 31);
	write_register(pmcr_el0, 1 << 6 | 1);
	write_register(pmccntr_el0, timer());
	__asm__ volatile("isb" ::: "memory");
}

static bool runs_at_1_ghz(void)
{
	uint64_t from = timer();
	uint64_t cycles = read_register(pmccntr_el0);
	uint64_t to, difference;

	do
		to = timer();
	while (to - from < TRIAL);
	difference = read_register(pmccntr_el0) - cycles - (to - from);
	return difference + ALLOWED <= 2 * ALLOWED;
}

void clock_start(void)
{
	if (!has_cycle_counter())
		return;
	if (arch_cpu() != 0 && !fine)
		return;
	start_cycle_counter();
	if (arch_cpu() == 0)
		fine = runs_at_1_ghz();
}

uint64_t arch_nanoseconds(void)
{
	return fine ? read_register(pmccntr_el0) : timer();
}
