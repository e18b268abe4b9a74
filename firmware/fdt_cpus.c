/* SPDX-License-Identifier: MIT */
/*
 * CPUs in device trees.
 *
 * Source: Devicetree Specification 0.4, 3.8 "/cpus node properties" and
 * 3.8.1 (reg, status, enable-method, cpu-release-addr).
 */
#include <libfdt.h>
#include "fdt_node.h"
#include "nodes.h"

struct reader {
	const struct hvo_fdt *fdt;
	const struct hvo_nodes *nodes; /* or NULL */
	struct hvo_cpus *cpus;
	int parent; /* /cpus */
	struct hvo_fdt_cells cells;
	struct hvo_firmware_fault *fault;
};

/* A method that holds for all CPUs may stand in /cpus itself. */
static struct hvo_fdt_property method_of(const struct reader *reader, int node)
{
	struct hvo_fdt_property method =
	    hvo_fdt_property(reader->fdt, node, "enable-method");

	if (method.bytes)
		return method;
	return hvo_fdt_property(reader->fdt, reader->parent, "enable-method");
}

static enum hvo_cpu_start start_of(const struct hvo_fdt_property *method)
{
	if (!method->bytes)
		return HVO_CPU_START_UNSAID;
	if (hvo_fdt_lists(method, "psci"))
		return HVO_CPU_START_PSCI;
	if (hvo_fdt_lists(method, "spin-table"))
		return HVO_CPU_START_SPIN_TABLE;
	return HVO_CPU_START_OTHER;
}

/* How the CPU is started; flags of 0 mean that it is not to be used. */
static enum hvo_firmware_error take_start(const struct reader *reader, int node,
					  struct hvo_cpu *cpu)
{
	enum hvo_fdt_status status = hvo_fdt_status(reader->fdt, node);
	struct hvo_fdt_property method = method_of(reader, node);
	struct hvo_fdt_property release;

	cpu->start = start_of(&method);
	if (status == HVO_FDT_OKAY)
		cpu->flags = HVO_CPU_ENABLED;
	else if (status == HVO_FDT_DISABLED && method.bytes)
		cpu->flags = HVO_CPU_ONLINE_CAPABLE;
	if (!cpu->flags || cpu->start != HVO_CPU_START_SPIN_TABLE)
		return HVO_FIRMWARE_OK;
	release = hvo_fdt_property(reader->fdt, node, "cpu-release-addr");
	if (release.size != 4 && release.size != 8)
		return hvo_fdt_bad_node(reader->fdt, node,
					HVO_FIRMWARE_PROPERTY, reader->fault);
	cpu->release =
	    hvo_fdt_number(release.bytes, (unsigned)(release.size / 4));
	return HVO_FIRMWARE_OK;
}

/* reg has an id for each thread of a CPU. */
static enum hvo_firmware_error add_threads(const struct reader *reader,
					   int node, struct hvo_cpu cpu)
{
	struct hvo_fdt_property reg =
	    hvo_fdt_property(reader->fdt, node, "reg");
	size_t entry = 4 * (size_t)reader->cells.address;

	if (!reg.size || reg.size % entry)
		return hvo_fdt_bad_node(reader->fdt, node,
					HVO_FIRMWARE_PROPERTY, reader->fault);
	for (size_t at = 0; at < reg.size; at += entry) {
		enum hvo_firmware_error error = HVO_FIRMWARE_TWICE;

		cpu.id = hvo_fdt_number(reg.bytes + at, reader->cells.address);
		if (!hvo_cpu_by_id(reader->cpus, cpu.id))
			error = hvo_cpus_add(reader->cpus, &cpu);
		if (error)
			return hvo_fdt_bad_property(reader->fdt, &reg, at,
						    error, reader->fault);
	}
	return HVO_FIRMWARE_OK;
}

static enum hvo_firmware_error take_cpu(const struct reader *reader, int node)
{
	struct hvo_fdt_property type =
	    hvo_fdt_property(reader->fdt, node, "device_type");
	struct hvo_cpu cpu = {.uid = HVO_CPU_NO_UID};
	enum hvo_firmware_error error;

	/* There are other nodes in /cpus, such as cpu-map. */
	if (!hvo_fdt_lists(&type, "cpu"))
		return HVO_FIRMWARE_OK;
	error = take_start(reader, node, &cpu);
	if (error || !cpu.flags)
		return error;
	error = hvo_fdt_node_id(reader->fdt, node, reader->nodes, &cpu.node,
				reader->fault);
	if (error)
		return error;
	return add_threads(reader, node, cpu);
}

enum hvo_firmware_error hvo_fdt_cpus(const struct hvo_fdt *fdt,
				     const struct hvo_nodes *nodes,
				     struct hvo_cpus *cpus,
				     struct hvo_firmware_fault *fault)
{
	struct reader reader = {
	    .fdt = fdt,
	    .nodes = nodes,
	    .cpus = cpus,
	    .parent = hvo_fdt_child_of_root(fdt, "cpus"),
	    .fault = fault,
	};
	size_t count = cpus->count;
	enum hvo_firmware_error error;
	int node;

	if (reader.parent < 0)
		return hvo_fdt_bad_node(fdt, 0, HVO_FIRMWARE_ABSENT, fault);
	error = hvo_fdt_cells(fdt, reader.parent, &reader.cells, fault);
	if (!error && reader.cells.size)
		error = hvo_fdt_bad_node(fdt, reader.parent, HVO_FIRMWARE_CELLS,
					 fault);
	if (error)
		return error;
	fdt_for_each_subnode(node, fdt->tree, reader.parent)
	{
		error = take_cpu(&reader, node);
		if (error) {
			cpus->count = count;
			return error;
		}
	}
	if (cpus->count == count)
		return hvo_fdt_bad_node(fdt, reader.parent, HVO_FIRMWARE_ABSENT,
					fault);
	return HVO_FIRMWARE_OK;
}
