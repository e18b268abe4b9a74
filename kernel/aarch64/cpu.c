/* SPDX-License-Identifier: MIT */
/*
 * CPUs: their numbers, which TPIDR_EL1 holds, how they start and wait.
 */
#include "arch.h"
#include "boot.h"
#include "clock.h"
#include "entry.h"
#include "image.h"
#include "psci.h"
#include "registers.h"
#include "symbols.h"

/* What the CPU that is being started reads; one at a time. */
static struct boot_cpu starting;

/* Of the boot CPU; entry.h takes them to be all CPUs'. */
static bool has_bbm2;

unsigned arch_cpu(void)
{
	return (unsigned)read_register(tpidr_el1);
}

/* SError is let in. Interrupts stay masked: there are none. */
static void set_up(unsigned number)
{
	boot_leave();
	write_register(tpidr_el1, number);
	__asm__ volatile("msr daifclr, #4" ::: "memory");
	clock_start();
}

_Noreturn void arch_main(unsigned number)
{
	set_up(number);
	has_bbm2 = entry_has_bbm2();
	kernel_main();
}

_Noreturn void arch_cpu_main(unsigned number)
{
	set_up(number);
	if (entry_has_bbm2() != has_bbm2)
		kernel_panic("CPU %u differs from the boot CPU in FEAT_BBM: "
			     "start CPUs of one model only",
			     number);
	kernel_cpu_main(number);
}

bool arch_cpu_start(const struct hvo_cpu *cpu, unsigned number, void *stack_top)
{
	starting = (struct boot_cpu){stack_top, number};
	/* The CPU reads it with its MMU on, through caches that are coherent;
	 * the stores have to be done before it starts. */
	__asm__ volatile("dsb ish" ::: "memory");
	return psci_cpu_on(cpu->id, image_physical(start_cpu),
			   (uintptr_t)&starting);
}

void arch_relax(void)
{
	__asm__ volatile("yield" ::: "memory");
}

/* DDI 0487, "Wait for Event": an event that came before WFE is kept. */
void arch_sleep(void)
{
	__asm__ volatile("wfe" ::: "memory");
}

void arch_wake(void)
{
	__asm__ volatile("dsb ish\n\tsev" ::: "memory");
}
