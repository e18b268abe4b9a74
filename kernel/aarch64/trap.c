/* SPDX-License-Identifier: MIT */
/*
 * What an exception was: DDI 0487, ESR_EL1, its classes and fault codes.
 */
#include "arch.h"
#include "registers.h"
#include "symbols.h"

#define CLASS_UNKNOWN     0x00
#define CLASS_ILLEGAL     0x0e
#define CLASS_INSTRUCTION 0x21 /* abort, without a change of level */
#define CLASS_PC          0x22
#define CLASS_DATA        0x25
#define CLASS_SP          0x26
#define CLASS_SERROR      0x2f
#define CLASS_BRK         0x3c

#define STATUS_TRANSLATION 0x04 /* level 0 to 3 in the lowest bits */
#define STATUS_ACCESS      0x08
#define STATUS_PERMISSION  0x0c
#define STATUS_EXTERNAL    0x10
#define STATUS_ALIGNMENT   0x21

#define SYNDROME_WRITE       (1u << 6) /* WnR */
#define SYNDROME_MAINTENANCE (1u << 8) /* CM: no write, whatever WnR says */

/* vectors.S; what it returns to is ELR_EL1. */
void arch_trap(void);

static const char *abort_name(unsigned status)
{
	switch (status) {
	case STATUS_EXTERNAL:
		return "synchronous external abort";
	case STATUS_ALIGNMENT:
		return "alignment fault";
	}
	switch (status & ~3u) {
	case STATUS_TRANSLATION:
		return "translation fault";
	case STATUS_ACCESS:
		return "access flag fault";
	case STATUS_PERMISSION:
		return "permission fault";
	}
	return "abort";
}

static const char *exception_name(unsigned class)
{
	switch (class) {
	case CLASS_UNKNOWN:
		return "undefined instruction";
	case CLASS_ILLEGAL:
		return "illegal execution state";
	case CLASS_PC:
		return "misaligned program counter";
	case CLASS_SP:
		return "misaligned stack pointer";
	case CLASS_SERROR:
		return "SError";
	case CLASS_BRK:
		return "breakpoint";
	}
	return "exception";
}

static void describe_access(struct kernel_fault *fault, unsigned syndrome)
{
	unsigned status = syndrome & 0x3f;

	fault->address = read_register(far_el1);
	fault->present = (status & ~3u) == STATUS_PERMISSION;
	fault->what = abort_name(status);
}

static bool is_at(uintptr_t pc, const char *label)
{
	return pc == (uintptr_t)label;
}

void arch_trap(void)
{
	uint64_t syndrome = read_register(esr_el1);
	unsigned class = syndrome >> 26 & 0x3f;
	struct kernel_fault fault = {
	    .pc = read_register(elr_el1),
	    .what = exception_name(class),
	    .code = syndrome,
	};

	if (class == CLASS_DATA) {
		describe_access(&fault, (unsigned)syndrome);
		fault.write = syndrome & SYNDROME_WRITE &&
			      !(syndrome & SYNDROME_MAINTENANCE);
		fault.probe =
		    is_at(fault.pc, probe_store) || is_at(fault.pc, probe_load);
	} else if (class == CLASS_INSTRUCTION) {
		describe_access(&fault, (unsigned)syndrome);
	}
	kernel_fault(&fault);
	write_register(elr_el1, (uintptr_t)probe_failed);
}
