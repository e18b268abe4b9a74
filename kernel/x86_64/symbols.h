/* SPDX-License-Identifier: MIT */
/*
 * What the assembler files define.
 */
#ifndef X86_64_SYMBOLS_H
#define X86_64_SYMBOLS_H

#include <stdint.h>

/* head.S: the tables with which CPUs start, the boot CPU's stack. */
extern uint64_t start_l4[512];
extern char boot_stack[];
extern char trampoline[], trampoline_end[];

/* vectors.S */
extern char trap_entries[];
extern char forget_entry[], wake_entry[], spurious_entry[];
extern char probe_store[], probe_load[], probe_failed[];

#endif
