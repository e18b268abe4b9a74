/* SPDX-License-Identifier: MIT */
/*
 * Arm's "Semihosting for AArch32 and AArch64", release 3.0, of which QEMU's
 * -semihosting-config enable=on,target=native answers all that is needed here.
 */
#ifndef AARCH64_SEMIHOSTING_H
#define AARCH64_SEMIHOSTING_H

#include <stdint.h>

#define SEMIHOSTING_EXIT_EXTENDED 0x20
#define SEMIHOSTING_APPLICATION   0x20026 /* ADP_Stopped_ApplicationExit */

/* Where nobody answers, HLT is an undefined instruction. */
_Noreturn static inline void semihosting_exit(int code)
{
	const uint64_t block[2] = {SEMIHOSTING_APPLICATION, (unsigned)code};
	register uint64_t operation __asm__("x0") = SEMIHOSTING_EXIT_EXTENDED;
	register const uint64_t *parameter __asm__("x1") = block;

	__asm__ volatile("hlt #0xf000" ::"r"(operation), "r"(parameter)
			 : "memory");
	for (;;)
		__asm__ volatile("wfe");
}

#endif
