/* SPDX-License-Identifier: MIT */
#include "layout.h"

#define NOTE_SEGMENT
#define NOTE_SECTION

#include "../image.lds.S"
