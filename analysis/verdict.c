/* SPDX-License-Identifier: GPL-3.0-or-later */
/* verdict.c - same, faster, slower, can't tell: robust tests a cell, one error rate over all cells.
 */
#include "verdict.h"

#include <gsl/gsl_cdf.h>
#include <gsl/gsl_sf_psi.h>
#include <gsl/gsl_sort.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FEWEST = 5, FEWEST_FOR_LAG = 10, FEWEST_BLOCKS = 8, MOST_MORE = 1 << 20 };
static const double TRIM = 0.2, LAG_TOLERATED = 0.1, LEVEL = 0.95, POWER = 0.8;

const char *verdict_text(enum verdict_kind kind)
{
	switch (kind) {
	case VERDICT_SAME:
		return "same";
	case VERDICT_FASTER:
		return "faster";
	case VERDICT_SLOWER:
		return "slower";
	case VERDICT_CANT_TELL:
		return "can't tell";
	case VERDICT_INVALID:
		break;
	}
	return "invalid";
}

struct verdict verdict_unknown(enum verdict_kind kind, size_t n)
{
	return (struct verdict){ .kind = kind,
				 .log_ratio = { NAN, NAN, NAN, n },
				 .error = NAN,
				 .freedom = NAN,
				 .p_difference = NAN,
				 .p_same = NAN };
}

static void no_memory(struct verdict *verdict)
{
	*verdict = verdict_unknown(VERDICT_INVALID, verdict->log_ratio.n);
	snprintf(verdict->why, sizeof verdict->why, "out of memory");
}

static bool all_finite(const double x[], size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!isfinite(x[i]))
			return false;
	return true;
}

/* Too few values, or some that are no numbers: says so and returns false. */
static bool usable(struct verdict *verdict, const double x[], size_t n, const char *what)
{
	if (n >= FEWEST && all_finite(x, n))
		return true;
	verdict->kind = VERDICT_INVALID;
	if (n < FEWEST)
		snprintf(verdict->why, sizeof verdict->why, "%zu %s; a verdict takes %d", n, what,
			 FEWEST);
	else
		snprintf(verdict->why, sizeof verdict->why, "not all %s are finite numbers", what);
	return false;
}

bool verdict_told(const struct verdict *verdict)
{
	return verdict->kind != VERDICT_CANT_TELL && verdict->kind != VERDICT_INVALID;
}

void verdict_interval(struct verdict *verdict, double level)
{
	struct interval *interval = &verdict->log_ratio;
	double half = verdict->error > 0
			      ? statistics_t_factor(verdict->freedom, level) * verdict->error
			      : verdict->error;

	interval->low = interval->estimate - half;
	interval->high = interval->estimate + half;
}

/* Both p-values from what a test is made of. */
static void weigh(struct verdict *verdict, double estimate, double error, double freedom,
		  double margin)
{
	double away = fabs(estimate), inside = log1p(margin) - away;

	verdict->kind = VERDICT_CANT_TELL;
	verdict->log_ratio.estimate = estimate;
	verdict->error = error;
	verdict->freedom = freedom;
	if (error > 0) {
		verdict->p_difference = 2 * gsl_cdf_tdist_Q(away / error, freedom);
		verdict->p_same = gsl_cdf_tdist_Q(inside / error, freedom);
	} else {
		verdict->p_difference = away > 0 ? 0 : 1;
		verdict->p_same = inside > 0 ? 0 : 1;
	}
	verdict_interval(verdict, LEVEL);
}

/* Lag-1 correlation, less the bias that the mean taken from the same values gives it (Marriott and
 * Pope 1954): −(1 + 4ρ) / n, a third of all there is to see in 20 pairs. */
static double lag_one(const double x[], size_t n)
{
	double mean = statistics_mean(x, n), squares = 0, products = 0;

	for (size_t i = 0; i < n; i++) {
		squares += (x[i] - mean) * (x[i] - mean);
		if (i)
			products += (x[i] - mean) * (x[i - 1] - mean);
	}
	if (squares <= 0)
		return 0;
	double r = products / squares;
	return r + (1 + 4 * r) / (double)n;
}

static void block_means(double mean[], size_t blocks, const double x[], size_t n)
{
	for (size_t b = 0; b < blocks; b++) {
		size_t begin = b * n / blocks, end = (b + 1) * n / blocks;
		mean[b] = statistics_mean(x + begin, end - begin);
	}
}

/* By how much more the error of n correlated values is than that of independent ones; 1 where lag-1
 * correlation is tolerable. Yuen's error comes from the winsorised squares; here they are those of
 * blocks of consecutive values, as long as it takes for their means to be uncorrelated or as 8
 * blocks allow. The estimate stays that of all values: a trimmed mean of block means would be
 * another quantity wherever values are skewed. So few and short blocks see a part of the
 * correlation only (at 20 pairs of ρ = 0.3 the interval would cover 90 %), so the error is never
 * less than that of a first-order process of this correlation, and a little more because it is an
 * estimate itself (covers 93 %; fewer degrees of freedom do the same, but cost the small levels of
 * many cells most of their power). spare[]: n values. */
static double inflation(const double winsorised[], size_t n, double spare[])
{
	double mean = statistics_mean(winsorised, n), by_blocks = 0, all = 0;
	double rho = lag_one(winsorised, n), count = (double)n;
	size_t blocks = n;

	if (rho <= LAG_TOLERATED)
		return 1;
	for (size_t length = 2; n / length >= FEWEST_BLOCKS; length++) {
		blocks = n / length;
		block_means(spare, blocks, winsorised, n);
		if (lag_one(spare, blocks) <= LAG_TOLERATED)
			break;
	}
	block_means(spare, blocks, winsorised, n);
	for (size_t b = 0; b < blocks; b++) {
		size_t length = (b + 1) * n / blocks - b * n / blocks;
		double sum = (double)length * (spare[b] - mean);
		by_blocks += sum * sum;
	}
	for (size_t i = 0; i < n; i++)
		all += (winsorised[i] - mean) * (winsorised[i] - mean);
	by_blocks *= (double)blocks / ((double)blocks - 1) * (count - 1) / count / all;

	/* beyond 0.75 it is a drift rather than a correlation */
	rho = fmin(rho, 0.75);
	double first_order = (1 + rho) / (1 - rho);
	return sqrt(fmax(by_blocks, first_order)) * (1 + 2 / count);
}

void verdict_pairs(struct verdict *verdict, const double log_ratio[], size_t n, double margin)
{
	*verdict = verdict_unknown(VERDICT_CANT_TELL, n);
	if (!usable(verdict, log_ratio, n, "pairs"))
		return;
	double *sorted = malloc(2 * n * sizeof *sorted);
	if (!sorted) {
		no_memory(verdict);
		return;
	}
	memcpy(sorted, log_ratio, n * sizeof *sorted);
	gsl_sort(sorted, 1, n);
	struct trimmed t = statistics_trimmed(sorted, NULL, n, TRIM);
	if (n >= FEWEST_FOR_LAG && t.error > 0) {
		size_t cut = (n - t.kept) / 2;
		double low = sorted[cut], high = sorted[n - 1 - cut], *winsorised = sorted + n;

		for (size_t i = 0; i < n; i++)
			winsorised[i] = fmin(fmax(log_ratio[i], low), high);
		t.error *= inflation(winsorised, n, sorted);
	}
	free(sorted);
	weigh(verdict, t.mean, t.error, (double)t.kept - 1, margin);
}

static bool trimmed_of(struct trimmed *trimmed, const double x[], size_t n)
{
	double *sorted = malloc(n * sizeof *sorted);

	if (!sorted)
		return false;
	memcpy(sorted, x, n * sizeof *sorted);
	gsl_sort(sorted, 1, n);
	*trimmed = statistics_trimmed(sorted, NULL, n, TRIM);
	free(sorted);
	return true;
}

void verdict_samples(struct verdict *verdict, const double old[], size_t n_old,
		     const double fresh[], size_t n_new, double margin)
{
	struct trimmed a, b;

	*verdict = verdict_unknown(VERDICT_CANT_TELL, n_old < n_new ? n_old : n_new);
	if (!usable(verdict, old, n_old, "old values") ||
	    !usable(verdict, fresh, n_new, "new values"))
		return;
	if (!trimmed_of(&a, old, n_old) || !trimmed_of(&b, fresh, n_new)) {
		no_memory(verdict);
		return;
	}
	double va = a.error * a.error, vb = b.error * b.error;
	double ha = (double)a.kept - 1, hb = (double)b.kept - 1, freedom = ha + hb;
	if (va + vb > 0)
		freedom = (va + vb) * (va + vb) / (va * va / ha + vb * vb / hb);
	weigh(verdict, b.mean - a.mean, sqrt(va + vb), freedom, margin);
}

/* The y > 0 whose trigamma is x > 0: Newton's method as in Smyth 2004's appendix, which comes from
 * below and never leaves the positive. */
static double trigamma_inverse(double x)
{
	if (x > 1e7)
		return 1 / sqrt(x);
	if (x < 1e-6)
		return 1 / x;
	double y = 0.5 + 1 / x;
	for (int i = 0; i < 50; i++) {
		double value = gsl_sf_psi_1(y);
		double step = value * (1 - value / x) / gsl_sf_psi_n(2, y);
		y += step;
		if (-step < 1e-10 * y)
			break;
	}
	return y;
}

struct prior {
	double freedom, variance; /* d0, s0² */
};

/* d0 and s0² from n variances of so many degrees of freedom each. A few variances of zero count as
 * 1e-5 of the median, since their logarithm would decide everything; where most are zero there is
 * nothing to learn from (d0 = 0). */
static struct prior prior_of(const double variance[], size_t n, double freedom)
{
	double middle = statistics_median(variance, n), mean = 0, squares = 0;

	if (n < 2 || !(middle > 0))
		return (struct prior){ 0, middle };
	for (size_t i = 0; i < n; i++)
		mean += log(fmax(variance[i], 1e-5 * middle)) / (double)n;
	for (size_t i = 0; i < n; i++) {
		double away = log(fmax(variance[i], 1e-5 * middle)) - mean;
		squares += away * away / ((double)n - 1);
	}
	mean += log(freedom / 2) - gsl_sf_psi(freedom / 2);
	double between = squares - gsl_sf_psi_1(freedom / 2);
	if (between <= 0) /* all the same: their mean is the best estimate there is */
		return (struct prior){ INFINITY, statistics_mean(variance, n) };
	double half = trigamma_inverse(between);
	return (struct prior){ 2 * half, exp(mean + gsl_sf_psi(half) - log(half)) };
}

static double squares_of(const double x[], size_t n)
{
	double sd = statistics_sd(x, n);

	/* a rounded mean may give identical values a spread of 1e-17 */
	for (size_t i = 1; i < n; i++)
		if (x[i] != x[0])
			return sd * sd * ((double)n - 1);
	return 0;
}

void verdict_boots(struct verdict verdicts[], size_t cells, const double *const old[], size_t n_old,
		   const double *const fresh[], size_t n_new, double margin)
{
	size_t least = n_old < n_new ? n_old : n_new, good = 0;
	double freedom = (double)(n_old + n_new) - 2;
	double *variance = calloc(cells + 1, sizeof *variance);

	for (size_t i = 0; i < cells; i++) {
		struct verdict *verdict = &verdicts[i];

		*verdict = verdict_unknown(VERDICT_CANT_TELL, least);
		if (!all_finite(old[i], n_old) || !all_finite(fresh[i], n_new)) {
			verdict->kind = VERDICT_INVALID;
			snprintf(verdict->why, sizeof verdict->why,
				 "not all boots' values are finite numbers");
			continue;
		}
		verdict->log_ratio.estimate =
			statistics_mean(fresh[i], n_new) - statistics_mean(old[i], n_old);
		if (least < FEWEST)
			verdict->more = (unsigned)(FEWEST - least);
		else if (!variance)
			no_memory(verdict);
		else
			variance[good++] =
				(squares_of(old[i], n_old) + squares_of(fresh[i], n_new)) / freedom;
	}
	if (least < FEWEST || good == 0) {
		free(variance);
		return;
	}

	struct prior prior = prior_of(variance, good, freedom);
	/* d0 is an estimate: never more degrees of freedom than all cells have together */
	double total = fmin(prior.freedom + freedom, (double)good * freedom);
	for (size_t i = 0, at = 0; i < cells; i++) {
		if (verdicts[i].kind == VERDICT_INVALID)
			continue;
		double own = variance[at++];
		double moderated = isinf(prior.freedom)
					   ? prior.variance
					   : (prior.freedom * prior.variance + freedom * own) /
						     (prior.freedom + freedom);
		weigh(&verdicts[i], verdicts[i].log_ratio.estimate,
		      sqrt(moderated * (1 / (double)n_old + 1 / (double)n_new)), total, margin);
	}
	free(variance);
}

/* Benjamini-Hochberg: how many of m p-values, which get sorted, are rejected at q. */
static size_t rejected(double p[], size_t m, double q)
{
	gsl_sort(p, 1, m);
	for (size_t i = m; i > 0; i--)
		if (p[i - 1] <= q * (double)i / (double)m)
			return i;
	return 0;
}

static bool counts(const struct verdict *verdict)
{
	return verdict->kind != VERDICT_INVALID && !isnan(verdict->p_difference);
}

/* Whether sameness is the nearer of the two answers. */
static bool nearer_same(const struct verdict *verdict, double margin)
{
	return fabs(verdict->log_ratio.estimate) < log1p(margin) / 2;
}

/* The error is an estimate too, and from few values often too small: reckon with one that is large
 * enough six times in ten. */
static double likely_error(double freedom)
{
	return sqrt(freedom / gsl_cdf_chisq_Pinv(0.4, freedom));
}

/* How likely one of the tests rejects after so many more values, given those there are: the present
 * estimate is one draw around the truth, so the final one lies around it with the variance that is
 * going to be shed (the predictive probability of Spiegelhalter, Freedman and Blackburn 1986). The
 * estimate alone, taken for the truth, would announce too few wherever it lies far out by chance.
 */
static double foreseen(const struct verdict *verdict, double more, double margin,
		       double level_difference, double level_same)
{
	double n = (double)verdict->log_ratio.n, share = n / (n + more);
	double present = verdict->error * likely_error(verdict->freedom);
	double error = present * sqrt(share), move = present * sqrt(1 - share);
	double freedom = verdict->freedom / share, d = fabs(verdict->log_ratio.estimate);
	double outside = gsl_cdf_tdist_Qinv(level_difference / 2, freedom) * error;
	double inside = log1p(margin) - gsl_cdf_tdist_Qinv(level_same, freedom) * error;

	if (inside >= outside)
		return 1;
	double p = gsl_cdf_gaussian_Q(outside - d, move) + gsl_cdf_gaussian_P(-outside - d, move);
	if (inside > 0)
		p += gsl_cdf_gaussian_P(inside - d, move) - gsl_cdf_gaussian_P(-inside - d, move);
	return p;
}

static unsigned more_needed(const struct verdict *verdict, double margin, double level_difference,
			    double level_same)
{
	unsigned high = 1;

	if (!(verdict->error > 0))
		return 0;
	while (foreseen(verdict, high, margin, level_difference, level_same) < POWER) {
		if (high >= MOST_MORE)
			return 0;
		high *= 2;
	}
	unsigned low = high / 2; /* not enough */
	while (high - low > 1) {
		unsigned middle = low + (high - low) / 2;
		if (foreseen(verdict, middle, margin, level_difference, level_same) < POWER)
			low = middle;
		else
			high = middle;
	}
	return high;
}

void verdict_decide(struct verdict verdicts[], size_t n, double margin, double q)
{
	double *p = malloc((2 * n + 1) * sizeof *p);
	size_t m = 0, selected = 0, open = 0, open_same = 0;

	if (!p) {
		for (size_t i = 0; i < n; i++)
			no_memory(&verdicts[i]);
		return;
	}
	for (size_t i = 0; i < n; i++) {
		if (!counts(&verdicts[i]))
			continue;
		p[m] = verdicts[i].p_difference;
		p[n + m++] = verdicts[i].p_same;
	}
	size_t different = rejected(p, m, q), same = rejected(p + n, m, q);
	double most_difference = different ? p[different - 1] : -1;
	double most_same = same ? p[n + same - 1] : -1;
	free(p);

	for (size_t i = 0; i < n; i++) {
		struct verdict *verdict = &verdicts[i];

		if (!counts(verdict))
			continue;
		verdict->more = 0;
		verdict->kind = VERDICT_CANT_TELL;
		if (verdict->p_same <= most_same)
			verdict->kind = VERDICT_SAME;
		else if (verdict->p_difference <= most_difference)
			verdict->kind =
				verdict->log_ratio.estimate > 0 ? VERDICT_SLOWER : VERDICT_FASTER;
		selected += verdict->kind != VERDICT_CANT_TELL;
		open += verdict->kind == VERDICT_CANT_TELL;
		open_same += verdict->kind == VERDICT_CANT_TELL && nearer_same(verdict, margin);
	}

	/* The levels that will hold when those still open have been measured again. */
	size_t then_different = different + open - open_same, then_same = same + open_same;
	double share = q / (double)(m ? m : 1);
	double level_difference = share * (double)(then_different ? then_different : 1);
	double level_same = share * (double)(then_same ? then_same : 1);
	for (size_t i = 0; i < n; i++) {
		struct verdict *verdict = &verdicts[i];

		if (!counts(verdict))
			continue;
		if (verdict->kind == VERDICT_CANT_TELL)
			verdict->more = more_needed(verdict, margin, level_difference, level_same);
		verdict_interval(verdict, verdict->kind == VERDICT_CANT_TELL
						  ? 1 - q
						  : 1 - share * (double)selected);
	}
}

/* α*(t) = 2 − 2Φ(z(q/2) / √t), t the share of the information there is. */
static double spent(unsigned look, double q)
{
	double t = (double)look / VERDICT_LOOKS;
	return look ? 2 * gsl_cdf_ugaussian_Q(gsl_cdf_ugaussian_Qinv(q / 2) / sqrt(t)) : 0;
}

double verdict_alpha(unsigned look, double q)
{
	if (look < 1 || look > VERDICT_LOOKS)
		return 0;
	return spent(look, q) - spent(look - 1, q);
}
