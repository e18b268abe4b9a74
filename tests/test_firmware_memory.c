/* SPDX-License-Identifier: MIT */
/*
 * Maps of memory: the rules of normalising one by one, then random maps
 * against a reference that decides byte by byte.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "test_firmware.h"

#define ROOM         64
#define NONE         HVO_NO_NODE
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static struct hvo_memory_range raw_ranges[ROOM], out_ranges[2 * ROOM];
static struct hvo_memory_map raw, out;
static struct hvo_firmware_fault fault;

static int start_empty(void **state)
{
	(void)state;
	raw = (struct hvo_memory_map){.range = raw_ranges, .capacity = ROOM};
	out =
	    (struct hvo_memory_map){.range = out_ranges, .capacity = 2 * ROOM};
	memset(&fault, 0, sizeof(fault));
	return 0;
}

static void add(uint64_t base, uint64_t end, enum hvo_memory_type type,
		uint32_t node, uint32_t flags)
{
	assert_int_equal(hvo_memory_add(&raw,
					&(struct hvo_memory_range){
					    .base = base,
					    .size = end - base,
					    .node = node,
					    .flags = flags,
					    .type = type,
					}),
			 HVO_FIRMWARE_OK);
}

static void normalise(uint64_t page)
{
	assert_int_equal(hvo_memory_normalise(&raw, &out, page, &fault),
			 HVO_FIRMWARE_OK);
	assert_true(map_is_normal(&out, page));
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

/* ---- adding ------------------------------------------------------------- */

static void refuses_what_is_no_range(void **state)
{
	struct hvo_memory_range range = {.base = 16, .size = UINT64_MAX - 15};

	(void)state;
	assert_int_equal(hvo_memory_add(&raw, &range), HVO_FIRMWARE_RANGE);
	range.size--;
	range.type = HVO_MEMORY_TYPES;
	assert_int_equal(hvo_memory_add(&raw, &range), HVO_FIRMWARE_TYPE);
	range.type = HVO_MEMORY_UNUSABLE;
	assert_int_equal(hvo_memory_add(&raw, &range), HVO_FIRMWARE_OK);
	assert_int_equal(raw.count, 1);
	range.size = 0;
	assert_int_equal(hvo_memory_add(&raw, &range), HVO_FIRMWARE_OK);
	assert_int_equal(raw.count, 1);
	raw.capacity = 1;
	range.size = 1;
	assert_int_equal(hvo_memory_add(&raw, &range), HVO_FIRMWARE_ROOM);
	assert_int_equal(raw.count, 1);
}

/* ---- one rule at a time ------------------------------------------------- */

static void sorts_and_merges(void **state)
{
	(void)state;
	add(0x9000, 0xa000, HVO_MEMORY_RAM, NONE, 0);
	add(0x1000, 0x2000, HVO_MEMORY_RAM, NONE, 0);
	add(0x5000, 0x6000, HVO_MEMORY_RESERVED, NONE, 0);
	add(0x2000, 0x5000, HVO_MEMORY_RAM, NONE, 0);
	normalise(0x1000);
	assert_int_equal(out.count, 3);
	assert_out(0, 0x1000, 0x5000, HVO_MEMORY_RAM, NONE, 0);
	assert_out(1, 0x5000, 0x6000, HVO_MEMORY_RESERVED, NONE, 0);
	assert_out(2, 0x9000, 0xa000, HVO_MEMORY_RAM, NONE, 0);
	assert_int_equal(hvo_memory_bytes(&out, HVO_MEMORY_RAM), 0x5000);
	assert_int_equal(hvo_memory_bytes(&out, HVO_MEMORY_RESERVED), 0x1000);
	assert_int_equal(hvo_memory_bytes(&out, HVO_MEMORY_NVS), 0);
}

static void empty_stays_empty(void **state)
{
	(void)state;
	normalise(0x1000);
	assert_int_equal(out.count, 0);
	add(0, 0x1000, HVO_MEMORY_NODE, 0, 0);
	normalise(0x1000);
	assert_int_equal(out.count, 0);
}

/* Of each pair of types the one that leaves less to use. */
static void the_later_type_wins(void **state)
{
	for (int a = HVO_MEMORY_RAM; a < HVO_MEMORY_TYPES; a++) {
		for (int b = a + 1; b < HVO_MEMORY_TYPES; b++) {
			uint32_t flags =
			    a == HVO_MEMORY_RAM ? HVO_MEMORY_ON_RAM : 0;

			start_empty(state);
			add(0x1000, 0x4000, a, NONE, 0);
			add(0x2000, 0x3000, b, NONE, 0);
			normalise(0x1000);
			assert_int_equal(out.count, 3);
			assert_out(0, 0x1000, 0x2000, a, NONE, 0);
			assert_out(1, 0x2000, 0x3000, b, NONE, flags);
			assert_out(2, 0x3000, 0x4000, a, NONE, 0);
		}
	}
}

static void nodes_come_from_below(void **state)
{
	(void)state;
	add(0, 0x4000, HVO_MEMORY_NODE, 0, 0);
	add(0x4000, 0x100000, HVO_MEMORY_NODE, 1, HVO_MEMORY_HOTPLUGGABLE);
	add(0x1000, 0x6000, HVO_MEMORY_RAM, NONE, 0);
	add(0x5000, 0x6000, HVO_MEMORY_RESERVED, NONE, HVO_MEMORY_NOMAP);
	add(0x200000, 0x201000, HVO_MEMORY_RAM, NONE, 0);
	normalise(0x1000);
	assert_int_equal(out.count, 4);
	assert_out(0, 0x1000, 0x4000, HVO_MEMORY_RAM, 0, 0);
	assert_out(1, 0x4000, 0x5000, HVO_MEMORY_RAM, 1,
		   HVO_MEMORY_HOTPLUGGABLE);
	assert_out(2, 0x5000, 0x6000, HVO_MEMORY_RESERVED, 1,
		   HVO_MEMORY_HOTPLUGGABLE | HVO_MEMORY_NOMAP |
		       HVO_MEMORY_ON_RAM);
	assert_out(3, 0x200000, 0x201000, HVO_MEMORY_RAM, NONE, 0);
}

static void two_nodes_must_not_claim_the_same(void **state)
{
	char line[HVO_FIRMWARE_LINE];

	(void)state;
	add(0, 0x4000, HVO_MEMORY_NODE, 0, 0);
	add(0x3000, 0x5000, HVO_MEMORY_NODE, 1, 0);
	/* As long as there is nothing, there is nothing to fight about. */
	add(0x1000, 0x3000, HVO_MEMORY_RAM, NONE, 0);
	normalise(0x1000);
	assert_int_equal(out.count, 1);
	add(0x2000, 0x4000, HVO_MEMORY_RAM, NONE, 0);
	assert_int_equal(hvo_memory_normalise(&raw, &out, 0x1000, &fault),
			 HVO_FIRMWARE_NODES);
	assert_int_equal(out.count, 0);
	assert_int_equal(fault.place, HVO_FIRMWARE_AT_ADDRESS);
	assert_int_equal(fault.where, 0x3000);
	assert_string_equal(hvo_firmware_describe(&fault, line, sizeof(line)),
			    "memory map, address 0x3000: two nodes claim the "
			    "same");
}

/* RAM loses the page that it does not fill, whatever has the rest of it. */
static void trims_to_pages(void **state)
{
	(void)state;
	add(0, 0x9fc00, HVO_MEMORY_RAM, NONE, 0);
	add(0x9fc00, 0xa0000, HVO_MEMORY_RESERVED, NONE, 0);
	add(0x100200, 0x101000, HVO_MEMORY_RAM, NONE, 0);
	add(0x102001, 0x103fff, HVO_MEMORY_RAM, NONE, 0);
	add(0x110000, 0x110800, HVO_MEMORY_RAM, NONE, 0);
	add(0x110800, 0x112000, HVO_MEMORY_RAM, NONE, 0);
	normalise(0x1000);
	assert_int_equal(out.count, 3);
	assert_out(0, 0, 0x9f000, HVO_MEMORY_RAM, NONE, 0);
	assert_out(1, 0x9f000, 0xa0000, HVO_MEMORY_RESERVED, NONE, 0);
	assert_out(2, 0x110000, 0x112000, HVO_MEMORY_RAM, NONE, 0);
	normalise(1);
	assert_int_equal(out.count, 5);
	normalise(0x10000);
	assert_int_equal(out.count, 2);
	assert_out(0, 0, 0x90000, HVO_MEMORY_RAM, NONE, 0);
	assert_out(1, 0x90000, 0xa0000, HVO_MEMORY_RESERVED, NONE, 0);
}

static void shares_pages_by_rank(void **state)
{
	(void)state;
	/* Three in one page: the strictest has it, the others keep the rest. */
	add(0x1000, 0x2400, HVO_MEMORY_ACPI, NONE, 0);
	add(0x2400, 0x2800, HVO_MEMORY_RESERVED, NONE, 0);
	add(0x2800, 0x4000, HVO_MEMORY_NVS, NONE, 0);
	/* What must not be mapped outranks all. */
	add(0x5000, 0x5800, HVO_MEMORY_UNUSABLE, NONE, 0);
	add(0x5800, 0x6000, HVO_MEMORY_RESERVED, NONE, HVO_MEMORY_NOMAP);
	/* What had nothing but that page is gone, and its neighbours meet. */
	add(0x8000, 0x9000, HVO_MEMORY_UNUSABLE, NONE, 0);
	add(0x9000, 0x9400, HVO_MEMORY_ACPI, NONE, 0);
	add(0x9400, 0xa000, HVO_MEMORY_UNUSABLE, NONE, 0);
	normalise(0x1000);
	assert_int_equal(out.count, 5);
	assert_out(0, 0x1000, 0x2000, HVO_MEMORY_ACPI, NONE, 0);
	assert_out(1, 0x2000, 0x3000, HVO_MEMORY_RESERVED, NONE, 0);
	assert_out(2, 0x3000, 0x4000, HVO_MEMORY_NVS, NONE, 0);
	assert_out(3, 0x5000, 0x6000, HVO_MEMORY_RESERVED, NONE,
		   HVO_MEMORY_NOMAP);
	assert_out(4, 0x8000, 0xa000, HVO_MEMORY_UNUSABLE, NONE, 0);
}

static void the_last_addresses(void **state)
{
	(void)state;
	add(UINT64_MAX - 0x1800, UINT64_MAX, HVO_MEMORY_RESERVED, NONE, 0);
	add(UINT64_MAX - 0x7fff, UINT64_MAX - 0x1fff, HVO_MEMORY_RAM, NONE, 0);
	normalise(0x1000);
	assert_int_equal(out.count, 2);
	assert_out(0, UINT64_MAX - 0x7fff, UINT64_MAX - 0x1fff, HVO_MEMORY_RAM,
		   NONE, 0);
	assert_out(1, UINT64_MAX - 0x1fff, UINT64_MAX - 0xfff,
		   HVO_MEMORY_RESERVED, NONE, 0);
	start_empty(state);
	add(UINT64_MAX - 16, UINT64_MAX, HVO_MEMORY_RAM, NONE, 0);
	add(UINT64_MAX - 32, UINT64_MAX - 16, HVO_MEMORY_NVS, NONE, 0);
	normalise(0x1000);
	assert_int_equal(out.count, 0);
	add(0, UINT64_MAX, HVO_MEMORY_RESERVED, NONE, 0);
	normalise(1ull << 63);
	assert_int_equal(out.count, 1);
	assert_out(0, 0, 1ull << 63, HVO_MEMORY_RESERVED, NONE, 0);
}

static void refuses_bad_arguments(void **state)
{
	(void)state;
	assert_int_equal(hvo_memory_normalise(&raw, &out, 0, &fault),
			 HVO_FIRMWARE_PAGE);
	assert_int_equal(hvo_memory_normalise(&raw, &out, 0x1001, NULL),
			 HVO_FIRMWARE_PAGE);
	/* Ranges that did not come through hvo_memory_add(). */
	raw.count = 2;
	raw.range[0] = (struct hvo_memory_range){.size = 1, .node = NONE};
	raw.range[1] = (struct hvo_memory_range){
	    .base = 0x5000,
	    .size = UINT64_MAX,
	};
	assert_int_equal(hvo_memory_normalise(&raw, &out, 1, &fault),
			 HVO_FIRMWARE_RANGE);
	assert_int_equal(fault.where, 0x5000);
	raw.range[1].size = 1;
	raw.range[1].type = (enum hvo_memory_type)77;
	assert_int_equal(hvo_memory_normalise(&raw, &out, 1, &fault),
			 HVO_FIRMWARE_TYPE);
	assert_true(fault_is(&fault, HVO_FIRMWARE_TYPE));
	start_empty(state);
	add(0, 0x1000, HVO_MEMORY_RAM, NONE, 0);
	add(0x2000, 0x3000, HVO_MEMORY_RAM, NONE, 0);
	out.capacity = 1;
	assert_int_equal(hvo_memory_normalise(&raw, &out, 1, &fault),
			 HVO_FIRMWARE_ROOM);
	assert_int_equal(out.count, 0);
	assert_int_equal(fault.where, 0x2000);
}

/* The worst case for room: each new range splits one before. */
static void twice_is_room_enough(void **state)
{
	(void)state;
	add(0, 0x100, HVO_MEMORY_RAM, NONE, 0);
	while (raw.count < ROOM) {
		uint64_t at = 4 * raw.count;

		add(at, at + 1, HVO_MEMORY_RESERVED, NONE, 0);
	}
	out.capacity = 2 * raw.count;
	normalise(1);
	assert_int_equal(out.count, 2 * raw.count - 1);
}

/* ---- against a reference ------------------------------------------------ */

#define SPACE 256 /* bytes of the whole address space there */

struct label {
	enum hvo_memory_type type;
	uint32_t node;
	uint32_t flags;
	bool there;
};

static struct label label_of(uint64_t byte, bool *disputed)
{
	struct label label = {.node = NONE};
	bool ram = false, two = false;

	for (size_t i = 0; i < raw.count; i++) {
		const struct hvo_memory_range *range = &raw.range[i];

		if (byte < range->base || byte - range->base >= range->size)
			continue;
		if (range->type > label.type)
			label.type = range->type;
		ram |= range->type == HVO_MEMORY_RAM;
		label.flags |= range->flags;
		if (range->node != NONE) {
			two |= label.node != NONE && label.node != range->node;
			label.node = range->node;
		}
	}
	label.there = label.type != HVO_MEMORY_NODE;
	if (ram && label.type != HVO_MEMORY_RAM)
		label.flags |= HVO_MEMORY_ON_RAM;
	*disputed |= two && label.there;
	return label;
}

static bool same_label(const struct label *a, const struct label *b)
{
	return a->there == b->there &&
	       (!a->there || (a->type == b->type && a->node == b->node &&
			      a->flags == b->flags));
}

/* Who has the page, from the labels of its bytes. */
static struct label page_label(const struct label *bytes, uint64_t page)
{
	struct label best = {0};
	bool whole = true;

	for (uint64_t i = 0; i < page; i++) {
		const struct label *label = &bytes[i];
		unsigned rank =
		    label->type + (label->flags & HVO_MEMORY_NOMAP ? 100 : 0);
		unsigned best_rank =
		    best.type + (best.flags & HVO_MEMORY_NOMAP ? 100 : 0);

		whole &= same_label(label, &bytes[0]);
		if (label->there && label->type != HVO_MEMORY_RAM &&
		    (!best.there || rank > best_rank))
			best = *label;
	}
	return whole ? bytes[0] : best;
}

static struct label out_label(uint64_t byte)
{
	for (size_t i = 0; i < out.count; i++) {
		const struct hvo_memory_range *range = &out.range[i];

		if (byte >= range->base && byte < hvo_memory_range_end(range))
			return (struct label){
			    .type = range->type,
			    .node = range->node,
			    .flags = range->flags,
			    .there = true,
			};
	}
	return (struct label){0};
}

static uint32_t random_below(uint64_t *seed, uint32_t limit)
{
	*seed = *seed * 6364136223846793005ull + 1442695040888963407ull;
	return (uint32_t)(*seed >> 33) % limit;
}

static void add_random(uint64_t *seed)
{
	uint32_t base = random_below(seed, SPACE);
	uint32_t size = random_below(seed, random_below(seed, 2) ? 8 : 64);
	enum hvo_memory_type type = random_below(seed, HVO_MEMORY_TYPES);
	uint32_t node = NONE;

	/* Few enough conflicts, most nodes below RAM. */
	if (type == HVO_MEMORY_NODE || !random_below(seed, 8))
		node = base >> 7;
	if (base + size > SPACE)
		size = SPACE - base;
	add(base, base + size, type, node,
	    random_below(seed, 4) ? 0 : random_below(seed, 4));
}

static void compare(uint64_t page, bool disputed, const struct label *labels)
{
	enum hvo_firmware_error error =
	    hvo_memory_normalise(&raw, &out, page, &fault);

	assert_int_equal(error, disputed ? HVO_FIRMWARE_NODES : 0);
	if (error)
		return;
	assert_true(map_is_normal(&out, page));
	for (uint64_t at = 0; at < SPACE; at += page) {
		struct label expected = page_label(labels + at, page);
		struct label found = out_label(at);

		if (!same_label(&expected, &found))
			fail_msg("page %llu at %llu", (unsigned long long)page,
				 (unsigned long long)at);
	}
}

/* What is normal already stays as it is. */
static void assert_stable(uint64_t page)
{
	static struct hvo_memory_range again_ranges[2 * ROOM];
	struct hvo_memory_map again = {
	    .range = again_ranges,
	    .capacity = COUNT(again_ranges),
	};

	assert_int_equal(hvo_memory_normalise(&out, &again, page, &fault), 0);
	assert_int_equal(again.count, out.count);
	for (size_t i = 0; i < out.count; i++)
		assert_out(i, again.range[i].base,
			   hvo_memory_range_end(&again.range[i]),
			   again.range[i].type, again.range[i].node,
			   again.range[i].flags);
}

static void agrees_with_the_reference(void **state)
{
	static struct label labels[SPACE];
	uint64_t seed = 1;
	unsigned disputes = 0;

	for (int round = 0; round < 4000; round++) {
		uint32_t n = random_below(&seed, 12);
		bool disputed = false;

		start_empty(state);
		for (uint32_t i = 0; i < n; i++)
			add_random(&seed);
		for (uint64_t byte = 0; byte < SPACE; byte++)
			labels[byte] = label_of(byte, &disputed);
		disputes += disputed;
		for (uint64_t page = 1; page <= 32; page *= 4)
			compare(page, disputed, labels);
		if (!disputed)
			assert_stable(16);
	}
	assert_in_range(disputes, 10, 3000);
}

/* ---- texts -------------------------------------------------------------- */

static void every_error_has_a_text(void **state)
{
	(void)state;
	for (int error = 0; error < HVO_FIRMWARE_ERRORS; error++) {
		assert_non_null(hvo_firmware_error_text(error));
		for (int other = 0; other < error; other++)
			assert_string_not_equal(hvo_firmware_error_text(error),
						hvo_firmware_error_text(other));
	}
	assert_string_equal(hvo_firmware_error_text(-1), "unknown error");
	assert_string_equal(hvo_firmware_error_text(HVO_FIRMWARE_ERRORS),
			    "unknown error");
	for (int type = 0; type < HVO_MEMORY_TYPES; type++)
		assert_non_null(hvo_memory_type_text(type));
	assert_string_equal(hvo_memory_type_text(HVO_MEMORY_TYPES),
			    "unknown type");
}

static void describes_every_place(void **state)
{
	char line[HVO_FIRMWARE_LINE];

	(void)state;
	fault = (struct hvo_firmware_fault){
	    .error = HVO_FIRMWARE_CHECKSUM,
	    .place = HVO_FIRMWARE_AT_BYTE,
	    .where = 9,
	    .table = "SRAT",
	};
	assert_string_equal(hvo_firmware_describe(&fault, line, sizeof(line)),
			    "SRAT, byte 9: the checksum is wrong");
	fault.place = HVO_FIRMWARE_AT_LINE;
	fault.where = UINT64_MAX;
	assert_string_equal(
	    hvo_firmware_describe(&fault, line, sizeof(line)),
	    "SRAT, line 18446744073709551615: the checksum is wrong");
	fault.place = HVO_FIRMWARE_AT_ADDRESS;
	assert_string_equal(
	    hvo_firmware_describe(&fault, line, sizeof(line)),
	    "SRAT, address 0xffffffffffffffff: the checksum is wrong");
	assert_string_equal(hvo_firmware_describe(&fault, line, 7), "SRAT, ");
	assert_string_equal(hvo_firmware_describe(&fault, line, 1), "");
	/* The longest of all fits. */
	memset(fault.table, 'x', sizeof(fault.table) - 1);
	for (int error = 0; error < HVO_FIRMWARE_ERRORS; error++) {
		fault.error = error;
		assert_true(fault_is(&fault, error));
	}
}

#define TEST(name) cmocka_unit_test_setup(name, start_empty)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(refuses_what_is_no_range),
	    TEST(sorts_and_merges),
	    TEST(empty_stays_empty),
	    TEST(the_later_type_wins),
	    TEST(nodes_come_from_below),
	    TEST(two_nodes_must_not_claim_the_same),
	    TEST(trims_to_pages),
	    TEST(shares_pages_by_rank),
	    TEST(the_last_addresses),
	    TEST(refuses_bad_arguments),
	    TEST(twice_is_room_enough),
	    TEST(agrees_with_the_reference),
	    TEST(every_error_has_a_text),
	    TEST(describes_every_place),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
