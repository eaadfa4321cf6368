/* SPDX-License-Identifier: GPL-3.0-or-later */
/* table.c - aligned tables on a terminal: rows of cells, widths counted in columns, not bytes. */
#include "table.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "text.h"

struct cell_text {
	char *text;
	size_t span, width;
	enum say_style style;
	enum table_align align;
};

struct row {
	struct cell_text *cells;
	size_t count, filled; /* cells, and the columns that they fill */
};

struct column {
	enum table_align align;
	unsigned gap;
	size_t width, before, after; /* before and after the decimal point (which is after) */
};

struct table {
	struct column *columns;
	size_t column_count;
	struct row *rows;
	size_t row_count;
	bool failed; /* memory ran out */
};

struct table *table_new(size_t columns)
{
	struct table *table = calloc(1, sizeof *table);

	if (!table)
		return NULL;
	table->column_count = columns;
	table->columns = calloc(columns, sizeof *table->columns);
	if (!table->columns) {
		free(table);
		return NULL;
	}
	for (size_t i = 1; i < columns; i++)
		table->columns[i].gap = 2;
	return table;
}

void table_free(struct table *table)
{
	if (!table)
		return;
	for (size_t r = 0; r < table->row_count; r++) {
		for (size_t c = 0; c < table->rows[r].count; c++)
			free(table->rows[r].cells[c].text);
		free(table->rows[r].cells);
	}
	free(table->rows);
	free(table->columns);
	free(table);
}

void table_column(struct table *table, size_t column, enum table_align align, unsigned gap)
{
	if (!table)
		return;
	table->columns[column].align = align;
	table->columns[column].gap = gap;
}

void table_row(struct table *table)
{
	if (!table)
		return;
	struct row *rows = reallocarray(table->rows, table->row_count + 1, sizeof *rows);
	if (!rows) {
		table->failed = true;
		return;
	}
	table->rows = rows;
	rows[table->row_count++] = (struct row){ 0 };
}

__attribute__((format(printf, 5, 0))) static void add(struct table *table, size_t span,
						      enum table_align align, enum say_style style,
						      const char *format, va_list arguments)
{
	if (!table || table->failed)
		return;
	struct row *row = &table->rows[table->row_count - 1];
	char *raw;
	struct cell_text *cells = reallocarray(row->cells, row->count + 1, sizeof *cells);
	if (cells)
		row->cells = cells;
	if (!cells || row->filled + span > table->column_count ||
	    vasprintf(&raw, format, arguments) < 0) {
		table->failed = true;
		return;
	}
	size_t bytes = strlen(raw) + 1; /* cleaning never lengthens */
	char *text = malloc(bytes);
	if (!text) {
		free(raw);
		table->failed = true;
		return;
	}
	text_clean(raw, text, bytes);
	free(raw);
	cells[row->count++] = (struct cell_text){ .text = text,
						  .span = span,
						  .width = text_width(text),
						  .style = style,
						  .align = align };
	row->filled += span;
}

void table_cell(struct table *table, enum say_style style, const char *format, ...)
{
	va_list arguments;

	if (!table || table->failed)
		return;
	size_t column = table->rows[table->row_count - 1].filled;
	enum table_align align =
		column < table->column_count ? table->columns[column].align : TABLE_LEFT;
	va_start(arguments, format);
	add(table, 1, align, style, format, arguments);
	va_end(arguments);
}

void table_span(struct table *table, size_t columns, enum table_align align, enum say_style style,
		const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	add(table, columns, align, style, format, arguments);
	va_end(arguments);
}

/* Columns from the decimal point on; 0 for text without one, which ends where a point would stand.
 */
static size_t after_point(const struct cell_text *cell)
{
	const char *point = strchr(cell->text, '.');

	return point ? text_width(point) : 0;
}

static size_t span_width(const struct table *table, size_t first, size_t span)
{
	size_t width = 0;

	for (size_t i = first; i < first + span; i++)
		width += table->columns[i].width + (i > first ? table->columns[i].gap : 0);
	return width;
}

static void measure(struct table *table)
{
	for (size_t i = 0; i < table->column_count; i++)
		table->columns[i].width = table->columns[i].before = table->columns[i].after = 0;
	for (size_t r = 0; r < table->row_count; r++) {
		size_t at = 0;
		for (size_t c = 0; c < table->rows[r].count; c++) {
			const struct cell_text *cell = &table->rows[r].cells[c];
			struct column *column = &table->columns[at];
			at += cell->span;
			if (cell->span > 1)
				continue;
			if (cell->align == TABLE_POINT) {
				size_t after = after_point(cell);
				if (cell->width - after > column->before)
					column->before = cell->width - after;
				if (after > column->after)
					column->after = after;
			} else if (cell->width > column->width) {
				column->width = cell->width;
			}
			if (column->before + column->after > column->width)
				column->width = column->before + column->after;
		}
	}
	/* What a heading needs beyond its columns goes to the first of them: numbers stay together.
	 */
	for (size_t r = 0; r < table->row_count; r++) {
		size_t at = 0;
		for (size_t c = 0; c < table->rows[r].count; c++) {
			const struct cell_text *cell = &table->rows[r].cells[c];
			size_t width = span_width(table, at, cell->span);
			if (cell->width > width)
				table->columns[at].width += cell->width - width;
			at += cell->span;
		}
	}
}

size_t table_width(struct table *table)
{
	if (!table)
		return 0;
	measure(table);
	return table->column_count ? span_width(table, 0, table->column_count) : 0;
}

int table_print(FILE *stream, struct table *table, unsigned indent)
{
	if (!table || table->failed)
		return -1;
	measure(table);
	for (size_t r = 0; r < table->row_count; r++) {
		size_t at = 0, pending = indent;
		for (size_t c = 0; c < table->rows[r].count; c++) {
			const struct cell_text *cell = &table->rows[r].cells[c];
			const struct column *column = &table->columns[at];
			size_t width = span_width(table, at, cell->span);
			size_t left = 0;
			if (at > 0)
				pending += column->gap;
			if (cell->span == 1 && cell->align == TABLE_POINT)
				left = width - column->after - (cell->width - after_point(cell));
			else if (cell->align != TABLE_LEFT)
				left = width - cell->width;
			pending += left;
			if (cell->width) {
				fprintf(stream, "%*s%s%s%s", (int)pending, "",
					say_style(stream, cell->style), cell->text,
					cell->style == SAY_PLAIN ? ""
								 : say_style(stream, SAY_PLAIN));
				pending = 0;
			}
			pending += width - left - cell->width;
			at += cell->span;
		}
		fputc('\n', stream);
	}
	return ferror(stream) ? -1 : 0;
}
