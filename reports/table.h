/* SPDX-License-Identifier: GPL-3.0-or-later */
/* table.h - aligned tables on a terminal: rows of cells, widths counted in columns, not bytes. */
#ifndef TABLE_H
#define TABLE_H

#include <stddef.h>

#include "../bench/say.h"

enum table_align { TABLE_LEFT, TABLE_RIGHT, TABLE_POINT /* decimal points under each other */ };

struct table;

/* A table of so many columns, all left-aligned with two blanks before each but the first. When
 * memory runs out anywhere, table_print() says so by returning -1. */
struct table *table_new(size_t columns);
void table_free(struct table *table);
/* How a column is set: alignment, and blanks before it. */
void table_column(struct table *table, size_t column, enum table_align align, unsigned gap);

/* Begins a row; its cells follow from the left. */
void table_row(struct table *table);
/* The next cell, cleaned of what steers terminals. */
void table_cell(struct table *table, enum say_style style, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* A cell across several columns (a heading), with an alignment of its own; TABLE_POINT is right. */
void table_span(struct table *table, size_t columns, enum table_align align, enum say_style style,
		const char *format, ...) __attribute__((format(printf, 5, 6)));

/* Columns the widest row takes on a terminal. */
size_t table_width(struct table *table);
/* Writes it, indent blanks before each row, no blanks at the end of a line. 0 or -1. */
int table_print(FILE *stream, struct table *table, unsigned indent);

#endif
