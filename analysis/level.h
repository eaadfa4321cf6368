/* SPDX-License-Identifier: GPL-3.0-or-later */
/* level.h - what each cell costs: over the workers, per host state. */
#ifndef LEVEL_H
#define LEVEL_H

#include "read.h"
#include "verdict.h"

struct level {
	unsigned cell;
	/* Levels of several states are given when each holds over 10 % of the cell's workers; else
	 * one level of all workers, whose state is that of most of them (all_states). */
	enum host_state state;
	bool all_states;
	size_t workers, failed;      /* workers that count, workers that failed */
	struct interval ns;          /* per operation: exp of the mean of logs, t interval */
	struct interval median_ns;   /* median with its order-statistic interval */
	struct interval bytes_per_s; /* payload that crosses, from ns; NaN: one way */
	double cpu_ns; /* per message, all sides together: median over workers; NaN: not known */
	double cpu_side_ns[CELL_MOST_PEERS];
	bool bimodal; /* two groups of workers, further apart than the result's margin */
	double mode_ns[2];
	/* of its group: estimate lowest of what does not lose messages, within one wait class and
	 * state, of ≥ 2 */
	bool fastest;
	/* The cell it is compared with: the fastest of its group in this state; itself, when it is
	 * that one or the only one. A twin is compared, but nobody is with it, nor with what loses
	 * messages where others lose none. */
	unsigned against;
	size_t unsettled;
	double offered_per_s;     /* of the pattern's schedule; NaN: it has none */
	struct interval achieved; /* what came of it, as a share, with a t interval */
	double lost, due;         /* messages over all workers; due: NaN where not told */
};

/* Levels of all cells that have workers, ordered by cell then state. Caller frees. *n is the count;
 * NULL when memory runs out. */
struct level *level_of(const struct result *result, size_t *n);

/* Whether it lost more than one message in a thousand, which others would have delivered: then its
 * time is no match for theirs. */
bool level_loses(const struct level *level);

/* Whether a worker of the level's cell is one of those the level was made from. */
bool level_counts(const struct level *level, const struct result_worker *worker);

/* Pairs of two cells: workers of one visit (or, where either is measured one after the other, of
 * one round, then paired by their medians), same host state. values: a fresh array of
 * statistics_pair(a/b) the caller frees; returns their number. *values NULL when there are none. */
size_t level_pairs(const struct result *result, unsigned a, unsigned b, enum host_state state,
		   double **values);
/* The same with the round of each pair; rounds may be NULL. */
size_t level_pairs_in_rounds(const struct result *result, unsigned a, unsigned b,
			     enum host_state state, double **values, unsigned **rounds);
/* The pairs of a level's cell with the one it is compared with, another, weighed but not decided
 * (verdict_pairs(): INVALID below five pairs, or when memory runs out). */
void level_weigh(const struct result *result, const struct level *level, struct verdict *verdict);

#endif
