/* SPDX-License-Identifier: MIT */
/*
 * The console: the PL011 (DDI 0183) of QEMU's virt machine, which is where it
 * is before any tree is read, so that a panic about the tree can be seen.
 * QEMU has it enabled from the start.
 */
#include "arch.h"
#include "layout.h"
#include "semihosting.h"

#define DATA      0x00
#define FLAG      0x18
#define FLAG_FULL (1u << 5) /* TXFF */

static volatile uint32_t *port(unsigned offset)
{
	return (volatile uint32_t *)(LAYOUT_DIRECT_MAP + LAYOUT_UART + offset);
}

void arch_console(const char *text, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		while (*port(FLAG) & FLAG_FULL)
			arch_relax();
		*port(DATA) = (unsigned char)text[i];
	}
}

_Noreturn void arch_exit(int code)
{
	semihosting_exit(code);
}
