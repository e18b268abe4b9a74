/* SPDX-License-Identifier: MIT */
/*
 * The kernel's image, and where it is in memory, which on some architectures is
 * where a loader put it.
 *
 * These functions work before the MMU is on as well as after. Code that runs
 * with it off finds symbols relative to the program counter: physical addresses
 * and pointers are the same to it.
 */
#ifndef KERNEL_IMAGE_H
#define KERNEL_IMAGE_H

#include <stdint.h>

/* Of the link script: code, constants, data, whole pages each. */
extern char image_start[], image_constant[], image_data[], image_end[];

/* To be told before anything else: where image_start is in memory. */
void image_is_at(uint64_t physical);

/* Where an address inside the image is in memory, and the reverse. */
uint64_t image_physical(const void *address);
void *image_pointer(uint64_t physical);

/* Bytes of the image. */
uint64_t image_size(void);

#endif
