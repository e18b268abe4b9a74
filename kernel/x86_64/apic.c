/* SPDX-License-Identifier: MIT */
/*
 * The local APIC through its registers in memory (SDM 3A, 10.4), and what it is
 * for: starting CPUs (8.4.4), waking them, and having them forget
 * translations.
 */
#include "apic.h"
#include <stdatomic.h>
#include "arch.h"
#include "hvo_radix.h"
#include "layout.h"
#include "work.h"

#define APIC_ID           0x20
#define APIC_EOI          0xb0
#define APIC_SPURIOUS     0xf0
#define APIC_COMMAND      0x300
#define APIC_COMMAND_HIGH 0x310

#define SPURIOUS_ENABLE 0x100

/* SDM 3A, figure 10-12. */
#define COMMAND_INIT    (5u << 8)
#define COMMAND_STARTUP (6u << 8)
#define COMMAND_PENDING (1u << 12)
#define COMMAND_ASSERT  (1u << 14)
#define COMMAND_OTHERS  (3u << 18)

static volatile uint32_t *apic(unsigned offset)
{
	return (volatile uint32_t *)(LAYOUT_DIRECT_MAP + LAYOUT_APIC + offset);
}

void apic_set_up(void)
{
	*apic(APIC_SPURIOUS) = SPURIOUS_ENABLE | VECTOR_SPURIOUS;
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
	*apic(APIC_COMMAND) = command | COMMAND_ASSERT;
}

void apic_send(uint8_t vector)
{
	send(0, COMMAND_OTHERS | vector);
}

/* ---- starting ------------------------------------------------------------ */

static void wait(uint64_t ns)
{
	uint64_t from = arch_nanoseconds();

	while (arch_nanoseconds() - from < ns)
		arch_relax();
}

void apic_start(uint64_t id)
{
	send(id, COMMAND_INIT);
	wait(10000000);
	send(id, COMMAND_STARTUP | LAYOUT_TRAMPOLINE / LAYOUT_PAGE);
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
	apic_send(VECTOR_FORGET);
	while (atomic_load(&unanswered))
		arch_relax();
	atomic_store(&taken, false);
}
