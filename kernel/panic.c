/* SPDX-License-Identifier: MIT */
#include "arch.h"
#include "hvo_radix.h"
#include "print.h"

_Noreturn void kernel_panic(const char *format, ...)
{
	char text[400];
	struct hvo_line line = hvo_line_in(text, sizeof(text));
	va_list args;

	va_start(args, format);
	kernel_format(&line, format, args);
	va_end(args);
	kernel_print_alone();
	kernel_print("hvo: panic: %s\n", text);
	arch_exit(KERNEL_EXIT_PANIC);
}

_Noreturn void hvo_radix_broken(uintptr_t va, const char *rule)
{
	kernel_panic("the entry for %#lx: %s", (unsigned long)va, rule);
}
