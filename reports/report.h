/* SPDX-License-Identifier: GPL-3.0-or-later */
/* report.h - tables for the terminal, figures by gnuplot, the page. */
#ifndef REPORT_H
#define REPORT_H

#include "../analysis/fit.h"

/* The summary of a run on a stream: per placement and wait class a table of mechanism × size, the
 * fastest of its class marked, cpu_ns, what was left out and why. */
int report_summary(FILE *stream, const struct result *result, const struct level levels[],
		   size_t n);
/* The same as JSON, one object, on a stream. */
int report_json(FILE *stream, const struct result *result, const struct level levels[], size_t n);

struct report_options {
	const char *directory; /* NULL: beside the result file, NAME.html and NAME.files/ */
	const char *format; /* "html" (default; figures are written beside it), "svg", "png", "csv",
			       "md", "hgrm" (one file a cell, of a run with --tails) */
	bool json;          /* print {"report": PATH, …} instead of text */
};

/* Writes the page (and figures) of a result; path (PATH_MAX bytes) gets the name of what was
 * written. Returns an exit status; says what is missing (gnuplot) and writes the rest. */
int report_write(const struct result *result, const struct report_options *options, char *path);

#endif
