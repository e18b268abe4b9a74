/* SPDX-License-Identifier: MIT */
/*
 * What an architecture does for the reference kernel, and what it calls.
 *
 * Each of kernel/x86_64, kernel/aarch64 and kernel/riscv64 implements all
 * arch_*() functions, here and in tables.h; which of them is linked is decided
 * when the kernel is built. Entry code brings the boot CPU into kernel_main()
 * and every other one into kernel_cpu_main(), each with a stack of its own, its
 * number known to arch_cpu(), traps installed, interrupts on, floating point
 * usable, and the MMU on with
 *
 *   - the kernel's own image, not writable where it is code or constant;
 *   - the direct map: the devices that the kernel uses, and all RAM, which
 *     kernel_discover() adds, by the largest blocks;
 *   - nothing in the vmemmap's window, which is the port's.
 *
 * All CPUs use the same tables. There is no scheduler and no user space: a CPU
 * does one thing at a time, and interrupt handlers only answer other CPUs.
 */
#ifndef KERNEL_ARCH_H
#define KERNEL_ARCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "hvo/firmware.h"

#define KERNEL_CPUS   64  /* most that are started */
#define KERNEL_RANGES 128 /* of firmware's memory map */
#define KERNEL_NODES  16
#define KERNEL_LINE   2048 /* bytes of the command line, NUL included */

/* ---- what firmware said -------------------------------------------------- */

/* All that the kernel knows of its machine; filled in by kernel_discover(). */
struct kernel_machine {
	/* As it comes; with the image, the tables of firmware that are needed
	 * later, and everything else that must not be overwritten as
	 * HVO_MEMORY_RESERVED. */
	struct hvo_memory_map listed;
	struct hvo_memory_map memory; /* that, normalised to whole pages */
	struct hvo_nodes nodes;
	uint8_t distance[KERNEL_NODES * KERNEL_NODES];
	bool has_distance;
	struct hvo_cpus cpus; /* the boot CPU among them */
	uint64_t boot_cpu;    /* its id in cpus */
	char line[KERNEL_LINE];
	/* Where the arrays above are. */
	struct hvo_memory_range listed_range[KERNEL_RANGES];
	struct hvo_memory_range range[2 * KERNEL_RANGES];
	uint32_t domain[KERNEL_NODES];
	struct hvo_cpu cpu[KERNEL_CPUS];
};

/*
 * Read firmware's tables into *machine, all but memory. The caller has set up
 * the arrays, and adds the image to what is listed.
 * Does not return when it cannot: kernel_panic() with one line that says what
 * is missing or wrong, and what to do (no device tree, say).
 */
void arch_discover(struct kernel_machine *machine);

/* "x86_64", "aarch64, 16 KiB granule", "riscv64, Sv48". */
const char *arch_name(void);

/* ---- memory -------------------------------------------------------------- */

struct kernel_addresses {
	uintptr_t direct_map;     /* of physical address 0 */
	uint64_t direct_map_size; /* physical addresses it has room for */
	uint64_t direct_mapped;   /* those below are there from the start */

	/* Where the vmemmap's window begins and how large it may be. Its
	 * top-level entries are the port's alone, and empty. */
	uintptr_t vmemmap;
	uint64_t vmemmap_size;
};

extern const struct kernel_addresses arch_addresses;

/*
 * Store to, or load from, an address that may fault. Returns whether it went
 * through; if not, kernel_fault() has been called once.
 */
bool arch_try_store(volatile uint64_t *at, uint64_t value);
bool arch_try_load(const volatile uint64_t *at, uint64_t *value);

/* ---- CPUs ---------------------------------------------------------------- */

/* This CPU's number: 0 is the boot CPU, the others as arch_cpu_start() said. */
unsigned arch_cpu(void);

/*
 * Start a CPU: it arrives in kernel_cpu_main(number) on a stack that ends at
 * stack_top. Returns false if firmware refuses. Called on the boot CPU, one at
 * a time; the caller waits for the CPU to arrive before it starts the next.
 */
bool arch_cpu_start(const struct hvo_cpu *cpu, unsigned number,
		    void *stack_top);

/* What a waiting loop does each time round. */
void arch_relax(void);

/* Sleep until some CPU calls arch_wake(), or less; no wake-up between a look
 * at memory and the sleep is lost (it may return at once). */
void arch_sleep(void);
void arch_wake(void);

/* ---- time and the console ------------------------------------------------ */

/* Nanoseconds since some moment; under QEMU's -icount shift=0, instructions. */
uint64_t arch_nanoseconds(void);

void arch_console(const char *text, size_t n);

/* End QEMU with this code, 0 to 127. */
_Noreturn void arch_exit(int code);

/* ---- what an architecture calls ------------------------------------------ */

_Noreturn void kernel_main(void);
_Noreturn void kernel_cpu_main(unsigned number);

struct kernel_fault {
	uintptr_t address; /* that was accessed; 0 if it was no access */
	uintptr_t pc;
	bool write;
	bool present;     /* it is mapped, but not for this */
	bool probe;       /* by arch_try_store() or arch_try_load() */
	const char *what; /* the architecture's words: "page fault" */
	uint64_t code;    /* its error code or syndrome */
};

/*
 * A trap that is no interrupt. Says what it was, with pfn, order and zone when
 * it was a write to a shared tail. Returns only for a probe: then the
 * architecture goes on behind it.
 */
void kernel_fault(const struct kernel_fault *fault);

/* One line "hvo: panic: ..." on the console, and arch_exit() with
 * KERNEL_EXIT_PANIC. Usable from the first instruction in C on. */
__attribute__((format(printf, 1, 2))) _Noreturn void
kernel_panic(const char *format, ...);

#define KERNEL_EXIT_OK     0
#define KERNEL_EXIT_FAILED 1 /* a test failed, the check found something */
#define KERNEL_EXIT_USAGE  2 /* the command line makes no sense */
#define KERNEL_EXIT_PANIC  3

#endif
