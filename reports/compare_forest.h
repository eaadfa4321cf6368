/* SPDX-License-Identifier: GPL-3.0-or-later */
/* compare_forest.h - the figure of a comparison: a row a cell, its change with its interval. */
#ifndef COMPARE_FOREST_H
#define COMPARE_FOREST_H

#include "compare_print.h"
#include "draw.h"

enum forest_part { FOREST_ALL, FOREST_OTHERS /* all but same */, FOREST_SAME };
enum { FOREST_ROWS = 300 }; /* most in one figure: the worst; how many are left out is said */

/* draw_folder() in $TMPDIR; path: PATH_MAX bytes. -1 after say_error(). */
int forest_folder(char *path, sigset_t *before);
/* Writes the data of a figure for each part that has rows, and has gnuplot draw them, as SVG or as
 * PNG, into that folder. A missing gnuplot is no error: figures->missing says so. -1 after
 * say_error(); figures->figure is to be freed in any case. */
int forest_make(const struct compare_report *report, const enum forest_part parts[], size_t n,
		bool png, const char *folder, struct figures *figures);

#endif
