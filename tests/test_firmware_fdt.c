/* SPDX-License-Identifier: MIT */
/*
 * Device trees: recorded ones, one of a board with everything in it, trees
 * made here with one thing wrong, and trees with any byte wrong.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <libfdt.h>
#include "test_firmware.h"

#define RANGES 32
#define CPUS   8
#define NODES  4

static struct hvo_memory_range raw_ranges[RANGES], out_ranges[2 * RANGES];
static struct hvo_cpu cpu_array[CPUS];
static uint32_t domains[NODES];
static uint8_t distance[NODES * NODES];

static struct hvo_memory_map raw, out;
static struct hvo_cpus cpus;
static struct hvo_nodes nodes;
static struct hvo_firmware_fault fault;
static struct hvo_fdt fdt;
static struct bytes tree;

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
	memset(&fault, 0, sizeof(fault));
	bytes_free(&tree);
	return 0;
}

static int end_empty(void **state)
{
	(void)state;
	bytes_free(&tree);
	return 0;
}

static void open_fixture(const char *name)
{
	tree = bytes_load(name);
	assert_int_equal(hvo_fdt_open(tree.data, tree.size, &fdt, &fault), 0);
}

static void read_all(void)
{
	assert_int_equal(hvo_fdt_nodes(&fdt, &nodes, &fault), 0);
	assert_int_equal(hvo_fdt_memory(&fdt, &nodes, &raw, &fault), 0);
	assert_int_equal(hvo_fdt_cpus(&fdt, &nodes, &cpus, &fault), 0);
	assert_int_equal(hvo_memory_normalise(&raw, &out, 4096, &fault), 0);
	assert_true(map_is_normal(&out, 4096));
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

/* ---- recorded ----------------------------------------------------------- */

static void assert_two_nodes(uint64_t base, enum hvo_cpu_start start,
			     const char *console)
{
	static const uint8_t expected[] = {10, 25, 25, 10};
	struct hvo_fdt_chosen chosen;

	read_all();
	assert_int_equal(nodes.count, 2);
	assert_int_equal(out.count, 2);
	assert_out(0, base, base + 0x10000000, HVO_MEMORY_RAM, 0, 0);
	assert_out(1, base + 0x10000000, base + 0x40000000, HVO_MEMORY_RAM, 1,
		   0);
	assert_int_equal(cpus.count, 4);
	for (size_t i = 0; i < 4; i++) {
		assert_int_equal(cpus.cpu[i].flags, HVO_CPU_ENABLED);
		assert_int_equal(cpus.cpu[i].start, start);
		assert_int_equal(cpus.cpu[i].uid, HVO_CPU_NO_UID);
		assert_int_equal(cpus.cpu[i].node, cpus.cpu[i].id / 2);
	}
	assert_int_equal(
	    hvo_fdt_distances(&fdt, &nodes, distance, sizeof(distance), &fault),
	    0);
	assert_memory_equal(distance, expected, sizeof(expected));
	assert_int_equal(hvo_fdt_chosen(&fdt, &chosen, &fault), 0);
	assert_string_equal(chosen.bootargs, "hugepagesz=2M hugepages=64");
	assert_string_equal(chosen.stdout_path, console);
}

static void reads_an_arm_machine(void **state)
{
	(void)state;
	open_fixture("firmware_fdt/aarch64-virt.dtb");
	assert_two_nodes(0x40000000, HVO_CPU_START_PSCI, "/pl011@9000000");
	assert_int_equal(cpus.cpu[0].id, 0);
	assert_int_equal(cpus.cpu[3].id, 3);
}

static void reads_a_riscv_machine(void **state)
{
	(void)state;
	open_fixture("firmware_fdt/riscv64-virt.dtb");
	assert_two_nodes(0x80000000, HVO_CPU_START_UNSAID,
			 "/soc/serial@10000000");
}

/* fixtures/firmware/board.dts says what is in there and what for. */
static void reads_a_board(void **state)
{
	static const struct hvo_cpu expected[] = {
	    {.id = 0, .flags = HVO_CPU_ENABLED},
	    {
		.id = 1,
		.flags = HVO_CPU_ENABLED,
		.start = HVO_CPU_START_SPIN_TABLE,
		.release = 0x8000fff8,
	    },
	    {
		.id = 0x100,
		.flags = HVO_CPU_ONLINE_CAPABLE,
		.start = HVO_CPU_START_PSCI,
	    },
	    {
		.id = 1ull << 32,
		.flags = HVO_CPU_ENABLED,
		.start = HVO_CPU_START_OTHER,
	    },
	};
	const uint32_t reserved = HVO_MEMORY_ON_RAM;
	struct hvo_fdt_chosen chosen;

	(void)state;
	open_fixture("firmware_fdt/board.dtb");
	read_all();
	assert_int_equal(nodes.count, 0);
	assert_out(0, 0x80000000, 0x80010000, HVO_MEMORY_RESERVED, HVO_NO_NODE,
		   reserved);
	assert_out(1, 0x80010000, 0x88000000, HVO_MEMORY_RAM, HVO_NO_NODE, 0);
	assert_out(2, 0x88000000, 0x88100000, HVO_MEMORY_RESERVED, HVO_NO_NODE,
		   reserved | HVO_MEMORY_NOMAP);
	assert_out(3, 0x88100000, 0x88180000, HVO_MEMORY_RESERVED, HVO_NO_NODE,
		   reserved);
	assert_out(4, 0x88180000, 0x90000000, HVO_MEMORY_RAM, HVO_NO_NODE, 0);
	assert_out(5, 0xa0001000, 0xb0000000, HVO_MEMORY_RAM, HVO_NO_NODE, 0);
	assert_out(6, 0x100000000, 0x140000000, HVO_MEMORY_RAM, HVO_NO_NODE,
		   HVO_MEMORY_HOTPLUGGABLE);
	assert_out(7, 0x1f0000000, 0x1f0001000, HVO_MEMORY_RESERVED,
		   HVO_NO_NODE, 0);
	assert_int_equal(out.count, 8);

	assert_int_equal(cpus.count, 4);
	for (size_t i = 0; i < 4; i++) {
		assert_int_equal(cpus.cpu[i].id, expected[i].id);
		assert_int_equal(cpus.cpu[i].flags, expected[i].flags);
		assert_int_equal(cpus.cpu[i].start, expected[i].start);
		assert_int_equal(cpus.cpu[i].release, expected[i].release);
		assert_int_equal(cpus.cpu[i].node, HVO_NO_NODE);
	}
	assert_int_equal(
	    hvo_fdt_distances(&fdt, &nodes, distance, sizeof(distance), &fault),
	    HVO_FIRMWARE_ABSENT);
	assert_int_equal(hvo_fdt_chosen(&fdt, &chosen, &fault), 0);
	assert_string_equal(chosen.bootargs,
			    "default_hugepagesz=2M hugepages=8");
	assert_string_equal(chosen.stdout_path, "serial0:115200n8");
}

/* ---- opening ------------------------------------------------------------ */

static enum hvo_firmware_error open_copy(const void *data, size_t size)
{
	bytes_free(&tree);
	tree = bytes_copy(data, size);
	return hvo_fdt_open(tree.data, tree.size, &fdt, &fault);
}

static void refuses_every_truncation(void **state)
{
	struct bytes whole = bytes_load("firmware_fdt/board.dtb");

	(void)state;
	for (size_t size = 0; size < whole.size; size++) {
		assert_int_equal(open_copy(whole.data, size),
				 HVO_FIRMWARE_TRUNCATED);
		assert_int_equal(fault.where, size);
	}
	assert_int_equal(open_copy(whole.data, whole.size), 0);
	/* The same, the header claiming that this is all of it. */
	for (size_t size = 40; size < whole.size; size++) {
		fdt_set_totalsize(whole.data, (uint32_t)size);
		assert_int_equal(open_copy(whole.data, size),
				 HVO_FIRMWARE_TREE);
		assert_true(fault_is(&fault, HVO_FIRMWARE_TREE));
	}
	bytes_free(&whole);
}

static void refuses_what_is_no_tree(void **state)
{
	uint8_t *buffer;

	(void)state;
	open_fixture("firmware_fdt/board.dtb");
	buffer = malloc(tree.size + 8);
	assert_non_null(buffer);
	memcpy(buffer + 4, tree.data, tree.size);
	assert_int_equal(hvo_fdt_open(buffer + 4, tree.size, &fdt, &fault),
			 HVO_FIRMWARE_ALIGN);
	free(buffer);

	fdt_set_magic(tree.data, 0x12345678);
	assert_int_equal(hvo_fdt_open(tree.data, tree.size, &fdt, &fault),
			 HVO_FIRMWARE_MAGIC);
	fdt_set_magic(tree.data, FDT_MAGIC);
	fdt_set_version(tree.data, 16);
	assert_int_equal(hvo_fdt_open(tree.data, tree.size, &fdt, &fault),
			 HVO_FIRMWARE_VERSION);
	fdt_set_version(tree.data, 18);
	fdt_set_last_comp_version(tree.data, 18);
	assert_int_equal(hvo_fdt_open(tree.data, tree.size, &fdt, &fault),
			 HVO_FIRMWARE_VERSION);
	assert_int_equal(fault.where, 20);
	fdt_set_last_comp_version(tree.data, 17);
	assert_int_equal(hvo_fdt_open(tree.data, tree.size, &fdt, &fault), 0);
}

/* The fault says which token it is. */
static void finds_the_broken_token(void **state)
{
	uint32_t *words;
	uint32_t at, word;

	(void)state;
	open_fixture("firmware_fdt/board.dtb");
	words = (uint32_t *)tree.data;
	at = fdt_off_dt_struct(tree.data);
	word = words[at / 4 + 2];
	assert_int_equal(fdt32_to_cpu(word), FDT_PROP);
	words[at / 4 + 2] = cpu_to_fdt32(77);
	assert_int_equal(hvo_fdt_open(tree.data, tree.size, &fdt, &fault),
			 HVO_FIRMWARE_TREE);
	assert_int_equal(fault.where, at + 8);
	words[at / 4 + 2] = word;
	/* Properties longer than the tree; the last would end where they
	 * begin, if lengths were to wrap.
	 */
	for (size_t i = 0; i < 3; i++) {
		static const uint32_t lengths[] = {0x7fffffff, 0xffffffff,
						   0xfffffff4};

		words[at / 4 + 3] = cpu_to_fdt32(lengths[i]);
		assert_int_equal(
		    hvo_fdt_open(tree.data, tree.size, &fdt, &fault),
		    HVO_FIRMWARE_TREE);
		assert_int_equal(fault.where, at + 8);
	}
}

/* Any one byte may be anything: all readers end, and within the tree. */
static void survives_any_byte(void **state)
{
	static const uint8_t flips[] = {0x01, 0x80, 0xff};
	struct bytes whole = bytes_load("firmware_fdt/board.dtb");
	unsigned opened = 0, refused = 0;

	for (size_t at = 0; at < whole.size * 3; at++) {
		struct hvo_fdt_chosen chosen;

		start_empty(state);
		whole.data[at / 3] ^= flips[at % 3];
		if (!open_copy(whole.data, whole.size)) {
			opened++;
			hvo_fdt_nodes(&fdt, &nodes, &fault);
			if (hvo_fdt_memory(&fdt, &nodes, &raw, &fault))
				assert_int_equal(raw.count, 0);
			if (hvo_fdt_cpus(&fdt, &nodes, &cpus, &fault))
				assert_int_equal(cpus.count, 0);
			hvo_fdt_distances(&fdt, &nodes, distance,
					  sizeof(distance), &fault);
			hvo_fdt_chosen(&fdt, &chosen, &fault);
			if (!hvo_memory_normalise(&raw, &out, 4096, &fault))
				assert_true(map_is_normal(&out, 4096));
		} else {
			refused++;
		}
		whole.data[at / 3] ^= flips[at % 3];
	}
	assert_true(opened > 100);
	assert_true(refused > 100);
	bytes_free(&whole);
}

/* ---- trees made here ---------------------------------------------------- */

static _Alignas(8) uint8_t buffer[4096];

/*
 * A tree under construction: open nodes are closed by close_tree(). libfdt's
 * own writer makes it.
 */
static void begin_tree(void)
{
	assert_int_equal(fdt_create(buffer, sizeof(buffer)), 0);
	assert_int_equal(fdt_add_reservemap_entry(buffer, 0x1000, 0x1000), 0);
	assert_int_equal(fdt_finish_reservemap(buffer), 0);
	assert_int_equal(fdt_begin_node(buffer, ""), 0);
}

static void put_words(const char *name, const uint32_t *words, size_t n)
{
	uint32_t swapped[16];

	assert_true(n <= 16);
	for (size_t i = 0; i < n; i++)
		swapped[i] = cpu_to_fdt32(words[i]);
	assert_int_equal(fdt_property(buffer, name, swapped, (int)(4 * n)), 0);
}

static void put_word(const char *name, uint32_t word)
{
	put_words(name, &word, 1);
}

static void put_string(const char *name, const char *string)
{
	assert_int_equal(fdt_property_string(buffer, name, string), 0);
}

static void put_cells(uint32_t address, uint32_t size)
{
	put_word("#address-cells", address);
	put_word("#size-cells", size);
}

static void begin_node(const char *name)
{
	assert_int_equal(fdt_begin_node(buffer, name), 0);
}

static void end_node(void)
{
	assert_int_equal(fdt_end_node(buffer), 0);
}

static void begin_memory(uint32_t base, uint32_t size)
{
	uint32_t reg[] = {base, size};

	begin_node("memory");
	put_string("device_type", "memory");
	put_words("reg", reg, 2);
}

static void begin_cpu(const char *name, uint32_t id)
{
	begin_node(name);
	put_string("device_type", "cpu");
	put_word("reg", id);
}

/* Close the root, and open the tree from a copy of its exact size. */
static void close_tree(void)
{
	end_node();
	assert_int_equal(fdt_finish(buffer), 0);
	assert_int_equal(open_copy(buffer, fdt_totalsize(buffer)), 0);
}

static enum hvo_firmware_error read_memory(void)
{
	enum hvo_firmware_error error =
	    hvo_fdt_memory(&fdt, &nodes, &raw, &fault);

	if (error) {
		assert_int_equal(raw.count, 0);
		assert_true(fault_is(&fault, error));
	}
	return error;
}

static enum hvo_firmware_error read_cpus(void)
{
	enum hvo_firmware_error error =
	    hvo_fdt_cpus(&fdt, &nodes, &cpus, &fault);

	if (error) {
		assert_int_equal(cpus.count, 0);
		assert_true(fault_is(&fault, error));
	}
	return error;
}

static void takes_one_or_two_cells(void **state)
{
	static const uint32_t words[] = {1, 0x2000, 3, 0x4000};

	for (uint32_t address = 0; address < 4; address++) {
		for (uint32_t size = 0; size < 4; size++) {
			bool good =
			    address > 0 && address < 3 && size > 0 && size < 3;

			start_empty(state);
			begin_tree();
			put_cells(address, size);
			begin_node("memory");
			put_string("device_type", "memory");
			put_words("reg", words,
				  address + size > 4 ? 4 : address + size);
			end_node();
			close_tree();
			if (!good) {
				assert_int_equal(read_memory(),
						 HVO_FIRMWARE_CELLS);
				continue;
			}
			assert_int_equal(read_memory(), 0);
			assert_int_equal(raw.range[0].base,
					 address == 2 ? 0x100002000 : 1);
		}
	}
}

static void refuses_a_tree_without_ram(void **state)
{
	begin_tree();
	put_cells(1, 1);
	close_tree();
	assert_int_equal(read_memory(), HVO_FIRMWARE_ABSENT);
	assert_int_equal(read_cpus(), HVO_FIRMWARE_ABSENT);
	start_empty(state);
	begin_tree();
	put_cells(1, 1);
	begin_memory(0x1000, 0);
	end_node();
	begin_node("cpus");
	put_cells(1, 0);
	end_node();
	close_tree();
	assert_int_equal(read_memory(), HVO_FIRMWARE_ABSENT);
	assert_int_equal(read_cpus(), HVO_FIRMWARE_ABSENT);
}

/* The fault is in the property, at the range that is wrong. */
static void refuses_bad_ranges(void **state)
{
	static const uint32_t wrapping[] = {0,   0x1000, 0,   0x1000,
					    ~0u, 0,      ~0u, 0xffffffff};
	const void *reg;
	int size;

	(void)state;
	begin_tree();
	put_cells(2, 2);
	begin_node("memory");
	put_string("device_type", "memory");
	put_words("reg", wrapping, 8);
	end_node();
	close_tree();
	assert_int_equal(read_memory(), HVO_FIRMWARE_RANGE);
	reg = fdt_getprop(tree.data, fdt_path_offset(tree.data, "/memory"),
			  "reg", &size);
	assert_int_equal(fault.where, (const uint8_t *)reg - tree.data + 16);

	begin_tree();
	put_cells(2, 2);
	begin_node("memory");
	put_string("device_type", "memory");
	put_words("reg", wrapping, 5);
	end_node();
	close_tree();
	assert_int_equal(read_memory(), HVO_FIRMWARE_PROPERTY);

	begin_tree();
	put_cells(2, 2);
	begin_node("memory");
	put_string("device_type", "memory");
	end_node();
	close_tree();
	assert_int_equal(read_memory(), HVO_FIRMWARE_PROPERTY);
}

static void refuses_bad_reservations(void **state)
{
	(void)state;
	begin_tree();
	put_cells(1, 1);
	begin_memory(0x1000, 0x1000);
	end_node();
	begin_node("reserved-memory");
	put_cells(1, 0);
	end_node();
	close_tree();
	assert_int_equal(read_memory(), HVO_FIRMWARE_CELLS);

	begin_tree();
	put_cells(1, 1);
	begin_memory(0x1000, 0x1000);
	end_node();
	begin_node("reserved-memory");
	put_cells(1, 1);
	begin_node("odd");
	put_word("reg", 0x1000);
	end_node();
	end_node();
	close_tree();
	assert_int_equal(read_memory(), HVO_FIRMWARE_PROPERTY);

	/* The reservation block has numbers of 64 bits, whatever the cells. */
	begin_tree();
	put_cells(1, 1);
	begin_memory(0x1000, 0x1000);
	end_node();
	close_tree();
	assert_int_equal(read_memory(), 0);
	assert_int_equal(raw.count, 2);
	memset(tree.data + fdt_off_mem_rsvmap(tree.data), 0xff, 16);
	raw.count = 0;
	assert_int_equal(read_memory(), HVO_FIRMWARE_RANGE);
	assert_int_equal(fault.where, fdt_off_mem_rsvmap(tree.data));
	raw.capacity = 1;
	memset(tree.data + fdt_off_mem_rsvmap(tree.data), 0x01, 16);
	assert_int_equal(read_memory(), HVO_FIRMWARE_ROOM);
}

/* numa-node-id with gaps, out of order, on memory and CPUs. */
static void numbers_nodes_densely(void **state)
{
	(void)state;
	begin_tree();
	put_cells(1, 1);
	begin_memory(0x9000, 0x1000);
	put_word("numa-node-id", 700);
	end_node();
	begin_memory(0x1000, 0x1000);
	put_word("numa-node-id", 5);
	end_node();
	begin_memory(0x20000, 0x1000);
	end_node();
	begin_node("cpus");
	put_cells(1, 0);
	begin_cpu("cpu@0", 0);
	put_word("numa-node-id", 6);
	end_node();
	end_node();
	close_tree();
	assert_int_equal(hvo_fdt_nodes(&fdt, &nodes, &fault), 0);
	assert_int_equal(nodes.count, 3);
	assert_int_equal(read_memory(), 0);
	assert_int_equal(raw.range[0].node, 2);
	assert_int_equal(raw.range[1].node, 0);
	assert_int_equal(raw.range[2].node, HVO_NO_NODE);
	assert_int_equal(read_cpus(), 0);
	assert_int_equal(cpus.cpu[0].node, 1);

	nodes.capacity = 2;
	assert_int_equal(hvo_fdt_nodes(&fdt, &nodes, &fault),
			 HVO_FIRMWARE_ROOM);
	assert_int_equal(nodes.count, 0);
	/* Nodes are not asked for. */
	raw.count = 0;
	assert_int_equal(hvo_fdt_memory(&fdt, NULL, &raw, &fault), 0);
	assert_int_equal(raw.range[0].node, HVO_NO_NODE);
}

static void refuses_bad_node_ids(void **state)
{
	(void)state;
	begin_tree();
	put_cells(1, 1);
	begin_memory(0x9000, 0x1000);
	put_string("numa-node-id", "0");
	end_node();
	begin_node("cpus");
	put_cells(1, 0);
	end_node();
	close_tree();
	assert_int_equal(hvo_fdt_nodes(&fdt, &nodes, &fault),
			 HVO_FIRMWARE_PROPERTY);
	assert_int_equal(read_memory(), HVO_FIRMWARE_PROPERTY);
}

static void refuses_bad_cpus(void **state)
{
	(void)state;
	begin_tree();
	begin_node("cpus");
	put_cells(1, 1);
	begin_cpu("cpu@0", 0);
	end_node();
	end_node();
	close_tree();
	assert_int_equal(read_cpus(), HVO_FIRMWARE_CELLS);

	begin_tree();
	begin_node("cpus");
	put_cells(1, 0);
	begin_cpu("cpu@0", 0);
	end_node();
	begin_cpu("cpu@1", 0);
	end_node();
	end_node();
	close_tree();
	assert_int_equal(read_cpus(), HVO_FIRMWARE_TWICE);

	begin_tree();
	begin_node("cpus");
	put_cells(2, 0);
	begin_cpu("cpu@0", 0);
	end_node();
	end_node();
	close_tree();
	assert_int_equal(read_cpus(), HVO_FIRMWARE_PROPERTY);

	/* A spin table without an address. */
	begin_tree();
	begin_node("cpus");
	put_cells(1, 0);
	put_string("enable-method", "spin-table");
	begin_cpu("cpu@0", 0);
	end_node();
	end_node();
	close_tree();
	assert_int_equal(read_cpus(), HVO_FIRMWARE_PROPERTY);
}

static void lists_every_thread(void **state)
{
	static const uint32_t threads[] = {8, 9, 10, 11};

	(void)state;
	begin_tree();
	begin_node("cpus");
	put_cells(1, 0);
	put_string("enable-method", "psci");
	begin_node("cpu@8");
	put_string("device_type", "cpu");
	put_words("reg", threads, 4);
	end_node();
	end_node();
	close_tree();
	assert_int_equal(read_cpus(), 0);
	assert_int_equal(cpus.count, 4);
	assert_int_equal(cpus.cpu[3].id, 11);
	assert_int_equal(cpus.cpu[3].start, HVO_CPU_START_PSCI);
	cpus.count = 0;
	cpus.capacity = 3;
	assert_int_equal(read_cpus(), HVO_FIRMWARE_ROOM);
}

static void put_distances(const uint32_t *words, size_t n)
{
	start_empty(NULL);
	begin_tree();
	begin_node("distance-map");
	put_words("distance-matrix", words, n);
	end_node();
	close_tree();
	nodes.count = 3;
	for (uint32_t i = 0; i < 3; i++)
		domains[i] = 10 * i;
}

static enum hvo_firmware_error read_distances(size_t capacity)
{
	return hvo_fdt_distances(&fdt, &nodes, distance, capacity, &fault);
}

static void mirrors_distances(void **state)
{
	static const uint32_t pairs[] = {0,  0,  10, 0,  10, 15, 10, 20,
					 33, 20, 10, 44, 0,  99, 12};
	static const uint8_t expected[] = {10, 15, 20, 15, 10, 33, 20, 44, 10};

	(void)state;
	put_distances(pairs, 15);
	assert_int_equal(read_distances(9), 0);
	assert_memory_equal(distance, expected, sizeof(expected));
	assert_int_equal(read_distances(8), HVO_FIRMWARE_ROOM);
}

static void refuses_bad_distances(void **state)
{
	static const uint32_t zero[] = {0, 10, 9}, self[] = {10, 10, 11},
			      large[] = {0, 10, 256};

	(void)state;
	put_distances(zero, 3);
	assert_int_equal(read_distances(9), HVO_FIRMWARE_DISTANCE);
	put_distances(self, 3);
	assert_int_equal(read_distances(9), HVO_FIRMWARE_DISTANCE);
	put_distances(large, 3);
	assert_int_equal(read_distances(9), HVO_FIRMWARE_DISTANCE);
	put_distances(large, 2);
	assert_int_equal(read_distances(9), HVO_FIRMWARE_PROPERTY);
}

static void refuses_strings_without_end(void **state)
{
	struct hvo_fdt_chosen chosen;

	for (int wrong = 0; wrong < 3; wrong++) {
		start_empty(state);
		begin_tree();
		begin_node("chosen");
		if (wrong == 1)
			put_word("bootargs", 0x41424344);
		if (wrong == 2)
			put_words("stdout-path", NULL, 0);
		end_node();
		close_tree();
		assert_int_equal(hvo_fdt_chosen(&fdt, &chosen, &fault),
				 wrong ? HVO_FIRMWARE_PROPERTY : 0);
		assert_null(chosen.bootargs);
		assert_null(chosen.stdout_path);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start_empty, end_empty)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(reads_an_arm_machine),
	    TEST(reads_a_riscv_machine),
	    TEST(reads_a_board),
	    TEST(refuses_every_truncation),
	    TEST(refuses_what_is_no_tree),
	    TEST(finds_the_broken_token),
	    TEST(survives_any_byte),
	    TEST(takes_one_or_two_cells),
	    TEST(refuses_a_tree_without_ram),
	    TEST(refuses_bad_ranges),
	    TEST(refuses_bad_reservations),
	    TEST(numbers_nodes_densely),
	    TEST(refuses_bad_node_ids),
	    TEST(refuses_bad_cpus),
	    TEST(lists_every_thread),
	    TEST(mirrors_distances),
	    TEST(refuses_bad_distances),
	    TEST(refuses_strings_without_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
