/* SPDX-License-Identifier: GPL-3.0-or-later */
/* compare_files.c - a comparison for other programs: CSV for spreadsheets, Markdown for a merge
 * request, JUnit XML for a build server. */
#include <math.h>
#include <string.h>

#include "compare_print.h"
#include "text.h"

static const char *state_of(const struct compare_row *row)
{
	return row->state == STATE_NONE ? "" : result_state_text(row->state);
}

/* --- CSV -------------------------------------------------------------------------------------- */

static void csv_number(FILE *stream, double value)
{
	fputc(',', stream);
	if (isfinite(value))
		fprintf(stream, "%.6g", value);
}

static void csv_row(FILE *stream, const struct comparison *comparison,
		    const struct compare_row *row)
{
	const struct verdict *verdict = &row->verdict;
	char remark[512];

	text_csv(stream, row->cell->key);
	fprintf(stream, ",\"%s\",\"%s\"", state_of(row), verdict_text(verdict->kind));
	csv_number(stream, expm1(verdict->log_ratio.estimate) * 100);
	csv_number(stream, expm1(verdict->log_ratio.low) * 100);
	csv_number(stream, expm1(verdict->log_ratio.high) * 100);
	csv_number(stream, verdict->p_difference);
	csv_number(stream, verdict->p_same);
	csv_number(stream, expm1(row->detectable) * 100);
	for (unsigned side = 0; side < COMPARE_SIDES; side++) {
		csv_number(stream, row->ns[side]);
		fprintf(stream, ",%zu,%zu,%zu", row->workers[side], row->failed[side],
			row->boots[side]);
	}
	fprintf(stream, ",\"%s\",", compare_unit(comparison));
	text_csv(stream, compare_remark(comparison, row, remark, sizeof remark));
	fputs("\r\n", stream);
}

int compare_csv(FILE *stream, const struct compare_report *report)
{
	const struct comparison *comparison = report->comparison;
	char remark[512];

	fputs("cell,host_state,verdict,change_percent,low_percent,high_percent,p_difference,p_same,"
	      "detectable_percent,old_ns,old_workers,old_failed,old_units,new_ns,new_workers,"
	      "new_failed,new_units,unit,remark\r\n",
	      stream);
	for (size_t i = 0; i < comparison->row_count; i++)
		csv_row(stream, comparison, &comparison->rows[i]);
	for (size_t i = 0; i < comparison->lone_count; i++) {
		const struct compare_lone *lone = &comparison->lone[i];
		text_csv(stream, lone->key);
		fputs(",\"\",\"\",,,,,,,,,,,,,,,,", stream);
		text_csv(stream, compare_absence_text(lone, remark, sizeof remark));
		fputs("\r\n", stream);
	}
	return ferror(stream) ? -1 : 0;
}

/* --- Markdown --------------------------------------------------------------------------------- */

/* In a code element a name such as @all calls nobody. */
static void markdown_code(FILE *stream, const char *text)
{
	fputs("<code>", stream);
	text_markdown(stream, text);
	fputs("</code>", stream);
}

static void markdown_row(FILE *stream, const struct comparison *comparison,
			 const struct compare_row *row)
{
	char change[TEXT_NUMBER], bounds[64], old[TEXT_NUMBER], fresh[TEXT_NUMBER];
	char finds[TEXT_NUMBER], remark[512];
	bool bold = row->verdict.kind == VERDICT_SLOWER;

	fprintf(stream, "| %s%s%s | ", bold ? "**" : "", verdict_text(row->verdict.kind),
		bold ? "**" : "");
	markdown_code(stream, row->cell->key);
	if (row->state != STATE_NONE)
		fprintf(stream, " (host state %s)", state_of(row));
	fprintf(stream, " | %s | %s | %s | %s | %s | ",
		compare_change(row->verdict.log_ratio.estimate, change),
		compare_bounds(row->verdict.log_ratio, bounds, sizeof bounds),
		compare_ns(row->ns[COMPARE_OLD], old), compare_ns(row->ns[COMPARE_NEW], fresh),
		compare_size(row->detectable, finds));
	compare_remark(comparison, row, remark, sizeof remark);
	if (row->verdict.kind == VERDICT_INVALID) /* a worker's words may be in it */
		markdown_code(stream, remark);
	else
		text_markdown(stream, remark);
	fputs(" |\n", stream);
}

static void markdown_table(FILE *stream, const struct comparison *comparison, bool folded,
			   enum verdict_kind kind)
{
	bool any = false;

	for (size_t i = 0; i < comparison->row_count; i++) {
		const struct compare_row *row = &comparison->rows[i];
		enum verdict_kind its = row->verdict.kind;
		if (folded ? its != kind : its == VERDICT_SAME || its == VERDICT_CANT_TELL)
			continue;
		if (!any)
			fputs("| verdict | cell | change | 95 % interval | old | new | finds | |\n"
			      "| --- | --- | ---: | ---: | ---: | ---: | ---: | --- |\n",
			      stream);
		any = true;
		markdown_row(stream, comparison, row);
	}
	if (any)
		fputc('\n', stream);
}

static void markdown_folded(FILE *stream, const struct comparison *comparison,
			    enum verdict_kind kind)
{
	if (!comparison->count[kind])
		return;
	fprintf(stream, "<details><summary>%zu %s</summary>\n\n", comparison->count[kind],
		verdict_text(kind));
	markdown_table(stream, comparison, true, kind);
	fputs("</details>\n", stream);
}

static void markdown_lone(FILE *stream, const struct comparison *comparison)
{
	char text[512];

	if (!comparison->lone_count)
		return;
	fprintf(stream, "<details><summary>%zu not on both sides</summary>\n\n",
		comparison->lone_count);
	for (size_t i = 0; i < comparison->lone_count; i++) {
		fputs("- ", stream);
		markdown_code(stream, comparison->lone[i].key);
		fputs(": ", stream);
		markdown_code(stream,
			      compare_absence_text(&comparison->lone[i], text, sizeof text));
		fputc('\n', stream);
	}
	fputs("\n</details>\n", stream);
}

static void markdown_notes(FILE *stream, const struct compare_report *report)
{
	struct compare_notes notes;

	compare_note(&notes, report);
	fputs("<details><summary>how it was compared</summary>\n\n", stream);
	for (unsigned side = 0; side < COMPARE_SIDES; side++) {
		fprintf(stream, "- %s: ", compare_sides[side]);
		if (report->names[side])
			markdown_code(stream, report->names[side]);
		for (size_t i = 0; i < report->file_count[side]; i++) {
			fputs(i ? ", " : "", stream);
			markdown_code(stream, report->files[side][i]->path);
		}
		fputc('\n', stream);
	}
	for (size_t i = 0; i < notes.count; i++) {
		fputs("- ", stream);
		markdown_code(stream, notes.text[i]);
		fputc('\n', stream);
	}
	fputs("\n</details>\n", stream);
}

int compare_markdown(FILE *stream, const struct compare_report *report)
{
	const struct comparison *comparison = report->comparison;
	char headline[160];

	fprintf(stream, "### toll compare: %s\n\n",
		compare_headline(comparison, headline, sizeof headline));
	markdown_table(stream, comparison, false, VERDICT_SLOWER);
	markdown_folded(stream, comparison, VERDICT_CANT_TELL);
	markdown_folded(stream, comparison, VERDICT_SAME);
	markdown_lone(stream, comparison);
	markdown_notes(stream, report);
	return ferror(stream) ? -1 : 0;
}

/* --- JUnit XML -------------------------------------------------------------------------------- */

static void junit_attribute(FILE *stream, const char *name, const char *value)
{
	fprintf(stream, " %s=\"", name);
	text_xml(stream, value);
	fputc('"', stream);
}

static void junit_outcome(FILE *stream, const char *element, const char *message)
{
	fprintf(stream, ">\n      <%s", element);
	junit_attribute(stream, "message", message);
	fputs("/>\n    </testcase>\n", stream);
}

static void junit_case(FILE *stream, const char *placement, const char *key, const char *state)
{
	char name[CELL_KEY + 32];

	snprintf(name, sizeof name, "%s%s%s%s", key, *state ? " (host state " : "", state,
		 *state ? ")" : "");
	fputs("    <testcase", stream);
	junit_attribute(stream, "classname", placement);
	junit_attribute(stream, "name", name);
}

static void junit_row(FILE *stream, const struct comparison *comparison,
		      const struct compare_row *row)
{
	const struct verdict *verdict = &row->verdict;
	char message[1024], change[TEXT_NUMBER], bounds[64], old[TEXT_NUMBER], fresh[TEXT_NUMBER];
	char remark[512];

	junit_case(stream, row->cell->cell.placement, row->cell->key, state_of(row));
	compare_remark(comparison, row, remark, sizeof remark);
	snprintf(message, sizeof message, "%s: %s (%s), old %s, new %s%s%s",
		 verdict_text(verdict->kind), compare_change(verdict->log_ratio.estimate, change),
		 compare_bounds(verdict->log_ratio, bounds, sizeof bounds),
		 compare_ns(row->ns[COMPARE_OLD], old), compare_ns(row->ns[COMPARE_NEW], fresh),
		 *remark ? "; " : "", remark);
	switch (verdict->kind) {
	case VERDICT_SLOWER:
		junit_outcome(stream, "failure", message);
		break;
	case VERDICT_CANT_TELL:
		junit_outcome(stream, "skipped", message);
		break;
	case VERDICT_INVALID:
		junit_outcome(stream, "error", remark);
		break;
	default:
		fputs("/>\n", stream);
	}
}

int compare_junit(FILE *stream, const struct compare_report *report)
{
	const struct comparison *comparison = report->comparison;
	struct compare_notes notes;
	char message[512];

	fputs("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n"
	      "  <testsuite name=\"toll compare\"",
	      stream);
	fprintf(stream, " tests=\"%zu\" failures=\"%zu\" errors=\"%zu\" skipped=\"%zu\">\n",
		comparison->row_count + comparison->lone_count, comparison->count[VERDICT_SLOWER],
		comparison->count[VERDICT_INVALID],
		comparison->count[VERDICT_CANT_TELL] + comparison->lone_count);
	for (size_t i = 0; i < comparison->row_count; i++)
		junit_row(stream, comparison, &comparison->rows[i]);
	for (size_t i = 0; i < comparison->lone_count; i++) {
		junit_case(stream, "not on both sides", comparison->lone[i].key, "");
		junit_outcome(stream, "skipped",
			      compare_absence_text(&comparison->lone[i], message, sizeof message));
	}
	fputs("    <system-out>", stream);
	compare_note(&notes, report);
	for (size_t i = 0; i < notes.count; i++) {
		text_xml(stream, notes.text[i]);
		fputc('\n', stream);
	}
	fputs("</system-out>\n  </testsuite>\n</testsuites>\n", stream);
	return ferror(stream) ? -1 : 0;
}
