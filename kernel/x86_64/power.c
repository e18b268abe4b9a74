/* SPDX-License-Identifier: MIT */
#include "power.h"
#include "arch.h"
#include "layout.h"
#include "registers.h"

/*
 * ACPI 4.8.3.2.1: SLP_EN, and SLP_TYP 0. What type S5 has is in the DSDT's \_S5
 * (7.4.2), byte code that nothing here interprets; 0 is QEMU's for all of its
 * PCs.
 */
#define SLEEP_S5 (1u << 13 | 0u << 10)

static uint16_t control;

void power_is(uint16_t pm1a_control)
{
	control = pm1a_control;
}

/* isa-debug-exit cannot make QEMU end with 0. */
_Noreturn void arch_exit(int code)
{
	if (code)
		port_out8(LAYOUT_DEBUG_EXIT, (uint8_t)code);
	else
		port_out16(control, SLEEP_S5);
	for (;;)
		__asm__ volatile("cli\n\thlt");
}
