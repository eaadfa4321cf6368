/* SPDX-License-Identifier: GPL-3.0-or-later */
/* verdict.h - same, faster, slower, can't tell: from samples to statements with a known error rate.
 */
#ifndef VERDICT_H
#define VERDICT_H

#include "statistics.h"

enum verdict_kind {
	VERDICT_SAME,
	VERDICT_FASTER,
	VERDICT_SLOWER,
	VERDICT_CANT_TELL,
	VERDICT_INVALID
};
enum { VERDICT_LOOKS = 4 };

struct verdict {
	enum verdict_kind kind;
	struct interval log_ratio; /* ln(new / old) with its interval; n: pairs, or workers of the
				      smaller side */
	double error,
		freedom;     /* standard error and degrees of freedom; error 0: identical values */
	double p_difference; /* two-sided, of no difference; NaN: not to be had */
	double p_same;       /* of a difference of the margin or more: the larger of TOST's two */
	unsigned more; /* CANT_TELL: about so many more pairs (workers a side); 0: cannot be said */
	char why[160]; /* INVALID: the gate that failed */
};

/* Pairs measured side by side, in the order they were measured: 20 % trimmed mean of ln(new / old)
 * and Yuen's t; by blocks of consecutive pairs where lag-1 correlation exceeds 0.1. margin as a
 * share (0.02). Below 5 pairs: INVALID. Until verdict_decide() the kind is CANT_TELL. */
void verdict_pairs(struct verdict *verdict, const double log_ratio[], size_t n, double margin);
/* Two independent samples of logs (workers that were not side by side): Yuen-Welch. Below 5 a side:
 * INVALID. */
void verdict_samples(struct verdict *verdict, const double old[], size_t n_old,
		     const double fresh[], size_t n_new, double margin);
/* Boots: per cell the boots' trimmed means of logs, a side; empirical-Bayes variance over the cells
 * given together (Smyth 2004: d0, s0² by matching moments of log variances; d0 may be infinite).
 * Fewer than 5 boots a side: every verdict's kind is CANT_TELL with more = the boots missing.
 * old[i], fresh[i]: n_old, n_new values of cell i. */
void verdict_boots(struct verdict verdicts[], size_t cells, const double *const old[], size_t n_old,
		   const double *const fresh[], size_t n_new, double margin);
/* Fills in kind, more and the intervals: Benjamini-Hochberg at q (0.05) over all that are not
 * INVALID, for difference and for sameness apart, asked in the order same, slower/faster, can't
 * tell. Intervals of what was selected (faster, slower, same) are widened by the false coverage
 * rate (Benjamini, Yekutieli 2005): level 1 − R q / m for R selected of m. A verdict without
 * p-values (too few boots) stays as it is and is none of the m. */
void verdict_decide(struct verdict verdicts[], size_t n, double margin, double q);
/* α that may be spent at look k of VERDICT_LOOKS (1 …), given what was spent before: Lan-DeMets
 * with O'Brien and Fleming's shape at equal information; their sum is q. Each is used as a level of
 * its own, so that all looks together stay below q whatever their correlation. */
double verdict_alpha(unsigned look, double q);
/* One that holds nothing yet: of so many values, no figure known. */
struct verdict verdict_unknown(enum verdict_kind kind, size_t n);
/* same, faster or slower */
bool verdict_told(const struct verdict *verdict);
/* Sets the interval's bounds at a level, from error and freedom. */
void verdict_interval(struct verdict *verdict, double level);
/* "same", "faster", "slower", "can't tell", "invalid" */
const char *verdict_text(enum verdict_kind kind);

#endif
