/* SPDX-License-Identifier: MIT */
/*
 * What the link script and the assembler files define.
 */
#ifndef X86_64_IMAGE_H
#define X86_64_IMAGE_H

#include <stdint.h>
#include "layout.h"

/* The image: code, constants, data, whole pages each. */
extern char image_start[], image_constant[], image_data[], image_end[];

/* head.S: the tables with which CPUs start, the boot CPU's stack. */
extern uint64_t start_l4[512];
extern char boot_stack[];
extern char trampoline[], trampoline_end[];

/* vectors.S */
extern char trap_entries[];
extern char forget_entry[], wake_entry[], spurious_entry[];
extern char probe_store[], probe_load[], probe_failed[];

/* The image is where it was linked to be. */
static inline uint64_t image_physical(const void *address)
{
	return (uintptr_t)address - LAYOUT_IMAGE;
}

#endif
