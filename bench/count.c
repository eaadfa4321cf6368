/* SPDX-License-Identifier: GPL-3.0-or-later */
/* count.c - counted visits: few turns, so long that what happens once in each is little of it. */
#include "count.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "say.h"

enum { CYCLES = 3, ALONE_CYCLES = 10, TRIALS = 3 };
static const double TURN_NS = 1e6, ALONE_TURN_NS = 2e7, SECONDS = 0.6;

static int visit(const struct count_task *task, const struct counters *counters,
		 const unsigned cells[], unsigned n, bool alone, struct outcome outcomes[])
{
	const struct block_options options = { .registry = task->registry,
					       .ticks_per_ns = task->ticks_per_ns,
					       .seed = task->seed,
					       .cycles = alone ? ALONE_CYCLES : CYCLES,
					       .turn_ns = alone ? ALONE_TURN_NS : TURN_NS,
					       .seconds = SECONDS,
					       .operations = task->plan->operations,
					       .counters = counters };
	const struct cell *pointers[PLAN_BLOCK_CELLS];

	for (unsigned i = 0; i < n; i++)
		pointers[i] = &task->plan->cells[cells[i]].cell;
	return block_run(&options, pointers, NULL, n, outcomes);
}

/* ---- the order ---- */

struct ranked {
	char of[CELL_KEY]; /* cells of the same text are counted one after the other */
	uint64_t by;
	unsigned cell;
};

static int by_rank(const void *a, const void *b)
{
	const struct ranked *x = a, *y = b;
	int order = strcmp(x->of, y->of);

	if (order == 0)
		order = (x->by > y->by) - (x->by < y->by);
	return order ? order : (x->cell > y->cell) - (x->cell < y->cell);
}

/* What is of one row of a table: all but the placement and the size. */
static void row_of(const struct cell *cell, char text[CELL_KEY])
{
	char variant[CELL_NAME + CELL_OPTIONS + 2], wait[32];

	snprintf(text, CELL_KEY, "%s/%s:%s/%s/%d%d%d/%d",
		 cell_variant(cell, variant, sizeof variant), cell->pattern, cell->pattern_options,
		 cell_wait_text(cell, wait, sizeof wait), cell->copy, cell->touch_all,
		 cell->threads, cell->depth);
}

unsigned *count_order(const struct plan *plan, unsigned *behind)
{
	size_t n = plan->cell_count, smallest = 0;
	struct ranked *ranked = calloc(n + 1, sizeof *ranked);
	unsigned *order = calloc(n + 1, sizeof *order);

	*behind = 1;
	if (!ranked || !order) {
		say_error("out of memory");
		free(ranked);
		free(order);
		return NULL;
	}
	for (size_t i = 0; i < n; i++) {
		cell_key_without_size(&plan->cells[i].cell, ranked[i].of, CELL_KEY);
		ranked[i].by = plan->cells[i].cell.size;
		ranked[i].cell = (unsigned)i;
	}
	qsort(ranked, n, sizeof *ranked, by_rank);
	for (size_t i = 0, rank = 0; i < n; i++) {
		bool same = i > 0 && strcmp(ranked[i].of, ranked[i - 1].of) == 0;

		rank = same ? rank + (ranked[i].by > ranked[i - 1].by) : 0;
		order[ranked[i].cell] = rank ? (unsigned)rank + 1 : 0;
	}
	for (size_t i = 0; i < n; i++) {
		if (order[i])
			continue;
		row_of(&plan->cells[i].cell, ranked[smallest].of);
		ranked[smallest].by = 0;
		ranked[smallest++].cell = (unsigned)i;
	}
	qsort(ranked, smallest, sizeof *ranked, by_rank);
	for (size_t i = 1; i < smallest; i++)
		order[ranked[i].cell] = strcmp(ranked[i].of, ranked[i - 1].of) == 0;
	for (size_t i = 0; i < n; i++)
		*behind = order[i] >= *behind ? order[i] + 1 : *behind;
	free(ranked);
	return order;
}

/* ---- counting ---- */

/* Puts together what two visits of a cell counted; the turns left are those of the slower one: so
 * much counting cost at most. What failed in either has failed. Frees the other. */
static void join(struct outcome *outcome, struct outcome *other, const struct counters parts[2],
		 size_t place[2][PAGE_COUNTERS])
{
	const struct outcome kept = *outcome, *of[2] = { &kept, other };
	const size_t all = parts[0].count + parts[1].count;
	const bool counted = outcome->tallies && other->tallies;
	struct tally *tallies = counted ? calloc(outcome->peers * all, sizeof *tallies) : NULL;

	for (unsigned part = 0; tallies && part < 2; part++)
		for (unsigned peer = 0; peer < kept.peers; peer++)
			for (size_t i = 0; i < parts[part].count; i++)
				tallies[peer * all + place[part][i]] =
					of[part]->tallies[peer * parts[part].count + i];
	if (kept.state == BLOCK_OK &&
	    (other->state != BLOCK_OK || outcome_value(other) > outcome_value(&kept))) {
		*outcome = *other;
		*other = kept;
	}
	outcome_free(other);
	free(outcome->tallies);
	outcome->tallies = tallies;
	if (counted && !tallies) {
		outcome->state = BLOCK_FAILED;
		snprintf(outcome->reason, sizeof outcome->reason, "out of memory");
	}
}

/* Counting a tracepoint takes more instructions than some system calls: the processor's own events
 * have a visit to themselves. */
static int count(const struct count_task *task, const unsigned cells[], unsigned n, bool alone,
		 struct outcome outcomes[])
{
	const struct counters *counters = &task->plan->counters;
	struct counters parts[2];
	size_t place[2][PAGE_COUNTERS];
	struct outcome others[PLAN_BLOCK_CELLS];

	if (!counters_apart(counters, parts, place))
		return visit(task, counters, cells, n, alone, outcomes);
	int status = visit(task, &parts[0], cells, n, alone, outcomes);

	if (status != 0)
		return status;
	status = visit(task, &parts[1], cells, n, alone, others);
	for (unsigned i = 0; i < n; i++) {
		if (status == 0)
			join(&outcomes[i], &others[i], parts, place);
		else
			outcome_free(&others[i]);
	}
	return status;
}

int count_cells(const struct count_task *task, const unsigned given[], unsigned n,
		struct result_file *file)
{
	unsigned cells[PLAN_BLOCK_CELLS];

	memcpy(cells, given, n * sizeof *cells);
	/* again without those that failed */
	for (unsigned trial = 0; n > 0 && trial < TRIALS; trial++) {
		struct outcome outcomes[PLAN_BLOCK_CELLS];
		json_t *lines[PLAN_BLOCK_CELLS];
		unsigned left = 0;
		size_t written = 0;
		struct count_task again = *task;

		again.seed += trial;
		int status = count(&again, cells, n, false, outcomes);

		for (unsigned i = 0; i < n; i++) {
			const struct result_place where = { .cell = cells[i],
							    .round = task->round,
							    .at_s = task->at_s };

			if (outcomes[i].state == BLOCK_BROKEN)
				cells[left++] = cells[i];
			else if (status == 0)
				lines[written++] =
					result_counted(&where, &task->plan->counters, &outcomes[i]);
			outcome_free(&outcomes[i]);
		}
		if (status != 0)
			return status;
		if (!result_append(file, lines, written))
			return -1;
		n = left;
	}
	for (unsigned i = 0; i < n; i++) {
		const struct outcome broken = { .state = BLOCK_BROKEN,
						.reason = "its block broke off every time" };
		const struct result_place where = { .cell = cells[i],
						    .round = task->round,
						    .at_s = task->at_s };
		json_t *line = result_counted(&where, &task->plan->counters, &broken);

		if (!result_append(file, &line, 1))
			return -1;
	}
	return 0;
}

int count_one(const struct count_task *task, unsigned cell, struct outcome *outcome)
{
	return count(task, &cell, 1, true, outcome);
}
