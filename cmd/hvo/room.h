/* SPDX-License-Identifier: MIT */
/*
 * How much memory this process can still get.
 */
#ifndef HVO_ROOM_H
#define HVO_ROOM_H

#include <stdint.h>

/*
 * Bytes that can be allocated without swapping or being killed: what the
 * host has available, or what the process's control groups (version 1 or 2)
 * leave of it. UINT64_MAX where the host does not say. It is an estimate and
 * may be out of date when it returns.
 */
uint64_t hvo_room(void);

#endif
