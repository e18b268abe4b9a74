/* SPDX-License-Identifier: MIT */
/*
 * libFuzzer target: any bytes as a device tree. Tried twice: as it is, and
 * with a header that suits its size, so that a grown or cut tree is looked
 * into too.
 */
#include <libfdt.h>
#include "test_firmware.h"

#define RANGES 48
#define CPUS   24
#define NODES  12

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void demand(bool promise)
{
	if (!promise)
		abort();
}

static void read_memory(const struct hvo_fdt *fdt,
			const struct hvo_nodes *nodes)
{
	struct hvo_memory_range ranges[RANGES], out_ranges[2 * RANGES];
	struct hvo_memory_map raw = {.range = ranges, .capacity = RANGES};
	struct hvo_memory_map out = {
	    .range = out_ranges,
	    .capacity = 2 * RANGES,
	};
	struct hvo_firmware_fault fault = {0};
	enum hvo_firmware_error error =
	    hvo_fdt_memory(fdt, nodes, &raw, &fault);

	demand(raw.count <= RANGES);
	if (error)
		demand(!raw.count && fault_is(&fault, error));
	for (size_t i = 0; i < raw.count; i++)
		demand(raw.range[i].node == HVO_NO_NODE ||
		       raw.range[i].node < nodes->count);
	error = hvo_memory_normalise(&raw, &out, 4096, &fault);
	demand(!error || error == HVO_FIRMWARE_NODES);
	demand(map_is_normal(&out, 4096));
}

static void read_cpus(const struct hvo_fdt *fdt, const struct hvo_nodes *nodes)
{
	struct hvo_cpu cpu[CPUS] = {0};
	struct hvo_cpus cpus = {.cpu = cpu, .capacity = CPUS};
	struct hvo_firmware_fault fault = {0};
	enum hvo_firmware_error error = hvo_fdt_cpus(fdt, nodes, &cpus, &fault);

	demand(cpus.count <= CPUS);
	if (error)
		demand(!cpus.count && fault_is(&fault, error));
	for (size_t i = 0; i < cpus.count; i++) {
		demand(cpu[i].flags == HVO_CPU_ENABLED ||
		       cpu[i].flags == HVO_CPU_ONLINE_CAPABLE);
		for (size_t k = 0; k < i; k++)
			demand(cpu[i].id != cpu[k].id);
	}
}

static void read_rest(const struct hvo_fdt *fdt, const struct hvo_nodes *nodes)
{
	uint8_t distance[NODES * NODES];
	struct hvo_fdt_chosen chosen;
	struct hvo_firmware_fault fault = {0};
	enum hvo_firmware_error error =
	    hvo_fdt_distances(fdt, nodes, distance, sizeof(distance), &fault);

	demand(!error || fault_is(&fault, error));
	for (uint32_t i = 0; !error && i < nodes->count * nodes->count; i++)
		demand(distance[i] >= HVO_DISTANCE_LOCAL);
	error = hvo_fdt_chosen(fdt, &chosen, &fault);
	demand(!error || fault_is(&fault, error));
	if (chosen.bootargs)
		demand(strlen(chosen.bootargs) < UINT32_MAX);
	if (chosen.stdout_path)
		demand(strlen(chosen.stdout_path) < UINT32_MAX);
}

static void read_tree(const struct bytes *bytes)
{
	uint32_t domain[NODES];
	struct hvo_nodes nodes = {.domain = domain, .capacity = NODES};
	struct hvo_firmware_fault fault = {0};
	struct hvo_fdt fdt;
	enum hvo_firmware_error error =
	    hvo_fdt_open(bytes->data, bytes->size, &fdt, &fault);

	if (error) {
		demand(fault_is(&fault, error) && fault.where <= bytes->size);
		return;
	}
	error = hvo_fdt_nodes(&fdt, &nodes, &fault);
	demand(!error || (!nodes.count && fault_is(&fault, error)));
	read_memory(&fdt, &nodes);
	read_cpus(&fdt, &nodes);
	read_rest(&fdt, &nodes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes bytes = bytes_copy(data, size);

	read_tree(&bytes);
	if (size >= sizeof(struct fdt_header)) {
		uint32_t structure = fdt_off_dt_struct(bytes.data);

		fdt_set_magic(bytes.data, FDT_MAGIC);
		fdt_set_version(bytes.data, 17);
		fdt_set_last_comp_version(bytes.data, 16);
		fdt_set_totalsize(bytes.data, (uint32_t)size);
		if (structure < size &&
		    fdt_size_dt_struct(bytes.data) > size - structure)
			fdt_set_size_dt_struct(bytes.data,
					       (uint32_t)size - structure);
		read_tree(&bytes);
	}
	bytes_free(&bytes);
	return 0;
}
