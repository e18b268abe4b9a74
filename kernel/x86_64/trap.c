/* SPDX-License-Identifier: MIT */
/*
 * The interrupt table (SDM 3A, 6.14) and what exceptions were (6.15).
 */
#include "trap.h"
#include "apic.h"
#include "arch.h"
#include "cpu.h"
#include "layout.h"
#include "stacks.h"
#include "symbols.h"

#define EXCEPTIONS 32

#define NMI           2
#define DOUBLE_FAULT  8
#define PAGE_FAULT    14
#define MACHINE_CHECK 18

/* As trap_common in vectors.S pushes it. */
struct frame {
	uint64_t rbp, rbx, r11, r10, r9, r8, rdi, rsi, rdx, rcx, rax;
	uint64_t vector, code, rip, cs, flags, rsp, ss;
};

/* vectors.S */
void arch_trap(struct frame *frame);

/* ---- the table ----------------------------------------------------------- */

struct gate {
	uint16_t low, selector, type, middle;
	uint32_t high, reserved;
};

static struct gate gates[256];

static void set_gate(unsigned vector, const char *entry, enum stack stack)
{
	uintptr_t at = (uintptr_t)entry;

	gates[vector] = (struct gate){
	    .low = (uint16_t)at,
	    .selector = SELECTOR_CODE,
	    .type = (uint16_t)(0x8e00 | stack), /* present, interrupt gate */
	    .middle = (uint16_t)(at >> 16),
	    .high = (uint32_t)(at >> 32),
	};
}

static enum stack stack_for(unsigned vector)
{
	switch (vector) {
	case NMI:
		return STACK_NMI;
	case DOUBLE_FAULT:
		return STACK_DOUBLE_FAULT;
	case MACHINE_CHECK:
		return STACK_MACHINE_CHECK;
	}
	return STACK_USUAL;
}

void trap_make(void)
{
	for (unsigned i = 0; i < EXCEPTIONS; i++)
		set_gate(i, trap_entries + 16 * i, stack_for(i));
	set_gate(VECTOR_FORGET, forget_entry, STACK_USUAL);
	set_gate(VECTOR_WAKE, wake_entry, STACK_USUAL);
	set_gate(VECTOR_SPURIOUS, spurious_entry, STACK_USUAL);
}

void trap_load(void)
{
	const struct {
		uint16_t limit;
		uint64_t base;
	} __attribute__((packed)) table = {sizeof(gates) - 1, (uintptr_t)gates};

	__asm__ volatile("lidt %0" ::"m"(table));
}

/* ---- exceptions ---------------------------------------------------------- */

static const char *name_of(uint64_t vector)
{
	static const char *const names[EXCEPTIONS] = {
	    [0] = "divide error",
	    [1] = "debug exception",
	    [NMI] = "NMI",
	    [3] = "breakpoint",
	    [4] = "overflow",
	    [5] = "bound range exceeded",
	    [6] = "invalid opcode",
	    [7] = "no FPU",
	    [DOUBLE_FAULT] = "double fault",
	    [10] = "invalid TSS",
	    [11] = "segment not present",
	    [12] = "stack segment fault",
	    [13] = "general protection",
	    [PAGE_FAULT] = "page fault",
	    [16] = "floating-point error",
	    [17] = "alignment check",
	    [MACHINE_CHECK] = "machine check",
	    [19] = "SIMD floating-point exception",
	};

	return names[vector] ? names[vector] : "exception";
}

static uintptr_t fault_address(void)
{
	uintptr_t address;

	__asm__ volatile("mov %%cr2, %0" : "=r"(address));
	return address;
}

/* SDM 3A, 4.7: the error code's P and W/R. */
static void describe_page_fault(struct kernel_fault *fault)
{
	fault->address = fault_address();
	fault->present = fault->code & 1;
	fault->write = fault->code & 2;
	fault->probe = fault->pc == (uintptr_t)probe_store ||
		       fault->pc == (uintptr_t)probe_load;
}

/* SDM 3A, 6.15, "Double Fault Exception": after a page fault that could not be
 * delivered, CR2 has its address. */
static void describe_double_fault(struct kernel_fault *fault)
{
	uintptr_t address = fault_address();

	if (!stack_has(address))
		return;
	fault->what = "stack overflow";
	fault->address = address;
	fault->write = true;
}

static void take_exception(struct frame *frame)
{
	struct kernel_fault fault = {
	    .pc = frame->rip,
	    .what = name_of(frame->vector),
	    .code = frame->code,
	};

	if (frame->vector == PAGE_FAULT)
		describe_page_fault(&fault);
	else if (frame->vector == DOUBLE_FAULT)
		describe_double_fault(&fault);
	kernel_fault(&fault);
	frame->rip = (uintptr_t)probe_failed;
}

void arch_trap(struct frame *frame)
{
	switch (frame->vector) {
	case VECTOR_FORGET:
		shootdown_answer();
		apic_end_of_interrupt();
		break;
	case VECTOR_WAKE:
		wake_answer();
		apic_end_of_interrupt();
		break;
	default:
		take_exception(frame);
	}
}
