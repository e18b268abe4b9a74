/* SPDX-License-Identifier: MIT */
/* The console: a 16550, polled. */
#include "arch.h"
#include "layout.h"
#include "registers.h"

#define LINE_EMPTY 0x20 /* it takes another byte */

void arch_console(const char *text, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		while (!(port_in8(LAYOUT_SERIAL_LINE) & LINE_EMPTY))
			arch_relax();
		port_out8(LAYOUT_SERIAL, (uint8_t)text[i]);
	}
}
