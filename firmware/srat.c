/* SPDX-License-Identifier: MIT */
/*
 * The SRAT: which node memory and CPUs belong to.
 *
 * Source: ACPI specification 6.5, 5.2.16 and its sections 1 "Processor Local
 * APIC/SAPIC Affinity", 2 "Memory Affinity", 3 "Processor Local x2APIC
 * Affinity", 4 "GICC Affinity", 8 "RISC-V INTC Affinity".
 *
 * It is gone through twice: nodes are numbered in the order of their domains,
 * so all domains must be known before the first node is.
 */
#include "acpi.h"
#include "bytes.h"
#include "fault.h"
#include "nodes.h"

#define FIRST_ENTRY 48

enum {
	LOCAL_APIC = 0,
	MEMORY = 1,
	LOCAL_X2APIC = 2,
	GICC = 3,
	RINTC = 7,
};

static const uint8_t least[] = {
    [LOCAL_APIC] = 16, [MEMORY] = 40, [LOCAL_X2APIC] = 24,
    [GICC] = 18,       [RINTC] = 20,
};

#define ENABLED             1u
#define MEMORY_HOTPLUGGABLE 2u
#define MEMORY_NONVOLATILE  4u

struct srat {
	struct hvo_nodes *nodes;
	struct hvo_memory_map *map; /* or NULL */
	struct hvo_cpus *cpus;      /* or NULL */
	uint32_t domain_mask;       /* bits of a domain that mean something */
};

/* What an entry says, whatever its type. */
struct affinity {
	uint32_t domain;
	bool memory;
	bool by_uid; /* cpu is an ACPI processor UID, not an APIC id */
	uint32_t cpu;
	struct hvo_memory_range range;
};

static void decode_memory(const uint8_t *p, struct affinity *affinity)
{
	uint32_t flags = hvo_le32(p + 28);

	affinity->domain = hvo_le32(p + 2);
	affinity->memory = true;
	affinity->range = (struct hvo_memory_range){
	    .base = hvo_le64(p + 8),
	    .size = hvo_le64(p + 16),
	    .flags = flags & MEMORY_HOTPLUGGABLE ? HVO_MEMORY_HOTPLUGGABLE : 0,
	    .type = flags & MEMORY_NONVOLATILE ? HVO_MEMORY_PERSISTENT
					       : HVO_MEMORY_NODE,
	};
}

/* False when the entry says nothing: not enabled, or of no known type. */
static bool decode(const struct hvo_acpi_entry *entry, uint32_t domain_mask,
		   struct affinity *affinity)
{
	const uint8_t *p = entry->bytes;
	uint32_t flags;

	*affinity = (struct affinity){
	    .by_uid = entry->type == GICC || entry->type == RINTC,
	};
	switch (entry->type) {
	case LOCAL_APIC:
		affinity->domain = p[2] | (hvo_le32(p + 8) & ~0xffu);
		affinity->cpu = p[3];
		flags = hvo_le32(p + 4);
		break;
	case MEMORY:
		decode_memory(p, affinity);
		flags = affinity->range.size ? hvo_le32(p + 28) : 0;
		break;
	case LOCAL_X2APIC:
		affinity->domain = hvo_le32(p + 4);
		affinity->cpu = hvo_le32(p + 8);
		flags = hvo_le32(p + 12);
		break;
	case GICC:
		affinity->domain = hvo_le32(p + 2);
		affinity->cpu = hvo_le32(p + 6);
		flags = hvo_le32(p + 10);
		break;
	case RINTC:
		affinity->domain = hvo_le32(p + 4);
		affinity->cpu = hvo_le32(p + 8);
		flags = hvo_le32(p + 12);
		break;
	default:
		return false;
	}
	affinity->domain &= domain_mask;
	return flags & ENABLED;
}

/* First time through. */
static enum hvo_firmware_error number(void *context,
				      const struct hvo_acpi_entry *entry)
{
	struct srat *srat = context;
	struct affinity affinity;

	if (!decode(entry, srat->domain_mask, &affinity))
		return HVO_FIRMWARE_OK;
	return hvo_nodes_add(srat->nodes, affinity.domain);
}

static enum hvo_firmware_error
place_cpu(struct hvo_cpus *cpus, const struct affinity *affinity, uint32_t node)
{
	for (size_t i = 0; cpus && i < cpus->count; i++) {
		struct hvo_cpu *cpu = &cpus->cpu[i];
		uint64_t name = affinity->by_uid ? cpu->uid : cpu->id;

		if (name != affinity->cpu)
			continue;
		if (cpu->node != HVO_NO_NODE && cpu->node != node)
			return HVO_FIRMWARE_NODES;
		cpu->node = node;
	}
	return HVO_FIRMWARE_OK;
}

/* Second time. */
static enum hvo_firmware_error place(void *context,
				     const struct hvo_acpi_entry *entry)
{
	struct srat *srat = context;
	struct affinity affinity;
	uint32_t node;

	if (!decode(entry, srat->domain_mask, &affinity))
		return HVO_FIRMWARE_OK;
	node = hvo_node_of(srat->nodes, affinity.domain);
	if (!affinity.memory)
		return place_cpu(srat->cpus, &affinity, node);
	affinity.range.node = node;
	return srat->map ? hvo_memory_add(srat->map, &affinity.range)
			 : HVO_FIRMWARE_OK;
}

static void forget_nodes(struct srat *srat)
{
	srat->nodes->count = 0;
	for (size_t i = 0; srat->cpus && i < srat->cpus->count; i++)
		srat->cpus->cpu[i].node = HVO_NO_NODE;
}

enum hvo_firmware_error hvo_acpi_srat(const void *table, size_t bytes,
				      struct hvo_nodes *nodes,
				      struct hvo_memory_map *map,
				      struct hvo_cpus *cpus,
				      struct hvo_firmware_fault *fault)
{
	struct srat srat = {.nodes = nodes, .map = map, .cpus = cpus};
	struct hvo_acpi_walk walk = {
	    .name = "SRAT",
	    .first = FIRST_ENTRY,
	    .least = least,
	    .types = sizeof(least),
	    .entry = number,
	    .context = &srat,
	};
	size_t count = map ? map->count : 0;
	size_t size = 0;
	enum hvo_firmware_error error;

	forget_nodes(&srat);
	error = hvo_acpi_check(table, bytes, "SRAT", FIRST_ENTRY, &size, fault);
	if (error)
		return error;
	/* Up to ACPI 2.0 a domain had 8 bits, and the rest was undefined. */
	srat.domain_mask =
	    ((const uint8_t *)table)[8] < 2 ? UINT8_MAX : UINT32_MAX;
	error = hvo_acpi_entries(table, size, &walk, fault);
	walk.entry = place;
	if (!error)
		error = hvo_acpi_entries(table, size, &walk, fault);
	if (!error)
		return HVO_FIRMWARE_OK;
	forget_nodes(&srat);
	if (map)
		map->count = count;
	return error;
}
