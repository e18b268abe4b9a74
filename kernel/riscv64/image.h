/* SPDX-License-Identifier: MIT */
/*
 * What the link script and the assembler files define.
 */
#ifndef RISCV64_IMAGE_H
#define RISCV64_IMAGE_H

/* The image: code, constants, data, whole pages each. */
extern char start[], image_constant[], image_data[], image_end[];

extern char start_cpu[];                                 /* physical entry */
extern char probe_store[], probe_load[], probe_failed[]; /* vectors.S */
extern char probe_cycle[];

#endif
