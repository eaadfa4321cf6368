/* SPDX-License-Identifier: GPL-3.0-or-later */
/* decomposed.h - where the time of round trips goes, and the controls that say so: as tables, on a
 * page, as Markdown and JSON. Nothing of it where the file has no controls. */
#ifndef DECOMPOSED_H
#define DECOMPOSED_H

#include "arrange.h"

/* The decomposition of a level, of a sheet's cell; NULL: it has none. */
const struct decomposition *decomposed_of(const struct arrangement *arrangement,
					  const struct level *level);
const struct decomposition *decomposed_at(const struct arrangement *arrangement,
					  const struct sheet_cell *cell);
/* Which parts any cell of a sheet has; how many of its cells are decomposed. */
size_t decomposed_parts(const struct arrangement *arrangement, const struct sheet *sheet,
			bool has[PARTS]);
/* "own path", of sleeps across CPUs "wake-ups" */
const char *decomposed_name(const struct sheet *sheet, enum part part);
/* "pipe, 64 B" */
char *decomposed_label(const struct sheet *sheet, size_t row, size_t size, char *out, size_t bytes);

/* On a terminal. 0, or -1 when memory runs out. */
int decomposed_print(FILE *stream, const struct arrangement *arrangement);
/* Their section of the page, but for the figure. */
void decomposed_html(FILE *stream, const struct arrangement *arrangement);
void decomposed_markdown(FILE *stream, const struct arrangement *arrangement);
/* New arrays. */
json_t *decomposed_json(const struct arrangement *arrangement);
json_t *controls_of_json(const struct arrangement *arrangement);

#endif
