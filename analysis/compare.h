/* SPDX-License-Identifier: GPL-3.0-or-later */
/* compare.h - result files of an old and a new side: their cells matched by key and host state, a
 * verdict each. Nothing is measured. */
#ifndef COMPARE_H
#define COMPARE_H

#include "read.h"
#include "verdict.h"

enum compare_side { COMPARE_OLD, COMPARE_NEW, COMPARE_SIDES };
/* What was not measured side by side needs so many boots a side for a verdict. In one boot a run (a
 * file) stands for a boot, here and below: runs one after the other differ by what the host did
 * meanwhile, and workers of one run know nothing of that. */
enum { COMPARE_FEWEST_BOOTS = 5 };
/* Identical cells that a gate hides among the others, to see whether it misfires. */
enum { COMPARE_LEAST_HIDDEN = 20 };

struct compare_options {
	double margin;    /* NaN: that of the files */
	const char *only; /* a pattern of fnmatch(3) that keys have to match; NULL: all */
	const struct comparison *before; /* the look before: what it told stays so; NULL: none */
	bool more; /* spend half of the error rate that is left, not all: it is asked again */
};

/* What one value of a verdict stands for. */
enum compare_unit { COMPARE_BOOTS, COMPARE_RUNS, COMPARE_PAIRS };

struct compare_row { /* a cell in one host state */
	const struct result_cell *cell;
	enum host_state state;
	struct verdict verdict; /* more: boots, runs (a side) or pairs */
	bool too_few_boots;
	bool alternating;              /* pairs: worker by worker, not turn by turn */
	size_t workers[COMPARE_SIDES]; /* that count */
	size_t failed[COMPARE_SIDES];  /* of the cell, in whatever state */
	size_t boots[COMPARE_SIDES];   /* units (pairs too) that hold workers that count */
	double ns[COMPARE_SIDES];      /* per operation: exp of the trimmed mean of logs; NaN */
	double detectable; /* ln of the change that is found 9 times in 10; NaN: cannot be said */
};

/* Why a cell has no row: it has no worker on one side. */
enum compare_absence { COMPARE_UNPLANNED, COMPARE_REFUSED, COMPARE_UNREACHED };
struct compare_lone {
	const char *key;
	enum compare_side missing; /* the side that lacks it */
	enum compare_absence why;
	const char *reason; /* COMPARE_REFUSED: as the file has it; raw text */
};

struct compare_left_out { /* workers of a state that is not compared */
	const char *key;
	enum compare_side side;
	enum host_state state;
	size_t workers, of;
};

/* The gate's own check: identical cells under hidden labels, tested at 5 % like the others. */
struct compare_hidden {
	size_t cells, pairs;   /* that were tested; of the one with the fewest */
	size_t misfires, most; /* called different; beyond most, the 99 % limit of chance, the gate
				* is invalid */
};

struct comparison {
	enum compare_unit unit;
	double margin;
	double margin_of_files;      /* NaN where they differ */
	bool margin_afterwards;      /* it is not the one that the files hold */
	size_t boots[COMPARE_SIDES]; /* units; 0 where they are pairs */
	struct compare_hidden hidden;
	unsigned looks;           /* at pairs while they were measured */
	double level;             /* of the last look's tests, all cells together */
	double spent;             /* of the error rate, by all looks so far */
	double spent_before;      /* files: by comparisons that asked for some of them */
	struct compare_row *rows; /* slower, faster, invalid, can't tell, same; each by size */
	size_t row_count, count[VERDICT_INVALID + 1];
	struct compare_lone *lone; /* by key */
	size_t lone_count;
	struct compare_left_out *left_out;
	size_t left_out_count;
	size_t cells_not_asked; /* that --only leaves out */
	struct interval shift;  /* median of ln(new / old) over the cells */
	double detectable;      /* median of the rows' */
	double detectable_worst;
};

/* Results that are not the same run, in environments that may be compared; they must outlive the
 * comparison. NULL after say_error(); *status then is EXIT_ENVIRONMENT when margins differ, else
 * EXIT_USAGE. */
struct comparison *compare_of(const struct result *const old[], size_t n_old,
			      const struct result *const fresh[], size_t n_new,
			      const struct compare_options *options, int *status);
void comparison_free(struct comparison *comparison);
/* What is said of all rows together, from the rows: shift, detectable change, counts, order; when
 * the hidden cells misfire every row is made invalid before. false: out of memory. */
bool comparison_conclude(struct comparison *comparison);

struct compare_gate {
	bool fail_on_slower;
	double least; /* share by which a slower cell has to be slower to fail; 0: any */
	bool strict;  /* can't tell and invalid are no success */
};
/* Whether a row fails the gate. */
bool compare_fails(const struct compare_row *row, const struct compare_gate *gate);
/* EXIT_GATE, EXIT_UNTOLD or EXIT_FINE. */
int compare_status(const struct comparison *comparison, const struct compare_gate *gate);

#endif
