/* SPDX-License-Identifier: MIT */
/*
 * What the assembler files define.
 */
#ifndef AARCH64_SYMBOLS_H
#define AARCH64_SYMBOLS_H

extern char start_cpu[];                                 /* physical entry */
extern char probe_store[], probe_load[], probe_failed[]; /* vectors.S */

#endif
