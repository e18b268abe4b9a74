/* SPDX-License-Identifier: MIT */
/*
 * CPUs: their numbers, which tp holds, how they start and wait.
 */
#include "arch.h"
#include "boot.h"
#include "clock.h"
#include "image.h"
#include "sbi.h"
#include "symbols.h"

#define SIP_SSIP (1u << 1)

/* What the hart that is being started reads; one at a time. */
static struct boot_cpu starting;

unsigned arch_cpu(void)
{
	uint64_t number;

	__asm__("mv %0, tp" : "=r"(number));
	return (unsigned)number;
}

_Noreturn void arch_main(void)
{
	clock_start();
	kernel_main();
}

_Noreturn void arch_cpu_main(void)
{
	clock_start();
	kernel_cpu_main(arch_cpu());
}

/* SBI, "Hart State Management Extension". */
bool arch_cpu_start(const struct hvo_cpu *cpu, unsigned number, void *stack_top)
{
	const struct sbi_call call = {
	    .extension = SBI_HSM,
	    .function = SBI_HSM_START,
	    .argument = {cpu->id, image_physical(start_cpu),
			 image_physical(&starting)},
	};

	starting = (struct boot_cpu){stack_top, number, boot_satp};
	__asm__ volatile("fence rw, rw" ::: "memory");
	return !sbi_call(call).error;
}

/* Zihintpause, a hint that every hart knows: "fence w, 0". */
void arch_relax(void)
{
	__asm__ volatile(".word 0x0100000f" ::: "memory");
}

/*
 * Privileged ISA, "Wait for Interrupt": with sstatus.SIE 0, WFI goes on when an
 * interrupt that sie enables is pending, also one that came before it. It is
 * cleared before the caller looks at memory again: what is written later
 * comes with another one.
 */
void arch_sleep(void)
{
	__asm__ volatile("wfi\n\tcsrc sip, %0\n\tfence rw, rw" ::"r"(SIP_SSIP)
			 : "memory");
}

/* SBI, "IPI Extension": to all harts, this one too, whose next sleep is
 * short. */
void arch_wake(void)
{
	const struct sbi_call call = {
	    .extension = SBI_IPI,
	    .function = SBI_IPI_SEND,
	    .argument = {0, SBI_ALL_HARTS},
	};

	__asm__ volatile("fence rw, rw" ::: "memory");
	if (sbi_call(call).error)
		kernel_panic("firmware cannot wake harts: use one with the "
			     "SBI's IPI extension, such as OpenSBI");
}
