/* SPDX-License-Identifier: MIT */
/*
 * Calls of a port that fail to order: programs are linked with --wrap for
 * those that change translations (port_faults.c), and the harness says when.
 */
#ifndef PORT_FAULTS_H
#define PORT_FAULTS_H

#include <stdbool.h>

/* The harness's: is this call one that fails? Asked once a call, any thread. */
bool port_fault_due(void);

#endif
