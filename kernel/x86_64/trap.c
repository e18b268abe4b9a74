/* SPDX-License-Identifier: MIT */
/*
 * The interrupt table (SDM 3A, 6.14) and what exceptions were (6.15).
 */
#include "arch.h"
#include "layout.h"
#include "machine.h"

#define PAGE_FAULT 14

/* As trap_common in head.S pushes it. */
struct frame {
	uint64_t rbp, rbx, r11, r10, r9, r8, rdi, rsi, rdx, rcx, rax;
	uint64_t vector, code, rip, cs, flags, rsp, ss;
};

struct gate {
	uint16_t low, selector, type, middle;
	uint32_t high, reserved;
};

static struct gate gates[256];

/* head.S */
void arch_trap(struct frame *frame);

static void set_gate(unsigned vector, const char *entry)
{
	uintptr_t at = (uintptr_t)entry;

	gates[vector] = (struct gate){
	    .low = (uint16_t)at,
	    .selector = SELECTOR_CODE,
	    .type = 0x8e00, /* present, interrupt gate */
	    .middle = (uint16_t)(at >> 16),
	    .high = (uint32_t)(at >> 32),
	};
}

/* Holds the CPU's number: nothing else uses GS. */
#define MSR_GS_BASE 0xc0000101

void trap_set_up(unsigned number)
{
	struct {
		uint16_t limit;
		uint64_t base;
	} __attribute__((packed)) table = {sizeof(gates) - 1, (uintptr_t)gates};

	for (unsigned i = 0; i < 32; i++)
		set_gate(i, trap_entries + 16 * i);
	set_gate(VECTOR_FORGET, forget_entry);
	set_gate(VECTOR_WAKE, wake_entry);
	__asm__ volatile("lidt %0" ::"m"(table));
	write_msr(MSR_GS_BASE, number);
}

static void describe_page_fault(struct kernel_fault *fault, uint64_t pc)
{
	__asm__ volatile("mov %%cr2, %0" : "=r"(fault->address));
	fault->what = "page fault";
	fault->present = fault->code & 1;
	fault->write = fault->code & 2;
	fault->probe =
	    pc == (uintptr_t)probe_store || pc == (uintptr_t)probe_load;
}

static const char *const names[32] = {
    "divide error",
    "debug exception",
    "NMI",
    "breakpoint",
    "overflow",
    "bound range exceeded",
    "invalid opcode",
    "no FPU",
    "double fault",
    "exception",
    "invalid TSS",
    "segment not present",
    "stack segment fault",
    "general protection",
    "page fault",
};

static void take_exception(struct frame *frame)
{
	const char *what = names[frame->vector & 31];
	struct kernel_fault fault = {
	    .pc = frame->rip,
	    .what = what ? what : "exception",
	    .code = frame->code,
	};

	if (frame->vector == PAGE_FAULT)
		describe_page_fault(&fault, frame->rip);
	kernel_fault(&fault);
	frame->rip = (uintptr_t)probe_failed;
}

void arch_trap(struct frame *frame)
{
	if (frame->vector < 32) {
		take_exception(frame);
		return;
	}
	if (frame->vector == VECTOR_FORGET)
		shootdown_answer();
	apic_end_of_interrupt();
}
