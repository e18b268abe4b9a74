/* SPDX-License-Identifier: MIT */
#include "layout.h"

/* QEMU enters where the note says. */
#define NOTE_SEGMENT note PT_NOTE FLAGS(4);
#define NOTE_SECTION .note.pvh : { KEEP(*(.note.pvh)) } :constant :note

#include "../image.lds.S"
