/* SPDX-License-Identifier: MIT */
/*
 * Traps, and the accesses that may cause one.
 *
 * sstatus.SIE stays 0: harts are woken from WFI by what is pending, and TLBs
 * are flushed by firmware. So whatever arrives is a fault, and arch_trap()
 * returns only for a probe, with sepc at probe_failed. A probe is a function
 * of its own: what a call may clobber need not be saved.
 */
	.text

	.balign	4
	.globl	vectors
vectors:
	addi	sp, sp, -16
	sd	ra, 0(sp)
	call	arch_trap
	ld	ra, 0(sp)
	addi	sp, sp, 16
	sret

	.globl	arch_try_store
arch_try_store:
	.globl	probe_store
probe_store:
	sd	a1, 0(a0)
	li	a0, 1
	ret

	.globl	arch_try_load
arch_try_load:
	.globl	probe_load
probe_load:
	ld	t0, 0(a0)
	sd	t0, 0(a1)
	li	a0, 1
	ret

/* bool clock_has_cycle(void): an illegal instruction where it may not. */
	.globl	clock_has_cycle
clock_has_cycle:
	.globl	probe_cycle
probe_cycle:
	rdcycle	t0
	li	a0, 1
	ret

	.globl	probe_failed
probe_failed:
	li	a0, 0
	ret
