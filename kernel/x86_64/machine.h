/* SPDX-License-Identifier: MIT */
/*
 * Instructions that C has no words for, and what head.S defines.
 */
#ifndef X86_64_MACHINE_H
#define X86_64_MACHINE_H

#include <stdint.h>

static inline void port_out8(uint16_t port, uint8_t value)
{
	__asm__ volatile("outb %0, %1" ::"a"(value), "Nd"(port));
}

static inline uint8_t port_in8(uint16_t port)
{
	uint8_t value;

	__asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
	return value;
}

static inline void port_out16(uint16_t port, uint16_t value)
{
	__asm__ volatile("outw %0, %1" ::"a"(value), "Nd"(port));
}

static inline uint64_t read_msr(uint32_t number)
{
	uint32_t low, high;

	__asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(number));
	return (uint64_t)high << 32 | low;
}

static inline void write_msr(uint32_t number, uint64_t value)
{
	__asm__ volatile("wrmsr" ::"c"(number), "a"((uint32_t)value),
			 "d"((uint32_t)(value >> 32))
			 : "memory");
}

/* head.S */
extern char image_start[], image_end[];
extern char trampoline[], trampoline_end[];
extern char trap_entries[], forget_entry[], wake_entry[];
extern char probe_store[], probe_load[], probe_failed[];
extern uint64_t boot_start_info;
extern uint64_t boot_l4[512], boot_l3[512], boot_l2[2048];
extern void *cpu_stack;
extern uint32_t cpu_number;

/* trap.c: this CPU's interrupt table and local APIC, its number. */
void trap_set_up(unsigned number);
void apic_set_up(void);
uint64_t apic_id(void);
void apic_end_of_interrupt(void);
void shootdown_answer(void);

_Noreturn void arch_main(void);
_Noreturn void arch_cpu_main(unsigned number);

#endif
