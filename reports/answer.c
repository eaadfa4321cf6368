/* SPDX-License-Identifier: GPL-3.0-or-later */
/* answer.c - a result in sentences: what is fastest where, who overtakes whom, what false sharing
 * costs. */
#include "answer.h"

#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "../bench/say.h"
#include "figures.h"

struct answer {
	struct sentence *sentences;
	size_t count, room;
};

/* A new sentence to be filled in; NULL when memory runs out. */
static struct sentence *add(struct answer *answer, enum topic topic)
{
	if (answer->count == answer->room) {
		size_t room = answer->room ? 2 * answer->room : 16;
		struct sentence *grown = reallocarray(answer->sentences, room, sizeof *grown);
		if (!grown)
			return NULL;
		answer->sentences = grown;
		answer->room = room;
	}
	struct sentence *sentence = &answer->sentences[answer->count++];
	*sentence = (struct sentence){ .topic = topic };
	return sentence;
}

static void append(struct sentence *sentence, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
static void append(struct sentence *sentence, const char *format, ...)
{
	size_t used = strlen(sentence->text);
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(sentence->text + used, sizeof sentence->text - used, format, arguments);
	va_end(arguments);
}

/* "3.53 µs ±1.6 %" */
static char *value_text(const struct sheet *sheet, const struct level *level, char *out,
			size_t bytes)
{
	struct interval value = measure_value(sheet->measure, level);
	struct text_unit unit = sheet->measure == MEASURE_BANDWIDTH
					? text_unit_bytes_per_s(value.estimate)
					: text_unit_one_ns(value.estimate);
	char number[TEXT_NUMBER], spread[TEXT_NUMBER];

	snprintf(out, bytes, "%s %s %s", text_number(value.estimate / unit.scale, number),
		 unit.name, text_spread(value, spread));
	return out;
}

/* How many rows a column has figures of. */
static size_t measured(const struct sheet *sheet, size_t size)
{
	size_t n = 0;

	for (size_t r = 0; r < sheet->row_count; r++)
		n += sheet->rows[r].cells[size].level != NULL;
	return n;
}

static void fastest_at(struct sentence *sentence, const struct sheet *sheet, size_t size)
{
	size_t row, tied = 0, slowest = 0;
	const struct sheet_cell *best = sheet_fastest(sheet, size, &row);
	double most = 0;
	char value[96], at[24];

	if (!best) {
		append(sentence, "%sall lost messages at %s.", *sentence->text ? " " : "",
		       say_size(sheet->sizes[size], at));
		return;
	}
	append(sentence, "%s%s at %s: %s", *sentence->text ? " " : "", sheet->rows[row].label,
	       say_size(sheet->sizes[size], at),
	       value_text(sheet, best->level, value, sizeof value));
	for (size_t r = 0; r < sheet->row_count; r++) {
		const struct sheet_cell *cell = &sheet->rows[r].cells[size];
		if (cell->tied) {
			append(sentence, "%s%s", tied++ ? ", " : ", not told apart from ",
			       sheet->rows[r].label);
		} else if (cell->level && cell->level->ns.estimate > most) {
			most = cell->level->ns.estimate;
			slowest = r;
		}
	}
	double factor = most / best->level->ns.estimate;
	if (slowest != row && factor > 1) {
		char number[TEXT_NUMBER];
		append(sentence, "%s slowest %s, %s × as long.", tied ? ";" : ",",
		       sheet->rows[slowest].label, text_number(factor, number));
	} else {
		append(sentence, ".");
	}
}

/* The fastest of a sheet at its smallest and its largest size that several variants were measured
 * at. */
static int fastest(struct answer *answer, const struct sheet *sheet)
{
	size_t first = 0, last = sheet->size_count;

	while (first < sheet->size_count && measured(sheet, first) < 2)
		first++;
	while (last > first + 1 && measured(sheet, last - 1) < 2)
		last--;
	if (first == sheet->size_count) { /* nothing to compare: what was measured is said */
		for (first = 0; first < sheet->size_count && !measured(sheet, first);)
			first++;
		if (first == sheet->size_count)
			return 0;
		last = first + 1;
	}
	struct sentence *sentence = add(answer, TOPIC_FASTEST);
	if (!sentence)
		return -1;
	snprintf(sentence->where, sizeof sentence->where, "%s, %s", sheet->situation,
		 sheet->pattern);
	append(sentence, "%s",
	       sheet->measure == MEASURE_RTT         ? "Fastest round trip:"
	       : sheet->measure == MEASURE_BANDWIDTH ? "Most payload:"
	       : sheet->measure == MEASURE_ONEWAY    ? "Shortest way:"
						     : "Least time per message:");
	fastest_at(sentence, sheet, first);
	if (last - 1 > first)
		fastest_at(sentence, sheet, last - 1);
	return 0;
}

/* One sentence a situation, at the smallest size of each pattern and mechanism: there it shows
 * most. */
static int false_sharing(struct answer *answer, const struct arrangement *a)
{
	struct sentence *sentence = NULL;
	const struct sheet *last = NULL;
	const char *mechanism = "";

	for (size_t i = 0; i < a->sharing_count; i++) {
		const struct sharing *one = &a->sharing[i];
		char text[96], size[24];
		if (last == one->sheet && strcmp(mechanism, one->shared->mechanism) == 0)
			continue;
		mechanism = one->shared->mechanism;
		if (!last || strcmp(last->situation, one->sheet->situation) != 0) {
			sentence = add(answer, TOPIC_SHARING);
			if (!sentence)
				return -1;
			snprintf(sentence->where, sizeof sentence->where, "%s",
				 one->sheet->situation);
			append(sentence, "With all counters on one cache line ");
		} else {
			append(sentence, "; ");
		}
		append(sentence, "a %s of %s by %s (%s) takes %s as long%s",
		       one->quantity == QUANTITY_RTT ? "round trip" : "message",
		       say_size(one->shared->size, size), mechanism, one->sheet->pattern,
		       text_interval(one->factor, 1, "×", text, sizeof text),
		       one->paired ? "" : ", without pairs of workers");
		last = one->sheet;
	}
	for (size_t i = 0; i < answer->count; i++)
		if (answer->sentences[i].topic == TOPIC_SHARING)
			append(&answer->sentences[i], ".");
	return 0;
}

static bool is_of_row(const struct fit *fit, const struct sheet *sheet, const struct sheet_row *row)
{
	if (fit->state != sheet->state)
		return false;
	for (size_t k = 0; k < fit->sizes; k++)
		for (size_t s = 0; s < sheet->size_count; s++)
			if (row->cells[s].cell == (int)fit->cell[k])
				return true;
	return false;
}

/* The fit of a row among those that have a crossover, or -1. */
static long fit_of_row(const struct sheet *sheet, const struct sheet_row *row,
		       const struct fits *fits)
{
	for (size_t i = 0; i < fits->crossover_count; i++) {
		const struct crossover *x = &fits->crossover[i];
		if (is_of_row(&fits->fit[x->a], sheet, row))
			return x->a;
		if (is_of_row(&fits->fit[x->b], sheet, row))
			return x->b;
	}
	return -1;
}

/* The nearest crossover above a size at which a curve is overtaken for good. */
static const struct crossover *overtaken(const struct fits *fits, unsigned curve, double above)
{
	const struct crossover *nearest = NULL;

	for (size_t i = 0; i < fits->crossover_count; i++) {
		const struct crossover *x = &fits->crossover[i];
		if (x->outcome == CROSSING_ONE && (x->a == curve || x->b == curve) &&
		    crossover_below(x) == curve && x->bytes.estimate > above &&
		    (!nearest || x->bytes.estimate < nearest->bytes.estimate))
			nearest = x;
	}
	return nearest;
}

/* "futex up to 4.3 KiB (…), pipe up to 37 KiB (…), then unix-stream": who is fastest from size to
 * size, from the crossovers of whoever leads. */
static int frontier(struct answer *answer, const struct arrangement *a, const struct sheet *sheet,
		    const struct fits *fits)
{
	size_t first = 0, row;

	while (first < sheet->size_count &&
	       (measured(sheet, first) < 2 || !sheet_fastest(sheet, first, &row)))
		first++;
	if (first == sheet->size_count)
		return 0;
	long leader = fit_of_row(sheet, &sheet->rows[row], fits);
	double at = 0;
	struct sentence *sentence = NULL;
	const struct crossover *x;
	while (leader >= 0 && (x = overtaken(fits, (unsigned)leader, at))) {
		char place[96];
		if (!sentence) {
			sentence = add(answer, TOPIC_CROSSING);
			if (!sentence)
				return -1;
			snprintf(sentence->where, sizeof sentence->where, "%s, %s",
				 sheet->situation, sheet->pattern);
		} else {
			append(sentence, ", ");
		}
		append(sentence, "%s up to %s", fit_label(a, &fits->fit[leader]),
		       crossover_place(x->bytes, place, sizeof place));
		at = x->bytes.estimate;
		leader = (long)(x->a == (unsigned)leader ? x->b : x->a);
	}
	if (sentence)
		append(sentence, ", then %s.", fit_label(a, &fits->fit[leader]));
	return 0;
}

struct sentence *answer_of(const struct arrangement *a, const struct fits *fits, size_t *n)
{
	struct answer answer = { 0 };
	int status = 0;

	for (size_t i = 0; i < a->sheet_count && !status; i++)
		if (a->sheets[i].sample->peers > 1) /* else a control: nothing crosses */
			status = fastest(&answer, &a->sheets[i]);
	for (size_t i = 0; i < a->sheet_count && fits && !status; i++)
		status = frontier(&answer, a, &a->sheets[i], fits);
	if (!status)
		status = false_sharing(&answer, a);
	if (status) {
		free(answer.sentences);
		answer = (struct answer){ 0 };
	}
	*n = answer.count;
	return answer.sentences;
}
