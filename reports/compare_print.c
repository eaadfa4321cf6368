/* SPDX-License-Identifier: GPL-3.0-or-later */
/* compare_print.c - a comparison on a terminal, and which format goes where. */
#include "compare_print.h"
#include "../bench/say.h"

#include <math.h>
#include <string.h>

#include "table.h"
#include "text.h"

enum { ROWS_UNFOLDED = 20, LONE_UNFOLDED = 10 };

static enum say_style style_of(enum verdict_kind kind)
{
	switch (kind) {
	case VERDICT_SLOWER:
		return SAY_BAD;
	case VERDICT_FASTER:
		return SAY_GOOD;
	case VERDICT_INVALID:
		return SAY_HEAD;
	default:
		return SAY_PLAIN;
	}
}

static void print_side(FILE *stream, const struct compare_report *report, enum compare_side side)
{
	size_t n = report->file_count[side];
	const char *name = report->names[side] ? report->names[side] : report->files[side][0]->path;
	char path[512];

	fprintf(stream, "%s%s%s  %s", say_style(stream, SAY_DIM), compare_sides[side],
		say_style(stream, SAY_PLAIN), text_clean(name, path, sizeof path));
	if (n > 1)
		fprintf(stream, " … %s (%zu files)",
			text_clean(report->files[side][n - 1]->path, path, sizeof path), n);
	fputc('\n', stream);
}

static void add_heading(struct table *table)
{
	static const char *const names[] = { "verdict", "change", "95 % interval", "old",
					     "new",     "finds",  "cell" };

	table_row(table);
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		table_cell(table, SAY_DIM, "%s", names[i]);
}

static void add_row(struct table *table, const struct comparison *comparison,
		    const struct compare_row *row)
{
	char change[TEXT_NUMBER], bounds[64], old[TEXT_NUMBER], fresh[TEXT_NUMBER];
	char finds[TEXT_NUMBER], remark[512];
	bool state = row->state != STATE_NONE;

	table_row(table);
	table_cell(table, style_of(row->verdict.kind), "%s", verdict_text(row->verdict.kind));
	table_cell(table, SAY_PLAIN, "%s", compare_change(row->verdict.log_ratio.estimate, change));
	table_cell(table, SAY_PLAIN, "%s",
		   compare_bounds(row->verdict.log_ratio, bounds, sizeof bounds));
	table_cell(table, SAY_PLAIN, "%s", compare_ns(row->ns[COMPARE_OLD], old));
	table_cell(table, SAY_PLAIN, "%s", compare_ns(row->ns[COMPARE_NEW], fresh));
	table_cell(table, SAY_DIM, "%s", compare_size(row->detectable, finds));
	compare_remark(comparison, row, remark, sizeof remark);
	table_cell(table, SAY_PLAIN, "%s%s%s%s%s%s", row->cell->key, state ? " (host state " : "",
		   state ? result_state_text(row->state) : "", state ? ")" : "",
		   *remark ? ": " : "", remark);
}

static int print_rows(FILE *stream, const struct compare_report *report)
{
	const struct comparison *comparison = report->comparison;
	bool fold = !report->all && comparison->row_count > ROWS_UNFOLDED;
	struct table *table = table_new(7);
	size_t shown = 0;

	for (size_t column = 1; column < 6; column++)
		table_column(table, column, TABLE_RIGHT, 2);
	add_heading(table);
	for (size_t i = 0; i < comparison->row_count; i++) {
		if (fold && comparison->rows[i].verdict.kind == VERDICT_SAME)
			continue;
		add_row(table, comparison, &comparison->rows[i]);
		shown++;
	}
	int failed = shown ? table_print(stream, table, 0) : 0;
	table_free(table);
	if (shown < comparison->row_count)
		fprintf(stream, "%s%zu same%s; --all lists them\n", shown ? "and " : "",
			comparison->row_count - shown, shown ? " cells" : "");
	return failed;
}

static void print_lone(FILE *stream, const struct compare_report *report)
{
	const struct comparison *comparison = report->comparison;
	size_t n = comparison->lone_count;
	char text[512], clean[CELL_KEY];

	if (!n)
		return;
	fprintf(stream, "\n%snot on both sides%s\n", say_style(stream, SAY_BOLD),
		say_style(stream, SAY_PLAIN));
	for (size_t i = 0; i < n && (report->all || i < LONE_UNFOLDED); i++) {
		const struct compare_lone *lone = &comparison->lone[i];
		fprintf(stream, "  %s: ", text_clean(lone->key, clean, sizeof clean));
		compare_absence_text(lone, text, sizeof text);
		fprintf(stream, "%s\n", text_clean(text, clean, sizeof clean));
	}
	if (!report->all && n > LONE_UNFOLDED)
		fprintf(stream, "  and %zu more; --all lists them\n", n - LONE_UNFOLDED);
}

static int print_text(FILE *stream, const struct compare_report *report)
{
	struct compare_notes notes;
	char headline[160], clean[NOTE_BYTES];

	print_side(stream, report, COMPARE_OLD);
	print_side(stream, report, COMPARE_NEW);
	fprintf(stream, "\n%s%s%s\n\n", say_style(stream, SAY_BOLD),
		compare_headline(report->comparison, headline, sizeof headline),
		say_style(stream, SAY_PLAIN));
	if (print_rows(stream, report))
		return -1;
	print_lone(stream, report);
	fputc('\n', stream);
	compare_note(&notes, report);
	for (size_t i = 0; i < notes.count; i++)
		fprintf(stream, "%s\n", text_clean(notes.text[i], clean, sizeof clean));
	return ferror(stream) ? -1 : 0;
}

/* --- formats ---------------------------------------------------------------------------------- */

const char *const compare_formats[] = { "text", "json", "csv", "md", "junit",
					"html", "svg",  "png", "tsv" };
const size_t compare_format_count = sizeof compare_formats / sizeof *compare_formats;

int compare_print(FILE *stream, const struct compare_report *report, const char *format)
{
	static int (*const prints[])(FILE *, const struct compare_report *) = {
		print_text,   compare_json, compare_csv, compare_markdown, compare_junit,
		compare_html, compare_svg,  compare_png, compare_tsv
	};
	size_t i = 0;

	while (strcmp(compare_formats[i], format) != 0)
		i++;
	return prints[i](stream, report);
}

/* --- environments that differ ----------------------------------------------------------------- */

static json_t *clean_json(const char *text)
{
	char clean[4096];

	return json_string(text_clean(text, clean, sizeof clean));
}

static bool print_differences_json(const struct environment *environment, const char *error)
{
	json_t *differences = json_array();

	for (size_t i = 0; i < environment->count; i++) {
		const struct environment_difference *d = &environment->differences[i];
		if (!d->varied)
			json_array_append_new(
				differences,
				json_pack("{s:o, s:[o, o], s:[o, o]}", "key", clean_json(d->key),
					  "values", clean_json(d->values[0]),
					  clean_json(d->values[1]), "files",
					  clean_json(d->paths[0]), clean_json(d->paths[1])));
	}
	json_t *all = json_pack("{s:o, s:o, s:o}", "error", clean_json(error), "differences",
				differences, "varies", clean_json(environment->suggestion));
	bool printed = all && !json_dumpf(all, stdout, JSON_SORT_KEYS | JSON_INDENT(2)) &&
		       putchar('\n') != EOF;
	json_decref(all);
	return printed;
}

bool compare_print_environment(const struct environment *environment, bool json)
{
	size_t differing = environment->unlisted;
	char error[1200];

	for (size_t i = 0; i < environment->count; i++)
		differing += !environment->differences[i].varied;
	snprintf(error, sizeof error,
		 "the environments differ in %zu key%s; if that is what is compared: --varies %s",
		 differing, differing == 1 ? "" : "s", environment->suggestion);
	say_error("%s", error);
	for (size_t i = 0; i < environment->count; i++) {
		const struct environment_difference *d = &environment->differences[i];
		if (!d->varied)
			say_error("%s: %s in %s, %s in %s", d->key, d->values[0], d->paths[0],
				  d->values[1], d->paths[1]);
	}
	if (environment->unlisted)
		say_error("and %zu more", environment->unlisted);
	return json && print_differences_json(environment, error);
}
