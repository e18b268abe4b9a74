/* SPDX-License-Identifier: MIT */
/*
 * Other CPUs: starting them, and having them run functions. A CPU that has
 * nothing to do sleeps.
 */
#ifndef KERNEL_WORK_H
#define KERNEL_WORK_H

#include "arch.h"

/*
 * Start all CPUs of the machine that can be; stacks are theirs already:
 * cpus * KERNEL_STACK bytes. Returns how many run now, the boot CPU included.
 */
#define KERNEL_STACK 32768

unsigned kernel_start_cpus(const struct kernel_machine *machine,
			   unsigned char *stacks);

/* CPUs that run; they are numbered from 0 on. */
unsigned kernel_cpus(void);

/* Have another CPU, which must be idle, call run(ctx); and wait until it is
 * idle again. */
void kernel_work_begin(unsigned cpu, void (*run)(void *ctx), void *ctx);
void kernel_work_wait(unsigned cpu);

#endif
