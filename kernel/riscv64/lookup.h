/* SPDX-License-Identifier: MIT */
/*
 * Looking an address up in the tables, where scause does not tell an absent
 * page from a forbidden one.
 */
#ifndef RISCV64_LOOKUP_H
#define RISCV64_LOOKUP_H

#include <stdbool.h>
#include <stdint.h>

/* Is there any translation for an address, the window of the port included? */
bool lookup_finds(uintptr_t va);

#endif
