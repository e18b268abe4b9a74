/* SPDX-License-Identifier: MIT */
/*
 * Looking heads up, in each generation's way, many in a row: what is timed
 * and counted. One function a way, so that each loop is compiled by itself.
 */
#ifndef LAB_WALK_H
#define LAB_WALK_H

#include <stddef.h>
#include <stdint.h>

enum lab_walk {
	LAB_WALK_EMPTY,   /* the loop alone: each record its own head */
	LAB_WALK_POINTER, /* the head's address, bit 0 set */
	LAB_WALK_FAKE,    /* the same, and tails that look like heads */
	LAB_WALK_MASK,    /* a mask; records of 64 bytes */
	LAB_WALK_ORDER,   /* an order; records of 104 bytes */
	LAB_WALK_BUILT,   /* struct hvo_page as this program was built */
	LAB_WALKS
};

#define LAB_ORDER_RECORD 104

/*
 * The exclusive or of the heads' addresses of n records. Reads what
 * looking up reads and nothing else; the records' word that leads to the
 * head is the second in all of them.
 */
uint64_t lab_walk(enum lab_walk how, const uintptr_t *records, size_t n);

/* The head of one record. */
uintptr_t lab_walk_one(enum lab_walk how, uintptr_t record);

#endif
