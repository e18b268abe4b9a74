/* SPDX-License-Identifier: MIT */
#include "descriptors.h"
#include <stdint.h>
#include "arch.h"
#include "image.h"
#include "layout.h"
#include "stacks.h"

#define STACK_BYTES 4096 /* of an interrupt stack */

/* SDM 3A, figure 7-11. */
struct task_state {
	uint32_t reserved_0;
	uint64_t privileged[3];
	uint64_t reserved_1;
	uint64_t interrupt_stack[7];
	uint64_t reserved_2;
	uint16_t reserved_3, io_map;
} __attribute__((packed));

typedef unsigned char stack_t[STACK_BYTES];

static struct task_state tasks[KERNEL_CPUS];
static _Alignas(LAYOUT_PAGE) stack_t stacks[KERNEL_CPUS][STACKS - 1];

/* SDM 3A, 3.4.5. Code and data are accessed already. */
static uint64_t descriptors[SELECTOR_TSS / 8 + 2 * KERNEL_CPUS] = {
    [SELECTOR_CODE / 8] = 0x00af9b000000ffff,
    [SELECTOR_DATA / 8] = 0x00cf93000000ffff,
};

static unsigned selector_of(unsigned cpu)
{
	return SELECTOR_TSS + 16 * cpu;
}

/* SDM 3A, figure 7-4: type 9, an available 64-bit TSS, present. */
static void set_descriptor(unsigned cpu)
{
	uint64_t *at = &descriptors[selector_of(cpu) / 8];
	uint64_t base = (uintptr_t)&tasks[cpu];

	at[0] = (sizeof(struct task_state) - 1) | (base & 0xffffff) << 16 |
		UINT64_C(0x89) << 40 | (base >> 24 & 0xff) << 56;
	at[1] = base >> 32;
}

void descriptors_make(unsigned cpu)
{
	struct task_state *task = &tasks[cpu];

	/* No I/O permission map: it would begin past the limit. */
	task->io_map = sizeof(*task);
	for (unsigned i = 1; i < STACKS; i++)
		task->interrupt_stack[i - 1] =
		    stack_map(cpu, (enum stack)i,
			      image_physical(stacks[cpu][i - 1]), STACK_BYTES);
	set_descriptor(cpu);
}

/* Segment registers keep what they hold: selectors mean the same as before. */
void descriptors_load(unsigned cpu)
{
	const struct {
		uint16_t limit;
		uint64_t base;
	} __attribute__((packed)) table = {
	    sizeof(descriptors) - 1,
	    (uintptr_t)descriptors,
	};

	__asm__ volatile("lgdt %0" ::"m"(table));
	__asm__ volatile("ltr %w0" ::"r"(selector_of(cpu)) : "memory");
}
