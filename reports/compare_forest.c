/* SPDX-License-Identifier: GPL-3.0-or-later */
/* compare_forest.c - the figure of a comparison: a row a cell, its change with its interval; its
 * data, and the drawing alone. */
#include "compare_forest.h"

#include <gsl/gsl_sort.h>
#include <libgen.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../bench/say.h"
#include "text.h"

enum { LABEL_WIDTH = 56 };
static const char without[] = "toll compare --format tsv gives the figure's data";

/* --- rows ------------------------------------------------------------------------------------- */

static bool belongs(enum forest_part part, const struct compare_row *row)
{
	bool same = row->verdict.kind == VERDICT_SAME;

	return part == FOREST_ALL || same == (part == FOREST_SAME);
}

static size_t rows_of(const struct comparison *comparison, enum forest_part part)
{
	size_t n = 0;

	for (size_t i = 0; i < comparison->row_count; i++)
		n += belongs(part, &comparison->rows[i]);
	return n;
}

/* The key, with what does not fit left out of its middle: its beginning and its end tell most. */
static char *row_label(const struct compare_row *row, char *out, size_t bytes)
{
	char clean[CELL_KEY], head[LABEL_WIDTH / 2];
	const char *tail = text_clean(row->cell->key, clean, sizeof clean);
	bool state = row->state != STATE_NONE, cut = text_width(clean) > LABEL_WIDTH;

	if (cut) {
		tail += strlen(clean) - (LABEL_WIDTH - LABEL_WIDTH / 2);
		while ((*tail & 0xC0) == 0x80) /* within a character */
			tail++;
	}
	snprintf(out, bytes, "%s%s%s%s%s%s", cut ? text_clean(clean, head, sizeof head) : "",
		 cut ? "…" : "", tail, state ? " (" : "",
		 state ? result_state_text(row->state) : "", state ? ")" : "");
	return out;
}

static void write_row(FILE *data, size_t number, const struct compare_row *row)
{
	/* as forest.gp has them */
	static const unsigned kinds[] = { [VERDICT_SLOWER] = 1,
					  [VERDICT_FASTER] = 2,
					  [VERDICT_INVALID] = 3,
					  [VERDICT_CANT_TELL] = 4,
					  [VERDICT_SAME] = 5 };
	const struct verdict *verdict = &row->verdict;
	char text[CELL_KEY + 32];

	fprintf(data, "%zu\t", number);
	draw_number(data, verdict->log_ratio.estimate, "\t");
	draw_number(data, verdict->log_ratio.low, "\t");
	draw_number(data, verdict->log_ratio.high, "\t");
	fprintf(data, "%u\t", kinds[verdict->kind]);
	draw_label(data, row_label(row, text, sizeof text), "\t");
	draw_label(data, compare_change(verdict->log_ratio.estimate, text), "\t");
	if (verdict->kind == VERDICT_INVALID)
		snprintf(text, sizeof text, "%s", verdict_text(verdict->kind));
	else
		compare_bounds(verdict->log_ratio, text, sizeof text);
	draw_label(data, text, "\n");
}

/* --- the axis --------------------------------------------------------------------------------- */

/* How far a row reaches from no change, to one side. */
static double reach(const struct compare_row *row, int sign)
{
	const struct interval *interval = &row->verdict.log_ratio;
	double bound = sign > 0 ? interval->high : interval->low;

	if (!isfinite(interval->estimate))
		return 0;
	return fmax(0, sign * (isfinite(bound) ? bound : interval->estimate));
}

/* Wide enough for three rows in four, for all that reach six times as far as the median row does,
 * and for what lies not far beyond: a cell that takes three times as long shall not squeeze changes
 * of some percent into a dot. Sorts the reaches. */
static double widest_axis(double reaches[], size_t n, double margin)
{
	gsl_sort(reaches, 1, n);
	double fair = fmax(fmax(6 * statistics_median(reaches, n), 5 * margin),
			   statistics_quantile(reaches, n, 0.75));
	while (n > 1 && reaches[n - 1] > 1.5 * fair)
		n--;
	return reaches[n - 1];
}

/* *beyond: rows that the axis does not hold. -1: out of memory. */
static int find_axis(const struct comparison *comparison, enum forest_part part,
		     struct frame *frame, size_t *beyond)
{
	double *reaches = calloc(frame->rows, sizeof *reaches), margin = log1p(comparison->margin);
	double low = 0, high = 0;
	size_t n = 0;

	if (!reaches)
		return -1;
	for (size_t i = 0; i < comparison->row_count && n < frame->rows; i++)
		if (belongs(part, &comparison->rows[i]))
			reaches[n++] = fmax(reach(&comparison->rows[i], -1),
					    reach(&comparison->rows[i], 1));
	double most = widest_axis(reaches, n, margin);
	free(reaches);
	*beyond = n = 0;
	for (size_t i = 0; i < comparison->row_count && n < frame->rows; i++) {
		const struct compare_row *row = &comparison->rows[i];
		if (!belongs(part, row))
			continue;
		n++;
		low = fmax(low, fmin(reach(row, -1), most));
		high = fmax(high, fmin(reach(row, 1), most));
		*beyond += reach(row, -1) > most || reach(row, 1) > most;
	}
	double air = 0.04 * (low + high);
	frame->x_low = -fmax(low + air, 1.5 * margin);
	frame->x_high = fmax(high + air, 1.5 * margin);
	return 0;
}

/* --- the figure ------------------------------------------------------------------------------- */

/* "old: a.ndjson … e.ndjson (5 files); new: …", or the names of what was measured just now */
static void name_files(const struct compare_report *report, char *out, size_t bytes)
{
	size_t used = 0;

	snprintf(out, bytes, " ");
	for (unsigned side = 0; side < COMPARE_SIDES && used < bytes; side++) {
		size_t n = report->file_count[side];
		char first[PATH_MAX], last[PATH_MAX], count[32] = "";
		if (report->names[side]) {
			used += (size_t)snprintf(out + used, bytes - used, "%s%s: %.120s",
						 side ? "; " : "", compare_sides[side],
						 report->names[side]);
			continue;
		}
		if (!n)
			return;
		snprintf(first, sizeof first, "%s", report->files[side][0]->path);
		snprintf(last, sizeof last, "%s", report->files[side][n - 1]->path);
		if (n > 1)
			snprintf(count, sizeof count, " (%zu files)", n);
		used += (size_t)snprintf(out + used, bytes - used, "%s%s: %.60s%s%.60s%s",
					 side ? "; " : "", compare_sides[side], basename(first),
					 n > 1 ? " … " : "", n > 1 ? basename(last) : "", count);
	}
}

static void describe(const struct compare_report *report, enum forest_part part, size_t all,
		     size_t drawn, size_t beyond, struct figure *figure)
{
	char more[96] = "", arrows[96] = "";

	snprintf(figure->name, sizeof figure->name, "forest-%d", part);
	figure->script = "forest.gp";
	snprintf(figure->title, sizeof figure->title, "Change of time, new against old%s",
		 part == FOREST_SAME ? ": cells that are the same" : "");
	if (drawn < all)
		snprintf(more, sizeof more, " The %zu rows after the first %zu are not drawn.",
			 all - drawn, drawn);
	if (beyond)
		snprintf(arrows, sizeof arrows, " %zu row%s beyond the axis: an arrow.", beyond,
			 beyond == 1 ? " reaches" : "s reach");
	snprintf(figure->caption, sizeof figure->caption,
		 "Time of the new side against the old: a row a cell and host state, the worst "
		 "first. Bars are 95 %% intervals, widened for having been selected where there is "
		 "a verdict; where none is seen it is smaller than the point. The band is the "
		 "margin, ±%.4g %%. The scale is logarithmic: equal steps are equal factors.%s%s",
		 report->comparison->margin * 100, arrows, more);
}

/* The data of one figure on a stream. -1: out of memory. */
static int write_forest(FILE *data, const struct compare_report *report, enum forest_part part,
			struct figure *figure)
{
	const struct comparison *comparison = report->comparison;
	size_t all = rows_of(comparison, part), beyond, n = 0;
	char where[512], under[256], text[CELL_KEY + 32];
	struct frame frame = {
		.rows = all < FOREST_ROWS ? all : FOREST_ROWS,
		.axis = "time of new against old:  ← faster   slower →",
		.source = report->file_count[COMPARE_OLD] ? report->files[COMPARE_OLD][0]->path
							  : "none",
		.under = under,
		.where = where,
		.columns = "block 1: low  high (the margin, ln(new / old)); block 2: row  "
			   "ln(new / old)  low  high  verdict (1 slower, 2 faster, 3 invalid, "
			   "4 can't tell, 5 same)  cell  change  interval",
	};

	if (find_axis(comparison, part, &frame, &beyond))
		return -1;
	for (size_t i = 0; i < comparison->row_count && n < frame.rows; i++) {
		if (!belongs(part, &comparison->rows[i]))
			continue;
		size_t width = text_width(row_label(&comparison->rows[i], text, sizeof text));
		frame.margin = width > frame.margin ? width : frame.margin;
		n++;
	}
	describe(report, part, all, frame.rows, beyond, figure);
	name_files(report, where, sizeof where);
	snprintf(under, sizeof under, "95 %% intervals; shaded: the margin, ±%.4g %%",
		 comparison->margin * 100);
	if (frame.rows < all)
		snprintf(under + strlen(under), sizeof under - strlen(under),
			 "; the first %zu rows of %zu", frame.rows, all);
	draw_frame(data, figure, &frame);
	fputs("\n\n", data);
	draw_number(data, -log1p(comparison->margin), "\t");
	draw_number(data, log1p(comparison->margin), "\n\n\n");
	n = 0;
	for (size_t i = 0; i < comparison->row_count && n < frame.rows; i++)
		if (belongs(part, &comparison->rows[i]))
			write_row(data, ++n, &comparison->rows[i]);
	return 0;
}

static int write_part(const struct compare_report *report, enum forest_part part,
		      const char *folder, struct figure *figure)
{
	char name[32];

	snprintf(name, sizeof name, "forest-%d", part);
	FILE *data = draw_open(folder, name, ".tsv");
	if (!data)
		return -1;
	int failed = write_forest(data, report, part, figure);
	if (failed)
		say_error("out of memory while writing figures");
	return draw_close(data, folder, name) || failed ? -1 : 0;
}

int forest_folder(char *path, sigset_t *before)
{
	const char *where = getenv("TMPDIR");

	if (!where || !*where)
		where = "/tmp";
	if (snprintf(path, PATH_MAX, "%s/toll-compare.XXXXXX", where) < PATH_MAX &&
	    !draw_folder(path, before))
		return 0;
	say_error("%s: %m; set TMPDIR to a folder that can be written", where);
	return -1;
}

int forest_make(const struct compare_report *report, const enum forest_part parts[], size_t n,
		bool png, const char *folder, struct figures *figures)
{
	static const char *const scripts[] = { "style.gp", "forest.gp" };

	*figures = (struct figures){ .figure = calloc(n, sizeof *figures->figure) };
	if (!figures->figure) {
		say_error("out of memory while writing figures");
		return -1;
	}
	for (size_t i = 0; i < n; i++)
		if (rows_of(report->comparison, parts[i]) &&
		    write_part(report, parts[i], folder, &figures->figure[figures->count++]))
			return -1;
	return draw_all(folder, scripts, sizeof scripts / sizeof *scripts, figures, !png, png,
			without);
}

/* --- the figure alone ------------------------------------------------------------------------- */

int compare_tsv(FILE *stream, const struct compare_report *report)
{
	struct figure figure = { 0 };

	return write_forest(stream, report, FOREST_ALL, &figure) || ferror(stream) ? -1 : 0;
}

static int print_drawing(FILE *stream, const struct compare_report *report, bool png)
{
	static const enum forest_part all = FOREST_ALL;
	struct figures figures = { 0 };
	char folder[PATH_MAX], *drawing = NULL;
	sigset_t before;
	size_t length = 0;

	if (forest_folder(folder, &before))
		return -1;
	if (!forest_make(report, &all, 1, png, folder, &figures)) {
		drawing = draw_read(folder, figures.figure->name, png ? ".png" : ".svg", &length);
		if (*figures.missing)
			say_error("figures: %s", figures.missing);
	}
	bool written = drawing && !*figures.missing &&
		       fwrite(drawing, 1, length, stream) == length && !fflush(stream);
	draw_remove(folder, &before);
	free(drawing);
	free(figures.figure);
	return written ? 0 : -1;
}

int compare_svg(FILE *stream, const struct compare_report *report)
{
	return print_drawing(stream, report, false);
}

int compare_png(FILE *stream, const struct compare_report *report)
{
	if (isatty(fileno(stream))) {
		say_error("--format png: a drawing is nothing for a terminal; add -o FILE");
		return -1;
	}
	return print_drawing(stream, report, true);
}
