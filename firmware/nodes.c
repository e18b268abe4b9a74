/* SPDX-License-Identifier: MIT */
/*
 * The numbering of nodes: an array of firmware's numbers, ascending and each
 * once, whose indices are ours. CPUs: a list in firmware's order.
 */
#include "nodes.h"

/* Where a domain is, or where it would have to go. */
static uint32_t place_of(const struct hvo_nodes *nodes, uint32_t domain)
{
	uint32_t low = 0, high = nodes->count;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (nodes->domain[middle] < domain)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

uint32_t hvo_node_of(const struct hvo_nodes *nodes, uint32_t domain)
{
	uint32_t node = place_of(nodes, domain);

	if (node == nodes->count || nodes->domain[node] != domain)
		return HVO_NO_NODE;
	return node;
}

enum hvo_firmware_error hvo_nodes_add(struct hvo_nodes *nodes, uint32_t domain)
{
	uint32_t node = place_of(nodes, domain);

	if (node < nodes->count && nodes->domain[node] == domain)
		return HVO_FIRMWARE_OK;
	if (nodes->count == nodes->capacity)
		return HVO_FIRMWARE_ROOM;
	for (uint32_t i = nodes->count++; i > node; i--)
		nodes->domain[i] = nodes->domain[i - 1];
	nodes->domain[node] = domain;
	return HVO_FIRMWARE_OK;
}

enum hvo_firmware_error hvo_nodes_clear(const struct hvo_nodes *nodes,
					uint8_t *distance, size_t capacity)
{
	size_t n = nodes->count;

	if (n && capacity / n < n)
		return HVO_FIRMWARE_ROOM;
	for (size_t a = 0; a < n; a++)
		for (size_t b = 0; b < n; b++)
			distance[a * n + b] =
			    a == b ? HVO_DISTANCE_LOCAL : HVO_DISTANCE_REMOTE;
	return HVO_FIRMWARE_OK;
}

struct hvo_cpu *hvo_cpu_by_id(const struct hvo_cpus *cpus, uint64_t id)
{
	for (size_t i = 0; i < cpus->count; i++)
		if (cpus->cpu[i].id == id)
			return &cpus->cpu[i];
	return NULL;
}

enum hvo_firmware_error hvo_cpus_add(struct hvo_cpus *cpus,
				     const struct hvo_cpu *cpu)
{
	if (cpus->count == cpus->capacity)
		return HVO_FIRMWARE_ROOM;
	cpus->cpu[cpus->count++] = *cpu;
	return HVO_FIRMWARE_OK;
}
