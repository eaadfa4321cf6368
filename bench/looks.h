/* SPDX-License-Identifier: GPL-3.0-or-later */
/* looks.h - the planned looks of a run under a budget: when one is due, what it decides, and which
 * blocks need not be measured again.
 *
 * A look reads the result file as any report does, so that what it says can be found again from the
 * file. There is one at each quarter of the budget, after a whole round; the last when the budget
 * is used up. Rounds that are given are an amount that was asked for: then nobody looks.
 *
 * Blocks are left out by families, cells that differ in size and variant only, and only when all of
 * a family are decided. A curve over sizes thus has the same rounds at each size: the host drifts
 * by more than the margin within a minute, and sizes of which some were measured early and some all
 * along would bend the lines that are fitted through them. */
#ifndef LOOKS_H
#define LOOKS_H

#include "../analysis/read.h"
#include "plan.h"

struct looks {
	double budget_s; /* 0: no looks */
	unsigned last;   /* the number of the last look; 0: there was none */
	double spent;    /* alpha, of all looks so far */
	size_t cells;
	unsigned *family; /* of each cell */
	size_t *wanted;   /* cells of each family that are to be measured again */
	bool *done;       /* of each cell: it is decided or given up */
	size_t done_count;
	size_t decided;
};

/* false after say_error(); in both cases looks_free() is due. */
bool looks_begin(struct looks *looks, const struct plan *plan);
/* What earlier stretches of the run have decided and spent (--resume). */
void looks_take_up(struct looks *looks, const struct result *old);
void looks_free(struct looks *looks);

/* No figure of this cell will come any more. */
void looks_give_up(struct looks *looks, unsigned cell);

/* Whether the block need not be measured: its whole family is done. */
bool looks_skip(const struct looks *looks, const struct plan_block *block);
/* Whether nothing need be measured, and something is decided. */
bool looks_all_decided(const struct looks *looks);

/* The number of the look that is due after so many whole rounds; 0: none is. Before
 * PLAN_LEAST_ROUNDS nothing can be decided, so nobody looks and nothing is spent: what the looks
 * left out might have spent goes to the first that is taken. at_end: the budget is used up. */
unsigned looks_due(const struct looks *looks, double elapsed_s, unsigned rounds, bool at_end);
/* Takes the look on the result file. Its line of the schema, a new reference, or NULL after
 * say_error(). */
json_t *looks_take(struct looks *looks, unsigned number, const char *path, double elapsed_s,
		   unsigned rounds);

#endif
