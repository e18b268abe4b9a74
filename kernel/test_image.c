/* SPDX-License-Identifier: MIT */
/* The kernel's own image: what must not be written cannot be. */
#include "arch.h"
#include "tests.h"

/* What is there is stored again, lest a test that fails does harm. */
static bool is_read_only(uintptr_t address)
{
	volatile uint64_t *word = (volatile uint64_t *)(address & -8ul);
	uint64_t value;

	return arch_try_load(word, &value) && !arch_try_store(word, value);
}

void kernel_test_image(void)
{
	static const uint64_t constant = 1;

	kernel_report(is_read_only((uintptr_t)kernel_test_image),
		      "code cannot be written");
	kernel_report(is_read_only((uintptr_t)&constant),
		      "constants cannot be written");
}
