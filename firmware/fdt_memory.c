/* SPDX-License-Identifier: MIT */
/*
 * Memory in device trees, and its nodes.
 *
 * Source: Devicetree Specification 0.4, 3.4 "/memory node", 3.5
 * "/reserved-memory node", 5.3 "Memory Reservation Block"; the bindings
 * numa.txt (numa-node-id, distance-map) of the Devicetree project.
 */
#include <libfdt.h>
#include "fault.h"
#include "fdt_node.h"
#include "nodes.h"

struct reader {
	const struct hvo_fdt *fdt;
	struct hvo_memory_map *map;
	struct hvo_firmware_fault *fault;
};

static bool is_device(const struct hvo_fdt *fdt, int node, const char *type)
{
	struct hvo_fdt_property property =
	    hvo_fdt_property(fdt, node, "device_type");

	return hvo_fdt_lists(&property, type) &&
	       hvo_fdt_status(fdt, node) == HVO_FDT_OKAY;
}

/* Add all ranges of a node's reg; range says what they are. */
static enum hvo_firmware_error add_reg(const struct reader *reader, int node,
				       const struct hvo_fdt_cells *cells,
				       struct hvo_memory_range range)
{
	struct hvo_fdt_property reg =
	    hvo_fdt_property(reader->fdt, node, "reg");
	size_t entry = 4 * ((size_t)cells->address + cells->size);

	if (!reg.bytes)
		return hvo_fdt_bad_node(reader->fdt, node,
					HVO_FIRMWARE_PROPERTY, reader->fault);
	if (!reg.size || reg.size % entry)
		return hvo_fdt_bad_property(
		    reader->fdt, &reg, 0, HVO_FIRMWARE_PROPERTY, reader->fault);
	for (size_t at = 0; at < reg.size; at += entry) {
		const uint8_t *p = reg.bytes + at;
		enum hvo_firmware_error error;

		range.base = hvo_fdt_number(p, cells->address);
		range.size =
		    hvo_fdt_number(p + 4 * (size_t)cells->address, cells->size);
		error = hvo_memory_add(reader->map, &range);
		if (error)
			return hvo_fdt_bad_property(reader->fdt, &reg, at,
						    error, reader->fault);
	}
	return HVO_FIRMWARE_OK;
}

/* Cells for ranges: a size is needed. */
static enum hvo_firmware_error
range_cells(const struct reader *reader, int node, struct hvo_fdt_cells *cells)
{
	enum hvo_firmware_error error =
	    hvo_fdt_cells(reader->fdt, node, cells, reader->fault);

	if (!error && !cells->size)
		error = hvo_fdt_bad_node(reader->fdt, node, HVO_FIRMWARE_CELLS,
					 reader->fault);
	return error;
}

static enum hvo_firmware_error add_ram(const struct reader *reader,
				       const struct hvo_nodes *nodes)
{
	const struct hvo_fdt *fdt = reader->fdt;
	size_t count = reader->map->count;
	struct hvo_fdt_cells cells;
	enum hvo_firmware_error error = range_cells(reader, 0, &cells);
	int node;

	if (error)
		return error;
	fdt_for_each_subnode(node, fdt->tree, 0)
	{
		struct hvo_memory_range range = {.type = HVO_MEMORY_RAM};

		if (!is_device(fdt, node, "memory"))
			continue;
		if (hvo_fdt_property(fdt, node, "hotpluggable").bytes)
			range.flags = HVO_MEMORY_HOTPLUGGABLE;
		error = hvo_fdt_node_id(fdt, node, nodes, &range.node,
					reader->fault);
		if (!error)
			error = add_reg(reader, node, &cells, range);
		if (error)
			return error;
	}
	if (reader->map->count == count)
		return hvo_fdt_bad_node(fdt, 0, HVO_FIRMWARE_ABSENT,
					reader->fault);
	return HVO_FIRMWARE_OK;
}

/* The memory reservation block in front of the tree. */
static enum hvo_firmware_error add_reservations(const struct reader *reader)
{
	const void *tree = reader->fdt->tree;
	int count = fdt_num_mem_rsv(tree);

	for (int i = 0; i < count; i++) {
		struct hvo_memory_range range = {
		    .node = HVO_NO_NODE,
		    .type = HVO_MEMORY_RESERVED,
		};
		enum hvo_firmware_error error = HVO_FIRMWARE_TREE;

		if (!fdt_get_mem_rsv(tree, i, &range.base, &range.size))
			error = hvo_memory_add(reader->map, &range);
		if (error)
			return hvo_fault_at_byte(
			    reader->fault, error, "device tree",
			    fdt_off_mem_rsvmap(tree) +
				(uint64_t)i * sizeof(struct fdt_reserve_entry));
	}
	return HVO_FIRMWARE_OK;
}

static enum hvo_firmware_error add_reserved(const struct reader *reader)
{
	const struct hvo_fdt *fdt = reader->fdt;
	int parent = hvo_fdt_child_of_root(fdt, "reserved-memory");
	struct hvo_fdt_cells cells;
	enum hvo_firmware_error error;
	int node;

	if (parent < 0)
		return HVO_FIRMWARE_OK;
	error = range_cells(reader, parent, &cells);
	if (error)
		return error;
	fdt_for_each_subnode(node, fdt->tree, parent)
	{
		struct hvo_memory_range range = {
		    .node = HVO_NO_NODE,
		    .type = HVO_MEMORY_RESERVED,
		};

		if (hvo_fdt_status(fdt, node) != HVO_FDT_OKAY ||
		    !hvo_fdt_property(fdt, node, "reg").bytes)
			continue;
		if (hvo_fdt_property(fdt, node, "no-map").bytes)
			range.flags = HVO_MEMORY_NOMAP;
		error = add_reg(reader, node, &cells, range);
		if (error)
			return error;
	}
	return HVO_FIRMWARE_OK;
}

enum hvo_firmware_error hvo_fdt_memory(const struct hvo_fdt *fdt,
				       const struct hvo_nodes *nodes,
				       struct hvo_memory_map *map,
				       struct hvo_firmware_fault *fault)
{
	struct reader reader = {.fdt = fdt, .map = map, .fault = fault};
	size_t count = map->count;
	enum hvo_firmware_error error = add_ram(&reader, nodes);

	if (!error)
		error = add_reservations(&reader);
	if (!error)
		error = add_reserved(&reader);
	if (error)
		map->count = count;
	return error;
}

/* ---- nodes -------------------------------------------------------------- */

/* Number the nodes that the children of parent name, of one device type. */
static enum hvo_firmware_error number_children(const struct hvo_fdt *fdt,
					       int parent, const char *type,
					       struct hvo_nodes *nodes,
					       struct hvo_firmware_fault *fault)
{
	int node;

	fdt_for_each_subnode(node, fdt->tree, parent)
	{
		struct hvo_fdt_property id =
		    hvo_fdt_property(fdt, node, "numa-node-id");
		enum hvo_firmware_error error = HVO_FIRMWARE_PROPERTY;

		if (!id.bytes || !is_device(fdt, node, type))
			continue;
		if (id.size == 4)
			error = hvo_nodes_add(
			    nodes, (uint32_t)hvo_fdt_number(id.bytes, 1));
		if (error)
			return hvo_fdt_bad_property(fdt, &id, 0, error, fault);
	}
	return HVO_FIRMWARE_OK;
}

enum hvo_firmware_error hvo_fdt_nodes(const struct hvo_fdt *fdt,
				      struct hvo_nodes *nodes,
				      struct hvo_firmware_fault *fault)
{
	int cpus = hvo_fdt_child_of_root(fdt, "cpus");
	enum hvo_firmware_error error;

	nodes->count = 0;
	error = number_children(fdt, 0, "memory", nodes, fault);
	if (!error && cpus >= 0)
		error = number_children(fdt, cpus, "cpu", nodes, fault);
	if (error)
		nodes->count = 0;
	return error;
}

/* ---- distances ---------------------------------------------------------- */

#define PAIR 12 /* bytes: from, to, distance */

struct matrix {
	const struct hvo_fdt *fdt;
	const struct hvo_nodes *nodes;
	uint8_t *distance;
	struct hvo_fdt_property pairs;
	struct hvo_firmware_fault *fault;
};

/*
 * Take the pairs as they are, or in the other direction. Pairs of domains
 * that nothing belongs to are left out.
 */
static enum hvo_firmware_error take_pairs(const struct matrix *matrix,
					  bool reversed)
{
	const struct hvo_nodes *nodes = matrix->nodes;

	for (size_t at = 0; at < matrix->pairs.size; at += PAIR) {
		const uint8_t *p = matrix->pairs.bytes + at;
		uint32_t a = (uint32_t)hvo_fdt_number(p, 1);
		uint32_t b = (uint32_t)hvo_fdt_number(p + 4, 1);
		uint64_t distance = hvo_fdt_number(p + 8, 1);
		size_t from = hvo_node_of(nodes, reversed ? b : a);
		size_t to = hvo_node_of(nodes, reversed ? a : b);

		if (!hvo_distance_valid(a == b, distance))
			return hvo_fdt_bad_property(matrix->fdt, &matrix->pairs,
						    at, HVO_FIRMWARE_DISTANCE,
						    matrix->fault);
		if (from != HVO_NO_NODE && to != HVO_NO_NODE)
			matrix->distance[from * nodes->count + to] =
			    (uint8_t)distance;
	}
	return HVO_FIRMWARE_OK;
}

enum hvo_firmware_error hvo_fdt_distances(const struct hvo_fdt *fdt,
					  const struct hvo_nodes *nodes,
					  uint8_t *distance, size_t capacity,
					  struct hvo_firmware_fault *fault)
{
	int node = hvo_fdt_child_of_root(fdt, "distance-map");
	struct matrix matrix = {
	    .fdt = fdt,
	    .nodes = nodes,
	    .distance = distance,
	    .fault = fault,
	};
	enum hvo_firmware_error error;

	if (node < 0)
		return hvo_fdt_bad_node(fdt, 0, HVO_FIRMWARE_ABSENT, fault);
	matrix.pairs = hvo_fdt_property(fdt, node, "distance-matrix");
	if (!matrix.pairs.bytes || matrix.pairs.size % PAIR)
		return hvo_fdt_bad_node(fdt, node, HVO_FIRMWARE_PROPERTY,
					fault);
	error = hvo_nodes_clear(nodes, distance, capacity);
	if (error)
		return hvo_fdt_bad_node(fdt, node, error, fault);
	/* What is said of a direction outdoes what follows from the other. */
	error = take_pairs(&matrix, true);
	if (!error)
		error = take_pairs(&matrix, false);
	return error;
}
