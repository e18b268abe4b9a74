/* SPDX-License-Identifier: MIT */
/*
 * ACPI: recorded tables from the RSDP to the list of nodes, tables made here
 * for what no recording has, and hostile ones.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "test_firmware.h"

#define RANGES 32
#define CPUS   16
#define NODES  8

static struct hvo_memory_range raw_ranges[RANGES], out_ranges[2 * RANGES];
static struct hvo_cpu cpu_array[CPUS];
static uint32_t domains[NODES];
static uint8_t distance[NODES * NODES];

static struct hvo_memory_map raw, out;
static struct hvo_cpus cpus;
static struct hvo_nodes nodes;
static struct hvo_firmware_fault fault;
static struct image image;
static struct hvo_physical physical;
static uint64_t local_apic;

static int start_empty(void **state)
{
	(void)state;
	raw = (struct hvo_memory_map){.range = raw_ranges, .capacity = RANGES};
	out = (struct hvo_memory_map){
	    .range = out_ranges,
	    .capacity = 2 * RANGES,
	};
	cpus = (struct hvo_cpus){.cpu = cpu_array, .capacity = CPUS};
	nodes = (struct hvo_nodes){.domain = domains, .capacity = NODES};
	memset(domains, 0, sizeof(domains));
	memset(&fault, 0, sizeof(fault));
	image_free(&image);
	physical = image_physical(&image);
	local_apic = 0;
	return 0;
}

static int end_empty(void **state)
{
	(void)state;
	image_free(&image);
	return 0;
}

/* ---- making tables ------------------------------------------------------ */

struct table {
	uint8_t data[2048];
	size_t size;
};

static void put(struct table *table, uint64_t number, size_t bytes)
{
	assert_true(table->size + bytes <= sizeof(table->data));
	memcpy(table->data + table->size, &number, bytes);
	table->size += bytes;
}

static void sum_up(uint8_t *data, size_t size, size_t checksum)
{
	uint8_t sum = 0;

	data[checksum] = 0;
	for (size_t i = 0; i < size; i++)
		sum = (uint8_t)(sum + data[i]);
	data[checksum] = (uint8_t)-sum;
}

/* Set the length and the checksum. To be called after each change. */
static void finish(struct table *table)
{
	uint32_t size = (uint32_t)table->size;

	memcpy(table->data + 4, &size, 4);
	sum_up(table->data, table->size, 9);
}

static struct table begin(const char *signature, uint8_t revision)
{
	struct table table = {.size = 36};

	memcpy(table.data, signature, 4);
	table.data[8] = revision;
	return table;
}

static struct table begin_madt(void)
{
	struct table table = begin("APIC", 5);

	put(&table, 0xfee00000, 4);
	put(&table, 1, 4);
	return table;
}

static struct table begin_srat(uint8_t revision)
{
	struct table table = begin("SRAT", revision);

	put(&table, 1, 4);
	put(&table, 0, 8);
	return table;
}

static void put_local_apic(struct table *madt, uint8_t uid, uint8_t id,
			   uint32_t flags)
{
	put(madt, 0x0800, 2);
	put(madt, uid, 1);
	put(madt, id, 1);
	put(madt, flags, 4);
}

static void put_x2apic(struct table *madt, uint32_t uid, uint32_t id,
		       uint32_t flags)
{
	put(madt, 0x1009, 4);
	put(madt, id, 4);
	put(madt, flags, 4);
	put(madt, uid, 4);
}

static void put_gicc(struct table *madt, uint32_t uid, uint64_t mpidr,
		     uint32_t flags)
{
	put(madt, 0x500b, 4);
	put(madt, 0, 4);
	put(madt, uid, 4);
	put(madt, flags, 4);
	while (madt->size % 80 != (44 + 68) % 80)
		put(madt, 0, 4);
	put(madt, mpidr, 8);
	put(madt, 0, 4);
}

static void put_rintc(struct table *madt, uint32_t uid, uint64_t hart,
		      uint32_t flags)
{
	put(madt, 0x011418, 4);
	put(madt, flags, 4);
	put(madt, hart, 8);
	put(madt, uid, 4);
}

static void put_memory(struct table *srat, uint32_t domain, uint64_t base,
		       uint64_t size, uint32_t flags)
{
	put(srat, 0x2801, 2);
	put(srat, domain, 4);
	put(srat, 0, 2);
	put(srat, base, 8);
	put(srat, size, 8);
	put(srat, 0, 4);
	put(srat, flags, 4);
	put(srat, 0, 8);
}

static void put_apic_affinity(struct table *srat, uint32_t domain, uint8_t id,
			      uint32_t flags)
{
	put(srat, 0x1000, 2);
	put(srat, domain & 0xff, 1);
	put(srat, id, 1);
	put(srat, flags, 4);
	put(srat, 0x5a, 1); /* local SAPIC EID */
	put(srat, domain >> 8, 3);
	put(srat, 0, 4);
}

static void put_x2apic_affinity(struct table *srat, uint32_t domain,
				uint32_t id, uint32_t flags)
{
	put(srat, 0x1802, 4);
	put(srat, domain, 4);
	put(srat, id, 4);
	put(srat, flags, 4);
	put(srat, 0, 8);
}

static void put_gicc_affinity(struct table *srat, uint32_t domain, uint32_t uid,
			      uint32_t flags)
{
	put(srat, 0x1203, 2);
	put(srat, domain, 4);
	put(srat, uid, 4);
	put(srat, flags, 4);
	put(srat, 0, 4);
}

static void put_rintc_affinity(struct table *srat, uint32_t domain,
			       uint32_t uid, uint32_t flags)
{
	put(srat, 0x1407, 4);
	put(srat, domain, 4);
	put(srat, uid, 4);
	put(srat, flags, 4);
	put(srat, 0, 4);
}

/* With ports and without generic addresses. */
static struct table make_fadt(size_t size)
{
	struct table fadt = begin("FACP", 6);

	while (fadt.size < size)
		put(&fadt, 0, 1);
	fadt.data[64] = 0x04;
	fadt.data[65] = 0x06;
	fadt.data[76] = 0x08;
	fadt.data[77] = 0x06;
	fadt.data[113] = HVO_ACPI_FADT_TIMER_32 >> 8;
	finish(&fadt);
	return fadt;
}

static void set_generic(struct table *fadt, size_t at, uint8_t space,
			uint64_t address)
{
	assert_true(at + 12 <= fadt->size);
	fadt->data[at] = space;
	memcpy(fadt->data + at + 4, &address, 8);
	finish(fadt);
}

/* The readers, on a copy of exactly the table's size. */

static enum hvo_firmware_error read_madt(const struct table *table)
{
	struct bytes bytes = bytes_copy(table->data, table->size);
	enum hvo_firmware_error error =
	    hvo_acpi_madt(bytes.data, bytes.size, &cpus, &local_apic, &fault);

	bytes_free(&bytes);
	return error;
}

static enum hvo_firmware_error read_srat(const struct table *table)
{
	struct bytes bytes = bytes_copy(table->data, table->size);
	enum hvo_firmware_error error =
	    hvo_acpi_srat(bytes.data, bytes.size, &nodes, &raw, &cpus, &fault);

	bytes_free(&bytes);
	return error;
}

static enum hvo_firmware_error read_slit(const struct table *table)
{
	struct bytes bytes = bytes_copy(table->data, table->size);
	enum hvo_firmware_error error = hvo_acpi_slit(
	    bytes.data, bytes.size, &nodes, distance, sizeof(distance), &fault);

	bytes_free(&bytes);
	return error;
}

static struct hvo_acpi_fadt fadt;

static enum hvo_firmware_error read_fadt(const struct table *table)
{
	struct bytes bytes = bytes_copy(table->data, table->size);
	enum hvo_firmware_error error =
	    hvo_acpi_fadt(bytes.data, bytes.size, &fadt, &fault);

	bytes_free(&bytes);
	return error;
}

/* ---- recorded ----------------------------------------------------------- */

static uint64_t load_image(const char *name)
{
	struct bytes bytes = bytes_load(name);
	struct hvo_pvh pvh;

	image_parse(&image, bytes.data, bytes.size);
	bytes_free(&bytes);
	assert_int_equal(
	    hvo_pvh_read(&physical, image.start_info, &pvh, &fault), 0);
	if (pvh.memory)
		assert_int_equal(hvo_pvh_memory(&physical, &pvh, &raw, &fault),
				 0);
	return pvh.rsdp;
}

static struct hvo_acpi_table find(uint64_t rsdp, const char *signature)
{
	struct hvo_acpi_table table;

	assert_int_equal(
	    hvo_acpi_find(&physical, rsdp, signature, &table, &fault), 0);
	return table;
}

static void assert_out(size_t i, uint64_t base, uint64_t end,
		       enum hvo_memory_type type, uint32_t node, uint32_t flags)
{
	assert_true(i < out.count);
	assert_int_equal(out.range[i].base, base);
	assert_int_equal(hvo_memory_range_end(&out.range[i]), end);
	assert_int_equal(out.range[i].type, type);
	assert_int_equal(out.range[i].node, node);
	assert_int_equal(out.range[i].flags, flags);
}

/* What a kernel does at boot, from the start info to nodes and distances. */
static void reads_four_nodes(void **state)
{
	static const uint8_t expected[] = {10, 15, 21, 31, 15, 10, 21, 31,
					   21, 21, 10, 41, 31, 31, 41, 10};
	uint64_t rsdp = load_image("firmware_acpi/q35-4-nodes.image");
	struct hvo_acpi_table table = find(rsdp, "APIC");
	size_t machine = raw.count;

	(void)state;
	assert_int_equal(
	    hvo_acpi_madt(table.bytes, table.size, &cpus, &local_apic, &fault),
	    0);
	assert_int_equal(local_apic, 0xfee00000);
	assert_int_equal(cpus.count, 6);

	table = find(rsdp, "SRAT");
	assert_int_equal(
	    hvo_acpi_srat(table.bytes, table.size, &nodes, &raw, &cpus, &fault),
	    0);
	assert_int_equal(raw.count, machine + 6);
	assert_int_equal(nodes.count, 4);
	for (size_t i = 0; i < cpus.count; i++) {
		static const uint32_t node[] = {0, 0, 1, 1, 3, 3};

		assert_int_equal(cpus.cpu[i].id, i);
		assert_int_equal(cpus.cpu[i].uid, i);
		assert_int_equal(cpus.cpu[i].flags, HVO_CPU_ENABLED);
		assert_int_equal(cpus.cpu[i].node, node[i]);
	}

	table = find(rsdp, "SLIT");
	assert_int_equal(hvo_acpi_slit(table.bytes, table.size, &nodes,
				       distance, sizeof(distance), &fault),
			 0);
	assert_memory_equal(distance, expected, sizeof(expected));

	assert_int_equal(hvo_memory_normalise(&raw, &out, 4096, &fault), 0);
	assert_true(map_is_normal(&out, 4096));
	assert_int_equal(hvo_memory_bytes(&out, HVO_MEMORY_RAM),
			 0x100000000 - 0x1000 - 0x60000 - 0x21000);
	assert_out(0, 0, 0x9f000, HVO_MEMORY_RAM, 0, 0);
	assert_out(1, 0x9f000, 0xa0000, HVO_MEMORY_RESERVED, 0, 0);
	assert_out(2, 0xf0000, 0x100000, HVO_MEMORY_RESERVED, HVO_NO_NODE, 0);
	assert_out(3, 0x100000, 0x40000000, HVO_MEMORY_RAM, 0, 0);
	assert_out(4, 0x40000000, 0x60000000, HVO_MEMORY_RAM, 2, 0);
	assert_out(5, 0x60000000, 0x7ffdf000, HVO_MEMORY_RAM, 3, 0);
	assert_out(6, 0x7ffdf000, 0x80000000, HVO_MEMORY_RESERVED, 3, 0);
	assert_out(10, 0x100000000, 0x180000000, HVO_MEMORY_RAM, 3, 0);
	assert_int_equal(out.count, 12);
}

/* Its RSDP is of revision 2, with an XSDT. */
static void reads_an_xsdt(void **state)
{
	uint64_t rsdp = load_image("firmware_acpi/microvm.image");
	struct hvo_acpi_table table = find(rsdp, "APIC");

	(void)state;
	assert_int_equal(table.address, 0xeff68);
	assert_int_equal(table.size, 90);
	assert_int_equal(
	    hvo_acpi_madt(table.bytes, table.size, &cpus, NULL, NULL), 0);
	assert_int_equal(cpus.count, 2);
}

static void tells_what_is_not_there(void **state)
{
	char line[HVO_FIRMWARE_LINE];
	uint64_t rsdp = load_image("firmware_acpi/pc-1-cpu.image");
	struct hvo_acpi_table table;

	(void)state;
	find(rsdp, "FACP");
	assert_int_equal(hvo_acpi_find(&physical, rsdp, "SRAT", &table, &fault),
			 HVO_FIRMWARE_ABSENT);
	assert_string_equal(hvo_firmware_describe(&fault, line, sizeof(line)),
			    "SRAT, byte 0: not there");
}

static void reads_a_table_from_a_file(void **state)
{
	struct bytes bytes = bytes_load("firmware_acpi/cloud-vm.madt");

	(void)state;
	assert_int_equal(
	    hvo_acpi_madt(bytes.data, bytes.size, &cpus, &local_apic, &fault),
	    0);
	assert_int_equal(cpus.count, 2);
	assert_int_equal(cpus.cpu[1].id, 1);
	assert_int_equal(cpus.cpu[1].node, HVO_NO_NODE);
	assert_int_equal(local_apic, 0xfee00000);
	bytes_free(&bytes);
}

static void assert_register(const struct hvo_acpi_register *reg,
			    uint64_t address, uint8_t space)
{
	assert_int_equal(reg->address, address);
	assert_int_equal(reg->space, space);
}

static void reads_fixed_registers(void **state)
{
	static const struct {
		const char *image;
		uint64_t pm1a_control, pm_timer;
		uint32_t flags;
	} expected[] = {
	    {"firmware_acpi/q35-4-nodes.image", 0x604, 0x608, 0x84a5},
	    {"firmware_acpi/pc-1-cpu.image", 0x604, 0x608, 0x80a5},
	    {"firmware_acpi/microvm.image", 0, 0, 0x100400},
	};

	for (size_t i = 0; i < 3; i++) {
		struct hvo_acpi_table table;

		start_empty(state);
		table = find(load_image(expected[i].image), "FACP");
		assert_int_equal(
		    hvo_acpi_fadt(table.bytes, table.size, &fadt, &fault), 0);
		assert_register(&fadt.pm1a_control, expected[i].pm1a_control,
				HVO_ACPI_SPACE_IO);
		assert_register(&fadt.pm_timer, expected[i].pm_timer,
				HVO_ACPI_SPACE_IO);
		assert_int_equal(fadt.flags, expected[i].flags);
	}
	assert_true(fadt.flags & HVO_ACPI_FADT_REDUCED);
}

/* ---- the way to a table ------------------------------------------------- */

#define RSDP 0xe0000
#define ROOT 0x7000

static void put_rsdp(uint8_t revision, uint32_t rsdt, uint64_t xsdt)
{
	uint8_t data[36] = "RSD PTR ";
	uint32_t size = sizeof(data);

	data[15] = revision;
	memcpy(data + 16, &rsdt, 4);
	sum_up(data, 20, 8);
	memcpy(data + 20, &size, 4);
	memcpy(data + 24, &xsdt, 8);
	sum_up(data, sizeof(data), 32);
	image_add(&image, RSDP, data, revision < 2 ? 20 : 36);
}

/* A root at ROOT that lists n addresses, and the RSDP that leads there. */
static void put_root(bool xsdt, const uint64_t *address, size_t n)
{
	struct table table = begin(xsdt ? "XSDT" : "RSDT", 1);

	for (size_t i = 0; i < n; i++)
		put(&table, address[i], xsdt ? 8 : 4);
	finish(&table);
	image_add(&image, ROOT, table.data, table.size);
	put_rsdp(xsdt ? 2 : 0, xsdt ? 0xdead0000 : ROOT, xsdt ? ROOT : 0);
}

static enum hvo_firmware_error seek(const char *signature)
{
	struct hvo_acpi_table table;

	return hvo_acpi_find(&physical, RSDP, signature, &table, &fault);
}

static void walks_either_root(void **state)
{
	static const uint64_t addresses[] = {0, 0x9003, ROOT, 0x9003};
	struct table madt = begin_madt();

	finish(&madt);
	for (int xsdt = 0; xsdt < 2; xsdt++) {
		start_empty(state);
		image_add(&image, 0x9003, madt.data, madt.size);
		put_root(xsdt, addresses, 4);
		assert_int_equal(seek("APIC"), 0);
		assert_int_equal(seek("SRAT"), HVO_FIRMWARE_ABSENT);
	}
}

/* A list of tables that lists itself, and an RSDP as a table. */
static void is_not_led_in_circles(void **state)
{
	static const uint64_t addresses[] = {ROOT, ROOT, ROOT, ROOT};

	(void)state;
	put_root(true, addresses, 4);
	assert_int_equal(seek("APIC"), HVO_FIRMWARE_ABSENT);
	assert_int_equal(seek("XSDT"), HVO_FIRMWARE_OK);
}

static void refuses_addresses_that_lead_nowhere(void **state)
{
	static const uint64_t addresses[] = {0x9000, 0xa000};
	struct table madt = begin_madt();

	(void)state;
	finish(&madt);
	assert_int_equal(seek("APIC"), HVO_FIRMWARE_UNREADABLE);
	assert_int_equal(fault.where, RSDP);
	image_add(&image, 0x9000, madt.data, madt.size);
	put_root(true, addresses, 2);
	assert_int_equal(seek("APIC"), 0);
	assert_int_equal(seek("SRAT"), HVO_FIRMWARE_UNREADABLE);
	assert_string_equal(fault.table, "XSDT");
	assert_int_equal(fault.where, 36 + 8);

	start_empty(state);
	put_rsdp(0, 0xffffffff, 0);
	assert_int_equal(seek("APIC"), HVO_FIRMWARE_UNREADABLE);
	assert_int_equal(fault.where, 0xffffffff);
	start_empty(state);
	put_rsdp(0, 0, 0);
	assert_int_equal(seek("APIC"), HVO_FIRMWARE_ABSENT);
}

/* The table's length reaches past what can be read, or the limit. */
static void refuses_lengths_that_cannot_be(void **state)
{
	static const uint64_t addresses[] = {0x9000};
	static const uint32_t lengths[] = {0, 1, 35, UINT32_MAX, 2 << 20, 45};

	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		struct table madt = begin_madt();

		start_empty(state);
		finish(&madt);
		memcpy(madt.data + 4, &lengths[i], 4);
		image_add(&image, 0x9000, madt.data, madt.size);
		put_root(false, addresses, 1);
		assert_int_equal(seek("APIC"), lengths[i] == 45
						   ? HVO_FIRMWARE_UNREADABLE
						   : HVO_FIRMWARE_LENGTH);
		assert_string_equal(fault.table, "MADT");
	}
}

static void limits_the_list_of_tables(void **state)
{
	static uint8_t data[36 + 4 * (HVO_ACPI_TABLES + 1)];
	uint32_t size = sizeof(data);

	for (int over = 1; over >= 0; over--) {
		start_empty(state);
		memset(data, 0, sizeof(data));
		memcpy(data, "RSDT", 4);
		memcpy(data + 4, &size, 4);
		sum_up(data, size, 9);
		image_add(&image, ROOT, data, size);
		put_rsdp(0, ROOT, 0);
		assert_int_equal(seek("APIC"), over ? HVO_FIRMWARE_LENGTH
						    : HVO_FIRMWARE_ABSENT);
		size -= 4;
	}
}

/* No byte of the RSDP, the root or the table may change unseen. */
static void sees_every_flipped_byte(void **state)
{
	static const uint64_t addresses[] = {0x9000};
	struct table madt = begin_madt();

	finish(&madt);
	for (int xsdt = 0; xsdt < 2; xsdt++) {
		start_empty(state);
		image_add(&image, 0x9000, madt.data, madt.size);
		put_root(xsdt, addresses, 1);
		for (size_t i = 0; i < image.count; i++) {
			struct bytes *bytes = &image.segment[i].bytes;

			for (size_t at = 0; at < bytes->size; at++) {
				bytes->data[at] ^= 0x10;
				assert_int_not_equal(seek("APIC"), 0);
				bytes->data[at] ^= 0x10;
			}
		}
		assert_int_equal(seek("APIC"), 0);
	}
}

/* Cut at every byte; the segments are of exactly that size. */
static void refuses_every_truncated_rsdp_and_root(void **state)
{
	static const uint64_t addresses[] = {0x9000};
	struct table madt = begin_madt();

	finish(&madt);
	for (size_t cut = 0; cut < 3; cut++) {
		for (size_t size = 0;; size++) {
			struct bytes whole;

			start_empty(state);
			image_add(&image, 0x9000, madt.data, madt.size);
			put_root(true, addresses, 1);
			whole = image.segment[cut].bytes;
			assert_true(size <= whole.size);
			image.segment[cut].bytes = bytes_copy(whole.data, size);
			bytes_free(&whole);
			if (!seek("APIC"))
				break;
			assert_int_equal(fault.error, HVO_FIRMWARE_UNREADABLE);
		}
	}
}

/* ---- MADT --------------------------------------------------------------- */

static void assert_cpu(size_t i, uint64_t id, uint32_t uid, uint32_t flags)
{
	assert_true(i < cpus.count);
	assert_int_equal(cpus.cpu[i].id, id);
	assert_int_equal(cpus.cpu[i].uid, uid);
	assert_int_equal(cpus.cpu[i].flags, flags);
	assert_int_equal(cpus.cpu[i].node, HVO_NO_NODE);
	assert_int_equal(cpus.cpu[i].start, HVO_CPU_START_UNSAID);
	assert_int_equal(cpus.cpu[i].release, 0);
}

static void lists_apics(void **state)
{
	struct table madt = begin_madt();

	(void)state;
	put_local_apic(&madt, 7, 0, 1);
	put_local_apic(&madt, 8, 2, 0);   /* an empty socket */
	put_local_apic(&madt, 9, 4, 2);   /* that can be filled */
	put_local_apic(&madt, 9, 255, 1); /* no CPU */
	put(&madt, 0x0a02, 2);            /* of another type */
	put(&madt, 0, 8);
	put_x2apic(&madt, 7, 0, 1); /* again */
	put_x2apic(&madt, 300, 0x10000, 1);
	put_x2apic(&madt, 301, UINT32_MAX, 1);
	put(&madt, 0x0c05, 4);
	put(&madt, 0x1fee00000, 8);
	finish(&madt);
	assert_int_equal(read_madt(&madt), 0);
	assert_int_equal(cpus.count, 3);
	assert_cpu(0, 0, 7, HVO_CPU_ENABLED);
	assert_cpu(1, 4, 9, HVO_CPU_ONLINE_CAPABLE);
	assert_cpu(2, 0x10000, 300, HVO_CPU_ENABLED);
	assert_int_equal(local_apic, 0x1fee00000);
}

static void lists_giccs(void **state)
{
	struct table madt = begin_madt();

	(void)state;
	put_gicc(&madt, 0, 0x80000000, 1);
	put_gicc(&madt, 1, 0x0180000100, 1);
	put_gicc(&madt, 2, 0x200, 8);
	put_gicc(&madt, 3, 0x300, 2);
	finish(&madt);
	assert_int_equal(read_madt(&madt), 0);
	assert_int_equal(cpus.count, 3);
	assert_cpu(0, 0, 0, HVO_CPU_ENABLED);
	assert_cpu(1, 0x0100000100, 1, HVO_CPU_ENABLED);
	assert_cpu(2, 0x200, 2, HVO_CPU_ONLINE_CAPABLE);
}

static void lists_harts(void **state)
{
	struct table madt = begin_madt();

	(void)state;
	put_rintc(&madt, 50, 4, 1);
	put_rintc(&madt, 51, 0x100000001ull, 3);
	finish(&madt);
	assert_int_equal(read_madt(&madt), 0);
	assert_int_equal(cpus.count, 2);
	assert_cpu(0, 4, 50, HVO_CPU_ENABLED);
	assert_cpu(1, 0x100000001ull, 51,
		   HVO_CPU_ENABLED | HVO_CPU_ONLINE_CAPABLE);
}

/* On top of what there was, or not at all. */
static void refuses_more_cpus_than_fit(void **state)
{
	struct table madt = begin_madt();

	(void)state;
	put_local_apic(&madt, 0, 0, 1);
	put_local_apic(&madt, 1, 1, 1);
	finish(&madt);
	cpus.count = CPUS - 1;
	memset(cpu_array, 0xff, sizeof(cpu_array));
	assert_int_equal(read_madt(&madt), HVO_FIRMWARE_ROOM);
	assert_int_equal(cpus.count, CPUS - 1);
	assert_int_equal(fault.where, 52);
	cpus.count = CPUS - 2;
	assert_int_equal(read_madt(&madt), 0);
	assert_int_equal(cpus.count, CPUS);
}

/* ---- entries in general ------------------------------------------------- */

static void refuses_entries_of_wrong_size(void **state)
{
	static const struct {
		uint8_t type, size;
		enum hvo_firmware_error error;
	} entries[] = {
	    {0, 0, HVO_FIRMWARE_LENGTH},     {0, 1, HVO_FIRMWARE_LENGTH},
	    {200, 0, HVO_FIRMWARE_LENGTH},   {0, 7, HVO_FIRMWARE_LENGTH},
	    {9, 8, HVO_FIRMWARE_LENGTH},     {11, 8, HVO_FIRMWARE_LENGTH},
	    {24, 8, HVO_FIRMWARE_LENGTH},    {0, 9, HVO_FIRMWARE_TRUNCATED},
	    {9, 16, HVO_FIRMWARE_TRUNCATED}, {200, 255, HVO_FIRMWARE_TRUNCATED},
	    {200, 8, HVO_FIRMWARE_OK},       {200, 6, HVO_FIRMWARE_LENGTH},
	};

	for (size_t i = 0; i < sizeof(entries) / sizeof(entries[0]); i++) {
		struct table madt = begin_madt();

		start_empty(state);
		put_local_apic(&madt, 1, 1, 1);
		put_local_apic(&madt, 2, 2, 0);
		madt.data[52] = entries[i].type;
		madt.data[53] = entries[i].size;
		/* So that one of 6 bytes has 2 behind it: of type 0, size 0. */
		madt.data[58] = 0;
		madt.data[59] = 0;
		finish(&madt);
		assert_int_equal(read_madt(&madt), entries[i].error);
		if (!entries[i].error) {
			assert_int_equal(cpus.count, 1);
			continue;
		}
		assert_int_equal(cpus.count, 0);
		assert_int_equal(fault.where, entries[i].size == 6 ? 58 : 52);
	}
}

/* Half an entry at the end: its type and nothing else. */
static void refuses_half_an_entry(void **state)
{
	struct table madt = begin_madt();

	(void)state;
	put(&madt, 200, 1);
	finish(&madt);
	assert_int_equal(read_madt(&madt), HVO_FIRMWARE_TRUNCATED);
	assert_int_equal(fault.where, 44);
}

/*
 * A table cut at each byte, first with the length it had, then with a length
 * and a checksum that suit the cut.
 */
static void
survive_truncation(struct table *table,
		   enum hvo_firmware_error (*read)(const struct table *table))
{
	const struct table whole = *table;

	while (table->size--) {
		assert_int_equal(read(table), HVO_FIRMWARE_TRUNCATED);
		assert_true(fault_is(&fault, HVO_FIRMWARE_TRUNCATED));
		assert_int_equal(raw.count, 0);
	}
	for (*table = whole; table->size-- > 36;) {
		enum hvo_firmware_error error;

		finish(table);
		error = read(table);
		raw.count = 0;
		cpus.count = 0;
		if (table->size < 44)
			assert_int_equal(error, HVO_FIRMWARE_LENGTH);
		else
			assert_true(!error || fault_is(&fault, error));
	}
}

static void refuses_every_truncation(void **state)
{
	struct table madt = begin_madt();
	struct table srat = begin_srat(3);
	struct table slit = begin("SLIT", 1);
	struct table fadt_table;

	(void)state;
	put_local_apic(&madt, 0, 0, 1);
	put_x2apic(&madt, 300, 300, 1);
	put_gicc(&madt, 1, 1, 1);
	put_rintc(&madt, 2, 2, 1);
	finish(&madt);
	survive_truncation(&madt, read_madt);

	put_memory(&srat, 1, 0x1000, 0x1000, 1);
	put_apic_affinity(&srat, 0, 0, 1);
	put_x2apic_affinity(&srat, 0, 0, 1);
	put_gicc_affinity(&srat, 0, 0, 1);
	put_rintc_affinity(&srat, 0, 0, 1);
	finish(&srat);
	survive_truncation(&srat, read_srat);

	domains[1] = 1;
	nodes.count = 2;
	put(&slit, 2, 8);
	put(&slit, 0x0a14140a, 4);
	finish(&slit);
	assert_int_equal(read_slit(&slit), 0);
	survive_truncation(&slit, read_slit);

	fadt_table = make_fadt(276);
	survive_truncation(&fadt_table, read_fadt);
}

/* ---- SRAT --------------------------------------------------------------- */

static void add_cpu(uint64_t id, uint32_t uid)
{
	assert_true(cpus.count < cpus.capacity);
	cpus.cpu[cpus.count++] = (struct hvo_cpu){
	    .id = id,
	    .uid = uid,
	    .node = 99,
	    .flags = HVO_CPU_ENABLED,
	};
}

/* Nodes are numbered in the order of domains, not in that of entries. */
static void numbers_nodes_densely(void **state)
{
	struct table srat = begin_srat(3);

	(void)state;
	add_cpu(2, 20);
	add_cpu(0x12345, 21);
	add_cpu(77, 22);
	put_memory(&srat, 0x80000001, 0x4000, 0x1000, 1);
	put_memory(&srat, 5, 0x2000, 0x1000, 1 | 2);
	put_memory(&srat, 0x500, 0x1000, 0x1000, 1 | 4);
	put_memory(&srat, 6, 0x9000, 0x1000, 2); /* not enabled */
	put_memory(&srat, 7, 0x9000, 0, 1);      /* empty */
	put(&srat, 0x0408, 4);                   /* of another type */
	put_apic_affinity(&srat, 0x500, 2, 1);
	put_x2apic_affinity(&srat, 0x80000001, 0x12345, 1);
	put_x2apic_affinity(&srat, 9, 0x99999, 1); /* of no CPU there is */
	put_x2apic_affinity(&srat, 8, 77, 0);      /* not enabled */
	finish(&srat);
	assert_int_equal(read_srat(&srat), 0);

	assert_int_equal(nodes.count, 4);
	assert_int_equal(hvo_node_of(&nodes, 5), 0);
	assert_int_equal(hvo_node_of(&nodes, 9), 1);
	assert_int_equal(hvo_node_of(&nodes, 0x500), 2);
	assert_int_equal(hvo_node_of(&nodes, 0x80000001), 3);
	assert_int_equal(hvo_node_of(&nodes, 6), HVO_NO_NODE);
	assert_int_equal(hvo_node_of(&nodes, UINT32_MAX), HVO_NO_NODE);

	assert_int_equal(cpus.cpu[0].node, 2);
	assert_int_equal(cpus.cpu[1].node, 3);
	assert_int_equal(cpus.cpu[2].node, HVO_NO_NODE);

	assert_int_equal(raw.count, 3);
	assert_int_equal(raw.range[0].node, 3);
	assert_int_equal(raw.range[0].type, HVO_MEMORY_NODE);
	assert_int_equal(raw.range[1].node, 0);
	assert_int_equal(raw.range[1].flags, HVO_MEMORY_HOTPLUGGABLE);
	assert_int_equal(raw.range[2].node, 2);
	assert_int_equal(raw.range[2].type, HVO_MEMORY_PERSISTENT);
}

static void matches_other_architectures_by_uid(void **state)
{
	struct table srat = begin_srat(3);

	(void)state;
	add_cpu(0x100, 0);
	add_cpu(0, 1);
	put_gicc_affinity(&srat, 3, 0, 1);
	put_rintc_affinity(&srat, 4, 1, 1);
	finish(&srat);
	assert_int_equal(read_srat(&srat), 0);
	assert_int_equal(nodes.count, 2);
	assert_int_equal(cpus.cpu[0].node, 0);
	assert_int_equal(cpus.cpu[1].node, 1);
}

/* Before ACPI 3.0 the upper bytes of a domain could hold anything. */
static void old_domains_have_8_bits(void **state)
{
	for (uint8_t revision = 1; revision <= 2; revision++) {
		struct table srat = begin_srat(revision);

		start_empty(state);
		add_cpu(0, 0);
		put_memory(&srat, 0xabcdef01, 0x1000, 0x1000, 1);
		put_apic_affinity(&srat, 0x123401, 0, 1);
		finish(&srat);
		assert_int_equal(read_srat(&srat), 0);
		assert_int_equal(nodes.count, revision);
		assert_int_equal(domains[0], revision == 1 ? 1 : 0x123401);
		assert_int_equal(cpus.cpu[0].node, 0);
	}
}

static void assert_nothing_left(void)
{
	assert_int_equal(nodes.count, 0);
	assert_int_equal(raw.count, 1);
	for (size_t i = 0; i < cpus.count; i++)
		assert_int_equal(cpus.cpu[i].node, HVO_NO_NODE);
}

static void refuses_a_cpu_in_two_nodes(void **state)
{
	struct table srat = begin_srat(3);

	(void)state;
	add_cpu(0, 0);
	add_cpu(1, 1);
	raw.count = 1;
	put_memory(&srat, 0, 0, 0x1000, 1);
	put_apic_affinity(&srat, 0, 0, 1);
	put_apic_affinity(&srat, 0, 1, 1);
	put_x2apic_affinity(&srat, 0, 1, 1);
	finish(&srat);
	assert_int_equal(read_srat(&srat), 0);
	raw.count = 1;
	put_x2apic_affinity(&srat, 1, 1, 1);
	finish(&srat);
	assert_int_equal(read_srat(&srat), HVO_FIRMWARE_NODES);
	assert_int_equal(fault.where, 48 + 40 + 16 + 16 + 24);
	assert_nothing_left();
}

static void refuses_memory_that_wraps(void **state)
{
	struct table srat = begin_srat(3);

	(void)state;
	add_cpu(0, 0);
	raw.count = 1;
	put_apic_affinity(&srat, 0, 0, 1);
	put_memory(&srat, 0, 0, 0x1000, 1);
	put_memory(&srat, 0, UINT64_MAX, 2, 1);
	finish(&srat);
	assert_int_equal(read_srat(&srat), HVO_FIRMWARE_RANGE);
	assert_int_equal(fault.where, 48 + 16 + 40);
	assert_nothing_left();
}

static void refuses_more_than_fit(void **state)
{
	struct table srat = begin_srat(3);

	(void)state;
	for (uint32_t i = 0; i <= NODES; i++)
		put_memory(&srat, NODES - i, i << 12, 0x1000, 1);
	finish(&srat);
	raw.count = 1;
	assert_int_equal(read_srat(&srat), HVO_FIRMWARE_ROOM);
	assert_int_equal(fault.where, 48 + 40 * NODES);
	assert_nothing_left();

	srat = begin_srat(3);
	put_memory(&srat, 0, 0, 0x1000, 1);
	put_memory(&srat, 0, 0x1000, 0x1000, 1);
	finish(&srat);
	raw.capacity = 2;
	assert_int_equal(read_srat(&srat), HVO_FIRMWARE_ROOM);
	assert_nothing_left();
	/* Without a map, or CPUs, there is nothing to fill. */
	assert_int_equal(
	    hvo_acpi_srat(srat.data, srat.size, &nodes, NULL, NULL, &fault), 0);
	assert_int_equal(nodes.count, 1);
}

static void refuses_other_tables(void **state)
{
	struct table srat = begin_srat(3);

	(void)state;
	finish(&srat);
	assert_int_equal(read_srat(&srat), 0);
	assert_int_equal(read_madt(&srat), HVO_FIRMWARE_MAGIC);
	assert_string_equal(fault.table, "MADT");
	assert_int_equal(read_slit(&srat), HVO_FIRMWARE_MAGIC);
	srat.data[9]++;
	assert_int_equal(read_srat(&srat), HVO_FIRMWARE_CHECKSUM);
	assert_int_equal(fault.where, 9);
	/* What follows the table's own length is not looked at. */
	srat.data[9]--;
	put(&srat, 0xffff, 8);
	assert_int_equal(read_srat(&srat), 0);
}

/* ---- SLIT --------------------------------------------------------------- */

static struct table make_slit(uint64_t count, size_t rows)
{
	struct table slit = begin("SLIT", 1);

	put(&slit, count, 8);
	for (size_t i = 0; i < rows; i++)
		for (size_t k = 0; k < rows; k++)
			put(&slit, i == k ? 10 : 20 + i * rows + k, 1);
	finish(&slit);
	return slit;
}

/* Rows of domains that nothing belongs to are left out. */
static void picks_the_nodes_rows(void **state)
{
	struct table slit = make_slit(4, 4);

	(void)state;
	nodes.count = 2;
	domains[0] = 1;
	domains[1] = 3;
	assert_int_equal(read_slit(&slit), 0);
	assert_int_equal(distance[0], 10);
	assert_int_equal(distance[1], 20 + 1 * 4 + 3);
	assert_int_equal(distance[2], 20 + 3 * 4 + 1);
	assert_int_equal(distance[3], 10);
	slit.data[44 + 1 * 4 + 3] = HVO_DISTANCE_UNREACHABLE;
	finish(&slit);
	assert_int_equal(read_slit(&slit), 0);
	assert_int_equal(distance[1], HVO_DISTANCE_UNREACHABLE);
}

static void refuses_distances_that_cannot_be(void **state)
{
	struct table slit = make_slit(2, 2);

	(void)state;
	nodes.count = 2;
	domains[1] = 1;
	slit.data[44 + 3] = 11;
	finish(&slit);
	assert_int_equal(read_slit(&slit), HVO_FIRMWARE_DISTANCE);
	assert_int_equal(fault.where, 44 + 3);
	slit.data[44 + 3] = 10;
	slit.data[44 + 2] = 9;
	finish(&slit);
	assert_int_equal(read_slit(&slit), HVO_FIRMWARE_DISTANCE);
	assert_int_equal(fault.where, 44 + 2);
}

static void refuses_counts_that_cannot_be(void **state)
{
	static const uint64_t counts[] = {3, 1ull << 32, 1ull << 63,
					  UINT64_MAX};
	struct table slit;

	(void)state;
	nodes.count = 2;
	domains[1] = 1;
	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
		slit = make_slit(counts[i], 2);
		assert_int_equal(read_slit(&slit), HVO_FIRMWARE_LENGTH);
	}
	slit = make_slit(1, 1);
	assert_int_equal(read_slit(&slit), HVO_FIRMWARE_DOMAIN);
	slit = make_slit(0, 0);
	assert_int_equal(read_slit(&slit), HVO_FIRMWARE_DOMAIN);
	nodes.count = 0;
	assert_int_equal(read_slit(&slit), 0);

	slit = make_slit(2, 2);
	nodes.count = 2;
	assert_int_equal(
	    hvo_acpi_slit(slit.data, slit.size, &nodes, distance, 3, &fault),
	    HVO_FIRMWARE_ROOM);
}

/* ---- FADT --------------------------------------------------------------- */

/* Ports and generic addresses differ, so that it is seen which was taken. */
static void takes_generic_addresses_first(void **state)
{
	struct table table = make_fadt(276);

	(void)state;
	set_generic(&table, 172, HVO_ACPI_SPACE_IO, 0xffff);
	set_generic(&table, 208, HVO_ACPI_SPACE_MEMORY, 0x1fed00000);
	assert_int_equal(read_fadt(&table), 0);
	assert_register(&fadt.pm1a_control, 0xffff, HVO_ACPI_SPACE_IO);
	assert_register(&fadt.pm_timer, 0x1fed00000, HVO_ACPI_SPACE_MEMORY);
	assert_int_equal(fadt.flags, HVO_ACPI_FADT_TIMER_32);
}

static void takes_ports_without_generic_addresses(void **state)
{
	struct table table = make_fadt(276);

	(void)state;
	/* Of no address, whatever space it says. */
	set_generic(&table, 172, HVO_ACPI_SPACE_MEMORY, 0);
	set_generic(&table, 208, HVO_ACPI_SPACE_IO, 0);
	assert_int_equal(read_fadt(&table), 0);
	assert_register(&fadt.pm1a_control, 0x604, HVO_ACPI_SPACE_IO);
	assert_register(&fadt.pm_timer, 0x608, HVO_ACPI_SPACE_IO);

	/* ACPI 1.0 knew none, and one that is cut off is none. */
	table = make_fadt(116);
	assert_int_equal(read_fadt(&table), 0);
	assert_register(&fadt.pm1a_control, 0x604, HVO_ACPI_SPACE_IO);
	table = make_fadt(276);
	set_generic(&table, 208, HVO_ACPI_SPACE_IO, 0x9999);
	table.size = 219;
	finish(&table);
	assert_int_equal(read_fadt(&table), 0);
	assert_register(&fadt.pm_timer, 0x608, HVO_ACPI_SPACE_IO);
}

static void refuses_ports_that_cannot_be(void **state)
{
	static const size_t generic[] = {172, 208};
	static const uint32_t past = 0x10000;

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct table table = make_fadt(276);

		set_generic(&table, generic[i], HVO_ACPI_SPACE_IO, past);
		fadt.flags = 99;
		assert_int_equal(read_fadt(&table), HVO_FIRMWARE_RANGE);
		assert_int_equal(fault.where, generic[i]);
		assert_int_equal(fadt.flags, 99);
	}
	for (size_t at = 64; at <= 76; at += 12) {
		struct table table = make_fadt(276);

		memcpy(table.data + at, &past, 4);
		finish(&table);
		assert_int_equal(read_fadt(&table), HVO_FIRMWARE_RANGE);
		assert_int_equal(fault.where, at);
		assert_string_equal(fault.table, "FADT");
	}
}

static void refuses_half_a_fadt(void **state)
{
	struct table table = make_fadt(115);

	(void)state;
	assert_int_equal(read_fadt(&table), HVO_FIRMWARE_LENGTH);
	assert_int_equal(fault.where, 4);
	table = begin_madt();
	finish(&table);
	assert_int_equal(read_fadt(&table), HVO_FIRMWARE_MAGIC);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start_empty, end_empty)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(reads_four_nodes),
	    TEST(reads_an_xsdt),
	    TEST(tells_what_is_not_there),
	    TEST(reads_a_table_from_a_file),
	    TEST(reads_fixed_registers),
	    TEST(walks_either_root),
	    TEST(is_not_led_in_circles),
	    TEST(refuses_addresses_that_lead_nowhere),
	    TEST(refuses_lengths_that_cannot_be),
	    TEST(limits_the_list_of_tables),
	    TEST(sees_every_flipped_byte),
	    TEST(refuses_every_truncated_rsdp_and_root),
	    TEST(lists_apics),
	    TEST(lists_giccs),
	    TEST(lists_harts),
	    TEST(refuses_more_cpus_than_fit),
	    TEST(refuses_entries_of_wrong_size),
	    TEST(refuses_half_an_entry),
	    TEST(refuses_every_truncation),
	    TEST(numbers_nodes_densely),
	    TEST(matches_other_architectures_by_uid),
	    TEST(old_domains_have_8_bits),
	    TEST(refuses_a_cpu_in_two_nodes),
	    TEST(refuses_memory_that_wraps),
	    TEST(refuses_more_than_fit),
	    TEST(refuses_other_tables),
	    TEST(picks_the_nodes_rows),
	    TEST(refuses_distances_that_cannot_be),
	    TEST(refuses_counts_that_cannot_be),
	    TEST(takes_generic_addresses_first),
	    TEST(takes_ports_without_generic_addresses),
	    TEST(refuses_ports_that_cannot_be),
	    TEST(refuses_half_a_fadt),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
