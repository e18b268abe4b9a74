/* SPDX-License-Identifier: MIT */
/*
 * From firmware to C. The boot CPU enters at pvh_start by the x86/HVM direct
 * boot ABI (Xen, docs/misc/pvh.pandoc: 32-bit protected mode, no paging, ebx =
 * start info), named by an ELF note. Others enter at `trampoline`, copied
 * below 1 MiB, in real mode (SDM 3A, 8.4.4). Long mode: SDM 3A, 9.8.5.
 */
#include "layout.h"

#define PHYSICAL(symbol) (symbol - LAYOUT_IMAGE)

#define CR0    0x80010033 /* PG WP NE ET MP PE */
#define CR4    0x6a0      /* OSXMMEXCPT OSFXSR PGE PAE */
#define EFER   0xc0000080
#define LME_NX 0x900

	.section .note.pvh, "a", @note
	.long	4, 4, 18	/* sizes; XEN_ELFNOTE_PHYS32_ENTRY */
	.asciz	"Xen"
	.long	PHYSICAL(pvh_start)

/* ---- the boot CPU -------------------------------------------------------- */

	.section .text.head, "ax"
	.code32
	.globl	pvh_start
pvh_start:
	cld
	movl	%ebx, PHYSICAL(boot_start_info)
	movl	$PHYSICAL(boot_l3), %eax	/* tables of 1 GiB */
	orl	$3, %eax
	movl	%eax, PHYSICAL(boot_l4)
	movl	%eax, PHYSICAL(boot_l4) + 256 * 8
	movl	%eax, PHYSICAL(boot_l4) + 511 * 8
	movl	$PHYSICAL(boot_l2), %eax
	orl	$3, %eax
	movl	$PHYSICAL(boot_l3), %edi
	movl	$4, %ecx
1:	movl	%eax, (%edi)			/* 0 to 4 GiB */
	addl	$4096, %eax
	addl	$8, %edi
	loop	1b
	movl	$PHYSICAL(boot_l2), %eax
	orl	$3, %eax
	movl	%eax, PHYSICAL(boot_l3) + 510 * 8	/* the image */
	movl	$0x83, %eax			/* blocks of 2 MiB */
	movl	$PHYSICAL(boot_l2), %edi
	movl	$2048, %ecx
1:	movl	%eax, (%edi)
	addl	$0x200000, %eax
	addl	$8, %edi
	loop	1b
	movl	$PHYSICAL(boot_l4), %eax
	movl	%eax, %cr3
	movl	$CR4, %eax
	movl	%eax, %cr4
	movl	$EFER, %ecx
	movl	$LME_NX, %eax
	xorl	%edx, %edx
	wrmsr
	movl	$CR0, %eax
	movl	%eax, %cr0
	lgdt	PHYSICAL(gdt_low)
	ljmp	$SELECTOR_CODE, $PHYSICAL(start_64)

	.code64
start_64:
	movabsq	$start_high, %rax
	jmp	*%rax
start_high:
	lgdt	gdt_high
	movl	$SELECTOR_DATA, %eax
	movl	%eax, %ds
	movl	%eax, %es
	movl	%eax, %ss
	movq	$boot_stack + LAYOUT_STACK, %rsp
	xorl	%ebp, %ebp
	call	arch_main

/* ---- every other one ----------------------------------------------------- */

#define HERE(symbol) (LAYOUT_TRAMPOLINE + symbol - trampoline)

	.globl	trampoline, trampoline_end
	.code16
trampoline:
	cli
	xorw	%ax, %ax
	movw	%ax, %ds
	lgdtl	HERE(gdt_trampoline)
	movl	$CR4, %eax
	movl	%eax, %cr4
	movl	HERE(trampoline_cr3), %eax
	movl	%eax, %cr3
	movl	$EFER, %ecx
	movl	$LME_NX, %eax
	xorl	%edx, %edx
	wrmsr
	movl	$CR0, %eax
	movl	%eax, %cr0
	ljmpl	$SELECTOR_CODE, $HERE(trampoline_64)
	.code64
trampoline_64:
	movabsq	$cpu_high, %rax
	jmp	*%rax
	.balign	8
gdt_trampoline:
	.word	gdt_end - gdt - 1
	.long	PHYSICAL(gdt)
trampoline_cr3:
	.long	PHYSICAL(boot_l4)
trampoline_end:

cpu_high:
	lgdt	gdt_high
	movl	$SELECTOR_DATA, %eax
	movl	%eax, %ds
	movl	%eax, %es
	movl	%eax, %ss
	movq	cpu_stack, %rsp
	movl	cpu_number, %edi
	xorl	%ebp, %ebp
	call	arch_cpu_main

/* ---- traps --------------------------------------------------------------- */

/* SDM 3A, 6.14: 16 bytes of code for each of the first 32 vectors. */
	.balign	16
	.globl	trap_entries
trap_entries:
	.set	vector, 0
	.rept	32
	.balign	16
	.if	(vector == 8) || (vector >= 10 && vector <= 14) || (vector == 17) || (vector == 21) || (vector == 29) || (vector == 30)
	.else
	pushq	$0
	.endif
	pushq	$vector
	jmp	trap_common
	.set	vector, vector + 1
	.endr

	.globl	forget_entry, wake_entry
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
	iretq

/* ---- probes -------------------------------------------------------------- */

	.globl	arch_try_store, arch_try_load, probe_store, probe_load, probe_failed
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

/* ---- data ---------------------------------------------------------------- */

	.section .rodata
	.balign	8
gdt:
	.quad	0
	.quad	0x00af9b000000ffff
	.quad	0x00cf93000000ffff
gdt_end:
gdt_low:
	.word	gdt_end - gdt - 1
	.long	PHYSICAL(gdt)
	.balign	8
	.globl	gdt_high
gdt_high:
	.word	gdt_end - gdt - 1
	.quad	gdt

	.data
	.globl	boot_start_info, cpu_stack, cpu_number
	.balign	8
boot_start_info:
	.quad	0
cpu_stack:
	.quad	0
cpu_number:
	.long	0

	.bss
	.balign	4096
	.globl	boot_l4, boot_l3, boot_l2
boot_l4:
	.space	4096
boot_l3:
	.space	4096
boot_l2:
	.space	4 * 4096
	.balign	16
boot_stack:
	.space	LAYOUT_STACK

	.section .note.GNU-stack, "", @progbits
