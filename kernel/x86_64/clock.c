/* SPDX-License-Identifier: MIT */
#include "clock.h"
#include "arch.h"
#include "registers.h"

/* ACPI 4.8.3.3: 3.579545 MHz, 24 bits or 32, of which 24 are used. */
#define TIMER_HZ   UINT64_C(3579545)
#define TIMER_MASK 0xffffff
#define TRIAL      3580 /* ticks, a millisecond */

static uint64_t ns_per_tick_32; /* 2^-32 ns */

static uint64_t ticks(void)
{
	uint32_t low, high;

	__asm__ volatile("lfence\n\trdtsc" : "=a"(low), "=d"(high)::"memory");
	return (uint64_t)high << 32 | low;
}

void clock_start(uint16_t pm_timer)
{
	uint32_t from = port_in32(pm_timer), passed;
	uint64_t begin = ticks();

	do
		passed = (port_in32(pm_timer) - from) & TIMER_MASK;
	while (passed < TRIAL);
	ns_per_tick_32 = (passed * UINT64_C(1000000000) / TIMER_HZ << 32) /
			 (ticks() - begin);
}

uint64_t arch_nanoseconds(void)
{
	return (uint64_t)((unsigned __int128)ticks() * ns_per_tick_32 >> 32);
}
