/* SPDX-License-Identifier: MIT */
#include "work.h"
#include <stdatomic.h>

struct cpu_work {
	_Alignas(64) void *ctx; /* a line of its own */
	void (*run)(void *ctx);
	_Atomic bool busy;  /* run is to be called, or runs */
	_Atomic bool there; /* it has arrived */
};

static struct cpu_work works[KERNEL_CPUS];
static unsigned running = 1;

unsigned kernel_cpus(void)
{
	return running;
}

void kernel_work_begin(unsigned cpu, void (*run)(void *ctx), void *ctx)
{
	works[cpu].run = run;
	works[cpu].ctx = ctx;
	atomic_store(&works[cpu].busy, true);
	arch_wake();
}

void kernel_work_wait(unsigned cpu)
{
	while (atomic_load(&works[cpu].busy))
		arch_relax();
}

_Noreturn void kernel_cpu_main(unsigned number)
{
	struct cpu_work *work = &works[number];

	atomic_store(&work->there, true);
	for (;;) {
		while (!atomic_load(&work->busy))
			arch_sleep();
		work->run(work->ctx);
		atomic_store(&work->busy, false);
	}
}

/* ---- starting ------------------------------------------------------------ */

static void start(const struct hvo_cpu *cpu, unsigned char *stacks)
{
	unsigned number = running;
	unsigned char *top = stacks + (number + 1) * (size_t)KERNEL_STACK;

	if (!arch_cpu_start(cpu, number, top))
		kernel_panic("CPU %#llx cannot be started",
			     (unsigned long long)cpu->id);
	while (!atomic_load(&works[number].there))
		arch_relax();
	running = number + 1;
}

unsigned kernel_start_cpus(const struct kernel_machine *machine,
			   unsigned char *stacks)
{
	for (size_t i = 0; i < machine->cpus.count; i++) {
		const struct hvo_cpu *cpu = &machine->cpus.cpu[i];

		if (cpu->id != machine->boot_cpu &&
		    cpu->flags & HVO_CPU_ENABLED && running < KERNEL_CPUS)
			start(cpu, stacks);
	}
	return running;
}
