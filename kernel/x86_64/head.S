/* SPDX-License-Identifier: MIT */
/*
 * From firmware to C. The boot CPU enters at pvh_start by the x86/HVM direct
 * boot ABI (Xen, docs/misc/pvh.pandoc: 32-bit protected mode, no paging, ebx =
 * start info), named by an ELF note. Others enter at `trampoline`, copied
 * below 1 MiB, in real mode (SDM 3A, 8.4.4). Long mode: SDM 3A, 9.8.5.
 *
 * It is entered with tables that map the first GiB twice, at its physical
 * addresses and as the image's. They are left for those of boot.c as soon as
 * the CPU runs at the image's addresses.
 */
#include "layout.h"

#define PHYSICAL(symbol) (symbol - LAYOUT_IMAGE + LAYOUT_LOAD)

#define CR0    0x80010033 /* PG WP NE ET MP PE */
#define CR4    0x6e0      /* OSXMMEXCPT OSFXSR PGE MCE PAE */
#define EFER   0xc0000080
#define LME_NX 0x900

/* CPUID 80000001h, EDX. */
#define FEATURE_NX        (1 << 20)
#define FEATURE_LONG_MODE (1 << 29)

#define EXIT_PANIC 3 /* KERNEL_EXIT_PANIC */

	.section .note.pvh, "a", @note
	.long	4, 4, 18	/* sizes; XEN_ELFNOTE_PHYS32_ENTRY */
	.asciz	"Xen"
	.long	PHYSICAL(pvh_start)

/* ---- the boot CPU -------------------------------------------------------- */

	.section .text.head, "ax"
	.code32
pvh_start:
	cld
	movl	%ebx, PHYSICAL(boot_start_info)

	movl	$0x80000000, %eax	/* the last function there is */
	cpuid
	movl	$PHYSICAL(no_long_mode), %esi
	cmpl	$0x80000001, %eax
	jb	refuse
	movl	$0x80000001, %eax
	cpuid
	testl	$FEATURE_LONG_MODE, %edx
	jz	refuse
	movl	$PHYSICAL(no_nx), %esi
	testl	$FEATURE_NX, %edx
	jz	refuse

	movl	$PHYSICAL(start_l3) + 3, %eax
	movl	%eax, PHYSICAL(start_l4)
	movl	%eax, PHYSICAL(start_l4) + 511 * 8
	movl	$PHYSICAL(start_l2) + 3, %eax
	movl	%eax, PHYSICAL(start_l3)
	movl	%eax, PHYSICAL(start_l3) + 510 * 8
	movl	$0x83, %eax			/* blocks of 2 MiB */
	movl	$PHYSICAL(start_l2), %edi
	movl	$512, %ecx
1:	movl	%eax, (%edi)
	addl	$0x200000, %eax
	addl	$8, %edi
	loop	1b

	movl	$PHYSICAL(start_l4), %eax
	movl	%eax, %cr3
	movl	$CR4, %eax
	movl	%eax, %cr4
	movl	$EFER, %ecx
	movl	$LME_NX, %eax
	xorl	%edx, %edx
	wrmsr
	movl	$CR0, %eax
	movl	%eax, %cr0
	lgdt	PHYSICAL(gdt_pointer)
	ljmp	$SELECTOR_CODE, $PHYSICAL(start_64)

/* Print the line that esi points to, and end. */
refuse:
	movl	$LAYOUT_SERIAL_LINE, %edx
1:	inb	%dx, %al
	testb	$0x20, %al		/* it takes another byte */
	jz	1b
	lodsb
	testb	%al, %al
	jz	2f
	movl	$LAYOUT_SERIAL, %edx
	outb	%al, %dx
	jmp	refuse
2:	movl	$LAYOUT_DEBUG_EXIT, %edx
	movb	$EXIT_PANIC, %al
	outb	%al, %dx
3:	cli
	hlt
	jmp	3b

	.code64
start_64:
	movl	$SELECTOR_DATA, %eax
	movl	%eax, %ds
	movl	%eax, %es
	movl	%eax, %ss
	movabsq	$start_high, %rax
	jmp	*%rax
start_high:
	movq	$boot_stack + LAYOUT_STACK, %rsp
	call	boot_tables
	movq	boot_root, %rax
	movq	%rax, %cr3
	movq	$LAYOUT_STACKS + LAYOUT_STACK_SLOT, %rsp
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
	movl	$SELECTOR_DATA, %eax
	movl	%eax, %ds
	movl	%eax, %es
	movl	%eax, %ss
	movabsq	$cpu_high, %rax
	jmp	*%rax
	.balign	8
gdt_trampoline:
	.word	gdt_end - gdt - 1
	.long	PHYSICAL(gdt)
trampoline_cr3:
	.long	PHYSICAL(start_l4)
trampoline_end:

cpu_high:
	movq	boot_root, %rax
	movq	%rax, %cr3
	movq	cpu_stack, %rsp
	movl	cpu_number, %edi
	xorl	%ebp, %ebp
	call	arch_cpu_main

/* ---- data ---------------------------------------------------------------- */

	.section .rodata
no_long_mode:
	.asciz	"hvo: panic: this CPU has no long mode: choose a 64-bit -cpu\n"
no_nx:
	.asciz	"hvo: panic: this CPU has no NX: choose another -cpu\n"

/* Until descriptors.c's. Accessed bits are set, so nothing writes here. */
	.balign	8
gdt:
	.quad	0
	.quad	0x00af9b000000ffff
	.quad	0x00cf93000000ffff
gdt_end:
gdt_pointer:
	.word	gdt_end - gdt - 1
	.long	PHYSICAL(gdt)

	.bss
	.balign	4096
	.globl	start_l4, boot_stack
start_l4:
	.space	4096
start_l3:
	.space	4096
start_l2:
	.space	4096
boot_stack:
	.space	LAYOUT_STACK

	.section .note.GNU-stack, "", @progbits
