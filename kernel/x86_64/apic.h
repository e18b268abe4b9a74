/* SPDX-License-Identifier: MIT */
/*
 * The local APIC: each CPU's way to interrupt others.
 */
#ifndef X86_64_APIC_H
#define X86_64_APIC_H

#include <stdint.h>

/* On each CPU. */
void apic_set_up(void);

uint64_t apic_id(void);

/* A vector, to all other CPUs. */
void apic_send(uint8_t vector);
void apic_end_of_interrupt(void);

/* Start the CPU of that id at the trampoline. */
void apic_start(uint64_t id);

/* What VECTOR_FORGET asks for. */
void shootdown_answer(void);

#endif
