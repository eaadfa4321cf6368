/* SPDX-License-Identifier: GPL-3.0-or-later */
/* compare_json.c - a comparison as one JSON object. */
#include <math.h>
#include <string.h>

#include "compare_print.h"
#include "text.h"

static json_t *number(double value)
{
	return isfinite(value) ? json_real(value) : json_null();
}

/* Texts may be cut within a character, and paths be any bytes. */
static json_t *clean(const char *text)
{
	char out[4096];

	return json_string(text_clean(text, out, sizeof out));
}

static json_t *interval_json(struct interval interval)
{
	return json_pack("{s:o, s:o, s:o, s:I}", "estimate", number(interval.estimate), "low",
			 number(interval.low), "high", number(interval.high), "n",
			 (json_int_t)interval.n);
}

static json_t *state_json(enum host_state state)
{
	return state == STATE_NONE ? json_null() : json_string(result_state_text(state));
}

static json_t *side_json(const struct compare_row *row, enum compare_side side)
{
	return json_pack("{s:I, s:I, s:I, s:o}", "workers", (json_int_t)row->workers[side],
			 "failed", (json_int_t)row->failed[side], "units",
			 (json_int_t)row->boots[side], "ns", number(row->ns[side]));
}

static json_t *more_json(const struct comparison *comparison, const struct compare_row *row)
{
	static const char *const of[] = { "boots a side", "runs a side", "pairs" };

	if (row->verdict.kind != VERDICT_CANT_TELL || !row->verdict.more)
		return json_null();
	return json_pack("{s:I, s:s}", "count", (json_int_t)row->verdict.more, "of",
			 of[comparison->unit]);
}

static json_t *row_json(const struct compare_report *report, const struct compare_row *row)
{
	const struct verdict *verdict = &row->verdict;

	return json_pack(
		"{s:s, s:o, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:b}", "cell",
		row->cell->key, "host_state", state_json(row->state), "verdict",
		verdict_text(verdict->kind), "log_ratio", interval_json(verdict->log_ratio),
		"standard_error", number(verdict->error), "freedom", number(verdict->freedom),
		"p_difference", number(verdict->p_difference), "p_same", number(verdict->p_same),
		"detectable", number(row->detectable), "more", more_json(report->comparison, row),
		"why", verdict->kind == VERDICT_INVALID ? clean(verdict->why) : json_null(), "old",
		side_json(row, COMPARE_OLD), "new", side_json(row, COMPARE_NEW), "fails_gate",
		compare_fails(row, &report->gate));
}

static json_t *rows_json(const struct compare_report *report)
{
	json_t *rows = json_array();

	for (size_t i = 0; i < report->comparison->row_count; i++)
		json_array_append_new(rows, row_json(report, &report->comparison->rows[i]));
	return rows;
}

static json_t *lone_json(const struct comparison *comparison)
{
	static const char *const why[] = { [COMPARE_UNPLANNED] = "not planned",
					   [COMPARE_REFUSED] = "refused",
					   [COMPARE_UNREACHED] = "never reached" };
	json_t *all = json_array();

	for (size_t i = 0; i < comparison->lone_count; i++) {
		const struct compare_lone *lone = &comparison->lone[i];
		json_array_append_new(
			all, json_pack("{s:s, s:s, s:s, s:o}", "cell", lone->key, "missing",
				       compare_sides[lone->missing], "why", why[lone->why],
				       "reason", lone->reason ? clean(lone->reason) : json_null()));
	}
	return all;
}

static json_t *left_out_json(const struct comparison *comparison)
{
	json_t *all = json_array();

	for (size_t i = 0; i < comparison->left_out_count; i++) {
		const struct compare_left_out *left = &comparison->left_out[i];
		json_array_append_new(all, json_pack("{s:s, s:s, s:o, s:I, s:I}", "cell", left->key,
						     "side", compare_sides[left->side],
						     "host_state", state_json(left->state),
						     "workers", (json_int_t)left->workers, "of",
						     (json_int_t)left->of));
	}
	return all;
}

static json_t *varied_json(const struct environment *environment)
{
	json_t *all = json_array();

	for (size_t i = 0; environment && i < environment->count; i++) {
		const struct environment_difference *d = &environment->differences[i];
		json_array_append_new(all,
				      json_pack("{s:o, s:[o, o], s:[o, o]}", "key", clean(d->key),
						"values", clean(d->values[0]), clean(d->values[1]),
						"files", clean(d->paths[0]), clean(d->paths[1])));
	}
	return all;
}

/* The gate's own check; null where there is none. */
static json_t *hidden_json(const struct comparison *comparison)
{
	const struct compare_hidden *hidden = &comparison->hidden;

	if (!hidden->cells)
		return json_null();
	return json_pack("{s:I, s:I, s:I, s:I}", "cells", (json_int_t)hidden->cells, "pairs",
			 (json_int_t)hidden->pairs, "misfires", (json_int_t)hidden->misfires,
			 "most", (json_int_t)hidden->most);
}

static json_t *files_json(const struct compare_report *report, enum compare_side side)
{
	json_t *all = json_array();

	if (report->names[side])
		json_array_append_new(all, clean(report->names[side]));
	for (size_t i = 0; i < report->file_count[side]; i++)
		json_array_append_new(all, clean(report->files[side][i]->path));
	return all;
}

static json_t *counts_json(const struct comparison *comparison)
{
	json_t *all = json_object();

	for (int kind = 0; kind <= VERDICT_INVALID; kind++)
		json_object_set_new(all, verdict_text((enum verdict_kind)kind),
				    json_integer((json_int_t)comparison->count[kind]));
	return all;
}

static json_t *notes_json(const struct compare_report *report)
{
	struct compare_notes notes;
	json_t *all = json_array();

	compare_note(&notes, report);
	for (size_t i = 0; i < notes.count; i++)
		json_array_append_new(all, clean(notes.text[i]));
	return all;
}

static bool side_by_side(const struct comparison *comparison)
{
	for (size_t i = 0; i < comparison->row_count; i++)
		if (comparison->rows[i].alternating)
			return false;
	return comparison->unit == COMPARE_PAIRS;
}

int compare_json(FILE *stream, const struct compare_report *report)
{
	const struct comparison *comparison = report->comparison;
	json_t *all = json_pack(
		"{s:{s:o, s:o}, s:s, s:{s:I, s:I}, s:f, s:o, s:b, s:b, s:b, s:i, s:o, s:o, "
		"s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:I, s:i}",
		"files", "old", files_json(report, COMPARE_OLD), "new",
		files_json(report, COMPARE_NEW), "unit", compare_unit(comparison), "units", "old",
		(json_int_t)comparison->boots[COMPARE_OLD], "new",
		(json_int_t)comparison->boots[COMPARE_NEW], "margin", comparison->margin,
		"margin_of_files", number(comparison->margin_of_files), "margin_afterwards",
		comparison->margin_afterwards, "one_boot", comparison->unit != COMPARE_BOOTS,
		"side_by_side", side_by_side(comparison), "looks", (int)comparison->looks, "spent",
		number(comparison->spent), "hidden", hidden_json(comparison), "counts",
		counts_json(comparison), "shift", interval_json(comparison->shift), "detectable",
		number(comparison->detectable), "detectable_worst",
		number(comparison->detectable_worst), "cells", rows_json(report),
		"not_on_both_sides", lone_json(comparison), "left_out", left_out_json(comparison),
		"varied", varied_json(report->environment), "notes", notes_json(report),
		"not_asked", (json_int_t)comparison->cells_not_asked, "status", report->status);

	if (!all)
		return -1;
	/* six digits: what lies behind them differs between compilers */
	int failed =
		json_dumpf(all, stream, JSON_SORT_KEYS | JSON_INDENT(2) | JSON_REAL_PRECISION(6)) ||
		fputc('\n', stream) == EOF;
	json_decref(all);
	return failed || ferror(stream) ? -1 : 0;
}
