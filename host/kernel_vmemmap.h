/* SPDX-License-Identifier: MIT */
/*
 * Where the kernel's array of page descriptors is. Pure function; private to
 * this library.
 */
#ifndef HVO_HOST_KERNEL_VMEMMAP_H
#define HVO_HOST_KERNEL_VMEMMAP_H

#include "kcore.h"
#include "vmcoreinfo.h"

/* The address of frame 0's descriptor; false if nothing tells it. */
bool hvo_kernel_vmemmap_find(const struct hvo_kcore *kcore,
			     const struct hvo_vmcoreinfo *info,
			     uint64_t *vmemmap);

#endif
