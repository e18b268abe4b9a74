/* SPDX-License-Identifier: MIT */
/*
 * The console: firmware's, because it is there before any tree is read and
 * with the MMU off. SBI, "Debug Console Extension" where there is one, else
 * the legacy call (OpenSBI before 1.3 has that alone).
 */
#include "arch.h"
#include "finisher.h"
#include "layout.h"
#include "sbi.h"

/* The ABI of the legacy call ignores the function. */
static struct sbi_call call_for_byte(void)
{
	struct sbi_result probe = sbi_call(
	    (struct sbi_call){SBI_BASE, SBI_BASE_PROBE, {SBI_DEBUG_CONSOLE}});

	if (!probe.error && probe.value)
		return (struct sbi_call){
		    SBI_DEBUG_CONSOLE, SBI_DEBUG_CONSOLE_WRITE_BYTE, {0}};
	return (struct sbi_call){SBI_LEGACY_PUTCHAR, 0, {0}};
}

void arch_console(const char *text, size_t n)
{
	struct sbi_call call = call_for_byte();

	for (size_t i = 0; i < n; i++) {
		call.argument[0] = (unsigned char)text[i];
		sbi_call(call);
	}
}

_Noreturn void arch_exit(int code)
{
	finisher_exit(LAYOUT_FINISHER, code);
}
