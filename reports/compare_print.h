/* SPDX-License-Identifier: GPL-3.0-or-later */
/* compare_print.h - a comparison as a terminal table, JSON, CSV, Markdown, JUnit XML, a page and a
 * figure. The same comparison gives the same bytes. */
#ifndef COMPARE_PRINT_H
#define COMPARE_PRINT_H

#include <stdio.h>

#include "../analysis/compare.h"
#include "../analysis/environment.h"

/* A comparison with all that is said of it. */
struct compare_report {
	const struct comparison *comparison;
	const struct environment *environment;
	const struct result *const *files[COMPARE_SIDES];
	size_t file_count[COMPARE_SIDES]; /* 0: measured just now, and names say what */
	const char *names[COMPARE_SIDES]; /* a toll-worker program, a command; NULL: files */
	const char *record;               /* where its pairs are kept; NULL: nowhere */
	struct compare_gate gate;
	int status;       /* compare_status() */
	const char *only; /* NULL: all cells */
	bool all;         /* text: no row is folded */
};

/* In one of the formats on a stream. 0, or -1: out of memory, or the stream failed, or what was
 * said with say_error(). */
int compare_print(FILE *stream, const struct compare_report *report, const char *format);
/* The names of the formats: text, json, csv, md, junit, html (a page), svg, png and tsv (the figure
 * alone, and its data). */
extern const char *const compare_formats[];
extern const size_t compare_format_count;

/* What the formats have in common (compare_text.c). */

/* "2 slower, 1 faster, 3 can't tell, 95 same" */
char *compare_headline(const struct comparison *comparison, char *out, size_t bytes);
/* What holds for the whole comparison, a sentence each ("margin 2 %, chosen afterwards …"); raw
 * text.
 */
enum { NOTE_BYTES = 640 };
struct compare_notes {
	char text[12][NOTE_BYTES];
	size_t count;
};
void compare_note(struct compare_notes *notes, const struct compare_report *report);
/* Columns of words for a side: "old", "new". */
extern const char *const compare_sides[COMPARE_SIDES];
/* ln(new / old) as a change of time: "+3.2 %", "×2.31"; "-" for NaN. Returns out (TEXT_NUMBER). */
char *compare_change(double log_ratio, char *out);
/* The same without the sign of an increase: "3.2 %". Points into out. */
const char *compare_size(double log_ratio, char *out);
/* "+2.9 … +3.5 %" */
char *compare_bounds(struct interval log_ratio, char *out, size_t bytes);
/* "3.81 µs" per operation; "-" for NaN. */
char *compare_ns(double ns, char *out);
/* Why a row is invalid, what a row that cannot be told lacks; "" for the others. Raw text. */
char *compare_remark(const struct comparison *comparison, const struct compare_row *row, char *out,
		     size_t bytes);
/* What a value stands for: "boot", "run", "pair". */
const char *compare_unit(const struct comparison *comparison);
/* Why a cell stands on one side only. Raw text. */
char *compare_absence_text(const struct compare_lone *lone, char *out, size_t bytes);

/* compare_json.c, compare_files.c, compare_page.c, compare_forest.c */
int compare_json(FILE *stream, const struct compare_report *report);
int compare_csv(FILE *stream, const struct compare_report *report);
int compare_markdown(FILE *stream, const struct compare_report *report);
int compare_junit(FILE *stream, const struct compare_report *report);
int compare_html(FILE *stream, const struct compare_report *report);
int compare_svg(FILE *stream, const struct compare_report *report);
int compare_png(FILE *stream, const struct compare_report *report);
int compare_tsv(FILE *stream, const struct compare_report *report);

/* Tells of environments that differ: one error a key, or with json an object on standard output
 * (true: it was printed). */
bool compare_print_environment(const struct environment *environment, bool json);

#endif
