/* SPDX-License-Identifier: GPL-3.0-or-later */
/* count.h - counted visits: what the peers of a cell do in each operation, apart from all timing.
 */
#ifndef COUNT_H
#define COUNT_H

#include "plan.h"
#include "result.h"

struct count_task {
	const struct registry *registry;
	const struct plan *plan;
	double ticks_per_ns;
	uint64_t seed;
	unsigned round;
	double at_s;
};

/* In which order a budget is spent on counting, of each cell: first (0) the smallest size of each
 * variant with each pattern and wait at one placement, which is what the tables show first; then
 * (1) at the other placements, then (2 …) the larger sizes. *behind is the largest of them + 1. An
 * array of plan->cell_count for free(); NULL after say_error(). */
unsigned *count_order(const struct plan *plan, unsigned *behind);
/* Counts n cells side by side, a line each into the file. A worker that fails costs its line, which
 * says why. 0, 1 interrupted, −1 after say_error(). */
int count_cells(const struct count_task *task, const unsigned cells[], unsigned n,
		struct result_file *file);
/* One cell's outcome, as block_run() answers; outcome_free() is due. */
int count_one(const struct count_task *task, unsigned cell, struct outcome *outcome);

#endif
