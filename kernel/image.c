/* SPDX-License-Identifier: MIT */
#include "image.h"

static uint64_t loaded_at;

void image_is_at(uint64_t physical)
{
	loaded_at = physical;
}

uint64_t image_physical(const void *address)
{
	return (uintptr_t)address - (uintptr_t)image_start + loaded_at;
}

void *image_pointer(uint64_t physical)
{
	return (void *)(physical - loaded_at + (uintptr_t)image_start);
}

uint64_t image_size(void)
{
	return (uint64_t)(image_end - image_start);
}
