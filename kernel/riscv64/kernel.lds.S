/* SPDX-License-Identifier: MIT */
#include "layout.h"

OUTPUT_ARCH(riscv)

#define NOTE_SEGMENT
#define NOTE_SECTION

#include "../image.lds.S"
