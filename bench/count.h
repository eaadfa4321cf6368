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

/* Counts n cells side by side, a line each into the file. A worker that fails costs its line, which
 * says why. 0, 1 interrupted, −1 after say_error(). */
int count_cells(const struct count_task *task, const unsigned cells[], unsigned n,
		struct result_file *file);
/* One cell's outcome, as block_run() answers; outcome_free() is due. */
int count_one(const struct count_task *task, unsigned cell, struct outcome *outcome);

#endif
