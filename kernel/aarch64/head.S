/* SPDX-License-Identifier: MIT */
/*
 * From firmware to C. The boot CPU enters at `start`, by Linux's boot protocol
 * (Documentation/arch/arm64/booting.rst: MMU off, x0 = the device tree, any
 * multiple of 2 MiB) or, started by QEMU as an ELF file, with x0 = 0. Others
 * enter at `start_cpu` by PSCI CPU_ON (DEN0022, 5.6), x0 = struct boot_cpu.
 *
 * Until the MMU is on, code runs at the address it was loaded at, and so do
 * the functions of boot.c, and those that boot.c calls.
 */
#include "layout.h"

	.section .text.head, "ax"

/* The protocol's header, 64 bytes. */
start:
	b	start_boot
	.word	0
	.quad	0			/* offset of the image */
	.quad	image_end - start	/* and its size */
	.quad	8			/* little-endian, anywhere in RAM */
	.quad	0, 0, 0
	.ascii	"ARM\x64"
	.word	0

/* ---- the boot CPU -------------------------------------------------------- */

start_boot:
	mov	x19, x0
	bl	enter_el1
	adrp	x0, image_bss
	add	x0, x0, :lo12:image_bss
	adrp	x1, image_end		/* both are multiples of 16 */
1:	stp	xzr, xzr, [x0], #16
	cmp	x0, x1
	b.lo	1b
	adrp	x0, boot_stack + LAYOUT_STACK
	mov	sp, x0
	mov	x0, x19
	bl	boot_tables
	bl	invalidate_image
	bl	enable_mmu
	ldr	x1, =boot_stack + LAYOUT_STACK
	mov	sp, x1
	mov	x0, #0
	ldr	x2, =arch_main
	br	x2

/*
 * What was stored with the MMU off went past the caches: drop the clean lines
 * that they may hold of it. In the protocol the loader has written back all
 * others.
 */
invalidate_image:
	adrp	x0, image_data
	adrp	x1, image_end
	mrs	x2, ctr_el0
	ubfx	x2, x2, #16, #4		/* DminLine: log2 of its words */
	mov	x3, #4
	lsl	x3, x3, x2
	dsb	sy
1:	dc	ivac, x0
	add	x0, x0, x3
	cmp	x0, x1
	b.lo	1b
	dsb	sy
	ret

/* ---- every other one ----------------------------------------------------- */

	.globl	start_cpu
start_cpu:
	mov	x19, x0
	bl	enter_el1
	bl	enable_mmu
	ldp	x1, x0, [x19]		/* stack_top, number */
	mov	sp, x1
	ldr	x2, =arch_cpu_main
	br	x2

/* ---- both ---------------------------------------------------------------- */

/*
 * Leave EL2 if that is where firmware left us, with nothing trapped; then
 * allow floating point, and trap to our vectors.
 */
enter_el1:
	mrs	x1, CurrentEL
	cmp	x1, #(2 << 2)
	b.ne	1f
	mov	x1, #(1 << 31)		/* HCR_EL2.RW: EL1 is AArch64 */
	msr	hcr_el2, x1
	mov	x1, #3			/* timer and counter */
	msr	cnthctl_el2, x1
	msr	cntvoff_el2, xzr
	mov	x1, #0x33ff		/* CPTR_EL2: RES1 bits only */
	msr	cptr_el2, x1
	mrs	x1, pmcr_el0
	ubfx	x1, x1, #11, #5		/* MDCR_EL2.HPMN = PMCR_EL0.N */
	msr	mdcr_el2, x1
	msr	hstr_el2, xzr
	mrs	x1, midr_el1
	msr	vpidr_el2, x1
	mrs	x1, mpidr_el1
	msr	vmpidr_el2, x1
	ldr	x1, =0x30d00800		/* SCTLR_EL1: RES1 bits, MMU off */
	msr	sctlr_el1, x1
	mov	x1, #0x3c5		/* EL1h, all masked */
	msr	spsr_el2, x1
	adr	x1, 1f
	msr	elr_el2, x1
	isb
	eret
1:	mov	x1, #(3 << 20)		/* CPACR_EL1.FPEN */
	msr	cpacr_el1, x1
	msr	spsel, #1
	ldr	x1, =vectors
	msr	vbar_el1, x1
	isb
	ret

/* Return to the caller at its virtual address. */
enable_mmu:
	adrp	x1, boot_registers
	add	x1, x1, :lo12:boot_registers
	ldp	x2, x3, [x1]		/* mair, tcr */
	ldp	x4, x5, [x1, #16]	/* ttbr0, ttbr1 */
	ldr	x6, [x1, #32]		/* sctlr */
	msr	mair_el1, x2
	msr	tcr_el1, x3
	msr	ttbr0_el1, x4
	msr	ttbr1_el1, x5
	dsb	sy
	isb
	tlbi	vmalle1
	dsb	nsh
	isb
	msr	sctlr_el1, x6
	isb
	adrp	x1, image_start
	sub	x30, x30, x1
	ldr	x1, =image_start
	add	x30, x30, x1
	ic	iallu
	dsb	nsh
	isb
	ret

	.ltorg

	.section .bss
	.balign	4096
boot_stack:
	.space	LAYOUT_STACK
