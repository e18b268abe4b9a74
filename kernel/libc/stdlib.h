/* SPDX-License-Identifier: MIT */
/* libfdt's headers include it; the files compiled here use nothing of it. */
#ifndef KERNEL_STDLIB_H
#define KERNEL_STDLIB_H

#include <stddef.h>

#endif
