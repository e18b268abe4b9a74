/* SPDX-License-Identifier: MIT */
/*
 * Tables on stdout, by libsmartcols. A table belongs to one thread.
 */
#include <libsmartcols.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include "cmd.h"
#include "size.h"
#include "table.h"

struct hvo_table {
	struct libscols_table *table;
	struct libscols_line *line; /* being filled, NULL before the first */
	size_t column;              /* next cell of it */
	bool failed;
};

struct hvo_table *hvo_table_new(const struct hvo_column *columns, size_t n,
				bool headings)
{
	struct hvo_table *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	t->table = scols_new_table();
	if (!t->table) {
		t->failed = true;
		return t;
	}
	for (size_t i = 0; i < n; i++)
		if (!scols_table_new_column(
			t->table, columns[i].name, 0,
			columns[i].align == HVO_RIGHT ? SCOLS_FL_RIGHT : 0))
			t->failed = true;
	if (scols_table_enable_noheadings(t->table, !headings))
		t->failed = true;
	return t;
}

void hvo_table_line(struct hvo_table *t)
{
	if (!t || t->failed)
		return;
	t->line = scols_table_new_line(t->table, NULL);
	t->column = 0;
	t->failed = !t->line;
}

void hvo_table_cell(struct hvo_table *t, const char *format, ...)
{
	va_list args;
	char *text;
	int length;

	if (!t || t->failed)
		return;
	va_start(args, format);
	length = vasprintf(&text, format, args);
	va_end(args);
	if (length < 0) {
		t->failed = true;
		return;
	}
	/* The line owns the text from here on, unless it failed. */
	if (scols_line_refer_data(t->line, t->column++, text)) {
		free(text);
		t->failed = true;
	}
}

void hvo_table_size(struct hvo_table *t, unsigned long long bytes)
{
	char text[HVO_SIZE_TEXT];

	hvo_table_cell(t, "%s", hvo_size_format(bytes, text));
}

int hvo_table_print(struct hvo_table *t)
{
	bool failed = !t || t->failed || scols_print_table(t->table);

	if (t) {
		scols_unref_table(t->table);
		free(t);
	}
	if (!failed)
		return 0;
	hvo_error("no memory for a table");
	return -1;
}
