/* SPDX-License-Identifier: MIT */
/*
 * hvo plan --table: what one huge page saves, for the huge page sizes that
 * architectures have. Sizes from the kernel's documentation (x86-64, arm64,
 * s390x, powerpc64 with radix tables) and from the architectures' page table
 * formats (riscv64: Sv39 levels and Svnapot's 64 KiB; loongarch64: a table of
 * 8-byte entries a page).
 */
#include <inttypes.h>
#include "json.h"
#include "plan.h"
#include "table.h"

#define SIZES_MAX 4

#define K (UINT64_C(1) << 10)
#define M (UINT64_C(1) << 20)
#define G (UINT64_C(1) << 30)
#define T (UINT64_C(1) << 40)

static const struct {
	const char *arch;
	uint64_t base;
	uint64_t huge[SIZES_MAX]; /* bytes; 0 ends them */
} architectures[] = {
    {"x86-64", 4 * K, {2 * M, 1 * G}},
    {"arm64", 4 * K, {64 * K, 2 * M, 32 * M, 1 * G}},
    {"arm64", 16 * K, {2 * M, 32 * M, 1 * G}},
    {"arm64", 64 * K, {2 * M, 512 * M, 16 * G}},
    {"riscv64", 4 * K, {64 * K, 2 * M, 1 * G}},
    {"loongarch64", 16 * K, {32 * M}},
    {"powerpc64", 64 * K, {2 * M, 1 * G}},
    {"s390x", 4 * K, {1 * M, 2 * G}},
};

/* One huge page alone, the shared tails aside: they serve all of them. */
struct row {
	const char *arch;
	struct hvo_geometry g;
	struct hvo_plan plan;
	uint64_t bytes_before;
	uint64_t bytes_after;
	uint64_t saved_per_tib;
};

static void make_row(struct row *row, size_t arch, unsigned record,
		     uint64_t huge)
{
	uint64_t base = architectures[arch].base;

	*row = (struct row){
	    .arch = architectures[arch].arch,
	    .plan = {.page_size = huge, .count = 1},
	};
	/* Sound by the table above, and the record has been looked at. */
	hvo_geometry_init(&row->g, (unsigned)__builtin_ctzll(base), record);
	hvo_plan_fill(&row->plan, &row->g);
	row->bytes_before = hvo_folio_bytes(&row->g, row->plan.order);
	row->bytes_after = row->plan.optimizable ? base : row->bytes_before;
	row->saved_per_tib =
	    (row->bytes_before - row->bytes_after) * (T / huge);
}

/* Descriptors of a small huge page fill part of a vmemmap page. */
static double pages(const struct row *row, uint64_t bytes)
{
	return (double)bytes / (double)hvo_page_size(&row->g);
}

static void cell_pages(struct hvo_table *table, double n)
{
	hvo_table_cell(table, n < 1 ? "%.2f" : "%.10g", n);
}

static void add_line(struct hvo_table *table, const struct row *row)
{
	hvo_table_line(table);
	hvo_table_cell(table, "%s", row->arch);
	hvo_table_size(table, hvo_page_size(&row->g));
	hvo_table_size(table, row->plan.page_size);
	hvo_table_cell(table, "%" PRIu64, row->plan.descriptors);
	cell_pages(table, pages(row, row->bytes_before));
	cell_pages(table, pages(row, row->bytes_after));
	hvo_table_size(table, row->bytes_before - row->bytes_after);
	hvo_table_size(table, row->saved_per_tib);
}

static void add_json(struct json_object *rows, const struct row *row)
{
	struct json_object *o = json_object_new_object();
	struct json_object *part;

	json_object_array_add(rows, o);
	hvo_json_text(o, "arch", row->arch);
	hvo_json_int(o, "base_page", hvo_page_size(&row->g));
	hvo_json_int(o, "page_size", row->plan.page_size);
	hvo_json_int(o, "order", row->plan.order);
	hvo_json_bool(o, "optimizable", row->plan.optimizable);
	hvo_json_int(o, "descriptors", row->plan.descriptors);
	part = hvo_json_object(o, "pages");
	hvo_json_real(part, "before", pages(row, row->bytes_before));
	hvo_json_real(part, "after", pages(row, row->bytes_after));
	part = hvo_json_object(o, "bytes");
	hvo_json_int(part, "before", row->bytes_before);
	hvo_json_int(part, "after", row->bytes_after);
	hvo_json_int(part, "saved", row->bytes_before - row->bytes_after);
	hvo_json_int(part, "saved_per_tib", row->saved_per_tib);
}

int hvo_plan_table(unsigned record, bool json)
{
	static const struct hvo_column columns[] = {
	    {"ARCH", HVO_LEFT},       {"BASE PAGE", HVO_RIGHT},
	    {"HUGE PAGE", HVO_RIGHT}, {"DESCRIPTORS", HVO_RIGHT},
	    {"PAGES", HVO_RIGHT},     {"OPTIMIZED", HVO_RIGHT},
	    {"SAVED", HVO_RIGHT},     {"SAVED PER TIB", HVO_RIGHT},
	};
	struct hvo_table *table = NULL;
	struct json_object *root = NULL, *rows = NULL;
	struct row row;

	if (json) {
		root = json_object_new_object();
		rows = json_object_new_array();
		hvo_json_int(root, "hvo", 1);
		hvo_json_int(root, "record", record);
		json_object_object_add(root, "table", rows);
	} else {
		table = hvo_table_new(
		    columns, sizeof(columns) / sizeof(columns[0]), true);
	}
	for (size_t a = 0; a < sizeof(architectures) / sizeof(architectures[0]);
	     a++)
		for (size_t i = 0; i < SIZES_MAX && architectures[a].huge[i];
		     i++) {
			make_row(&row, a, record, architectures[a].huge[i]);
			if (json)
				add_json(rows, &row);
			else
				add_line(table, &row);
		}
	if (json)
		return hvo_json_print(root);
	return hvo_table_print(table) ? HVO_EXIT_FAILED : HVO_EXIT_OK;
}
