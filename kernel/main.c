/* SPDX-License-Identifier: MIT */
/*
 * The kernel's course: what firmware says, memory, CPUs, and then what the
 * command line asks for.
 */
#include "arch.h"
#include "bench.h"
#include "break.h"
#include "discover.h"
#include "fault.h"
#include "memory.h"
#include "print.h"
#include "show.h"
#include "test.h"
#include "work.h"
#include <string.h>

static struct kernel_machine machine;
static struct kernel_memory memory;

unsigned hvo_radix_cpu(void)
{
	return arch_cpu();
}

void hvo_radix_relax(void)
{
	arch_relax();
}

static bool is_word(const char *at, const char *word)
{
	size_t n = strlen(word);

	return !strncmp(at, word, n) && (!at[n] || at[n] == ' ');
}

static bool has_word(const char *line, const char *word)
{
	for (bool begins = true; *line; begins = *line++ == ' ')
		if (begins && is_word(line, word))
			return true;
	return false;
}

_Noreturn void kernel_main(void)
{
	int code = KERNEL_EXIT_OK;

	kernel_print("hvo: %s\n", arch_name());
	kernel_discover(&machine);
	if (has_word(machine.line, "hvo.panic"))
		kernel_panic("asked for by the command line");
	kernel_memory_make(&memory, &machine);
	kernel_fault_about(&memory);
	kernel_start_cpus(&machine, memory.stacks);
	kernel_print("hvo: %llu MiB of RAM, %u nodes, %u CPUs\n",
		     (unsigned long long)memory.ram >> 20, memory.config.nodes,
		     kernel_cpus());
	if (has_word(machine.line, "hvo.bench"))
		kernel_bench(&memory);
	else if (has_word(machine.line, "hvo.break"))
		code = kernel_break(&memory);
	else if (has_word(machine.line, "hvo.test"))
		code = kernel_test(&memory);
	else
		code = kernel_show(&memory);
	arch_exit(code);
}
