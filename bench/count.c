/* SPDX-License-Identifier: GPL-3.0-or-later */
/* count.c - counted visits: few turns, so long that what happens once in each is little of it. */
#include "count.h"

#include <string.h>

#include "say.h"

enum { CYCLES = 3, ALONE_CYCLES = 10, TRIALS = 3 };
static const double TURN_NS = 1e6, ALONE_TURN_NS = 2e7, SECONDS = 0.6;

static int count(const struct count_task *task, const unsigned cells[], unsigned n, bool alone,
		 uint64_t seed, struct outcome outcomes[])
{
	const struct block_options options = { .registry = task->registry,
					       .ticks_per_ns = task->ticks_per_ns,
					       .seed = seed,
					       .cycles = alone ? ALONE_CYCLES : CYCLES,
					       .turn_ns = alone ? ALONE_TURN_NS : TURN_NS,
					       .seconds = SECONDS,
					       .operations = task->plan->operations,
					       .counters = &task->plan->counters };
	const struct cell *pointers[PLAN_BLOCK_CELLS];

	for (unsigned i = 0; i < n; i++)
		pointers[i] = &task->plan->cells[cells[i]].cell;
	return block_run(&options, pointers, NULL, n, outcomes);
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
		int status = count(task, cells, n, false, task->seed + trial, outcomes);

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
	return count(task, &cell, 1, true, task->seed, outcome);
}
