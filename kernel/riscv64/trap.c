/* SPDX-License-Identifier: MIT */
/*
 * What a trap was: Privileged ISA, "Supervisor Cause (scause) Register".
 */
#include "arch.h"
#include "lookup.h"
#include "symbols.h"

#define CAUSE_INTERRUPT        (UINT64_C(1) << 63)
#define CAUSE_ILLEGAL          2
#define CAUSE_LOAD_MISALIGNED  4
#define CAUSE_STORE_MISALIGNED 6
#define CAUSE_STORE            7
#define CAUSE_FETCH_PAGE       12
#define CAUSE_STORE_PAGE       15

#define read_csr(name)                                                         \
	({                                                                     \
		uint64_t value_;                                               \
		__asm__ volatile("csrr %0, " #name : "=r"(value_)::"memory");  \
		value_;                                                        \
	})

/* vectors.S; what it returns to is sepc. */
void arch_trap(void);

static const char *cause_name(uint64_t cause)
{
	static const char *const name[] = {
	    "misaligned instruction",
	    "instruction access fault",
	    "illegal instruction",
	    "breakpoint",
	    "misaligned load",
	    "load access fault",
	    "misaligned store",
	    "store access fault",
	    "environment call from U-mode",
	    "environment call",
	    "exception",
	    "exception",
	    "instruction page fault",
	    "load page fault",
	    "exception",
	    "store page fault",
	};

	if (cause & CAUSE_INTERRUPT)
		return "unexpected interrupt";
	return cause < sizeof(name) / sizeof(*name) ? name[cause] : "exception";
}

static bool is_access(uint64_t cause)
{
	return cause <= 1 ||
	       (cause >= CAUSE_LOAD_MISALIGNED && cause <= CAUSE_STORE) ||
	       (cause >= CAUSE_FETCH_PAGE && cause <= CAUSE_STORE_PAGE);
}

static bool is_at(uintptr_t pc, const char *label)
{
	return pc == (uintptr_t)label;
}

static void go_on_at(const char *label)
{
	__asm__ volatile("csrw sepc, %0" ::"r"(label) : "memory");
}

void arch_trap(void)
{
	uint64_t cause = read_csr(scause);
	struct kernel_fault fault = {
	    .pc = read_csr(sepc),
	    .what = cause_name(cause),
	    .code = cause,
	};

	if (cause == CAUSE_ILLEGAL && is_at(fault.pc, probe_cycle)) {
		go_on_at(probe_failed);
		return;
	}
	if (is_access(cause))
		fault.address = read_csr(stval);
	fault.write = cause == CAUSE_STORE_MISALIGNED || cause == CAUSE_STORE ||
		      cause == CAUSE_STORE_PAGE;
	fault.present = is_access(cause) && lookup_finds(fault.address);
	fault.probe =
	    is_at(fault.pc, probe_store) || is_at(fault.pc, probe_load);
	kernel_fault(&fault);
	go_on_at(probe_failed);
}
