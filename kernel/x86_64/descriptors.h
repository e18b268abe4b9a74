/* SPDX-License-Identifier: MIT */
/*
 * The segments that long mode still needs: code, data, and a task-state
 * segment for each CPU, which names its interrupt stacks (SDM 3A, 7.7).
 */
#ifndef X86_64_DESCRIPTORS_H
#define X86_64_DESCRIPTORS_H

/* On the boot CPU, before that CPU runs. */
void descriptors_make(unsigned cpu);

/* On the CPU itself. */
void descriptors_load(unsigned cpu);

#endif
