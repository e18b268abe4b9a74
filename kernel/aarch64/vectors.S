/* SPDX-License-Identifier: MIT */
/*
 * Exceptions, and the two accesses that may cause one.
 *
 * There are no interrupts: CPUs are woken by events, and TLBs are told by
 * broadcast. So whatever arrives is a fault, and arch_trap() returns only for
 * a probe, with ELR_EL1 at probe_failed. A probe is a function of its own:
 * what a call may clobber need not be saved.
 */
	.text

/* DDI 0487, "Exception vectors": 16 entries of 128 bytes, 2 KiB aligned. */
	.balign	2048
	.globl	vectors
vectors:
	.rept	16
	.balign	128
	stp	x29, x30, [sp, #-16]!
	b	trap
	.endr

/*
 * A data abort for a TLB conflict is what FEAT_BBM level 2 allows a CPU when a
 * block becomes a table or the reverse: forget what is cached, try again. The
 * flags come back with SPSR_EL1.
 */
trap:
	mrs	x29, esr_el1
	lsr	x30, x29, #26		/* the class */
	and	x29, x29, #0x3f		/* the fault status, */
	sub	x29, x29, #0x30		/* 0 for a conflict */
	cmp	x30, #0x25
	ccmp	x29, #0, #0, eq
	b.ne	1f
	tlbi	vmalle1
	dsb	nsh
	b	2f
1:	bl	arch_trap
2:	ldp	x29, x30, [sp], #16
	eret

	.globl	arch_try_store
arch_try_store:
	.globl	probe_store
probe_store:
	str	x1, [x0]
	b	probe_passed

	.globl	arch_try_load
arch_try_load:
	.globl	probe_load
probe_load:
	ldr	x2, [x0]
	str	x2, [x1]
probe_passed:
	mov	w0, #1
	ret

	.globl	probe_failed
probe_failed:
	mov	w0, #0
	ret
