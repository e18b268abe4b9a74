/* SPDX-License-Identifier: MIT */
/*
 * Calls of the firmware below: RISC-V Supervisor Binary Interface
 * Specification 2.0; chapters are cited by title. Harts are always addressed
 * all together (hart_mask_base of -1, chapter "Binary Encoding"), so no hart
 * ids are known here.
 */
#ifndef HVO_RISCV64_SBI_H
#define HVO_RISCV64_SBI_H

#include <stdint.h>

#define SBI_LEGACY_PUTCHAR 0x01
#define SBI_BASE           0x10
#define SBI_IPI            0x735049
#define SBI_RFENCE         0x52464e43
#define SBI_HSM            0x48534d
#define SBI_DEBUG_CONSOLE  0x4442434e

#define SBI_BASE_PROBE               3
#define SBI_IPI_SEND                 0
#define SBI_RFENCE_VMA               1
#define SBI_HSM_START                0
#define SBI_DEBUG_CONSOLE_WRITE_BYTE 2

#define SBI_ALL_HARTS (~UINT64_C(0)) /* as hart_mask_base */

struct sbi_result {
	int64_t error; /* 0, or a negative code */
	uint64_t value;
};

struct sbi_call {
	uint64_t extension, function;
	uint64_t argument[4];
};

/* "Binary Encoding": all registers but a0 and a1 are kept. */
static inline struct sbi_result sbi_call(struct sbi_call call)
{
	register uint64_t a0 __asm__("a0") = call.argument[0];
	register uint64_t a1 __asm__("a1") = call.argument[1];
	register uint64_t a2 __asm__("a2") = call.argument[2];
	register uint64_t a3 __asm__("a3") = call.argument[3];
	register uint64_t a6 __asm__("a6") = call.function;
	register uint64_t a7 __asm__("a7") = call.extension;

	__asm__ volatile("ecall"
			 : "+r"(a0), "+r"(a1)
			 : "r"(a2), "r"(a3), "r"(a6), "r"(a7)
			 : "memory");
	return (struct sbi_result){(int64_t)a0, a1};
}

#endif
