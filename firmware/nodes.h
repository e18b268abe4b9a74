/* SPDX-License-Identifier: MIT */
/*
 * Numbering the nodes, and the CPUs that readers gather.
 */
#ifndef HVO_FIRMWARE_NODES_H
#define HVO_FIRMWARE_NODES_H

#include "hvo/firmware.h"

/* Put a domain in its place, if it is not there yet. Errors: ROOM. */
enum hvo_firmware_error hvo_nodes_add(struct hvo_nodes *nodes, uint32_t domain);

/*
 * Set all distances to what firmware means when it says nothing.
 * Errors: ROOM.
 */
enum hvo_firmware_error hvo_nodes_clear(const struct hvo_nodes *nodes,
					uint8_t *distance, size_t capacity);

/* Whether a distance between nodes (the same one, or two) may be true. */
static inline bool hvo_distance_valid(bool same, uint64_t distance)
{
	if (same)
		return distance == HVO_DISTANCE_LOCAL;
	return distance >= HVO_DISTANCE_LOCAL &&
	       distance <= HVO_DISTANCE_UNREACHABLE;
}

/* The CPU of that id, or NULL. */
struct hvo_cpu *hvo_cpu_by_id(const struct hvo_cpus *cpus, uint64_t id);

/* Errors: ROOM. */
enum hvo_firmware_error hvo_cpus_add(struct hvo_cpus *cpus,
				     const struct hvo_cpu *cpu);

#endif
