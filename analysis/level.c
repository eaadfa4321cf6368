/* SPDX-License-Identifier: GPL-3.0-or-later */
/* level.c - what each cell costs, per host state, and the pairs of two cells. */
#include "level.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double nominal = 0.95;
static const double MOST_LOST = 1e-3; /* of the messages due */

static const struct result_worker *worker_at(const struct result *result, size_t i)
{
	return &result->workers[result->order[i]];
}

bool level_counts(const struct level *level, const struct result_worker *worker)
{
	return worker->ok && (level->all_states || worker->state == level->state);
}

static struct interval exponential(struct interval logs)
{
	return (struct interval){ exp(logs.estimate), exp(logs.low), exp(logs.high), logs.n };
}

/* A faster time is a higher bandwidth: low and high change places. */
static struct interval bandwidth(struct interval ns, double bytes)
{
	double scale = bytes * 1e9;
	return (struct interval){ scale / ns.estimate, scale / ns.high, scale / ns.low, ns.n };
}

/* Medians over the workers of the CPU time: each side, and all sides of a worker together. */
static void measure_cpu(struct level *level, const struct result_worker *const workers[], size_t n,
			double scratch[])
{
	unsigned peers = n ? workers[0]->peers : 0;

	for (unsigned p = 0; p < CELL_MOST_PEERS; p++) {
		size_t known = 0;
		for (size_t i = 0; i < n && p < peers; i++)
			if (!isnan(workers[i]->cpu_ns[p]))
				scratch[known++] = workers[i]->cpu_ns[p];
		level->cpu_side_ns[p] = statistics_median(scratch, known);
	}
	size_t known = 0;
	for (size_t i = 0; i < n; i++) {
		double sum = 0;
		for (unsigned p = 0; p < peers; p++)
			sum += workers[i]->cpu_ns[p];
		if (!isnan(sum))
			scratch[known++] = sum;
	}
	level->cpu_ns = statistics_median(scratch, known);
}

/* What a schedule offered, and which share of it came. */
static void measure_rate(struct level *level, const struct result_worker *const workers[], size_t n,
			 double scratch[])
{
	size_t known = 0;

	level->offered_per_s = NAN;
	for (size_t i = 0; i < n; i++) {
		if (!(workers[i]->offered_per_s > 0) || !isfinite(workers[i]->achieved_per_s))
			continue;
		level->offered_per_s = workers[i]->offered_per_s;
		scratch[known++] = workers[i]->achieved_per_s / workers[i]->offered_per_s;
	}
	level->achieved = statistics_t(scratch, known, nominal);
}

/* Fills a level whose cell, state and all_states are set. workers and scratch hold as many as the
 * cell has workers. */
static void measure(const struct result *result, struct level *level,
		    const struct result_worker *workers[], double scratch[])
{
	size_t n = 0;

	for (size_t i = result->first[level->cell]; i < result->first[level->cell + 1]; i++) {
		const struct result_worker *worker = worker_at(result, i);
		if (!level_counts(level, worker))
			continue;
		scratch[n] = worker->value;
		level->unsettled += !worker->settled;
		level->lost += worker->lost;
		level->due += worker->due;
		workers[n++] = worker;
	}
	level->workers = n;
	level->ns = exponential(statistics_t(scratch, n, nominal));
	level->median_ns = exponential(statistics_median_interval(scratch, n, nominal));
	level->bytes_per_s = bandwidth(level->ns, result->cells[level->cell].bytes);
	/* how long a message is on its way does not say how many are */
	if (result->cells[level->cell].quantity == QUANTITY_ONEWAY)
		level->bytes_per_s = (struct interval){ NAN, NAN, NAN, 0 };

	double low, high;
	bool two = statistics_bimodal(scratch, n, &low, &high);
	/* Emulated kernels give a handful of distinct values: two of those are not two modes. */
	level->bimodal = two && high - low > log1p(result->margin);
	level->mode_ns[0] = exp(low);
	level->mode_ns[1] = exp(high);
	measure_cpu(level, workers, n, scratch);
	measure_rate(level, workers, n, scratch);
}

/* The levels of one cell, appended to levels; returns how many. */
static size_t levels_of_cell(const struct result *result, unsigned cell, struct level levels[],
			     const struct result_worker *workers[], double scratch[])
{
	size_t of_state[STATE_COUNT] = { 0 }, ok = 0, n = 0;

	for (size_t i = result->first[cell]; i < result->first[cell + 1]; i++) {
		const struct result_worker *worker = worker_at(result, i);
		if (worker->ok) {
			of_state[worker->state]++;
			ok++;
		}
	}
	enum host_state most = STATE_NONE;
	size_t over = 0;
	for (unsigned s = 0; s < STATE_COUNT; s++) {
		if (of_state[s] > of_state[most])
			most = s;
		over += of_state[s] * 10 > ok;
	}
	for (unsigned s = 0; s < STATE_COUNT; s++) {
		if (over > 1 ? of_state[s] * 10 <= ok : s != most)
			continue;
		levels[n] = (struct level){ .cell = cell, .state = s, .all_states = over <= 1 };
		measure(result, &levels[n++], workers, scratch);
	}
	/* A failed worker counts where its state does, else with the first, so that none is lost.
	 */
	for (size_t i = result->first[cell]; i < result->first[cell + 1]; i++) {
		const struct result_worker *worker = worker_at(result, i);
		size_t at = 0;
		while (at < n && levels[at].state != worker->state)
			at++;
		if (!worker->ok)
			levels[at < n ? at : 0].failed++;
	}
	return n;
}

bool level_loses(const struct level *level)
{
	/* due is not known of a file that does not say it */
	return level->lost > 0 && !(level->lost <= MOST_LOST * level->due);
}

struct candidate {
	char *group;
	struct level *level;
	bool twin;  /* of an A/A pair: the same thing as its first, so it is not the fastest */
	bool loses; /* messages that others deliver: no more is it */
};

static int by_group_and_time(const void *left, const void *right)
{
	const struct candidate *a = left, *b = right;
	int order = strcmp(a->group, b->group);

	if (order)
		return order;
	if (a->level->state != b->level->state)
		return a->level->state < b->level->state ? -1 : 1;
	if (a->twin != b->twin)
		return a->twin ? 1 : -1;
	if (a->loses != b->loses)
		return a->loses ? 1 : -1;
	if (a->level->ns.estimate != b->level->ns.estimate)
		return a->level->ns.estimate < b->level->ns.estimate ? -1 : 1;
	return a->level->cell < b->level->cell ? -1 : a->level->cell > b->level->cell;
}

/* Marks the fastest of each group and state; a group holds one wait class. */
static bool mark_fastest(const struct result *result, struct level levels[], size_t n)
{
	struct candidate *candidates = calloc(n + 1, sizeof *candidates);
	size_t count = 0;
	bool fine = candidates;

	for (size_t i = 0; fine && i < n; i++) {
		const struct cell *cell = &result->cells[levels[i].cell].cell;
		char group[CELL_KEY];
		levels[i].against = levels[i].cell;
		if (!levels[i].workers)
			continue;
		char *copy = strdup(cell_group(cell, group, sizeof group));
		fine = copy;
		if (copy)
			candidates[count++] =
				(struct candidate){ copy, &levels[i], cell->replica > 0,
						    level_loses(&levels[i]) };
	}
	if (fine) {
		qsort(candidates, count, sizeof *candidates, by_group_and_time);
		for (size_t i = 0, end; i < count; i = end) {
			size_t firsts = 0;
			for (end = i; end < count; end++) {
				if (strcmp(candidates[end].group, candidates[i].group) != 0 ||
				    candidates[end].level->state != candidates[i].level->state)
					break;
				firsts += !candidates[end].twin;
				candidates[end].level->against = candidates[i].level->cell;
			}
			candidates[i].level->fastest = firsts > 1 && !candidates[i].loses;
		}
	}
	for (size_t i = 0; i < count; i++)
		free(candidates[i].group);
	free(candidates);
	return fine;
}

struct level *level_of(const struct result *result, size_t *n)
{
	size_t most = 0;

	*n = 0;
	for (size_t c = 0; c < result->cell_count; c++) {
		size_t workers = result->first[c + 1] - result->first[c];
		most = workers > most ? workers : most;
	}
	/* a state that is over a tenth has a worker at least */
	size_t room = result->cell_count * STATE_COUNT;
	room = (room < result->worker_count ? room : result->worker_count) + 1;
	struct level *levels = calloc(room, sizeof *levels);
	const struct result_worker **workers =
		reallocarray(NULL, most + 1, sizeof(const struct result_worker *));
	double *scratch = malloc((most + 1) * sizeof *scratch);
	bool fine = levels && workers && scratch;

	for (unsigned c = 0; fine && c < result->cell_count; c++)
		if (result->first[c + 1] > result->first[c])
			*n += levels_of_cell(result, c, levels + *n, workers, scratch);
	fine = fine && mark_fastest(result, levels, *n);
	free(workers);
	free(scratch);
	if (!fine) {
		free(levels);
		return NULL;
	}
	return levels;
}

/* --- pairs ------------------------------------------------------------------------------------ */

struct pairs {
	double *values;
	unsigned *rounds;
	size_t n;
};

static void add_pair(struct pairs *pairs, double value, unsigned round)
{
	if (isnan(value))
		return;
	pairs->values[pairs->n] = value;
	pairs->rounds[pairs->n++] = round;
}

static bool fits_state(const struct result_worker *worker, enum host_state state)
{
	return worker->ok && worker->state == state;
}

/* Both lists are in the order of visits, and a cell is in a visit once. */
static void pair_visits(const struct result *result, unsigned a, unsigned b, enum host_state state,
			struct pairs *pairs)
{
	size_t i = result->first[a], j = result->first[b];

	while (i < result->first[a + 1] && j < result->first[b + 1]) {
		const struct result_worker *x = worker_at(result, i), *y = worker_at(result, j);
		if (x->visit != y->visit) {
			*(x->visit < y->visit ? &i : &j) += 1;
			continue;
		}
		if (fits_state(x, state) && fits_state(y, state))
			add_pair(pairs,
				 statistics_pair(x->batch_ns, y->batch_ns,
						 x->turns < y->turns ? x->turns : y->turns),
				 x->round);
		i++;
		j++;
	}
}

/* The first worker of a state in a round; of a block of it when block is not NULL. */
static const struct result_worker *find_in_round(const struct result *result, unsigned cell,
						 enum host_state state, unsigned round,
						 const unsigned *block, size_t *from)
{
	const struct result_worker *found = NULL;

	/* visits are in time order, so rounds only grow; an odd file merely loses pairs */
	while (*from < result->first[cell + 1] && worker_at(result, *from)->round < round)
		++*from;
	for (size_t i = *from; i < result->first[cell + 1]; i++) {
		const struct result_worker *worker = worker_at(result, i);
		if (worker->round != round)
			break;
		if (!fits_state(worker, state))
			continue;
		if (!block || worker->block == *block)
			return worker;
		found = found ? found : worker;
	}
	return found;
}

/* One pair a round, of one block when there is one. Turns that were not taken side by side have
 * nothing in common, so the workers' medians are compared. */
static void pair_rounds(const struct result *result, unsigned a, unsigned b, enum host_state state,
			struct pairs *pairs)
{
	size_t from = result->first[b];
	bool any = false;
	unsigned last = 0;

	for (size_t i = result->first[a]; i < result->first[a + 1]; i++) {
		const struct result_worker *x = worker_at(result, i);
		if (!fits_state(x, state) || (any && x->round == last))
			continue;
		const struct result_worker *y =
			find_in_round(result, b, state, x->round, &x->block, &from);
		if (!y)
			continue;
		add_pair(pairs, x->value - y->value, x->round);
		any = true;
		last = x->round;
	}
}

size_t level_pairs_in_rounds(const struct result *result, unsigned a, unsigned b,
			     enum host_state state, double **values, unsigned **rounds)
{
	size_t of_a = result->first[a + 1] - result->first[a];
	size_t of_b = result->first[b + 1] - result->first[b];
	size_t room = of_a < of_b ? of_a : of_b;
	struct pairs pairs = { .values = malloc((room + 1) * sizeof *pairs.values),
			       .rounds = malloc((room + 1) * sizeof *pairs.rounds) };

	if (pairs.values && pairs.rounds) {
		if (result->cells[a].cell.sequential || result->cells[b].cell.sequential)
			pair_rounds(result, a, b, state, &pairs);
		else
			pair_visits(result, a, b, state, &pairs);
	}
	if (!pairs.n) {
		free(pairs.values);
		pairs.values = NULL;
	}
	*values = pairs.values;
	if (rounds && pairs.n) {
		*rounds = pairs.rounds;
	} else {
		free(pairs.rounds);
		if (rounds)
			*rounds = NULL;
	}
	return pairs.n;
}

size_t level_pairs(const struct result *result, unsigned a, unsigned b, enum host_state state,
		   double **values)
{
	return level_pairs_in_rounds(result, a, b, state, values, NULL);
}

void level_weigh(const struct result *result, const struct level *level, struct verdict *verdict)
{
	double *values;
	size_t n = level_pairs(result, level->cell, level->against, level->state, &values);

	verdict_pairs(verdict, values, n, result->margin);
	free(values);
}
