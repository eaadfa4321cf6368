/* SPDX-License-Identifier: GPL-3.0-or-later */
/* compare_text.c - the words and numbers that all formats of a comparison share. */
#include <math.h>
#include <stdarg.h>
#include <string.h>

#include "../bench/say.h"
#include "compare_print.h"
#include "text.h"

const char *const compare_sides[COMPARE_SIDES] = { "old", "new" };

static void append(char *out, size_t bytes, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
static void append(char *out, size_t bytes, const char *format, ...)
{
	size_t used = strlen(out);
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(out + used, bytes - used, format, arguments);
	va_end(arguments);
}

static const char *plural(size_t n)
{
	return n == 1 ? "" : "s";
}

/* --- numbers ---------------------------------------------------------------------------------- */

/* From here on a factor says more than a percentage. */
static const double doubled = 0.6931471805599453;

static double percent(double log_ratio)
{
	return expm1(log_ratio) * 100;
}

/* As it is going to be printed: nothing that rounds to zero keeps a minus. */
static double rounded(double value, int decimals)
{
	return fabs(value) * pow(10, decimals) < 0.5 ? 0 : value;
}

char *compare_change(double log_ratio, char *out)
{
	double change = percent(log_ratio), size = fabs(change);
	int decimals = size < 0.995 ? 2 : size < 9.95 ? 1 : 0;

	if (!isfinite(change))
		snprintf(out, TEXT_NUMBER, "-");
	else if (log_ratio >= doubled)
		snprintf(out, TEXT_NUMBER, log_ratio < 16 ? "×%.3g" : "×%.1e", exp(log_ratio));
	else
		snprintf(out, TEXT_NUMBER, "%+.*f %%", decimals, rounded(change, decimals));
	return out;
}

const char *compare_size(double log_ratio, char *out)
{
	compare_change(log_ratio, out);
	return out + (*out == '+');
}

char *compare_bounds(struct interval log_ratio, char *out, size_t bytes)
{
	double low = percent(log_ratio.low), high = percent(log_ratio.high);
	int decimals = high - low < 0.3 ? 2 : high - low < 10 ? 1 : 0;

	if (!isfinite(low) || !isfinite(high))
		snprintf(out, bytes, "-");
	else if (log_ratio.high >= doubled)
		snprintf(out, bytes, "×%.3g … ×%.3g", exp(log_ratio.low), exp(log_ratio.high));
	else
		snprintf(out, bytes, "%+.*f … %+.*f %%", decimals, rounded(low, decimals), decimals,
			 rounded(high, decimals));
	return out;
}

char *compare_ns(double ns, char *out)
{
	if (!isfinite(ns)) {
		snprintf(out, TEXT_NUMBER, "-");
		return out;
	}
	return say_ns(ns, out);
}

/* --- rows ------------------------------------------------------------------------------------- */

const char *compare_unit(const struct comparison *comparison)
{
	static const char *const words[] = { "boot", "run", "pair" };

	return words[comparison->unit];
}

char *compare_remark(const struct comparison *comparison, const struct compare_row *row, char *out,
		     size_t bytes)
{
	const struct verdict *verdict = &row->verdict;
	const char *unit = compare_unit(comparison);
	unsigned more = verdict->more;

	*out = '\0';
	if (verdict->kind == VERDICT_INVALID)
		snprintf(out, bytes, "%s", verdict->why);
	else if (verdict->kind != VERDICT_CANT_TELL)
		return out;
	else if (comparison->unit == COMPARE_PAIRS && more)
		snprintf(out, bytes, "about %u more pair%s", more, plural(more));
	else if (row->too_few_boots)
		snprintf(out, bytes, "%u more %s%s a side", more, unit, plural(more));
	else if (!more)
		snprintf(out, bytes, "how much more it takes cannot be said");
	else
		snprintf(out, bytes, "about %u more %s%s a side", more, unit, plural(more));
	return out;
}

char *compare_absence_text(const struct compare_lone *lone, char *out, size_t bytes)
{
	const char *here = compare_sides[lone->missing], *there = compare_sides[!lone->missing];

	switch (lone->why) {
	case COMPARE_UNPLANNED:
		snprintf(out, bytes, "only on the %s side", there);
		break;
	case COMPARE_REFUSED:
		snprintf(out, bytes, "only on the %s side; refused on the %s one: %s", there, here,
			 lone->reason);
		break;
	case COMPARE_UNREACHED:
		snprintf(out, bytes, "only on the %s side; never reached on the %s one", there,
			 here);
		break;
	}
	return out;
}

/* --- the whole -------------------------------------------------------------------------------- */

char *compare_headline(const struct comparison *comparison, char *out, size_t bytes)
{
	static const enum verdict_kind order[] = { VERDICT_SLOWER, VERDICT_FASTER, VERDICT_INVALID,
						   VERDICT_CANT_TELL, VERDICT_SAME };

	*out = '\0';
	for (size_t i = 0; i < sizeof order / sizeof *order; i++)
		if (comparison->count[order[i]])
			append(out, bytes, "%s%zu %s", *out ? ", " : "",
			       comparison->count[order[i]], verdict_text(order[i]));
	return out;
}

static char *add(struct compare_notes *notes)
{
	char *text = notes->text[notes->count];

	if (notes->count + 1 < sizeof notes->text / sizeof *notes->text)
		notes->count++;
	*text = '\0';
	return text;
}

static void note_margin(struct compare_notes *notes, const struct comparison *comparison)
{
	char *text = add(notes);

	append(text, NOTE_BYTES, "margin %.4g %%", comparison->margin * 100);
	if (comparison->margin_afterwards && isnan(comparison->margin_of_files))
		append(text, NOTE_BYTES, ", chosen afterwards; those of the files differ");
	else if (comparison->margin_afterwards)
		append(text, NOTE_BYTES, ", chosen afterwards; the files were measured for %.4g %%",
		       comparison->margin_of_files * 100);
}

/* Pairs of fresh workers: how many, how they were measured, what the looks have spent. */
static void note_pairs(struct compare_notes *notes, const struct comparison *comparison)
{
	char *text = add(notes);
	size_t least = SIZE_MAX, most = 0, alternating = 0;

	for (size_t i = 0; i < comparison->row_count; i++) {
		size_t n = comparison->rows[i].workers[COMPARE_OLD];
		least = n < least ? n : least;
		most = n > most ? n : most;
		alternating += comparison->rows[i].alternating;
	}
	if (!comparison->row_count)
		least = 0;
	if (least < most)
		append(text, NOTE_BYTES, "%zu to ", least);
	append(text, NOTE_BYTES, "%zu pairs of fresh workers a cell, ", most);
	if (!alternating)
		append(text, NOTE_BYTES, "side by side, turn by turn");
	else if (alternating == comparison->row_count)
		append(text, NOTE_BYTES, "not side by side: worker by worker, ABBA");
	else
		append(text, NOTE_BYTES,
		       "side by side, turn by turn; %zu not side by side but worker by worker, "
		       "ABBA",
		       alternating);
	append(text, NOTE_BYTES, "; %u look%s, which spent %.2g %% of the 5 %% error rate",
	       comparison->looks, plural(comparison->looks), comparison->spent * 100);
}

/* Files: what comparisons before this one have spent. */
static void note_spent(struct compare_notes *notes, const struct comparison *comparison)
{
	if (comparison->spent_before > 0)
		append(add(notes), NOTE_BYTES,
		       "%.3g %% of the 5 %% error rate was spent by the looks before, %.3g %% by "
		       "this one",
		       comparison->spent_before * 100,
		       (comparison->spent - comparison->spent_before) * 100);
}

static void note_hidden(struct compare_notes *notes, const struct comparison *comparison)
{
	const struct compare_hidden *hidden = &comparison->hidden;
	char *text;

	if (!hidden->cells)
		return;
	text = add(notes);
	append(text, NOTE_BYTES,
	       "A/A: of %zu hidden identical cells (%zu pairs or more each) %zu were called "
	       "different at 5 %%; up to %zu is chance",
	       hidden->cells, hidden->pairs, hidden->misfires, hidden->most);
}

static void note_boots(struct compare_notes *notes, const struct comparison *comparison)
{
	const bool one_boot = comparison->unit == COMPARE_RUNS;
	char *text = add(notes);
	size_t old = comparison->boots[COMPARE_OLD], fresh = comparison->boots[COMPARE_NEW];
	size_t fewer = old < fresh ? old : fresh;
	const char *unit = compare_unit(comparison);

	append(text, NOTE_BYTES, "not side by side: %zu %s%s of old, %zu of new%s", old, unit,
	       plural(old), fresh, one_boot ? " in one boot" : "");
	if (fewer < COMPARE_FEWEST_BOOTS)
		append(text, NOTE_BYTES, "; a verdict takes %d a side%s", COMPARE_FEWEST_BOOTS,
		       one_boot ? ", old and new taking turns; --live tells "
				  "at once"
				: "");
	if (fewer < 2)
		append(text, NOTE_BYTES,
		       "; intervals are those of workers, and another %s may lie elsewhere", unit);
	if (fewer >= COMPARE_FEWEST_BOOTS)
		append(text, NOTE_BYTES,
		       "; means of %ss are compared, their variance moderated over each "
		       "placement%s",
		       unit, one_boot ? "; right only where old and new took turns" : "");
}

static void note_shift(struct compare_notes *notes, const struct comparison *comparison)
{
	char *text, change[TEXT_NUMBER];
	struct interval shift = comparison->shift;

	if (!shift.n)
		return;
	text = add(notes);
	append(text, NOTE_BYTES, "shift common to all cells: %s",
	       compare_change(shift.estimate, change));
	if (isfinite(shift.low)) {
		char bounds[64];
		append(text, NOTE_BYTES, " (%s)", compare_bounds(shift, bounds, sizeof bounds));
	}
	append(text, NOTE_BYTES, ", the median of %zu", shift.n);
}

static void note_detectable(struct compare_notes *notes, const struct comparison *comparison)
{
	char *text, median[TEXT_NUMBER], worst[TEXT_NUMBER];

	if (isnan(comparison->detectable))
		return;
	text = add(notes);
	append(text, NOTE_BYTES,
	       "found 9 times in 10: a change of %s in the median cell, %s in the worst",
	       compare_size(comparison->detectable, median),
	       compare_size(comparison->detectable_worst, worst));
}

static void note_environment(struct compare_notes *notes, const struct compare_report *report)
{
	const struct environment *environment = report->environment;
	enum { SHOWN = 3 };
	char *text;

	if (!environment || !environment->count)
		return;
	text = add(notes);
	append(text, NOTE_BYTES, "varied: ");
	for (size_t i = 0; i < environment->count && i < SHOWN; i++) {
		const struct environment_difference *d = &environment->differences[i];
		append(text, NOTE_BYTES, "%s%s (%.60s, %.60s)", i ? "; " : "", d->key, d->values[0],
		       d->values[1]);
	}
	if (environment->count > SHOWN)
		append(text, NOTE_BYTES, "; %zu more", environment->count - SHOWN);
}

static void note_left_out(struct compare_notes *notes, const struct comparison *comparison)
{
	size_t workers = 0;
	char *text;

	for (size_t i = 0; i < comparison->left_out_count; i++)
		workers += comparison->left_out[i].workers;
	if (!workers)
		return;
	text = add(notes);
	append(text, NOTE_BYTES, "left out: %zu %s, first %s, %s%s%zu of %zu %s", workers,
	       comparison->unit == COMPARE_PAIRS
		       ? "pairs in a host state that holds no tenth of them, or fewer than 5"
		       : "workers in a host state that holds no tenth of both sides",
	       comparison->left_out[0].key,
	       comparison->unit == COMPARE_PAIRS ? "" : compare_sides[comparison->left_out[0].side],
	       comparison->unit == COMPARE_PAIRS ? "" : ", ", comparison->left_out[0].workers,
	       comparison->left_out[0].of, result_state_text(comparison->left_out[0].state));
}

static void note_gate(struct compare_notes *notes, const struct compare_report *report)
{
	const struct comparison *comparison = report->comparison;
	size_t failing = 0;
	char *text;

	if (!report->gate.fail_on_slower)
		return;
	for (size_t i = 0; i < comparison->row_count; i++)
		failing += compare_fails(&comparison->rows[i], &report->gate);
	text = add(notes);
	append(text, NOTE_BYTES, "gate: ");
	if (failing)
		append(text, NOTE_BYTES, "%zu cell%s", failing, plural(failing));
	else
		append(text, NOTE_BYTES, "no cell");
	append(text, NOTE_BYTES, " slower");
	if (report->gate.least > 0)
		append(text, NOTE_BYTES, " by %.4g %% or more", report->gate.least * 100);
	if (comparison->hidden.cells < COMPARE_LEAST_HIDDEN)
		append(text, NOTE_BYTES,
		       "; %zu hidden identical cells %s where a gate should have %d: %s",
		       comparison->hidden.cells,
		       comparison->unit == COMPARE_PAIRS ? "have pairs enough to be tested"
							 : "stand in the files",
		       COMPARE_LEAST_HIDDEN,
		       comparison->unit == COMPARE_PAIRS
			       ? "give it more time"
			       : "replicas = 2 in the configuration adds them");
}

void compare_note(struct compare_notes *notes, const struct compare_report *report)
{
	const struct comparison *comparison = report->comparison;

	notes->count = 0;
	note_margin(notes, comparison);
	if (comparison->unit == COMPARE_PAIRS)
		note_pairs(notes, comparison);
	else
		note_boots(notes, comparison);
	note_spent(notes, comparison);
	note_hidden(notes, comparison);
	note_shift(notes, comparison);
	note_detectable(notes, comparison);
	note_environment(notes, report);
	note_left_out(notes, comparison);
	note_gate(notes, report);
	if (report->only)
		append(add(notes), NOTE_BYTES, "only %s: %zu other cells were not asked for",
		       report->only, comparison->cells_not_asked);
}
