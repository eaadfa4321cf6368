/* SPDX-License-Identifier: GPL-3.0-or-later */
/* duels.c - pairs of workers, cell by cell: looks, and the comparison they come to. */
#include "duels.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../bench/grow.h"

enum { GIVE_UP = 3 /* failures in a row */ };
static const double LEVEL = 0.95, TRIM = 0.2, MOST_LOST = 0.2;

/* --- pairs ------------------------------------------------------------------------------------ */

bool duel_add(struct duel *duel, const struct duel_pair *pair)
{
	struct duel_pair *kept = GROW_APPEND(duel->pairs, duel->pair_count);

	if (!kept)
		return false;
	*kept = *pair;
	duel->attempts++;
	duel->failures_in_row = 0;
	return true;
}

void duel_fail(struct duel *duel, const char *reason)
{
	duel->attempts++;
	duel->failed++;
	snprintf(duel->failure, sizeof duel->failure, "%s", reason);
	if (++duel->failures_in_row >= GIVE_UP)
		duel->closed = duel->given_up = true;
}

void duel_drop(struct duel *duel)
{
	duel->attempts++;
	duel->dropped++;
	duel->failures_in_row = 0;
}

size_t duels_hidden(size_t cells)
{
	size_t share = (cells + 19) / 20;
	return share > COMPARE_LEAST_HIDDEN ? share : COMPARE_LEAST_HIDDEN;
}

static size_t in_state(const struct duel *duel, enum host_state state)
{
	size_t n = 0;

	for (size_t i = 0; i < duel->pair_count; i++)
		n += duel->pairs[i].state == state;
	return n;
}

/* Over a tenth, and enough for a verdict: what is left out otherwise. */
static bool is_kept(const struct duel *duel, enum host_state state)
{
	size_t n = in_state(duel, state);
	return n >= DUELS_FEWEST_PAIRS && n * 10 > duel->pair_count;
}

static enum host_state most_frequent(const struct duel *duel)
{
	enum host_state most = STATE_NONE;

	for (unsigned s = 0; s < STATE_COUNT; s++)
		if (in_state(duel, s) > in_state(duel, most))
			most = s;
	return most;
}

/* The verdict of one state's pairs before any level is known. false when memory runs out. */
static bool test(const struct duel *duel, enum host_state state, double margin,
		 struct verdict *verdict)
{
	double *ratios = malloc((duel->pair_count + 1) * sizeof *ratios);
	size_t n = 0;

	if (!ratios)
		return false;
	for (size_t i = 0; i < duel->pair_count; i++)
		if (duel->pairs[i].state == state)
			ratios[n++] = duel->pairs[i].ratio;
	verdict_pairs(verdict, ratios, n, margin);
	free(ratios);
	return true;
}

/* The gate that stands above any figure. */
static bool is_barred(const struct duel *duel, char *why, size_t bytes)
{
	unsigned lost = duel->dropped + duel->failed;

	if (duel->given_up)
		snprintf(why, bytes, "given up after %d failures in a row: %.100s", GIVE_UP,
			 duel->failure);
	else if (lost <= MOST_LOST * duel->attempts)
		return false;
	else if (duel->failed)
		snprintf(why, bytes, "%u of %u pairs failed, the last: %.100s", duel->failed,
			 duel->attempts, duel->failure);
	else
		snprintf(why, bytes, "the host's state differed within %u of %u pairs",
			 duel->dropped, duel->attempts);
	return true;
}

/* --- looks ------------------------------------------------------------------------------------ */

struct asked { /* a verdict of the family, and whose it is */
	struct duel *duel;
	enum host_state state;
};

static void close_if_decided(struct duel *duel)
{
	bool any = false;

	for (unsigned s = 0; s < STATE_COUNT; s++) {
		if (!is_kept(duel, s))
			continue;
		any = true;
		if (!duel->decided[s])
			return;
	}
	duel->closed = duel->closed || any;
}

/* Whether the family has it: what is barred has no place there, and would make it easier for the
 * others. */
static bool is_asked(const struct duel *duel, enum host_state state)
{
	char why[sizeof((struct verdict *)0)->why];

	return duel->kind == DUEL_CELL && is_kept(duel, state) && !is_barred(duel, why, sizeof why);
}

bool duels_unseen(const struct duels *duels)
{
	for (size_t i = 0; i < duels->count; i++) {
		const struct duel *duel = &duels->duels[i];

		if (duel->closed || duel->pair_count <= duel->seen)
			continue;
		for (unsigned s = 0; s < STATE_COUNT; s++)
			if (is_asked(duel, s))
				return true;
	}
	return false;
}

bool duels_look(struct duels *duels, double level)
{
	size_t room = duels->count * STATE_COUNT + 1, n = 0;
	struct asked *asked = calloc(room, sizeof *asked);
	struct verdict *family = calloc(room, sizeof *family);
	bool fine = asked && family;

	for (size_t i = 0; fine && i < duels->count; i++) {
		struct duel *duel = &duels->duels[i];

		for (unsigned s = 0; s < STATE_COUNT && fine; s++) {
			if (!is_asked(duel, s))
				continue;
			if (duel->decided[s])
				family[n] = duel->verdict[s];
			else
				fine = test(duel, s, duels->margin, &family[n]);
			asked[n++] = (struct asked){ duel, s };
		}
	}
	if (fine)
		verdict_decide(family, n, duels->margin, level);
	for (size_t i = 0; fine && i < n; i++) {
		struct duel *duel = asked[i].duel;
		enum host_state s = asked[i].state;

		if (duel->decided[s])
			continue;
		duel->verdict[s] = family[i];
		duel->decided[s] = verdict_told(&family[i]);
	}
	for (size_t i = 0; fine && i < duels->count; i++) {
		duels->duels[i].seen = duels->duels[i].pair_count;
		if (duels->duels[i].kind == DUEL_CELL)
			close_if_decided(&duels->duels[i]);
	}
	free(asked);
	free(family);
	if (fine) {
		duels->looks++;
		duels->spent += level;
		duels->level = level;
	}
	return fine;
}

size_t duels_open(const struct duels *duels)
{
	size_t open = 0;

	for (size_t i = 0; i < duels->count; i++)
		open += duels->duels[i].kind == DUEL_CELL && !duels->duels[i].closed;
	return open;
}

void duels_clear(struct duels *duels)
{
	for (size_t i = 0; i < duels->count; i++)
		free(duels->duels[i].pairs);
	free(duels->duels);
	*duels = (struct duels){ .margin = duels->margin };
}

/* --- the comparison --------------------------------------------------------------------------- */

static bool fill_row(struct compare_row *row, const struct duel *duel, enum host_state state)
{
	double *values = malloc((duel->pair_count + 1) * sizeof *values);

	if (!values)
		return false;
	row->state = state;
	row->verdict = duel->verdict[state];
	for (unsigned side = 0; side < COMPARE_SIDES; side++) {
		size_t n = 0;

		for (size_t i = 0; i < duel->pair_count; i++)
			if (duel->pairs[i].state == state)
				values[n++] = duel->pairs[i].value[side];
		row->workers[side] = row->boots[side] = n;
		row->ns[side] =
			n ? exp(statistics_yuen(values, n, TRIM, LEVEL, NULL).estimate) : NAN;
	}
	free(values);
	return true;
}

static struct compare_row *add_row(struct comparison *comparison, const struct duel *duel)
{
	struct compare_row *row = GROW_APPEND(comparison->rows, comparison->row_count);

	if (row)
		*row = (struct compare_row){ .cell = &duel->cell,
					     .alternating = duel->alternating,
					     .failed = { duel->failed, duel->failed },
					     .ns = { NAN, NAN },
					     .detectable = NAN };
	return row;
}

static bool leave_out(struct comparison *comparison, const struct duel *duel, enum host_state state)
{
	size_t workers = in_state(duel, state);
	struct compare_left_out *left;

	if (!workers)
		return true;
	left = GROW_APPEND(comparison->left_out, comparison->left_out_count);
	if (left)
		*left = (struct compare_left_out){ .key = duel->cell.key,
						   .side = COMPARE_NEW,
						   .state = state,
						   .workers = workers,
						   .of = duel->pair_count };
	return left;
}

/* Rows of one cell; when there is none it is invalid, and says why. */
static bool add_rows(struct comparison *comparison, const struct duel *duel)
{
	char why[sizeof((struct verdict *)0)->why];
	bool any = false, barred = is_barred(duel, why, sizeof why);
	struct compare_row *row;

	for (unsigned s = 0; s < STATE_COUNT && !barred; s++) {
		if (!is_kept(duel, s)) {
			if (!leave_out(comparison, duel, s))
				return false;
			continue;
		}
		row = add_row(comparison, duel);
		if (!row || !fill_row(row, duel, s))
			return false;
		any = true;
	}
	if (any)
		return true;
	row = add_row(comparison, duel);
	if (!row)
		return false;
	row->verdict = verdict_unknown(VERDICT_INVALID, 0);
	row->workers[0] = row->workers[1] = row->boots[0] = row->boots[1] = duel->pair_count;
	if (!barred)
		snprintf(why, sizeof why, "%zu pairs; a verdict takes %d in one host state",
			 duel->pair_count, DUELS_FEWEST_PAIRS);
	memcpy(row->verdict.why, why, sizeof why);
	return true;
}

static bool check_hidden(struct compare_hidden *hidden, const struct duel *duel)
{
	enum host_state state = most_frequent(duel);
	size_t n = in_state(duel, state);
	struct verdict verdict;

	if (n < DUELS_FEWEST_PAIRS)
		return true;
	if (!test(duel, state, 0.02, &verdict))
		return false;
	if (!hidden->cells || n < hidden->pairs)
		hidden->pairs = n;
	hidden->cells++;
	hidden->misfires += verdict.p_difference < 1 - LEVEL;
	return true;
}

struct comparison *duels_comparison(const struct duels *duels)
{
	struct comparison *comparison = calloc(1, sizeof *comparison);
	bool fine = comparison;

	if (fine) {
		comparison->unit = COMPARE_PAIRS;
		comparison->margin = comparison->margin_of_files = duels->margin;
		comparison->looks = duels->looks;
		comparison->spent = duels->spent;
		/* all looks together */
		comparison->level = 1 - LEVEL;
	}
	for (size_t i = 0; fine && i < duels->count; i++) {
		const struct duel *duel = &duels->duels[i];
		fine = duel->kind == DUEL_CELL ? add_rows(comparison, duel)
					       : check_hidden(&comparison->hidden, duel);
	}
	if (fine && comparison_conclude(comparison))
		return comparison;
	if (comparison)
		comparison_free(comparison);
	return NULL;
}
