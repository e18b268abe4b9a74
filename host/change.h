/* SPDX-License-Identifier: MIT */
/*
 * Settings of a host that are changed for a while, and their way back: when
 * the work ends, when it fails, when the program calls exit(), crashes, or is
 * told to end by a signal.
 *
 * Who changes settings says first what such a signal does meanwhile:
 *
 *   hvo_change_begin()  it is held back, so that none comes between two halves
 *                       of a change; who works long asks hvo_change_stopped()
 *                       between steps.
 *   hvo_change_guard()  settings are put back, and it ends the program at once.
 *
 * There is one table a process, as there is one set of signals.
 *
 * Locking: none; one thread changes settings. Others may run.
 */
#ifndef HVO_HOST_CHANGE_H
#define HVO_HOST_CHANGE_H

#include <stdbool.h>
#include <stdint.h>
#include "hvo_host.h"

/* Settings that may be changed at a time. */
#define HVO_CHANGE_MAX 8

/*
 * Hold back signals from here on, until hvo_change_end(). What the process
 * ignores stays ignored.
 */
void hvo_change_begin(void);

/*
 * From here on signals put settings back and end the program, and so do its
 * crashes. Where there were any to put back, stopped() is called in between, in
 * the signal's handler. What the process ignores stays ignored.
 */
void hvo_change_guard(void (*stopped)(void));

/*
 * Write a number to a file. What the file held when it was first written to is
 * what it will get back. Returns 0, or an errno: EINVAL, the file holds no
 * number; ENOSPC, too many settings; else as from open() and write().
 */
int hvo_change_set(struct hvo_host *host, const char *path, uint64_t value);

/* The number in a file; false if it has none. */
bool hvo_change_read(struct hvo_host *host, const char *path, uint64_t *value);

/* What was changed is to stay so, or is known to be as it was. */
void hvo_change_forget(const char *path);

/* Has a signal come that wants the program to end? */
bool hvo_change_stopped(void);

/*
 * Put everything back, the last changed first, and forget it. Returns NULL, or
 * the path of one that did not take its number; it is valid until the next
 * hvo_change_set().
 */
const char *hvo_change_restore(struct hvo_host *host);

/*
 * Let signals through. One that has come ends the program here, as it would
 * have done.
 */
void hvo_change_end(void);

#endif
