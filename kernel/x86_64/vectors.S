/* SPDX-License-Identifier: MIT */
/*
 * Exceptions and interrupts, and the two accesses that may cause one. A probe
 * is a function of its own: what a call may clobber need not be kept.
 */
#include "layout.h"

	.text

/* ---- traps --------------------------------------------------------------- */

/* SDM 3A, 6.13: vectors for which the CPU pushes an error code. */
#define PUSHED 0x60227d00 /* 8, 10 to 14, 17, 21, 29, 30 */

/* SDM 3A, 6.14: 16 bytes of code for each of the first 32 vectors. */
	.balign	16
	.globl	trap_entries
trap_entries:
	.set	vector, 0
	.rept	32
	.balign	16
	.if	((PUSHED >> vector) & 1) == 0
	pushq	$0
	.endif
	pushq	$vector
	jmp	trap_common
	.set	vector, vector + 1
	.endr

	.globl	forget_entry, wake_entry, spurious_entry
	.balign	16
forget_entry:
	pushq	$0
	pushq	$VECTOR_FORGET
	jmp	trap_common
	.balign	16
wake_entry:
	pushq	$0
	pushq	$VECTOR_WAKE

trap_common:
	cld
	pushq	%rax
	pushq	%rcx
	pushq	%rdx
	pushq	%rsi
	pushq	%rdi
	pushq	%r8
	pushq	%r9
	pushq	%r10
	pushq	%r11
	pushq	%rbx
	pushq	%rbp
	movq	%rsp, %rdi
	movq	%rsp, %rbp
	subq	$512, %rsp
	andq	$-16, %rsp
	fxsave	(%rsp)
	call	arch_trap
	fxrstor	(%rsp)
	movq	%rbp, %rsp
	popq	%rbp
	popq	%rbx
	popq	%r11
	popq	%r10
	popq	%r9
	popq	%r8
	popq	%rdi
	popq	%rsi
	popq	%rdx
	popq	%rcx
	popq	%rax
	addq	$16, %rsp
/* SDM 3A, 10.9: a spurious interrupt has no end to be told. */
spurious_entry:
	iretq

/* ---- probes -------------------------------------------------------------- */

	.globl	arch_try_store, arch_try_load
	.globl	probe_store, probe_load, probe_failed
arch_try_store:
probe_store:
	movq	%rsi, (%rdi)
	movl	$1, %eax
	ret
arch_try_load:
probe_load:
	movq	(%rdi), %rax
	movq	%rax, (%rsi)
	movl	$1, %eax
	ret
probe_failed:
	xorl	%eax, %eax
	ret

	.section .note.GNU-stack, "", @progbits
