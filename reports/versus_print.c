/* SPDX-License-Identifier: GPL-3.0-or-later */
/* versus_print.c - what `toll vs` shows: one sentence with its figures behind it, or JSON. */
#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <string.h>

#include "../bench/say.h"
#include "../bench/versus.h"
#include "text.h"

/* --- names ------------------------------------------------------------------------------------ */

enum { PARTS = 15, PART = CELL_OPTIONS + CELL_NAME + 32 };

/* What a cell is besides its variant, part by part, in the words of a sentence; "" where it is what
 * goes without saying. */
static void write_parts(const struct cell *cell, char part[PARTS][PART])
{
	char size[24];

	memset(part, 0, PARTS * sizeof part[0]);
	cell_variant(cell, part[0], PART);
	snprintf(part[1], PART, "%s", say_size(cell->size, size));
	snprintf(part[2], PART, "%s%s%s", cell->pattern, *cell->pattern_options ? ":" : "",
		 cell->pattern_options);
	if (strcmp(cell->placement, "cpus") == 0) {
		size_t used = (size_t)snprintf(part[3], PART, "CPUs ");
		for (unsigned p = 0; p < cell->peers && used < PART; p++)
			used += (size_t)snprintf(part[3] + used, PART - used, "%s%d", p ? "," : "",
						 cell->cpus[p]);
	} else {
		snprintf(part[3], PART, "%s", cell->placement);
	}
	cell_wait_text(cell, part[4], PART);
	if (cell->peers_named)
		snprintf(part[5], PART, "%u peers", cell->peers);
	if (cell->depth >= 0)
		snprintf(part[6], PART, "depth %d", cell->depth);
	if (cell->idle != IDLE_NONE)
		snprintf(part[7], PART, "CPUs kept awake");
	if (cell->idle == IDLE_SLEEP)
		snprintf(part[7], PART, "CPUs may sleep");
	if (cell->copy)
		snprintf(part[8], PART, "copied");
	if (!cell->touch_all)
		snprintf(part[9], PART, "header only");
	if (cell->threads)
		snprintf(part[10], PART, "threads");
	if (cell->policy != POLICY_OTHER)
		cell_sched_text(cell, part[12], PART);
	if (cell->mlock)
		snprintf(part[13], PART, "memory locked");
	if (cell->think_ns) {
		char think[32];
		snprintf(part[14], PART, "%s of think time",
			 cell_think_text(cell, think, sizeof think));
	}
	if (cell->replica)
		snprintf(part[11], PART, "replica %u", cell->replica);
}

struct names {
	char side[2][CELL_KEY + 128]; /* "pipe", "pipe (4 KiB)" */
	char common[CELL_KEY + 128];  /* "64 B, same-cpu, block" */
};

static void append(char *out, size_t bytes, const char *before, const char *text)
{
	size_t used = strlen(out);
	snprintf(out + used, bytes - used, "%s%s", before, text);
}

/* What tells the sides apart stands with their names, the rest once. */
static void write_names(const struct versus *versus, struct names *names)
{
	char part[2][PARTS][PART];
	bool opened[2] = { false, false };

	memset(names, 0, sizeof *names);
	for (size_t s = 0; s < 2; s++) {
		write_parts(&versus->side[s]->cell, part[s]);
		if (versus->program[s]) {
			snprintf(names->side[s], sizeof names->side[s], "%s", versus->program[s]);
		} else { /* a side's name is its variant, then */
			cell_variant(&versus->side[s]->cell, names->side[s], sizeof names->side[s]);
			part[s][0][0] = '\0';
		}
	}
	for (size_t p = 0; p < PARTS; p++) {
		bool same = strcmp(part[0][p], part[1][p]) == 0;
		if (same && *part[0][p] && strcmp(part[0][p], "pingpong") != 0)
			append(names->common, sizeof names->common, *names->common ? ", " : "",
			       part[0][p]);
		for (size_t s = 0; s < 2 && !same; s++) {
			if (!*part[s][p])
				continue;
			append(names->side[s], sizeof names->side[s], opened[s] ? ", " : " (",
			       part[s][p]);
			opened[s] = true;
		}
	}
	for (size_t s = 0; s < 2; s++) {
		char raw[sizeof names->side[s]];
		if (opened[s])
			append(names->side[s], sizeof names->side[s], ")", "");
		memcpy(raw, names->side[s], sizeof raw);
		text_clean(raw, names->side[s], sizeof names->side[s]);
	}
	char raw[sizeof names->common];
	memcpy(raw, names->common, sizeof raw);
	text_clean(raw, names->common, sizeof names->common);
}

/* --- the sentence ----------------------------------------------------------------------------- */

static double percent(double log_ratio)
{
	return 100 * expm1(log_ratio);
}

/* As many decimals as the interval has a use for. */
static int decimals(double low, double high)
{
	return high - low < 0.1 ? 2 : 1;
}

/* "46.1 % [45.6, 46.7]": how much less time than the other it takes, from ln(winner / loser). */
static void print_less(FILE *stream, struct interval ratio)
{
	double low = -percent(ratio.high), high = -percent(ratio.low);
	int digits = decimals(low, high);

	fprintf(stream, "%.*f %% [%.*f, %.*f]", digits, -percent(ratio.estimate), digits, low,
		digits, high);
}

/* "+0.1 % [-0.2, +0.4]" */
static void print_signed(FILE *stream, struct interval ratio)
{
	double low = percent(ratio.low), high = percent(ratio.high);
	int digits = decimals(low, high);

	if (isnan(ratio.estimate))
		fputs("no pair yet", stream);
	else if (isnan(low))
		fprintf(stream, "%+.1f %%", percent(ratio.estimate));
	else
		fprintf(stream, "%+.*f %% [%+.*f, %+.*f]", digits, percent(ratio.estimate), digits,
			low, digits, high);
}

static struct interval reversed(struct interval logs)
{
	return (struct interval){ -logs.estimate, -logs.high, -logs.low, logs.n };
}

static void print_more(FILE *stream, const struct versus *versus)
{
	char time[24];
	double seconds = versus->verdict.more * versus->pair_seconds;

	if (versus->ended == VERSUS_INTERRUPTED && versus->verdict.more == 0)
		fputs("; interrupted", stream);
	else if (versus->verdict.more == 0)
		fputs("; how many more pairs would tell cannot be said", stream);
	else
		fprintf(stream, "; %u more pairs, about %s", versus->verdict.more,
			say_duration(ceil(seconds), time));
}

/* " at 64 B, same-cpu, block, not side by side" */
static void print_where(FILE *stream, const struct versus *versus, const struct names *names)
{
	if (*names->common)
		fprintf(stream, " at %s", names->common);
	if (!versus->side_by_side)
		fputs(", not side by side", stream);
}

void versus_sentence(FILE *stream, const struct versus *versus)
{
	const char *bold = say_style(stream, SAY_BOLD), *plain = say_style(stream, SAY_PLAIN);
	const struct verdict *verdict = &versus->verdict;
	struct names names;

	write_names(versus, &names);
	const char *a = names.side[0], *b = names.side[1];
	switch (verdict->kind) {
	case VERDICT_FASTER:
	case VERDICT_SLOWER: {
		bool a_wins = verdict->kind == VERDICT_FASTER;
		fprintf(stream, "%s%s%s is %s", bold, a_wins ? a : b, plain,
			say_style(stream, SAY_GOOD));
		print_less(stream, a_wins ? verdict->log_ratio : reversed(verdict->log_ratio));
		fprintf(stream, " faster%s than %s%s%s", plain, bold, a_wins ? b : a, plain);
		print_where(stream, versus, &names);
		break;
	}
	case VERDICT_SAME:
		fprintf(stream, "%s%s%s and %s%s%s are %sthe same within %.3g %%%s", bold, a, plain,
			bold, b, plain, say_style(stream, SAY_GOOD), 100 * versus->margin, plain);
		print_where(stream, versus, &names);
		fputs(": ", stream);
		print_signed(stream, verdict->log_ratio);
		break;
	case VERDICT_CANT_TELL:
		fprintf(stream, "%scan't tell%s: %s%s%s against %s%s%s",
			say_style(stream, SAY_HEAD), plain, bold, a, plain, bold, b, plain);
		print_where(stream, versus, &names);
		fputs(": ", stream);
		print_signed(stream, verdict->log_ratio);
		print_more(stream, versus);
		break;
	case VERDICT_INVALID:
		fprintf(stream, "%sinvalid%s: %s%s%s against %s%s%s", say_style(stream, SAY_BAD),
			plain, bold, a, plain, bold, b, plain);
		print_where(stream, versus, &names);
		fprintf(stream, ": %s", verdict->why);
		break;
	}
	fprintf(stream, " (%zu pair%s, %.1f s)\n", verdict->log_ratio.n,
		verdict->log_ratio.n == 1 ? "" : "s", versus->seconds);
}

/* --- what stands behind it -------------------------------------------------------------------- */

static const char *quantity_text(const char *quantity)
{
	switch (quantity_named(quantity)) {
	case QUANTITY_RTT:
		return "round trip";
	case QUANTITY_ONEWAY:
		return "one way";
	default:
		return "a message";
	}
}

static void print_times(FILE *stream, const struct versus *versus)
{
	struct names names;
	char time[128];

	write_names(versus, &names);
	fprintf(stream, "  %s%s:", say_style(stream, SAY_DIM),
		quantity_text(versus->side[0]->quantity));
	for (size_t s = 0; s < 2; s++) {
		struct text_unit unit = text_unit_one_ns(versus->ns[s].estimate);
		fprintf(stream, "%s %s ", s ? "," : "", names.side[s]);
		if (isnan(versus->ns[s].estimate))
			fputs("-", stream);
		else
			fputs(text_interval(versus->ns[s], unit.scale, unit.name, time,
					    sizeof time),
			      stream);
	}
	fprintf(stream, "%s\n", say_style(stream, SAY_PLAIN));
}

/* "toll aa passed 3 h ago" */
static void write_aa(const struct aa_last *aa, char *out, size_t bytes)
{
	double minutes = aa->age_s / 60;

	if (!aa->known)
		snprintf(out, bytes, "no toll aa yet");
	else if (!aa->this_boot)
		snprintf(out, bytes, "toll aa %s, before this boot", aa_text(aa->verdict));
	else if (minutes < 120)
		snprintf(out, bytes, "toll aa %s %.0f min ago", aa_text(aa->verdict), minutes);
	else
		snprintf(out, bytes, "toll aa %s %.0f h ago", aa_text(aa->verdict), minutes / 60);
}

static void print_method(FILE *stream, const struct versus *versus)
{
	static const char *const ends[] = {
		[VERSUS_DECIDED] = "decided",
		[VERSUS_PRECISE] = "as precise as it needs to be",
		[VERSUS_ALL] = "all pairs measured",
		[VERSUS_BUDGET] = "the budget was used up",
		[VERSUS_INTERRUPTED] = "interrupted",
	};
	char aa[64];

	write_aa(&versus->aa, aa, sizeof aa);
	fprintf(stream, "  %s", say_style(stream, SAY_DIM));
	if (versus->side_by_side)
		fputs("side by side, fresh workers", stream);
	else
		fprintf(stream, "whole workers ABBA, since %s", versus->apart);
	fprintf(stream, "; trimmed mean of log ratios, Yuen's 95 %%; margin %.3g %%; look %u ",
		100 * versus->margin, versus->looks);
	if (versus->most_looks)
		fprintf(stream, "of %u, ", versus->most_looks);
	fprintf(stream, "%s; %s; seed %" PRIu64 "%s\n", ends[versus->ended], aa, versus->seed,
		say_style(stream, SAY_PLAIN));
}

/* The other host states, where they hold over a tenth of the pairs. */
static void print_states(FILE *stream, const struct versus *versus)
{
	for (unsigned state = 0; state < STATE_COUNT; state++) {
		const struct versus_state *its = &versus->of_state[state];

		if (state == versus->state || its->pairs * 10 <= versus->pairs)
			continue;
		fprintf(stream, "  %sthe host changed its state: the verdict is of %s, %zu pairs; ",
			say_style(stream, SAY_DIM),
			versus->state ? result_state_text(versus->state) : "no known one",
			versus->of_state[versus->state].pairs);
		fprintf(stream, "%s has %zu, ",
			state ? result_state_text((enum host_state)state) : "no known one",
			its->pairs);
		print_signed(stream, its->log_ratio);
		fprintf(stream, "%s\n", say_style(stream, SAY_PLAIN));
	}
	if (versus->dropped + versus->failed)
		fprintf(stream,
			"  %sleft out: %u pairs whose sides met different host states, %u "
			"failed%s%s%s\n",
			say_style(stream, SAY_DIM), versus->dropped, versus->failed,
			versus->failed ? ": " : "", versus->failed ? versus->failure : "",
			say_style(stream, SAY_PLAIN));
}

/* --- JSON ------------------------------------------------------------------------------------- */

static json_t *number(double value)
{
	return isfinite(value) ? json_real(value) : json_null();
}

static json_t *interval_json(struct interval interval)
{
	return json_pack("{s:o, s:o, s:o}", "estimate", number(interval.estimate), "low",
			 number(interval.low), "high", number(interval.high));
}

/* Of the ratio of times, from its logs. */
static json_t *ratio_json(struct interval logs)
{
	return interval_json(
		(struct interval){ exp(logs.estimate), exp(logs.low), exp(logs.high), logs.n });
}

static json_t *state_json(unsigned state)
{
	return state == STATE_NONE ? json_null()
				   : json_string(result_state_text((enum host_state)state));
}

static json_t *side_json(const struct versus *versus, size_t side)
{
	const char *program = versus->program[side];
	json_t *key = json_string(versus->side[side]->key); /* NULL: a name that is not UTF-8 */
	json_t *worker = program ? json_string(program) : NULL;

	return json_pack("{s:o, s:o, s:o}", "cell", key ? key : json_null(), "worker",
			 worker ? worker : json_null(), "ns", interval_json(versus->ns[side]));
}

static json_t *versus_json(const struct versus *versus)
{
	static const char *const ends[] = {
		[VERSUS_DECIDED] = "decided",
		[VERSUS_PRECISE] = "precise",
		[VERSUS_ALL] = "pairs",
		[VERSUS_BUDGET] = "budget",
		[VERSUS_INTERRUPTED] = "interrupted",
	};
	const struct verdict *verdict = &versus->verdict;
	json_t *states = json_array(), *failure = NULL;
	double more_s = verdict->more * versus->pair_seconds;

	for (unsigned state = 0; state < STATE_COUNT; state++)
		if (versus->of_state[state].pairs)
			json_array_append_new(
				states,
				json_pack("{s:o, s:I, s:o}", "host_state", state_json(state),
					  "pairs", (json_int_t)versus->of_state[state].pairs,
					  "ratio", ratio_json(versus->of_state[state].log_ratio)));
	json_t *object = json_pack(
		"{s:o, s:o, s:s, s:s, s:b, s:o, s:o, s:f, s:o, s:o}", "a", side_json(versus, 0),
		"b", side_json(versus, 1), "quantity", versus->side[0]->quantity, "verdict",
		verdict_text(verdict->kind), "side_by_side", versus->side_by_side,
		"not_side_by_side", versus->side_by_side ? json_null() : json_string(versus->apart),
		"ratio", ratio_json(verdict->log_ratio), "level", 0.95, "p_difference",
		number(verdict->p_difference), "p_same", number(verdict->p_same));
	json_t *rest = json_pack(
		"{s:f, s:I, s:I, s:I, s:I, s:f, s:I, s:I, s:f, s:f, s:s, s:I, s:o, s:o, s:o}",
		"margin", versus->margin, "pairs", (json_int_t)verdict->log_ratio.n,
		"pairs_planned", (json_int_t)versus->planned, "pairs_dropped",
		(json_int_t)versus->dropped, "pairs_failed", (json_int_t)versus->failed, "seconds",
		versus->seconds, "looks", (json_int_t)versus->looks, "looks_planned",
		(json_int_t)versus->most_looks, "alpha", versus->alpha, "alpha_spent",
		versus->spent, "ended", ends[versus->ended], "seed", (json_int_t)versus->seed,
		"host_state", state_json(versus->state), "states", states, "more_pairs",
		verdict->more ? json_integer(verdict->more) : json_null());

	if (json_object_update(object, rest)) {
		json_decref(object);
		object = NULL;
	}
	json_decref(rest);
	json_object_set_new(object, "more_s", verdict->more ? number(more_s) : json_null());
	if (verdict->kind == VERDICT_INVALID)
		failure = json_string(verdict->why);
	else if (versus->failed)
		failure = json_string(versus->failure);
	json_object_set_new(object, "aa",
			    versus->aa.known
				    ? json_pack("{s:s, s:f, s:b}", "verdict",
						aa_text(versus->aa.verdict), "age_s",
						versus->aa.age_s, "this_boot", versus->aa.this_boot)
				    : json_null());
	json_object_set_new(object, "why", failure ? failure : json_null());
	return object;
}

int versus_print(const struct versus *versus, bool json)
{
	bool fine = true;

	if (json) {
		json_t *object = versus_json(versus);
		fine = object &&
		       !json_dumpf(object, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(9)) &&
		       putchar('\n') != EOF;
		json_decref(object);
	} else {
		versus_sentence(stdout, versus);
		print_times(stdout, versus);
		print_method(stdout, versus);
		print_states(stdout, versus);
	}
	if (!fine || fflush(stdout) || ferror(stdout)) {
		say_error("the verdict could not be written: out of memory or standard output is "
			  "closed");
		return -1;
	}
	return 0;
}
