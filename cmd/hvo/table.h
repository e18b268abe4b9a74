/* SPDX-License-Identifier: MIT */
/*
 * Tables on stdout: filled cell by cell, line by line, then printed. Want of
 * memory on the way is remembered and told by hvo_table_print(), so that
 * filling needs no checks.
 */
#ifndef HVO_TABLE_H
#define HVO_TABLE_H

#include <stdbool.h>
#include <stddef.h>

struct hvo_table;

enum hvo_align { HVO_LEFT, HVO_RIGHT };

struct hvo_column {
	const char *name;
	enum hvo_align align; /* HVO_RIGHT for numbers */
};

/* Without `headings` the columns' names are not printed. */
struct hvo_table *hvo_table_new(const struct hvo_column *columns, size_t n,
				bool headings);

/* Begin a line; its cells follow from left to right. */
void hvo_table_line(struct hvo_table *table);

/* Fill in the next cell of the line. Cells left out stay empty. */
__attribute__((format(printf, 2, 3))) void
hvo_table_cell(struct hvo_table *table, const char *format, ...);

/* The next cell, as a size: "1.75 GiB". */
void hvo_table_size(struct hvo_table *table, unsigned long long bytes);

/*
 * Print the table and free it. Returns 0, or -1 (and prints nothing more than
 * an error) for want of memory; table may be NULL, which is such a case.
 */
int hvo_table_print(struct hvo_table *table);

#endif
