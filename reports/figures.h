/* SPDX-License-Identifier: GPL-3.0-or-later */
/* figures.h - the figures of a result: data files, the gnuplot files that draw them, SVG and PNG.
 */
#ifndef FIGURES_H
#define FIGURES_H

#include "../analysis/fit.h"
#include "arrange.h"
#include "draw.h"

/* Writes NAME.tsv for every figure that the result has data for, copies of the .gp files, and,
 * where asked, NAME.svg and NAME.png drawn by gnuplot, into a directory that exists and is empty. A
 * missing gnuplot is no error: ->missing says so. -1 after say_error() when a file cannot be
 * written. */
int figures_make(const struct arrangement *arrangement, const struct fits *fits,
		 const char *directory, bool svg, bool png, struct figures *figures);
void figures_free(struct figures *figures);

/* Whether a file in a figures' folder is one of ours by its name: figure, data, script. */
bool figures_own(const char *name);

/* The row a fitted curve is in, with its sheet; NULL when it is in none. */
const struct sheet_row *fit_row(const struct arrangement *arrangement, const struct fit *fit,
				const struct sheet **sheet);
/* The name of a fitted curve as its sheet has it. */
const char *fit_label(const struct arrangement *arrangement, const struct fit *fit);
/* Which of a crossover's two curves is faster below it (CROSSING_ONE): an index into fits. */
unsigned crossover_below(const struct crossover *crossover);
/* "pipe is faster below 6.2 KiB (5.9 KiB … 6.5 KiB), futex above": a crossover as a sentence. */
char *crossover_sentence(const struct arrangement *arrangement, const struct fits *fits,
			 const struct crossover *crossover, char *out, size_t bytes);
/* "6.20 KiB (5.90 KiB … 6.50 KiB)" */
char *crossover_place(struct interval bytes, char *out, size_t room);

#endif
