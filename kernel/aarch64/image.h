/* SPDX-License-Identifier: MIT */
/*
 * What the link script and the assembler files define.
 */
#ifndef AARCH64_IMAGE_H
#define AARCH64_IMAGE_H

/* The image: code, constants, data, whole pages of any granule each. */
extern char start[], image_constant[], image_data[], image_end[];

extern char start_cpu[];                                 /* physical entry */
extern char probe_store[], probe_load[], probe_failed[]; /* vectors.S */

#endif
