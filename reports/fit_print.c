/* SPDX-License-Identifier: GPL-3.0-or-later */
/* fit_print.c - what `toll fit` shows: a table of cost models and a sentence for each crossover, or
 * both as JSON. */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../analysis/fit.h"
#include "../bench/say.h"
#include "table.h"
#include "text.h"

/* --- text ------------------------------------------------------------------------------------- */

/* The group for people: its parts with commas, less the size, which is 1 in all. */
static void print_heading(const struct fit *fit)
{
	enum { SIZE_PART = 3 };
	char group[CELL_KEY], *rest = group, *word;

	text_clean(fit->group, group, sizeof group);
	printf("\n%s", say_style(stdout, SAY_HEAD));
	for (size_t part = 0; (word = strsep(&rest, "/")); part++)
		if (part != SIZE_PART)
			printf("%s%s", part ? ", " : "", word);
	printf("%s", say_style(stdout, SAY_PLAIN));
	if (fit->state != STATE_NONE)
		printf(", host state %s", result_state_text(fit->state));
	printf("; %s\n", fit->quantity == QUANTITY_RTT      ? "time of a round trip"
			 : fit->quantity == QUANTITY_ONEWAY ? "time of a message, one way"
							    : "time of a message");
}

/* "pipe", and its wait where that tells it from the other. */
static void write_name(const struct result *result, const struct fit *fit, const struct fit *other,
		       char *out, size_t bytes)
{
	const struct cell *cell = &result->cells[fit->cell[0]].cell;
	char variant[CELL_KEY], wait[64], wait_of_other[64];

	cell_label(cell, variant, sizeof variant);
	cell_wait_text(cell, wait, sizeof wait);
	cell_wait_text(&result->cells[other->cell[0]].cell, wait_of_other, sizeof wait_of_other);
	bool tell = strcmp(wait, wait_of_other) != 0;
	char name[CELL_KEY + 80];
	snprintf(name, sizeof name, "%s%s%s%s", variant, tell ? " (" : "", tell ? wait : "",
		 tell ? ")" : "");
	text_clean(name, out, bytes);
}

/* A size that was computed: three digits in the unit of the first. */
struct size_unit {
	const char *name;
	double scale;
};

static struct size_unit size_unit(double bytes)
{
	if (bytes < 1024)
		return (struct size_unit){ "B", 1 };
	if (bytes < 1024 * 1024)
		return (struct size_unit){ "KiB", 1024 };
	if (bytes < 1024.0 * 1024 * 1024)
		return (struct size_unit){ "MiB", 1024 * 1024 };
	return (struct size_unit){ "GiB", 1024.0 * 1024 * 1024 };
}

static const char *three_digits(double value, char *out, size_t bytes)
{
	snprintf(out, bytes, "%.*f", value < 9.995 ? 2 : value < 99.95 ? 1 : 0, value);
	return out;
}

/* "6.50 KiB [6.10, 7.00]" */
static void write_place(struct interval place, char *out, size_t bytes)
{
	struct size_unit unit = size_unit(place.estimate);
	char text[32];
	size_t used = (size_t)snprintf(out, bytes, "%s %s",
				       three_digits(place.estimate / unit.scale, text, sizeof text),
				       unit.name);

	if (isnan(place.low))
		return;
	used += (size_t)snprintf(out + used, bytes - used, " [%s, ",
				 three_digits(place.low / unit.scale, text, sizeof text));
	snprintf(out + used, bytes - used, "%s]",
		 three_digits(place.high / unit.scale, text, sizeof text));
}

static void write_bandwidth(struct interval b, char *out, size_t bytes)
{
	if (!isfinite(b.estimate)) {
		snprintf(out, bytes, isnan(b.estimate) || isnan(b.low) ? "-" : "flat");
		return;
	}
	struct text_unit unit = text_unit_bytes_per_s(b.estimate);
	if (isinf(b.high)) {
		char at[TEXT_NUMBER], low[TEXT_NUMBER];
		snprintf(out, bytes, "%s %s (%s … ∞)", text_number(b.estimate / unit.scale, at),
			 unit.name, text_number(b.low / unit.scale, low));
		return;
	}
	text_interval(b, unit.scale, unit.name, out, bytes);
}

static void add_rows(struct table *table, const struct result *result, const struct fit *fit)
{
	const struct cell *cell = &result->cells[fit->cell[0]].cell;
	static const char uncertain[] = "number of breaks uncertain";
	char variant[CELL_KEY], wait[64], twin[24] = "", from[24], to[24], text[160];

	cell_label(cell, variant, sizeof variant);
	if (cell->replica)
		snprintf(twin, sizeof twin, " (replica %u)", cell->replica);
	table_row(table);
	table_cell(table, SAY_BOLD, "%s%s", variant, twin);
	table_cell(table, SAY_PLAIN, "%s", cell_wait_text(cell, wait, sizeof wait));
	if (!fit->segments) {
		say_size((unsigned long long)fit->size[0], from);
		say_size((unsigned long long)fit->size[fit->sizes - 1], to);
		table_cell(table, SAY_PLAIN, fit->sizes > 1 ? "%s – %s" : "%s", from, to);
		table_span(table, 3, TABLE_LEFT, SAY_DIM, "no model: %s", fit->note);
		return;
	}
	for (size_t k = 0; k < fit->segments; k++) {
		const struct fit_segment *segment = &fit->segment[k];
		if (k) {
			table_row(table);
			table_cell(table, SAY_PLAIN, "%s", "");
			table_cell(table, SAY_PLAIN, "%s", "");
		}
		say_size((unsigned long long)segment->from, from);
		say_size((unsigned long long)segment->to, to);
		table_cell(table, SAY_PLAIN, "%s – %s", from, to);
		if (segment->withheld) {
			table_cell(table, SAY_PLAIN, "-");
			table_cell(table, SAY_PLAIN, "-");
			table_cell(table, SAY_DIM, "no straight line fits (p = %.1g)",
				   segment->lack_of_fit_p);
			continue;
		}
		struct text_unit unit = text_unit_ns(segment->sigma_ns.estimate);
		table_cell(
			table, SAY_PLAIN, "%s",
			text_interval(segment->sigma_ns, unit.scale, unit.name, text, sizeof text));
		write_bandwidth(segment->bytes_per_s, text, sizeof text);
		table_cell(table, SAY_PLAIN, "%s", text);
		table_cell(table, SAY_DIM, "%s%s%s",
			   k == 0 && fit->break_uncertain ? uncertain : "",
			   k == 0 && fit->break_uncertain && *fit->note ? "; " : "",
			   k == 0 ? fit->note : "");
	}
}

/* One table for a run of fits that may be compared; returns where the next one begins. */
static size_t print_group(const struct result *result, const struct fits *fits, size_t begin,
			  bool *fine)
{
	const struct fit *first = &fits->fit[begin];
	size_t i = begin;

	struct table *table = table_new(6);
	table_row(table);
	table_cell(table, SAY_DIM, "variant");
	table_cell(table, SAY_DIM, "wait");
	table_cell(table, SAY_DIM, "sizes");
	table_cell(table, SAY_DIM, "σ");
	table_cell(table, SAY_DIM, "B");
	table_cell(table, SAY_DIM, "%s", "");
	for (; i < fits->fit_count; i++) {
		if (strcmp(fits->fit[i].group, first->group) != 0 ||
		    fits->fit[i].state != first->state)
			break;
		add_rows(table, result, &fits->fit[i]);
	}
	print_heading(first);
	*fine = table_print(stdout, table, 2) == 0 && *fine;
	table_free(table);
	return i;
}

static void print_several(const struct crossover *crossover, const char *a, const char *b)
{
	char at[24];

	printf("%s and %s cross %zu times:", a, b, crossover->crossings);
	for (size_t i = 0; i < crossover->crossings && i < 8; i++)
		printf("%s %s", i ? "," : "", say_size((unsigned long long)crossover->at[i], at));
	if (crossover->crossings > 8)
		printf(", …");
	printf("; %s is faster below", crossover->winner < 0 ? a : b);
}

static void print_crossover(const struct result *result, const struct fits *fits,
			    const struct crossover *crossover)
{
	const struct fit *fit_a = &fits->fit[crossover->a], *fit_b = &fits->fit[crossover->b];
	char a[160], b[160], from[24], to[24], place[128];

	write_name(result, fit_a, fit_b, a, sizeof a);
	write_name(result, fit_b, fit_a, b, sizeof b);
	const char *winner = crossover->winner < 0 ? a : b, *loser = crossover->winner < 0 ? b : a;
	say_size((unsigned long long)crossover->size[0], from);
	say_size((unsigned long long)crossover->size[crossover->points - 1], to);
	printf("  ");
	switch (crossover->outcome) {
	case CROSSING_ONE:
		write_place(crossover->bytes, place, sizeof place);
		printf("%s overtakes %s at %s", loser, winner, place);
		break;
	case CROSSING_SEVERAL:
		print_several(crossover, a, b);
		break;
	case CROSSING_NEVER:
		printf("%s is faster than %s from %s to %s", winner, loser, from, to);
		break;
	case CROSSING_TIE:
		say_size((unsigned long long)crossover->bytes.low, from);
		say_size((unsigned long long)crossover->bytes.high, to);
		printf("%s and %s are equal within %.3g %% ", a, b, result->margin * 100);
		printf(crossover->bytes.low < crossover->bytes.high ? "from %s to %s" : "at %s",
		       from, to);
		if (crossover->winner)
			printf("; elsewhere %s is faster", winner);
		break;
	case CROSSING_OUTSIDE:
		write_place(crossover->bytes, place, sizeof place);
		printf("%s is faster than %s from %s to %s; %s would overtake at about %s", winner,
		       loser, from, to, loser, place);
		break;
	case CROSSING_UNRESOLVED:
		printf("%s and %s: not resolved", a, b);
		if (crossover->more_rounds)
			printf("; about %u more rounds would", crossover->more_rounds);
		break;
	}
	if (!isnan(crossover->share) && crossover->outcome != CROSSING_UNRESOLVED)
		printf(" (bootstrap share %.0f %%)", crossover->share * 100);
	if (crossover->outcome == CROSSING_ONE && !isnan(crossover->closed_form_bytes))
		printf("%s; the fitted lines meet at %s%s", say_style(stdout, SAY_DIM),
		       say_size((unsigned long long)crossover->closed_form_bytes, to),
		       say_style(stdout, SAY_PLAIN));
	putchar('\n');
}

static bool print_text(const struct result *result, const struct fits *fits)
{
	bool fine = true;

	if (!result->summary)
		printf("%sThe run has not ended by itself: what was finished is below%s\n",
		       say_style(stdout, SAY_BAD), say_style(stdout, SAY_PLAIN));
	printf("%sCost models%s: T(x) = σ + x/b for x bytes; B counts all bytes that cross (2b for "
	       "round "
	       "trips); 95 %% intervals\n",
	       say_style(stdout, SAY_BOLD), say_style(stdout, SAY_PLAIN));
	for (size_t i = 0; i < fits->fit_count;)
		i = print_group(result, fits, i, &fine);

	printf("\n%sCrossovers%s\n", say_style(stdout, SAY_BOLD), say_style(stdout, SAY_PLAIN));
	if (!fits->crossover_count)
		printf("  none to tell: no two variants were measured side by side at two sizes\n");
	const struct fit *last = NULL;
	for (size_t i = 0; i < fits->crossover_count; i++) {
		const struct fit *fit = &fits->fit[fits->crossover[i].a];
		if (!last || strcmp(last->group, fit->group) != 0 || last->state != fit->state)
			print_heading(fit);
		last = fit;
		print_crossover(result, fits, &fits->crossover[i]);
	}
	if (fits->crossover_skipped)
		printf("\n%zu more pairs were not looked at: one of each is nowhere the fastest, "
		       "and 300 "
		       "pairs are the most\n",
		       fits->crossover_skipped);
	return fine;
}

/* --- JSON ------------------------------------------------------------------------------------- */

/* null for what is not known and for the bandwidth of a flat line. */
static json_t *number(double value)
{
	return isfinite(value) ? json_real(value) : json_null();
}

static json_t *interval_json(struct interval interval)
{
	return json_pack("{s:o, s:o, s:o}", "estimate", number(interval.estimate), "low",
			 number(interval.low), "high", number(interval.high));
}

static json_t *state_json(enum host_state state)
{
	return state == STATE_NONE ? json_null() : json_string(result_state_text(state));
}

static json_t *fit_json(const struct result *result, const struct fit *fit)
{
	json_t *points = json_array(), *segments = json_array();

	for (size_t i = 0; i < fit->sizes; i++)
		json_array_append_new(points, json_pack("{s:I, s:s, s:o, s:o, s:o}", "size",
							(json_int_t)fit->size[i], "cell",
							result->cells[fit->cell[i]].key, "ns",
							number(fit->ns[i]), "fitted_ns",
							number(fit->fitted_ns[i]), "log_band",
							number(fit->band[i])));
	for (size_t k = 0; k < fit->segments; k++) {
		const struct fit_segment *s = &fit->segment[k];
		json_array_append_new(
			segments,
			json_pack("{s:I, s:I, s:o, s:o, s:b, s:o}", "from", (json_int_t)s->from,
				  "to", (json_int_t)s->to, "sigma_ns",
				  s->withheld ? json_null() : interval_json(s->sigma_ns),
				  "bytes_per_s",
				  s->withheld ? json_null() : interval_json(s->bytes_per_s),
				  "withheld", s->withheld, "lack_of_fit_p",
				  number(s->lack_of_fit_p)));
	}
	return json_pack("{s:s, s:o, s:s, s:o, s:o, s:o, s:I, s:I, s:I, s:b, s:o}", "curve",
			 fit->curve, "host_state", state_json(fit->state), "quantity",
			 quantity_name(fit->quantity), "bytes_factor", number(fit->bytes_factor),
			 "points", points, "segments", segments, "segments_aicc",
			 (json_int_t)fit->segments_aicc, "segments_least",
			 (json_int_t)fit->segments_least, "segments_most",
			 (json_int_t)fit->segments_most, "break_uncertain", fit->break_uncertain,
			 "note", *fit->note ? json_string(fit->note) : json_null());
}

static json_t *crossover_json(const struct fits *fits, const struct crossover *crossover)
{
	json_t *at = json_array(), *points = json_array();
	bool placed = crossover->outcome == CROSSING_ONE || crossover->outcome == CROSSING_TIE ||
		      crossover->outcome == CROSSING_OUTSIDE;

	for (size_t i = 0; i < crossover->crossings && i < 8; i++)
		json_array_append_new(at, number(crossover->at[i]));
	for (size_t i = 0; i < crossover->points; i++)
		json_array_append_new(
			points, json_pack("{s:I, s:I, s:o}", "size", (json_int_t)crossover->size[i],
					  "pairs", (json_int_t)crossover->log_ratio[i].n,
					  "log_ratio", interval_json(crossover->log_ratio[i])));
	return json_pack(
		"{s:s, s:s, s:o, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "a",
		fits->fit[crossover->a].curve, "b", fits->fit[crossover->b].curve, "host_state",
		state_json(fits->fit[crossover->a].state), "outcome",
		crossover_text(crossover->outcome), "share", number(crossover->share), "bytes",
		placed ? interval_json(crossover->bytes) : json_null(), "at", at, "winner",
		crossover->winner ? json_string(crossover->winner < 0 ? "a" : "b") : json_null(),
		"more_rounds",
		crossover->outcome == CROSSING_UNRESOLVED && crossover->more_rounds
			? json_integer(crossover->more_rounds)
			: json_null(),
		"closed_form_bytes", number(crossover->closed_form_bytes), "points", points);
}

static bool print_json(const struct result *result, const struct fits *fits)
{
	json_t *models = json_array(), *crossovers = json_array();

	for (size_t i = 0; i < fits->fit_count; i++)
		json_array_append_new(models, fit_json(result, &fits->fit[i]));
	for (size_t i = 0; i < fits->crossover_count; i++)
		json_array_append_new(crossovers, crossover_json(fits, &fits->crossover[i]));
	json_t *file = json_string(result->path); /* NULL for a name that is not UTF-8 */
	json_t *all =
		json_pack("{s:o, s:I, s:f, s:o, s:o, s:I, s:b}", "file", file ? file : json_null(),
			  "seed", (json_int_t)fits->seed, "margin", result->margin, "fits", models,
			  "crossovers", crossovers, "crossovers_skipped",
			  (json_int_t)fits->crossover_skipped, "truncated", result->truncated);
	/* six digits: what lies behind them differs between compilers */
	bool fine = all &&
		    !json_dumpf(all, stdout,
				JSON_SORT_KEYS | JSON_INDENT(2) | JSON_REAL_PRECISION(6)) &&
		    putchar('\n') != EOF;
	json_decref(all);
	return fine;
}

int fit_print(const struct result *result, const struct fits *fits, bool json)
{
	if (!fits->fit_count) {
		say_error("%s: no worker of any cell finished, so there is nothing to fit; measure "
			  "again or choose another file",
			  result->path);
		return EXIT_USAGE;
	}
	bool fine = json ? print_json(result, fits) : print_text(result, fits);
	if (!fine || fflush(stdout) || ferror(stdout)) {
		say_error("the models could not be written: out of memory or standard output is "
			  "closed");
		return EXIT_USAGE;
	}
	return EXIT_FINE;
}
