/* SPDX-License-Identifier: MIT */
/*
 * Debian's libfdt was compiled with the stack protector. Its guard is a
 * constant here: it finds accidents, and the kernel has no attackers.
 */
#include <stdint.h>
#include "arch.h"

extern const uintptr_t __stack_chk_guard;
_Noreturn void __stack_chk_fail(void);

const uintptr_t __stack_chk_guard = (uintptr_t)0x00f0e1d2c3b4a596;

void __stack_chk_fail(void)
{
	kernel_panic("a function of libfdt overran its stack");
}
