/* SPDX-License-Identifier: GPL-3.0-or-later */
/* tails.h - how long the slow operations of a cell took: quantiles of single operations, from the
 * histograms of a run with --tails.
 *
 * The worker is the replicate here as well: each has quantiles of its own, and an interval speaks
 * of how they differ. Histograms of all workers thrown together would give a number without one. */
#ifndef TAILS_H
#define TAILS_H

#include "level.h"

enum { TAIL_QUANTILES = 5, TAIL_POINTS = 96 };
extern const double tail_quantiles[TAIL_QUANTILES]; /* 0.5, 0.9, 0.99, 0.999, 0.9999 */

enum tail_why {
	TAIL_KNOWN,
	TAIL_FEW,  /* a worker of it has less than 10 / (1 − p) operations */
	TAIL_CLOCK /* the clock costs more than 2 % of it (of the median only) */
};

struct tail_value {
	double p;
	struct interval ns;     /* less what a reading of the clock costs; n: workers */
	struct interval raw_ns; /* as it was stamped */
	enum tail_why why; /* TAIL_FEW: both are NaN; TAIL_CLOCK: they are there, not to be shown
			    */
};

struct tail { /* of one level */
	const struct level *level;
	size_t workers;                                       /* that have a histogram */
	double operations_least, operations_most, operations; /* a worker's, and all together */
	double clock_ns; /* median cost of a reading; 0 where the file does not tell */
	struct tail_value value[TAIL_QUANTILES];
	double most_ns; /* the slowest operation, less the clock's cost: where its bucket begins */
};

/* The tails of those levels whose workers have histograms, in the order of the levels, which must
 * outlive them; *n is their number. Caller frees. NULL when memory runs out. */
struct tail *tails_of(const struct result *result, const struct level levels[], size_t levels_n,
		      size_t *n);
/* The tail of a level; NULL: it has none. */
const struct tail *tail_find(const struct tail tails[], size_t n, const struct level *level);
/* Why a value is not to be shown, for people: "p99.9 takes 10000 operations a worker, the one with
 * fewest has 2400"; "" when it is. */
char *tail_reason(const struct tail *tail, size_t quantile, char *out, size_t bytes);

/* Quantiles of a level from p = 0 on, five for each halving of 1 − p as HdrHistogram has them, as
 * far as its workers' operations go. Returns how many, TAIL_POINTS at most; 0 also when memory runs
 * out.
 */
size_t tail_curve(const struct result *result, const struct tail *tail,
		  struct tail_value points[TAIL_POINTS]);

/* All workers' operations together: buckets in ascending order; caller frees. NULL when memory runs
 * out. For exchange with other programs: it has no replicates. */
struct result_bucket *tail_merged(const struct result *result, const struct tail *tail, size_t *n);
/* How wide a bucket is, ns. */
double tail_width(const struct result *result, double low_ns, double step);

/* A p-quantile of one worker's histogram, ns: between a bucket's ends in proportion. NaN for none.
 */
double tail_quantile(const struct result *result, const struct result_worker *worker, double p);

/* What turns of a schedule have cut off: messages that a stall would have held up after the turn's
 * end were never sent. Workers that kept their schedule and had a message wait for over a tenth of
 * a turn. */
struct tail_cut {
	size_t workers;
	double most_ns, turn_ns; /* of the one that waited longest */
};
struct tail_cut tail_cut_of(const struct result *result, const struct tail tails[], size_t n);

/* What the run saw of its host, that a tail would show: gaps between readings of the clock. */
struct tail_host {
	size_t watches,
		with_gap; /* times that a CPU was watched, and those with a gap over 50 us */
	double watched_ns, most_ns;
	bool virtual;
};
struct tail_host tail_host_of(const struct result *result);

#endif
