/* SPDX-License-Identifier: GPL-3.0-or-later */
/* counts.h - what the peers did in each operation, as a table, on a page, as Markdown, CSV
 * and JSON. */
#ifndef COUNTS_H
#define COUNTS_H

#include "arrange.h"

/* On a terminal, for the smallest size of each row, and what is not counted, with its reasons;
 * nothing where the file has nothing counted. 0, or -1 when memory runs out. */
int counts_print(FILE *stream, const struct arrangement *arrangement, size_t columns);
/* Its section of the page, all sizes. */
void counts_html(FILE *stream, const struct arrangement *arrangement);
/* Its section as Markdown, all sizes. 0, or -1 when memory runs out. */
int counts_markdown(FILE *stream, const struct arrangement *arrangement);
/* Columns behind those of a level: the median of a counted turn, and each event of each peer, per
 * operation; none where the file has nothing counted. Empty where it is not known. */
/* What all lines of a table of CSV have in common; caller frees, NULL when memory runs out. */
struct counts_columns *counts_columns(const struct result *result);
void counts_csv_head(FILE *stream, const struct counts_columns *columns);
void counts_csv(FILE *stream, const struct counts_columns *columns, unsigned cell);
/* A new array, an object a cell. */
json_t *counts_json(const struct arrangement *arrangement);

#endif
