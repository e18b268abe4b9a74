/* SPDX-License-Identifier: MIT */
/*
 * From firmware to C. The boot hart enters at `start` with a0 = its hart id,
 * a1 = the device tree; others at `start_cpu` by SBI HSM ("Hart State
 * Management Extension"), a1 = struct boot_cpu. Both in S-mode, MMU off,
 * interrupts off.
 *
 * Until the MMU is on, code runs at the address it was loaded at, and so do
 * the functions of boot.c, and those that boot.c calls: medany code finds
 * everything relative to the program counter.
 */
#include "layout.h"

#define SSTATUS_FS_INITIAL (1 << 13)
#define SIE_SSIE           (1 << 1)

	.section .text.head, "ax"
start:
	lla	t0, image_bss
	lla	t1, image_end		/* both are multiples of 16 */
1:	sd	zero, 0(t0)
	sd	zero, 8(t0)
	addi	t0, t0, 16
	bltu	t0, t1, 1b
	lla	sp, boot_stack + LAYOUT_STACK
	call	boot_tables
	lla	a0, boot_satp
	ld	a0, 0(a0)
	call	enable_mmu
	li	tp, 0
	call	arch_main

	.globl	start_cpu
start_cpu:
	ld	sp, 0(a1)		/* stack_top, virtual */
	ld	tp, 8(a1)		/* number */
	ld	a0, 16(a1)		/* satp */
	mv	s0, sp
	call	enable_mmu
	mv	sp, s0
	call	arch_cpu_main

/*
 * Return to the caller, and to its stack, at virtual addresses. When satp takes
 * the value the next fetch faults, because low addresses lead nowhere, and
 * stvec takes the hart to where it goes on. When it does not, the write has
 * no effect at all (Privileged ISA, "Supervisor Address Translation
 * and Protection (satp) Register").
 */
enable_mmu:
	li	t0, LAYOUT_IMAGE
	lla	t1, start
	sub	t0, t0, t1
	lla	t2, 1f
	add	t2, t2, t0
	csrw	sie, zero
	csrw	stvec, t2
	sfence.vma
	csrw	satp, a0
	tail	boot_refuse
	.balign	4
1:	lla	t2, vectors
	csrw	stvec, t2
	add	ra, ra, t0
	add	sp, sp, t0
	li	t2, SSTATUS_FS_INITIAL
	csrs	sstatus, t2
	li	t2, SIE_SSIE
	csrw	sie, t2
	ret

	.section .bss
	.balign	16
boot_stack:
	.space	LAYOUT_STACK
