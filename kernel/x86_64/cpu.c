/* SPDX-License-Identifier: MIT */
/*
 * CPUs: their numbers, which GS's base holds, how they start and wait.
 */
#include "cpu.h"
#include <stdatomic.h>
#include <string.h>
#include "apic.h"
#include "arch.h"
#include "boot.h"
#include "descriptors.h"
#include "image.h"
#include "layout.h"
#include "registers.h"
#include "stacks.h"
#include "symbols.h"
#include "trap.h"
#include "work.h"

/* Mask registers of the two 8259s. */
#define PIC_FIRST  0x21
#define PIC_SECOND 0xa1

_Static_assert(KERNEL_STACK <= LAYOUT_STACK_SLOT / 2, "see stack_map()");

void *cpu_stack;
uint32_t cpu_number;

unsigned arch_cpu(void)
{
	return (unsigned)read_msr(MSR_GS_BASE);
}

static void set_up(unsigned number)
{
	write_msr(MSR_GS_BASE, number);
	descriptors_load(number);
	trap_load();
	apic_set_up();
	__asm__ volatile("sti" ::: "memory");
}

_Noreturn void arch_main(void)
{
	boot_leave();
	/* They are on when firmware has not run. */
	port_out8(PIC_FIRST, 0xff);
	port_out8(PIC_SECOND, 0xff);
	descriptors_make(0);
	trap_make();
	set_up(0);
	kernel_main();
}

_Noreturn void arch_cpu_main(unsigned number)
{
	set_up(number);
	kernel_cpu_main(number);
}

/* ---- starting ------------------------------------------------------------ */

bool arch_cpu_start(const struct hvo_cpu *cpu, unsigned number, void *stack_top)
{
	uint64_t end = (uintptr_t)stack_top - LAYOUT_DIRECT_MAP;

	memcpy((void *)(LAYOUT_DIRECT_MAP + LAYOUT_TRAMPOLINE), trampoline,
	       (size_t)(trampoline_end - trampoline));
	descriptors_make(number);
	cpu_stack = (void *)stack_map(number, STACK_USUAL, end - KERNEL_STACK,
				      KERNEL_STACK);
	cpu_number = number;
	apic_start(cpu->id);
	return true;
}

/* ---- waiting ------------------------------------------------------------- */

/* This CPU was woken since it last began to look at memory. */
static _Atomic bool woken[KERNEL_CPUS];

void arch_relax(void)
{
	__asm__ volatile("pause" ::: "memory");
}

/*
 * A wake-up that comes before CLI is seen in woken; one that comes later waits
 * until HLT waits for it: STI lets interrupts in after the instruction that
 * follows it (SDM 2B, "STI"). woken is cleared before the caller looks again:
 * what is written after that look comes with another wake-up.
 */
void arch_sleep(void)
{
	_Atomic bool *flag = &woken[arch_cpu()];

	__asm__ volatile("cli" ::: "memory");
	if (atomic_load(flag))
		__asm__ volatile("sti" ::: "memory");
	else
		__asm__ volatile("sti\n\thlt" ::: "memory");
	atomic_store(flag, false);
}

void wake_answer(void)
{
	atomic_store(&woken[arch_cpu()], true);
}

/* The APIC's registers are uncached: what was written before is seen before
 * the interrupt (SDM 3A, 8.2.2 and 11.3). */
void arch_wake(void)
{
	__asm__ volatile("" ::: "memory");
	apic_send(VECTOR_WAKE);
}
