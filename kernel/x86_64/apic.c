/* SPDX-License-Identifier: MIT */
/*
 * The local APIC through its registers in memory (SDM 3A, 10.4), and what it is
 * for: starting CPUs (8.4.4), waking them, and having them forget
 * translations.
 */
#include <stdatomic.h>
#include <string.h>
#include "arch.h"
#include "hvo_radix.h"
#include "layout.h"
#include "machine.h"
#include "work.h"

#define APIC_PHYSICAL     0xfee00000
#define APIC_ID           0x20
#define APIC_EOI          0xb0
#define APIC_SPURIOUS     0xf0
#define APIC_COMMAND      0x300
#define APIC_COMMAND_HIGH 0x310

#define COMMAND_PENDING (1u << 12)
#define COMMAND_OTHERS  (3u << 18)
#define COMMAND_INIT    0x4500u
#define COMMAND_STARTUP 0x4600u

/* Of an entry: PCD and PWT, which make memory uncacheable (SDM 3A, 11.5.2). */
#define ENTRY_UNCACHED 0x18

static volatile uint32_t *apic(unsigned offset)
{
	return (volatile uint32_t *)(LAYOUT_DIRECT_MAP + APIC_PHYSICAL +
				     offset);
}

void apic_set_up(void)
{
	boot_l2[APIC_PHYSICAL >> 21] |= ENTRY_UNCACHED;
	hvo_radix_forget(LAYOUT_DIRECT_MAP + APIC_PHYSICAL, 1);
	*apic(APIC_SPURIOUS) = 0x100 | VECTOR_SPURIOUS;
}

uint64_t apic_id(void)
{
	return *apic(APIC_ID) >> 24;
}

void apic_end_of_interrupt(void)
{
	*apic(APIC_EOI) = 0;
}

/* No handler sends, so the two halves cannot be torn apart. */
static void send(uint64_t to, uint32_t command)
{
	while (*apic(APIC_COMMAND) & COMMAND_PENDING)
		arch_relax();
	*apic(APIC_COMMAND_HIGH) = (uint32_t)to << 24;
	*apic(APIC_COMMAND) = command;
}

/* ---- starting ------------------------------------------------------------ */

static void wait(uint64_t ns)
{
	uint64_t from = arch_nanoseconds();

	while (arch_nanoseconds() - from < ns)
		arch_relax();
}

bool arch_cpu_start(const struct hvo_cpu *cpu, unsigned number, void *stack_top)
{
	memcpy((void *)(LAYOUT_DIRECT_MAP + LAYOUT_TRAMPOLINE), trampoline,
	       (size_t)(trampoline_end - trampoline));
	cpu_stack = stack_top;
	cpu_number = number;
	send(cpu->id, COMMAND_INIT);
	wait(10000000);
	send(cpu->id, COMMAND_STARTUP | LAYOUT_TRAMPOLINE >> 12);
	return true;
}

/* ---- waiting ------------------------------------------------------------- */

void arch_relax(void)
{
	__asm__ volatile("pause" ::: "memory");
}

/* A wake-up that came since the caller's look would be lost to HLT. */
void arch_sleep(void)
{
	__asm__ volatile("pause" ::: "memory");
}

void arch_wake(void)
{
}

/* ---- shootdown ----------------------------------------------------------- */

static _Atomic bool taken;
static uintptr_t forget_va;
static uint64_t forget_pages;
static _Atomic unsigned unanswered;

void shootdown_answer(void)
{
	hvo_radix_forget(forget_va, forget_pages);
	atomic_fetch_sub(&unanswered, 1);
}

void hvo_radix_shootdown(uintptr_t va, uint64_t pages)
{
	unsigned others = kernel_cpus() - 1;

	if (!others)
		return;
	while (atomic_exchange(&taken, true))
		arch_relax();
	forget_va = va;
	forget_pages = pages;
	atomic_store(&unanswered, others);
	send(0, COMMAND_OTHERS | VECTOR_FORGET);
	while (atomic_load(&unanswered))
		arch_relax();
	atomic_store(&taken, false);
}
