/* SPDX-License-Identifier: GPL-3.0-or-later */
/* text.h - strings of a result file made safe for a terminal, a web page, gnuplot, Markdown and
 * CSV; numbers with the digits that mean something. Every report writes foreign text through these.
 */
#ifndef TEXT_H
#define TEXT_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "../analysis/statistics.h"

/* Columns a string takes on a terminal; UTF-8, what cannot be shown counts 1. */
size_t text_width(const char *text);
/* text with everything that steers a terminal (control characters, line ends, changes of writing
 * direction, broken UTF-8) replaced by "?"; cut at a character where out is full. Returns out. */
char *text_clean(const char *text, char *out, size_t bytes);

/* For HTML text and quoted attributes alike. */
void text_html(FILE *stream, const char *text);
/* For XML 1.0 text and attributes: what XML has no way to write is dropped, not replaced. */
void text_xml(FILE *stream, const char *text);
/* For a line or a table cell of Markdown. */
void text_markdown(FILE *stream, const char *text);
/* A quoted CSV field (RFC 4180); a leading = + - @ gets an apostrophe, or a spreadsheet runs it. */
void text_csv(FILE *stream, const char *text);
/* A label for a gnuplot data file: cleaned, and quotes, backslashes, backquotes, braces, tabs and
 * angle brackets replaced by harmless look-alikes. Returns out. */
char *text_label(const char *text, char *out, size_t bytes);

enum { TEXT_NUMBER = 32 }; /* bytes that the buffers below need */

/* Three significant digits without exponent: "0.292", "3.81", "14.0", "1310"; "-" for NaN. */
char *text_number(double value, char *out);
/* The wider side of an interval relative to its estimate: "±0.4 %", "±12 %", from 100 % on as a
 * factor "×÷2.3"; "±?" when n was too small to say. */
char *text_spread(struct interval interval, char *out);
/* What of the messages due was lost: "lost 12 %"; "" for none, a number where due is NaN. */
char *text_lost(double lost, double due, char *out);
/* An interval in words, in a unit: "3.81 µs (3.79 … 3.83)"; scale divides. */
char *text_interval(struct interval interval, double scale, const char *unit, char *out,
		    size_t bytes);

/* "4.30 KiB"; "far off" for what is no size that a message could have. */
char *text_size(double bytes, char *out);

/* The unit in which a table of values up to most is read best; and one value alone. */
struct text_unit {
	const char *name; /* "µs" */
	double scale;     /* divide by it */
};
struct text_unit text_unit_ns(double most);
struct text_unit text_unit_one_ns(double value);
struct text_unit text_unit_bytes_per_s(double most);

#endif
