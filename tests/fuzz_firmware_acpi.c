/* SPDX-License-Identifier: MIT */
/*
 * libFuzzer target: any bytes as an image of memory with ACPI tables, and as
 * each of the tables that are read. Checksums would keep a fuzzer out, so all
 * of it is tried twice: as it is, and with the checksums put right.
 */
#include "test_firmware.h"

#define RANGES 48
#define CPUS   24
#define NODES  12

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What the readers fill. */
struct result {
	struct hvo_memory_range ranges[RANGES];
	struct hvo_cpu cpu[CPUS];
	uint32_t domain[NODES];
	uint8_t distance[NODES * NODES];
	struct hvo_memory_map map;
	struct hvo_cpus cpus;
	struct hvo_nodes nodes;
	struct hvo_firmware_fault fault;
};

static void begin(struct result *result)
{
	memset(result, 0, sizeof(*result));
	result->map.range = result->ranges;
	result->map.capacity = RANGES;
	result->cpus.cpu = result->cpu;
	result->cpus.capacity = CPUS;
	result->nodes.domain = result->domain;
	result->nodes.capacity = NODES;
}

static void demand(bool promise)
{
	if (!promise)
		abort();
}

static void check_map(struct hvo_memory_map *raw)
{
	struct hvo_memory_range ranges[2 * RANGES];
	struct hvo_memory_map out = {.range = ranges, .capacity = 2 * RANGES};
	struct hvo_firmware_fault fault = {0};
	enum hvo_firmware_error error =
	    hvo_memory_normalise(raw, &out, 4096, &fault);

	if (error)
		demand(error == HVO_FIRMWARE_NODES && !out.count &&
		       fault_is(&fault, error));
	else
		demand(map_is_normal(&out, 4096));
}

/* What holds after the readers, whether they failed or not. */
static void check_result(struct result *result, enum hvo_firmware_error error)
{
	const struct hvo_nodes *nodes = &result->nodes;

	if (error)
		demand(fault_is(&result->fault, error));
	demand(result->map.count <= RANGES && result->cpus.count <= CPUS &&
	       nodes->count <= NODES);
	for (uint32_t i = 1; i < nodes->count; i++)
		demand(nodes->domain[i - 1] < nodes->domain[i]);
	for (size_t i = 0; i < result->cpus.count; i++)
		demand(result->cpu[i].flags &&
		       (result->cpu[i].node < nodes->count ||
			result->cpu[i].node == HVO_NO_NODE));
	for (size_t i = 0; i < result->map.count; i++)
		demand(result->ranges[i].node < nodes->count ||
		       result->ranges[i].node == HVO_NO_NODE);
	check_map(&result->map);
}

static void read_madt(struct result *result, const void *table, size_t size)
{
	enum hvo_firmware_error error =
	    hvo_acpi_madt(table, size, &result->cpus, NULL, &result->fault);

	demand(!error || !result->cpus.count);
	check_result(result, error);
}

static void read_srat(struct result *result, const void *table, size_t size)
{
	size_t before = result->map.count;
	enum hvo_firmware_error error =
	    hvo_acpi_srat(table, size, &result->nodes, &result->map,
			  &result->cpus, &result->fault);

	demand(!error || (!result->nodes.count && result->map.count == before));
	check_result(result, error);
}

static void read_slit(struct result *result, const void *table, size_t size)
{
	uint32_t n = result->nodes.count;
	enum hvo_firmware_error error =
	    hvo_acpi_slit(table, size, &result->nodes, result->distance,
			  sizeof(result->distance), &result->fault);

	check_result(result, error);
	for (uint32_t i = 0; !error && i < n * n; i++)
		demand(result->distance[i] >= HVO_DISTANCE_LOCAL);
}

static void read_fadt(struct result *result, const void *table, size_t size)
{
	struct hvo_acpi_fadt fadt;
	enum hvo_firmware_error error =
	    hvo_acpi_fadt(table, size, &fadt, &result->fault);

	check_result(result, error);
	for (int i = 0; !error && i < 2; i++) {
		const struct hvo_acpi_register *reg =
		    i ? &fadt.pm_timer : &fadt.pm1a_control;

		demand(reg->space != HVO_ACPI_SPACE_IO ||
		       reg->address <= UINT16_MAX);
	}
}

/* ---- checksums ---------------------------------------------------------- */

static void sum_up(uint8_t *data, size_t size, size_t checksum)
{
	uint8_t sum = 0;

	data[checksum] = 0;
	for (size_t i = 0; i < size; i++)
		sum = (uint8_t)(sum + data[i]);
	data[checksum] = (uint8_t)-sum;
}

static void put_right(uint8_t *data, size_t size)
{
	uint32_t length;

	if (size >= 20 && !memcmp(data, "RSD PTR ", 8)) {
		sum_up(data, 20, 8);
		if (size >= 36)
			sum_up(data, 36, 32);
	} else if (size >= 36) {
		memcpy(&length, data + 4, 4);
		sum_up(data, length < 36 || length > size ? size : length, 9);
	}
}

/* ---- the two ways to read the input ------------------------------------- */

static void as_image(struct image *image)
{
	struct hvo_physical physical = image_physical(image);
	struct hvo_acpi_table table;
	struct hvo_pvh pvh;
	struct result result;

	begin(&result);
	if (hvo_pvh_read(&physical, image->start_info, &pvh, NULL))
		return;
	if (!hvo_acpi_find(&physical, pvh.rsdp, "APIC", &table, NULL))
		read_madt(&result, table.bytes, table.size);
	if (!hvo_acpi_find(&physical, pvh.rsdp, "SRAT", &table, NULL))
		read_srat(&result, table.bytes, table.size);
	if (!hvo_acpi_find(&physical, pvh.rsdp, "SLIT", &table, NULL))
		read_slit(&result, table.bytes, table.size);
	if (!hvo_acpi_find(&physical, pvh.rsdp, "FACP", &table, NULL))
		read_fadt(&result, table.bytes, table.size);
	if (hvo_acpi_find(&physical, pvh.rsdp, "ZZZZ", &table, &result.fault))
		demand(fault_is(&result.fault, result.fault.error));
}

/* The input as the tables that come one after another in it. */
static void as_tables(const uint8_t *data, size_t size)
{
	static const struct {
		const char *signature;
		void (*read)(struct result *result, const void *table,
			     size_t size);
	} readers[] = {
	    {"APIC", read_madt},
	    {"SRAT", read_srat},
	    {"SLIT", read_slit},
	    {"FACP", read_fadt},
	};
	const size_t count = sizeof(readers) / sizeof(readers[0]);
	struct result result;

	begin(&result);
	for (size_t i = 0; i < count; i++) {
		size_t part = i == count - 1 ? size : size / 2;
		struct bytes table = bytes_copy(data, part);
		uint32_t length = (uint32_t)part;

		if (part >= 36) {
			memcpy(table.data, readers[i].signature, 4);
			memcpy(table.data + 4, &length, 4);
			put_right(table.data, part);
		}
		readers[i].read(&result, table.data, table.size);
		bytes_free(&table);
		data += part;
		size -= part;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct image image;

	as_tables(data, size);
	image_parse(&image, data, size);
	as_image(&image);
	for (size_t i = 0; i < image.count; i++)
		put_right(image.segment[i].bytes.data,
			  image.segment[i].bytes.size);
	as_image(&image);
	image_free(&image);
	return 0;
}
