/* SPDX-License-Identifier: MIT */
/*
 * System registers, by their names in the manual.
 */
#ifndef AARCH64_REGISTERS_H
#define AARCH64_REGISTERS_H

#include <stdint.h>

#define read_register(name)                                                    \
	({                                                                     \
		uint64_t value_;                                               \
		__asm__ volatile("mrs %0, " #name : "=r"(value_)::"memory");   \
		value_;                                                        \
	})

#define write_register(name, value)                                            \
	__asm__ volatile("msr " #name ", %0" ::"r"((uint64_t)(value))          \
			 : "memory")

#endif
